/* SPDX-License-Identifier: Apache-2.0
 * The packets extract: rows, nulls, names, remarks, capacities, columns that are not asked for, and
 * memory that runs out. */
#include "table/stage.h"

#include "base/alloc.h"
#include "frames.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

extern const struct eg_extract_type eg_extract_packets;

#define COL(name) EG_COL(PACKETS, name)

struct given {
    int64_t time_ns;   /* INT64_MIN: none */
    int32_t link_type; /* -1: a datagram */
    const char *frame;
    int64_t length; /* 0: as many as there are */
    const char *interface;
};

static const struct given mixed[] = {
    {1700000000123456789, 1, MACS "0800" IP4("0028", "06") TCP "000000000000", 60, "eth0"},
    {1700000000123457000, 1, MACS "8100 0064 0800" IP4("001d", "11") UDP("0009") "55", 0, "eth0"},
    {-1, 1, MACS "86dd" IP6("0009", "3a") "8000 0000 00010001 aa", 0, "eth1"},
    {INT64_MIN, 1, MACS "0806 00010800", 0, NULL},
    {5, 1, MACS "8847 00010040 00011140" IP4("001d", "11") UDP("0009") "55", 0, "eth0"},
    {6, 1, MACS "0800 4500 0028", 60, "eth1"},
    {7, 147, "ffff", 0, NULL},
    {8, 1, MACS "0800" IP4("0013", "06") TCP, 0, NULL},
    {9, 1, MACS "0800 4500 0024 1234 2002 40 11 0000 0a000001 0a000002 00000000", 0, NULL},
    {10, -1, "0005", 0, NULL},
    {11, 1, "", 1514, NULL},
};
#define MIXED (sizeof mixed / sizeof *mixed)

/* The raw batch of the frames, each in a block of its own; freed with raw_free. */
struct raw {
    struct eg_batch *batch;
    struct eg_span frames[64];
    size_t count;
};

static struct raw raw_of(const struct given *given, size_t count) {
    struct raw raw = {.count = count};
    struct eg_builder *b;
    assert_int_equal(
        eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 64, EG_COLUMNS_ALL, NULL),
        EG_OK);
    for (size_t i = 0; i < count; i++) {
        raw.frames[i] = frame_of(given[i].frame);
        if (given[i].time_ns != INT64_MIN) eg_put_int(b, EG_COL(RAW, time_ns), given[i].time_ns);
        if (given[i].link_type >= 0) eg_put_int(b, EG_COL(RAW, link_type), given[i].link_type);
        eg_put_int(b, EG_COL(RAW, length),
                   given[i].length ? given[i].length : (int64_t)raw.frames[i].size);
        eg_put_view(b, EG_COL(RAW, payload), raw.frames[i]);
        eg_put_int(b, EG_COL(RAW, offset), (int64_t)(24 + i * 100));
        if (given[i].interface)
            eg_put_name(b, EG_COL(RAW, interface), given[i].interface, strlen(given[i].interface));
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &raw.batch, NULL), EG_OK);
    eg_builder_free(b);
    return raw;
}

static void raw_free(struct raw *raw) {
    eg_batch_unref(raw->batch);
    for (size_t i = 0; i < raw->count; i++) frame_free(raw->frames[i]);
}

/* Rows of a run, in one list of batches. */
struct run {
    struct eg_out out;
    struct eg_extract *extract;
};

