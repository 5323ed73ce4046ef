/* SPDX-License-Identifier: Apache-2.0
 * The dataset sink: rows reach Parquet once each, with their positions, or not at all. */
#include "interpose.h"
#include "parquet.h"
#include "store/far_hours.h"

#include <sys/mount.h>

static void rows_and_positions(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    sink_write_flows(sink, NOON, 1000, 100);
    sink_write_flows(sink, NOON + HOUR - 5000, 1000, 10); /* five in each hour */
    sink_write_flows(sink, NOON, HOUR, 3);
    assert_int_equal(access(root, F_OK), -1); /* nothing yet */
    struct eg_position p = position_at("k", 100);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 113);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "sum(bytes)"), 5050 + 55 + 6);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(distinct hour(start_time))"), 3);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "min(epoch_us(start_time))"), NOON);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*) filter (exporter = '10.0.0.1')"), 113);
    assert_int_equal(ask(root, EG_TABLE_LOSSES, "count(*)"), 0);
    struct eg_position *known;
    size_t count;
    must(eg_sink_dataset.positions(sink, &known, &count, ERR));
    assert_int_equal(count, 1);
    assert_memory_equal(known, &p, sizeof p);
    eg_free(known);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR)); /* nothing to say */
    assert_int_equal(scratch_count(root, ".done"), 1);
    sink_write_flows(sink, NOON, 1000, 5);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    sink_write_flows(sink, NOON, 1000, 5); /* never flushed: dropped */
    eg_sink_dataset.close(sink);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 118);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
    eg_free(root);
}

/* Each file's partition holds exactly the rows of its hour, and its range is the one of its rows. */
static void partitions(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    sink_write_flows(sink, NOON + 30 * 60000000LL, 7 * 60000000LL, 60);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    eg_sink_dataset.close(sink);
    struct eg_dataset *ds = open_reader(root);
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, INT64_MIN, INT64_MAX, &files, &count, ERR));
    assert_int_equal(count, 8);
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        rows += files[i].rows;
        assert_true(files[i].start_us / HOUR == NOON / HOUR + (int64_t)i);
        assert_true(files[i].end_us >= files[i].start_us + 60000000);
    }
    assert_int_equal(rows, 60);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
    eg_free(root);
}

static void quarantine(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    sink_write_flows(sink, EG_LAYOUT_FIRST_US - 3, 1, 5);       /* three too early, two in 1990 */
    sink_write_flows(sink, INT64_C(9000000000000000000), 1, 4); /* the year 287,000 */
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    struct eg_tally_entry seen = eg_tally_sum(eg_dataset_sink_tally(sink), EG_CAUSE_quarantined);
    assert_int_equal(seen.records, 7);
    assert_int_equal(seen.packets, 7);
    assert_int_equal(seen.bytes, 1 + 2 + 3 + 1 + 2 + 3 + 4);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR)); /* told once */
    eg_sink_dataset.close(sink);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 2);
    assert_int_equal(ask(root, EG_TABLE_LOSSES, "count(*)"), 1);
    assert_int_equal(ask(root, EG_TABLE_LOSSES,
                         "sum(records) filter (cause = 'quarantined' and source = 'netflow5' and "
                         "exporter = '10.0.0.1' and domain = 7)"),
                     7);
    assert_int_equal(scratch_count(root, "quarantine/flows/part-"), 1);
    assert_int_equal(scratch_count(root, "flows/date="), 1);
    assert_int_equal(scratch_count(root, "losses/date=2026-01-02/hour=12/"), 1);
    eg_free(root);
}

/* Of a live source the hours far from now are so many, and what is beyond is counted. */
static void hours_far_away(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    must(eg_dataset_sink_live(sink, ERR));
    must(eg_dataset_sink_live(sink, ERR));
    for (int i = 0; i < EG_FAR_HOURS + 20; i++) sink_write_flows(sink, NOON - (i + 30) * HOUR, 1, 2);
    sink_write_flows(sink, NOON, 1, 5);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    assert_int_equal(eg_tally_sum(eg_dataset_sink_tally(sink), EG_CAUSE_quarantined).records, 40);
    eg_sink_dataset.close(sink);
    assert_int_equal(scratch_count(root, "flows/date="), EG_FAR_HOURS + 1);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), EG_FAR_HOURS * 2 + 5);
    assert_int_equal(ask(root, EG_TABLE_LOSSES, "sum(records) filter (cause = 'quarantined')"), 40);
    assert_int_equal(scratch_count(root, "quarantine/flows/part-"), 1);
    eg_free(root);
}

