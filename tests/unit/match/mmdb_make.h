/* SPDX-License-Identifier: Apache-2.0
 * Makes MaxMind DB files in memory, record by record, and two of them that tests of Stellar share. Written
 * from the file format's description, apart from what reads it. */
#ifndef EG_TEST_MMDB_MAKE_H
#define EG_TEST_MMDB_MAKE_H

#include "match/mmdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MADE_NODES 4096
#define NOTHING (-1) /* what a node leads to: this, a node, or - 2 - a place in the data */

struct made {
    uint8_t *data;
    size_t size, room;
    int64_t nodes[MADE_NODES][2];
    size_t count;
    unsigned bits; /* of a record: 24, 28, 32 */
    bool v6;
};

static inline void put(struct made *m, const void *bytes, size_t size) {
    if (size >= m->room - m->size) {
        m->room = 2 * (m->size + size + 64);
        m->data = realloc(m->data, m->room);
        assert_non_null(m->data);
    }
    if (size) memcpy(m->data + m->size, bytes, size);
    m->size += size;
}
static inline void put_number(struct made *m, uint64_t number, size_t bytes) {
    while (bytes-- > 0) put(m, &(uint8_t){(uint8_t)(number >> (8 * bytes))}, 1);
}

/* The beginning of a value of that type and size. */
static inline void put_head(struct made *m, unsigned type, size_t size) {
    unsigned low = size < 29 ? (unsigned)size : size < 285 ? 29 : size < 65821 ? 30 : 31;
    put_number(m, (type < 8 ? type << 5 : 0) | low, 1);
    if (type >= 8) put_number(m, type - 7, 1);
    if (low == 29) put_number(m, size - 29, 1);
    if (low == 30) put_number(m, size - 285, 2);
    if (low == 31) put_number(m, size - 65821, 3);
}
static inline void put_text(struct made *m, const char *text) {
    put_head(m, 2, strlen(text));
    put(m, text, strlen(text));
}
static inline void put_map(struct made *m, size_t pairs) { put_head(m, 7, pairs); }
static inline void put_key(struct made *m, const char *key) { put_text(m, key); }
/* In as few bytes as it needs. */
static inline void put_whole(struct made *m, unsigned type, uint64_t number) {
    size_t bytes = 0;
    while (bytes < 8 && number >> (8 * bytes)) bytes++;
    put_head(m, type, bytes);
    put_number(m, number, bytes);
}
static inline void put_double(struct made *m, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_head(m, 3, 8);
    put_number(m, bits, 8);
}
/* `width`: 0 to 3, how it is written. */
static inline void put_pointer(struct made *m, unsigned width, size_t to) {
    static const size_t from[] = {0, 2048, 526336, 0};
    uint64_t left = to - from[width];
    if (width == 3)
        put_number(m, 1 << 5 | 3 << 3, 1);
    else
        put_number(m, (1 << 5 | width << 3 | left >> (8 * (width + 1))) & 0xff, 1);
    put_number(m, left, width + 1);
}

/* ---- the tree ---- */

static inline void made_init(struct made *m, unsigned bits, bool v6) {
    *m = (struct made){.bits = bits, .v6 = v6, .count = 1};
    m->nodes[0][0] = m->nodes[0][1] = NOTHING;
}

/* The network has what stands at `at` of the data. */
static inline void made_net(struct made *m, const char *network, size_t at) {
    struct eg_addr net;
    int bits;
    assert_true(eg_prefix_parse(&net, &bits, network, strlen(network)));
    bool v4 = eg_addr_is_v4(&net);
    if (v4) memset(net.bytes, 0, 12);
    size_t node = 0;
    for (int i = v4 && !m->v6 ? 96 : 0; i < bits; i++) {
        int64_t *to = &m->nodes[node][net.bytes[i / 8] >> (7 - i % 8) & 1];
        if (i == bits - 1) {
            *to = -2 - (int64_t)at;
        } else {
            if (*to < 0) {
                assert_true(m->count < MADE_NODES);
                m->nodes[m->count][0] = m->nodes[m->count][1] = NOTHING;
                *to = (int64_t)m->count++;
            }
            node = (size_t)*to;
        }
    }
}

static inline uint64_t made_record(const struct made *m, size_t node, int side) {
    int64_t to = m->nodes[node][side];
    if (to == NOTHING) return m->count;
    return to >= 0 ? (uint64_t)to : m->count + 16 + (uint64_t)(-2 - to);
}

struct file_made {
    uint8_t *bytes;
    size_t size;
};

static inline void metadata_put(struct made *out, const struct made *m, const char *type) {
    put(out, "\xab\xcd\xefMaxMind.com", 14);
    put_map(out, 9);
    put_key(out, "binary_format_major_version");
    put_whole(out, 5, 2);
    put_key(out, "binary_format_minor_version");
    put_whole(out, 5, 0);
    put_key(out, "languages");
    put_head(out, 11, 1);
    put_text(out, "en");
    put_key(out, "description");
    put_map(out, 1);
    put_key(out, "en");
    put_text(out, "made for a test");
    put_key(out, "database_type");
    put_text(out, type);
    put_key(out, "ip_version");
    put_whole(out, 5, m->v6 ? 6 : 4);
    put_key(out, "node_count");
    put_whole(out, 6, m->count);
    put_key(out, "record_size");
    put_whole(out, 5, m->bits);
    put_key(out, "build_epoch"); /* last, since nothing depends on it: a file cut there is cut */
    put_whole(out, 9, 1700000000);
}

