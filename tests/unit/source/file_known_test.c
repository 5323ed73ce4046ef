/* SPDX-License-Identifier: Apache-2.0
 * What the `file` source knows again: files read before, grown, changed, cut and whole again. */
#include "source/file_scene.h"

static void expect_plan(const struct reading *r, enum eg_plan_state state, uint64_t offset,
                        uint64_t known_rows) {
    assert_int_equal(r->plan.state, state);
    assert_int_equal(r->plan.resume_offset, offset);
    assert_int_equal(r->known_rows, known_rows);
    assert_int_equal(r->warning[0] != 0, state == EG_PLAN_CHANGED);
}

static void known_grown_changed(const struct made *whole, size_t part, uint64_t part_rows,
                                struct reading_how how,
                                void (*pack)(struct made *, const void *, size_t)) {
    struct made piece = {0}, all = {0}, other = {0};
    if (pack) {
        pack(&piece, whole->bytes, part);
        pack(&all, whole->bytes, whole->size);
    } else {
        made_add(&piece, whole->bytes, part);
        made_add(&all, whole->bytes, whole->size);
    }
    struct reading first = read_made(&piece, how);
    assert_int_equal(first.row_count, part_rows);
    how.known = &first.position;
    how.known_count = 1;
    struct reading same = read_made(&piece, how);
    expect_plan(&same, EG_PLAN_KNOWN, first.position.offset, part_rows);
    struct reading grown = read_made(&all, how);
    expect_plan(&grown, EG_PLAN_GROWN, first.position.offset, part_rows);
    assert_true(grown.row_count > part_rows);
    /* in steps or at once, the position is the same */
    how.known_count = 0;
    struct reading once = read_made(&all, how);
    assert_string_equal(grown.position.digest, once.position.digest);
    assert_string_equal(grown.position.key, once.position.key);
    assert_string_equal(reading_text(&grown.rows), reading_text(&once.rows));
    /* both known: the further one counts, whatever their order */
    struct eg_position two[2] = {grown.position, first.position};
    how.known = two;
    how.known_count = 2;
    struct reading both = read_made(&all, how);
    expect_plan(&both, EG_PLAN_KNOWN, grown.position.offset, once.row_count);
    /* one of two tables knows less: that is where reading goes on */
    snprintf(two[0].table, sizeof two[0].table, "flows");
    snprintf(two[1].table, sizeof two[1].table, "packets");
    struct reading tables = read_made(&all, how);
    expect_plan(&tables, EG_PLAN_GROWN, first.position.offset, part_rows);
    /* the same beginning, another continuation */
    made_add(&other, whole->bytes, whole->size);
    other.bytes[part - 1] ^= 1;
    how.known = &first.position;
    how.known_count = 1;
    struct reading changed = read_made(&other, how);
    expect_plan(&changed, EG_PLAN_CHANGED, 0, 0);
    assert_non_null(strstr(changed.warning, path));
    struct reading *all_readings[] = {&first, &same, &grown, &once, &both, &tables, &changed};
    for (unsigned i = 0; i < 7; i++) reading_reset(all_readings[i]);
    made_free(&piece);
    made_free(&all);
    made_free(&other);
}

static void knows_what_it_read(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    size_t part = 0;
    for (unsigned i = 0; i < 400; i++) {
        if (i == 170) part = m.size;
        made_record(&m, i, i, 60, 60, NULL);
    }
    for (uint64_t unit = 100; unit <= 1 << 20; unit *= 7)
        known_grown_changed(&m, part, 170,
                            (struct reading_how){.unit_bytes = unit, .batch_rows = 9}, NULL);
    for (unsigned k = 0; k < 4; k++)
        known_grown_changed(&m, part, 170, (struct reading_how){.batch_rows = 50}, packers[k]);
    made_free(&m);
    m = pcapng_make(300, false);
    struct made half = pcapng_make(100, false);
    known_grown_changed(&m, half.size, 100, (struct reading_how){.batch_rows = 64}, NULL);
    known_grown_changed(&m, half.size, 100, (struct reading_how){0}, pack_lz4);
    made_free(&half);
    made_free(&m);
}

