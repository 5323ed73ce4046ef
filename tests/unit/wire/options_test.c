/* SPDX-License-Identifier: Apache-2.0
 * Options: what exporters say of themselves becomes facts for flows of the scope. */
#include "messages_make.h"

static const struct made_field FLOW[] = {{8, 4, 0},   {10, 4, 0}, {14, 4, 0}, {48, 1, 0},
                                         {234, 4, 0}, {95, 4, 0}, {1, 4, 0}};
static void put_flow(struct bytes *b, uint32_t in_if, uint8_t sampler, uint32_t number) {
    uint32_t at = set_begin(b, 256);
    put_be(b, 0x0a000001, 4), put_be(b, in_if, 4), put_be(b, 9, 4), put_be(b, sampler, 1);
    put_be(b, 0x60000001, 4), put_be(b, 0x03000050, 4), put_be(b, number, 4);
    set_end(b, at);
}

/* One options record of those 4-byte fields, scope first. */
static void put_option(struct bytes *b, uint16_t id, const struct made_field *f, uint32_t count,
                       const uint32_t *values) {
    put_options_template(b, id, f, 1, count);
    uint32_t at = set_begin(b, id);
    for (uint32_t i = 0; i < count; i++) put_be(b, values[i], f[i].length);
    set_end(b, at);
}

static struct result sampled(const struct made_field *f, uint32_t count, const uint32_t *values) {
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    put_option(&b, 300, f, count, values);
    put_flow(&b, 1, 2, 1);
    put_flow(&b, 7, 3, 2);
    session_send(&s, &b);
    assert_int_equal(s.note.count, 3);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(records_of(&r, EG_CAUSE_options_record), 1);
    return r;
}

static void rates_of_the_whole_exporter(void **state) {
    (void)state;
    const struct made_field f[] = {{144, 4, 0}, {34, 4, 0}};
    struct result r = sampled(f, 2, (const uint32_t[]){0, 100});
    ASSERT_ROW(r.rows[0], "sampling_rate=100");
    ASSERT_ROW(r.rows[1], "sampling_rate=100");
    result_reset(&r);
}

static void rates_of_an_interface(void **state) {
    (void)state;
    const struct made_field f[] = {{10, 4, 0}, {34, 4, 0}};
    struct result r = sampled(f, 2, (const uint32_t[]){7, 100});
    assert_lacks(r.rows[0], "sampling_rate");
    ASSERT_ROW(r.rows[1], "in_if=7", "sampling_rate=100");
    result_reset(&r);
}

static void rates_of_a_sampler(void **state) {
    (void)state;
    const struct made_field f[] = {{144, 4, 0}, {302, 4, 0}, {305, 4, 0}, {306, 4, 0}};
    struct result r = sampled(f, 4, (const uint32_t[]){0, 2, 1, 99});
    ASSERT_ROW(r.rows[0], "bytes=1", "sampling_rate=100");
    /* The only sampler there is counts for flows that name none it knows. */
    ASSERT_ROW(r.rows[1], "bytes=2", "sampling_rate=100");
    result_reset(&r);
}

