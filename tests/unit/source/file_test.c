/* SPDX-License-Identifier: Apache-2.0
 * The `file` source over files made here: formats, compression, cuts, growth, copies, and units cut
 * anywhere through hostile payloads. */
#include "make_capture.h"
#include "source/read_source.h"
#include "torture.h"

#include <lz4frame.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

static char directory[64];
static char path[128];

static int setup(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/earlgrey-file-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/capture", directory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static struct reading read_made(const struct made *m, struct reading_how how) {
    file_write(path, m->bytes, m->size);
    return reading_of(path, how);
}

static void expect_text(const struct eg_strbuf *text, const char *expected) {
    assert_string_equal(reading_text(text), expected);
}

/* A pcap file of `count` packets; sizes up to `size_max`. */
static struct made pcap_make(unsigned count, unsigned size_max, uint64_t seed) {
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    uint8_t payload[4096];
    for (unsigned i = 0; i < count; i++) {
        for (size_t k = 0; k < size_max; k++) payload[k] = (uint8_t)made_random(&seed);
        made_record(&m, 1700000000 + i, i, (uint32_t)(made_random(&seed) % (size_max + 1)),
                    size_max, payload);
    }
    return m;
}

static struct made pcapng_make(unsigned count, bool big) {
    static const char payload[64] = "the same in all packets";
    struct made m = {0}, options = {.big = big};
    made_section(&m, big);
    made_option(&options, 2, "eth0", 4);
    made_interface(&m, 1, 65535, &options);
    for (unsigned i = 0; i < count; i++)
        made_packet(&m, 0, 1700000000000000 + i, i % 50, 60, payload, i % 50);
    made_free(&options);
    return m;
}

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

static void expect_refused(const char *uri, enum eg_status status, const char *text) {
    struct reading r = reading_of(uri, (struct reading_how){0});
    assert_int_equal(r.open, status);
    assert_int_equal(r.error.status, status);
    if (!strstr(r.error.message, text)) fail_msg("%s: not in: %s", text, r.error.message);
    assert_null(strchr(r.error.message, '\n'));
    reading_reset(&r);
}

static void refuses_what_is_no_capture(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {"", 0, "capture is empty"},
        {"PK\3\4abcdefgh", 12, "is not a capture: it begins with 50 4b 03 04 (zip); pcap, pcapng, sequence files and"},
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

/* ---- compression ---- */

static void pack_gzip(struct made *to, const void *bytes, size_t size) {
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    uint8_t *out = malloc(size + 1000);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)size + 1000;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    made_add(to, out, z.total_out);
    deflateEnd(&z);
    free(out);
}

static void pack_zstd(struct made *to, const void *bytes, size_t size) {
    uint8_t *out = malloc(ZSTD_compressBound(size));
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    made_add(to, out, ZSTD_compress2(context, out, ZSTD_compressBound(size), bytes, size));
    ZSTD_freeCCtx(context);
    free(out);
}

static void pack_lz4(struct made *to, const void *bytes, size_t size) {
    LZ4F_preferences_t how = {.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled}};
    size_t room = LZ4F_compressFrameBound(size, &how);
    uint8_t *out = malloc(room);
    made_add(to, out, LZ4F_compressFrame(out, room, bytes, size, &how));
    free(out);
}

static void pack_xz(struct made *to, const void *bytes, size_t size) {
    size_t room = lzma_stream_buffer_bound(size), used = 0;
    uint8_t *out = malloc(room);
    if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, bytes, size, out, &used, room) !=
        LZMA_OK)
        abort();
    made_add(to, out, used);
    free(out);
}

static void (*const packers[])(struct made *, const void *, size_t) = {pack_gzip, pack_zstd,
                                                                       pack_lz4, pack_xz};
static const char *const packer_names[] = {"gzip", "zstd", "lz4", "xz"};

static void reads_compressed(void **state) {
    (void)state;
    for (int format = 0; format < 2; format++) {
        struct made m = format ? pcapng_make(20000, true) : pcap_make(20000, 200, 5);
        struct reading plain = read_made(&m, (struct reading_how){0});
        assert_int_equal(plain.row_count, 20000);
        for (unsigned k = 0; k < 4; k++) {
            struct made packed = {0};
            packers[k](&packed, m.bytes, m.size);
            struct reading r = read_made(&packed, (struct reading_how){0});
            assert_int_equal(r.last, EG_END);
            assert_string_equal(reading_text(&r.rows), reading_text(&plain.rows));
            assert_string_equal(r.position.key, plain.position.key);
            assert_string_equal(r.position.digest, plain.position.digest);
            assert_int_equal(r.position.offset, plain.position.offset);
            assert_int_equal(r.plan.bytes, packed.size);
            reading_reset(&r);
            /* members one after the other, cut anywhere, even an empty one among them */
            made_free(&packed);
            size_t cuts[] = {0, 3, 100, 100, m.size / 2, m.size};
            for (unsigned c = 0; c + 1 < 6; c++)
                packers[k](&packed, m.bytes + cuts[c], cuts[c + 1] - cuts[c]);
            r = read_made(&packed, (struct reading_how){.batch_rows = 100});
            assert_int_equal(r.last, EG_END);
            assert_string_equal(reading_text(&r.rows), reading_text(&plain.rows));
            reading_reset(&r);
            /* padding of zeros is fine; anything else behind is not, but costs no packet */
            made_add(&packed, NULL, 512);
            r = read_made(&packed, (struct reading_how){0});
            assert_int_equal(r.last, EG_END);
            assert_int_equal(r.row_count, 20000);
            reading_reset(&r);
            made_add(&packed, "garbage", 7);
            r = read_made(&packed, (struct reading_how){0});
            assert_int_equal(r.row_count, 20000);
            assert_int_equal(r.last, EG_E_CUT);
            assert_non_null(strstr(r.error.message, packer_names[k]));
            expect_text(&r.account, "capture_damaged 1 0 0\n");
            reading_reset(&r);
            made_free(&packed);
        }
        reading_reset(&plain);
        made_free(&m);
    }
}

