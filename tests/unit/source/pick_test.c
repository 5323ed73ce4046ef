/* SPDX-License-Identifier: Apache-2.0
 * Packets picked by their offsets are those that reading gives, in any order, of every format and
 * packing; what is no packet's place is told; little more than the packets is read. */
#include "source/pick.h"

#include "make_capture.h"
#include "source/read_source.h"
#include "source/temp_file.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define COUNT 60u

/* A capture, and where its packets stand. */
struct case_ {
    struct made bytes;
    uint64_t offsets[COUNT], payload_sizes[COUNT];
    int64_t times[COUNT];
    int32_t links[COUNT];
};

static struct eg_env env;

static int setup(void **state) {
    env = eg_env_plain;
    return path_make(state);
}

static void payload_make(uint8_t *payload, uint32_t size, uint32_t number) {
    for (uint32_t k = 0; k < size; k++) payload[k] = (uint8_t)(number * 31 + k * 7);
}

/* Sizes that fit a page, do not, and are as large as they may be. */
static uint32_t size_of(uint32_t i) {
    return i == 17 ? EG_FRAME_BYTES_MAX : i % 9 == 0 ? 9000 : i * 13;
}

static struct case_ pcap_case(bool big, uint32_t magic) {
    struct case_ c = {.bytes = {.big = big}};
    static uint8_t payload[EG_FRAME_BYTES_MAX];
    bool ns = magic == 0xa1b23c4d;
    made_pcap_head(&c.bytes, magic, 0, 113);
    for (uint32_t i = 0; i < COUNT; i++) {
        payload_make(payload, size_of(i), i);
        c.offsets[i] = c.bytes.size;
        c.payload_sizes[i] = size_of(i);
        c.times[i] = (1700000000 + (int64_t)i) * 1000000000 + (int64_t)i * (ns ? 1 : 1000);
        c.links[i] = 113;
        made_record(&c.bytes, 1700000000 + i, i, size_of(i), size_of(i) + 5, payload);
    }
    return c;
}

/* Two sections, interfaces of different links and clocks, one of them described late. */
static struct case_ pcapng_case(void) {
    struct case_ c = {0};
    static uint8_t payload[EG_FRAME_BYTES_MAX], nano = 9;
    struct made options = {0};
    made_option(&options, 9, &nano, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        if (i == 0 || i == 40) {
            made_section(&c.bytes, i == 40);
            options.big = i == 40;
            made_interface(&c.bytes, i ? 276 : 1, 0, NULL);
        }
        if (i == 20) made_interface(&c.bytes, 113, 0, &options);
        bool second = i >= 20 && i < 40 && i % 2;
        payload_make(payload, size_of(i), i);
        c.offsets[i] = c.bytes.size;
        c.payload_sizes[i] = size_of(i);
        c.links[i] = i >= 40 ? 276 : second ? 113 : 1;
        c.times[i] =
            second ? 1700000000000000000 + (int64_t)i : (1700000000000000 + (int64_t)i) * 1000;
        uint64_t stamp = (uint64_t)(second ? c.times[i] : c.times[i] / 1000);
        made_packet(&c.bytes, second, stamp, size_of(i), size_of(i), payload, size_of(i));
    }
    made_free(&options);
    return c;
}

static void store(const struct case_ *c, bool gzip) {
    if (gzip) {
        gzFile to = gzopen(path, "wb1");
        assert_int_equal(gzwrite(to, c->bytes.bytes, (unsigned)c->bytes.size), c->bytes.size);
        assert_int_equal(gzclose(to), Z_OK);
        return;
    }
    FILE *to = fopen(path, "wb");
    assert_int_equal(fwrite(c->bytes.bytes, 1, c->bytes.size, to), c->bytes.size);
    fclose(to);
}

static void expect_frame(struct eg_pick *pick, const struct case_ *c, uint32_t i) {
    static uint8_t payload[EG_FRAME_BYTES_MAX];
    struct eg_frame frame;
    struct eg_error err;
    if (eg_pick_frame(pick, c->offsets[i], &frame, &err) != EG_OK)
        fail_msg("%u: %s", i, err.message);
    assert_int_equal(frame.time_ns, c->times[i]);
    assert_int_equal(frame.link_type, c->links[i]);
    assert_int_equal(frame.payload.size, c->payload_sizes[i]);
    payload_make(payload, size_of(i), i);
    assert_memory_equal(frame.payload.at, payload, frame.payload.size);
}

static struct eg_pick *opened(void) {
    struct eg_pick *pick;
    struct eg_error err;
    if (eg_pick_open(&pick, path, &env, &err) != EG_OK) fail_msg("%s", err.message);
    return pick;
}