/* Flows of a sampler that nobody told of: what all samplers have, while that is one rate. */
static void rates_of_several_samplers(void **state) {
    (void)state;
    const struct made_field f[] = {{302, 4, 0}, {34, 4, 0}};
    static const struct {
        uint32_t samplers[3], rates[3];
        const char *of_two, *of_other;
    } cases[] = {{{2, 3, 2}, {100, 100, 100}, "sampling_rate=100", "sampling_rate=100"},
                 {{2, 2, 2}, {50, 70, 100}, "sampling_rate=100", "sampling_rate=100"},
                 {{2, 3, 4}, {100, 1000, 1000}, "sampling_rate=100", NULL},
                 {{2, 3, 3}, {100, 1000, 100}, "sampling_rate=100", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session s = session_new(&eg_decoder_ipfix);
        struct bytes b = ipfix(1, 5);
        put_template(&b, 256, FLOW, COUNT(FLOW));
        for (int k = 0; k < 3; k++)
            put_option(&b, 300, f, 2, (const uint32_t[]){cases[i].samplers[k], cases[i].rates[k]});
        put_flow(&b, 1, 2, 1);
        put_flow(&b, 7, 9, 2);
        session_send(&s, &b);
        struct result r = session_end(&s);
        assert_int_equal(r.row_count, 2);
        ASSERT_ROW(r.rows[0], cases[i].of_two);
        if (cases[i].of_other)
            ASSERT_ROW(r.rows[1], cases[i].of_other);
        else
            assert_lacks(r.rows[1], "sampling_rate");
        result_reset(&r);
    }
}

/* Where a record names two interfaces, the first is what it is about. */
static void the_first_interface_is_the_scope(void **state) {
    (void)state;
    const struct made_field f[] = {{10, 4, 0}, {14, 4, 0}, {34, 4, 0}};
    struct result r = sampled(f, 3, (const uint32_t[]){7, 1, 100});
    assert_lacks(r.rows[0], "sampling_rate");
    ASSERT_ROW(r.rows[1], "in_if=7", "sampling_rate=100");
    result_reset(&r);
}

static void names_of_what_flows_number(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    const struct made_field interface[] = {{10, 4, 0}, {82, 4, 0}};
    const struct made_field vrf[] = {{234, 4, 0}, {236, 4, 0}};
    const struct made_field application[] = {{95, 4, 0}, {96, 4, 0}};
    put_option(&b, 300, interface, 2, (const uint32_t[]){1, 0x65746831});
    put_option(&b, 301, vrf, 2, (const uint32_t[]){0x60000001, 0x72656400});
    put_option(&b, 302, application, 2, (const uint32_t[]){0x03000050, 0x68747470});
    put_flow(&b, 1, 2, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    ASSERT_ROW(r.rows[0], "vrf=red", "application=http",
               "extra={\"samplerId\":2,\"in_if_name\":\"eth1\"}");
    result_reset(&r);
}

static void a_description_is_the_name_where_there_is_no_other(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    const struct made_field described[] = {{10, 4, 0}, {83, 4, 0}};
    const struct made_field named[] = {{10, 4, 0}, {82, 4, 0}};
    put_option(&b, 300, described, 2, (const uint32_t[]){1, 0x6c616e31});
    put_flow(&b, 1, 2, 1);
    put_option(&b, 301, named, 2, (const uint32_t[]){1, 0x65746831});
    put_option(&b, 300, described, 2, (const uint32_t[]){1, 0x6c616e32});
    put_flow(&b, 1, 2, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 2);
    ASSERT_ROW(r.rows[0], "extra={\"samplerId\":2,\"in_if_name\":\"lan1\"}");
    ASSERT_ROW(r.rows[1], "extra={\"samplerId\":2,\"in_if_name\":\"eth1\"}");
    result_reset(&r);
}

static void numbers_without_names_are_text(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    put_flow(&b, 1, 2, 1);
    session_send(&s, &b);
    struct result r = session_end(&s);
    ASSERT_ROW(r.rows[0], "vrf=1610612737", "application=3:80");
    assert_lacks(r.rows[0], "sampling_rate");
    result_reset(&r);
}

static void what_an_exporter_calls_its_own_elements(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct bytes b = ipfix(1, 5);
    const struct made_field own[] = {{8, 4, 0}, {77, 4, 99999}};
    const struct made_field typing[] = {{346, 4, 0}, {303, 2, 0}, {339, 1, 0}, {341, 4, 0}};
    put_template(&b, 256, own, COUNT(own));
    put_option(&b, 300, typing, 4, (const uint32_t[]){99999, 77, 3, 0x6c6f6164});
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 0x0a000001, 4), put_be(&b, 5, 4);
    set_end(&b, at);
    session_send(&s, &b);
    struct result r = session_end(&s);
    ASSERT_ROW(r.rows[0], "extra={\"load\":5}");
    result_reset(&r);
}

static void options_may_wait_for_their_template(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    const struct made_field f[] = {{144, 4, 0}, {34, 4, 0}};
    struct bytes first = ipfix(1, 5), second = ipfix(2, 5);
    uint32_t at = set_begin(&first, 300);
    put_be(&first, 0, 4), put_be(&first, 64, 4);
    set_end(&first, at);
    put_options_template(&second, 300, f, 1, 2);
    put_template(&second, 256, FLOW, COUNT(FLOW));
    session_send(&s, &first);
    session_send(&s, &second);
    struct bytes third = ipfix(2, 5);
    put_flow(&third, 1, 2, 1);
    session_send(&s, &third);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    ASSERT_ROW(r.rows[0], "sampling_rate=64");
    assert_int_equal(records_of(&r, EG_CAUSE_options_record), 1);
    result_reset(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_of_the_whole_exporter),
        cmocka_unit_test(rates_of_an_interface),
        cmocka_unit_test(rates_of_a_sampler),
        cmocka_unit_test(rates_of_several_samplers),
        cmocka_unit_test(the_first_interface_is_the_scope),
        cmocka_unit_test(names_of_what_flows_number),
        cmocka_unit_test(a_description_is_the_name_where_there_is_no_other),
        cmocka_unit_test(numbers_without_names_are_text),
        cmocka_unit_test(what_an_exporter_calls_its_own_elements),
        cmocka_unit_test(options_may_wait_for_their_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
