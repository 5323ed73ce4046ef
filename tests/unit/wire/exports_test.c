/* SPDX-License-Identifier: Apache-2.0
 * Exports out of frames: which are found, which wait, and that cutting the input changes nothing. */
#include "exports_make.h"
#include "torture.h"
#include "numbers.h"

static uint64_t seed = 1;
static uint32_t chance(uint32_t below) { return xorshift_below(&seed, below); }

static struct v5 header(uint32_t count, uint32_t sequence) {
    return (struct v5){.count = count,
                       .uptime = 3600000 + sequence,
                       .seconds = BASE_SECONDS,
                       .sequence = sequence};
}

static void add(struct frames *f, uint32_t src, uint16_t port, struct v5 h, int64_t time_us) {
    struct bytes payload = make_v5(h, h.sequence);
    struct bytes frame = make_frame(src, 4000, port, &payload);
    frames_add(f, &frame, time_us);
}

static struct result run_whole(const struct frames *f, uint16_t port) {
    uint32_t cuts[2];
    struct result r;
    assert_int_equal(run_frames(f, whole(f, cuts, port), &r), EG_OK);
    return r;
}

/* ---- what is found ---- */

static void finds_certain_exports_on_any_port(void **state) {
    (void)state;
    struct frames f = {0};
    add(&f, 0x01020304, 5555, header(3, 100), BASE_US);
    struct bytes chatter = {.at = {0, 5, 1, 0}, .size = 40};
    struct bytes frame = make_frame(0x01020305, 53, 53, &chatter);
    frames_add(&f, &frame, BASE_US);
    struct result r = run_whole(&f, 0);
    assert_int_equal(r.row_count, 3);
    assert_int_equal(r.datagrams, 1);
    assert_int_equal(r.claimed, 1);
    assert_int_equal(r.tally.count, 0);
    assert_non_null(strstr(r.rows[0], "exporter=00000000000000000000ffff01020304 "));
    assert_non_null(strstr(r.rows[0], "source=netflow5 "));
    result_reset(&r);
    free(f.at);
}

/* A doubtful datagram counts only once its exporter is known, and from there on. */
/* The exporter is the one inside, whatever carries its datagrams. */
static void exports_in_tunnels_are_exports(void **state) {
    (void)state;
    struct frames f = {0};
    struct v5 h = header(3, 100);
    struct bytes payload = make_v5(h, h.sequence),
                 inner = make_frame(0x01020304, 4000, 9995, &payload);
    struct bytes outer = {.size = 0};
    put_be(&outer, 0x4500, 2), put_be(&outer, 24 + inner.size, 2), put_be(&outer, 0x10000, 4);
    put_be(&outer, 64, 1), put_be(&outer, 47, 1), put_be(&outer, 0, 2);
    put_be(&outer, 0x0b000001, 4), put_be(&outer, 0x0b000002, 4), put_be(&outer, 0x0800, 4);
    memcpy(outer.at + outer.size, inner.at, inner.size);
    outer.size += inner.size;
    frames_add(&f, &outer, BASE_US);
    struct result r = run_whole(&f, 0);
    assert_int_equal(r.row_count, 3);
    assert_int_equal(r.claimed, 1);
    assert_non_null(strstr(r.rows[0], "exporter=00000000000000000000ffff01020304 "));
    result_reset(&r);
    free(f.at);
}

static void suspects_wait_for_their_exporter(void **state) {
    (void)state;
    struct frames f = {0};
    struct v5 doubtful = header(2, 100);
    doubtful.claimed = 4;                         /* count and length differ */
    add(&f, 0x01020304, 5555, doubtful, BASE_US); /* before: forgotten */
    add(&f, 0x01020304, 5555, header(2, 100), BASE_US + 1);
    doubtful.sequence = 102;
    add(&f, 0x01020304, 5555, doubtful, BASE_US + 2); /* after: decoded */
    add(&f, 0x01020399, 5555, doubtful, BASE_US + 3); /* another exporter: forgotten */
    struct result r = run_whole(&f, 0);
    assert_int_equal(r.row_count, 4);
    assert_int_equal(packets_of(&r, EG_CAUSE_count_mismatch), 1);
    assert_int_equal(records_of(&r, EG_CAUSE_count_mismatch), 2);
    assert_int_equal(r.tally.count, 1);
    result_reset(&r);
    r = run_whole(&f, 5555); /* on a known port all are decoded */
    assert_int_equal(r.row_count, 8);
    assert_int_equal(packets_of(&r, EG_CAUSE_count_mismatch), 3);
    result_reset(&r);
    free(f.at);
}