static void any_order(const struct case_ *c) {
    struct eg_pick *pick = opened();
    for (uint32_t i = 0; i < COUNT; i++) expect_frame(pick, c, i);
    for (uint32_t i = COUNT; i-- > 0;) expect_frame(pick, c, i);
    uint64_t seed = 7;
    for (uint32_t k = 0; k < 200; k++)
        expect_frame(pick, c, (uint32_t)(made_random(&seed) % COUNT));
    eg_pick_close(pick);
    pick = opened(); /* the last first */
    expect_frame(pick, c, COUNT - 1);
    expect_frame(pick, c, 3);
    eg_pick_close(pick);
}

static void picks_what_reading_gives(void **state) {
    (void)state;
    struct case_ cases[] = {pcap_case(false, 0xa1b2c3d4), pcap_case(true, 0xa1b23c4d),
                            pcapng_case()};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        for (int gzip = 0; gzip < 2; gzip++) {
            store(&cases[k], gzip);
            any_order(&cases[k]);
        }
        made_free(&cases[k].bytes);
    }
}

/* So many bytes of what a packed file holds can be had. */
static uint64_t bytes_left(void) {
    static uint8_t some[1000];
    gzFile from = gzopen(path, "rb");
    uint64_t sum = 0;
    for (int got; (got = gzread(from, some, sizeof some)) > 0;) sum += (uint64_t)got;
    gzclose(from);
    return sum;
}

/* A packed capture that ends early: every packet that stands whole before its end is found, in any order, and
 * none behind it. */
static void packed_that_ends_early(void **state) {
    (void)state;
    struct case_ c = pcap_case(false, 0xa1b2c3d4);
    store(&c, true);
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fclose(file);
    for (long cut = size - 1; cut > 1000; cut -= size / 23) {
        assert_int_equal(truncate(path, cut), 0);
        uint64_t there = bytes_left();
        struct eg_pick *pick = opened();
        uint32_t whole = 0;
        while (whole < COUNT && c.offsets[whole] + 16 + c.payload_sizes[whole] <= there) whole++;
        for (uint32_t i = 0; i < whole; i++) expect_frame(pick, &c, i);
        struct eg_frame frame;
        struct eg_error err;
        for (uint32_t i = whole; i < COUNT; i++)
            assert_true(eg_pick_frame(pick, c.offsets[i], &frame, &err) < 0);
        for (uint32_t i = whole; i-- > 0;) expect_frame(pick, &c, i);
        eg_pick_close(pick);
    }
    made_free(&c.bytes);
}

/* One packet as a reading's line, interfaces aside. */
static void line_of(struct eg_pick *pick, uint64_t offset, struct eg_strbuf *to) {
    struct eg_frame frame;
    struct eg_error err;
    if (eg_pick_frame(pick, offset, &frame, &err) != EG_OK) fail_msg("%s", err.message);
    eg_strbuf_printf(to, "%llu %lld %d %llu %zu %016llx \n", (unsigned long long)offset,
                     (long long)frame.time_ns, frame.link_type, (unsigned long long)frame.length,
                     frame.payload.size,
                     (unsigned long long)eg_hash64(frame.payload.at, frame.payload.size, 0));
}

static void sequence_files(void **state) {
    (void)state;
    static const char *const seeds[] = {"blocks",  "blocks-snappy", "int",           "plain",
                                        "records", "records-gzip",  "records-snappy"};
    for (size_t k = 0; k < sizeof seeds / sizeof *seeds; k++) {
        char name[100];
        uint64_t offsets[100];
        size_t count = 0;
        struct eg_pick *pick;
        struct eg_error err;
        struct eg_frame frame;
        snprintf(name, sizeof name, "fuzz/seeds/seqfile/%s", seeds[k]);
        struct reading r = reading_of(name, (struct reading_how){0});
        assert_int_equal(r.open, EG_OK);
        for (const char *at = r.rows.text; *at; at = strchr(at, '\n') + 1)
            offsets[count++] = strtoull(at, NULL, 10);
        assert_true(count >= 1);
        if (eg_pick_open(&pick, name, &env, &err) != EG_OK) fail_msg("%s", err.message);
        for (size_t i = count; i-- > 0;) {
            assert_int_equal(eg_pick_frame(pick, offsets[i], &frame, &err), EG_OK);
            assert_int_equal(eg_pick_frame(pick, 3, &frame, &err), EG_E_FORMAT);
        }
        struct eg_strbuf lines = {0};
        for (size_t i = 0; i < count; i++) line_of(pick, offsets[i], &lines);
        assert_string_equal(lines.text, r.rows.text);
        assert_int_equal(eg_pick_frame(pick, 1 << 20, &frame, &err), EG_E_FORMAT);
        eg_strbuf_reset(&lines);
        eg_pick_close(pick);
        reading_reset(&r);
    }
}

