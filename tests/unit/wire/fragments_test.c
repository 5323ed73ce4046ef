/* SPDX-License-Identifier: Apache-2.0
 * Reassembly: any order, repetition, overlap, loss, limits. */
#include "exports_make.h"
#include "torture.h"
#include "wire/fragments.h"
#include "numbers.h"

static uint64_t seed = 1;
static uint32_t chance(uint32_t below) { return xorshift_below(&seed, below); }

static struct eg_fragments *parts;
static struct eg_fragments_lost last;
static uint32_t losses[EG_CAUSE_COUNT];
static uint8_t heads[64];

static void lost(void *to, const struct eg_fragments_lost *what) {
    assert_ptr_equal(to, &last);
    last = *what;
    if (what->head.size) memcpy(heads, what->head.at, what->head.size < 64 ? what->head.size : 64);
    losses[what->cause]++;
}
static int begin(void **state) {
    (void)state;
    parts = eg_fragments_new(lost, &last);
    memset(losses, 0, sizeof losses);
    return parts ? 0 : -1;
}
static int end(void **state) {
    (void)state;
    eg_fragments_free(parts);
    return 0;
}

static uint8_t datagram[70000];

static struct eg_fragment piece(uint32_t id, uint32_t offset, uint32_t size, bool more) {
    return (struct eg_fragment){.id = id,
                                .proto = 17,
                                .more = more,
                                .offset = offset,
                                .length = size,
                                .bytes = eg_span(datagram + offset, size),
                                .time_us = BASE_US};
}
static bool add(struct eg_fragment p, struct eg_span *whole) {
    return eg_fragments_add(parts, &p, whole);
}

static void any_order_gives_the_datagram(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof datagram; i++) datagram[i] = (uint8_t)(i * 31 + i / 256);
    for (int round = 0; round < 500; round++) {
        uint32_t size = 9 + chance(round % 10 ? 3000 : 65527), offsets[4000], n = 0;
        uint32_t most = 8 * (1 + chance(200));
        if (size / most > 3900) most = 1480;
        for (uint32_t at = 0; at < size; at += most) offsets[n++] = at;
        for (uint32_t i = n; i > 1; i--) {
            uint32_t k = chance(i), t = offsets[i - 1];
            offsets[i - 1] = offsets[k];
            offsets[k] = t;
        }
        struct eg_span whole;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t length = size - offsets[i] < most ? size - offsets[i] : most;
            bool more = offsets[i] + length < size;
            bool is_last = i == n - 1;
            assert_int_equal(add(piece(7, offsets[i], length, more), &whole), is_last);
            if (!is_last && chance(3) == 0) /* the same again */
                assert_false(add(piece(7, offsets[i], length, more), &whole));
        }
        assert_int_equal(whole.size, size);
        assert_memory_equal(whole.at, datagram, size);
    }
    eg_fragments_drain(parts);
    for (int i = 0; i < EG_CAUSE_COUNT; i++) assert_int_equal(losses[i], 0);
}

static void overlaps_drop_the_datagram(void **state) {
    (void)state;
    struct eg_span whole;
    static uint8_t other[64] = {9};
    for (int k = 0; k < 5; k++) {
        uint32_t id = (uint32_t)k;
        assert_false(add(piece(id, 0, 64, true), &whole));
        struct eg_fragment bad = piece(id, 32, 64, true); /* half of it again */
        if (k == 1) bad = piece(id, 0, 64, true), bad.bytes = eg_span(other, 64); /* other bytes */
        if (k == 2) bad = piece(id, 56, 16, false);
        if (k == 3) bad = piece(id, 32, 8, false); /* ends before what is there */
        if (k == 4) {
            assert_false(add(piece(id, 128, 8, false), &whole));
            bad = piece(id, 136, 8, true); /* behind the end */
        }
        assert_false(add(bad, &whole));
        assert_int_equal(losses[EG_CAUSE_fragment_overlap], k + 1);
        assert_int_equal(last.head.size, 64);
        assert_memory_equal(heads, datagram, 64);
        assert_false(add(piece(id, 64, 64, false), &whole)); /* it stays dropped */
    }
    eg_fragments_drain(parts);
    assert_int_equal(losses[EG_CAUSE_fragment_overlap], 5);
    assert_int_equal(losses[EG_CAUSE_fragment_incomplete], 0);
}

