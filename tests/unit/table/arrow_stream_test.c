/* SPDX-License-Identifier: Apache-2.0
 * The Arrow stream: batches to the end, errors that stay, and one release. */
#include "table/arrow.h"

#include "torture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "every.h"

struct feed {
    uint32_t given, batches;
    enum eg_status last; /* what it answers behind them */
    int released;
};

static enum eg_status feed_next(void *from, struct eg_batch **out, struct eg_error *err) {
    struct feed *feed = from;
    if (feed->given == feed->batches)
        return feed->last == EG_END ? EG_END : eg_fail(err, feed->last, "the feed broke");
    *out = every_batch(10 * feed->given++, 10);
    return *out ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory");
}
static void feed_release(void *from) { ((struct feed *)from)->released++; }

static enum eg_status stream_of(struct feed *feed, struct ArrowArrayStream *out) {
    struct eg_arrow_feed callbacks = {feed_next, feed_release, feed};
    return eg_arrow_stream(&every, EG_COLUMNS_ALL, EG_ARROW_NATIVE, callbacks, out, NULL);
}

static void to_the_end(void **state) {
    (void)state;
    struct feed feed = {.batches = 3, .last = EG_END};
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array, kept = {0};
    assert_int_equal(stream_of(&feed, &stream), EG_OK);
    for (int i = 0; i < 2; i++) { /* may be asked again */
        assert_int_equal(stream.get_schema(&stream, &schema), 0);
        assert_int_equal(schema.n_children, EVERY_COLUMNS);
        schema.release(&schema);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        assert_non_null(array.release);
        assert_int_equal(array.length, 10);
        if (i == 1)
            kept = array;
        else
            array.release(&array);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        assert_null(array.release);
    }
    assert_null(stream.get_last_error(&stream));
    stream.release(&stream);
    assert_null(stream.release);
    assert_int_equal(feed.released, 1);
    const int64_t *times = kept.children[TIME]->buffers[1];
    for (uint32_t row = 0; row < 10; row++)
        if (!every_null(10 + row, TIME)) assert_int_equal(times[row], every_row(10 + row).time);
    kept.release(&kept); /* outlives the stream */
}

static void errors_stay(void **state) {
    (void)state;
    static const struct {
        enum eg_status status;
        int number;
    } cases[] = {{EG_E_NOMEM, ENOMEM},   {EG_E_NOENT, ENOENT},  {EG_E_ACCESS, EACCES},
                 {EG_E_NOSPACE, ENOSPC}, {EG_E_FORMAT, EINVAL}, {EG_E_CANCELLED, ECANCELED},
                 {EG_E_IO, EIO},         {EG_E_USAGE, EINVAL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct feed feed = {.batches = 1, .last = cases[i].status};
        struct ArrowArrayStream stream;
        struct ArrowArray array;
        assert_int_equal(stream_of(&feed, &stream), EG_OK);
        assert_int_equal(stream.get_next(&stream, &array), 0);
        array.release(&array);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(stream.get_next(&stream, &array), cases[i].number);
            assert_string_equal(stream.get_last_error(&stream), "the feed broke");
        }
        stream.release(&stream);
        assert_int_equal(feed.released, 1);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct feed feed = {.batches = 2, .last = EG_END};
        struct ArrowArrayStream stream;
        torture_fail_after(n);
        enum eg_status status = stream_of(&feed, &stream);
        uint32_t rows = 0;
        int number = 0;
        if (status == EG_OK) {
            struct ArrowArray array;
            while ((number = stream.get_next(&stream, &array)) == 0 && array.release) {
                rows += (uint32_t)array.length;
                array.release(&array);
            }
            failed = torture_off();
            if (number) assert_non_null(stream.get_last_error(&stream));
            stream.release(&stream);
        } else {
            failed = torture_off();
            assert_int_equal(feed.released, 0); /* still the caller's */
        }
        assert_int_equal(failed, status != EG_OK || number == ENOMEM);
        if (!failed) assert_int_equal(rows, 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_the_end),
        cmocka_unit_test(errors_stay),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