/* Where rows become too many they are encoded, and their batches let go of: in partitions that have enough of
 * them. Nothing is on disk before the flush, which gives all of them once. */
static void bounded(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    eg_dataset_sink_bound(sink, 1, 50);
    struct eg_batch *few = flows_at(NOON, 1000, 49), *one = flows_at(NOON, 1000, 1),
                    *many = flows_at(NOON + HOUR, 1000, 50);
    must(eg_sink_dataset.write(sink, few, ERR));
    assert_int_equal(few->refs, 2);
    must(eg_sink_dataset.write(sink, many, ERR));
    assert_int_equal(many->refs, 1);
    assert_int_equal(few->refs, 2);
    must(eg_sink_dataset.write(sink, one, ERR));
    assert_true(few->refs == 1 && one->refs == 1);
    must(eg_sink_dataset.write(sink, one, ERR)); /* behind what is encoded */
    assert_int_equal(one->refs, 2);
    assert_int_equal(access(root, F_OK), -1);
    struct eg_position p = position_at("k", 100);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 101);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "sum(bytes)"), 49 * 25 + 1 + 1 + 51 * 25);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(distinct hour(start_time))"), 2);
    assert_int_equal(scratch_count(root, "part-"), 2);
    must(eg_sink_dataset.write(sink, many, ERR)); /* never flushed: dropped */
    eg_dataset_sink_release(sink);
    must(eg_sink_dataset.write(sink, few, ERR));
    eg_dataset_sink_bound(sink, UINT64_C(1) << 30, 1);
    must(eg_sink_dataset.write(sink, few, ERR)); /* there is room for it again */
    assert_int_equal(few->refs, 3);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    must(eg_sink_dataset.write(sink, many, ERR)); /* likewise */
    eg_sink_dataset.close(sink);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 101 + 2 * 49);
    assert_int_equal(scratch_count(root, ".tmp"), 0);
    eg_batch_unref(few);
    eg_batch_unref(many);
    eg_batch_unref(one);
    eg_free(root);
}

/* The disk fills up under the encoder: one line that says what to do, nothing left behind; with
 * room again the same rows go in. */
static void full_disk_of(void *scratch, bool bounds) {
    const int batches = bounds ? 12 : 40;
    char *root = eg_path_join(scratch, "d");
    must(eg_dir_make(root, ERR));
    if (getuid() != 0 || mount("none", root, "tmpfs", 0, "size=400k") != 0) skip();
    struct eg_sink *sink = sink_open_at(root);
    if (bounds) eg_dataset_sink_bound(sink, 1, 2000);
    sink_write_flows(sink, NOON, 1000, 10);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    char *before = scratch_list(root);
    for (int i = 0; i < batches; i++) sink_write_flows(sink, NOON + i, 7654321, 100000);
    struct eg_position p = position_at("k", 100);
    assert_int_equal(eg_sink_dataset.flush(sink, &p, 1, ERR), EG_E_NOSPACE);
    assert_non_null(strstr(scratch_err.message, root));
    assert_non_null(strstr(scratch_err.message, "free some space"));
    char *after = scratch_list(root);
    assert_string_equal(after, before);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 10);
    assert_int_equal(mount("none", root, "tmpfs", MS_REMOUNT, "size=400m"), 0);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 10 + batches * 100000);
    eg_sink_dataset.close(sink);
    eg_free(before);
    eg_free(after);
    assert_int_equal(umount(root), 0);
    eg_free(root);
}
static void full_disk(void **state) { full_disk_of(*state, false); }
static void full_disk_bounded(void **state) { full_disk_of(*state, true); }

/* A flush that failed is called again while nothing is decided. From then on the rows stand, though not until
 * the dataset is opened again: they are not lost, and must not be flushed twice. */