static void reads_little(void **state) {
    (void)state;
    struct case_ c = pcap_case(false, 0xa1b2c3d4);
    store(&c, false);
    struct eg_pick *pick = opened();
    uint64_t before = eg_pick_bytes(pick);
    expect_frame(pick, &c, 3);
    expect_frame(pick, &c, 50);
    assert_true(eg_pick_bytes(pick) - before <= 2 * 4096);
    eg_pick_close(pick);
    pick = opened();
    for (uint32_t i = 0; i < COUNT; i++) expect_frame(pick, &c, i);
    assert_true(eg_pick_bytes(pick) <= c.bytes.size + 4096); /* nothing twice but the look at it */
    eg_pick_close(pick);
    made_free(&c.bytes);
}

static void refused(struct eg_pick *pick, uint64_t offset, enum eg_status status, const char *why) {
    struct eg_frame frame;
    struct eg_error err;
    assert_int_equal(eg_pick_frame(pick, offset, &frame, &err), status);
    if (!strstr(err.message, why) || !strstr(err.message, path))
        fail_msg("%s: not in %s", why, err.message);
    assert_int_equal(err.position, offset);
}

static void tells_where_nothing_is(void **state) {
    (void)state;
    struct case_ c = pcap_case(false, 0xa1b2c3d4);
    c.bytes.size -= 3;
    store(&c, false);
    struct eg_pick *pick = opened();
    refused(pick, 0, EG_E_FORMAT, "no packet begins at byte 0");
    refused(pick, c.bytes.size + 10, EG_E_FORMAT, "it is shorter");
    refused(pick, c.offsets[COUNT - 1], EG_E_CUT, "ends inside the packet");
    refused(pick, c.offsets[20] + 16, EG_E_FORMAT, "claims to hold more"); /* a payload */
    expect_frame(pick, &c, 5);
    eg_pick_close(pick);
    made_free(&c.bytes);
    c = pcapng_case();
    store(&c, false);
    pick = opened();
    refused(pick, 0, EG_E_FORMAT, "no packet begins at byte 0"); /* a section header */
    refused(pick, c.offsets[30] + 4, EG_E_FORMAT, "no packet begins");
    expect_frame(pick, &c, 45);
    refused(pick, 28, EG_E_FORMAT, "no packet begins at byte 28"); /* an interface, known already */
    expect_frame(pick, &c, 21);
    eg_pick_close(pick);
    made_free(&c.bytes);
}

static void not_captures(void **state) {
    (void)state;
    struct eg_pick *pick;
    struct eg_error err;
    FILE *to = fopen(path, "wb");
    fputs("something else", to);
    fclose(to);
    assert_int_equal(eg_pick_open(&pick, path, &env, &err), EG_E_FORMAT);
    assert_int_equal(eg_pick_open(&pick, "/nowhere/x.pcap", &env, &err), EG_E_NOENT);
    assert_int_equal(eg_pick_open(&pick, "/dev/null", &env, &err), EG_E_FORMAT);
}

static void without_memory(void **state) {
    (void)state;
    struct case_ c = pcapng_case();
    store(&c, true);
    for (long n = 0;; n++) {
        struct eg_pick *pick = NULL;
        struct eg_frame frame;
        torture_fail_after(n);
        enum eg_status status = eg_pick_open(&pick, path, &env, NULL);
        if (status == EG_OK) status = eg_pick_frame(pick, c.offsets[45], &frame, NULL);
        bool failed = torture_off();
        if (pick) eg_pick_close(pick);
        if (!failed) {
            assert_int_equal(status, EG_OK);
            assert_true(n > 3);
            break;
        }
        assert_true(status == EG_E_NOMEM || status == EG_OK); /* what can do without may */
    }
    made_free(&c.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(picks_what_reading_gives, setup, path_remove),
        cmocka_unit_test_setup_teardown(packed_that_ends_early, setup, path_remove),
        cmocka_unit_test_setup_teardown(sequence_files, setup, path_remove),
        cmocka_unit_test_setup_teardown(reads_little, setup, path_remove),
        cmocka_unit_test_setup_teardown(tells_where_nothing_is, setup, path_remove),
        cmocka_unit_test_setup_teardown(not_captures, setup, path_remove),
        cmocka_unit_test_setup_teardown(without_memory, setup, path_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
