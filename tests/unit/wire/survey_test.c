/* SPDX-License-Identifier: Apache-2.0
 * Data whose template comes too late to be held: an input that can be read twice gives the rows that
 * holding all of it would have given. */
#include "wire/survey.h"

#include "messages_random.h"
#include "torture.h"

/* A book that holds so much of each exporter. */
static struct eg_book *book_of(uint64_t held) {
    struct eg_book *book;
    struct eg_book_limits limits = eg_book_limits_usual;
    limits.exporter_held_bytes = held;
    limits.held_bytes = held * 64;
    assert_int_equal(eg_book_new(&book, NULL), EG_OK);
    eg_book_limit(book, &limits);
    return book;
}

static void send(struct frames *f, uint32_t exporter, const struct bytes *b) {
    struct bytes frame = make_frame(0x0a000001 + exporter, 4000, 9995, b);
    frames_add(f, &frame, BASE_US + f->count * INT64_C(1000));
}

static void send_usual(struct frames *f, uint32_t exporter, uint32_t from, uint32_t records) {
    struct bytes b = v9(f->count, 5);
    put_usual_set(&b, 256, from, records);
    send(f, exporter, &b);
}

/* Fields of the usual sizes in another order: a record would be read wrong with the other one. */
static const struct made_field OTHER[] = {
    {12, 4, 0}, {8, 4, 0},  {11, 2, 0}, {7, 2, 0},  {4, 1, 0},  {6, 1, 0}, {1, 4, 0},
    {2, 4, 0},  {22, 4, 0}, {21, 4, 0}, {10, 2, 0}, {14, 2, 0}, {5, 1, 0}};

static void the_next_template_counts(void **state) {
    (void)state;
    struct frames f = {0};
    uint32_t all[2];
    struct result r;
    struct bytes usual = v9(0, 5), other = v9(0, 5);
    put_template(&usual, 256, USUAL, COUNT(USUAL));
    put_template(&other, 256, OTHER, COUNT(OTHER));
    for (uint32_t i = 0; i < 10; i++) send_usual(&f, 0, 2 * i, 2);
    send(&f, 0, &usual);
    send_usual(&f, 0, 20, 1);
    send(&f, 0, &other);
    send_usual(&f, 1, 30, 1); /* of nobody's template, ever */
    for (int twice = 0; twice < 2; twice++) {
        struct run_how how = whole(&f, all, 9995);
        how.twice = twice;
        how.book = book_of(0);
        assert_int_equal(run_frames(&f, how, &r), EG_OK);
        assert_int_equal(r.surveys, twice);
        assert_int_equal(r.row_count, twice ? 21 : 1);
        for (uint32_t i = 0; i < r.row_count; i++) {
            char bytes[20];
            snprintf(bytes, sizeof bytes, "bytes=%u", 100 + i + (twice ? 0 : 20));
            ASSERT_ROW(r.rows[i], bytes, "src_ip=" V4("0a000001"));
        }
        assert_int_equal(records_of(&r, EG_CAUSE_template_awaited), twice ? 10 : 0);
        assert_int_equal(records_of(&r, EG_CAUSE_template_missing), twice ? 1 : 11);
        result_reset(&r);
        eg_book_free(how.book);
    }
    free(f.at);
}

/* What a rate options bring on the way to the template is known when it comes. */
static void options_on_the_way_count(void **state) {
    (void)state;
    static const struct made_field rate[] = {{10, 4, 0}, {34, 4, 0}};
    struct frames f = {0};
    uint32_t all[2];
    struct result r;
    struct bytes options = ipfix(0, 5), said = ipfix(0, 5), define = ipfix(0, 5);
    uint32_t at = set_begin(&said, 300);
    put_be(&said, 1, 4), put_be(&said, 100, 4);
    set_end(&said, at);
    put_options_template(&options, 300, rate, 1, 2);
    put_template(&define, 256, USUAL, COUNT(USUAL));
    for (uint32_t i = 0; i < 20; i++) {
        struct bytes b = ipfix(f.count, 5);
        put_usual_set(&b, 256, i, 1);
        send(&f, 0, &b);
        if (i == 3) send(&f, 0, &said);
    }
    send(&f, 0, &options); /* its data came long before it */
    send(&f, 0, &define);
    struct run_how how = whole(&f, all, 9995);
    how.twice = true;
    how.book = book_of(2000);
    assert_int_equal(run_frames(&f, how, &r), EG_OK);
    assert_int_equal(r.surveys, 1);
    assert_int_equal(r.row_count, 20);
    for (uint32_t i = 0; i < r.row_count; i++) ASSERT_ROW(r.rows[i], "sampling_rate=100");
    assert_int_equal(records_of(&r, EG_CAUSE_template_missing), 0);
    result_reset(&r);
    eg_book_free(how.book);
    free(f.at);
}

