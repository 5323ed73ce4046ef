/* SPDX-License-Identifier: Apache-2.0
 * Units read by several threads at once, units nobody reads, files that change meanwhile. That any
 * cut gives the same packets is in file_test. */
#include "source/units.h"

#include "make_capture.h"
#include "source/read_source.h"
#include "source/temp_file.h"
#include "torture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct open_units {
    struct eg_env env;
    struct eg_input input;
    struct eg_units *units;
};

static void units_open(struct open_units *o, const struct made *m, uint64_t unit_bytes,
                       uint64_t resume) {
    *o = (struct open_units){.env = eg_env_plain};
    o->env.unit_bytes = unit_bytes;
    file_write(path, m->bytes, m->size);
    struct eg_pcap pcap;
    assert_int_equal(eg_input_open(&o->input, &o->env, path, NULL), EG_OK);
    assert_int_equal(eg_pcap_open(&pcap, eg_span(m->bytes, m->size), NULL), EG_OK);
    assert_int_equal(eg_units_new(&o->units, &o->input, &pcap, resume, NULL), EG_OK);
}

static void units_close(struct open_units *o) {
    eg_units_free(o->units);
    eg_input_reset(&o->input);
}

static struct made capture_make(uint32_t count) {
    struct made m = {0};
    uint64_t seed = 7;
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = (uint32_t)(made_random(&seed) % 300);
        if (i % 97 == 50) size += 9000; /* longer than what is read behind a unit at once */
        made_record(&m, i, 0, size, size, NULL);
    }
    return m;
}

struct worker {
    struct eg_units *units;
    atomic_ullong *next;
    uint64_t rows, seconds, skip;
    enum eg_status status;
};

static void *units_read(void *arg) {
    struct worker *w = arg;
    struct eg_tally tally = {0};
    for (;;) {
        uint64_t unit = atomic_fetch_add(w->next, 1);
        if (unit >= eg_units_count(w->units)) break;
        if (w->skip && unit % w->skip == 1) continue; /* nobody reads this one */
        struct eg_batch *batch;
        enum eg_status status;
        while ((status = eg_units_next(w->units, unit, &batch, &tally, NULL)) == EG_OK) {
            const int64_t *time = eg_col_i64(&batch->columns[EG_COL(RAW, time_ns)]);
            for (uint32_t i = 0; i < batch->rows; i++) w->seconds += (uint64_t)time[i] / 1000000000;
            w->rows += batch->rows;
            eg_batch_unref(batch);
        }
        if (status < 0) w->status = status;
    }
    eg_tally_reset(&tally);
    return NULL;
}

static void threads_read_units(void **state) {
    (void)state;
    struct made m = capture_make(20000);
    for (uint64_t skip = 0; skip < 6; skip += 3)
        for (uint64_t unit_bytes = 3000; unit_bytes < 1 << 20; unit_bytes *= 8) {
            struct open_units o;
            units_open(&o, &m, unit_bytes, 0);
            atomic_ullong next = 0;
            struct worker workers[4];
            pthread_t threads[4];
            for (int i = 0; i < 4; i++) {
                workers[i] = (struct worker){.units = o.units, .next = &next, .skip = skip};
                pthread_create(&threads[i], NULL, units_read, &workers[i]);
            }
            uint64_t rows = 0, seconds = 0;
            for (int i = 0; i < 4; i++) {
                pthread_join(threads[i], NULL);
                rows += workers[i].rows;
                seconds += workers[i].seconds;
                assert_int_equal(workers[i].status, EG_OK);
            }
            if (skip) {
                assert_true(rows < 20000);
            } else {
                assert_int_equal(rows, 20000);
                assert_int_equal(seconds, UINT64_C(19999) * 10000);
            }
            uint64_t end;
            assert_int_equal(eg_units_end(o.units, eg_units_count(o.units) - 1, &end, NULL, NULL),
                             EG_OK);
            assert_int_equal(end, m.size);
            units_close(&o);
        }
    made_free(&m);
}

/* What comes behind the size the file had when it was opened is for the next reading; a file that
 * becomes shorter is cut there, and nobody dies of it. */
static void files_that_change_meanwhile(void **state) {
    (void)state;
    struct made m = capture_make(2000);
    for (int grows = 0; grows < 2; grows++) {
        struct open_units o;
        units_open(&o, &m, 10000, 0);
        if (grows) {
            FILE *file = fopen(path, "ab");
            fwrite(m.bytes + 24, 1, 1000, file);
            fclose(file);
        } else {
            assert_int_equal(truncate(path, (off_t)m.size / 2), 0);
        }
        struct eg_tally tally = {0};
        struct eg_error err = {0};
        uint64_t rows = 0;
        int troubles = 0;
        for (uint64_t unit = 0; unit < eg_units_count(o.units); unit++) {
            struct eg_batch *batch;
            enum eg_status status;
            while ((status = eg_units_next(o.units, unit, &batch, &tally, &err)) == EG_OK) {
                rows += batch->rows;
                eg_batch_unref(batch);
            }
            if (status < 0) assert_int_equal(status, EG_E_CUT);
            if (status < 0)
                assert_non_null(strstr(err.message, "became shorter while it was read"));
            troubles += status < 0;
        }
        assert_int_equal(troubles, !grows);
        if (grows)
            assert_int_equal(rows, 2000);
        else
            assert_in_range(rows, 900, 1100);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_capture_cut).records, !grows);
        eg_tally_reset(&tally);
        units_close(&o);
    }
    made_free(&m);
}

struct collected {
    uint8_t *bytes;
    size_t size;
};

