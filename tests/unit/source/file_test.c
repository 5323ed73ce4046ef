/* SPDX-License-Identifier: Apache-2.0
 * The `file` source over files made here: formats, cuts and damage, units cut anywhere through hostile
 * payloads, standard input, memory. What is packed is in file_packed_test, what is known in file_known_test. */
#include "source/file_scene.h"
#include "torture.h"

#include <sys/stat.h>

/* ---- formats ---- */

static void reads_pcap_and_pcapng(void **state) {
    (void)state;
    struct made m = {.big = true};
    made_pcap_head(&m, 0xa1b23c4d, 65535, 12);
    made_record(&m, 1700000000, 5, 3, 70, "abc");
    made_record(&m, 1700000001, 1000000000, 0, 0, NULL); /* an impossible time */
    made_record(&m, 1700000001, 6, 3, 2, "abc");
    struct reading r = read_made(&m, (struct reading_how){0});
    assert_int_equal(r.open, EG_OK);
    assert_int_equal(r.last, EG_END);
    char expected[512];
    snprintf(expected, sizeof expected,
             "24 1700000000000000005 101 70 3 %016llx \n"
             "43 - 101 0 0 %016llx \n"
             "59 1700000001000000006 101 3 3 %016llx \n",
             (unsigned long long)eg_hash64("abc", 3, 0), (unsigned long long)eg_hash64("", 0, 0),
             (unsigned long long)eg_hash64("abc", 3, 0));
    expect_text(&r.rows, expected);
    expect_text(&r.account, "capture_length_clamped 1 1 3\ntime_impossible 1 1 0\n");
    assert_int_equal(r.plan.state, EG_PLAN_NEW);
    assert_int_equal(r.plan.bytes, m.size);
    assert_int_equal(r.plan.units, 1);
    assert_int_equal(r.position.offset, m.size);
    assert_string_equal(r.position.name, path);
    char digest[33];
    eg_digest_text(eg_hash128(m.bytes, m.size), digest);
    assert_string_equal(r.position.digest, digest);
    eg_digest_text(eg_hash128(m.bytes, 64), digest);
    assert_string_equal(r.position.key, digest);
    assert_string_equal(r.plan.key, digest);
    reading_reset(&r);
    made_free(&m);

    m = (struct made){0};
    made_section(&m, false);
    struct made options = {0};
    made_option(&options, 2, "eth7", 4);
    made_interface(&m, 1, 0, &options);
    size_t first = m.size;
    made_packet(&m, 0, 1700000000000001, 3, 70, "abc", 3);
    size_t second = m.size;
    made_simple(&m, 3, "abc", 3);
    r = read_made(&m, (struct reading_how){0});
    snprintf(expected, sizeof expected,
             "%zu 1700000000000001000 1 70 3 %016llx eth7\n%zu - 1 3 3 %016llx eth7\n", first,
             (unsigned long long)eg_hash64("abc", 3, 0), second,
             (unsigned long long)eg_hash64("abc", 3, 0));
    expect_text(&r.rows, expected);
    expect_text(&r.account, "");
    assert_true(r.plan.units == EG_UNITS_STREAM);
    assert_non_null(r.plan.bytes_read);
    assert_int_equal(r.position.offset, m.size);
    eg_digest_text(eg_hash128(m.bytes, m.size), digest);
    assert_string_equal(r.position.digest, digest);
    reading_reset(&r);
    made_free(&m);
    made_free(&options);
}

static void a_capture_without_packets_is_fine(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 0, 1);
    struct reading r = read_made(&m, (struct reading_how){0});
    assert_int_equal(r.open, EG_OK);
    assert_int_equal(r.last, EG_END);
    assert_int_equal(r.row_count, 0);
    assert_int_equal(r.position.offset, 24);
    reading_reset(&r);
    made_free(&m);
    made_section(&m, true);
    r = read_made(&m, (struct reading_how){0});
    assert_int_equal(r.open, EG_OK);
    assert_int_equal(r.last, EG_END);
    assert_int_equal(r.row_count, 0);
    assert_int_equal(r.position.offset, 28);
    reading_reset(&r);
    made_free(&m);
}

