/* SPDX-License-Identifier: Apache-2.0
 * A spool in a directory of its own, with numbered datagrams in it, for several tests. */
#ifndef EG_SPOOL_CASE_H
#define EG_SPOOL_CASE_H

#include "source/spool.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct spool_case {
    char directory[64];
    struct eg_env env;
    struct eg_spool_options options;
    struct eg_spool *spool;
    struct eg_pool *pool;
    uint64_t next; /* number of the next datagram */
};

static inline int64_t case_clock(void *to) { return *(int64_t *)to; }

static inline void case_open(struct spool_case *c) {
    assert_int_equal(eg_spool_open(&c->spool, &c->env, &c->options, NULL), EG_OK);
}

static inline void case_begin(struct spool_case *c) {
    *c = (struct spool_case){.directory = "/tmp/eg-spool-XXXXXX", .env = eg_env_plain};
    assert_non_null(mkdtemp(c->directory));
    c->pool = eg_pool_new(EG_BLOCK_BYTES, 1);
    c->options = (struct eg_spool_options){.directory = c->directory,
                                           .bytes_max = 64 << 20,
                                           .reserve_bytes = 1,
                                           .segment_bytes = EG_SPOOL_SEGMENT_LEAST};
    case_open(c);
}

static inline void case_again(struct spool_case *c) {
    eg_spool_close(c->spool);
    case_open(c);
}

static inline void case_end(struct spool_case *c) {
    eg_spool_close(c->spool);
    eg_pool_close(c->pool);
    DIR *dir = opendir(c->directory);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(c->directory);
}

/* Appends one block of `count` datagrams of `size` bytes (8 or more) that begin with their number. */
static inline enum eg_status case_append(struct spool_case *c, uint32_t count, size_t size,
                                         struct eg_error *err) {
    static uint8_t bytes[65535];
    struct eg_block block;
    eg_block_begin(&block, eg_buffer_take(c->pool));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = c->next + i;
        memcpy(bytes, &number, 8);
        struct eg_received r = {
            .time_ns = 1, .peer_port = 7, .transport = 17, .payload = eg_span(bytes, size)};
        r.peer.bytes[10] = r.peer.bytes[11] = 0xff;
        assert_true(eg_block_add(&block, &r));
    }
    enum eg_status status = eg_spool_append(c->spool, &block, err);
    if (status == EG_OK) c->next += count;
    eg_buffer_unref(block.buffer);
    return status;
}

/* What the reader gives now: numbers go up, each at most once; *last is the highest so far + 1. */
struct case_seen {
    uint64_t count, next, end;
    struct eg_spool_damage damage;
};
static inline void case_read(struct eg_spool_reader *reader, struct case_seen *seen) {
    struct eg_spool_piece piece;
    while (eg_spool_read(reader, &piece, &seen->damage, NULL) == EG_OK) {
        size_t at = EG_BLOCK_HEAD;
        struct eg_received r;
        uint32_t count = 0;
        while (eg_block_next(piece.block, &at, &r)) {
            uint64_t number;
            memcpy(&number, r.payload.at, 8);
            assert_true(number >= seen->next);
            seen->next = number + 1;
            seen->count++;
            count++;
        }
        assert_int_equal(count, piece.head.count);
        seen->end = piece.head.offset + piece.head.size;
    }
}

static inline struct case_seen case_read_from(struct spool_case *c, uint64_t offset) {
    struct eg_spool_reader *reader;
    struct case_seen seen = {0};
    assert_int_equal(eg_spool_reader_new(&reader, c->spool, offset, NULL), EG_OK);
    case_read(reader, &seen);
    eg_spool_reader_free(reader);
    return seen;
}

/* The path of the k-th segment, by name. */
static inline void case_segment(const struct spool_case *c, int k, char path[400]) {
    struct dirent **names;
    int count = scandir(c->directory, &names, NULL, alphasort), seen = 0;
    path[0] = 0;
    for (int i = 0; i < count; i++) {
        if (strstr(names[i]->d_name, ".spool") && seen++ == k)
            snprintf(path, 400, "%s/%s", c->directory, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

static inline int case_segments(const struct spool_case *c) {
    char path[400];
    int count = 0;
    while (case_segment(c, count, path), path[0]) count++;
    return count;
}

#endif
