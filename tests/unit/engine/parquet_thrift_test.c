/* SPDX-License-Identifier: Apache-2.0
 * The compact protocol, byte by byte. Source of the bytes: the protocol specification. */
#include "engine/parquet_thrift.h"

#include "engine_make.h"

static void fields_are_written(void **state) {
    (void)state;
    struct eg_strbuf to = {0};
    struct eg_thrift t = {.to = &to};
    eg_thrift_int(&t, 1, EG_THRIFT_I32, 1);     /* 15 02 */
    eg_thrift_int(&t, 2, EG_THRIFT_I64, -1);    /* 16 01 */
    eg_thrift_int(&t, 18, EG_THRIFT_I32, 300);  /* 05 24 d8 04: too far for a short form */
    eg_thrift_bool(&t, 19, true);               /* 11 */
    eg_thrift_bool(&t, 20, false);              /* 12 */
    eg_thrift_i8(&t, 21, 16);                   /* 13 10 */
    eg_thrift_text(&t, 22, "ab");               /* 18 02 61 62 */
    eg_thrift_list(&t, 23, EG_THRIFT_I32, 2);   /* 19 25 */
    eg_thrift_item_int(&t, 0);                  /* 00 */
    eg_thrift_item_int(&t, -2);                 /* 03 */
    eg_thrift_list(&t, 24, EG_THRIFT_BINARY, 20); /* 19 f8 14 */
    for (int i = 0; i < 20; i++) eg_thrift_item_text(&t, ""); /* 00 each */
    eg_thrift_open(&t, 25);                     /* 1c */
    eg_thrift_empty(&t, 1);                     /* 1c 00 */
    eg_thrift_close(&t);                        /* 00 */
    eg_thrift_binary(&t, 26, "\0\1", 2);        /* 18 02 00 01 */
    static const uint8_t expected[] = {
        0x15, 0x02, 0x16, 0x01, 0x05, 0x24, 0xd8, 0x04, 0x11, 0x12, 0x13, 0x10, 0x18, 0x02, 0x61, 0x62,
        0x19, 0x25, 0x00, 0x03, 0x19, 0xf8, 0x14, 0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x1c, 0x1c, 0x00, 0x00, 0x18,
        0x02, 0x00, 0x01};
    assert_int_equal(to.size, sizeof expected);
    assert_memory_equal(to.text, expected, sizeof expected);
    eg_strbuf_reset(&to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