/* ---- what is not a capture ---- */

static void refuses_what_is_no_capture(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {"", 0, "capture is empty"},
        {"PK\3\4abcdefgh", 12,
         "is not a capture: it begins with 50 4b 03 04 (zip); pcap, pcapng, sequence files and"},
        {"PAR1....", 8, "(Parquet)"},
        {"hello\n", 6, "68 65 6c 6c (text)"},
        {"\1", 1, "it begins with 01;"},
        {"BZh91AY", 7, "(bzip2; expand it first)"},
        {"\xd4\xc3\xb2\xa1\2\0\4\0", 8, "ends inside its header"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0", 16, "not whole at byte 0"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0", 8, "is not a capture: it begins with 0a 0d 0d 0a"},
        {"\x1f\x8b", 2, "is cut: its gzip data ends early, nothing of it"},
        {"\x1f\x8b\x08\x00\0\0\0\0\0\0\xff\xff\xff", 13, "cannot be read: damaged gzip ("},
        /* a window of 512 MiB */
        {"\x28\xb5\x2f\xfd\0\x98\1\0\0", 9,
         "cannot be read: expanding its zstd data takes more than the 128 MiB of memory that are "
         "allowed; expand it first: zstd -dc --long=31 FILE | earlgrey ingest -"},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        file_write(path, cases[k].bytes, cases[k].size);
        expect_refused(path, EG_E_FORMAT, cases[k].text);
        expect_refused(path, EG_E_FORMAT, path);
    }
    expect_refused(directory, EG_E_FORMAT, "is a directory, not a capture");
    unlink(path);
    expect_refused(path, EG_E_NOENT, "No such file or directory");
    expect_refused("", EG_E_NOENT, "cannot open");
    if (geteuid() != 0) {
        file_write(path, "x", 1);
        chmod(path, 0);
        expect_refused(path, EG_E_ACCESS, "Permission denied");
        chmod(path, 0600);
    }
    file_write(path, "x", 1);
}

static void file_uris_name_paths(void **state) {
    (void)state;
    struct made m = pcap_make(3, 10, 1);
    file_write(path, m.bytes, m.size);
    char uri[256], expected[256];
    static const char *const before[] = {"file:", "file://", "file://localhost"};
    for (unsigned k = 0; k < 3; k++) {
        snprintf(uri, sizeof uri, "%s%s", before[k], path);
        snprintf(expected, sizeof expected, "%s", path);
        char *last = strrchr(uri, '/');
        memmove(last + 4, last + 2, strlen(last + 2) + 1); /* "capture" -> "%63apture" */
        memcpy(last + 1, "%63", 3);
        struct reading r = reading_of(uri, (struct reading_how){0});
        assert_int_equal(r.open, EG_OK);
        assert_int_equal(r.row_count, 3);
        assert_string_equal(r.position.name, path);
        reading_reset(&r);
    }
    made_free(&m);
}

/* ---- cuts and damage ---- */

static void cut_at_every_byte(const struct made *whole, struct reading_how how) {
    struct reading all = read_made(whole, how);
    assert_int_equal(all.last, EG_END);
    /* where each record ends: where the next begins */
    uint64_t ends[64], count = 0;
    const char *line = strchr(reading_text(&all.rows), '\n');
    for (; line && line[1]; line = strchr(line + 1, '\n'))
        ends[count++] = strtoull(line + 1, NULL, 10);
    ends[count++] = whole->size;
    uint64_t begin = strtoull(reading_text(&all.rows), NULL, 10);
    struct made cut = *whole;
    for (cut.size = 1; cut.size < whole->size; cut.size++) {
        struct reading r = read_made(&cut, how);
        uint64_t expected = 0;
        while (ends[expected] <= cut.size) expected++;
        if (r.open < 0) {
            assert_int_equal(r.open, EG_E_FORMAT);
            assert_true(cut.size < begin);
            continue;
        }
        assert_int_equal(r.row_count, expected);
        assert_int_equal(strncmp(reading_text(&r.rows), reading_text(&all.rows), r.rows.size), 0);
        uint64_t place = expected ? ends[expected - 1] : begin;
        if (cut.size < begin) {
            assert_true(r.position.offset <= cut.size); /* among the blocks before the packets */
        } else if (place == cut.size) {
            assert_int_equal(r.last, EG_END);
            assert_int_equal(r.account.size, 0);
        } else {
            assert_int_equal(r.last, EG_E_CUT);
            assert_int_equal(r.error.position, place);
            char text[64];
            snprintf(text, sizeof text, "begins at byte %llu;", (unsigned long long)place);
            assert_non_null(strstr(r.error.message, text));
            assert_non_null(strstr(r.error.message, path));
            snprintf(text, sizeof text, "capture_cut 1 1 %llu\n",
                     (unsigned long long)(cut.size - place));
            expect_text(&r.account, text);
        }
        if (cut.size >= begin) assert_int_equal(r.position.offset, place);
        reading_reset(&r);
    }
    reading_reset(&all);
}