static struct run run_as(const struct raw *raw, uint32_t capacity, eg_column_set columns,
                         uint64_t *claimed, int times, const struct eg_metering *metering) {
    struct run run = {0};
    struct eg_extract_options options = {
        .columns = columns, .input_name = "a.pcap", .metering = metering};
    struct eg_extract_unit *unit;
    assert_int_equal(eg_builder_new(&run.out.rows, eg_table_get(EG_TABLE_PACKETS), EG_TABLE_PACKETS,
                                    capacity, columns, NULL),
                     EG_OK);
    run.out.unit = 3;
    assert_int_equal(eg_extract_packets.open(&eg_env_plain, &options, &run.extract, NULL), EG_OK);
    assert_int_equal(eg_extract_packets.begin(run.extract, 3, &unit, NULL), EG_OK);
    for (int i = 0; i < times; i++)
        assert_int_equal(eg_extract_packets.feed(unit, raw->batch, claimed, &run.out, NULL), EG_OK);
    assert_int_equal(eg_extract_packets.join(run.extract, unit, &run.out, NULL), EG_OK);
    assert_int_equal(eg_extract_packets.join(run.extract, NULL, &run.out, NULL), EG_OK);
    eg_out_seal(&run.out);
    return run;
}

static struct run run_of(const struct raw *raw, uint32_t capacity, eg_column_set columns,
                         uint64_t *claimed, int times) {
    return run_as(raw, capacity, columns, claimed, times, NULL);
}

static void run_free(struct run *run) {
    for (uint32_t i = 0; i < run->out.ready_count; i++) eg_batch_unref(run->out.ready[i]);
    eg_free(run->out.ready);
    eg_builder_free(run->out.rows);
    eg_tally_reset(&run->out.tally);
    eg_extract_packets.close(run->extract);
}

#define NONE INT64_MIN
static int64_t value(const struct eg_batch *batch, uint32_t col, uint32_t row) {
    return eg_batch_valid(batch, col, row) ? eg_col_int(&batch->columns[col], row) : NONE;
}
static void assert_text(const struct eg_batch *batch, uint32_t col, uint32_t row,
                        const char *want) {
    assert_int_equal(eg_batch_valid(batch, col, row), want != NULL);
    if (!want) return;
    struct eg_span got = eg_col_text(&batch->columns[col], row);
    assert_int_equal(got.size, strlen(want));
    assert_memory_equal(got.at, want, got.size);
}

static void test_rows(void **state) {
    (void)state;
    struct raw raw = raw_of(mixed, MIXED);
    struct run run = run_of(&raw, 4096, EG_COLUMNS_ALL, NULL, 1);
    assert_int_equal(run.out.ready_count, 1);
    const struct eg_batch *b = run.out.ready[0];
    assert_int_equal(b->rows, MIXED - 1); /* all but the datagram */
    assert_int_equal(b->unit, 3);
    static const int64_t times[][2] = {
        {1700000000123456, 789},
        {1700000000123457, 0},
        {-1, 999},
        {NONE, NONE},
        {0, 5},
        {0, 6},
        {0, 7},
        {0, 8},
        {0, 9},
        {0, 11},
    };
    static const char *const interfaces[] = {"eth0", "eth0", "eth1", NULL, "eth0",
                                             "eth1", NULL,   NULL,   NULL, NULL};
    static const int64_t protos[] = {6, 17, 58, NONE, 17, NONE, NONE, NONE, 17, NONE};
    static const int64_t payloads[] = {0, 1, 1, NONE, 1, NONE, NONE, NONE, NONE, NONE};
    for (uint32_t row = 0; row < b->rows; row++) {
        assert_int_equal(value(b, COL(time), row), times[row][0]);
        assert_int_equal(value(b, COL(time_ns), row), times[row][1]);
        assert_text(b, COL(interface), row, interfaces[row]);
        assert_int_equal(value(b, COL(proto), row), protos[row]);
        assert_int_equal(value(b, COL(payload_length), row), payloads[row]);
        assert_text(b, COL(file), row, "a.pcap");
        assert_text(b, COL(source), row, "packet");
        assert_int_equal(value(b, COL(offset), row), 24 + 100 * (row == 9 ? 10 : row));
    }
    assert_int_equal(value(b, COL(length), 0), 60);
    assert_int_equal(value(b, COL(captured), 0), 60);
    assert_int_equal(value(b, COL(length), 9), 1514);
    assert_int_equal(value(b, COL(captured), 9), 0);
    assert_int_equal(value(b, COL(tcp_flags), 0), 0x012);
    assert_int_equal(value(b, COL(tcp_seq), 0), 1);
    assert_int_equal(value(b, COL(tcp_flags), 1), NONE);
    assert_int_equal(value(b, COL(vlan), 0), NONE);
    assert_int_equal(value(b, COL(vlan), 1), 100);
    assert_int_equal(value(b, COL(icmp_type), 2), 128);
    assert_int_equal(value(b, COL(icmp_code), 2), 0);
    assert_int_equal(value(b, COL(dont_fragment), 1), 1);
    assert_int_equal(value(b, COL(dont_fragment), 2), NONE);
    assert_int_equal(value(b, COL(more_fragments), 8), 1);
    assert_int_equal(value(b, COL(fragment_offset), 8), 16);
    assert_int_equal(value(b, COL(src_port), 8), NONE);
    assert_text(b, COL(mpls_labels), 4, "16,17");
    assert_text(b, COL(mpls_labels), 3, NULL);
    assert_int_equal(value(b, COL(dst_mac), 3), 0x0a0b0c0d0e0f);
    assert_int_equal(value(b, COL(link_type), 6), 147);
    assert_int_equal(value(b, COL(ip_version), 7), 4);
    assert_false(eg_batch_valid(b, COL(src_ip), 7));
    static const uint8_t src[16] = {[10] = 255, [11] = 255, 10, 0, 0, 1};
    assert_memory_equal(&eg_col_addr(&b->columns[COL(src_ip)])[1], src, 16);
    /* tunnels are not entered, and nothing is extra: no buffer at all */
    assert_null(b->columns[COL(tunnel)].values);
    assert_null(b->columns[COL(extra)].values);
    run_free(&run);
    raw_free(&raw);
}

