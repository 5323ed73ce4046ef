/* SPDX-License-Identifier: Apache-2.0
 * The journal's text: what was written is read back; any change of any byte is noticed. */
#include "store/journal.h"

#include "base/hash.h"
#include "scratch.h"
#include "torture.h"

#define SESSION "0123456789abcdef"

static void fill(struct eg_journal *journal) {
    struct eg_journal_file file = {(char *)(uintptr_t)"flows/date=2026-01-02/hour=12/a.parquet",
                                   EG_TABLE_FLOWS, 10, 2000, NOON, NOON + HOUR};
    must(eg_journal_add_file(journal, &file, ERR));
    file = (struct eg_journal_file){(char *)(uintptr_t)"losses/date=2026-01-02/hour=12/b.parquet",
                                    EG_TABLE_LOSSES, 1, 7, INT64_MAX, INT64_MIN};
    must(eg_journal_add_file(journal, &file, ERR));
    struct eg_position p = position_at("k", INT64_MAX);
    snprintf(p.name, sizeof p.name, "caf\xc3\xa9 \"x\"\n.pcap");
    p.cut = true;
    p.cut_bytes = 123;
    p.cut_us = INT64_MIN;
    snprintf(p.state, sizeof p.state, "123:0f:1,2,3");
    must(eg_journal_add_mark(journal, &p, SESSION, 3, ERR));
}

static void there_and_back(void **state) {
    (void)state;
    struct eg_journal journal = {0}, back = {0};
    struct eg_strbuf text = {0};
    char digest[33];
    fill(&journal);
    must(eg_journal_text(&journal, SESSION "-000003", NOON, &text, ERR));
    must(eg_journal_parse(&back, text.text, text.size, digest, ERR));
    assert_int_equal(back.file_count, 2);
    assert_string_equal(back.files[0].path, journal.files[0].path);
    assert_int_equal(back.files[0].rows, 10);
    assert_int_equal(back.files[0].bytes, 2000);
    assert_int_equal(back.files[0].end_us, NOON + HOUR);
    assert_int_equal(back.files[1].table, EG_TABLE_LOSSES);
    assert_true(back.files[1].start_us > back.files[1].end_us);
    assert_int_equal(back.mark_count, 1);
    assert_memory_equal(back.marks[0].position, journal.marks[0].position, sizeof(struct eg_position));
    assert_string_equal(back.marks[0].session, SESSION);
    assert_int_equal(back.marks[0].commit, 3);
    eg_journal_reset(&back);
    for (size_t i = 0; i < text.size; i++) {
        text.text[i] = (char)(text.text[i] ^ 1);
        assert_int_equal(eg_journal_parse(&back, text.text, text.size, digest, ERR), EG_E_FORMAT);
        text.text[i] = (char)(text.text[i] ^ 1);
        assert_int_equal(eg_journal_parse(&back, text.text, i, digest, ERR), EG_E_FORMAT);
    }
    assert_int_equal(back.file_count, 0);
    eg_strbuf_reset(&text);
    eg_journal_reset(&journal);
}

/* A name that is not UTF-8 (a path may be any bytes) must not make the commit unreadable. */
static void names_of_any_bytes(void **state) {
    (void)state;
    struct eg_journal journal = {0}, back = {0};
    struct eg_strbuf text = {0};
    char digest[33];
    struct eg_position p = position_at("k", 1);
    memset(p.name, 0xff, sizeof p.name - 1);
    must(eg_journal_add_mark(&journal, &p, SESSION, 1, ERR));
    must(eg_journal_text(&journal, SESSION "-000001", NOON, &text, ERR));
    must(eg_journal_parse(&back, text.text, text.size, digest, ERR));
    assert_string_equal(back.marks[0].position->key, "k");
    eg_strbuf_reset(&text);
    eg_journal_reset(&journal);
    eg_journal_reset(&back);
}

static enum eg_status parse_body(const char *body) {
    struct eg_strbuf text = {0};
    struct eg_journal journal = {0};
    char digest[33];
    eg_digest_text(eg_hash128(body, strlen(body)), digest);
    eg_strbuf_printf(&text, "%s{\"xxh3\":\"%s\"}\n", body, digest);
    enum eg_status status = eg_journal_parse(&journal, text.text, text.size, digest, ERR);
    eg_strbuf_reset(&text);
    eg_journal_reset(&journal);
    return status;
}