static void cuts_keep_whole_packets(void **state) {
    (void)state;
    struct made m = pcap_make(9, 40, 7);
    cut_at_every_byte(&m, (struct reading_how){0});
    cut_at_every_byte(&m, (struct reading_how){.unit_bytes = 50, .batch_rows = 1});
    made_free(&m);
    m = pcapng_make(5, false);
    cut_at_every_byte(&m, (struct reading_how){0});
    made_free(&m);
    m = pcapng_make(5, true);
    cut_at_every_byte(&m, (struct reading_how){.batch_rows = 2});
    made_free(&m);
}

static void damage_stops_reading_there(void **state) {
    (void)state;
    struct made m = pcap_make(60, 100, 3);
    struct reading whole = read_made(&m, (struct reading_how){0});
    const char *line = reading_text(&whole.rows);
    for (int i = 0; i < 40; i++) line = strchr(line, '\n') + 1;
    size_t place = strtoull(line, NULL, 10), before = (size_t)(line - reading_text(&whole.rows));
    made_set32(&m, place + 8, 0x7fffffff);
    for (uint64_t unit = 64; unit <= 1 << 20; unit *= 4) {
        struct reading r = read_made(&m, (struct reading_how){.unit_bytes = unit});
        assert_int_equal(r.row_count, 40);
        assert_int_equal(r.rows.size, before);
        assert_memory_equal(r.rows.text, whole.rows.text, before);
        assert_int_equal(r.last, EG_E_CUT);
        assert_int_equal(r.error.position, place);
        assert_non_null(strstr(r.error.message, "is damaged at byte"));
        assert_int_equal(r.position.offset, place);
        char text[64];
        snprintf(text, sizeof text, "capture_damaged 1 0 %zu\n", m.size - place);
        expect_text(&r.account, text);
        /* once read, there is nothing new in it, and nothing to complain about again */
        struct reading again = reading_of(
            path, (struct reading_how){.unit_bytes = unit, .known = &r.position, .known_count = 1});
        assert_int_equal(again.plan.state, EG_PLAN_KNOWN);
        reading_reset(&again);
        reading_reset(&r);
    }
    reading_reset(&whole);
    made_free(&m);
    m = pcapng_make(10, false);
    made_packet(&m, 0, 1, 1, 1, "a", 1);
    made_set32(&m, m.size - 4, 4711);
    size_t end = m.size - 36;
    struct reading r = read_made(&m, (struct reading_how){0});
    assert_int_equal(r.row_count, 10);
    assert_int_equal(r.last, EG_E_CUT);
    assert_int_equal(r.error.position, end);
    assert_int_equal(r.position.offset, end);
    expect_text(&r.account, "capture_damaged 1 0 36\n");
    reading_reset(&r);
    made_free(&m);
}

/* ---- units ---- */

