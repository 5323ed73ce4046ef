/* SPDX-License-Identifier: Apache-2.0
 * The book as text: what is saved comes back, and nothing else is believed. */
#include "messages_make.h"
#include "torture.h"

static const struct made_field FLOW[] = {
    {8, 4, 0}, {96, 65535, 0}, {2, 4, 29305}, {77, 4, 4711}, {16384 + 500, 4, 6871}};

static struct eg_book *filled(void) {
    struct session s = session_new(&eg_decoder_ipfix);
    const struct made_field rate[] = {{144, 4, 0}, {34, 4, 0}}, name[] = {{10, 4, 0}, {82, 4, 0}};
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    put_options_template(&b, 300, rate, 1, 2);
    put_options_template(&b, 301, name, 1, 2);
    uint32_t at = set_begin(&b, 300);
    put_be(&b, 0, 4), put_be(&b, 100, 4);
    set_end(&b, at);
    at = set_begin(&b, 301);
    put_be(&b, 7, 4), put_be(&b, 0x65746830, 4);
    set_end(&b, at);
    session_send(&s, &b);
    struct eg_decoder *nine;
    assert_int_equal(eg_decoder_netflow9.open(&eg_env_plain, NULL, s.book, &nine, NULL), EG_OK);
    struct bytes v = v9(1, 8);
    const struct made_field own[] = {{33002, 2, 0}, {8, 4, 0}}, scope[] = {{2, 4, 0}, {34, 4, 0}};
    put_template(&v, 257, own, 2);
    put_options_template(&v, 258, scope, 1, 2);
    struct eg_datagram d = s.next;
    d.payload = eg_span(v.at, v.size);
    d.length = v.size;
    d.at = eg_book_next(s.book);
    struct eg_sequence_note note;
    eg_decoder_netflow9.learn(nine, &d, &note, &s.out.tally);
    eg_decoder_netflow9.close(nine);
    eg_tally_reset(&s.out.tally);
    eg_builder_free(s.out.rows);
    s.type->close(s.decoder);
    return s.book;
}

static char *saved(struct eg_book *book) {
    struct eg_strbuf text = {0};
    eg_book_save(book, &text);
    char *whole = eg_strbuf_take(&text);
    assert_non_null(whole);
    return whole;
}

static void what_is_saved_comes_back(void **state) {
    (void)state;
    struct eg_book *book = filled(), *again;
    char *text = saved(book);
    assert_non_null(strstr(text, " r0:2:4 4711:77:4 r6871:500:4"));
    assert_int_equal(eg_book_new(&again, NULL), EG_OK);
    assert_int_equal(eg_book_load(again, eg_span(text, strlen(text)), NULL), EG_OK);
    char *second = saved(again);
    assert_string_equal(second, text);
    assert_int_equal(eg_book_usage(again).templates, 5);
    assert_int_equal(eg_book_usage(again).known_exporters, 1);
    eg_free(text);
    eg_free(second);
    eg_book_free(book);
    eg_book_free(again);
}

static void a_restart_decodes_at_once(void **state) {
    (void)state;
    struct eg_book *book = filled();
    char *text = saved(book);
    eg_book_free(book);
    struct session s = session_new(&eg_decoder_ipfix);
    assert_int_equal(eg_book_load(s.book, eg_span(text, strlen(text)), NULL), EG_OK);
    eg_free(text);
    struct bytes b = ipfix(1, 5);
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 0x0a000001, 4), put_be(&b, 3, 1), put_be(&b, 0x646e73, 3);
    put_be(&b, 0, 4), put_be(&b, 1, 4), put_be(&b, 1, 4);
    set_end(&b, at);
    session_send(&s, &b);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 1);
    ASSERT_ROW(r.rows[0], "src_ip=" V4("0a000001"), "application=dns", "sampling_rate=100");
    result_reset(&r);
}

