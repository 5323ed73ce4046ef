/* SPDX-License-Identifier: Apache-2.0
 * A capture of one NetFlow v5 datagram with four known records, in a temporary file, and an engine to
 * ask about it. For the tests of the questions. */
#ifndef EG_LITTLE_CAPTURE_H
#define EG_LITTLE_CAPTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "query/analysis.h"
#include "table/encode.h"

/* src, dst, ports, proto, packets, bytes, first and last (ms before the export at 01:00:00) */
static const struct little_flow {
    uint32_t src, dst;
    uint16_t sport, dport;
    uint8_t proto;
    uint32_t packets, bytes, first_ago, last_ago;
} little_flows[] = {
    {0x0a000001, 0x0a000002, 1000, 80, 6, 10, 1000, 20000, 10000},
    {0x0a000002, 0x0a000001, 80, 1000, 6, 8, 4000, 19000, 10000},
    {0x0a000003, 0xc0a80001, 5353, 53, 17, 1, 60, 5000, 5000},
    {0x0a000003, 0x0a000003, 7, 7, 17, 2, 120, 3600000, 1000}, /* to itself, an hour long */
};
#define LITTLE_COUNT (sizeof little_flows / sizeof *little_flows)
#define LITTLE_EXPORT_S 1767229200u /* 2026-01-01T01:00:00Z */

static inline void little_be(uint8_t *to, uint64_t value, int size) {
    for (int i = size; i-- > 0; value >>= 8) to[i] = (uint8_t)value;
}

static inline void little_record(uint8_t *to, const struct little_flow *f, uint32_t uptime,
                                 uint32_t scale) {
    memset(to, 0, 48);
    little_be(to, f->src, 4);
    little_be(to + 4, f->dst, 4);
    little_be(to + 16, f->packets, 4);
    little_be(to + 20, f->bytes / scale, 4);
    little_be(to + 24, uptime - f->first_ago, 4);
    little_be(to + 28, uptime - f->last_ago, 4);
    little_be(to + 32, f->sport, 2);
    little_be(to + 34, f->dport, 2);
    to[38] = f->proto;
}

/* Writes it to `path` (a mkstemp template); sampled one in `rate`. */
static inline void little_capture(char *path, uint32_t rate) {
    uint8_t file[24 + 16 + 42 + 24 + 48 * LITTLE_COUNT] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4};
    const uint32_t size = (uint32_t)(sizeof file - 40), uptime = 90000000;
    file[18] = 4;
    file[20] = 1;
    memcpy(file + 24, &(uint32_t){LITTLE_EXPORT_S}, 4);
    memcpy(file + 32, &size, 4);
    memcpy(file + 36, &size, 4);
    uint8_t *ip = file + 40 + 14, *udp = ip + 20, *v5 = udp + 8;
    little_be(file + 52, 0x0800, 2);
    ip[0] = 0x45;
    little_be(ip + 2, size - 14, 2);
    ip[8] = 64;
    ip[9] = 17;
    little_be(ip + 12, 0xc0000201, 4);
    little_be(ip + 16, 0xc6336401, 4);
    little_be(udp, 5000, 2);
    little_be(udp + 2, 2055, 2);
    little_be(udp + 4, size - 34, 2);
    little_be(v5, 5, 2);
    little_be(v5 + 2, LITTLE_COUNT, 2);
    little_be(v5 + 4, uptime, 4);
    little_be(v5 + 8, LITTLE_EXPORT_S, 4);
    little_be(v5 + 22, 0x4000 | rate, 2);
    for (size_t i = 0; i < LITTLE_COUNT; i++)
        little_record(v5 + 24 + 48 * i, &little_flows[i], uptime, rate);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file, sizeof file), sizeof file);
    close(fd);
}

/* The answer to a question as TSV with a header; to be freed. */
static inline char *little_ask(const char *sql) {
    struct eg_engine *engine;
    struct eg_error err = {0};
    struct eg_engine_options options = {0};
    struct eg_result *result;
    struct eg_strbuf text = {0};
    if (eg_engine_open(&engine, &eg_env_plain, &options, &err) < 0) fail_msg("%s", err.message);
    if (eg_engine_run(engine, EG_SQL_MACROS, &err) < 0) fail_msg("%s", err.message);
    if (eg_engine_query(engine, sql, &result, &err) < 0) fail_msg("%s\n%s", err.message, sql);
    const struct eg_table *table = eg_result_table(result);
    uint32_t columns[EG_COLUMNS_MAX];
    for (uint32_t i = 0; i < table->count; i++) columns[i] = i;
    struct eg_encode_style style = {.format = EG_FORMAT_TSV, .header = true};
    struct eg_encoder *encoder;
    assert_int_equal(eg_encoder_new(&encoder, table, columns, table->count, &style, &err), EG_OK);
    eg_encoder_begin(encoder, &text);
    for (;;) {
        struct eg_batch *batch;
        enum eg_status status = eg_result_next(result, &batch, &err);
        if (status == EG_END) break;
        if (status < 0) fail_msg("%s\n%s", err.message, sql);
        eg_encoder_rows(encoder, batch, &text);
        eg_batch_unref(batch);
    }
    eg_encoder_end(encoder, &text);
    eg_encoder_free(encoder);
    eg_result_free(result);
    eg_engine_close(engine);
    return eg_strbuf_take(&text);
}

/* Asks and compares. */
static inline void little_expect(struct eg_strbuf *sql, const char *answer) {
    char *got = little_ask(sql->text);
    assert_string_equal(got, answer);
    free(got);
    eg_strbuf_reset(sql);
}

/* An origin over the capture; `filter` may be NULL. */
static inline struct eg_origin little_origin(const char *const *path, struct eg_filter **filter,
                                             const char *text) {
    struct eg_origin origin = {
        .captures = path, .capture_count = 1, .from_us = INT64_MIN, .to_us = INT64_MAX};
    struct eg_error err;
    *filter = NULL;
    if (text && eg_filter_parse(filter, text, EG_TABLE_FLOWS, NULL, &err) < 0)
        fail_msg("%s", err.message);
    origin.filter = *filter;
    return origin;
}

#endif
