/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the packet store share: captures made here, a pump that ingests them, and what
 * the store says of them. */
#ifndef EG_TEST_CAPTURE_MADE_H
#define EG_TEST_CAPTURE_MADE_H

#include "make_capture.h"
#include "parquet.h"
#include "source/file.h"
#include "store/captures.h"
#include "table/pump.h"

#include <zstd.h>

#define RECORD (16 + 60)

/* A path below a directory, good until the next 64 calls. */
static inline char *path_of(const char *directory, const char *name) {
    static char paths[64][256];
    static unsigned next;
    char made[256];
    snprintf(made, sizeof made, "%s/%s", directory, name);
    return memcpy(paths[next++ % 64], made, sizeof made);
}

/* `count` packets of 60 bytes, a second apart from NOON on; the first bytes depend on `seed`. */
static inline struct made capture_of(unsigned count, uint64_t seed) {
    struct made m = {0};
    uint8_t payload[60];
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (unsigned i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof payload; k++) payload[k] = (uint8_t)made_random(&seed);
        made_record(&m, (uint32_t)(NOON / 1000000) + i, i, sizeof payload, sizeof payload, payload);
    }
    return m;
}

static inline void bytes_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The first `size` bytes of the capture, plain or as one zstd frame. */
static inline void capture_write(const char *path, const struct made *m, size_t size, bool packed) {
    if (!packed) {
        bytes_write(path, m->bytes, size);
        return;
    }
    size_t room = ZSTD_compressBound(size);
    void *to = malloc(room);
    bytes_write(path, to, ZSTD_compress(to, room, m->bytes, size, 1));
    free(to);
}

struct kept_case {
    struct eg_keep_rule rule;
    uint64_t round_bytes; /* 0: one round */
    const struct eg_env *env;
    struct eg_keep_account account;
    bool vanishes; /* some inputs do, and reading goes on */
};

/* What is called gone is taken away before it is kept. */
static inline enum eg_status vanish_take(void *to, struct eg_source *source, char *file,
                                         size_t room, struct eg_error *err) {
    struct eg_file_facts facts;
    EG_TRY(eg_file_facts(source, &facts, err));
    if (strstr(facts.name, "gone")) unlink(facts.name);
    return eg_dataset_sink_take(to, source, file, room, err);
}

/* Ingests the captures' packets into the dataset. */
static inline enum eg_status try_ingest(const char *root, const char *const *paths, size_t count,
                                        struct kept_case *how, struct eg_error *err) {
    const struct eg_env *env = how->env ? how->env : &test_env;
    struct eg_sink *sink;
    EG_TRY(eg_sink_dataset.open(env, root, NULL, &sink, err));
    enum eg_status status = eg_dataset_sink_keep(sink, &how->rule, err);
    struct eg_pump_sink to = {.type = &eg_sink_dataset, .sink = sink, .name = root};
    struct eg_pump_request request = {
        .scan = {.source = eg_registry_find(EG_STAGE_source, "file")->type,
                 .inputs = paths,
                 .input_count = count,
                 .parts = {{.extract = eg_registry_find(EG_STAGE_extract, "packets")->type,
                            .columns = EG_COLUMNS_ALL}},
                 .part_count = 1,
                 .claim_source = eg_dataset_sink_claim,
                 .claim_to = sink,
                 .keep_going = how->vanishes,
                 .keep_source = how->vanishes ? vanish_take : eg_dataset_sink_take,
                 .keep_known = eg_dataset_sink_known,
                 .keep_to = sink},
        .sinks = &to,
        .sink_count = 1,
        .threads = 2,
        .round_bytes = how->round_bytes,
    };
    struct eg_pump_account account = {0};
    if (status >= 0) status = eg_pump_run(env, &request, &account, err);
    eg_dataset_sink_kept(sink, &how->account);
    eg_pump_account_reset(&account);
    eg_sink_dataset.close(sink);
    return status;
}

static inline struct kept_case ingest_as(const char *root, const char *path, enum eg_keep keep) {
    struct kept_case how = {.rule = {.keep = keep}};
    must(try_ingest(root, &path, 1, &how, ERR));
    return how;
}

/* All registered captures. */
static inline size_t captures_of(const char *root, struct eg_capture **out) {
    struct eg_dataset *ds = open_reader(root);
    size_t count;
    must(eg_captures(ds, INT64_MIN, INT64_MAX, out, &count, ERR));
    eg_dataset_close(ds);
    return count;
}

static inline enum eg_status capture_find(const char *root, const char *name, bool whole,
                                          struct eg_capture *out) {
    struct eg_dataset *ds = open_reader(root);
    enum eg_status status = eg_capture_find(ds, name, whole, out, ERR);
    eg_dataset_close(ds);
    return status;
}

/* What the copy holds, as any zstd reader has it; free it. */
static inline uint8_t *copy_read(const struct eg_capture *capture, size_t *size) {
    char *text;
    must(eg_file_read(&text, size, capture->place, 1 << 28, ERR));
    if (!capture->seekable) return (uint8_t *)text;
    uint8_t *bytes = eg_malloc(capture->bytes + 1000);
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {text, *size, 0};
    ZSTD_outBuffer out = {bytes, capture->bytes + 1000, 0};
    while (in.pos < in.size) assert_false(ZSTD_isError(ZSTD_decompressStream(stream, &out, &in)));
    ZSTD_freeDStream(stream);
    eg_free(text);
    *size = out.pos;
    return bytes;
}

#endif
