/* SPDX-License-Identifier: Apache-2.0
 * What a watch has done, written and read back; what is no checkpoint is refused. */
#include "query/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/durable.h"
#include "torture.h"

static char folder[] = "/tmp/eg-checkpoint-XXXXXX", path[64];

static struct eg_checkpoint some(size_t rows) {
    struct eg_checkpoint c = {.asked = eg_strdup("watch \"top\"; filter proto tcp"),
                              .trigger = 12,
                              .put_out = INT64_MAX,
                              .from_packets = true,
                              .mark = {1767355200000000, INT64_MIN, 77, 3},
                              .length = 4096};
    snprintf(c.tail, sizeof c.tail, "%s", "00112233445566778899aabbccddeeff");
    for (uint64_t i = 0; i < rows; i++)
        assert_true(eg_row_digests_add(&c.rows, (struct eg_digest){rows - i, ~i}));
    eg_row_digests_sort(&c.rows);
    return c;
}

static void there_and_back(void **state) {
    (void)state;
    for (size_t rows = 0; rows < 300; rows += 149) {
        struct eg_checkpoint c = some(rows), got;
        assert_int_equal(eg_checkpoint_write(&c, path, NULL), EG_OK);
        assert_int_equal(eg_checkpoint_read(&got, path, NULL), EG_OK);
        assert_string_equal(got.asked, c.asked);
        assert_int_equal(got.trigger, 12);
        assert_int_equal(got.put_out, INT64_MAX);
        assert_true(got.from_packets);
        assert_memory_equal(&got.mark, &c.mark, sizeof c.mark);
        assert_int_equal(got.length, 4096);
        assert_string_equal(got.tail, c.tail);
        assert_string_equal(got.answer, "");
        assert_int_equal(got.rows.count, rows);
        if (rows) assert_memory_equal(got.rows.all, c.rows.all, rows * sizeof *c.rows.all);
        eg_checkpoint_reset(&c);
        eg_checkpoint_reset(&got);
    }
    assert_int_equal(unlink(path), 0);
    struct eg_checkpoint none;
    assert_int_equal(eg_checkpoint_read(&none, path, NULL), EG_END);
}

/* Cut anywhere, or of another age, it is refused, and says what to do. */
static void what_is_none(void **state) {
    (void)state;
    struct eg_checkpoint c = some(3), got;
    struct eg_error err;
    char *text;
    size_t size;
    assert_int_equal(eg_checkpoint_write(&c, path, NULL), EG_OK);
    assert_int_equal(eg_file_read(&text, &size, path, 1 << 20, NULL), EG_OK);
    for (size_t cut = 0; cut + 2 < size; cut++) {
        assert_int_equal(eg_file_replace(path, text, cut, NULL), EG_OK);
        assert_int_equal(eg_checkpoint_read(&got, path, &err), EG_E_FORMAT);
        assert_non_null(strstr(err.message, "begin anew"));
    }
    char *at = strstr(text, "\"earlgrey_watch\": 1");
    assert_non_null(at);
    at[strlen("\"earlgrey_watch\": ")] = '9';
    assert_int_equal(eg_file_replace(path, text, size, NULL), EG_OK);
    assert_int_equal(eg_checkpoint_read(&got, path, &err), EG_E_FORMAT);
    eg_free(text);
    eg_checkpoint_reset(&c);
}

static void no_memory(void **state) {
    (void)state;
    struct eg_checkpoint c = some(300), got;
    for (long n = 0; n < 2000; n++) {
        torture_fail_after(n);
        enum eg_status status = eg_checkpoint_write(&c, path, NULL);
        if (status == EG_OK) status = eg_checkpoint_read(&got, path, NULL);
        bool failed = torture_off();
        if (status == EG_OK) eg_checkpoint_reset(&got);
        if (!failed) {
            assert_int_equal(status, EG_OK);
            break;
        }
    }
    eg_checkpoint_reset(&c);
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/at", folder);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
