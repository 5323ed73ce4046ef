/* SPDX-License-Identifier: Apache-2.0
 * Structured values: lists as JSON, bounded in depth and number. */
#include "messages_make.h"

static struct bytes with_list(uint16_t element, const struct bytes *list, bool nested) {
    static const struct made_field inner[] = {{8, 4, 0}, {7, 2, 0}};
    const struct made_field f[] = {{1, 4, 0}, {element, 65535, 0}};
    struct bytes b = ipfix(1, 5);
    put_template(&b, 257, inner, 2);
    put_template(&b, 256, f, 2);
    if (nested) {
        const struct made_field self[] = {{292, 65535, 0}};
        put_template(&b, 258, self, 1);
    }
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 9, 4), put_be(&b, 255, 1), put_be(&b, list->size, 2);
    memcpy(b.at + b.size, list->at, list->size);
    b.size += list->size;
    set_end(&b, at);
    return b;
}
static struct result sent(uint16_t element, const struct bytes *list, bool nested) {
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = with_list(element, list, nested);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    return r;
}

static void lists_of_values(void **state) {
    (void)state;
    struct bytes list = {.size = 0};
    put_be(&list, 3, 1), put_be(&list, 10, 2), put_be(&list, 2, 2);
    put_be(&list, 5, 2), put_be(&list, 6, 2);
    struct result r = sent(291, &list, false);
    ASSERT_ROW(r.rows[0], "bytes=9", "extra={\"basicList\":{\"ingressInterface\":[5,6]}}");
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 0);
    result_reset(&r);
    list.at[0] = 0;
    r = sent(291, &list, false);
    ASSERT_ROW(r.rows[0], "extra={\"basicList\":{\"noneOf\":{\"ingressInterface\":[5,6]}}}");
    result_reset(&r);
    list.size--;
    r = sent(291, &list, false);
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 1);
    result_reset(&r);
}

static void values_of_no_length_end_a_list(void **state) {
    (void)state;
    struct bytes list = {.size = 0};
    put_be(&list, 3, 1), put_be(&list, 10, 2), put_be(&list, 0, 2), put_be(&list, 5, 2);
    struct result r = sent(291, &list, false);
    ASSERT_ROW(r.rows[0], "extra={\"basicList\":{\"ingressInterface\":[]}}");
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 1);
    result_reset(&r);
}

static void lists_of_records(void **state) {
    (void)state;
    struct bytes list = {.size = 0};
    put_be(&list, 255, 1), put_be(&list, 257, 2);
    put_be(&list, 0x0a000001, 4), put_be(&list, 1, 2), put_be(&list, 0x0a000002, 4);
    put_be(&list, 2, 2);
    struct result r = sent(292, &list, false);
    ASSERT_ROW(r.rows[0], "extra={\"subTemplateList\":[{\"sourceIPv4Address\":\"10.0.0.1\","
                          "\"sourceTransportPort\":1},{\"sourceIPv4Address\":\"10.0.0.2\","
                          "\"sourceTransportPort\":2}]}");
    result_reset(&r);
    struct bytes many = {.size = 0};
    put_be(&many, 255, 1);
    put_be(&many, 999, 2), put_be(&many, 6, 2), put_be(&many, 7, 2); /* of no known template */
    put_be(&many, 257, 2), put_be(&many, 10, 2), put_be(&many, 0x0a000001, 4);
    put_be(&many, 1, 2);
    r = sent(293, &many, false);
    ASSERT_ROW(r.rows[0], "extra={\"subTemplateMultiList\":[{\"sourceIPv4Address\":"
                          "\"10.0.0.1\",\"sourceTransportPort\":1}]}");
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 1);
    result_reset(&r);
}

static void entries_shorter_than_themselves_end_a_list(void **state) {
    (void)state;
    for (uint32_t length = 0; length < 4; length++) {
        struct bytes many = {.size = 0};
        put_be(&many, 255, 1), put_be(&many, 257, 2), put_be(&many, length, 2);
        struct result r = sent(293, &many, false);
        ASSERT_ROW(r.rows[0], "extra={\"subTemplateMultiList\":[]}");
        assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 1);
        result_reset(&r);
    }
}

static void a_list_too_short_for_its_head_is_kept_as_bytes(void **state) {
    (void)state;
    struct bytes list = {.size = 0};
    struct result r = sent(292, &list, false); /* nothing is no list, and not wrong */
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 0);
    result_reset(&r);
    put_be(&list, 3, 1);
    r = sent(293, &list, false);
    ASSERT_ROW(r.rows[0], "extra={\"subTemplateMultiList\":[]}");
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 0);
    result_reset(&r);
    put_be(&list, 1, 1);
    for (uint16_t element = 291; element <= 292; element++) {
        r = sent(element, &list, false);
        ASSERT_ROW(r.rows[0], element == 291 ? "extra={\"basicList\":\"0301\"}"
                                             : "extra={\"subTemplateList\":\"0301\"}");
        assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 1);
        result_reset(&r);
    }
}

static void lists_nest_only_so_deep(void **state) {
    (void)state;
    struct bytes inner = {.size = 0};
    put_be(&inner, 255, 1), put_be(&inner, 258, 2);
    for (int i = 0; i < 8; i++) {
        struct bytes outer = {.size = 0};
        put_be(&outer, 255, 1), put_be(&outer, 258, 2), put_be(&outer, inner.size, 1);
        memcpy(outer.at + outer.size, inner.at, inner.size);
        outer.size += inner.size;
        inner = outer;
    }
    struct result r = sent(292, &inner, true);
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 1);
    uint32_t depth = 0;
    for (const char *at = r.rows[0]; (at = strstr(at, "subTemplateList")); at++) depth++;
    assert_int_equal(depth, 5);
    result_reset(&r);
}

static void a_datagram_has_a_budget(void **state) {
    (void)state;
    struct bytes list = {.size = 0};
    put_be(&list, 3, 1), put_be(&list, 4, 2), put_be(&list, 1, 2);
    while (list.size < 1500) put_be(&list, 7, 1);
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = with_list(291, &list, false);
    for (int i = 0; i < 9; i++) session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 9);
    assert_int_equal(records_of(&r, EG_CAUSE_list_bad), 0); /* each its own */
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_values),
        cmocka_unit_test(values_of_no_length_end_a_list),
        cmocka_unit_test(lists_of_records),
        cmocka_unit_test(entries_shorter_than_themselves_end_a_list),
        cmocka_unit_test(a_list_too_short_for_its_head_is_kept_as_bytes),
        cmocka_unit_test(lists_nest_only_so_deep),
        cmocka_unit_test(a_datagram_has_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
