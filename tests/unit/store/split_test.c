/* SPDX-License-Identifier: Apache-2.0
 * Rows into hours: no row lost or doubled, whatever the capacity; no copy where none is needed;
 * impossible times into quarantine. */
#include "store/split.h"

#include "scratch.h"
#include "torture.h"

#define NONE INT64_MIN

struct times {
    int64_t start, end, received;
};

static void put_time(struct eg_builder *b, uint32_t column, int64_t time) {
    if (time != NONE) eg_put_int(b, column, time);
}

static struct eg_batch *flows(const struct times *times, uint32_t count) {
    struct eg_builder *b;
    struct eg_batch *batch;
    must(eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, count, EG_COLUMNS_ALL, ERR));
    for (uint32_t i = 0; i < count; i++) {
        put_time(b, EG_COL(FLOWS, start_time), times[i].start);
        put_time(b, EG_COL(FLOWS, end_time), times[i].end);
        put_time(b, EG_COL(FLOWS, received_time), times[i].received);
        eg_put_int(b, EG_COL(FLOWS, packets), i);
        eg_builder_row(b, 1);
    }
    must(eg_builder_seal(b, &batch, ERR));
    eg_builder_free(b);
    return batch;
}

static void one_hour_is_no_copy(void **state) {
    (void)state;
    const struct times times[] = {{NOON, NOON + 2 * HOUR, NONE}, {NOON + HOUR - 1, NOON + HOUR, NONE}};
    struct eg_batch *batch = flows(times, 2);
    struct eg_shares shares = {0};
    must(eg_split(&shares, batch, NULL, NOON, ERR));
    assert_int_equal(shares.count, 1);
    assert_ptr_equal(shares.list[0].batch, batch);
    assert_int_equal(shares.list[0].hour_us, NOON);
    assert_int_equal(shares.list[0].start_us, NOON);
    assert_int_equal(shares.list[0].end_us, NOON + 2 * HOUR);
    eg_shares_reset(&shares);
    eg_batch_unref(batch);
}

static void flows_of_the_future(void **state) {
    (void)state;
    const int64_t ahead = 50 * 24 * HOUR, year = 365 * 24 * HOUR, clock = NOON + 2 * year;
    const struct times times[] = {
        {clock + ahead - 1, clock + ahead, clock},      /* as far as clocks are off */
        {clock + ahead, clock + ahead, clock},          /* quarantine */
        {clock + year, clock + year, clock},        /* quarantine */
        {clock + year, clock + year, clock + year}, /* of a capture that says so itself */
    };
    struct eg_batch *batch = flows(times, 4);
    struct eg_shares shares = {0};
    must(eg_split(&shares, batch, NULL, clock, ERR));
    assert_int_equal(shares.count, 3);
    struct eg_batch *aside = NULL;
    for (uint32_t i = 0; i < shares.count; i++)
        if (shares.list[i].hour_us == INT64_MIN) aside = shares.list[i].batch;
    assert_non_null(aside);
    assert_int_equal(aside->rows, 2);
    assert_int_equal(eg_col_i64(&aside->columns[EG_COL(FLOWS, packets)])[0], 1);
    assert_int_equal(eg_col_i64(&aside->columns[EG_COL(FLOWS, packets)])[1], 2);
    eg_shares_clear(&shares);
    must(eg_split(&shares, batch, NULL, 0, ERR)); /* a clock that was never set */
    for (uint32_t i = 0; i < shares.count; i++) assert_int_not_equal(shares.list[i].hour_us, INT64_MIN);
    eg_shares_reset(&shares);
    eg_batch_unref(batch);
}

static const struct eg_share *share_of(const struct eg_shares *shares, int64_t hour) {
    for (uint32_t i = 0; i < shares->count; i++)
        if (shares->list[i].hour_us == hour) return &shares->list[i];
    fail_msg("no share of that hour");
    return NULL;
}

