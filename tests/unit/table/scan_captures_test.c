/* SPDX-License-Identifier: Apache-2.0
 * Reading in parallel equals reading in order: captures cut into units of random size, read by 1 to
 * 4 workers with batches of 1, 7 and 4096 rows, give the rows and counts of one worker and one unit.
 * Held on a generated capture (exports of several exporters among other packets, fragments, gaps,
 * late datagrams, a cut end) and on the shared captures. */
#include "table/scan.h"

#include "wire/exports_make.h"
#include "numbers.h"

#include <ftw.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

extern const struct eg_source_type eg_source_file;
extern const struct eg_extract_type eg_extract_packets;

static uint64_t seed = 20261123;
static uint32_t random_below(uint32_t n) { return xorshift_below(&seed, n); }

struct how {
    uint64_t unit_bytes;
    uint32_t workers, batch_rows;
    uint64_t hold_every; /* rows; 0: never */
};

/* ---- running a scan ---- */

static atomic_ullong last_unit; /* that gave a batch in the last scan_file */

struct runner {
    struct eg_scan_worker *worker;
    struct result got;
    enum eg_status status;
    struct eg_scan *scan;
    uint64_t left;
};

static void *run(void *arg) {
    struct runner *r = arg;
    struct eg_batch *batch;
    while ((r->status = eg_scan_next(r->worker, &batch, NULL)) == EG_OK) {
        for (uint32_t row = 0; row < batch->rows; row++) {
            char *text = row_text(batch, row);
            char *whole = NULL;
            if (asprintf(&whole, "%s: %s", batch->table->name, text) < 0) abort();
            free(text);
            result_text(&r->got, whole);
        }
        if (batch->unit > atomic_load(&last_unit)) atomic_store(&last_unit, batch->unit);
        if (r->left && r->left <= batch->rows) eg_scan_hold(r->scan, true);
        if (r->left) r->left = r->left > batch->rows ? r->left - batch->rows : 1;
        eg_batch_unref(batch);
    }
    return NULL;
}