static void test_remarks_are_counted(void **state) {
    (void)state;
    struct raw raw = raw_of(mixed, MIXED);
    struct run run = run_of(&raw, 4096, EG_COLUMNS_ALL, NULL, 2);
    static const struct {
        enum eg_cause cause;
        int64_t packets, bytes;
    } want[] = {
        {EG_CAUSE_frame_cut, 4, 2 * (60 + 1514)},
        {EG_CAUSE_header_bad, 2, 2 * 54},
        {EG_CAUSE_link_type_unsupported, 2, 2 * 2},
        {EG_CAUSE_depth_exceeded, 0, 0},
    };
    for (size_t i = 0; i < 4; i++) {
        struct eg_tally_entry got = eg_tally_sum(&run.out.tally, want[i].cause);
        assert_int_equal(got.packets, want[i].packets);
        assert_int_equal(got.bytes, want[i].bytes);
        assert_int_equal(got.records, 0);
    }
    assert_string_equal(run.out.tally.entries[0].source, "packet");
    assert_false(run.out.tally.entries[0].has_exporter);
    run_free(&run);
    raw_free(&raw);
}

static void test_any_capacity_gives_the_same_rows(void **state) {
    (void)state;
    struct raw raw = raw_of(mixed, MIXED);
    struct run usual = run_of(&raw, 4096, EG_COLUMNS_ALL, NULL, 20);
    static const uint32_t capacities[] = {1, 7, 64, 65, 100};
    for (size_t i = 0; i < 5; i++) {
        struct run run = run_of(&raw, capacities[i], EG_COLUMNS_ALL, NULL, 20);
        uint32_t at = 0;
        for (uint32_t k = 0; k < run.out.ready_count; k++) {
            const struct eg_batch *b = run.out.ready[k];
            for (uint32_t row = 0; row < b->rows; row++, at++)
                for (uint32_t col = 0; col < b->table->count; col++) {
                    const struct eg_batch *u = usual.out.ready[0];
                    assert_int_equal(eg_batch_valid(b, col, row), eg_batch_valid(u, col, at));
                    if (!eg_batch_valid(b, col, row) || b->columns[col].type == EG_TYPE_ADDR ||
                        b->columns[col].type == EG_TYPE_TEXT)
                        continue;
                    assert_int_equal(value(b, col, row), value(u, col, at));
                }
        }
        assert_int_equal(at, usual.out.ready[0]->rows);
        run_free(&run);
    }
    run_free(&usual);
    raw_free(&raw);
}

