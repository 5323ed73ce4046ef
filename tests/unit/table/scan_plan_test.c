/* SPDX-License-Identifier: Apache-2.0
 * Where an input is taken up: readings, and the state of a part that held rows back. */
#include "table/scan_input.h"
#include "table/scan_state.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "table/scan_fake.h"
#include "torture.h"

static struct eg_env env;

static struct eg_scan_request request_of(const char *const *input) {
    env = fake_env(16);
    return fake_request(input, 1);
}

/* Tables known to different places: one pass for each place, none for what is known whole. */
static void passes(void **state) {
    (void)state;
    const char *const uri = "a:100:30:", *const gone = "gone:1:1:o";
    const struct {
        uint64_t flows, packets; /* known up to; 0: not */
        egi_parts passes[2];     /* bit 0 flows, bit 1 packets */
    } cases[] = {
        {0, 0, {3, 0}},    {500, 500, {3, 0}},  {1000, 1000, {3, 0}},
        {500, 0, {1, 2}},  {0, 500, {1, 2}},    {1000, 0, {2, 0}},
        {0, 1000, {1, 0}}, {1000, 200, {2, 0}}, {200, 500, {1, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_position positions[3] = {{.key = "other", .offset = 10, .table = "losses"}};
        size_t count = 1;
        if (cases[i].packets)
            positions[count++] =
                (struct eg_position){.key = "a", .offset = cases[i].packets, .table = "packets"};
        if (cases[i].flows)
            positions[count++] =
                (struct eg_position){.key = "a", .offset = cases[i].flows, .table = "flows"};
        struct eg_scan_request request = request_of(&uri);
        struct egi_known known;
        struct egi_pass got[EG_SCAN_PARTS_MAX] = {{.parts = 0}};
        assert_int_equal(egi_known_init(&known, &request, positions, count, NULL), EG_OK);
        assert_int_equal(known.differ, cases[i].flows != cases[i].packets);
        uint32_t expected = cases[i].passes[1] ? 2 : 1;
        assert_int_equal(egi_input_passes(&env, &request, &known, 0, got), expected);
        assert_int_equal(got[0].parts, cases[i].passes[0]);
        if (expected == 2) assert_int_equal(got[1].parts, cases[i].passes[1]);
        /* what the source counts is told once, by the reading that begins the furthest behind */
        uint64_t at = cases[i].passes[0] & 1 ? cases[i].flows : cases[i].packets;
        uint64_t other = cases[i].flows + cases[i].packets - at;
        assert_int_equal(got[0].counted, at < other);
        if (expected == 2) assert_int_equal(got[1].counted, other < at);
        request = request_of(&gone);
        assert_int_equal(egi_input_passes(&env, &request, &known, 0, got), 1);
        assert_int_equal(got[0].parts, 3); /* opening it will say what is wrong */
        egi_known_reset(&known);
        assert_int_equal(fake_open_sources, 0);
    }
}

static enum eg_status begins(void *to, const char *name, uint64_t size,
                             const struct eg_position *known, struct eg_error *err) {
    (void)err;
    assert_string_equal(name, "a:100:30:");
    assert_int_equal(size, 1000);
    assert_int_equal(known->offset, 1500);
    ++*(int *)to;
    return strcmp(known->name, "whole") == 0 ? EG_OK : EG_END;
}

/* An input that ends before a known place is known where it is the beginning of what that is of. */
static void beginnings(void **state) {
    (void)state;
    const char *const uri = "a:100:30:";
    for (int same = 0; same < 2; same++) {
        struct eg_position positions[] = {
            {.key = "a", .offset = 1500, .table = "packets"},
            {.key = "a", .offset = 500, .table = "packets", .name = "begins alike"},
            {.key = "b", .offset = 1500, .table = "packets", .name = "whole"}};
        snprintf(positions[0].name, sizeof positions[0].name, "%s", same ? "whole" : "another");
        struct eg_scan_request request = request_of(&uri);
        struct egi_known known;
        struct egi_pass got[EG_SCAN_PARTS_MAX] = {{.parts = 0}};
        struct eg_source *source;
        struct eg_plan plan;
        int asked = 0;
        request.known_begins = begins;
        request.claim_to = &asked;
        assert_int_equal(egi_known_init(&known, &request, positions, 3, NULL), EG_OK);
        assert_int_equal(fake_source.open(&env, uri, NULL, &source, NULL), EG_OK);
        assert_int_equal(egi_plan_for(source, uri, &request, &known, 2, &plan, NULL), EG_OK);
        assert_int_equal(asked, 1);
        assert_int_equal(plan.state, same ? EG_PLAN_KNOWN : EG_PLAN_GROWN);
        assert_string_equal(plan.like, same ? "whole" : "");
        fake_source.close(source);
        /* of flows nothing is known */
        assert_int_equal(egi_input_passes(&env, &request, &known, 0, got), same ? 1 : 2);
        assert_int_equal(got[0].parts, 1);
        egi_known_reset(&known);
    }
}

static struct eg_position held_at(const char *key, uint64_t offset, uint64_t reached,
                                  uint64_t rows) {
    struct eg_position at = {.offset = offset, .table = "metered"};
    struct eg_position until = {.offset = reached};
    struct eg_extract_state state = {.given = {rows}};
    snprintf(at.key, sizeof at.key, "%s", key);
    assert_true(egi_state_text(&state, &until, at.state));
    return at;
}

/* The latest state that is of this input and of the place where it is taken up; a place without one
 * that lies further is better. */
static void states(void **state) {
    (void)state;
    const char *const uri = "a:100:30:";
    static const struct {
        struct {
            const char *key;
            uint64_t offset, reached, rows; /* no rows: a place where nothing was held */
        } places[3];
        uint64_t resume, left;
    } cases[] = {
        {{{0}}, 0, 0},
        {{{"a", 0, 500, 7}}, 0, 7},
        {{{"a", 0, 500, 7}, {"a", 0, 700, 9}, {"a", 0, 300, 2}}, 0, 9},
        {{{"b", 0, 500, 7}}, 0, 0},
        {{{"a", 0, 500, 7}, {"a", 400, 0, 0}}, 400, 0},
        {{{"a", 0, 500, 7}, {"a", 400, 0, 0}, {"a", 400, 900, 3}}, 400, 3},
        {{{"a", 0, 5000, 70}}, 0, 0}, /* it has not so much: it was another that began alike */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_scan_request request = request_of(&uri);
        request.parts[2] = request.parts[1];
        request.parts[1] = (struct eg_scan_part){.extract = &fake_metered};
        request.part_count = 3;
        struct eg_position places[3];
        size_t count = 0;
        for (; count < 3 && cases[i].places[count].key; count++) {
            const char *key = cases[i].places[count].key;
            uint64_t offset = cases[i].places[count].offset;
            places[count] = cases[i].places[count].rows
                                ? held_at(key, offset, cases[i].places[count].reached,
                                          cases[i].places[count].rows)
                                : (struct eg_position){.offset = offset, .table = "metered"};
            snprintf(places[count].key, sizeof places[count].key, "%s", key);
        }
        struct egi_known known;
        struct egi_input *input;
        enum eg_plan_state planned;
        const struct egi_pass pass = {.parts = 2};
        assert_int_equal(egi_known_init(&known, &request, places, count, NULL), EG_OK);
        assert_int_equal(egi_input_open(&input, &env, &request, &known, 0, &pass, &planned, NULL),
                         EG_OK);
        bool refused;
        assert_int_equal(egi_input_begin(input, &known, &refused, NULL), EG_OK);
        assert_int_equal(input->plan.resume_offset, cases[i].resume);
        assert_int_equal(input->states[1].leave[0], cases[i].left);
        assert_int_equal(input->fed, 3); /* exports claim before it; packets do not matter to it */
        assert_true(egi_input_ticks(input));
        egi_input_free(input);
        egi_known_reset(&known);
        assert_int_equal(fake_open_sources, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
