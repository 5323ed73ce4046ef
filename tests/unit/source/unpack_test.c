/* SPDX-License-Identifier: Apache-2.0
 * Decompression step by step, byte by byte. Whole files are in file_packed_test. */
#include "source/unpack.h"

#include "torture.h"

#include <lz4frame.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

static const char text[] = "the same words, the same words, the same words, and then others";

static size_t packed_make(enum eg_packing packing, uint8_t *to, size_t room) {
    size_t size = sizeof text, used = 0;
    if (packing == EG_PACKING_ZSTD) return ZSTD_compress(to, room, text, size, 1);
    if (packing == EG_PACKING_LZ4) return LZ4F_compressFrame(to, room, text, size, NULL);
    if (packing == EG_PACKING_XZ) {
        lzma_ret answer = lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text,
                                                  size, to, &used, room);
        return answer == LZMA_OK ? used : 0;
    }
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)size;
    z.next_out = to;
    z.avail_out = (uInt)room;
    int answer = deflate(&z, Z_FINISH);
    used = z.total_out;
    deflateEnd(&z);
    return answer == Z_STREAM_END ? used : 0;
}

static void gives_all_a_byte_at_a_time(void **state) {
    (void)state;
    for (int packing = EG_PACKING_GZIP; packing <= EG_PACKING_XZ; packing++) {
        uint8_t packed[1000], out[200];
        size_t size = packed_make((enum eg_packing)packing, packed, sizeof packed);
        assert_true(size > 0);
        assert_int_equal(eg_packing_of(eg_span(packed, size)), packing);
        struct eg_unpack *unpack;
        assert_int_equal(eg_unpack_new(&unpack, (enum eg_packing)packing, NULL), EG_OK);
        for (int again = 0; again < 2; again++) {
            size_t from = 0, to = 0;
            enum eg_status status = EG_OK;
            for (int steps = 0; status == EG_OK && steps < 5000; steps++) {
                size_t took, gave;
                status = eg_unpack_step(unpack, eg_span(packed + from, from < size), &took,
                                        out + to, 1, &gave, NULL);
                from += took;
                to += gave;
                assert_true(from <= size && to <= sizeof text);
            }
            assert_int_equal(status, EG_END);
            assert_int_equal(from, size);
            assert_int_equal(to, sizeof text);
            assert_memory_equal(out, text, sizeof text);
            assert_int_equal(eg_unpack_again(unpack, NULL), EG_OK);
        }
        eg_unpack_free(unpack);
    }
}

static void damage_is_told(void **state) {
    (void)state;
    for (int packing = EG_PACKING_GZIP; packing <= EG_PACKING_XZ; packing++) {
        uint8_t packed[1000], out[200];
        size_t size = packed_make((enum eg_packing)packing, packed, sizeof packed), took, gave;
        memset(packed + 5, 0xff, size - 5);
        struct eg_unpack *unpack;
        struct eg_error err = {0};
        assert_int_equal(eg_unpack_new(&unpack, (enum eg_packing)packing, &err), EG_OK);
        assert_int_equal(
            eg_unpack_step(unpack, eg_span(packed, size), &took, out, sizeof out, &gave, &err),
            EG_E_FORMAT);
        assert_non_null(strstr(err.message, "damaged"));
        assert_non_null(strstr(err.message, eg_packing_name((enum eg_packing)packing)));
        eg_unpack_free(unpack);
    }
    eg_unpack_free(NULL);
}

/* Not damage: another program can expand it. */
static void large_dictionaries_are_refused(void **state) {
    (void)state;
    lzma_options_lzma options;
    assert_false(lzma_lzma_preset(&options, 0));
    uint8_t packed[256] = {0xfd, '7', 'z', 'X', 'Z', 0}, out[16];
    const uint8_t word = 'a';
    size_t size = 0, took, gave;
    lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, &word, 1, packed,
                                               &size, sizeof packed),
                     LZMA_OK);
    /* the block header, behind 12 bytes: its size, … filter 0x21, 1 byte of properties, … CRC */
    uint8_t *header = packed + 12;
    size_t checked = header[0] * 4u, at = 2;
    while (at < checked - 2 && (header[at] != 0x21 || header[at + 1] != 1)) at++;
    assert_in_range(at, 2, checked - 3);
    header[at + 2] = 36; /* 1 GiB */
    uint32_t crc = lzma_crc32(header, checked, 0);
    for (int k = 0; k < 4; k++) header[checked + (size_t)k] = (uint8_t)(crc >> (8 * k));
    struct eg_unpack *unpack;
    struct eg_error err = {0};
    assert_int_equal(eg_unpack_new(&unpack, EG_PACKING_XZ, &err), EG_OK);
    assert_int_equal(
        eg_unpack_step(unpack, eg_span(packed, size), &took, out, sizeof out, &gave, &err),
        EG_E_FORMAT);
    assert_string_equal(err.message, "expanding its xz data takes more than the 256 MiB of memory "
                                     "that are allowed; expand it first: xz -dc FILE | earlgrey "
                                     "ingest -");
    eg_unpack_free(unpack);
}

static void tells_packing_by_content(void **state) {
    (void)state;
    assert_int_equal(eg_packing_of(eg_span("\x50\x2a\x4d\x18....", 8)), EG_PACKING_ZSTD);
    assert_int_equal(eg_packing_of(eg_span("\x5f\x2a\x4d\x18", 4)), EG_PACKING_ZSTD);
    assert_int_equal(eg_packing_of(eg_span("\xd4\xc3\xb2\xa1", 4)), EG_PACKING_NONE);
    assert_int_equal(eg_packing_of(eg_span("\x1f", 1)), EG_PACKING_NONE);
    assert_int_equal(eg_packing_of(eg_span("", 0)), EG_PACKING_NONE);
    assert_int_equal(eg_packing_of(eg_span("\xfd"
                                           "7zXZ\1",
                                           6)),
                     EG_PACKING_NONE);
    assert_string_equal(eg_packing_name(EG_PACKING_NONE), "none");
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct eg_unpack *unpack = NULL;
    torture_fail_after(0);
    assert_int_equal(eg_unpack_new(&unpack, EG_PACKING_GZIP, NULL), EG_E_NOMEM);
    assert_true(torture_off());
    assert_null(unpack);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_all_a_byte_at_a_time),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(large_dictionaries_are_refused),
        cmocka_unit_test(tells_packing_by_content),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