static void known_ports_count_what_nobody_decodes(void **state) {
    (void)state;
    struct frames f = {0};
    struct bytes unknown = {.at = {0, 77}, .size = 60}, tiny = {.at = {0, 77}, .size = 6},
                 short_v5 = {.at = {0, 5}, .size = 20}, empty = {.size = 0};
    const struct bytes *all[] = {&unknown, &tiny, &short_v5, &empty};
    for (int i = 0; i < 4; i++) {
        struct bytes frame = make_frame(0x01020304, 4000, 2055, all[i]);
        frames_add(&f, &frame, BASE_US);
    }
    add(&f, 0x01020304, 2055, header(1, 1), BASE_US); /* the next good one decodes */
    struct result r = run_whole(&f, 2055);
    assert_int_equal(packets_of(&r, EG_CAUSE_version_unknown), 1);
    assert_int_equal(packets_of(&r, EG_CAUSE_short_header), 3);
    assert_int_equal(r.row_count, 1);
    result_reset(&r);
    r = run_whole(&f, 0); /* elsewhere they are none of ours */
    assert_int_equal(r.tally.count, 0);
    assert_int_equal(r.row_count, 1);
    result_reset(&r);
    free(f.at);
}

static void cut_frames_give_their_whole_records(void **state) {
    (void)state;
    struct frames f = {0};
    add(&f, 0x01020304, 2055, header(5, 100), BASE_US);
    uint32_t wire = f.at[0].bytes.size;
    add(&f, 0x01020304, 2055, header(5, 105), BASE_US + 1);
    for (uint32_t size = 0; size <= wire; size++) {
        f.at[0].wire = wire;
        f.at[0].bytes.size = size;
        struct result r = run_whole(&f, 2055);
        uint32_t whole_records = size < 28 + 24 ? 0 : (size - 28 - 24) / 48;
        assert_int_equal(r.row_count, 5 + whole_records);
        bool seen = size >= 24; /* both ports are there */
        assert_int_equal(packets_of(&r, EG_CAUSE_datagram_cut), seen && whole_records < 5);
        if (size >= 28 + 24) {
            assert_int_equal(records_of(&r, EG_CAUSE_datagram_cut), 5 - whole_records);
            assert_int_equal(records_of(&r, EG_CAUSE_sequence_gap), 0);
        }
        result_reset(&r);
    }
    free(f.at);
}

