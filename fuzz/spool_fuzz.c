/* SPDX-License-Identifier: Apache-2.0
 * A spool whose segment is whatever the input says: reading ends, stays inside, and adds up. The
 * fuzzer cannot guess a checksum, so the input is a list of orders that build a segment of true
 * blocks and then spoil it. */
#include "source/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEGMENT_MOST (512u << 10)
#define ID "00112233445566778899aabbccddeeff\n"

static const uint8_t id[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void file_write(const char *directory, const char *name, const void *bytes, size_t size) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) abort();
    close(fd);
}

/* A block of datagrams as the order's three bytes say. */
static void block_put(uint8_t *segment, size_t *size, struct eg_span order, uint64_t *sequence,
                      struct eg_pool *pool) {
    static const uint8_t bytes[255 * 16 + 20];
    struct eg_block block;
    eg_block_begin(&block, eg_buffer_take(pool));
    for (unsigned i = 0; i < eg_u8(order, 0) % 20u; i++) {
        struct eg_received r = {.transport = 17,
                                .payload = eg_span(bytes, eg_u8(order, 1) * 16u + i)};
        if (!eg_block_add(&block, &r)) break;
    }
    uint64_t offset = (UINT64_C(5) << EG_SPOOL_SHIFT) + *size;
    eg_block_finish(&block, id, offset, *sequence);
    if (*size + block.size <= SEGMENT_MOST) {
        memcpy(segment + *size, block.buffer->bytes, block.size);
        *size += block.size;
        *sequence += block.count + eg_u8(order, 2) % 3u;
    }
    eg_buffer_unref(block.buffer);
}

static size_t segment_make(uint8_t *segment, struct eg_span input, struct eg_pool *pool) {
    size_t size = 0;
    uint64_t sequence = 1;
    struct eg_cursor c = eg_cursor_of(input);
    while (eg_cursor_left(&c) >= 4) {
        uint8_t what = eg_take_u8(&c);
        struct eg_span order = eg_take(&c, 3);
        size_t at = size ? eg_be16(order, 0) * 64u % size + eg_u8(order, 2) % 64u : 0;
        switch (what % 6) {
        case 0:
        case 1: block_put(segment, &size, order, &sequence, pool); break;
        case 2: /* zeros, or what the input has */
        case 3:
            for (unsigned i = 0; i < eg_u8(order, 2) && size < SEGMENT_MOST; i++)
                segment[size++] = what % 6 == 2 ? 0 : eg_u8(order, i % 3);
            break;
        case 4:
            if (at < size) segment[at] ^= (uint8_t)(1u << (what >> 5));
            break;
        case 5: size = at < size ? at : size; break;
        }
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static uint8_t segment[SEGMENT_MOST];
    char directory[] = "/dev/shm/eg-fuzz-spool-XXXXXX";
    if (!mkdtemp(directory)) return 0;
    struct eg_pool *pool = eg_pool_new(EG_BLOCK_BYTES, 1);
    size_t segment_size = segment_make(segment, eg_span(bytes, size), pool);
    file_write(directory, "id", ID, 33);
    file_write(directory, "0000000000000005.spool", segment, segment_size);
    file_write(directory, "0000000000000006.spool", "", 0);
    struct eg_spool_options options = {
        .directory = directory, .bytes_max = 1 << 30, .segment_bytes = 1 << 20};
    struct eg_spool *spool;
    if (eg_spool_open(&spool, &eg_env_plain, &options, NULL) != EG_OK) abort();
    struct eg_spool_reader *reader;
    struct eg_spool_piece piece;
    struct eg_spool_damage damage = {0};
    uint64_t whole = 0, last = 0;
    if (eg_spool_reader_new(&reader, spool, 0, NULL) != EG_OK) abort();
    while (eg_spool_read(reader, &piece, &damage, NULL) == EG_OK) {
        struct eg_received r;
        size_t at = EG_BLOCK_HEAD;
        uint32_t count = 0;
        while (eg_block_next(piece.block, &at, &r)) count++;
        if (count != piece.head.count || piece.head.offset < last) abort();
        last = piece.head.offset + piece.head.size;
        whole += piece.head.size;
    }
    if (whole + damage.bytes != segment_size) abort(); /* every byte is one or the other */
    eg_spool_reader_free(reader);
    eg_spool_close(spool);
    eg_pool_close(pool);
    const char *names[] = {"id", "lock", "0000000000000005.spool", "0000000000000006.spool"};
    for (int i = 0; i < 4; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
    return 0;
}