static enum eg_status round_run(struct eg_scan *scan, const struct how *how, struct result *to) {
    struct runner runners[4] = {{0}};
    pthread_t threads[4];
    enum eg_status status = EG_END;
    for (uint32_t i = 0; i < how->workers; i++) {
        runners[i].scan = scan;
        runners[i].left = how->hold_every;
        assert_int_equal(eg_scan_worker_new(&runners[i].worker, scan, NULL), EG_OK);
    }
    for (uint32_t i = 0; i < how->workers; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    for (uint32_t i = 0; i < how->workers; i++) {
        pthread_join(threads[i], NULL);
        eg_scan_worker_free(runners[i].worker);
        if (runners[i].status != EG_END) status = runners[i].status;
        for (uint32_t k = 0; k < runners[i].got.row_count; k++)
            result_text(to, runners[i].got.rows[k]);
        free(runners[i].got.rows);
    }
    return status;
}

/* Rows sorted, tally whole. With hold_every the scan is thrown away at each hold, and another goes
 * on from its position, as after a kill. */
static enum eg_status scan_file(const char *path, const struct how *how, struct result *to) {
    struct eg_env env = eg_env_plain;
    env.positions = true;
    env.batch_rows = how->batch_rows;
    env.unit_bytes = how->unit_bytes;
    struct eg_position position;
    struct eg_scan_request request = {
        .source = &eg_source_file,
        .inputs = &path,
        .input_count = 1,
        .parts = {{.extract = &eg_extract_exports, .columns = EG_COLUMNS_ALL},
                  {.extract = &eg_extract_packets, .columns = EG_COLUMNS_ALL}},
        .part_count = 2,
        .claim = true,
        .pause = true,
    };
    *to = (struct result){0};
    atomic_store(&last_unit, 0);
    for (;;) {
        struct eg_scan *scan;
        enum eg_status status = eg_scan_open(&scan, &env, &request, NULL);
        if (status < 0) return status;
        if (!eg_scan_over(scan)) status = round_run(scan, how, to);
        bool over = eg_scan_over(scan);
        enum eg_status placed = eg_scan_position(scan, &position, NULL);
        eg_scan_losses(scan, &to->tally);
        eg_scan_free(scan);
        if (status < 0) return status;
        if (over) break;
        if (placed != EG_OK) return EG_E_IO;
        request.known = &position;
        request.known_count = 1;
    }
    if (to->row_count) qsort(to->rows, to->row_count, sizeof *to->rows, text_order);
    return EG_OK;
}

static void same(const char *path, const struct how *how, const struct result *expected,
                 const struct result *got) {
    char what[600];
    snprintf(what, sizeof what, "%s: units of %llu bytes, %u workers, batches of %u, hold %llu",
             path, (unsigned long long)how->unit_bytes, how->workers, how->batch_rows,
             (unsigned long long)how->hold_every);
    for (uint32_t i = 0; i < expected->row_count && i < got->row_count; i++)
        if (strcmp(expected->rows[i], got->rows[i]) != 0)
            fail_msg("%s\nrow %u: expected %s\n     got %s", what, i, expected->rows[i],
                     got->rows[i]);
    if (expected->row_count != got->row_count)
        fail_msg("%s: %u rows, not %u", what, got->row_count, expected->row_count);
    char *a = tally_text(&expected->tally), *b = tally_text(&got->tally);
    if (strcmp(a, b) != 0) {
        const char *at = a, *bt = b; /* the first line that differs */
        size_t size;
        while (size = strcspn(at, "\n") + 1, !strncmp(at, bt, size)) at += size, bt += size;
        fail_msg("%s: counts\n%.*s\nnot\n%.*s", what, (int)strcspn(bt, "\n"), bt,
                 (int)strcspn(at, "\n"), at);
    }
    free(a);
    free(b);
}

static const uint32_t capacities[] = {1, 7, 4096};

/* No run of the file may differ from the plain one. */
static void hold_file(const char *path, uint64_t size, int runs) {
    const struct how plain = {UINT64_C(1) << 40, 1, 4096, 0};
    struct result expected, got;
    enum eg_status status = scan_file(path, &plain, &expected);
    for (int i = 0; i < runs; i++) {
        struct how how = {24 + random_below((uint32_t)size + 100), 1 + random_below(4),
                          capacities[random_below(3)], 0};
        assert_int_equal(scan_file(path, &how, &got), status);
        if (status >= 0) same(path, &how, &expected, &got);
        result_reset(&got);
    }
    result_reset(&expected);
}

/* ---- a generated capture ---- */

static void write_u32(FILE *to, uint32_t value) { fwrite(&value, 4, 1, to); }

static void write_frame(FILE *to, const struct bytes *frame, uint32_t seconds, uint32_t micros) {
    write_u32(to, seconds);
    write_u32(to, micros);
    write_u32(to, frame->size);
    write_u32(to, frame->size);
    fwrite(frame->at, 1, frame->size, to);
}

/* Exporters 1–4 send v5, numbered with gaps and late ones, to ports nobody told us of; one in eight
 * datagrams comes in fragments, often far apart. Exporter 5 numbers from anew twice. */
static char *make_capture(void) {
    char *path = strdup(P_tmpdir "/earlgrey-scan-XXXXXX");
    int fd = mkstemp(path);
    FILE *to = fdopen(fd, "wb");
    const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, EG_LINK_RAW};
    fwrite(head, sizeof head, 1, to);
    uint32_t next[6] = {0, 100, 200, 300, 400, 500};
    struct bytes late[8] = {{.size = 0}};
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t seconds = BASE_SECONDS + i * 3, exporter = 1 + random_below(5);
        uint32_t src = 0x0a010000 + exporter, slot = random_below(8);
        struct v5 h = {.count = 1 + random_below(5),
                       .uptime = 100000 + i * 3000,
                       .seconds = seconds,
                       .sequence = next[exporter],
                       .engine = 1};
        struct bytes payload = make_v5(h, i * 40);
        struct bytes frame = make_frame(src, (uint16_t)(9000 + exporter), 4000, &payload);
        next[exporter] += h.count;
        if (random_below(40) == 0) next[exporter] += 1 + random_below(50); /* a gap */
        if (exporter == 5 && i % 1000 == 999) next[5] = 0;
        if (random_below(8) == 0) { /* in two pieces, the second one later */
            uint32_t cut = 8 * (1 + random_below(payload.size / 8));
            frame =
                make_piece(src, (uint16_t)(9000 + exporter), 4000, (uint16_t)i, &payload, 0, cut);
            if (!late[slot].size)
                late[slot] = make_piece(src, (uint16_t)(9000 + exporter), 4000, (uint16_t)i,
                                        &payload, cut, UINT32_MAX);
        } else if (random_below(30) == 0 && !late[slot].size) {
            late[slot] = frame; /* overtaken */
            continue;
        }
        if (random_below(3) == 0) { /* something else */
            struct bytes other = {.size = 0};
            put_be(&other, i, 4), put_be(&other, i * 7, 4);
            frame = make_frame(0x0a020000 + random_below(50), 53, (uint16_t)(1024 + i), &other);
        }
        write_frame(to, &frame, seconds, random_below(1000000));
        if (random_below(4) == 0 && late[slot].size) {
            write_frame(to, &late[slot], seconds + 1, 0);
            late[slot].size = 0;
        }
    }
    write_u32(to, BASE_SECONDS); /* and it is cut */
    fclose(to);
    return path;
}

