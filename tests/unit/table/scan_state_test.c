/* SPDX-License-Identifier: Apache-2.0
 * The state of an extract that holds rows back: there and back, and words that are none. */
#include "table/scan_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void there_and_back(void **state) {
    (void)state;
    struct eg_extract_state made = {.given = {5, 0, 7}, .leave = {4, 9}}, read;
    struct eg_position until = {.offset = 123456789}, back;
    char text[256];
    snprintf(until.digest, sizeof until.digest, "0123456789abcdef0123456789abcdef");
    assert_true(egi_state_text(&made, &until, text));
    /* a second run that was killed before it was where the first one had been is not behind it */
    assert_string_equal(
        text, "123456789:0123456789abcdef0123456789abcdef:5,9,7,0,0,0,0,0,0,0,0,0,0,0,0,0");
    assert_true(egi_state_read(text, &read, &back));
    assert_int_equal(back.offset, until.offset);
    assert_string_equal(back.digest, until.digest);
    const uint64_t left[EG_SHARDS] = {5, 9, 7};
    assert_memory_equal(read.leave, left, sizeof left);
    assert_int_equal(read.given[0], 0);
    assert_true(egi_state_later(&read, &(struct eg_extract_state){.leave = {20}}));
    assert_false(egi_state_later(&read, &read));
}

static void no_state(void **state) {
    (void)state;
    struct eg_extract_state none = {{0}, {0}}, all;
    struct eg_position until = {.offset = UINT64_MAX}, back;
    char text[256];
    assert_false(egi_state_text(&none, &until, text)); /* nothing was made */
    assert_string_equal(text, "");
    for (int i = 0; i < EG_SHARDS; i++) all.given[i] = all.leave[i] = UINT64_MAX;
    assert_false(egi_state_text(&all, &until, text)); /* it does not fit */
    assert_string_equal(text, "");
    for (int i = 0; i < EG_SHARDS; i++) all.given[i] = all.leave[i] = 999999999999;
    memset(until.digest, 'f', 32);
    until.digest[32] = 0;
    assert_false(egi_state_text(&all, &until, text));
    for (int i = 0; i < EG_SHARDS; i++) all.given[i] = all.leave[i] = 99999999999;
    assert_true(egi_state_text(&all, &until, text)); /* so many flows of one input do */
    static const char *const words[] = {
        "",
        "1",
        "1:",
        "1:x:",
        "1:x:1",
        "1:x:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "1:x:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
        "1:x:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,",
        "-1:x:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
        "1:x:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,x",
        "99999999999999999999:x:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
        "1:012345678901234567890123456789012:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_false(egi_state_read(words[i], &all, &back));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