/* Well sealed, yet wrong: never followed. */
static void sealed_nonsense(void **state) {
    (void)state;
    assert_int_equal(parse_body("{\"format\":1}\n"), EG_OK);
    assert_int_equal(parse_body("{\"format\":2}\n"), EG_E_TOO_NEW);
    assert_int_equal(parse_body("{}\n"), EG_E_FORMAT);
    assert_int_equal(parse_body("nonsense\n"), EG_E_FORMAT);
    assert_int_equal(parse_body("{\"format\":1}"), EG_E_FORMAT);
    static const char *const paths[] = {"/etc/passwd", "../x", "flows/../../x"};
    for (size_t i = 0; i < 3; i++) {
        char body[300];
        snprintf(body, sizeof body,
                 "{\"format\":1}\n{\"file\":\"%s\",\"table\":\"flows\",\"rows\":1,\"bytes\":1,"
                 "\"start_us\":1,\"end_us\":1}\n", paths[i]);
        assert_int_equal(parse_body(body), EG_E_FORMAT);
    }
    assert_int_equal(parse_body("{\"format\":1}\n{\"gone\":\"../x\",\"folds\":0}\n"), EG_E_FORMAT);
    assert_int_equal(parse_body("{\"format\":1}\n{\"gone\":\"x\"}\n"), EG_E_FORMAT);
    assert_int_equal(parse_body("{\"format\":1}\n{\"gone\":\"x\",\"folds\":0}\n"), EG_OK);
    assert_int_equal(parse_body("{\"format\":1}\n{\"key\":\"k\"}\n"), EG_E_FORMAT);
    assert_int_equal(parse_body("{\"format\":1}\n{\"later\":\"kinds are passed over\"}\n"), EG_OK);
}

/* A merged file's note brings back each position under the commit that it came with. */
static void notes(void **state) {
    (void)state;
    struct eg_journal of = {0}, back = {0};
    struct eg_strbuf text = {0}, whole = {0};
    struct eg_position p = position_at("k", 100), q = position_at("q", 7);
    must(eg_journal_note(SESSION "-000004", &q, 1, NULL, &text, ERR));
    must(eg_journal_read_note(&of, eg_span(text.text, text.size), ERR));
    must(eg_journal_add_mark(&of, &p, "cccccccccccccccc", 1234567, ERR));
    must(eg_journal_note_merged("dddddddddddddddd-000001", &of, &whole, ERR));
    must(eg_journal_read_note(&back, eg_span(whole.text, whole.size), ERR));
    assert_int_equal(back.mark_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(back.marks[i].identity, of.marks[i].identity);
        assert_int_equal(back.marks[i].commit, of.marks[i].commit);
        assert_int_equal(back.marks[i].position->offset, of.marks[i].position->offset);
    }
    must(eg_journal_read_note(&back, eg_span("nonsense", 8), ERR));
    must(eg_journal_read_note(&back, eg_span("{\"commit\":\"x\"}", 14), ERR));
    assert_int_equal(back.mark_count, 2);
    eg_strbuf_reset(&text);
    eg_strbuf_reset(&whole);
    eg_journal_reset(&of);
    eg_journal_reset(&back);
}

static void survives_no_memory(void **state) {
    (void)state;
    struct eg_journal journal = {0};
    fill(&journal);
    struct eg_strbuf whole = {0};
    must(eg_journal_text(&journal, SESSION "-000003", NOON, &whole, ERR));
    for (long n = 0;; n++) {
        struct eg_journal back = {0};
        char digest[33];
        torture_fail_after(n);
        enum eg_status status = eg_journal_parse(&back, whole.text, whole.size, digest, ERR);
        bool failed = torture_off();
        eg_journal_reset(&back);
        if (!failed) {
            assert_int_equal(status, EG_OK);
            break;
        }
        assert_int_equal(status, EG_E_NOMEM);
    }
    eg_strbuf_reset(&whole);
    eg_journal_reset(&journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(names_of_any_bytes),
        cmocka_unit_test(sealed_nonsense), cmocka_unit_test(notes), cmocka_unit_test(survives_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
