/* SPDX-License-Identifier: Apache-2.0
 * Where DNS messages hold addresses; messages cut at every byte, and ones that lie. */
#include "wire/dns_addresses.h"

#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct seen {
    char text[1024];
    uint32_t end; /* the furthest byte named */
};

static void see(void *to, const struct eg_dns_found *what) {
    struct seen *seen = to;
    size_t size = strlen(seen->text);
    snprintf(seen->text + size, sizeof seen->text - size, "%d/%u@%u+%u ", (int)what->place,
             what->detail, what->offset, what->size);
    if (what->offset + what->size > seen->end) seen->end = what->offset + what->size;
}

static void assert_places(const char *hex, const char *want) {
    struct eg_span message = frame_of(hex);
    struct seen seen = {"", 0};
    eg_dns_addresses(message, see, &seen);
    assert_string_equal(seen.text, want);
    for (size_t size = 0; size < message.size; size++) { /* cut anywhere */
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, message.at, size);
        struct seen part = {"", 0};
        eg_dns_addresses(eg_span(exact, size), see, &part);
        assert_true(part.end <= size);
        assert_memory_equal(part.text, seen.text, strlen(part.text)); /* the same places, fewer */
        free(exact);
    }
    frame_free(message);
}

#define HEAD(questions, answers, more) "1234 8180 " questions answers "0000 " more
#define NAME "03777777 076578616d706c65 03636f6d 00 "

static void test_answers(void **state) {
    (void)state;
    assert_places(HEAD("0001 ", "0003 ", "0000 ") NAME "0001 0001"
                  "c00c 0005 0001 00000001 0002 c00c"               /* CNAME */
                  "c00c 0001 0001 00000001 0004 c0000201"           /* A */
                  "c00c 001c 0001 00000001 0010 20010db8000000000000000000000001",
                  "0/0@59+4 1/0@75+16 ");
}

/* How far a message that was cut is whole: up to the end of a question or a record; all of a header. */
static void test_whole_until(void **state) {
    (void)state;
    static const uint32_t ends[] = {12, 33, 47, 63, 91};
    struct seen seen = {"", 0};
    struct eg_span message =
        frame_of(HEAD("0001 ", "0003 ", "0000 ") NAME "0001 0001"
                 "c00c 0005 0001 00000001 0002 c00c"
                 "c00c 0001 0001 00000001 0004 c0000201"
                 "c00c 001c 0001 00000001 0010 20010db8000000000000000000000001");
    for (uint32_t size = 0; size <= message.size; size++) {
        uint32_t want = size < 12 ? size : 0;
        for (size_t i = 0; i < 5; i++)
            if (ends[i] <= size) want = ends[i];
        assert_int_equal(eg_dns_addresses(eg_span(message.at, size), see, &seen), want);
        seen.text[0] = 0;
    }
    frame_free(message);
}

static void test_lengths_that_are_no_address(void **state) {
    (void)state;
    assert_places(HEAD("0000 ", "0001 ", "0000 ") NAME "0001 0001 00000001 0005 c000020101", "");
}

static void test_names_of_the_reverse_tree(void **state) {
    (void)state;
    /* 4.3.22.10.in-addr.arpa */
    assert_places(HEAD("0001 ", "0000 ", "0000 ")
                  "0134 0133 023232 023130 07696e2d61646472 0461727061 00 000c 0001",
                  "4/0@13+1 4/0@15+1 4/0@17+2 4/0@20+2 ");
    /* b.a.ip6.arpa: of a short one the last nibbles are not there */
    assert_places(HEAD("0001 ", "0000 ", "0000 ") "0162 0161 03697036 0461525041 00 000c 0001",
                  "3/1@13+1 3/0@15+1 ");
    assert_places(HEAD("0001 ", "0000 ", "0000 ") "03697036 0461727061 00 000c 0001", "");
}

static void test_client_subnet(void **state) {
    (void)state;
    assert_places("1234 0100 0001 0000 0000 0001 " NAME "0001 0001"
                  "00 0029 1000 00000000 000b 0008 0007 0001 18 00 c00002",
                  "2/1@52+3 ");
    /* an option longer than the record */
    assert_places("1234 0100 0000 0000 0000 0001 00 0029 1000 00000000 0008 0008 00ff 0001 1800", "");
}

static void test_messages_that_lie(void **state) {
    (void)state;
    assert_places("1234 8180 ffff ffff ffff ffff ", "");
    assert_places("1234 8180 0001 0000 0000 0000 40414243", ""); /* a label of a kind of no meaning */
    assert_places("1234 8180 0001 0001 0000 0000 3f414243", ""); /* beyond the end */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_whole_until),
        cmocka_unit_test(test_lengths_that_are_no_address),
        cmocka_unit_test(test_names_of_the_reverse_tree),
        cmocka_unit_test(test_client_subnet),
        cmocka_unit_test(test_messages_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