/* Exporters that send much before they say what it is, then change their minds. */
static struct frames late_frames(void) {
    struct frames f = {0};
    for (uint32_t i = 0, n = 100 + chance(200); i < n; i++) {
        uint32_t exporter = chance(3);
        if (chance(200) < i) {
            struct bytes b = random_message(exporter == 0, i);
            send(&f, exporter, &b);
            continue;
        }
        struct bytes b = exporter == 0 ? v9(i, 5) : ipfix(i, 5);
        uint32_t at = set_begin(&b, (uint16_t)(256 + chance(3)));
        for (uint32_t k = 90; k > 0; k--) put_be(&b, 1 + chance(4), 4);
        set_end(&b, at);
        send(&f, exporter, &b);
    }
    return f;
}

static void assert_equal(const struct result *a, const struct result *b, int64_t round) {
    for (int cause = 0; cause < EG_CAUSE_COUNT; cause++) {
        struct eg_tally_entry x = eg_tally_sum(&a->tally, (enum eg_cause)cause),
                              y = eg_tally_sum(&b->tally, (enum eg_cause)cause);
        if (x.records == y.records && x.packets == y.packets && x.bytes == y.bytes) continue;
        fail_msg("round %d: %s: %d, not %d", (int)round, eg_cause_info((enum eg_cause)cause)->name,
                 (int)y.records, (int)x.records);
    }
    assert_int_equal(a->row_count, b->row_count);
    for (uint32_t i = 0; i < a->row_count; i++) assert_string_equal(a->rows[i], b->rows[i]);
}

static void it_is_as_if_all_had_waited(void **state) {
    (void)state;
    int64_t awaited = 0, surveys = 0, rows = 0, sampled = 0;
    for (uint64_t round = 1; round <= 60; round++) {
        seed = round * UINT64_C(0x9e3779b97f4a7c15);
        struct frames f = late_frames();
        uint32_t all[2];
        struct result one, other;
        struct run_how how = whole(&f, all, 9995);
        how.book = book_of(UINT64_C(1) << 40);
        assert_int_equal(run_frames(&f, how, &one), EG_OK);
        assert_int_equal(one.surveys, 0);
        eg_book_free(how.book);
        for (int k = 0; k < 4; k++) {
            uint32_t cuts[12] = {0}, units = 1 + chance(10);
            for (uint32_t i = 1; i < units; i++)
                cuts[i] = cuts[i - 1] + chance(f.count - cuts[i - 1] + 1);
            cuts[units] = f.count;
            how = (struct run_how){.cuts = cuts,
                                   .units = units,
                                   .capacity = 1 + chance(100),
                                   .batch = 1 + chance(50),
                                   .port = 9995,
                                   .backwards = chance(2),
                                   .twice = true,
                                   .book = book_of(15000)};
            assert_int_equal(run_frames(&f, how, &other), EG_OK);
            assert_equal(&one, &other, (int64_t)round);
            surveys += other.surveys;
            result_reset(&other);
            eg_book_free(how.book);
        }
        rows += one.row_count;
        awaited += records_of(&one, EG_CAUSE_template_awaited);
        for (uint32_t i = 0; i < one.row_count; i++)
            sampled += strstr(one.rows[i], "sampling_rate") != NULL;
        result_reset(&one);
        free(f.at);
    }
    if (!(rows > 10000 && awaited > 2000 && surveys > 200 && sampled > 1000))
        fail_msg("%d rows, %d awaited, %d surveys, %d sampled", (int)rows, (int)awaited,
                 (int)surveys, (int)sampled);
}

/* Whatever memory fails: what comes out is right, what does not is counted. */
static void without_memory(void **state) {
    (void)state;
    struct frames f = {0};
    uint32_t all[2];
    struct result one, other;
    struct bytes usual = v9(0, 5);
    put_template(&usual, 256, USUAL, COUNT(USUAL));
    for (uint32_t i = 0; i < 80; i++) send_usual(&f, i % 2, i, 5);
    send(&f, 0, &usual);
    send(&f, 1, &usual);
    send_usual(&f, 1, 99, 1);
    struct run_how how = whole(&f, all, 9995);
    how.twice = true;
    how.book = book_of(4000);
    assert_int_equal(run_frames(&f, how, &one), EG_OK);
    assert_int_equal(one.surveys, 1);
    assert_int_equal(one.row_count, 401);
    eg_book_free(how.book);
    bool failed = true;
    for (long n = 0; failed; n += n < 300 ? 1 : 7) {
        how.book = book_of(4000);
        torture_fail_after(n);
        enum eg_status status = run_frames(&f, how, &other);
        failed = torture_off();
        uint32_t k = 0;
        for (uint32_t i = 0; i < other.row_count; i++, k++) {
            while (k < one.row_count && strcmp(one.rows[k], other.rows[i]) != 0) k++;
            if (k == one.row_count) fail_msg("allocation %ld: %s", n, other.rows[i]);
        }
        if (status == EG_OK && other.row_count < one.row_count)
            assert_true(other.failed || other.tally.lost || other.tally.count);
        result_reset(&other);
        eg_book_free(how.book);
    }
    result_reset(&one);
    free(f.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_template_counts),
        cmocka_unit_test(options_on_the_way_count),
        cmocka_unit_test(it_is_as_if_all_had_waited),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
