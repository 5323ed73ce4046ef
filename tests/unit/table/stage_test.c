/* SPDX-License-Identifier: Apache-2.0
 * What stages share: the plain environment, the nops, and rows on their way out. */
#include "table/stage.h"

#include "base/alloc.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void plain_environment(void **state) {
    (void)state;
    time_t before = time(NULL);
    int64_t now = eg_env_plain.now_us(eg_env_plain.clock);
    assert_true(now >= (int64_t)before * 1000000 && now < ((int64_t)before + 60) * 1000000);
    eg_env_plain.log(eg_env_plain.log_to, 3, "into silence");
    assert_false(eg_env_cancelled(&eg_env_plain));
    assert_int_equal(eg_env_plain.batch_rows, 4096);
    assert_int_equal(eg_env_plain.unit_bytes, 0);
    atomic_bool cancel = false;
    struct eg_env env = eg_env_plain;
    env.cancel = &cancel;
    assert_false(eg_env_cancelled(&env));
    atomic_store(&cancel, true);
    assert_true(eg_env_cancelled(&env));
}

static void nops(void **state) {
    (void)state;
    struct eg_position *positions = (void *)1;
    size_t count = 5;
    assert_int_equal(eg_source_commit_nop(NULL, NULL, NULL), EG_OK);
    assert_int_equal(eg_sink_flush_nop(NULL, NULL, 0, NULL), EG_OK);
    assert_int_equal(eg_sink_positions_none(NULL, &positions, &count, NULL), EG_OK);
    assert_null(positions);
    assert_int_equal(count, 0);
}

static bool out_new(struct eg_out *out, enum eg_table_id table, uint32_t capacity) {
    *out = (struct eg_out){.unit = 9};
    return eg_builder_new(&out->rows, eg_table_get(table), table, capacity, EG_COLUMNS_ALL, NULL) ==
           EG_OK;
}

static void out_free(struct eg_out *out) {
    for (uint32_t i = 0; i < out->ready_count; i++) eg_batch_unref(out->ready[i]);
    eg_free(out->ready);
    eg_builder_free(out->rows);
    eg_tally_reset(&out->tally);
}

/* `count` rows, numbered, in blocks as a decoder writes them. */
static void write_rows(struct eg_out *out, uint32_t count) {
    for (uint32_t done = 0; done < count;) {
        uint32_t block = eg_out_room(out, count - done);
        assert_true(block >= 1 && block <= count - done);
        int64_t *packets = eg_builder_slots(out->rows, EG_COL(FLOWS, packets), block);
        for (uint32_t i = 0; packets && i < block; i++) packets[i] = done + i;
        eg_builder_row(out->rows, block);
        done += block;
    }
}

static void blocks_in_pieces(void **state) {
    (void)state;
    const uint32_t capacities[] = {1, 7, 100, 4096};
    for (size_t c = 0; c < 4; c++) {
        struct eg_out out;
        assert_true(out_new(&out, EG_TABLE_FLOWS, capacities[c]));
        write_rows(&out, 100);
        eg_out_seal(&out);
        eg_out_seal(&out); /* nothing built: nothing sealed */
        assert_int_equal(out.ready_count, (100 + capacities[c] - 1) / capacities[c]);
        int64_t next = 0;
        for (uint32_t b = 0; b < out.ready_count; b++) {
            assert_int_equal(out.ready[b]->unit, 9);
            for (uint32_t row = 0; row < out.ready[b]->rows; row++, next++)
                assert_int_equal(eg_col_int(&out.ready[b]->columns[EG_COL(FLOWS, packets)], row),
                                 next);
        }
        assert_int_equal(next, 100);
        assert_false(out.failed);
        out_free(&out);
    }
}

static void room_is_never_none(void **state) {
    (void)state;
    struct eg_out out;
    assert_true(out_new(&out, EG_TABLE_FLOWS, 3));
    assert_int_equal(eg_out_room(&out, 10), 3);
    assert_int_equal(eg_out_room(&out, 2), 2);
    assert_int_equal(eg_out_room(&out, 0), 1);
    write_rows(&out, 3);
    assert_int_equal(out.ready_count, 0);
    assert_int_equal(eg_out_room(&out, 10), 3);
    assert_int_equal(out.ready_count, 1);
    out_free(&out);
}

/* Rows are either in a batch or counted under no_memory. */
static void memory_runs_out(void **state) {
    (void)state;
    const enum eg_table_id tables[] = {EG_TABLE_FLOWS, EG_TABLE_PACKETS};
    for (int t = 0; t < 2; t++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct eg_out out;
            assert_true(out_new(&out, tables[t], 2));
            torture_fail_after(n);
            if (tables[t] == EG_TABLE_FLOWS) {
                write_rows(&out, 30);
            } else {
                for (int i = 0; i < 30; i++) {
                    eg_out_room(&out, 1);
                    eg_put_int(out.rows, EG_COL(PACKETS, length), i);
                    eg_builder_row(out.rows, 1);
                }
            }
            eg_out_seal(&out);
            failed = torture_off();
            int64_t kept = 0;
            for (uint32_t b = 0; b < out.ready_count; b++) kept += out.ready[b]->rows;
            struct eg_tally_entry lost = eg_tally_sum(&out.tally, EG_CAUSE_no_memory);
            assert_int_equal(out.failed, failed);
            assert_int_equal(kept + lost.records + lost.packets, 30);
            assert_int_equal(t == 0 ? lost.packets : lost.records, 0);
            assert_int_equal(kept < 30, failed);
            out_free(&out);
        }
    }
}

static int64_t clock_of(void *clock) { return *(int64_t *)clock; }

/* An env may bring a steady clock; else it is the system's. */
static void steady_clock(void **state) {
    (void)state;
    int64_t now_us = 42;
    struct eg_env env = eg_env_plain;
    int64_t first_us = eg_env_steady_us(&env);
    assert_true(first_us > 0 && eg_env_steady_us(&env) >= first_us);
    assert_true(first_us < env.now_us(env.clock)); /* since the machine started */
    env.steady_us = clock_of;
    env.clock = &now_us;
    assert_int_equal(eg_env_steady_us(&env), 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_environment), cmocka_unit_test(nops),
        cmocka_unit_test(blocks_in_pieces),  cmocka_unit_test(room_is_never_none),
        cmocka_unit_test(memory_runs_out),   cmocka_unit_test(steady_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
