/* SPDX-License-Identifier: Apache-2.0
 * Places added one by one, held against all of them at once, and against a plain list. */
#include "table/known.h"

#include "base/alloc.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct eg_extract_type flows = {.table = EG_TABLE_FLOWS, .position = "flows"},
                                    packets = {.table = EG_TABLE_PACKETS, .position = "packets"};
static struct eg_scan_request request = {.parts = {{.extract = &flows}, {.extract = &packets}},
                                         .part_count = 2};

static struct eg_position place(int key, int offset, const char *table) {
    struct eg_position p = {.offset = (uint64_t)offset};
    snprintf(p.key, sizeof p.key, "key %03d", key);
    snprintf(p.digest, sizeof p.digest, "%d", offset);
    snprintf(p.table, sizeof p.table, "%s", table);
    return p;
}

static void same(const struct egi_known *a, const struct egi_known *b) {
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->differ, b->differ);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->places[i].key, b->places[i].key);
        assert_int_equal(a->places[i].offset, b->places[i].offset);
        assert_int_equal(a->parts[i], b->parts[i]);
        if (i) assert_true(strcmp(a->places[i - 1].key, a->places[i].key) <= 0);
    }
}

static void in_any_steps(void **state) {
    (void)state;
    const char *const tables[] = {"flows", "packets", "", "counters"};
    srand(3);
    for (int round = 0; round < 40; round++) {
        size_t count = (size_t)(rand() % (round % 4 ? 60 : 4000)),
               begun = count ? (size_t)rand() % count : 0;
        struct eg_position *all = eg_calloc(count + 1, sizeof *all);
        for (size_t i = 0; i < count; i++)
            all[i] = place(rand() % 40, rand() % 30 * 50, tables[rand() % 4]);
        struct egi_known once, steps;
        assert_int_equal(egi_known_init(&once, &request, all, count, NULL), EG_OK);
        assert_int_equal(egi_known_init(&steps, &request, all, begun, NULL), EG_OK);
        for (size_t i = begun; i < count; i++) {
            assert_int_equal(egi_known_add(&steps, &request, &all[i], NULL), EG_OK);
            if (strcmp(all[i].table, "counters") != 0 && steps.fresh_count)
                assert_true(egi_known_waits(&steps, all[i].key));
            if (rand() % 50 == 0) assert_int_equal(egi_known_settle(&steps, &request, NULL), EG_OK);
        }
        assert_int_equal(egi_known_settle(&steps, &request, NULL), EG_OK);
        assert_false(egi_known_waits(&steps, count ? all[0].key : ""));
        same(&once, &steps);
        /* every one is there, with its part, and no other */
        size_t found = 0;
        for (size_t i = 0; i < once.count; i++)
            for (size_t k = 0; k < i; k++)
                if (strcmp(once.places[i].key, once.places[k].key) == 0 &&
                    once.places[i].offset == once.places[k].offset)
                    fail_msg("a place comes twice");
        for (size_t i = 0; i < count; i++) {
            egi_parts part = !all[i].table[0] ? 3 : strcmp(all[i].table, "flows") == 0 ? 1 : 2;
            if (strcmp(all[i].table, "counters") == 0) continue;
            bool there = false;
            for (size_t k = 0; k < once.count; k++)
                there |= strcmp(once.places[k].key, all[i].key) == 0 &&
                         once.places[k].offset == all[i].offset && (once.parts[k] & part) == part;
            found += !there;
        }
        assert_int_equal(found, 0);
        egi_known_reset(&once);
        egi_known_reset(&steps);
        eg_free(all);
    }
}

static void what_waits(void **state) {
    (void)state;
    struct egi_known known;
    assert_int_equal(egi_known_init(&known, &request, NULL, 0, NULL), EG_OK);
    struct eg_position p = place(7, 1000, "flows"), other = place(8, 1000, "counters");
    assert_int_equal(egi_known_add(&known, &request, &p, NULL), EG_OK);
    assert_int_equal(egi_known_add(&known, &request, &other, NULL), EG_OK); /* of no part */
    assert_true(egi_known_waits(&known, p.key));
    assert_false(egi_known_waits(&known, other.key));
    assert_int_equal(known.count, 0);
    assert_int_equal(egi_known_settle(&known, &request, NULL), EG_OK);
    assert_int_equal(known.count, 1);
    assert_true(known.differ);
    assert_false(egi_known_waits(&known, p.key));
    /* one so short that its key may be of fewer bytes may be anybody's */
    p.offset = 40;
    assert_int_equal(egi_known_add(&known, &request, &p, NULL), EG_OK);
    assert_true(egi_known_waits(&known, "another"));
    egi_known_reset(&known);
}

static void no_memory(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct egi_known known;
        struct eg_position p[3] = {place(1, 100, "flows"), place(2, 100, "flows"),
                                   place(1, 100, "packets")};
        torture_fail_after(n);
        enum eg_status status = egi_known_init(&known, &request, p, 2, NULL);
        if (status >= 0) status = egi_known_add(&known, &request, &p[2], NULL);
        if (status >= 0) status = egi_known_settle(&known, &request, NULL);
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        if (!failed) assert_int_equal(known.count, 2);
        egi_known_reset(&known);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_any_steps), cmocka_unit_test(what_waits),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