/* A payload made of what looks like records, with lengths that would lead a reader astray. */
static void hostile_record(struct made *m, uint64_t *seed, uint32_t seconds) {
    struct made fake = {.big = m->big};
    unsigned kind = (unsigned)(made_random(seed) % 4);
    size_t size = made_random(seed) % (kind == 3 ? 3000 : 300);
    for (size_t i = 0; i < made_random(seed) % 20; i++) {
        uint8_t byte = (uint8_t)made_random(seed);
        made_add(&fake, &byte, 1);
    }
    while (kind && fake.size < size) {
        uint32_t captured = (uint32_t)(made_random(seed) % (kind == 1 ? 64 : 400));
        made_record(&fake, seconds, (uint32_t)(made_random(seed) % 1000000), captured,
                    captured + (uint32_t)(made_random(seed) % 3), NULL);
    }
    made_record(m, seconds, (uint32_t)(made_random(seed) % 1000000), (uint32_t)fake.size,
                (uint32_t)fake.size, fake.bytes);
    made_free(&fake);
}

static void shuffle(uint64_t *order, uint64_t count, uint64_t *seed) {
    for (uint64_t i = 0; i < count; i++) order[i] = i;
    for (uint64_t i = count; i > 1; i--) {
        uint64_t k = made_random(seed) % i, kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

/* Whatever the size of the units and the order in which they are read: the same packets. */
static void units_equal_one_unit(void **state) {
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15;
    for (int round = 0; round < 60; round++) {
        struct made m = {.big = made_random(&seed) & 1};
        made_pcap_head(&m, made_random(&seed) & 1 ? 0xa1b2c3d4 : 0xa1b23c4d, 65535, 1);
        unsigned count = (unsigned)(made_random(&seed) % 80);
        for (unsigned i = 0; i < count; i++) hostile_record(&m, &seed, 1700000000 + i);
        if (round % 3 == 1 && m.size > 30) m.size -= made_random(&seed) % (m.size - 24);
        struct reading whole = read_made(&m, (struct reading_how){.unit_bytes = 64 << 20});
        assert_int_equal(whole.plan.units, 1);
        if (m.size == 24) assert_int_equal(whole.row_count, 0);
        for (int cut = 0; cut < 8; cut++) {
            struct reading_how how = {.unit_bytes = 1 + made_random(&seed) % (cut < 4 ? 100 : 5000),
                                      .batch_rows = cut % 3 ? 7 : 1};
            uint64_t units = (m.size - 24 + how.unit_bytes - 1) / how.unit_bytes;
            uint64_t *order = calloc(units + 1, sizeof *order);
            if (cut & 1) {
                shuffle(order, units, &seed);
                how.order = units ? order : NULL;
            }
            struct reading r = reading_of(path, how);
            assert_int_equal(r.plan.units, units ? units : 1);
            assert_true(r.rows_max <= how.batch_rows);
            assert_string_equal(reading_text(&r.rows), reading_text(&whole.rows));
            assert_string_equal(reading_text(&r.account), reading_text(&whole.account));
            assert_int_equal(r.last, whole.last);
            assert_int_equal(r.position.offset, whole.position.offset);
            assert_string_equal(r.position.digest, whole.position.digest);
            reading_reset(&r);
            free(order);
        }
        reading_reset(&whole);
        made_free(&m);
    }
}

/* ---- standard input and pipes ---- */

static void reads_standard_input(void **state) {
    (void)state;
    struct made m = pcap_make(5000, 100, 21), packed = {0};
    struct reading plain = read_made(&m, (struct reading_how){0});
    pack_zstd(&packed, m.bytes, m.size);
    int kept = dup(STDIN_FILENO);
    for (int k = 0; k < 2; k++) {
        const struct made *given = k ? &packed : &m;
        file_write(path, given->bytes, given->size);
        char command[256];
        snprintf(command, sizeof command, "cat %s", path);
        FILE *pipe = popen(command, "r");
        dup2(fileno(pipe), STDIN_FILENO);
        struct reading r =
            reading_of("-", (struct reading_how){.known = &plain.position, .known_count = 1});
        assert_int_equal(r.open, EG_OK);
        assert_int_equal(r.last, EG_END);
        assert_string_equal(reading_text(&r.rows), reading_text(&plain.rows));
        assert_int_equal(r.plan.state, EG_PLAN_NEW); /* a stream has no identity */
        assert_string_equal(r.plan.key, "");
        assert_int_equal(r.plan.bytes, 0);
        assert_non_null(r.plan.bytes_read);
        assert_string_equal(r.position.digest, "");
        assert_string_equal(r.position.name, "standard input");
        assert_int_equal(r.position.offset, m.size);
        reading_reset(&r);
        dup2(kept, STDIN_FILENO);
        pclose(pipe);
    }
    close(kept);
    reading_reset(&plain);
    made_free(&m);
    made_free(&packed);
}

/* ---- memory ---- */

static void survives_lack_of_memory(void **state) {
    (void)state;
    struct made m = pcapng_make(200, false), packed = {0}, plain = pcap_make(200, 50, 3);
    pack_zstd(&packed, m.bytes, m.size);
    const struct made *given[] = {&plain, &m, &packed};
    for (unsigned k = 0; k < 3; k++) {
        file_write(path, given[k]->bytes, given[k]->size);
        struct eg_env env = eg_env_plain;
        env.positions = true;
        env.unit_bytes = 2000;
        env.batch_rows = 50;
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct eg_error err = {0};
            struct eg_source *source = NULL;
            struct eg_tally tally = {0};
            struct eg_position position = {.offset = 100, .digest = "x"};
            struct eg_plan plan = {.units = 0};
            torture_fail_after(n);
            enum eg_status status = eg_source_file.open(&env, path, NULL, &source, &err);
            if (status == EG_OK) status = eg_source_file.plan(source, &position, 1, &plan, &err);
            uint64_t rows = 0;
            bool stream = plan.units == EG_UNITS_STREAM;
            for (uint64_t u = 0; status >= 0 && u < (stream ? 1 : plan.units); u++) {
                struct eg_batch *batch;
                while ((status = eg_source_file.next(source, u, &batch, &tally, &err)) == EG_OK) {
                    rows += batch->rows;
                    eg_batch_unref(batch);
                }
            }
            if (status >= 0)
                status =
                    eg_source_file.position(source, stream ? 0 : plan.units - 1, &position, &err);
            failed = torture_off();
            if (status < 0) assert_int_equal(status, EG_E_NOMEM);
            if (!failed) assert_int_equal(rows, 200);
            if (!failed) assert_int_equal(status, EG_OK);
            if (source) eg_source_file.close(source);
            eg_tally_reset(&tally);
        }
    }
    made_free(&m);
    made_free(&packed);
    made_free(&plain);
}

static void batches_outlive_the_source(void **state) {
    (void)state;
    struct made m = pcap_make(300, 50, 3), packed = {0};
    pack_gzip(&packed, m.bytes, m.size);
    for (int k = 0; k < 2; k++) {
        file_write(path, k ? packed.bytes : m.bytes, k ? packed.size : m.size);
        struct eg_source *source;
        struct eg_plan plan;
        struct eg_tally tally = {0};
        struct eg_batch *batch;
        assert_int_equal(eg_source_file.open(&eg_env_plain, path, NULL, &source, NULL), EG_OK);
        assert_int_equal(eg_source_file.plan(source, NULL, 0, &plan, NULL), EG_OK);
        assert_int_equal(eg_source_file.next(source, 0, &batch, &tally, NULL), EG_OK);
        eg_source_file.close(source);
        const struct eg_span *payload = eg_col_view(&batch->columns[EG_COL(RAW, payload)]);
        const int64_t *offset = eg_col_i64(&batch->columns[EG_COL(RAW, offset)]);
        for (uint32_t i = 0; i < batch->rows; i++)
            assert_memory_equal(payload[i].at, m.bytes + offset[i] + 16, payload[i].size);
        eg_batch_unref(batch);
        eg_tally_reset(&tally);
    }
    made_free(&m);
    made_free(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_pcap_and_pcapng),
        cmocka_unit_test(a_capture_without_packets_is_fine),
        cmocka_unit_test(refuses_what_is_no_capture),
        cmocka_unit_test(file_uris_name_paths),
        cmocka_unit_test(cuts_keep_whole_packets),
        cmocka_unit_test(damage_stops_reading_there),
        cmocka_unit_test(units_equal_one_unit),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(batches_outlive_the_source),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