static void hours_and_quarantine(void **state) {
    (void)state;
    const struct times times[] = {
        {NOON + HOUR, NOON + HOUR, NOON},                       /* 13 */
        {NOON, NOON + 5, NOON},                                 /* 12 */
        {NONE, NONE, NOON + HOUR + 7},                          /* 13, by receipt */
        {NONE, NONE, NONE},                                     /* quarantine */
        {EG_LAYOUT_FIRST_US - 1, NOON, NOON},                   /* quarantine */
        {NOON, EG_LAYOUT_BEYOND_US, NOON},                      /* quarantine, by its end */
        {INT64_MAX, INT64_MAX, NOON},                           /* quarantine */
        {-1, NOON, NOON},                                       /* quarantine */
        {NOON + 9, NONE, NONE},                                 /* 12 */
        {EG_LAYOUT_FIRST_US, EG_LAYOUT_BEYOND_US - 1, NONE},    /* 1990 */
    };
    struct eg_batch *batch = flows(times, 10);
    struct eg_shares shares = {0};
    must(eg_split(&shares, batch, NULL, NOON, ERR));
    assert_int_equal(shares.count, 4);
    const struct eg_share *noon = share_of(&shares, NOON), *one = share_of(&shares, NOON + HOUR);
    const struct eg_share *aside = share_of(&shares, INT64_MIN);
    assert_int_equal(noon->batch->rows, 2);
    assert_int_equal(eg_col_i64(&noon->batch->columns[EG_COL(FLOWS, packets)])[0], 1);
    assert_int_equal(eg_col_i64(&noon->batch->columns[EG_COL(FLOWS, packets)])[1], 8);
    assert_int_equal(noon->start_us, NOON);
    assert_int_equal(noon->end_us, NOON + 9);
    assert_int_equal(one->batch->rows, 2);
    assert_int_equal(one->end_us, NOON + HOUR + 7);
    assert_int_equal(aside->batch->rows, 5);
    assert_true(aside->start_us > aside->end_us);
    assert_int_equal(share_of(&shares, EG_LAYOUT_FIRST_US)->batch->rows, 1);
    eg_shares_reset(&shares);
    eg_batch_unref(batch);
}

/* Random times over five hours: each row comes out once, in its hour, in its order. */
static void every_row_once(void **state) {
    (void)state;
    enum { ROWS = 1000 };
    static struct times times[ROWS];
    unsigned seed = 7;
    for (int i = 0; i < ROWS; i++) {
        times[i].start = NOON + (int64_t)(rand_r(&seed) % 5) * HOUR + rand_r(&seed) % 1000;
        times[i].end = times[i].start + rand_r(&seed) % 1000;
        times[i].received = NONE;
    }
    static const uint32_t capacities[] = {1, 7, ROWS};
    for (size_t c = 0; c < 3; c++) {
        struct eg_shares shares = {0};
        bool seen[ROWS] = {false};
        uint32_t total = 0;
        for (uint32_t at = 0; at < ROWS; at += capacities[c]) {
            uint32_t rows = ROWS - at < capacities[c] ? ROWS - at : capacities[c];
            struct eg_batch *batch = flows(times + at, rows);
            must(eg_split(&shares, batch, NULL, NOON, ERR));
            eg_batch_unref(batch);
            for (uint32_t i = 0; i < shares.count; i++) {
                int64_t before = -1;
                for (uint32_t row = 0; row < shares.list[i].batch->rows; row++, total++) {
                    int64_t n = eg_col_i64(
                        &shares.list[i].batch->columns[EG_COL(FLOWS, packets)])[row];
                    assert_true(n > before);
                    before = n;
                    assert_false(seen[at + n]);
                    seen[at + n] = true;
                    assert_true(times[at + n].start >= shares.list[i].hour_us &&
                                times[at + n].start < shares.list[i].hour_us + HOUR);
                    assert_true(times[at + n].start >= shares.list[i].start_us &&
                                times[at + n].end <= shares.list[i].end_us);
                }
            }
            eg_shares_clear(&shares);
        }
        assert_int_equal(total, ROWS);
        eg_shares_reset(&shares);
    }
}

/* A flood of hours: of a file each has its share; of a live source only so many, the good rows all, the rest is
 * quarantine, whatever receipt the record claims for itself. */