/* An overlap seen before the head is told when the head comes, or at the end. */
static void overlaps_wait_for_the_head(void **state) {
    (void)state;
    struct eg_span whole;
    assert_false(add(piece(1, 64, 64, true), &whole));
    assert_false(add(piece(1, 72, 64, true), &whole));
    assert_int_equal(losses[EG_CAUSE_fragment_overlap], 0);
    assert_false(add(piece(1, 0, 64, true), &whole));
    assert_int_equal(losses[EG_CAUSE_fragment_overlap], 1);
    assert_int_equal(last.head.size, 64);
    assert_false(add(piece(2, 64, 64, true), &whole));
    assert_false(add(piece(2, 72, 64, true), &whole));
    eg_fragments_drain(parts);
    assert_int_equal(losses[EG_CAUSE_fragment_overlap], 2);
    assert_int_equal(last.head.size, 0);
}

static void half_a_minute_is_enough(void **state) {
    (void)state;
    struct eg_span whole;
    assert_false(add(piece(1, 0, 64, true), &whole));
    struct eg_fragment p = piece(1, 64, 8, false);
    p.time_us += EG_FRAGMENTS_US;
    assert_true(add(p, &whole));
    assert_false(add(piece(1, 0, 64, true), &whole));
    p.time_us += 1;
    assert_false(add(p, &whole)); /* the beginning is gone; this begins another */
    assert_int_equal(losses[EG_CAUSE_fragment_incomplete], 1);
    assert_int_equal(last.pieces, 1);
    assert_int_equal(last.bytes, 64);
    p.time_us -= 3600 * INT64_C(1000000); /* a clock that steps back expires nothing */
    p.id = 2;
    assert_false(add(p, &whole));
    p.time_us = INT64_MIN; /* nor does one that is not there */
    p.id = 3;
    assert_false(add(p, &whole));
    assert_int_equal(losses[EG_CAUSE_fragment_incomplete], 1);
    eg_fragments_drain(parts);
    assert_int_equal(losses[EG_CAUSE_fragment_incomplete], 4);
}

static void only_so_many_at_once(void **state) {
    (void)state;
    struct eg_span whole;
    for (uint32_t i = 0; i < EG_FRAGMENTS_MAX + 3; i++)
        assert_false(add(piece(i, 0, 64, true), &whole));
    assert_int_equal(losses[EG_CAUSE_fragment_overflow], 3);
    assert_false(add(piece(2, 64, 8, false), &whole)); /* the oldest went */
    assert_true(add(piece(100, 64, 8, false), &whole));
}

static void what_is_no_fragment_is_left(void **state) {
    (void)state;
    struct eg_span whole;
    assert_false(add(piece(1, 0, 0, true), &whole));
    assert_false(add(piece(1, 4, 8, true), &whole));
    assert_false(add(piece(1, 0, 9, true), &whole));
    assert_false(add(piece(1, 65528, 16, false), &whole));
    struct eg_fragment huge = piece(1, 8, 8, false);
    huge.length = UINT32_MAX;
    assert_false(add(huge, &whole));
    eg_fragments_drain(parts);
    for (int i = 0; i < EG_CAUSE_COUNT; i++) assert_int_equal(losses[i], 0);
}

static void a_cut_fragment_only_names_its_datagram(void **state) {
    (void)state;
    struct eg_span whole;
    struct eg_fragment cut = piece(1, 0, 64, true);
    cut.bytes.size = 20;
    assert_false(add(cut, &whole));
    assert_false(add(piece(1, 64, 8, false), &whole));
    eg_fragments_drain(parts);
    assert_int_equal(losses[EG_CAUSE_fragment_incomplete], 1);
    assert_int_equal(last.head.size, 20);
}

static void rubbish_is_bounded(void **state) {
    (void)state;
    struct eg_span whole;
    for (int i = 0; i < 200000; i++) {
        struct eg_fragment p = piece(chance(300), 8 * chance(60), 8 * chance(30), chance(2));
        p.bytes.size = chance(4) ? p.length : chance(p.length + 1);
        p.time_us += (int64_t)chance(100) * 1000000;
        if (eg_fragments_add(parts, &p, &whole))
            assert_memory_equal(whole.at, datagram, whole.size);
    }
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct eg_span whole;
    for (long n = 0;; n++) {
        memset(losses, 0, sizeof losses);
        torture_fail_after(n);
        bool got = add(piece(1, 0, 4096, true), &whole);
        got = add(piece(1, 4096, 8000, false), &whole) || got;
        bool failed = torture_off();
        eg_fragments_drain(parts);
        assert_int_equal(got, !failed);
        if (!failed) break;
        assert_int_equal(losses[EG_CAUSE_no_memory], 1);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(any_order_gives_the_datagram),
        TEST(overlaps_drop_the_datagram),
        TEST(overlaps_wait_for_the_head),
        TEST(half_a_minute_is_enough),
        TEST(only_so_many_at_once),
        TEST(what_is_no_fragment_is_left),
        TEST(a_cut_fragment_only_names_its_datagram),
        TEST(rubbish_is_bounded),
        TEST(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
