/* SPDX-License-Identifier: Apache-2.0
 * A dataset copied with its addresses mapped: the same rows but for those, all or nothing. */
#include "store/mapped_copy.h"

#include "parquet.h"
#include "wire/address_map.h"

struct copying {
    struct eg_address_map *map;
    char from[256], to[256];
};

static void setup(struct copying *c, const char *root) {
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {9, 8, 7};
    c->map = eg_address_map_new(key, false);
    snprintf(c->from, sizeof c->from, "%s/from", root);
    snprintf(c->to, sizeof c->to, "%s/to", root);
    struct eg_sink *sink = sink_open_at(c->from);
    sink_write_flows(sink, NOON, 60000000, 100); /* an hour and more: two partitions */
    struct eg_position p = position_at("one", 100);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    eg_sink_dataset.close(sink);
}

static void see_progress(void *to, uint64_t done, uint64_t total) {
    assert_true(done <= total);
    ++*(int *)to;
}

static void copies(void **state) {
    struct copying c;
    int told = 0;
    setup(&c, *state);
    struct eg_mapped_copy copy = {.map = c.map, .progress = see_progress, .progress_to = &told};
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR));
    assert_int_equal(copy.files, 2);
    assert_int_equal(told, 2);
    assert_int_equal(copy.rows[EG_TABLE_FLOWS], 100);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "sum(bytes)"), 5050);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "sum(domain)"), 700);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(distinct exporter)"), 1);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*) filter (exporter = '10.0.0.1')"), 0);
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(src_ip) + count(extra)"), 0); /* null stays */
    eg_address_map_free(c.map);
}

static void never_into_rows_of_others(void **state) {
    struct copying c;
    setup(&c, *state);
    struct eg_mapped_copy copy = {.map = c.map};
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR));
    assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR), EG_E_USAGE);
    assert_non_null(strstr(ERR->message, "holds rows"));
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    assert_int_equal(eg_dataset_mapped_copy(&copy, "/nowhere/at/all", c.to, &test_env, ERR),
                     EG_E_NOENT);
    eg_address_map_free(c.map);
}

/* A copy inside of what is copied, also by another name of it, is refused before anything is written. */
static void never_inside_itself(void **state) {
    struct copying c;
    char within[300], link[300], by_link[320];
    setup(&c, *state);
    struct eg_mapped_copy copy = {.map = c.map};
    snprintf(within, sizeof within, "%s/sub/deeper", c.from);
    snprintf(link, sizeof link, "%s/link", (const char *)*state);
    snprintf(by_link, sizeof by_link, "%s/sub", link);
    assert_int_equal(symlink(c.from, link), 0);
    const char *const places[] = {within, by_link, c.from, link};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, places[i], &test_env, ERR),
                         EG_E_USAGE);
        assert_non_null(strstr(ERR->message, "is inside what is read"));
    }
    snprintf(within, sizeof within, "%s/sub", c.from);
    assert_int_not_equal(access(within, F_OK), 0);
    eg_address_map_free(c.map);
}

static void interrupted(void **state) {
    struct copying c;
    atomic_bool cancel = true;
    struct eg_env env = test_env;
    setup(&c, *state);
    env.cancel = &cancel;
    struct eg_mapped_copy copy = {.map = c.map};
    assert_int_equal(eg_dataset_mapped_copy(&copy, c.from, c.to, &env, ERR), EG_E_CANCELLED);
    must(eg_dataset_mapped_copy(&copy, c.from, c.to, &test_env, ERR)); /* and again, whole */
    assert_int_equal(ask(c.to, EG_TABLE_FLOWS, "count(*)"), 100);
    eg_address_map_free(c.map);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(copies), IN_SCRATCH(never_into_rows_of_others),
                                       IN_SCRATCH(never_inside_itself), IN_SCRATCH(interrupted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
