/* SPDX-License-Identifier: Apache-2.0
 * Addresses as text and back, held against the C library's. */
#include "table/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numbers.h"

static uint64_t seed = 20260102;
static uint64_t next_random(void) { return xorshift_next(&seed); }

static bool parse(struct eg_addr *out, const char *text) {
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1); /* no NUL: a read behind the end is seen */
    memcpy(exact, text, size);
    bool good = eg_addr_parse(out, exact, size);
    free(exact);
    return good;
}

static void text_is(const char *in, const char *expected) {
    struct eg_addr addr;
    char text[EG_ADDR_TEXT];
    assert_true(parse(&addr, in));
    size_t size = eg_addr_text(&addr, text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

static void canonical(void **state) {
    (void)state;
    text_is("1.2.3.4", "1.2.3.4");
    text_is("255.255.255.255", "255.255.255.255");
    text_is("0.0.0.0", "0.0.0.0");
    text_is("::ffff:10.20.30.40", "10.20.30.40"); /* the twin */
    text_is("::FFFF:0a14:1e28", "10.20.30.40");
    text_is("::1.2.3.4", "::102:304"); /* not ours, so no dots */
    text_is("64:ff9b::1.2.3.4", "64:ff9b::102:304");
    text_is("::", "::");
    text_is("::1", "::1");
    text_is("1::", "1::");
    text_is("2001:DB8:0:0:0:0:2:1", "2001:db8::2:1");
    text_is("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"); /* one group is not shortened */
    text_is("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");          /* the longest run */
    text_is("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");    /* the first of equals */
    text_is("0:0:1:2:3:4:0:0", "::1:2:3:4:0:0");
    text_is("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
    text_is("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    text_is("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    struct eg_addr v4 = eg_addr_v4(0x01020304);
    assert_true(eg_addr_is_v4(&v4));
    assert_memory_equal(v4.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16);
}

static struct eg_addr random_addr(void) {
    struct eg_addr addr;
    uint64_t zeros = next_random(), bits = next_random();
    for (int i = 0; i < 16; i++) {
        uint8_t byte = (uint8_t)(next_random() >> 20);
        bool zero = (zeros >> (i / 2) & 1) != 0 || ((bits >> i & 3) == 0 && i % 2 == 0);
        addr.bytes[i] = zero ? 0 : byte;
    }
    if (bits >> 60 == 0) addr = eg_addr_v4((uint32_t)next_random());
    return addr;
}

static void random_values_as_inet_ntop(void **state) {
    (void)state;
    int v4 = 0;
    for (int round = 0; round < 300000; round++) {
        struct eg_addr addr = random_addr(), back;
        char text[EG_ADDR_TEXT], expected[INET6_ADDRSTRLEN];
        size_t size = eg_addr_text(&addr, text);
        assert_int_equal(size, strlen(text));
        if (eg_addr_is_v4(&addr)) {
            inet_ntop(AF_INET, addr.bytes + 12, expected, sizeof expected);
            v4++;
        } else {
            inet_ntop(AF_INET6, addr.bytes, expected, sizeof expected);
            /* glibc writes ::a.b.c.d with dots; RFC 5952 section 5 asks that of known prefixes. */
            if (strchr(expected, '.')) continue;
        }
        assert_string_equal(text, expected);
        assert_true(parse(&back, text));
        assert_memory_equal(&back, &addr, sizeof addr);
    }
    assert_true(v4 > 1000);
}

static void random_texts_as_inet_pton(void **state) {
    (void)state;
    static const char alphabet[] = "0123456789abcfABCF::::....g/ -";
    int good = 0, bad = 0;
    for (int round = 0; round < 500000; round++) {
        char text[64];
        if (round % 3) { /* an address with one or two letters changed */
            struct eg_addr addr = random_addr();
            size_t size = eg_addr_text(&addr, text);
            if (round % 7 == 0 && !eg_addr_is_v4(&addr))
                inet_ntop(AF_INET, addr.bytes, text + size - 1, 16);
            size = strlen(text);
            for (uint64_t n = next_random() % 3; n > 0; n--)
                text[next_random() % size] = alphabet[next_random() % (sizeof alphabet - 1)];
            if (next_random() % 4 == 0) text[next_random() % size] = 0;
        } else {
            size_t size = next_random() % 12;
            for (size_t i = 0; i < size; i++)
                text[i] = alphabet[next_random() % (sizeof alphabet - 1)];
            text[size] = 0;
        }
        struct eg_addr ours;
        uint8_t theirs[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        bool expected = inet_pton(AF_INET, text, theirs + 12) == 1;
        if (!expected) expected = inet_pton(AF_INET6, text, theirs) == 1;
        if (parse(&ours, text) != expected) fail_msg("%s: %d expected", text, expected);
        if (expected) assert_memory_equal(ours.bytes, theirs, 16);
        expected ? good++ : bad++;
    }
    assert_true(good > 10000 && bad > 10000);
}

static void nul_is_no_part_of_an_address(void **state) {
    (void)state;
    struct eg_addr addr;
    assert_false(eg_addr_parse(&addr, "1.2.3.4\0", 8));
    assert_false(eg_addr_parse(&addr, "::1\0", 4));
    assert_true(eg_addr_parse(&addr, "1.2.3.45", 7));
    assert_int_equal(addr.bytes[15], 4);
}

static bool prefix_is(const char *text, const char *expected, int expected_bits) {
    struct eg_addr addr;
    int bits = -1;
    char out[EG_ADDR_TEXT];
    if (!eg_prefix_parse(&addr, &bits, text, strlen(text))) return false;
    eg_addr_text(&addr, out);
    return strcmp(out, expected) == 0 && bits == expected_bits;
}

static void prefixes(void **state) {
    (void)state;
    assert_true(prefix_is("10.0.0.0/8", "10.0.0.0", 104));
    assert_true(prefix_is("10.1.2.3/8", "10.0.0.0", 104)); /* host bits are cleared */
    assert_true(prefix_is("10.1.2.3/31", "10.1.2.2", 127));
    assert_true(prefix_is("10.1.2.3/0", "0.0.0.0", 96));
    assert_true(prefix_is("10.1.2.3", "10.1.2.3", 128));
    assert_true(prefix_is("2001:db8:1:2::/33", "2001:db8::", 33));
    assert_true(prefix_is("2001:db8::1", "2001:db8::1", 128));
    assert_true(prefix_is("::/0", "::", 0));
    assert_true(prefix_is("::ffff:10.0.0.1/104", "10.0.0.0", 104));
    static const char *const bad[] = {
        "",       "/",           "10.0.0.0/",   "10.0.0.0/33",   "10/8",
        "::/129", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/0008", "::/1/2",
        "/8",     "10.0.0.0/+8", "x/8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct eg_addr addr;
        int bits;
        if (eg_prefix_parse(&addr, &bits, bad[i], strlen(bad[i]))) fail_msg("taken: %s", bad[i]);
    }
}

/* Against the plain definition: the first `bits` bits are equal. */
static void prefix_holds_as_bit_by_bit(void **state) {
    (void)state;
    int inside = 0;
    for (int round = 0; round < 100000; round++) {
        struct eg_addr a = random_addr(), b = a;
        int bits = (int)(next_random() % 129);
        uint64_t flip = next_random() % 128;
        b.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        bool expected = true;
        for (int i = 0; i < bits; i++)
            expected &= (a.bytes[i / 8] >> (7 - i % 8) & 1) == (b.bytes[i / 8] >> (7 - i % 8) & 1);
        assert_int_equal(eg_prefix_holds(&a, bits, &b), expected);
        assert_true(eg_prefix_holds(&a, bits, &a));
        inside += expected;
    }
    assert_true(inside > 1000);
}

static void macs(void **state) {
    (void)state;
    char text[EG_MAC_TEXT];
    int64_t mac;
    assert_int_equal(eg_mac_text(0x0123456789ab, text), 17);
    assert_string_equal(text, "01:23:45:67:89:ab");
    eg_mac_text(0, text);
    assert_string_equal(text, "00:00:00:00:00:00");
    assert_true(eg_mac_parse(&mac, "01:23:45:67:89:aB", 17));
    assert_int_equal(mac, 0x0123456789ab);
    assert_true(eg_mac_parse(&mac, "ff-ff-ff-ff-ff-ff", 17));
    assert_int_equal(mac, INT64_C(0xffffffffffff));
    static const char *const bad[] = {"",
                                      "01:23:45:67:89",
                                      "01:23:45:67:89:a",
                                      "01:23:45-67:89:ab",
                                      "01:23:45:67:89:gb",
                                      "01.23.45.67.89.ab",
                                      "01:23:45:67:89:ab:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(eg_mac_parse(&mac, bad[i], strlen(bad[i])));
    for (int round = 0; round < 10000; round++) {
        int64_t value = (int64_t)(next_random() >> 16);
        eg_mac_text(value, text);
        assert_true(eg_mac_parse(&mac, text, 17));
        assert_int_equal(mac, value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical),
        cmocka_unit_test(random_values_as_inet_ntop),
        cmocka_unit_test(random_texts_as_inet_pton),
        cmocka_unit_test(nul_is_no_part_of_an_address),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(prefix_holds_as_bit_by_bit),
        cmocka_unit_test(macs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