static void hours_without_end(void **state) {
    (void)state;
    enum { ROWS = 6000 };
    static struct times times[ROWS];
    for (int i = 0; i < ROWS; i++) {
        int64_t start = i % 2 ? NOON + i : NOON - (int64_t)(i + 100) * HOUR;
        times[i] = (struct times){start, start, i % 4 ? NOON : start};
    }
    struct eg_batch *batch = flows(times, ROWS);
    struct eg_shares shares = {0};
    must(eg_split(&shares, batch, NULL, NOON, ERR));
    assert_int_equal(shares.count, 1 + ROWS / 2);
    for (uint32_t i = 0; i < shares.count; i++) {
        const struct eg_share *share = &shares.list[i];
        assert_int_equal(share->batch->rows, share->hour_us == NOON ? ROWS / 2 : 1);
        assert_int_equal(share->start_us - share->start_us % HOUR, share->hour_us);
    }
    eg_shares_clear(&shares);
    struct eg_far_hours far = {0};
    for (int turn = 0; turn < 3; turn++) {
        must(eg_split(&shares, batch, &far, NOON, ERR));
        assert_int_equal(shares.count, 1 + EG_FAR_HOURS + 1);
        assert_int_equal(share_of(&shares, NOON)->batch->rows, ROWS / 2);
        assert_int_equal(share_of(&shares, INT64_MIN)->batch->rows, ROWS / 2 - EG_FAR_HOURS);
        eg_shares_clear(&shares);
    }
    eg_batch_unref(batch);
    const struct times forged = {NOON + 60 * 24 * HOUR, NOON + 60 * 24 * HOUR, NOON + 60 * 24 * HOUR};
    batch = flows(&forged, 1);
    must(eg_split(&shares, batch, &far, NOON, ERR));
    assert_int_equal(shares.list[0].hour_us, INT64_MIN);
    eg_shares_reset(&shares);
    eg_batch_unref(batch);
}

/* Flows that were metered here are of packets that were seen. */
static void metered_ones_are_not_judged(void **state) {
    (void)state;
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_far_hours far = {0};
    struct eg_shares shares = {0};
    must(eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, 300, EG_COLUMNS_ALL, ERR));
    for (int i = 0; i < 300; i++) {
        eg_put_name(b, EG_COL(FLOWS, source), "packet", 6);
        eg_put_int(b, EG_COL(FLOWS, start_time), NOON - (i + 30) * HOUR);
        eg_put_int(b, EG_COL(FLOWS, end_time), NOON);
        eg_builder_row(b, 1);
    }
    must(eg_builder_seal(b, &batch, ERR));
    eg_builder_free(b);
    must(eg_split(&shares, batch, &far, NOON, ERR));
    assert_int_equal(shares.count, 300);
    eg_shares_reset(&shares);
    eg_batch_unref(batch);
}

static void losses_without_a_time(void **state) {
    (void)state;
    struct eg_builder *b;
    struct eg_batch *batch;
    must(eg_builder_new(&b, eg_table_get(EG_TABLE_LOSSES), EG_TABLE_LOSSES, 2, EG_COLUMNS_ALL, ERR));
    eg_builder_row(b, 1);
    eg_put_int(b, EG_COL(LOSSES, start_time), NOON - 3 * HOUR);
    eg_builder_row(b, 1);
    must(eg_builder_seal(b, &batch, ERR));
    eg_builder_free(b);
    struct eg_shares shares = {0};
    must(eg_split(&shares, batch, NULL, NOON + 77, ERR));
    assert_int_equal(shares.count, 2);
    assert_int_equal(share_of(&shares, NOON)->start_us, NOON + 77); /* as of now */
    assert_int_equal(share_of(&shares, NOON)->end_us, NOON + 77);
    assert_int_equal(share_of(&shares, NOON - 3 * HOUR)->batch->rows, 1);
    eg_shares_reset(&shares);
    eg_batch_unref(batch);
}

static void survives_no_memory(void **state) {
    (void)state;
    const struct times times[] = {{NOON, NOON, NONE}, {NOON + HOUR, NOON + HOUR, NONE}};
    struct eg_batch *batch = flows(times, 2);
    for (long n = 0;; n++) {
        struct eg_shares shares = {0};
        torture_fail_after(n);
        enum eg_status status = eg_split(&shares, batch, NULL, NOON, ERR);
        bool failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        assert_int_equal(shares.count, failed ? 0 : 2);
        eg_shares_reset(&shares);
        if (!failed) break;
    }
    eg_batch_unref(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_hour_is_no_copy), cmocka_unit_test(flows_of_the_future), cmocka_unit_test(hours_and_quarantine),
        cmocka_unit_test(every_row_once), cmocka_unit_test(losses_without_a_time),
        cmocka_unit_test(hours_without_end), cmocka_unit_test(metered_ones_are_not_judged),
        cmocka_unit_test(survives_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
