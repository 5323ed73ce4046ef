/* SPDX-License-Identifier: Apache-2.0
 * What the engine's tests share: captures made here, an engine, and SQL answered as one text. */
#ifndef EG_ENGINE_MAKE_H
#define EG_ENGINE_MAKE_H

#include "base/alloc.h"
#include "engine/inside.h"
#include "table/address.h"
#include "table/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../make_capture.h"

/* ---- a directory for the test's files ---- */

static inline const char *made_directory(char path[64]) {
    snprintf(path, 64, "/tmp/eg-engine-XXXXXX");
    if (!mkdtemp(path)) abort();
    return path;
}
static inline const char *made_path(char *to, size_t size, const char *directory, const char *name) {
    snprintf(to, size, "%s/%s", directory, name);
    return to;
}
static inline void made_remove(const char *directory) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0) abort();
}
static inline void made_write(const char *path, const struct made *m) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(m->bytes, 1, m->size, file) != m->size || fclose(file) != 0) abort();
}

/* ---- NetFlow v5 in UDP in Ethernet ---- */

/* What record n of a made capture says. */
static inline uint32_t made_src(uint32_t n) { return 0x0a000000 + n % 97; }
static inline uint32_t made_dst(uint32_t n) { return 0xc0a80000 + n % 89; }
static inline uint32_t made_packets(uint32_t n) { return 1 + n % 50; }
static inline uint32_t made_octets(uint32_t n) { return 40 + n * 7919u % 100000; }
static inline unsigned made_proto(uint32_t n) { return n % 3 ? 6 : 17; }

static inline void made_netflow5(struct made *m, uint32_t first, unsigned count, uint32_t seconds) {
    m->big = true;
    made_u16(m, 5);
    made_u16(m, count);
    made_u32(m, 3600000);
    made_u32(m, seconds);
    made_u32(m, 0);
    made_u32(m, first);
    made_u16(m, 0x0102);
    made_u16(m, 0);
    for (uint32_t n = first; n < first + count; n++) {
        made_u32(m, made_src(n));
        made_u32(m, made_dst(n));
        made_u32(m, 0);
        made_u16(m, 1);
        made_u16(m, 2);
        made_u32(m, made_packets(n));
        made_u32(m, made_octets(n));
        made_u32(m, 3590000);
        made_u32(m, 3595000);
        made_u16(m, 1024 + n % 1000);
        made_u16(m, n % 2 ? 80 : 443);
        made_number(m, 0, 1);
        made_number(m, made_proto(n) == 6 ? 0x1b : 0, 1);
        made_number(m, made_proto(n), 1);
        made_number(m, 0, 1);
        made_u16(m, 64512);
        made_u16(m, 64513);
        made_number(m, 16, 1);
        made_number(m, 24, 1);
        made_u16(m, 0);
    }
}

static inline void made_udp(struct made *frame, const struct made *payload) {
    frame->big = true;
    made_add(frame, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14);
    made_u16(frame, 0x4500);
    made_u16(frame, (unsigned)(28 + payload->size));
    made_u32(frame, 0);
    made_u32(frame, 0x40110000);
    made_u32(frame, 0xc0000201); /* 192.0.2.1 */
    made_u32(frame, 0xc0000202);
    made_u16(frame, 50000);
    made_u16(frame, 2055);
    made_u16(frame, (unsigned)(8 + payload->size));
    made_u16(frame, 0);
    made_add(frame, payload->bytes, payload->size);
}

/* A pcap of `records` flow records, 30 a datagram. */
static inline void made_flows(const char *path, uint32_t records) {
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (uint32_t first = 0; first < records; first += 30) {
        uint32_t left = records - first;
        struct made export = {0}, frame = {0};
        made_netflow5(&export, first, left < 30 ? left : 30, 1767225600 + first / 30);
        made_udp(&frame, &export);
        made_record(&m, 1767225600 + first / 30, 500000, (uint32_t)frame.size,
                    (uint32_t)frame.size, frame.bytes);
        made_free(&export);
        made_free(&frame);
    }
    made_write(path, &m);
    made_free(&m);
}

/* ---- engines and answers ---- */

static inline struct eg_engine *made_engine_with(const struct eg_env *env,
                                                 const struct eg_engine_options *options) {
    struct eg_engine *engine = NULL;
    struct eg_error err = {.status = EG_OK};
    if (eg_engine_open(&engine, env, options, &err) < 0) fail_msg("open: %s", err.message);
    return engine;
}
static inline struct eg_engine *made_engine(void) {
    const struct eg_engine_options options = {.threads = 2};
    return made_engine_with(&eg_env_plain, &options);
}

/* The rows of the answer as TSV without a header, or "STATUS: message". Free it with eg_free. */
static inline char *asked(struct eg_engine *engine, const char *sql) {
    struct eg_error err = {.status = EG_OK};
    struct eg_result *result = NULL;
    struct eg_strbuf text = {0};
    enum eg_status status = eg_engine_query(engine, sql, &result, &err);
    if (status >= 0) {
        const struct eg_table *table = eg_result_table(result);
        uint32_t *columns = calloc(table->count + 1, sizeof *columns);
        for (uint32_t i = 0; i < table->count; i++) columns[i] = i;
        struct eg_encode_style style = {.format = EG_FORMAT_TSV};
        struct eg_encoder *encoder = NULL;
        assert_int_equal(eg_encoder_new(&encoder, table, columns, table->count, &style, &err), EG_OK);
        eg_encoder_begin(encoder, &text);
        struct eg_batch *batch = NULL;
        while ((status = eg_result_next(result, &batch, &err)) == EG_OK) {
            assert_true(batch->rows > 0);
            eg_encoder_rows(encoder, batch, &text);
            eg_batch_unref(batch);
        }
        eg_encoder_end(encoder, &text);
        eg_encoder_free(encoder);
        free(columns);
        eg_result_free(result);
    }
    if (status < 0) {
        assert_int_equal(status, err.status);
        assert_null(strchr(err.message, '\n'));
        eg_strbuf_clear(&text);
        eg_strbuf_printf(&text, "%s: %s", eg_status_name(status), err.message);
    }
    return eg_strbuf_take(&text);
}

static inline void answers_at(struct eg_engine *engine, const char *sql, const char *expected,
                              const char *file, int line) {
    char *text = asked(engine, sql);
    size_t size = strlen(text);
    if (size && text[size - 1] == '\n') text[size - 1] = 0;
    if (strcmp(text, expected) != 0) {
        print_error("%s:%d: %s\n  gives:    %s\n  expected: %s\n", file, line, sql, text, expected);
        fail();
    }
    eg_free(text);
}
#define answers(engine, sql, expected) answers_at(engine, sql, expected, __FILE__, __LINE__)

/* The answer is an error whose text holds `part`. */
static inline void refuses_at(struct eg_engine *engine, const char *sql, const char *status,
                              const char *part, const char *file, int line) {
    char *text = asked(engine, sql);
    size_t size = strlen(status);
    if (strncmp(text, status, size) != 0 || text[size] != ':' || !strstr(text, part)) {
        print_error("%s:%d: %s\n  gives:    %s\n  expected: %s: … %s …\n", file, line, sql, text,
                    status, part);
        fail();
    }
    eg_free(text);
}
#define refuses(engine, sql, status, part) refuses_at(engine, sql, status, part, __FILE__, __LINE__)

#endif
