/* SPDX-License-Identifier: Apache-2.0
 * Captures of a few UDP packets over Ethernet whose every number is known; for the tests of packets. */
#ifndef EG_FEW_PACKETS_H
#define EG_FEW_PACKETS_H

#include "little_capture.h"
#include "make_capture.h"
#include "query/retrieval.h"

#define FEW_START 1767229200 /* 2026-01-01T01:00:00Z */

struct few_packet {
    uint32_t time_us; /* after FEW_START */
    uint8_t src, dst; /* 10.0.0.N */
    uint16_t sport, dport;
    uint16_t id, fragment; /* IP's fragment field; a later fragment has no UDP header */
    uint8_t size;          /* of the payload */
};

/* The frame in `to` (room for 400 bytes); answers its size. */
static inline uint32_t few_frame(const struct few_packet *p, uint8_t *to) {
    bool later = p->fragment & 0x1fff;
    uint32_t head = later ? 0 : 8, ip = 20 + head + p->size;
    memset(to, 0, 14 + ip);
    to[5] = p->dst;
    to[11] = p->src;
    little_be(to + 12, 0x0800, 2);
    to[14] = 0x45;
    little_be(to + 16, ip, 2);
    little_be(to + 18, p->id, 2);
    little_be(to + 20, p->fragment, 2);
    to[22] = 64;
    to[23] = 17;
    little_be(to + 26, 0x0a000000u | p->src, 4);
    little_be(to + 30, 0x0a000000u | p->dst, 4);
    if (!later) {
        little_be(to + 34, p->sport, 2);
        little_be(to + 36, p->dport, 2);
        little_be(to + 38, 8u + p->size, 2);
    }
    memset(to + 34 + head, 'a' + p->id % 26, p->size);
    return 14 + ip;
}

/* Writes them to `path`, a mkstemp template. */
static inline void few_capture(char *path, const struct few_packet *packets, size_t count) {
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    for (size_t i = 0; i < count; i++) {
        uint8_t frame[400];
        uint32_t size = few_frame(&packets[i], frame);
        made_record(&m, FEW_START + packets[i].time_us / 1000000, packets[i].time_us % 1000000,
                    size, size, frame);
    }
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, m.bytes, m.size), m.size);
    close(fd);
    made_free(&m);
}

/* A request over captures; `filter` may be NULL, and is to be freed. */
static inline struct eg_packets_request few_request(const char *const *paths, size_t count,
                                                    struct eg_filter **filter, const char *text) {
    struct eg_packets_request request = {
        .origin = {
            .captures = paths, .capture_count = count, .from_us = INT64_MIN, .to_us = INT64_MAX}};
    struct eg_error err;
    *filter = NULL;
    if (text && eg_filter_parse(filter, text, EG_TABLE_PACKETS, NULL, &err) < 0)
        fail_msg("%s", err.message);
    request.origin.filter = *filter;
    return request;
}

/* What was found, as lines "capture offset time_us size". */
struct few_found {
    const char *const *paths;
    struct eg_strbuf text;
    uint64_t count, enough; /* 0: never */
};

static inline enum eg_status few_put(void *to, const struct eg_found *found, struct eg_error *err) {
    struct few_found *f = to;
    (void)err;
    int which = 0;
    while (strcmp(f->paths[which], found->file) != 0) which++;
    eg_strbuf_printf(&f->text, "%d %llu %lld %zu\n", which, (unsigned long long)found->offset,
                     (long long)(found->frame.time_ns / 1000 - INT64_C(1000000) * FEW_START),
                     found->frame.payload.size);
    return ++f->count == f->enough ? EG_END : EG_OK;
}

#endif