static void other_texts_are_refused(void **state) {
    (void)state;
    struct eg_book *book = filled();
    char *text = saved(book);
    size_t size = strlen(text);
    uint64_t random = 7;
    for (uint32_t i = 0; i < 3000; i++) {
        char *copy = strdup(text);
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t cut = i < 500 ? size * i / 500 : size;
        if (i >= 500) copy[(random >> 33) % size] = (char)(random >> 20);
        struct eg_book *other;
        struct eg_error err;
        assert_int_equal(eg_book_new(&other, NULL), EG_OK);
        enum eg_status status = eg_book_load(other, eg_span(copy, cut), &err);
        assert_true(status == EG_OK || status == EG_E_FORMAT);
        if (i == 0) assert_int_equal(status, EG_E_FORMAT);
        eg_book_free(other);
        free(copy);
    }
    static const char *const bad[] = {
        "",
        "earlgrey-book 2\n",
        "earlgrey-book 1\nelse 10 - 0 0\n",
        "earlgrey-book 1\nfact 10 00000000000000000000000000000000 0 0 0 0 0 -\n",
        "earlgrey-book 1\nfact 10 00000000000000000000000000000000 0 0 99 0 0 -\n",
        "earlgrey-book 1\nfact 5 00000000000000000000000000000000 0 0 1 0 0 -\n",
        "earlgrey-book 1\nfact 10 00000000000000000000000000000000 70000 0 1 0 0 -\n",
        "earlgrey-book 1\ntemplate 10 00000000000000000000000000000000 0 0 256 -1 - - 0\n",
        "earlgrey-book 1\ntemplate 10 00000000000000000000000000000000 0 0 256 -1 - - 0 0:8:0\n",
        "earlgrey-book 1\ntemplate 10 00000000000000000000000000000000 0 0 256 -1 - - 0 0:8\n",
        "earlgrey-book 1\nheld 10 00000000000000000000000000000000 0 0 256 - 1 1 17 "
        "000a00140000000000000000000000000100000\n",
        "earlgrey-book 1\nheld 10 00000000000000000000000000000000 0 0 256 - 1 1 17 -\n",
        "earlgrey-book 1\nheld 10 00000000000000000000000000000000 0 0 255 - 1 1 17 "
        "000a001400000000000000000000000001000004\n",
        "earlgrey-book 1\ntemplate 9 00000000000000000000000000000000 0 0 256 9 - - 0 0:8:4\n"};
    for (uint32_t i = 0; i < COUNT(bad); i++) {
        struct eg_book *other;
        struct eg_error err;
        assert_int_equal(eg_book_new(&other, NULL), EG_OK);
        if (eg_book_load(other, eg_span(bad[i], strlen(bad[i])), &err) != EG_E_FORMAT)
            fail_msg("%s", bad[i]);
        eg_book_free(other);
    }
    eg_free(text);
    eg_book_free(book);
}

static bool see(void *to, const struct eg_book_line *line) {
    uint32_t *seen = to;
    static const uint16_t ids[] = {256, 300, 301, 257, 258};
    assert_int_equal(line->template->id, ids[*seen]);
    assert_int_equal(line->first_us, BASE_US);
    assert_int_equal(line->records, *seen == 1 || *seen == 2 ? 1 : 0);
    return ++*seen < 5;
}

static void templates_are_listed_in_order(void **state) {
    (void)state;
    struct eg_book *book = filled();
    uint32_t seen = 0;
    assert_int_equal(eg_book_list(book, see, &seen, NULL), EG_OK);
    assert_int_equal(seen, 5);
    eg_book_free(book);
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct eg_book *book = filled();
    char *text = saved(book);
    for (long n = 0; n < 60; n++) {
        struct eg_book *other;
        struct eg_strbuf out = {0};
        assert_int_equal(eg_book_new(&other, NULL), EG_OK);
        torture_fail_after(n);
        enum eg_status status = eg_book_load(other, eg_span(text, strlen(text)), NULL);
        bool failed = torture_off();
        assert_true(status == EG_OK || (failed && status == EG_E_NOMEM));
        torture_fail_after(n);
        eg_book_save(book, &out);
        failed = torture_off();
        assert_true(!out.failed || failed);
        eg_strbuf_reset(&out);
        eg_book_free(other);
    }
    eg_free(text);
    eg_book_free(book);
}

/* In the middle of an input the next run begins where that began, else where this one ended. */
static void the_next_run_begins_with_the_input(void **state) {
    (void)state;
    struct session s = session_new(&eg_decoder_ipfix);
    struct eg_strbuf resume = {0};
    struct eg_book *again;
    eg_book_input_begins(s.book);
    eg_book_input_ends(s.book);
    eg_book_remember(s.book);
    struct bytes b = ipfix(1, 5);
    put_template(&b, 256, FLOW, COUNT(FLOW));
    session_send(&s, &b);
    char *first = saved(s.book);
    eg_book_input_begins(s.book);
    b = ipfix(2, 5);
    put_template(&b, 257, FLOW, 3);
    session_send(&s, &b);
    char *second = saved(s.book);
    eg_book_save_resume(s.book, &resume);
    assert_string_equal(resume.text, first);
    assert_string_not_equal(second, first);
    eg_book_input_ends(s.book);
    eg_strbuf_clear(&resume);
    eg_book_save_resume(s.book, &resume);
    assert_string_equal(resume.text, second);
    eg_strbuf_text(&resume, "# whose it is\n"); /* is for whoever wrote it */
    assert_int_equal(eg_book_new(&again, NULL), EG_OK);
    assert_int_equal(eg_book_load(again, eg_span(resume.text, resume.size), NULL), EG_OK);
    assert_int_equal(eg_book_usage(again).templates, 2);
    /* without memory there is nothing to begin with, rather than less */
    torture_fail_after(0);
    eg_strbuf_clear(&resume);
    eg_book_input_begins(s.book);
    assert_true(torture_off());
    eg_book_save_resume(s.book, &resume);
    assert_true(resume.failed);
    eg_strbuf_reset(&resume);
    eg_book_free(again);
    free(first);
    free(second);
    struct result r = session_end(&s);
    result_reset(&r);
}

