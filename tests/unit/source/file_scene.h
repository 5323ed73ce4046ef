/* SPDX-License-Identifier: Apache-2.0
 * What tests of the `file` source share: a place for a capture, captures made and packed, and what it is
 * refused with. */
#ifndef EG_TEST_FILE_SCENE_H
#define EG_TEST_FILE_SCENE_H

#include "make_capture.h"
#include "source/read_source.h"

#include <lz4frame.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

static char directory[64];
static char path[128];

static inline int setup(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/earlgrey-file-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/capture", directory);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static inline struct reading read_made(const struct made *m, struct reading_how how) {
    file_write(path, m->bytes, m->size);
    return reading_of(path, how);
}

static inline void expect_text(const struct eg_strbuf *text, const char *expected) {
    assert_string_equal(reading_text(text), expected);
}

/* A pcap file of `count` packets; sizes up to `size_max`. */
static inline struct made pcap_make(unsigned count, unsigned size_max, uint64_t seed) {
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

static inline struct made pcapng_make(unsigned count, bool big) {
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

static inline void expect_refused(const char *uri, enum eg_status status, const char *text) {
    struct reading r = reading_of(uri, (struct reading_how){0});
    assert_int_equal(r.open, status);
    assert_int_equal(r.error.status, status);
    if (!strstr(r.error.message, text)) fail_msg("%s: not in: %s", text, r.error.message);
    assert_null(strchr(r.error.message, '\n'));
    reading_reset(&r);
}

/* ---- packers ---- */

static inline void pack_gzip(struct made *to, const void *bytes, size_t size) {
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

static inline void pack_zstd(struct made *to, const void *bytes, size_t size) {
    uint8_t *out = malloc(ZSTD_compressBound(size));
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    made_add(to, out, ZSTD_compress2(context, out, ZSTD_compressBound(size), bytes, size));
    ZSTD_freeCCtx(context);
    free(out);
}

static inline void pack_lz4(struct made *to, const void *bytes, size_t size) {
    LZ4F_preferences_t how = {.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled}};
    size_t room = LZ4F_compressFrameBound(size, &how);
    uint8_t *out = malloc(room);
    made_add(to, out, LZ4F_compressFrame(out, room, bytes, size, &how));
    free(out);
}

static inline void pack_xz(struct made *to, const void *bytes, size_t size) {
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

#endif