static void test_claimed_frames_are_left_out(void **state) {
    (void)state;
    struct raw raw = raw_of(mixed, MIXED);
    uint64_t claimed[1] = {1u << 0 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 7};
    struct run run = run_of(&raw, 4, EG_COLUMNS_ALL, claimed, 1);
    static const int64_t offsets[] = {124, 324, 424, 824, 1024};
    uint32_t at = 0;
    for (uint32_t k = 0; k < run.out.ready_count; k++)
        for (uint32_t row = 0; row < run.out.ready[k]->rows; row++)
            assert_int_equal(value(run.out.ready[k], COL(offset), row), offsets[at++]);
    assert_int_equal(at, 5);
    /* what was not a row here was not looked at either */
    assert_int_equal(eg_tally_sum(&run.out.tally, EG_CAUSE_header_bad).packets, 0);
    assert_int_equal(eg_tally_sum(&run.out.tally, EG_CAUSE_frame_cut).packets, 1);
    uint64_t all[1] = {UINT64_MAX};
    run_free(&run);
    run = run_of(&raw, 4, EG_COLUMNS_ALL, all, 1);
    assert_int_equal(run.out.ready_count, 0);
    run_free(&run);
    raw_free(&raw);
}

static void test_only_the_columns_asked_for(void **state) {
    (void)state;
    struct raw raw = raw_of(mixed, MIXED);
    struct run all = run_of(&raw, 64, EG_COLUMNS_ALL, NULL, 3);
    uint32_t count = all.out.ready[0]->table->count;
    for (uint32_t col = 0; col < count; col++) {
        struct run one = run_of(&raw, 64, UINT64_C(1) << col, NULL, 3);
        const struct eg_batch *b = one.out.ready[0], *a = all.out.ready[0];
        assert_int_equal(b->rows, a->rows);
        for (uint32_t other = 0; other < count; other++)
            if (other != col) assert_null(b->columns[other].values);
        for (uint32_t row = 0; row < b->rows; row++)
            assert_int_equal(eg_batch_valid(b, col, row), eg_batch_valid(a, col, row));
        run_free(&one);
    }
    struct run none = run_of(&raw, 64, 0, NULL, 3); /* only counted */
    assert_int_equal(none.out.ready[0]->rows, all.out.ready[0]->rows);
    run_free(&none);
    run_free(&all);
    raw_free(&raw);
}

#define INSIDE IP4("001d", "11") UDP("0009") "55"
static const struct given tunnels[] = {
    {1, 228, INSIDE, 0, NULL},
    {2, 228, "4500 0039 0001 0000 402f 0000 0b000001 0b000002 2000 0800 00000007" INSIDE, 0, NULL},
    {3, 228, "4500 0031 0001 0000 4004 0000 0b000003 0b000004" INSIDE, 0, NULL},
    {4, 228, "4500 0039 0001 0000 402f 0000 0b000001 0b000002 2000 0800 00000009" INSIDE, 0, NULL},
    {5, 228, "4500 0018 0001 0000 402f 0000 0b000005 0b000006 0000 0000", 0, NULL},
};