static void datagrams_need_no_frame(void **state) {
    (void)state;
    struct eg_env env = eg_env_plain;
    struct eg_extract_options options = {.columns = EG_COLUMNS_ALL};
    struct eg_extract *x;
    struct eg_extract_unit *u;
    struct eg_builder *b;
    struct eg_batch *raw;
    struct eg_out out;
    assert_int_equal(eg_extract_exports.open(&env, &options, &x, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.begin(x, 0, &u, NULL), EG_OK);
    struct v5 doubtful = header(2, 7);
    doubtful.claimed = 3;
    struct bytes payload = make_v5(doubtful, 7);
    assert_int_equal(
        eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 1, EG_COLUMNS_ALL, NULL),
        EG_OK);
    struct eg_addr peer = {{[10] = 0xff, [11] = 0xff, 9, 8, 7, 6}};
    eg_put_addr(b, EG_COL(RAW, peer), &peer);
    eg_put_int(b, EG_COL(RAW, peer_port), 4000);
    eg_put_int(b, EG_COL(RAW, local_port), 2055);
    eg_put_int(b, EG_COL(RAW, length), payload.size);
    eg_put_view(b, EG_COL(RAW, payload), eg_span(payload.at, payload.size));
    eg_builder_row(b, 1);
    assert_int_equal(eg_builder_seal(b, &raw, NULL), EG_OK);
    assert_true(out_new(&out, 7, EG_COLUMNS_ALL));
    assert_int_equal(eg_extract_exports.feed(u, raw, NULL, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.join(x, u, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.finish(u, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.join(x, NULL, &out, NULL), EG_OK);
    struct result r = {0};
    result_take(&r, &out);
    assert_int_equal(r.row_count, 2);
    assert_non_null(strstr(r.rows[0], "exporter=00000000000000000000ffff09080706 "));
    assert_null(strstr(r.rows[0], "received_time"));
    result_reset(&r);
    eg_extract_exports.close(x);
    eg_batch_unref(raw);
    eg_builder_free(b);
}

/* ---- fragments ---- */

static void add_fragments(struct frames *f, uint32_t src, uint16_t id, struct v5 h, int64_t time_us,
                          const int *order, int count) {
    struct bytes payload = make_v5(h, h.sequence);
    for (int i = 0; i < count; i++) {
        if (order[i] < 0) continue;
        struct bytes piece =
            make_piece(src, 4000, 2055, id, &payload, (uint32_t)order[i] * 400, 400);
        frames_add(f, &piece, time_us + i);
    }
}

static void fragments_are_put_together(void **state) {
    (void)state;
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {0, 0, 1, 3}};
    for (int k = 0; k < 4; k++) {
        struct frames f = {0};
        add_fragments(&f, 0x01020304, 9, header(30, 100), BASE_US, orders[k], 4);
        add(&f, 0x01020304, 2055, header(1, 130), BASE_US + 10);
        struct result r = run_whole(&f, 2055);
        bool whole_one = k < 3; /* the last order repeats one and lacks one */
        assert_int_equal(r.row_count, whole_one ? 31 : 1);
        assert_int_equal(packets_of(&r, EG_CAUSE_fragment_incomplete), whole_one ? 0 : 3);
        assert_int_equal(r.datagrams, whole_one ? 2 : 1);
        result_reset(&r);
        r = run_whole(&f, 0); /* a whole one is certain on any port */
        assert_int_equal(r.row_count, whole_one ? 31 : 1);
        result_reset(&r);
        f.count--; /* without the datagram that makes the exporter known, they are none of ours */
        r = run_whole(&f, 0);
        assert_int_equal(r.row_count, whole_one ? 30 : 0);
        assert_int_equal(r.tally.count, 0);
        result_reset(&r);
        free(f.at);
    }
}

static void fragments_of_known_exporters_are_missed(void **state) {
    (void)state;
    static const int order[] = {0, 1, -1, 3};
    struct frames f = {0};
    add(&f, 0x01020304, 2055, header(1, 99), BASE_US);
    add_fragments(&f, 0x01020304, 9, header(30, 100), BASE_US + 5, order, 4);
    add(&f, 0x01020304, 2055, header(1, 130), BASE_US + 10);
    struct result r = run_whole(&f, 0);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(records_of(&r, EG_CAUSE_fragment_incomplete), 1);
    assert_int_equal(records_of(&r, EG_CAUSE_sequence_gap), 30);
    result_reset(&r);
    free(f.at);
}

/* ---- cutting the input changes nothing ---- */

struct exporter {
    uint32_t address, sequence;
    uint16_t port, engine;
};

static void add_at(struct frames *f, uint32_t i, const struct frame *frame) {
    frames_add(f, &frame->bytes, frame->time_us);
    for (uint32_t k = f->count - 1; k > i; k--) f->at[k] = f->at[k - 1];
    f->at[i] = *frame;
}

static void next_datagram(struct frames *f, struct exporter *e, int64_t time_us) {
    struct v5 h = header(1 + chance(chance(4) ? 30 : 3), e->sequence);
    if (chance(2)) h.count = 10; /* often all the same, so that runs form */
    h.engine = e->engine;
    h.uptime = chance(8) ? 3600000 : 3600000 + chance(100);
    uint32_t moves = h.count;
    switch (chance(24)) {
    case 0: h.claimed = h.count + 1; break; /* a suspect */
    case 1: e->sequence += moves; return;   /* lost */
    case 2:
        h.sequence = 0;
        h.uptime = 5000;
        e->sequence = 0;
        break; /* restarted */
    case 3: h.sequence = chance(1000); break;
    default: break;
    }
    e->sequence += moves;
    struct bytes payload = make_v5(h, h.sequence);
    if (chance(10) == 0 && payload.size > 100) {
        uint16_t id = (uint16_t)chance(65536);
        uint32_t size = 8 * (1 + chance(payload.size / 8)), from = f->count;
        for (uint32_t offset = 0; offset < payload.size + 8; offset += size) {
            struct bytes piece = make_piece(e->address, e->port, 9995, id, &payload, offset, size);
            struct frame frame = {piece, 0, time_us};
            uint32_t at = from + chance(f->count - from + 1);
            if (chance(40)) add_at(f, at, &frame);
        }
        return;
    }
    struct frame frame = {make_frame(e->address, e->port, 9995, &payload), 0, time_us};
    uint32_t late = chance(6) ? 0 : chance(12);
    add_at(f, late < f->count ? f->count - late : f->count, &frame);
    if (chance(20) == 0) add_at(f, f->count, &frame); /* twice */
}

static struct frames random_frames(uint32_t count) {
    struct frames f = {0};
    struct exporter all[5];
    for (uint32_t i = 0; i < 5; i++)
        all[i] = (struct exporter){0x0a000000 + i / 2,
                                   chance(2) ? chance(5000) : UINT32_MAX - chance(500),
                                   (uint16_t)(4000 + i % 3), (uint16_t)chance(2)};
    int64_t time_us = BASE_US;
    while (f.count < count) {
        time_us += chance(50000);
        next_datagram(&f, &all[chance(5)], time_us);
        if (chance(500) == 0) time_us += 3600 * INT64_C(1000000);
    }
    return f;
}

static void same(const struct result *a, const struct result *b, uint64_t from_seed) {
    char *first = tally_text(&a->tally), *second = tally_text(&b->tally);
    if (strcmp(first, second) != 0) {
        size_t i = 0; /* the line that differs first */
        while (first[i] && first[i] == second[i]) i++;
        while (i && first[i - 1] != '\n') i--;
        print_error("seed %llu:\n%.200s\n---\n%.200s\n", (unsigned long long)from_seed, first + i,
                    second + i);
    }
    assert_true(strcmp(first, second) == 0);
    assert_int_equal(a->row_count, b->row_count);
    for (uint32_t i = 0; i < a->row_count; i++) assert_string_equal(a->rows[i], b->rows[i]);
    assert_int_equal(a->datagrams, b->datagrams);
    assert_int_equal(a->claimed, b->claimed);
    free(first);
    free(second);
}

static void cuts_change_nothing(void **state) {
    (void)state;
    static const uint32_t capacities[] = {1, 7, 4096};
    for (uint64_t round = 1; round <= 50; round++) {
        seed = round * UINT64_C(0x9e3779b97f4a7c15);
        struct frames f = random_frames(20 + chance(400));
        uint16_t port = chance(3) ? 0 : 9995;
        struct result one = run_whole(&f, port);
        for (int k = 0; k < 3; k++) {
            uint32_t cuts[22] = {0}, units = 1 + chance(20);
            for (uint32_t i = 1; i < units; i++) cuts[i] = chance(f.count + 1);
            cuts[units] = f.count;
            for (uint32_t i = 1; i < units; i++) /* sort */
                for (uint32_t j = 1; j < units - i; j++)
                    if (cuts[j] > cuts[j + 1]) {
                        uint32_t t = cuts[j];
                        cuts[j] = cuts[j + 1];
                        cuts[j + 1] = t;
                    }
            struct run_how how = {.cuts = cuts,
                                  .units = units,
                                  .capacity = capacities[k],
                                  .batch = 1 + chance(50),
                                  .port = port,
                                  .backwards = chance(2)};
            struct result many;
            assert_int_equal(run_frames(&f, how, &many), EG_OK);
            same(&one, &many, round);
            result_reset(&many);
        }
        result_reset(&one);
        free(f.at);
    }
}

/* ---- limits ---- */

static void only_so_many_wait(void **state) {
    (void)state;
    struct frames f = {0};
    struct v5 doubtful = header(1, 1);
    doubtful.claimed = 2;
    for (int i = 0; i < 4096; i++) add(&f, 0x01020304, 5555, doubtful, BASE_US);
    struct eg_batch *raw = make_raw(f.at, f.count);
    struct eg_env env = eg_env_plain;
    struct eg_extract_options options = {.columns = EG_COLUMNS_ALL};
    struct eg_extract *x;
    struct eg_extract_unit *u;
    struct eg_out out;
    assert_int_equal(eg_extract_exports.open(&env, &options, &x, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.begin(x, 0, &u, NULL), EG_OK);
    assert_true(out_new(&out, 4096, EG_COLUMNS_ALL));
    for (int i = 0; i < 17; i++) /* 16 times fill what may wait; one is too much */
        assert_int_equal(eg_extract_exports.feed(u, raw, NULL, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.join(x, u, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_exports.finish(u, &out, NULL), EG_OK);
    struct result r = {0};
    result_take(&r, &out);
    assert_int_equal(packets_of(&r, EG_CAUSE_suspect_overflow), 4096);
    assert_int_equal(r.tally.count, 1);
    assert_int_equal(r.row_count, 0);
    result_reset(&r);
    eg_extract_exports.close(x);
    eg_batch_unref(raw);
    free(f.at);
}

/* ---- memory ---- */

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    seed = 4711;
    struct frames f = random_frames(60);
    uint32_t cuts[3] = {0, 30, f.count};
    long n = 0;
    bool failed = true;
    for (; failed; n++) {
        struct result r;
        torture_fail_after(n);
        struct run_how how = {.cuts = cuts, .units = 2, .capacity = 7, .batch = 16, .port = 9995};
        enum eg_status status = run_frames(&f, how, &r);
        failed = torture_off();
        assert_true(status == EG_OK || status == EG_E_NOMEM);
        if (!failed) assert_int_equal(status, EG_OK);
        result_reset(&r);
    }
    assert_true(n > 20);
    free(f.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_certain_exports_on_any_port),
        cmocka_unit_test(exports_in_tunnels_are_exports),
        cmocka_unit_test(suspects_wait_for_their_exporter),
        cmocka_unit_test(known_ports_count_what_nobody_decodes),
        cmocka_unit_test(cut_frames_give_their_whole_records),
        cmocka_unit_test(datagrams_need_no_frame),
        cmocka_unit_test(fragments_are_put_together),
        cmocka_unit_test(fragments_of_known_exporters_are_missed),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(only_so_many_wait),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