/* A file that was cut is taken up at the record that was not whole. */
static void a_cut_file_grows(void **state) {
    (void)state;
    struct made m = pcap_make(50, 60, 17), cut = m;
    struct reading whole = read_made(&m, (struct reading_how){0});
    for (cut.size = m.size - 200; cut.size < m.size; cut.size += 7) {
        struct reading r = read_made(&cut, (struct reading_how){.unit_bytes = 300});
        struct reading_how how = {.unit_bytes = 300, .known = &r.position, .known_count = 1};
        struct reading same = reading_of(path, how);
        assert_int_equal(same.plan.state, EG_PLAN_KNOWN);
        struct reading grown = read_made(&m, how);
        expect_plan(&grown, EG_PLAN_GROWN, r.position.offset, r.row_count);
        assert_int_equal(grown.row_count, 50);
        assert_string_equal(reading_text(&grown.rows), reading_text(&whole.rows));
        reading_reset(&r);
        reading_reset(&same);
        reading_reset(&grown);
    }
    reading_reset(&whole);
    made_free(&m);
}

/* What was counted as cut is taken back, to the byte, with the records behind it, whatever the cut,
 * and counted again where it is cut again. */
static void taken_back(const struct made *whole, struct reading_how how,
                       void (*pack)(struct made *, const void *, size_t)) {
    for (size_t one = whole->size - 350; one < whole->size - 150; one += 11)
        for (size_t two = one + 120; two <= whole->size; two += (whole->size - one - 120) / 2) {
            struct reading steps[3];
            const size_t sizes[] = {one, two, whole->size};
            struct eg_strbuf expected = {0}, got = {0};
            how.known_count = 0;
            for (int i = 0; i < 3; i++) {
                struct made piece = {0};
                if (pack)
                    pack(&piece, whole->bytes, sizes[i]);
                else
                    made_add(&piece, whole->bytes, sizes[i]);
                steps[i] = read_made(&piece, how);
                made_free(&piece);
                const struct eg_position *before = i ? &steps[i - 1].position : NULL;
                const struct eg_position *p = &steps[i].position;
                long long healed = before && before->cut ? (long long)before->cut_bytes : 0;
                bool grown = i == 0 || steps[i].plan.state != EG_PLAN_KNOWN;
                assert_int_equal(p->cut, p->offset < sizes[i] || steps[i].last == EG_E_CUT);
                if (p->cut) assert_int_equal(p->cut_bytes, sizes[i] - p->offset);
                long long records = p->cut - (healed > 0), bytes = (long long)p->cut_bytes - healed;
                if (!p->cut) bytes = -healed;
                if (grown && records)
                    eg_strbuf_printf(&expected, "capture_cut %lld %lld %lld\n", records, records,
                                     bytes);
                if (grown) eg_strbuf_text(&got, reading_text(&steps[i].account));
                how.known = p;
                how.known_count = 1;
            }
            assert_string_equal(reading_text(&got), reading_text(&expected));
            for (int i = 0; i < 3; i++) reading_reset(&steps[i]);
            eg_strbuf_reset(&expected);
            eg_strbuf_reset(&got);
        }
}

static void cuts_are_taken_back(void **state) {
    (void)state;
    struct made m = pcap_make(50, 60, 17);
    taken_back(&m, (struct reading_how){.unit_bytes = 300}, NULL);
    taken_back(&m, (struct reading_how){.unit_bytes = 1 << 20, .batch_rows = 3}, NULL);
    taken_back(&m, (struct reading_how){.batch_rows = 7}, pack_gzip);
    made_free(&m);
    m = pcapng_make(50, false);
    taken_back(&m, (struct reading_how){.batch_rows = 7}, NULL);
    made_free(&m);
}

/* The beginnings of captures are alike; that alone makes nobody known. */
static void empty_captures_know_nobody(void **state) {
    (void)state;
    struct made m = pcap_make(5, 60, 17), empty = m;
    empty.size = 24;
    struct reading r = read_made(&empty, (struct reading_how){0});
    struct reading other =
        read_made(&m, (struct reading_how){.known = &r.position, .known_count = 1});
    expect_plan(&other, EG_PLAN_NEW, 0, 0);
    reading_reset(&r);
    reading_reset(&other);
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_it_read),
        cmocka_unit_test(a_cut_file_grows),
        cmocka_unit_test(cuts_are_taken_back),
        cmocka_unit_test(empty_captures_know_nobody),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
