/* SPDX-License-Identifier: Apache-2.0
 * Numbers for people: three digits, the right prefix, never a misleading carry. */
#include "table/human.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is(double value, const char *unit, const char *expected) {
    char text[EG_HUMAN_TEXT] = "";
    size_t size = eg_human_text(value, unit, text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

static void volumes(void **state) {
    (void)state;
    is(1234, "octets", ""); /* as it is */
    is(0, "bytes", "0 B");
    is(1, "bytes", "1 B");
    is(999, "bytes", "999 B");
    is(1000, "bytes", "1.00 kB");
    is(1234, "bytes", "1.23 kB");
    is(12345, "bytes", "12.3 kB");
    is(123456, "bytes", "123 kB");
    is(999499, "bytes", "999 kB");
    is(999500, "bytes", "1.00 MB"); /* not 1000 kB */
    is(9999, "bytes", "10.0 kB");   /* not 10.00 kB */
    is(99950, "bytes", "100 kB");
    is(1234567890, "bytes", "1.23 GB");
    is(1.5e12, "bytes", "1.50 TB");
    is(9223372036854775807.0, "bytes", "9.22 EB");
    is(-1234, "bytes", "-1.23 kB");
    is(0.5, "bytes", "0.50 B");
}

static void rates_and_counts(void **state) {
    (void)state;
    is(1.2e9, "bit/s", "1.20 Gbit/s");
    is(80, "bit/s", "80 bit/s");
    is(1500, "bytes/s", "1.50 kB/s");
    is(12, "packets", "12");
    is(1234567, "packets", "1.23 M");
    is(2500, "packets/s", "2.50 kpkt/s");
    is(1234567, "flows", "1,234,567");
    is(-1000, "records", "-1,000");
    is(12.34, "%", "12.3 %");
    is(-0.04, "%", "0.0 %");
    is(80, "", ""); /* a port stays a port */
    is(1, "µs UTC", "");
    is(NAN, "bytes", "");
    is(INFINITY, "bytes", "");
}

static void durations(void **state) {
    (void)state;
    is(0, "µs", "0 µs");
    is(7, "µs", "7 µs");
    is(1500, "µs", "1.50 ms");
    is(2e6, "µs", "2.00 s");
    is(90e6, "µs", "1.50 min");
    is(86400e6 * 400, "µs", "400 d");
    is(-1500, "µs", "-1.50 ms");
}

static void thousands(void **state) {
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {999, "999"},
                 {1000, "1,000"},
                 {123456, "123,456"},
                 {-123456, "-123,456"},
                 {-1234567, "-1,234,567"},
                 {INT64_MIN, "-9,223,372,036,854,775,808"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[EG_HUMAN_TEXT];
        size_t size = eg_thousands_text(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(size, strlen(text));
    }
}

static void rounded(void **state) {
    (void)state;
    char text[EG_HUMAN_TEXT];
    assert_int_equal(eg_rounded_text(1.0 / 3, text), 4);
    assert_string_equal(text, "0.33");
    eg_rounded_text(-2.999, text);
    assert_string_equal(text, "-3.00");
    eg_rounded_text(5, text);
    assert_string_equal(text, "5");
    assert_int_equal(eg_rounded_text(1e300, text), 0);
    assert_int_equal(eg_rounded_text(NAN, text), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes),   cmocka_unit_test(rates_and_counts),
        cmocka_unit_test(durations), cmocka_unit_test(thousands),
        cmocka_unit_test(rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
