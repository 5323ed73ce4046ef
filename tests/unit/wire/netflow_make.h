/* SPDX-License-Identifier: Apache-2.0
 * For the tests of NetFlow versions 1 and 7: datagrams of them, and what one makes of them. */
#ifndef EG_TEST_NETFLOW_MAKE_H
#define EG_TEST_NETFLOW_MAKE_H

#include "exports_make.h"

/* `claimed` 0: as many as there are. Records end 1 s before the header, and began 4 s before. */
struct old {
    uint16_t version;
    uint32_t count, claimed, uptime, seconds, sequence, first_ago, last_ago, packets;
};

static inline struct bytes make_old(struct old h) {
    struct bytes b = {.size = 0};
    put_be(&b, h.version, 2), put_be(&b, h.claimed ? h.claimed : h.count, 2);
    put_be(&b, h.uptime, 4), put_be(&b, h.seconds, 4), put_be(&b, 500000000, 4);
    if (h.version == 7) put_be(&b, h.sequence, 4), put_be(&b, 0, 4);
    for (uint32_t i = 0; i < h.count; i++) {
        put_be(&b, 0x0a000001 + i, 4), put_be(&b, 0x0a000101, 4);
        put_be(&b, i % 2 ? 0x0a0000fe : 0, 4), put_be(&b, 3, 2), put_be(&b, 4, 2);
        put_be(&b, h.packets, 4), put_be(&b, 1000 + i, 4);
        put_be(&b, h.uptime - h.first_ago, 4), put_be(&b, h.uptime - h.last_ago, 4);
        uint32_t proto = i % 3 == 0 ? 6 : i % 3 == 1 ? 17 : 1;
        put_be(&b, 1024 + i, 2), put_be(&b, proto == 1 ? 0x0304 : 443, 2);
        if (h.version == 1) {
            put_be(&b, 0xffff, 2), put_be(&b, proto, 1), put_be(&b, 0x20, 1), put_be(&b, 0x1b, 1);
            put_be(&b, 0xffffff, 3), put_be(&b, UINT32_MAX, 4);
        } else {
            put_be(&b, 0xff, 1), put_be(&b, 0x1b, 1), put_be(&b, proto, 1), put_be(&b, 0x20, 1);
            put_be(&b, 64512, 2), put_be(&b, 64513, 2), put_be(&b, 24, 1), put_be(&b, 16, 1);
            put_be(&b, 0xffff, 2), put_be(&b, i % 2 ? 0xc0000201 : 0, 4);
        }
    }
    return b;
}

static inline struct old plain_old(uint16_t version, uint32_t count) {
    return (struct old){.version = version,
                        .count = count,
                        .uptime = 3600000,
                        .seconds = BASE_SECONDS,
                        .sequence = 77,
                        .first_ago = 5000,
                        .last_ago = 1000,
                        .packets = 9};
}

static inline struct eg_datagram datagram(const struct bytes *b) { return datagram_to(b, 2055); }

static inline struct result decode_by(const struct eg_decoder_type *type,
                                      const struct eg_datagram *d, uint32_t capacity,
                                      eg_column_set wanted, struct eg_sequence_note *note) {
    struct eg_out out;
    struct result r = {0};
    assert_true(out_new(&out, capacity, wanted));
    type->decode(NULL, d, &out, note);
    result_take(&r, &out);
    return r;
}

#define OLD_TIMES                                                                                  \
    "start_time=1699999995500000 end_time=1699999999500000 received_time=1700000000000007 "
#define OLD_FROM "exporter=00000000000000000000ffff01020304 "

#endif
