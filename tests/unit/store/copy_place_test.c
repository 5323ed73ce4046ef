/* SPDX-License-Identifier: Apache-2.0
 * Names of copies, whatever the captures were called. */
#include "store/copy_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *name, int64_t first_us, bool packed, const char *place) {
    struct eg_file_facts facts = {.name = name, .ending = ".pcapng", .first_us = first_us};
    struct eg_strbuf text = {0};
    eg_copy_place(&text, &facts, 0x1234567890abcdef, packed);
    assert_string_equal(text.text, place);
    eg_strbuf_reset(&text);
}

static void names(void **state) {
    (void)state;
    const int64_t day = INT64_C(1767355200000000);
    expect("/in/a.pcap", day, false, "captures/2026-01-02/a-90abcdef.pcap");
    expect("a.pcap.gz", day, true, "captures/2026-01-02/a-90abcdef.pcap.zst");
    expect("in a'b$.pcap.xz", day, true, "captures/2026-01-02/in-a-b--90abcdef.pcap.zst");
    expect("b\xff\xe9.cap", day, false, "captures/2026-01-02/b---90abcdef.cap");
    expect("none", INT64_MIN, false, "captures/undated/none-90abcdef.pcapng");
    expect(".hidden", 0, false, "captures/undated/-hidden-90abcdef.pcapng");
    expect("dir/", day, false, "captures/2026-01-02/capture-90abcdef.pcapng");
    expect(".gz", day, true, "captures/2026-01-02/-gz-90abcdef.pcapng.zst");
}

static void long_ones(void **state) {
    (void)state;
    char name[1000];
    struct eg_file_facts facts = {.name = name, .ending = ".pcap"};
    struct eg_strbuf text = {0};
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    eg_copy_place(&text, &facts, 1, true);
    assert_in_range(text.size, 100, 200);
    assert_non_null(strstr(text.text, "x-00000001.pcap.zst"));
    eg_strbuf_reset(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(long_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