static void decided(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    struct eg_tally gone = {0};
    sink_write_flows(sink, NOON, 1000, 3);
    steps_set(0, EIO, "rename"); /* the intent's comes first, then the first file's */
    assert_int_equal(eg_sink_dataset.flush(sink, NULL, 0, ERR), EG_E_IO);
    assert_true(steps_off());
    assert_true(eg_dataset_sink_whole(sink));
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    sink_write_flows(sink, NOON, 1000, 4);
    steps_set(1, EIO, "rename");
    assert_int_equal(eg_sink_dataset.flush(sink, NULL, 0, ERR), EG_E_IO);
    assert_true(steps_off());
    assert_false(eg_dataset_sink_whole(sink));
    eg_dataset_sink_lost(sink, false, &gone);
    assert_int_equal(gone.count, 0);
    eg_sink_dataset.close(sink);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 3);
    sink = sink_open_at(root);
    sink_write_flows(sink, NOON, 1000, 5);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    eg_sink_dataset.close(sink);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 3 + 4 + 5);
    eg_tally_reset(&gone);
    eg_free(root);
}

/* What will never be flushed is counted by exporter, and what is owed for another sink is told once. */
static void lost(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    struct eg_tally owed = {0}, told = {0}, gone = {0};
    eg_tally_add(&owed, EG_CAUSE_batch_lost, NULL, NOON, 3, 4, 5);
    eg_dataset_sink_owes(sink, &owed);
    assert_int_equal(owed.count, 0);
    eg_sink_dataset.losses(sink, &told);
    assert_int_equal(eg_tally_sum(&told, EG_CAUSE_batch_lost).packets, 4);
    eg_dataset_sink_owes(sink, &told);
    sink_write_flows(sink, NOON, HOUR, 3); /* an hour each */
    assert_true(eg_dataset_sink_whole(sink));
    eg_dataset_sink_lost(sink, false, &gone);
    assert_int_equal(gone.count, 4);
    assert_true(gone.entries[1].has_exporter && gone.entries[1].start_us == NOON);
    assert_int_equal(eg_tally_sum(&gone, EG_CAUSE_batch_lost).records, 3 + 3);
    assert_int_equal(eg_tally_sum(&gone, EG_CAUSE_batch_lost).packets, 4 + 3);
    assert_int_equal(eg_tally_sum(&gone, EG_CAUSE_batch_lost).bytes, 5 + 1 + 2 + 3);
    eg_dataset_sink_lost(sink, false, &told); /* once */
    assert_int_equal(told.count, 0);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    eg_sink_dataset.close(sink);
    assert_int_equal(access(root, F_OK), -1);
    eg_tally_reset(&gone);
    eg_free(root);
}

/* How many packets of an interface no flow counts stands in each commit, by the one who meters it. */
static void unmetered(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root), *second;
    struct eg_position *known;
    size_t count;
    struct eg_tally tally = {0};
    eg_dataset_sink_meter(sink, "iface:x");
    eg_sink_dataset.losses(sink, &tally);
    assert_int_equal(access(root, F_OK), -1); /* that makes no dataset */
    sink_write_flows(sink, NOON, 1000, 5);    /* of an exporter: no packet was seen */
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    second = sink_open_at(root);
    eg_dataset_sink_meter(second, "iface:x");
    eg_sink_dataset.losses(second, &tally);
    sink_write_flows(second, NOON, 1000, 5);
    must(eg_sink_dataset.flush(second, NULL, 0, ERR));
    must(eg_sink_dataset.positions(second, &known, &count, ERR));
    assert_int_equal(count, 1);
    assert_string_equal(known[0].name, "iface:x");
    assert_string_equal(known[0].state, "0 0");
    assert_int_equal(tally.count, 0);
    eg_free(known);
    eg_sink_dataset.close(second);
    /* packets that are metered and not kept are said, and marked though there is no row */
    second = sink_open_at(root);
    eg_dataset_sink_meter(second, "iface:z");
    for (uint64_t i = 1; i <= 3; i++) {
        eg_dataset_sink_metered(second, i / 2 * 5, i / 2 * 700);
        must(eg_sink_dataset.flush(second, NULL, 0, ERR));
        must(eg_sink_dataset.positions(second, &known, &count, ERR));
        const char *mark = i == 1 ? NULL : "5 700";
        for (size_t k = 0; k < count; k++)
            if (strcmp(known[k].name, "iface:z") == 0) {
                assert_non_null(mark);
                assert_string_equal(known[k].state, mark);
                mark = NULL;
            }
        assert_null(mark);
        eg_free(known);
    }
    eg_sink_dataset.close(second);
    /* a run that was killed had kept three packets of 200 bytes */
    struct eg_position left = position_at("iface", 0);
    snprintf(left.table, sizeof left.table, "unmetered");
    snprintf(left.name, sizeof left.name, "iface:y");
    snprintf(left.state, sizeof left.state, "3 200");
    sink_write_flows(sink, NOON, 1000, 5);
    must(eg_sink_dataset.flush(sink, &left, 1, ERR));
    eg_sink_dataset.close(sink);
    for (int run = 0; run < 2; run++) {
        sink = sink_open_at(root);
        eg_dataset_sink_meter(sink, "iface:y");
        eg_sink_dataset.losses(sink, &tally);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_metering_ended).packets, run ? 0 : 3);
        assert_int_equal(eg_tally_sum(&tally, EG_CAUSE_metering_ended).bytes, run ? 0 : 200);
        eg_tally_reset(&tally);
        sink_write_flows(sink, NOON, 1000, 5);
        must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
        eg_sink_dataset.close(sink);
    }
    eg_free(root);
}