static void compressed_cuts_keep_whole_packets(void **state) {
    (void)state;
    struct made m = pcap_make(300, 100, 11);
    struct reading plain = read_made(&m, (struct reading_how){0});
    for (unsigned k = 0; k < 4; k++) {
        struct made packed = {0};
        packers[k](&packed, m.bytes, m.size / 2);
        size_t first = packed.size;
        packers[k](&packed, m.bytes + m.size / 2, m.size - m.size / 2);
        size_t size = packed.size;
        uint64_t before = 0;
        for (packed.size = 1; packed.size < size; packed.size += packed.size < 20 ? 1 : 97) {
            struct reading r = read_made(&packed, (struct reading_how){0});
            if (r.open < 0) {
                assert_int_equal(r.open, EG_E_FORMAT);
                assert_int_equal(before, 0);
                continue;
            }
            assert_true(r.row_count >= before); /* more bytes never give fewer packets */
            before = r.row_count;
            if (packed.size >= first) assert_true(r.row_count >= 130);
            assert_int_equal(strncmp(reading_text(&r.rows), reading_text(&plain.rows), r.rows.size),
                             0);
            assert_int_equal(r.last, EG_E_CUT);
            assert_non_null(strstr(r.error.message, path));
            assert_int_equal(strncmp(reading_text(&r.account), "capture_cut 1 1 ", 16), 0);
            reading_reset(&r);
        }
        made_free(&packed);
    }
    reading_reset(&plain);
    made_free(&m);
}

static void damaged_compression_keeps_what_came_before(void **state) {
    (void)state;
    struct made m = pcap_make(20000, 100, 13);
    struct reading plain = read_made(&m, (struct reading_how){0});
    for (unsigned k = 0; k < 4; k++) {
        struct made packed = {0};
        packers[k](&packed, m.bytes, m.size);
        uint64_t seed = 99;
        for (int i = 0; i < 12; i++) {
            size_t at = packed.size / 4 + made_random(&seed) % (packed.size / 2);
            uint8_t old = packed.bytes[at];
            packed.bytes[at] = (uint8_t)(old ^ (1 << i % 8));
            struct reading r = read_made(&packed, (struct reading_how){0});
            if (r.open == EG_OK) {
                assert_true(r.last == EG_E_CUT);
                assert_true(r.account.size > 0);
            }
            reading_reset(&r);
            packed.bytes[at] = old;
        }
        made_free(&packed);
    }
    reading_reset(&plain);
    made_free(&m);
}

static void nested_compression_is_no_capture(void **state) {
    (void)state;
    struct made m = pcap_make(3, 10, 1), once = {0}, twice = {0}, empty = {0};
    pack_gzip(&once, m.bytes, m.size);
    pack_zstd(&twice, once.bytes, once.size);
    file_write(path, twice.bytes, twice.size);
    expect_refused(path, EG_E_FORMAT, "inside its zstd begins with 1f 8b 08 00 (gzip)");
    pack_gzip(&empty, "", 0);
    file_write(path, empty.bytes, empty.size);
    expect_refused(path, EG_E_FORMAT, "is empty inside its gzip");
    made_free(&m);
    made_free(&once);
    made_free(&twice);
    made_free(&empty);
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

/* ---- what is known ---- */

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
                    eg_strbuf_printf(&expected, "capture_cut %lld %lld %lld\n", records, records, bytes);
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
        cmocka_unit_test(reads_compressed),
        cmocka_unit_test(compressed_cuts_keep_whole_packets),
        cmocka_unit_test(damaged_compression_keeps_what_came_before),
        cmocka_unit_test(nested_compression_is_no_capture),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(knows_what_it_read),
        cmocka_unit_test(a_cut_file_grows),
        cmocka_unit_test(cuts_are_taken_back),
        cmocka_unit_test(empty_captures_know_nobody),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(batches_outlive_the_source),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
