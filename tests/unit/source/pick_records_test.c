/* SPDX-License-Identifier: Apache-2.0
 * Packets picked out of sequence files by the places that reading them told: in any order, in every
 * layout; places where nothing is; files that are cut or damaged. */
#include "source/pick_records.h"

#include "make_seqfile.h"
#include "source/pick.h"
#include "source/read_source.h"
#include "source/temp_file.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { COUNT = 200, EACH = 70 };

/* The places of all packets, by reading the file. */
static uint32_t places_of(uint64_t places[COUNT], uint32_t numbers[COUNT]) {
    struct reading r = reading_of(path, (struct reading_how){0});
    uint32_t count = 0;
    for (const char *line = reading_text(&r.rows); *line; line = strchr(line, '\n') + 1) {
        char *rest;
        places[count] = strtoull(line, &rest, 10);
        numbers[count++] = (uint32_t)((strtoll(rest, NULL, 10) - SEQ_T0) / 1000);
    }
    reading_reset(&r);
    return count;
}

static void expect(struct eg_pick *pick, uint64_t place, uint32_t number) {
    struct eg_frame frame;
    struct eg_error err;
    struct made value = {0};
    if (eg_pick_frame(pick, place, &frame, &err) != EG_OK) fail_msg("%s", err.message);
    seq_packet(&value, number);
    assert_true(frame.time_ns == SEQ_T0 + number * INT64_C(1000));
    assert_int_equal(frame.payload.size, 20 + number % 70);
    assert_memory_equal(frame.payload.at, value.bytes + 4 + 24 + 16, frame.payload.size);
    made_free(&value);
}

static void picks_in_any_order(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, COUNT, EACH);
        uint64_t places[COUNT], seed = 3;
        uint32_t numbers[COUNT];
        struct eg_pick *pick;
        struct eg_frame frame;
        struct eg_error err;
        file_write(path, m.bytes, m.size);
        assert_int_equal(places_of(places, numbers), COUNT);
        assert_int_equal(eg_pick_open(&pick, path, &eg_env_plain, &err), EG_OK);
        for (int i = 0; i < COUNT; i++) expect(pick, places[i], numbers[i]);
        for (int i = COUNT - 1; i >= 0; i -= 3) expect(pick, places[i], numbers[i]);
        for (int i = 0; i < 300; i++) {
            uint32_t k = (uint32_t)(made_random(&seed) % COUNT);
            expect(pick, places[k], numbers[k]);
        }
        size_t right = 0;
        for (uint64_t at = 0; at < m.size + 40; at++) {
            bool is = right < COUNT && places[right] == at;
            enum eg_status status = eg_pick_frame(pick, at, &frame, &err);
            if (is) assert_int_equal(status, EG_OK);
            if (!is) assert_true(status == EG_E_FORMAT || status == EG_E_CUT);
            right += is;
        }
        assert_int_equal(right, COUNT);
        eg_pick_close(pick);
        made_free(&m);
    }
}

static void picks_around_damage(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, COUNT, EACH);
        uint64_t places[COUNT];
        uint32_t numbers[COUNT];
        for (size_t at = 130; at < m.size; at += 997) {
            m.bytes[at] ^= 0x55;
            file_write(path, m.bytes, m.size);
            uint32_t count = places_of(places, numbers);
            struct eg_pick *pick;
            assert_int_equal(eg_pick_open(&pick, path, &eg_env_plain, NULL), EG_OK);
            for (uint32_t i = 0; i < count; i++) {
                struct eg_frame frame;
                struct eg_error err;
                if (eg_pick_frame(pick, places[i], &frame, &err) != EG_OK)
                    fail_msg("%zu: %s", at, err.message);
            }
            eg_pick_close(pick);
            m.bytes[at] ^= 0x55;
        }
        made_free(&m);
    }
}

static void a_file_became_shorter(void **state) {
    (void)state;
    for (int layout = EG_SEQFILE_PLAIN; layout <= EG_SEQFILE_BLOCKS; layout++) {
        struct made m = seq_file((enum eg_seqfile_layout)layout, COUNT, EACH);
        uint64_t places[COUNT];
        uint32_t numbers[COUNT];
        struct eg_pick *pick;
        struct eg_frame frame;
        file_write(path, m.bytes, m.size);
        assert_int_equal(places_of(places, numbers), COUNT);
        file_write(path, m.bytes, m.size - 5);
        assert_int_equal(eg_pick_open(&pick, path, &eg_env_plain, NULL), EG_OK);
        expect(pick, places[0], numbers[0]);
        enum eg_status status = eg_pick_frame(pick, places[COUNT - 1], &frame, NULL);
        if (layout != EG_SEQFILE_BLOCKS) assert_int_equal(status, EG_E_CUT);
        eg_pick_close(pick);
        made_free(&m);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    struct made m = seq_file(EG_SEQFILE_BLOCKS, COUNT, EACH);
    uint64_t places[COUNT];
    uint32_t numbers[COUNT];
    file_write(path, m.bytes, m.size);
    assert_int_equal(places_of(places, numbers), COUNT);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_pick *pick = NULL;
        struct eg_frame frame;
        torture_fail_after(n);
        enum eg_status status = eg_pick_open(&pick, path, &eg_env_plain, NULL);
        if (status == EG_OK) status = eg_pick_frame(pick, places[150], &frame, NULL);
        failed = torture_off();
        if (!failed) assert_int_equal(status, EG_OK);
        eg_pick_close(pick);
    }
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_in_any_order),
        cmocka_unit_test(picks_around_damage),
        cmocka_unit_test(a_file_became_shorter),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, path_make, path_remove);
}
