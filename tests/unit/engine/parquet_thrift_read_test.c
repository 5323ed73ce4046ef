/* SPDX-License-Identifier: Apache-2.0
 * The compact protocol read back: what was written, what is passed over, and any bytes. */
#include "engine/parquet_thrift_read.h"

#include "engine/parquet_thrift.h"
#include "engine_make.h"

/* One of every kind that the writer knows, and of those it does not. */
static void every_kind(struct eg_strbuf *to) {
    struct eg_thrift t = {.to = to};
    eg_thrift_int(&t, 1, EG_THRIFT_I32, -300);
    eg_thrift_bool(&t, 2, true);
    eg_thrift_i8(&t, 3, 16);
    eg_thrift_text(&t, 20, "ab");
    eg_thrift_list(&t, 40, EG_THRIFT_I32, 2); /* too far for a short form */
    eg_thrift_item_int(&t, 5);
    eg_thrift_item_int(&t, -6);
    eg_thrift_list(&t, 41, EG_THRIFT_BINARY, 20);
    for (int i = 0; i < 20; i++) eg_thrift_item_text(&t, "x");
    eg_thrift_open(&t, 42);
    eg_thrift_int(&t, 1, EG_THRIFT_I64, INT64_MIN);
    eg_thrift_empty(&t, 2);
    eg_thrift_close(&t);
    eg_strbuf_add(to,
                  "\x17"
                  "12345678",
                  9);                                      /* 43: a double */
    eg_strbuf_add(to, "\x1b\x02\x58\x02\x01z\x04\x00", 8); /* 44: a map of i32 to text */
    eg_strbuf_add(to, "\x1b\x00", 2);                      /* 45: an empty one */
    eg_strbuf_add(to, "\x19\x31\x01\x02\x01", 5);          /* 46: a list of booleans */
    eg_thrift_bool(&(struct eg_thrift){.to = to, .last = {46}}, 47, false);
    eg_strbuf_char(to, 0);
}

static void reads_back(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    every_kind(&to);
    struct eg_cursor c = eg_cursor(to.text, to.size);
    struct eg_thrift_field f = {0};
    int type, ids = 0;
    while (eg_thrift_next(&c, &f)) {
        ids++;
        if (f.id == 1) {
            assert_int_equal(eg_thrift_read_int(&c), -300);
        } else if (f.id == 2 || f.id == 47) {
            assert_int_equal(f.type, f.id == 2 ? 1 : 2);
        } else if (f.id == 20) {
            struct eg_span text = eg_thrift_read_binary(&c);
            assert_int_equal(text.size, 2);
            assert_memory_equal(text.at, "ab", 2);
        } else if (f.id == 40) {
            assert_int_equal(eg_thrift_read_list(&c, &type), 2);
            assert_int_equal(type, EG_THRIFT_I32);
            assert_int_equal(eg_thrift_read_int(&c), 5);
            assert_int_equal(eg_thrift_read_int(&c), -6);
        } else if (f.id == 42) {
            struct eg_thrift_field inner = {0};
            assert_true(eg_thrift_next(&c, &inner));
            assert_int_equal(eg_thrift_read_int(&c), INT64_MIN);
            assert_true(eg_thrift_next(&c, &inner));
            eg_thrift_pass(&c, inner.type);
            assert_false(eg_thrift_next(&c, &inner));
        } else {
            eg_thrift_pass(&c, f.type);
        }
    }
    assert_int_equal(ids, 12);
    assert_false(c.cut);
    assert_int_equal(eg_cursor_left(&c), 0);
    eg_strbuf_reset(&to);
}

static bool passes(const void *bytes, size_t size) {
    struct eg_cursor c = eg_cursor(bytes, size);
    eg_thrift_pass(&c, EG_THRIFT_STRUCT);
    return !c.cut;
}

static void cut_anywhere(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    every_kind(&to);
    assert_true(passes(to.text, to.size));
    for (size_t size = 0; size < to.size; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, to.text, size);
        assert_false(passes(copy, size));
        free(copy);
    }
    eg_strbuf_reset(&to);
}

static void any_bytes(void **state) {
    (void)state;
    assert_false(passes("\x19\xfc\xff\xff\xff\xff\x0f", 7)); /* a list longer than memory */
    assert_false(passes("\x1b\xff\xff\xff\xff\x0f\x55", 7)); /* such a map */
    assert_false(passes("\x1b\x01\x00\x00", 4));             /* a map of nothing to nothing */
    assert_false(passes("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
    assert_false(passes("\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12));
    assert_false(passes("\x1d", 1));                             /* no such type */
    assert_false(passes("\x05\xff\xff\xff\xff\x0f\x00\x00", 8)); /* an id out of range */
    char deep[5000];
    memset(deep, 0x1c, sizeof deep);
    assert_false(passes(deep, sizeof deep));
    memset(deep, 0x19, sizeof deep);
    assert_false(passes(deep, sizeof deep));
    uint64_t seed = 5;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)made_random(&seed);
        (void)passes(bytes, (size_t)round % 40);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
