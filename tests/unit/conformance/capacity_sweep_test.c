/* SPDX-License-Identifier: Apache-2.0
 * Sizes are nobody's business: with batches of 1, 7 or 4096 rows, units of 300 bytes or as large as
 * suits, one worker or three, at once or by turns, a capture gives the same rows and the same counts. */
#include "conformance/sweep.h"

#define SIZE_MAX_READ (256u << 10)
#ifdef SWEEP_SLOW
#define EACH 2 /* under a sanitizer every other combination, others for the next capture */
#else
#define EACH 1
#endif

static void describe(const char *path, const struct sweep_how *how, char *text, size_t size) {
    snprintf(text, size, "%s: batches of %u, units of %llu bytes, %u workers%s", path,
             how->batch_rows, (unsigned long long)how->unit_bytes, how->workers,
             how->turns ? " by turns" : "");
}

#define ORDER(member)                                                                              \
    do {                                                                                           \
        if (a->member != b->member) return a->member < b->member ? -1 : 1;                         \
    } while (0)

static int entry_order(const void *left, const void *right) {
    const struct eg_tally_entry *a = left, *b = right;
    ORDER(cause);
    ORDER(hour);
    ORDER(domain);
    int order = memcmp(&a->exporter, &b->exporter, sizeof a->exporter);
    if (!order) order = strcmp(a->source, b->source);
    if (order) return order;
    ORDER(has_exporter);
    ORDER(start_us);
    ORDER(end_us);
    ORDER(records);
    ORDER(packets);
    ORDER(bytes);
    return 0;
}

/* A source counts a batch ahead of the decoders, so their order may differ, and nothing else. */
static void check_tally(const char *what, struct eg_tally *expected, struct eg_tally *got) {
    if (expected->count)
        qsort(expected->entries, expected->count, sizeof *expected->entries, entry_order);
    if (got->count) qsort(got->entries, got->count, sizeof *got->entries, entry_order);
    for (uint32_t i = 0; i < expected->count && i < got->count; i++)
        if (entry_order(&expected->entries[i], &got->entries[i]) != 0)
            fail_msg("%s: count %u (%s, then %s) is not the same", what, i,
                     eg_cause_info(expected->entries[i].cause)->name,
                     eg_cause_info(got->entries[i].cause)->name);
    if (expected->count != got->count || got->lost)
        fail_msg("%s: %u counts, not %u", what, got->count, expected->count);
}

static void check_rows(const char *what, const char *table, const struct sweep_rows *expected,
                       struct sweep_rows *got) {
    sweep_sort(got);
    if (got->count != expected->count)
        fail_msg("%s: %zu %s, not %zu", what, got->count, table, expected->count);
    if (!sweep_same(got, expected)) fail_msg("%s: other %s", what, table);
}

/* Answers how many readings it compared. */
static unsigned check_capture(const struct sweep_capture *capture, size_t number,
                              const struct sweep_place *at, struct sweep_result *got) {
    static const uint32_t capacities[] = {4096, 7, 1}, workers[] = {1, 3, 3};
    static const uint64_t units[] = {0, 300};
    struct sweep_result expected = {0};
    unsigned readings = 0;
    sweep_put(at, capture->bytes, capture->size);
    for (int i = 0; i < 3 * 2 * 3; i++) {
        struct sweep_how how = {.batch_rows = capacities[i / 6],
                                .unit_bytes = units[i / 3 % 2],
                                .workers = workers[i % 3],
                                .turns = i % 3 == 2};
        struct sweep_result *to = i ? got : &expected;
        if (i && (number + (size_t)i) % EACH) continue;
        char what[4400];
        describe(capture->path, &how, what, sizeof what);
        sweep_read(at->path, &how, to);
        if (i == 0) {
            sweep_sort(&expected.packets);
            sweep_sort(&expected.flows);
            continue;
        }
        if (got->status != expected.status || got->trouble != expected.trouble)
            fail_msg("%s: %s %s %s", what, eg_status_name(got->status),
                     eg_status_name(got->trouble), got->err.message);
        check_rows(what, "packets", &expected.packets, &got->packets);
        check_rows(what, "flows", &expected.flows, &got->flows);
        check_tally(what, &expected.tally, &got->tally);
        readings++;
    }
    sweep_result_reset(&expected);
    return readings;
}

static void check_all(const struct sweep_captures *all) {
    struct sweep_place at = sweep_place();
    struct sweep_result got = {0};
    unsigned readings = 0;
    size_t packets = 0, flows = 0;
    for (size_t i = 0; i < all->count; i++) {
        readings += check_capture(&all->items[i], i, &at, &got);
        packets += got.packets.count;
        flows += got.flows.count;
    }
    print_message("%zu captures, %u readings, %zu packets and %zu flows in each\n", all->count,
                  readings, packets, flows);
    sweep_result_reset(&got);
    close(at.fd);
    assert_true(packets > all->count && flows > 0);
}

static void shared_captures(void **state) {
    (void)state;
    struct sweep_captures all = sweep_shared(SIZE_MAX_READ);
    assert_true(all.count > 390);
    check_all(&all);
    sweep_forget(&all);
}

static void bad_captures(void **state) {
    (void)state;
    struct sweep_captures all = {0};
    sweep_find(&all, "tests", "bad", SIZE_MAX_READ);
    assert_true(all.count > 60);
    check_all(&all);
    sweep_forget(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_captures),
        cmocka_unit_test(shared_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
