/* SPDX-License-Identifier: Apache-2.0
 * For the generators: seeded random numbers, skewed choices, and a pcap file written in big blocks.
 * Header-only, so that each generator is one file. */
#ifndef EG_BENCH_CAPTURE_WRITER_H
#define EG_BENCH_CAPTURE_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers: SplitMix64, the same everywhere for the same seed ---- */

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r) {
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline uint32_t random_below(struct random *r, uint32_t limit) {
    return (uint32_t)((random_next(r) >> 32) * limit >> 32);
}
static inline double random_unit(struct random *r) {
    return (double)(random_next(r) >> 11) * (1.0 / 9007199254740992.0);
}

/* ---- a choice among `count` things with weights 1/(rank+1) (Zipf), by Vose's alias tables ---- */

struct zipf {
    uint32_t count;
    uint32_t *threshold, *other;
};

static inline void zipf_make(struct zipf *z, uint32_t count) {
    double *weight = malloc(count * sizeof *weight), sum = 0;
    uint32_t *small = malloc(count * sizeof *small), *large = malloc(count * sizeof *large);
    z->count = count;
    z->threshold = malloc(count * sizeof *z->threshold);
    z->other = malloc(count * sizeof *z->other);
    if (!weight || !small || !large || !z->threshold || !z->other) abort();
    for (uint32_t i = 0; i < count; i++) sum += 1.0 / (i + 1);
    uint32_t smalls = 0, larges = 0;
    for (uint32_t i = 0; i < count; i++) {
        weight[i] = count / ((i + 1) * sum);
        if (weight[i] < 1)
            small[smalls++] = i;
        else
            large[larges++] = i;
    }
    while (smalls && larges) {
        uint32_t s = small[--smalls], l = large[--larges];
        z->threshold[s] = (uint32_t)(weight[s] * 4294967295.0);
        z->other[s] = l;
        weight[l] -= 1 - weight[s];
        if (weight[l] < 1)
            small[smalls++] = l;
        else
            large[larges++] = l;
    }
    while (larges) z->threshold[large[--larges]] = UINT32_MAX;
    while (smalls) z->threshold[small[--smalls]] = UINT32_MAX;
    free(weight);
    free(small);
    free(large);
}
static inline uint32_t zipf_pick(const struct zipf *z, struct random *r) {
    uint32_t i = random_below(r, z->count);
    return (uint32_t)random_next(r) <= z->threshold[i] ? i : z->other[i];
}
static inline void zipf_free(struct zipf *z) {
    free(z->threshold);
    free(z->other);
}

/* ---- bytes in network order ---- */

static inline void put16(uint8_t *to, uint32_t v) {
    to[0] = (uint8_t)(v >> 8);
    to[1] = (uint8_t)v;
}
static inline void put32(uint8_t *to, uint32_t v) {
    put16(to, v >> 16);
    put16(to + 2, v);
}

/* ---- the file ---- */

struct writer {
    FILE *file;
    uint64_t packets, bytes;
};

static inline bool writer_open(struct writer *w, const char *path) {
    const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    *w = (struct writer){.file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb")};
    if (!w->file) return false;
    setvbuf(w->file, NULL, _IOFBF, 1 << 20);
    return fwrite(header, sizeof header, 1, w->file) == 1;
}
static inline void writer_packet(struct writer *w, uint64_t time_us, const void *frame,
                                 uint32_t size) {
    const uint32_t record[4] = {(uint32_t)(time_us / 1000000), (uint32_t)(time_us % 1000000), size,
                                size};
    fwrite(record, sizeof record, 1, w->file);
    fwrite(frame, size, 1, w->file);
    w->packets++;
    w->bytes += size;
}
static inline bool writer_close(struct writer *w) {
    bool whole = fflush(w->file) == 0 && !ferror(w->file);
    return (w->file == stdout || fclose(w->file) == 0) && whole;
}

/* Ethernet and IPv4 headers, 34 bytes; the rest of the frame holds `size` bytes behind them. */
static inline void put_ip(uint8_t *frame, uint32_t src, uint32_t dst, uint8_t proto, uint8_t ttl,
                          uint32_t size, uint16_t id) {
    memset(frame, 0, 34);
    frame[0] = frame[6] = 2; /* locally administered MACs made of the addresses */
    put32(frame + 2, dst);
    put32(frame + 8, src);
    put16(frame + 12, 0x0800);
    uint8_t *ip = frame + 14;
    ip[0] = 0x45;
    put16(ip + 2, 20 + size);
    put16(ip + 4, id);
    put16(ip + 6, 0x4000);
    ip[8] = ttl;
    ip[9] = proto;
    put32(ip + 12, src);
    put32(ip + 16, dst);
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2) sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~sum & 0xffff);
}

/* Command line of the generators: --NAME VALUE pairs. */
static inline uint64_t option_of(int argc, char **argv, const char *name, uint64_t preset) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return strtoull(argv[i + 1], NULL, 10);
    return preset;
}
static inline const char *text_option_of(int argc, char **argv, const char *name,
                                         const char *preset) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return preset;
}

#endif
