/* SPDX-License-Identifier: Apache-2.0
 * Every allocation of a reading fails once: no crash, leak or hang, no wrong row, and nothing is
 * lost in silence: either the reading ends with EG_E_NOMEM, or what was dropped was counted. */
#include "conformance/pack.h"
#include "conformance/sweep.h"

#define EACH 300 /* so many allocations are failed one by one, the rest in growing steps */
#define HANG_SECONDS 60

static uint64_t seed = 20261121;

/* A reading as it should be. */
struct right {
    const char *name;
    struct sweep_result read;
};

static struct right right_read(const char *name, const struct sweep_place *at,
                               const struct sweep_how *how) {
    struct right right = {.name = name};
    sweep_read(at->path, how, &right.read);
    sweep_sort(&right.read.packets);
    sweep_sort(&right.read.flows);
    return right;
}

static unsigned wrong;

/* All that is wrong is told before the test fails. */
static void tell(const struct right *right, long n, const char *what, const char *more) {
    print_message("%s, allocation %ld: %s %s\n", right->name, n, what, more);
    wrong++;
}

#define HOLDS(right, n, condition)                                                                 \
    do {                                                                                           \
        if (!(condition)) tell(right, n, "not so:", #condition);                                   \
    } while (0)

/* Rows that are missing must be counted. */
static void check_missing(const struct right *right, long n, const struct sweep_result *got) {
    struct eg_tally_entry lost = eg_tally_sum(&got->tally, EG_CAUSE_no_memory);
    size_t packets = right->read.packets.count - got->packets.count;
    size_t flows = right->read.flows.count - got->flows.count;
    if (got->tally.lost) return; /* it says itself that it is short of something */
    HOLDS(right, n, packets == 0 || (size_t)lost.packets >= packets);
    HOLDS(right, n, flows == 0 || lost.records > 0);
    if (packets == 0 && flows == 0 && lost.packets == 0 && lost.records == 0) {
        enum eg_cause differs = sweep_tally_differs(&got->tally, &right->read.tally);
        if (differs != EG_CAUSE_COUNT)
            tell(right, n, "another count of", eg_cause_info(differs)->name);
    }
}

static void check_reading(const struct right *right, long n, struct sweep_result *got) {
    sweep_sort(&got->packets);
    sweep_sort(&got->flows);
    HOLDS(right, n, sweep_among(&got->packets, &right->read.packets));
    HOLDS(right, n, sweep_among(&got->flows, &right->read.flows));
    if (got->status == EG_E_NOMEM && right->read.status != EG_E_NOMEM) {
        HOLDS(right, n, got->failed && got->err.message[0]);
        return;
    }
    if (got->status != right->read.status)
        tell(right, n, eg_status_name(got->status), got->err.message);
    HOLDS(right, n, got->trouble == right->read.trouble);
    check_missing(right, n, got);
    if (got->failed) return;
    HOLDS(right, n, sweep_same(&got->packets, &right->read.packets));
    HOLDS(right, n, sweep_same(&got->flows, &right->read.flows));
}

/* What is at `at`, with the n-th allocation failing for n = 0, 1, ... until none is left. */
static long sweep_as(const char *name, const struct sweep_place *at, struct sweep_how how,
                     struct sweep_result *got) {
    struct right right = right_read(name, at, &how);
    how.fail = true;
    long n = 0, runs = 0;
    alarm(HANG_SECONDS);
    do {
        how.fail_after = n;
        sweep_read(at->path, &how, got);
        check_reading(&right, n, got);
        n += n < EACH ? 1 : 1 + (long)(made_random(&seed) % (uint64_t)(n / 50));
        runs++;
    } while (got->failed);
    alarm(0);
    if (!wrong && sweep_leaks()) tell(&right, n, "memory was leaked", "");
    sweep_result_reset(&right.read);
    return runs;
}

static long sweep(const char *name, const struct sweep_place *at, struct sweep_result *got) {
    return sweep_as(name, at, (struct sweep_how){.batch_rows = 7, .workers = 1, .unit_bytes = 700},
                    got);
}

static long sweep_turns(const char *name, const struct sweep_place *at, struct sweep_result *got) {
    struct sweep_how how = {.batch_rows = 2, .workers = 3, .unit_bytes = 300, .turns = true};
    return sweep_as(name, at, how, got);
}

/* Several workers: which allocation fails is chance, that all of them come to an end is not. */
static long sweep_together(const char *name, const struct sweep_place *at,
                           struct sweep_result *got) {
    struct sweep_how how = {.batch_rows = 7, .workers = 3, .unit_bytes = 300};
    struct right right = right_read(name, at, &how);
    how.fail = true;
    long runs = 0;
    alarm(HANG_SECONDS);
    for (long n = 0; runs < 60; n += 1 + (long)(made_random(&seed) % 8), runs++) {
        how.fail_after = n;
        sweep_read(at->path, &how, got);
        check_reading(&right, n, got);
    }
    alarm(0);
    sweep_result_reset(&right.read);
    return runs;
}

typedef long sweep_fn(const char *name, const struct sweep_place *, struct sweep_result *);

/* All that is chosen of `all`, plain or packed. */
static void sweep_all(const struct sweep_captures *all, bool packs, sweep_fn *each) {
    struct sweep_place at = sweep_place();
    struct sweep_result got = {0};
    long runs = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct sweep_capture *c = &all->items[i];
        for (int kind = packs ? 0 : PACK_KINDS; kind < PACK_KINDS; kind++) {
            struct packed p = pack((enum pack_kind)kind, c->bytes, c->size, 512);
            char name[4200];
            snprintf(name, sizeof name, "%s%s", pack_names[kind], c->path);
            sweep_put(&at, p.bytes, p.size);
            runs += each(name, &at, &got);
            packed_free(&p);
        }
        if (packs) continue;
        sweep_put(&at, c->bytes, c->size);
        runs += each(c->path, &at, &got);
    }
    print_message("%zu captures, %ld readings\n", all->count, runs);
    sweep_result_reset(&got);
    close(at.fd);
    assert_int_equal(wrong, 0);
}