/* A packet of 100 bytes each, or (flows) such flows of two packets that were metered of packets. */
static void write_packets(struct eg_sink *sink, bool flows, int64_t start, uint32_t count) {
    struct eg_builder *b;
    struct eg_batch *batch;
    enum eg_table_id table = flows ? EG_TABLE_FLOWS : EG_TABLE_PACKETS;
    must(eg_builder_new(&b, eg_table_get(table), table, count, EG_COLUMNS_ALL, ERR));
    for (uint32_t i = 0; i < count; i++) {
        if (flows) {
            eg_put_int(b, EG_COL(FLOWS, start_time), start + i);
            eg_put_int(b, EG_COL(FLOWS, packets), 2);
            eg_put_int(b, EG_COL(FLOWS, bytes), 200);
            eg_put_name(b, EG_COL(FLOWS, source), "packet", 6);
        } else {
            eg_put_int(b, EG_COL(PACKETS, time), start + i);
            eg_put_int(b, EG_COL(PACKETS, length), 100);
            eg_put_name(b, EG_COL(PACKETS, source), "packet", 6);
        }
        eg_builder_row(b, 1);
    }
    must(eg_builder_seal(b, &batch, ERR));
    eg_builder_free(b);
    must(eg_sink_dataset.write(sink, batch, ERR));
    eg_batch_unref(batch);
}

/* Packets that are lost count once, by their rows; of flows that were metered of them only the records.
 * Of an interface the packets are counted elsewhere. What has no usable time is lost without one. */
static void lost_packets(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    for (int flows_only = 0; flows_only < 2; flows_only++) {
        struct eg_tally gone = {0};
        write_packets(sink, false, NOON, 5);
        write_packets(sink, true, NOON, 2);
        sink_write_flows(sink, NOON, 1, 3);
        eg_dataset_sink_lost(sink, flows_only, &gone);
        struct eg_tally_entry sum = eg_tally_sum(&gone, EG_CAUSE_batch_lost);
        assert_int_equal(sum.records, 2 + 3);
        assert_int_equal(sum.packets, (flows_only ? 0 : 5) + 3);
        assert_int_equal(sum.bytes, (flows_only ? 0 : 500) + 1 + 2 + 3);
        eg_tally_reset(&gone);
    }
    struct eg_tally gone = {0};
    sink_write_flows(sink, EG_LAYOUT_FIRST_US - 3, 1, 3);
    eg_dataset_sink_lost(sink, false, &gone);
    assert_int_equal(gone.count, 1);
    assert_int_equal(gone.entries[0].records, 3);
    assert_true(gone.entries[0].start_us == INT64_MIN);
    eg_tally_reset(&gone);
    eg_sink_dataset.close(sink);
    eg_free(root);
}

/* What another process may write now is not written, and nobody hears of what was put into quarantine
 * of it. */
static void released(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_sink *sink = sink_open_at(root);
    sink_write_flows(sink, EG_LAYOUT_FIRST_US - 3, 1, 3);
    eg_dataset_sink_release(sink);
    sink_write_flows(sink, NOON, 1, 4);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    assert_int_equal(eg_dataset_sink_tally(sink)->count, 0);
    eg_sink_dataset.close(sink);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 4);
    assert_int_equal(ask(root, EG_TABLE_LOSSES, "count(*)"), 0);
    eg_free(root);
}