static void generated(void **state) {
    (void)state;
    char *path = make_capture();
    struct result plain;
    const struct how how = {UINT64_C(1) << 40, 1, 4096, 0};
    assert_int_equal(scan_file(path, &how, &plain), EG_OK);
    /* it exercises what it is made for */
    assert_true(plain.row_count > 4000);
    assert_int_equal(eg_tally_sum(&plain.tally, EG_CAUSE_capture_cut).packets, 1);
    assert_true(eg_tally_sum(&plain.tally, EG_CAUSE_sequence_gap).records > 0);
    assert_true(eg_tally_sum(&plain.tally, EG_CAUSE_fragment_incomplete).records > 0);
    assert_int_equal(strncmp(plain.rows[0], "flows: ", 7), 0);
    assert_int_equal(strncmp(plain.rows[plain.row_count - 1], "packets: ", 9), 0);
    result_reset(&plain);
    hold_file(path, 300000, 40);
    hold_file(path, 3000, 8);
    unlink(path);
    free(path);
}

/* Thrown away and begun anew from the position: the rows are the same, each once. */
static void generated_resumed(void **state) {
    (void)state;
    char *path = make_capture();
    const struct how plain = {UINT64_C(1) << 40, 1, 4096, 0};
    struct result expected, got;
    assert_int_equal(scan_file(path, &plain, &expected), EG_OK);
    for (int i = 0; i < 10; i++) {
        struct how how = {1000 + random_below(30000), 1 + random_below(4), 64,
                          300 + random_below(2000)};
        assert_int_equal(scan_file(path, &how, &got), EG_OK);
        same(path, &how, &expected, &got);
        assert_true(atomic_load(&last_unit) > 4); /* it was cut indeed */
        result_reset(&got);
    }
    result_reset(&expected);
    unlink(path);
    free(path);
}

/* ---- the shared captures ---- */

#define FILES_MAX 1000
struct file {
    char path[300];
    uint64_t size;
};
/* nftw() has no argument to carry these. */
static struct file files[FILES_MAX];
static int file_count;

static int note_file(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)ftw;
    bool capture = strstr(path, ".pcap") || strstr(path, ".cap") || strstr(path, ".trace");
    bool input = !strstr(path, ".out") && !strstr(path, ".json") && !strstr(path, ".txt") &&
                 !strstr(path, ".csv") && !strstr(path, ".log") && !strstr(path, ".tsv");
    if (type != FTW_F || !capture || !input || file_count == FILES_MAX) return 0;
    snprintf(files[file_count].path, sizeof files[0].path, "%s", path);
    files[file_count++].size = (uint64_t)info->st_size;
    return 0;
}

static void shared_captures(void **state) {
    (void)state;
    const char *shared = getenv("EG_SHARED") ? getenv("EG_SHARED") : "../shared";
    const char *ci = getenv("CI");
    char path[300];
    snprintf(path, sizeof path, "%s/data/packets", shared);
    if (access(path, R_OK) != 0) {
        if (ci && strcmp(ci, "true") == 0) fail_msg("%s is not there", path);
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    nftw(path, note_file, 16, FTW_PHYS);
    snprintf(path, sizeof path, "%s/data/flow-export", shared);
    nftw(path, note_file, 16, FTW_PHYS);
    assert_true(file_count > 250);
    for (int i = 0; i < file_count; i++)
        hold_file(files[i].path, files[i].size, files[i].size < 100000 ? 4 : 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated),
        cmocka_unit_test(generated_resumed),
        cmocka_unit_test(shared_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