/* ---- choosing ---- */

static struct sweep_captures exports_find(void) {
    struct sweep_captures found = {0};
    sweep_find(&found, "tests", "bad", 4096);
    assert_true(found.count > 40);
    return found;
}

/* Keeps those whose path holds one of the texts (ends with NULL). */
static void keep_named(struct sweep_captures *all, const char *const *texts) {
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct sweep_capture c = all->items[i];
        bool named = false;
        for (size_t k = 0; texts[k]; k++) named = named || strstr(c.path, texts[k]);
        if (named) {
            all->items[kept++] = c;
            continue;
        }
        free(c.path);
        free(c.bytes);
    }
    all->count = kept;
}

/* Keeps one pcap of each link type. */
static void keep_link_types(struct sweep_captures *all) {
    bool seen[512] = {false};
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct sweep_capture c = all->items[i];
        uint32_t type = c.ng ? 511 : sweep_u32(c.bytes + 20, c.bytes[0] == 0xa1) % 511;
        if (!c.ng && !seen[type]) {
            seen[type] = true;
            all->items[kept++] = c;
            continue;
        }
        free(c.path);
        free(c.bytes);
    }
    all->count = kept;
}

static void exports(void **state) {
    (void)state;
    static const char *const names[] = {"B01", "B02", "B22-records", "B23",
                                        "B45", "B46", "B50",         NULL};
    struct sweep_captures all = exports_find();
    keep_named(&all, names);
    sweep_all(&all, false, sweep);
    sweep_forget(&all);
}

static void compressed(void **state) {
    (void)state;
    static const char *const names[] = {"B45-fragments-in-order", "B41-header-cut", NULL};
    struct sweep_captures all = exports_find();
    keep_named(&all, names);
    sweep_all(&all, true, sweep);
    sweep_forget(&all);
}

static void link_types(void **state) {
    (void)state;
    struct sweep_captures all = sweep_shared(2048);
    keep_link_types(&all);
    assert_true(all.count > 15);
    sweep_all(&all, false, sweep);
    sweep_forget(&all);
}

static void pcapng(void **state) {
    (void)state;
    static const char *const names[] = {"generator/le/", "generator/be/test005", NULL};
    struct sweep_captures all = sweep_shared(8192);
    keep_named(&all, names);
    assert_true(all.count > 15);
    sweep_all(&all, false, sweep);
    sweep_forget(&all);
}

static void several_workers(void **state) {
    (void)state;
    static const char *const names[] = {"B45", "B50-several", "B02-more", NULL};
    struct sweep_captures all = exports_find();
    keep_named(&all, names);
    sweep_all(&all, false, sweep_turns);
    sweep_all(&all, false, sweep_together);
    sweep_all(&all, true, sweep_together);
    sweep_forget(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports), cmocka_unit_test(compressed),      cmocka_unit_test(link_types),
        cmocka_unit_test(pcapng),  cmocka_unit_test(several_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
