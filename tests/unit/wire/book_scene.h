/* SPDX-License-Identifier: Apache-2.0
 * A book, and exporters that learn one after the other. */
#ifndef EG_TEST_BOOK_SCENE_H
#define EG_TEST_BOOK_SCENE_H

#include "messages_make.h"

/* A template of one field; of options, its scope. */
static inline struct eg_template *made_as(bool options, uint16_t id, uint16_t element,
                                          uint16_t length) {
    struct bytes b = {.size = 0};
    put_be(&b, id, 2), put_be(&b, 1, 2);
    if (options) put_be(&b, 1, 2);
    put_be(&b, element, 2), put_be(&b, length, 2);
    struct eg_cursor c = eg_cursor(b.at, b.size);
    struct eg_template *t;
    assert_int_equal(eg_template_take(&c, EG_DIALECT_IPFIX, options, &id, &t), EG_TEMPLATE_DEFINED);
    return t;
}
static inline struct eg_template *made(uint16_t id, uint16_t element, uint16_t length) {
    return made_as(false, id, element, length);
}

static inline const struct eg_book_version *find(struct eg_book *book,
                                                 const struct eg_book_key *key,
                                                 enum eg_fact_kind kind, uint64_t of,
                                                 uint64_t place) {
    uint64_t until;
    return eg_book_find(book, key, kind, of, place, &until);
}

struct scene {
    struct eg_book *book;
    struct eg_datagram datagram;
    struct eg_tally tally;
};
static inline struct scene scene_new(void) {
    struct scene s = {.datagram = {.time_us = BASE_US, .transport = 17}};
    assert_int_equal(eg_book_new(&s.book, NULL), EG_OK);
    return s;
}
/* The next moment, of that exporter. */
static inline struct eg_book_moment next(struct scene *s, uint32_t exporter) {
    s->datagram.at = eg_book_next(s->book);
    s->datagram.exporter = (struct eg_addr){{[10] = 0xff,
                                             0xff,
                                             (uint8_t)(exporter >> 24),
                                             (uint8_t)(exporter >> 16),
                                             (uint8_t)(exporter >> 8),
                                             (uint8_t)exporter}};
    return (struct eg_book_moment){eg_book_key(s->book, &s->datagram, 10, 7), "ipfix",
                                   eg_book_place(&s->datagram, 16), &s->datagram, &s->tally};
}
static inline int64_t counted(const struct scene *s, enum eg_cause cause) {
    return eg_tally_sum(&s->tally, cause).records;
}
static inline void scene_end(struct scene *s) {
    eg_book_free(s->book);
    eg_tally_reset(&s->tally);
}

#endif