static void state_is(struct eg_sink *sink, const char *input, const char *state) {
    struct eg_position *known;
    size_t count, found = 0;
    must(eg_sink_dataset.positions(sink, &known, &count, ERR));
    for (size_t i = 0; i < count; i++)
        if (strcmp(known[i].name, input) == 0 && strcmp(known[i].state, state) == 0) found++;
    eg_free(known);
    assert_int_equal(found, 1);
}

/* The marks of an input add up to what its runs left: packets less those in flows, and what was told. */
static void marks(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_tally tally = {0};
    struct eg_sink *first = sink_open_at(root), *second;
    eg_dataset_sink_meter(first, "iface:x");
    write_packets(first, false, NOON, 7);
    write_packets(first, true, NOON, 2);
    must(eg_sink_dataset.flush(first, NULL, 0, ERR));
    state_is(first, "iface:x", "3 300");
    second = sink_open_at(root); /* the same input at the same time: it is another's */
    eg_dataset_sink_meter(second, "iface:x");
    write_packets(second, false, NOON, 1);
    must(eg_sink_dataset.flush(second, NULL, 0, ERR));
    eg_sink_dataset.close(first); /* as killed: three packets are in no flow */
    write_packets(second, false, NOON, 1);
    must(eg_sink_dataset.flush(second, NULL, 0, ERR));
    state_is(second, "iface:x", "3 300"); /* no mark of it, and nothing told */
    eg_sink_dataset.losses(second, &tally);
    assert_int_equal(tally.count, 0);
    eg_sink_dataset.close(second);
    first = sink_open_at(root); /* another input */
    eg_dataset_sink_meter(first, "iface:y");
    eg_sink_dataset.losses(first, &tally);
    assert_int_equal(tally.count, 0);
    eg_sink_dataset.close(first);
    first = sink_open_at(
        root); /* who loses all does not tell in the end what others left: the next one does */
    eg_dataset_sink_meter(first, "iface:x");
    eg_dataset_sink_lost(first, true, &tally);
    assert_int_equal(tally.count, 0);
    eg_sink_dataset.close(first);
    for (int run = 0; run < 3; run++) {
        first = sink_open_at(root);
        eg_dataset_sink_meter(first, "iface:x");
        eg_sink_dataset.losses(first, &tally);
        struct eg_tally_entry told = eg_tally_sum(&tally, EG_CAUSE_metering_ended);
        assert_int_equal(told.packets, run == 0 ? 3 : 1);
        assert_int_equal(told.bytes, run == 0 ? 300 : 100);
        eg_tally_reset(&tally);
        write_packets(first, false, NOON, 1); /* is left again */
        struct eg_position p = position_at("k", 100);
        must(eg_sink_dataset.flush(first, &p, run == 1, ERR));
        eg_sink_dataset.close(first);
    }
    eg_free(root);
}

static void claims(void **state) {
    char *root = eg_path_join(*state, "d");
    struct eg_position *known, *news = NULL;
    struct eg_position p = {.key = "k", .digest = "0", .offset = 5, .table = "flows"};
    size_t count = 0;
    struct eg_sink *one = sink_open_at(root), *two = sink_open_at(root);
    must(eg_sink_dataset.positions(two, &known, &count, ERR));
    eg_free(known);
    must(eg_dataset_sink_claim(one, "k", "k", "k.pcap", &news, &count, ERR));
    assert_int_equal(count, 0);
    assert_null(news);
    assert_int_equal(eg_dataset_sink_claim(two, "k", "k", "k.pcap", &news, &count, ERR),
                     EG_E_LOCKED);
    must(eg_sink_dataset.flush(one, &p, 1, ERR));
    eg_dataset_sink_release(one);
    must(eg_dataset_sink_claim(two, "k", "k", "k.pcap", &news, &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(news[0].offset, 5);
    eg_free(news);
    eg_sink_dataset.close(one);
    eg_sink_dataset.close(two);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(rows_and_positions),
                                       IN_SCRATCH(partitions),
                                       IN_SCRATCH(quarantine), IN_SCRATCH(hours_far_away),
                                       IN_SCRATCH(bounded),
                                       IN_SCRATCH(full_disk),
                                       IN_SCRATCH(full_disk_bounded),
                                       IN_SCRATCH(decided),
                                       IN_SCRATCH(lost),
                                       IN_SCRATCH(unmetered),
                                       IN_SCRATCH(lost_packets),
                                       IN_SCRATCH(released),
                                       IN_SCRATCH(marks),
                                       IN_SCRATCH(claims)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
