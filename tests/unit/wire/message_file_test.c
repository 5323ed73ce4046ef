/* SPDX-License-Identifier: Apache-2.0
 * Files of IPFIX messages: told from other files, cut, and damaged. */
#include "wire/message_file.h"

#include "messages_make.h"

static struct bytes message(uint32_t id, uint32_t sets) {
    struct bytes b = ipfix(1, 5);
    for (uint32_t i = 0; i < sets; i++) {
        uint32_t at = set_begin(&b, (uint16_t)id);
        put_be(&b, 256, 4);
        set_end(&b, at);
    }
    return b;
}
static bool is(const struct bytes *b, uint32_t size) {
    return eg_message_file_is(eg_span(b->at, size));
}

static void files_are_told_by_their_first_message(void **state) {
    (void)state;
    struct bytes b = message(2, 2);
    assert_true(is(&b, b.size));
    b = message(256, 1);
    assert_true(is(&b, b.size));
    b = message(0, 0);
    for (int i = 0; i < 5; i++) put_be(&b, 0, 8);
    patch_be16(&b, 2, 500);
    assert_true(is(&b, b.size)); /* zeros behind a header */
    b = message(77, 1);
    assert_false(is(&b, b.size));
    b = message(2, 1);
    b.at[1] = 9;
    assert_false(is(&b, b.size));
    b = message(2, 1);
    b.at[4] = 1;
    assert_false(is(&b, b.size));
    b = message(2, 1);
    patch_be16(&b, 2, 15);
    assert_false(is(&b, b.size));
    for (uint32_t cut = 0; cut < 16; cut++) {
        b = message(2, 1);
        assert_false(is(&b, cut));
    }
}

static void messages_follow_each_other(void **state) {
    (void)state;
    struct bytes b = message(2, 3);
    struct eg_frame frame;
    struct eg_record_note note;
    for (uint32_t cut = 0; cut <= b.size; cut++) {
        enum eg_record record = eg_message_file_next(eg_span(b.at, cut), &frame, &note);
        assert_int_equal(record, cut < b.size ? EG_RECORD_MORE : EG_RECORD_FRAME);
        assert_int_equal(note.size, cut < 4 ? 4 : b.size);
    }
    assert_int_equal(frame.payload.size, b.size);
    assert_int_equal(frame.time_ns, EG_FRAME_NO_TIME);
    patch_be16(&b, 2, 3);
    assert_int_equal(eg_message_file_next(eg_span(b.at, b.size), &frame, &note), EG_RECORD_DAMAGED);
    patch_be16(&b, 0, 5);
    assert_int_equal(eg_message_file_next(eg_span(b.at, b.size), &frame, &note), EG_RECORD_DAMAGED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_told_by_their_first_message),
        cmocka_unit_test(messages_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
