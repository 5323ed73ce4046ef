/* SPDX-License-Identifier: Apache-2.0
 * The `file` source over compressed captures: whole, in members, cut and damaged. */
#include "source/file_scene.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_compressed),
        cmocka_unit_test(compressed_cuts_keep_whole_packets),
        cmocka_unit_test(damaged_compression_keeps_what_came_before),
        cmocka_unit_test(nested_compression_is_no_capture),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
