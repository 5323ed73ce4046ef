/* SPDX-License-Identifier: Apache-2.0
 * Addresses as numbers and back, from many threads at once. */
#include "engine_make.h"
#include "torture.h"

static struct eg_addr v6(uint32_t n) {
    struct eg_addr addr = {{0x20, 0x01, 0x0d, 0xb8}};
    for (int i = 0; i < 4; i++) addr.bytes[12 + i] = (uint8_t)(n >> (24 - 8 * i));
    return addr;
}

static void ipv4_is_its_own_number(void **state) {
    (void)state;
    struct eg_address_codes *codes = eg_address_codes_new();
    struct eg_addr addr = eg_addr_v4(0x0a000001), back;
    assert_int_equal(eg_address_code(codes, &addr), 0x0a000001);
    addr = eg_addr_v4(0xffffffff);
    assert_int_equal(eg_address_code(codes, &addr), 0xffffffff);
    assert_true(eg_address_of_code(codes, 0xffffffff, &back));
    assert_memory_equal(&back, &addr, sizeof addr);
    assert_false(eg_address_of_code(codes, -1, &back));
    assert_false(eg_address_of_code(codes, INT64_C(1) << 32, &back));
    assert_false(eg_address_of_code(codes, INT64_MAX, &back));
    eg_address_codes_free(codes);
    eg_address_codes_free(NULL);
}

#define MANY 20000u

static void *give_all(void *given) {
    struct eg_address_codes *codes = given;
    for (uint32_t n = 0; n < MANY; n++) {
        struct eg_addr addr = v6(n), back;
        int64_t code = eg_address_code(codes, &addr);
        if (code < INT64_C(1) << 32) return (void *)1;
        if (!eg_address_of_code(codes, code, &back) || memcmp(&back, &addr, sizeof addr) != 0)
            return (void *)1;
    }
    return NULL;
}

static void threads_agree(void **state) {
    (void)state;
    struct eg_address_codes *codes = eg_address_codes_new();
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, give_all, codes), 0);
    for (int i = 0; i < 3; i++) {
        void *bad = NULL;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    struct eg_addr last = v6(MANY - 1), fresh = v6(MANY);
    assert_true(eg_address_code(codes, &last) < (INT64_C(1) << 32) + MANY);
    assert_int_equal(eg_address_code(codes, &fresh), (INT64_C(1) << 32) + MANY);
    eg_address_codes_free(codes);
}

static void without_memory_nothing_breaks(void **state) {
    (void)state;
    for (long n = 0; n < 6; n++) {
        struct eg_address_codes *codes = eg_address_codes_new();
        struct eg_addr addr = v6(1), back;
        torture_fail_after(n);
        int64_t code = eg_address_code(codes, &addr);
        bool failed = torture_off();
        assert_int_equal(code < 0, failed);
        code = eg_address_code(codes, &addr);
        assert_true(eg_address_of_code(codes, code, &back));
        eg_address_codes_free(codes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_its_own_number),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(without_memory_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