/* The file; what it is made of is given back. */
static inline struct file_made made_file(struct made *m, const char *type) {
    struct made out = {0};
    for (size_t i = 0; i < m->count; i++) {
        uint64_t left = made_record(m, i, 0), right = made_record(m, i, 1);
        if (m->bits == 28) {
            put_number(&out, left, 3);
            put_number(&out, (left >> 24) << 4 | right >> 24, 1);
            put_number(&out, right, 3);
        } else {
            put_number(&out, left, m->bits / 8);
            put_number(&out, right, m->bits / 8);
        }
    }
    put(&out, (uint8_t[16]){0}, 16);
    put(&out, m->data, m->size);
    metadata_put(&out, m, type);
    free(m->data);
    m->data = NULL;
    return (struct file_made){out.data, out.size};
}

/* ---- the two that are shared ---- */

static inline void put_location(struct made *m, size_t more, double north, double east) {
    put_key(m, "location");
    put_map(m, 3 + more);
    put_key(m, "accuracy_radius");
    put_whole(m, 5, 100);
    put_key(m, "latitude");
    put_double(m, north);
    put_key(m, "longitude");
    put_double(m, east);
}

/* 81.2.69.0/24 London, 216.160.83.0/24 Milton, 2001:db8:7::/48 a country alone, 10.0.0.0/8 London (which
 * nobody may learn), 9.9.9.0/24 damaged. */
static inline struct file_made places_made(unsigned bits) {
    struct made m;
    made_init(&m, bits, true);
    size_t united_kingdom = m.size;
    put_map(&m, 2);
    put_key(&m, "names");
    put_map(&m, 2);
    put_key(&m, "en");
    put_text(&m, "United Kingdom");
    put_key(&m, "ja");
    put_text(&m, "\xe3\x82\xa4\xe3\x82\xae\xe3\x83\xaa\xe3\x82\xb9");
    put_key(&m, "iso_code");
    put_text(&m, "GB");
    size_t london = m.size;
    put_map(&m, 4);
    put_key(&m, "subdivisions");
    put_head(&m, 11, 2);
    put_pointer(&m, 0, united_kingdom);
    put_head(&m, 14, 1); /* true */
    put_key(&m, "city");
    put_map(&m, 2);
    put_key(&m, "geoname_id");
    put_whole(&m, 6, 2643743);
    put_key(&m, "names");
    put_map(&m, 2);
    put_key(&m, "de");
    put_text(&m, "London (de)");
    put_key(&m, "en");
    put_text(&m, "London");
    put_key(&m, "country");
    put_pointer(&m, 0, united_kingdom);
    put_location(&m, 0, 51.5142, -0.0931);
    size_t milton = m.size;
    put_map(&m, 4);
    put_key(&m, "city");
    put_map(&m, 2);
    put_key(&m, "geoname_id");
    put_whole(&m, 6, 5803556);
    put_key(&m, "names");
    put_map(&m, 1);
    put_key(&m, "en");
    put_text(&m, "Milton");
    put_key(&m, "country");
    put_map(&m, 1);
    put_key(&m, "iso_code");
    put_text(&m, "US");
    put_key(&m, "postal");
    put_map(&m, 1);
    put_key(&m, "code");
    put_text(&m, "98354");
    put_location(&m, 1, 47.2513, -122.3149);
    put_key(&m, "metro_code");
    put_whole(&m, 5, 819);
    size_t land = m.size;
    put_map(&m, 1);
    put_key(&m, "country");
    put_pointer(&m, 0, united_kingdom);
    size_t bad = m.size;
    put_map(&m, 3);
    put_number(&m, 0xff, 1); /* no key */
    made_net(&m, "81.2.69.0/24", london);
    made_net(&m, "10.0.0.0/8", london);
    made_net(&m, "216.160.83.0/24", milton);
    made_net(&m, "2001:db8:7::/48", land);
    made_net(&m, "9.9.9.0/24", bad);
    return made_file(&m, "GeoLite2-City");
}

/* 8.8.4.0/24 and 2001:db8:8::/48 are of AS 15169, 8.8.5.0/25 is of an AS without a number. */
static inline struct file_made as_numbers_made(void) {
    struct made m;
    made_init(&m, 24, true);
    size_t google = m.size;
    put_map(&m, 2);
    put_key(&m, "autonomous_system_number");
    put_whole(&m, 6, 15169);
    put_key(&m, "autonomous_system_organization");
    put_text(&m, "Google LLC");
    size_t none = m.size;
    put_map(&m, 0);
    made_net(&m, "8.8.4.0/24", google);
    made_net(&m, "2001:db8:8::/48", google);
    made_net(&m, "8.8.5.0/25", none);
    return made_file(&m, "GeoLite2-ASN");
}

#endif
