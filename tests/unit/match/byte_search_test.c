/* SPDX-License-Identifier: Apache-2.0
 * Searching: random patterns in random bytes, held against looking at every place; edges of what is
 * searched; a piece in front. */
#include "match/byte_search.h"

#include "base/alloc.h"
#include "filter/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "numbers.h"

static uint64_t seed;
static uint32_t draw(uint32_t below) { return xorshift_below(&seed, below); }

/* Few different bytes, so that there is much to find and much that nearly fits. */
static uint8_t byte(void) {
    static const uint8_t few[] = {0x00, 0xff, 'a', 'A', 'b', 0x80};
    return draw(8) ? few[draw(sizeof few)] : (uint8_t)draw(256);
}

static struct eg_byte_set random_set(void) {
    struct eg_byte_set set = {{0}};
    uint32_t members = draw(10) < 7 ? 1 : draw(40);
    for (uint32_t i = 0; i < members; i++) {
        uint8_t b = byte();
        set.bits[b >> 6] |= UINT64_C(1) << (b & 63);
    }
    if (draw(12) == 0)
        for (int i = 0; i < 4; i++) set.bits[i] = ~set.bits[i];
    return set;
}

static bool found_slowly(const struct eg_byte_pattern *pattern, const uint8_t *in, size_t size) {
    for (size_t at = 0; at + pattern->length <= size; at++) {
        uint32_t i = 0;
        while (i < pattern->length && eg_byte_set_has(&pattern->sets[i], in[at + i])) i++;
        if (i == pattern->length) return true;
    }
    return false;
}

static void random_searches(void **state) {
    (void)state;
    struct eg_byte_set sets[40];
    uint32_t hits = 0;
    seed = 20261121;
    for (int round = 0; round < 20000; round++) {
        struct eg_byte_pattern pattern = {.sets = sets, .length = 1 + draw(draw(4) ? 4 : 40)};
        for (uint32_t i = 0; i < pattern.length; i++) sets[i] = random_set();
        eg_byte_pattern_settle(&pattern);
        size_t size = draw(draw(2) ? 40 : 200);
        uint8_t *in = eg_malloc(size + 1); /* so that a sanitizer sees a step too far */
        for (size_t i = 0; i < size; i++) in[i] = byte();
        bool slow = found_slowly(&pattern, in, size);
        assert_int_equal(eg_byte_pattern_found(&pattern, eg_span(in, size)), slow);
        size_t front = size ? draw((uint32_t)(size < 60 ? size : 60)) : 0;
        assert_int_equal(eg_byte_pattern_found_behind(&pattern, eg_span(in, front),
                                                      eg_span(in + front, size - front)),
                         slow);
        hits += slow;
        eg_free(in);
    }
    assert_in_range(hits, 4000, 16000); /* both answers come often */
}

/* One byte at each place of inputs of each length up to 70: no place is passed over. */
static void every_place(void **state) {
    (void)state;
    for (size_t size = 1; size <= 70; size++)
        for (size_t at = 0; at + 3 <= size; at++) {
            struct eg_arena arena = {0};
            struct eg_byte_pattern *pattern = NULL;
            uint8_t *in = eg_malloc(size);
            memset(in, 0, size);
            assert_int_equal(eg_byte_pattern_parse(&pattern, "'x' . 'y'", 9, &arena, NULL), EG_OK);
            assert_false(eg_byte_pattern_found(pattern, eg_span(in, size)));
            in[at] = 'x';
            in[at + 2] = 'y';
            assert_true(eg_byte_pattern_found(pattern, eg_span(in, size)));
            assert_false(eg_byte_pattern_found(pattern, eg_span(in, at + 2)));
            assert_true(eg_byte_pattern_found(pattern, eg_span(in + at, 3)));
            eg_free(in);
            eg_arena_reset(&arena);
        }
}

/* Of what stands in front its end counts, however long it is. */
static void long_fronts(void **state) {
    (void)state;
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    uint8_t front[EG_PATTERN_FRONT_MAX + 40] = {0};
    assert_int_equal(eg_byte_pattern_parse(&pattern, "'xyz'", 5, &arena, NULL), EG_OK);
    for (size_t size = 1; size <= sizeof front; size++) {
        front[size - 1] = 'x';
        assert_true(eg_byte_pattern_found_behind(pattern, eg_span(front, size), eg_span("yz", 2)));
        assert_false(eg_byte_pattern_found_behind(pattern, eg_span(front, size), eg_span("y", 1)));
        assert_false(eg_byte_pattern_found_behind(pattern, eg_span(front, size), eg_span("z", 1)));
        front[size - 1] = 0;
    }
    eg_arena_reset(&arena);
}

/* A kind holds for all of a set, and for no more than it must. */
static void kinds(void **state) {
    (void)state;
    seed = 7;
    for (int round = 0; round < 2000; round++) {
        struct eg_byte_set set = random_set();
        struct eg_byte_kind kind = eg_byte_set_kind(&set);
        for (unsigned b = 0; b < 256; b++)
            if (eg_byte_set_has(&set, (uint8_t)b)) assert_true(eg_byte_is(kind, (uint8_t)b));
    }
    static const struct {
        const char *pattern;
        unsigned count;
    } exact[] = {{"41", 1},    {"`a`", 2},   {"20-7f", 96}, {"^00", 255}, {"&c0", 64},
                 {"~80", 128}, {"^7f", 255}, {"~00", 0},    {".", 256},   {"[f0-ff 00-0f]", 32}};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        struct eg_arena arena = {0};
        struct eg_byte_pattern *pattern = NULL;
        unsigned count = 0;
        assert_int_equal(eg_byte_pattern_parse(&pattern, exact[i].pattern, strlen(exact[i].pattern),
                                               &arena, NULL),
                         EG_OK);
        struct eg_byte_kind kind = eg_byte_set_kind(&pattern->sets[0]);
        for (unsigned b = 0; b < 256; b++) count += eg_byte_is(kind, (uint8_t)b);
        if (count != exact[i].count) fail_msg("%s: %u", exact[i].pattern, count);
        eg_arena_reset(&arena);
    }
}

/* What is rarest is looked for first. */
static void choice(void **state) {
    (void)state;
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    assert_int_equal(eg_byte_pattern_parse(&pattern, "00 00 9b 00 '~'", 15, &arena, NULL), EG_OK);
    assert_int_equal(pattern->length, 5);
    assert_int_equal(pattern->pair.first_at, 2);
    assert_int_equal(pattern->pair.second_at, 4);
    eg_arena_reset(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_searches), cmocka_unit_test(every_place),
        cmocka_unit_test(long_fronts),     cmocka_unit_test(kinds),
        cmocka_unit_test(choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