static void test_tunnels(void **state) {
    (void)state;
    static const char *const names[] = {NULL, "gre", "ipip", "gre", "gre"};
    static const int64_t ids[] = {NONE, 7, NONE, 9, NONE}, outer[] = {0, 1, 3, 1, 0};
    static const int64_t ends[] = {1, 1, 1, 1, 5}, outermost_ends[] = {1, 1, 3, 1, 5};
    static const struct eg_metering outermost = {.outermost = true};
    struct raw raw = raw_of(tunnels, 5);
    for (int view = 0; view < 2; view++) {
        struct run run = run_as(&raw, 64, EG_COLUMNS_ALL, NULL, 1, view ? &outermost : NULL);
        assert_int_equal(run.out.ready_count, 1);
        const struct eg_batch *batch = run.out.ready[0];
        for (uint32_t row = 0; row < 5; row++) {
            assert_text(batch, COL(tunnel), row, names[row]);
            assert_int_equal(value(batch, COL(tunnel_id), row), ids[row]);
            const struct eg_addr *src = eg_col_addr(&batch->columns[COL(src_ip)]);
            assert_int_equal(src[row].bytes[15], view ? outermost_ends[row] : ends[row]);
            bool has = !view && outer[row];
            assert_int_equal(eg_batch_valid(batch, COL(outer_src_ip), row), has);
            assert_int_equal(eg_batch_valid(batch, COL(outer_dst_ip), row), has);
            if (!has) continue;
            const struct eg_addr *end = eg_col_addr(&batch->columns[COL(outer_dst_ip)]);
            assert_int_equal(end[row].bytes[15], outer[row] + 1);
        }
        assert_int_equal(run.out.tally.count, 0);
        run_free(&run);
    }
    struct run run = run_of(&raw, 64, EG_SET(PACKETS, tunnel), NULL, 1); /* and alone */
    for (uint32_t row = 0; row < 5; row++)
        assert_text(run.out.ready[0], COL(tunnel), row, names[row]);
    run_free(&run);
    raw_free(&raw);
}

static void test_memory_that_runs_out(void **state) {
    (void)state;
    struct raw raw = raw_of(mixed, MIXED);
    struct eg_extract_options options = {.columns = EG_COLUMNS_ALL, .input_name = "a.pcap"};
    struct eg_extract *extract;
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        struct eg_error err;
        assert_int_equal(eg_extract_packets.open(&eg_env_plain, &options, &extract, &err),
                         EG_E_NOMEM);
        assert_true(torture_off());
    }
    for (long n = 0;; n++) {
        struct run run = {0};
        struct eg_extract_unit *unit;
        assert_int_equal(eg_builder_new(&run.out.rows, eg_table_get(EG_TABLE_PACKETS),
                                        EG_TABLE_PACKETS, 4, EG_COLUMNS_ALL, NULL),
                         EG_OK);
        assert_int_equal(eg_extract_packets.open(&eg_env_plain, &options, &run.extract, NULL),
                         EG_OK);
        assert_int_equal(eg_extract_packets.begin(run.extract, 0, &unit, NULL), EG_OK);
        torture_fail_after(n);
        assert_int_equal(eg_extract_packets.feed(unit, raw.batch, NULL, &run.out, NULL), EG_OK);
        eg_out_seal(&run.out);
        bool failed = torture_off();
        int64_t rows = eg_tally_sum(&run.out.tally, EG_CAUSE_no_memory).packets;
        for (uint32_t i = 0; i < run.out.ready_count; i++) rows += run.out.ready[i]->rows;
        /* a row is there or counted; only the counting itself may have failed */
        if (!run.out.tally.lost) assert_int_equal(rows, MIXED - 1);
        run_free(&run);
        if (!failed) break;
        assert_true(n < 2000);
    }
    raw_free(&raw);
}

static void test_batch_without_frames(void **state) {
    (void)state;
    const struct given datagrams[] = {{1, -1, "0005", 0, NULL}, {2, -1, "0009", 0, NULL}};
    struct raw raw = raw_of(datagrams, 2);
    struct run run = run_of(&raw, 64, EG_COLUMNS_ALL, NULL, 1);
    assert_int_equal(run.out.ready_count, 0);
    run_free(&run);
    raw_free(&raw);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_remarks_are_counted),
        cmocka_unit_test(test_any_capacity_gives_the_same_rows),
        cmocka_unit_test(test_claimed_frames_are_left_out),
        cmocka_unit_test(test_only_the_columns_asked_for),
        cmocka_unit_test(test_tunnels),
        cmocka_unit_test(test_memory_that_runs_out),
        cmocka_unit_test(test_batch_without_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