static bool records_sum(void *to, const struct eg_book_line *line) {
    *(uint64_t *)to += line->records;
    return true;
}

/* How many records a template decoded is kept, and goes on; older books do not say. */
static void records_are_kept(void **state) {
    (void)state;
    const char *older = "template 10 00000000000000000000ffff7f000001 0 1 256 -1 5 5 0 0:8:4\n";
    const char *newer = "template 10 00000000000000000000ffff7f000001 0 1 256 -1 5 5 0/37 0:8:4\n";
    const uint64_t want[] = {0, 37};
    for (int i = 0; i < 2; i++) {
        struct eg_book *book;
        struct eg_strbuf text = {0};
        uint64_t records = 0;
        eg_strbuf_printf(&text, "earlgrey-book 1\n%s", i ? newer : older);
        assert_int_equal(eg_book_new(&book, NULL), EG_OK);
        assert_int_equal(eg_book_load(book, eg_span(text.text, text.size), NULL), EG_OK);
        assert_int_equal(eg_book_list(book, records_sum, &records, NULL), EG_OK);
        assert_int_equal(records, want[i]);
        char *again = saved(book);
        assert_string_equal(again, text.text);
        eg_free(again);
        eg_strbuf_reset(&text);
        eg_book_free(book);
    }
}

static void send_flow(struct session *s, uint8_t number, bool defined) {
    struct bytes b = ipfix(number, 5);
    if (defined) put_template(&b, 256, FLOW, COUNT(FLOW));
    uint32_t at = set_begin(&b, 256);
    put_be(&b, 0x0a000000 + number, 4), put_be(&b, 3, 1), put_be(&b, 0x646e73, 3);
    put_be(&b, 0, 4), put_be(&b, 1, 4), put_be(&b, 1, 4);
    set_end(&b, at);
    session_send(s, &b);
}

/* Data that waits for its template waits for it in the next run, in its order, and comes out once. */
static void what_waits_waits_in_the_next_run(void **state) {
    (void)state;
    struct eg_strbuf first = {0}, second = {0};
    struct session s = session_new(&eg_decoder_ipfix);
    struct eg_book *copy;
    for (uint8_t i = 1; i < 4; i++) send_flow(&s, i, false);
    eg_book_save_resume(s.book, &first);
    struct result r = session_end(&s);
    assert_int_equal(r.row_count, 0);
    result_reset(&r);
    s = session_new(&eg_decoder_ipfix);
    assert_int_equal(eg_book_alike(&copy, s.book, NULL), EG_OK);
    assert_int_equal(eg_book_load(s.book, eg_span(first.text, first.size), NULL), EG_OK);
    assert_true(eg_book_usage(s.book).held_bytes > 0);
    eg_book_save_resume(s.book, &second);
    assert_string_equal(second.text, first.text);
    assert_int_equal(eg_book_usage(copy).held_bytes, 0);
    eg_book_free(copy);
    send_flow(&s, 4, true);
    eg_strbuf_clear(&second);
    eg_book_save_resume(s.book, &second);
    assert_null(strstr(second.text, "\nheld "));
    r = session_end(&s);
    assert_int_equal(r.row_count, 4);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < r.row_count; i++)
        for (uint32_t n = 1; n < 5; n++) {
            char address[64];
            snprintf(address, sizeof address, "src_ip=" V4("0a00000%u"), n);
            if (strstr(r.rows[i], address)) seen += 1u << 8 * (n - 1);
        }
    assert_int_equal(seen, 0x01010101);
    assert_int_equal(eg_tally_sum(&r.tally, EG_CAUSE_template_awaited).records, 3);
    assert_int_equal(eg_tally_sum(&r.tally, EG_CAUSE_template_missing).records, 0);
    result_reset(&r);
    eg_strbuf_reset(&first);
    eg_strbuf_reset(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_kept),
        cmocka_unit_test(what_is_saved_comes_back),
        cmocka_unit_test(a_restart_decodes_at_once),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(templates_are_listed_in_order),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(the_next_run_begins_with_the_input),
        cmocka_unit_test(what_waits_waits_in_the_next_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