static void collect(void *to, uint64_t offset, const void *bytes, size_t size) {
    struct collected *c = to;
    assert_int_equal(offset, c->size);
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
}

static void byte_change(off_t place) {
    FILE *file = fopen(path, "r+b");
    assert_int_equal(fseeko(file, place, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseeko(file, place, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0xff, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static enum eg_status unit_rows(struct open_units *o, uint64_t unit, uint64_t *rows);

/* What rows were made of is hashed and passed on, whatever becomes of the file; what was walked before it
 * was read must still be what it was. */
static void what_was_read_is_hashed(void **state) {
    (void)state;
    struct made m = capture_make(2000);
    for (int ahead = 0; ahead < 3; ahead++) {
        struct open_units o;
        struct collected c = {eg_malloc(m.size), 0};
        units_open(&o, &m, 10000, 0);
        assert_int_equal(eg_units_hash(o.units, eg_span(m.bytes, m.size), NULL), EG_OK);
        eg_units_pass_on(o.units, collect, &c);
        uint64_t rows = 0, end, count = eg_units_count(o.units), from = ahead == 2 ? 3 : count;
        struct eg_digest digest, expected = eg_hash128(m.bytes, m.size);
        for (uint64_t unit = 0; unit < from; unit++)
            assert_int_equal(unit_rows(&o, unit, &rows), EG_END);
        if (ahead == 2) assert_int_equal(eg_units_end(o.units, count - 1, &end, NULL, NULL), EG_OK);
        if (ahead)
            byte_change((off_t)m.size - 20);
        else
            assert_int_equal(truncate(path, 100), 0);
        for (uint64_t unit = from; unit < count; unit++) {
            bool last = unit == count - 1;
            assert_int_equal(unit_rows(&o, unit, &rows), last ? EG_E_IO : EG_END);
        }
        assert_int_equal(eg_units_end(o.units, count - 1, &end, &digest, NULL), EG_OK);
        assert_int_equal(end, m.size);
        assert_memory_equal(&digest, &expected, sizeof digest);
        assert_int_equal(c.size, m.size);
        assert_memory_equal(c.bytes, m.bytes, m.size);
        uint64_t half;
        assert_int_equal(eg_units_end(o.units, count / 2, &half, &digest, NULL), EG_OK);
        expected = eg_hash128(m.bytes, half);
        assert_memory_equal(&digest, &expected, sizeof digest);
        units_close(&o);
        eg_free(c.bytes);
    }
    made_free(&m);
}

static enum eg_status unit_rows(struct open_units *o, uint64_t unit, uint64_t *rows) {
    struct eg_tally tally = {0};
    struct eg_batch *batch;
    enum eg_status status;
    while ((status = eg_units_next(o->units, unit, &batch, &tally, NULL)) == EG_OK) {
        *rows += batch->rows;
        eg_batch_unref(batch);
    }
    eg_tally_reset(&tally);
    return status;
}

/* A read that fails once: that unit and all behind it stay unread, those before it do not, in
 * whatever order they are read, and also where the failed one had been walked before. */
static void a_failed_read_is_remembered(void **state) {
    (void)state;
    struct made m = capture_make(2000);
    for (int walked = 0; walked < 2; walked++) {
        struct open_units o;
        units_open(&o, &m, 10000, 0);
        uint64_t rows = 0, end, count = eg_units_count(o.units);
        assert_true(count > 8);
        assert_int_equal(unit_rows(&o, 1, &rows), EG_END);
        if (walked) assert_int_equal(eg_units_end(o.units, 6, &end, NULL, NULL), EG_OK);
        int fd = o.input.fd;
        o.input.fd = -1;
        assert_int_equal(unit_rows(&o, 4, &rows), EG_E_IO);
        o.input.fd = fd;
        for (uint64_t unit = 4; unit < count; unit++) {
            uint64_t none = 0;
            assert_int_equal(unit_rows(&o, unit, &none), EG_E_IO);
            assert_int_equal(none, 0);
        }
        uint64_t before = rows;
        assert_int_equal(unit_rows(&o, 0, &rows), EG_END);
        assert_int_equal(unit_rows(&o, 3, &rows), EG_END);
        assert_true(rows > before);
        assert_int_equal(eg_units_end(o.units, 3, &end, NULL, NULL), EG_OK);
        assert_in_range(end, 40000, 50000);
        units_close(&o);
    }
    made_free(&m);
}

static void one_unit_begins_where_reading_is_taken_up(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (uint32_t i = 0; i < 100; i++) made_record(&m, i, 0, 84, 84, NULL);
    for (uint64_t unit_bytes = 10; unit_bytes < 20000; unit_bytes = unit_bytes * 3 + 1) {
        struct open_units o;
        uint64_t resume = 24 + 37 * 100;
        units_open(&o, &m, unit_bytes, resume);
        uint64_t begin = 24, end = 0;
        bool met = false;
        for (uint64_t unit = 0; unit < eg_units_count(o.units); unit++) {
            assert_int_equal(eg_units_end(o.units, unit, &end, NULL, NULL), EG_OK);
            met = met || begin == resume;
            assert_true(end <= resume || begin >= resume);
            begin = end;
        }
        assert_true(met);
        assert_int_equal(end, m.size);
        units_close(&o);
    }
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_read_units),
        cmocka_unit_test(files_that_change_meanwhile),
        cmocka_unit_test(what_was_read_is_hashed),
        cmocka_unit_test(a_failed_read_is_remembered),
        cmocka_unit_test(one_unit_begins_where_reading_is_taken_up),
    };
    return cmocka_run_group_tests(tests, path_make, path_remove);
}
