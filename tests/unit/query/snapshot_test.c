/* SPDX-License-Identifier: Apache-2.0
 * The files of a dataset at one moment: what is new, what is gone, what a time range leaves. */
#include "query/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "empty_dataset.h"
#include "torture.h"

static struct empty_dataset place;

/* An empty file in a partition, as somebody else might have put it there. */
static void put(const char *table, const char *hour, const char *name, bool there) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s/date=2026-01-02/hour=%s", place.root, table, hour);
    assert_int_equal(eg_dir_make(path, NULL), EG_OK);
    snprintf(path, sizeof path, "%s/%s/date=2026-01-02/hour=%s/%s.parquet", place.root, table, hour,
             name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    if (!there) unlink(path);
}

static void what_is_new_and_gone(void **state) {
    struct eg_dataset *ds = *state;
    struct eg_snapshot before, now, fresh;
    size_t gone;
    assert_int_equal(eg_snapshot_take(&before, ds, NULL), EG_OK);
    assert_true(eg_snapshot_empty(&before));
    put("flows", "13", "b", true);
    put("flows", "12", "a", true);
    put("packets", "12", "p", true);
    assert_int_equal(eg_snapshot_take(&now, ds, NULL), EG_OK);
    assert_false(eg_snapshot_empty(&now));
    assert_int_equal(eg_snapshot_fresh(&fresh, &now, &before, &gone, NULL), EG_OK);
    assert_int_equal(fresh.counts[EG_TABLE_FLOWS], 2);
    assert_int_equal(fresh.counts[EG_TABLE_PACKETS], 1);
    assert_int_equal(gone, 0);
    assert_true(strcmp(fresh.files[0][0].path, fresh.files[0][1].path) < 0);
    eg_snapshot_forget(&fresh);
    eg_snapshot_reset(&before);

    put("flows", "12", "a", false);
    put("flows", "12", "c", true);
    put("packets", "12", "p", false);
    assert_int_equal(eg_snapshot_take(&before, ds, NULL), EG_OK);
    assert_int_equal(eg_snapshot_fresh(&fresh, &before, &now, &gone, NULL), EG_OK);
    assert_int_equal(fresh.counts[EG_TABLE_FLOWS], 1);
    assert_non_null(strstr(fresh.files[EG_TABLE_FLOWS][0].path, "c.parquet"));
    assert_int_equal(gone, 2);
    eg_snapshot_forget(&fresh);
    eg_snapshot_reset(&before);
    eg_snapshot_reset(&now);
}

/* The relation names the files of the range and no others, also when they are there no more. */
static void relation(void **state) {
    struct eg_dataset *ds = *state;
    struct eg_snapshot now;
    struct eg_strbuf sql = {0};
    assert_int_equal(eg_snapshot_take(&now, ds, NULL), EG_OK);
    put("flows", "12", "c", false);
    int64_t noon = INT64_C(1767355200000000);
    assert_int_equal(eg_snapshot_relation(&now, EG_TABLE_FLOWS, INT64_MIN, INT64_MAX, &sql, NULL),
                     EG_OK);
    assert_non_null(strstr(sql.text, "c.parquet"));
    assert_non_null(strstr(sql.text, "b.parquet"));
    eg_strbuf_clear(&sql);
    assert_int_equal(eg_snapshot_relation(&now, EG_TABLE_FLOWS, INT64_MIN, noon + 1, &sql, NULL),
                     EG_OK);
    assert_non_null(strstr(sql.text, "c.parquet"));
    assert_null(strstr(sql.text, "b.parquet"));
    eg_strbuf_clear(&sql);
    assert_int_equal(
        eg_snapshot_relation(&now, EG_TABLE_COUNTERS, INT64_MIN, INT64_MAX, &sql, NULL), EG_OK);
    assert_non_null(strstr(sql.text, "where false"));
    eg_strbuf_reset(&sql);
    eg_snapshot_reset(&now);
}

/* Whichever request for memory fails: a status, nothing leaked, and the next try is right. */
static void no_memory(void **state) {
    struct eg_dataset *ds = *state;
    struct eg_snapshot before = {0}, now, fresh;
    bool failed = true;
    for (long n = 0; failed && n < 3000; n++) {
        struct eg_strbuf sql = {0};
        size_t gone;
        torture_fail_after(n);
        enum eg_status status = eg_snapshot_take(&now, ds, NULL);
        if (status >= 0) {
            status = eg_snapshot_fresh(&fresh, &now, &before, &gone, NULL);
            if (status >= 0)
                status =
                    eg_snapshot_relation(&fresh, EG_TABLE_FLOWS, INT64_MIN, INT64_MAX, &sql, NULL);
            eg_snapshot_forget(&fresh);
        }
        failed = torture_off();
        eg_snapshot_reset(&now);
        eg_strbuf_reset(&sql);
        if (!failed) assert_int_equal(status, EG_OK);
    }
    assert_false(failed);
}

static int setup(void **state) {
    if (!empty_dataset_make(&place) || !empty_dataset_open(&place, 1)) return 1;
    *state = place.dataset;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    return empty_dataset_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_and_gone),
        cmocka_unit_test(relation),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
