/* SPDX-License-Identifier: Apache-2.0
 * Exporters: told apart by address and port, kept in order, bounded, and honest when memory ends. */
#include "wire/exporters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct eg_addr v4(uint32_t a) {
    return (struct eg_addr){{[10] = 0xff,
                             [11] = 0xff,
                             (uint8_t)(a >> 24),
                             (uint8_t)(a >> 16),
                             (uint8_t)(a >> 8),
                             (uint8_t)a}};
}

static void address_and_port_tell_them_apart(void **state) {
    (void)state;
    struct eg_exporters known = {0};
    struct eg_addr a = v4(0x0a000001), b = v4(0x0a000002);
    assert_false(eg_exporters_has(&known, &a, 1));
    eg_exporters_add(&known, &a, 1, 7);
    eg_exporters_add(&known, &a, 1, 9); /* is in it already */
    eg_exporters_add(&known, &b, 1, 9);
    assert_int_equal(known.count, 2);
    assert_int_equal(known.items[0].at, 7);
    assert_true(eg_exporters_has(&known, &a, 1));
    assert_false(eg_exporters_has(&known, &a, 2));
    eg_exporters_reset(&known);
}

static void there_is_an_end(void **state) {
    (void)state;
    struct eg_exporters known = {0};
    for (uint32_t i = 0; i <= EG_EXPORTERS_MAX; i++) {
        struct eg_addr a = v4(i);
        eg_exporters_add(&known, &a, 1, i);
    }
    struct eg_addr last = v4(EG_EXPORTERS_MAX), first = v4(0);
    assert_int_equal(known.count, EG_EXPORTERS_MAX);
    assert_true(eg_exporters_has(&known, &first, 1));
    assert_false(eg_exporters_has(&known, &last, 1));
    eg_exporters_reset(&known);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_and_port_tell_them_apart),
        cmocka_unit_test(there_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
