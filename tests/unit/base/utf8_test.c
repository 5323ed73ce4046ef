/* SPDX-License-Identifier: Apache-2.0
 * UTF-8, against the ranges of RFC 3629 and its encoder written anew here. */
#include "base/utf8.h"

#include "base/alloc.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t encode(uint32_t point, uint8_t out[4]) {
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (point & 63));
    return 4;
}

static void every_code_point(void **state) {
    (void)state;
    for (uint32_t point = 0; point < 0x110400; point++) {
        uint8_t bytes[4];
        size_t size = encode(point, bytes), got;
        bool good = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        assert_int_equal(eg_utf8_next(eg_span(bytes, size), &got), good ? (int32_t)point : -1);
        assert_int_equal(got, good ? size : 1);
        for (size_t cut = 1; cut < size; cut++) {
            assert_int_equal(eg_utf8_next(eg_span(bytes, cut), &got), -1);
            assert_int_equal(got, 1);
        }
    }
}

static void overlong(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80", "\x80",
        "\xfe",     "\xff",     "\xc3("};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t size;
        assert_int_equal(eg_utf8_next(eg_span(bad[i], strlen(bad[i])), &size), -1);
        assert_int_equal(eg_utf8_good(eg_span(bad[i], strlen(bad[i]))), 0);
    }
}

static void mended(void **state) {
    (void)state;
    uint64_t seed = 20260102;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        size_t size = 0;
        while (size < 36 && (seed >> 60) != 1) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
            if ((seed >> 50) % 4 == 0)
                bytes[size++] = (uint8_t)(seed >> 40); /* anything */
            else
                size += encode((uint32_t)(seed >> 33) % ((seed >> 20 & 1) ? 0x80 : 0xd7ff),
                               bytes + size);
        }
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        struct eg_strbuf to = {0};
        eg_utf8_repair(eg_span(bytes, size), &to);
        assert_int_equal(eg_utf8_good(eg_span(to.text, to.size)), to.size);
        size_t good = eg_utf8_good(eg_span(bytes, size));
        assert_true(good <= size);
        if (good) assert_memory_equal(to.text, bytes, good);
        if (good == size)
            assert_int_equal(to.size, size);
        else
            assert_memory_equal(to.text + good, EG_UTF8_REPLACEMENT, 3);
        eg_strbuf_reset(&to);
    }
    struct eg_strbuf to = {0};
    eg_utf8_repair(eg_span("a\xff\xe2\x82z", 5), &to);
    assert_string_equal(to.text, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    eg_strbuf_reset(&to);
}

/* Text stays; what is none comes back from its escapes. */
static void escaped(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},
        {"100%", "100%"},
        {"caf\xc3\xa9 %41", "caf\xc3\xa9 %41"},
        {"caf\xe9", "caf%E9"},
        {"%41\xff\xc3\xa9%", "%2541%FF\xc3\xa9%25"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_strbuf to = {0}, back = {0};
        eg_strbuf_text(&to, "");
        eg_utf8_escape(eg_span(cases[i].bytes, strlen(cases[i].bytes)), &to);
        assert_string_equal(to.text ? to.text : "", cases[i].text);
        if (strcmp(cases[i].bytes, cases[i].text) != 0) {
            assert_true(eg_utf8_unescape(eg_span(to.text, to.size), &back));
            assert_string_equal(back.text, cases[i].bytes);
        }
        eg_strbuf_reset(&to);
        eg_strbuf_reset(&back);
    }
    static const char *const bad[] = {"%", "a%4", "%zz", "%4g"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct eg_strbuf to = {0};
        assert_false(eg_utf8_unescape(eg_span(bad[i], strlen(bad[i])), &to));
        eg_strbuf_reset(&to);
    }
}

/* As a text of its own; without memory there is none. */
static void escaped_alone(void **state) {
    (void)state;
    char *same = eg_utf8_escaped("100% caf\xc3\xa9.pcap"), *other = eg_utf8_escaped("100% caf\xe9.pcap");
    assert_string_equal(same, "100% caf\xc3\xa9.pcap");
    assert_string_equal(other, "100%25 caf%E9.pcap");
    eg_free(same);
    eg_free(other);
    for (int i = 0; i < 2; i++) {
        torture_fail_after(0);
        assert_null(eg_utf8_escaped(i ? "caf\xe9" : "cafe"));
        assert_true(torture_off());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(overlong),
        cmocka_unit_test(mended),
        cmocka_unit_test(escaped),
        cmocka_unit_test(escaped_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
