/* SPDX-License-Identifier: Apache-2.0
 * For the tests of NetFlow v9 and IPFIX: makes messages field by field, and sends them through
 * learn() and decode() of one decoder, as the exports extract does. */
#ifndef EG_TEST_MESSAGES_MAKE_H
#define EG_TEST_MESSAGES_MAKE_H

#include "exports_make.h"
#include "wire/book.h"

extern const struct eg_decoder_type eg_decoder_netflow9, eg_decoder_ipfix;

/* ---- bytes ---- */

/* Sent at BASE_SECONDS, an hour after boot. */
static inline struct bytes v9(uint32_t sequence, uint32_t domain) {
    struct bytes b = {.size = 0};
    put_be(&b, 9, 2), put_be(&b, 1, 2), put_be(&b, 3600000, 4), put_be(&b, BASE_SECONDS, 4);
    put_be(&b, sequence, 4), put_be(&b, domain, 4);
    return b;
}
static inline struct bytes ipfix(uint32_t sequence, uint32_t domain) {
    struct bytes b = {.size = 0};
    put_be(&b, 10, 2), put_be(&b, 16, 2), put_be(&b, BASE_SECONDS, 4);
    put_be(&b, sequence, 4), put_be(&b, domain, 4);
    return b;
}
static inline uint32_t set_begin(struct bytes *b, uint16_t id) {
    uint32_t at = b->size;
    put_be(b, id, 2), put_be(b, 0, 2);
    return at;
}
static inline void patch_be16(struct bytes *b, uint32_t at, uint32_t value) {
    b->at[at] = (uint8_t)(value >> 8);
    b->at[at + 1] = (uint8_t)value;
}
/* Ends a set, and a message so far. */
static inline void set_end(struct bytes *b, uint32_t at) {
    patch_be16(b, at + 2, b->size - at);
    if (b->at[1] == 10) patch_be16(b, 2, b->size);
}

/* A field of a template: element, length, enterprise (0: IANA). */
struct made_field {
    uint16_t id, length;
    uint32_t pen;
};
static inline void put_fields(struct bytes *b, const struct made_field *f, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        put_be(b, f[i].pen ? f[i].id | 0x8000u : f[i].id, 2), put_be(b, f[i].length, 2);
        if (f[i].pen) put_be(b, f[i].pen, 4);
    }
}
/* A whole set with one template, in the way of the message's version. */
static inline void put_template(struct bytes *b, uint16_t id, const struct made_field *f,
                                uint32_t count) {
    uint32_t at = set_begin(b, b->at[1] == 9 ? 0 : 2);
    put_be(b, id, 2), put_be(b, count, 2);
    put_fields(b, f, count);
    set_end(b, at);
}
static inline void put_options_template(struct bytes *b, uint16_t id, const struct made_field *f,
                                        uint32_t scopes, uint32_t count) {
    bool nine = b->at[1] == 9;
    uint32_t at = set_begin(b, nine ? 1 : 3);
    put_be(b, id, 2);
    put_be(b, nine ? scopes * 4 : count, 2), put_be(b, nine ? (count - scopes) * 4 : scopes, 2);
    put_fields(b, f, count);
    set_end(b, at);
}
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* The template that most tests use, and its records: 35 bytes each. */
static const struct made_field USUAL[] = {{8, 4, 0},  {12, 4, 0}, {7, 2, 0}, {11, 2, 0}, {4, 1, 0},
                                          {6, 1, 0},  {2, 4, 0},  {1, 4, 0}, {22, 4, 0}, {21, 4, 0},
                                          {10, 2, 0}, {14, 2, 0}, {5, 1, 0}};
enum { USUAL_SIZE = 35 };
static inline void put_usual(struct bytes *b, uint32_t number) {
    put_be(b, 0x0a000001, 4), put_be(b, 0x0a000002, 4), put_be(b, 1024, 2), put_be(b, 443, 2);
    put_be(b, 6, 1), put_be(b, 0x1b, 1), put_be(b, 3, 4), put_be(b, 100 + number, 4);
    put_be(b, 3600000 - 5000, 4), put_be(b, 3600000 - 1000, 4), put_be(b, 1, 2), put_be(b, 2, 2);
    put_be(b, 0, 1);
}
static inline void put_usual_set(struct bytes *b, uint16_t id, uint32_t number, uint32_t count) {
    uint32_t at = set_begin(b, id);
    for (uint32_t i = 0; i < count; i++) put_usual(b, number + i);
    set_end(b, at);
}

/* ---- sending ---- */

struct session {
    const struct eg_decoder_type *type;
    struct eg_book *book;
    struct eg_decoder *decoder;
    struct eg_out out;
    struct eg_datagram next; /* what the next one is like; its payload is set when it is sent */
    struct eg_sequence_note note;
};

static inline struct session session_new(const struct eg_decoder_type *type) {
    struct session s = {.type = type};
    assert_int_equal(eg_book_new(&s.book, NULL), EG_OK);
    assert_int_equal(type->open(&eg_env_plain, NULL, s.book, &s.decoder, NULL), EG_OK);
    assert_true(out_new(&s.out, 64, EG_COLUMNS_ALL));
    s.next = (struct eg_datagram){.time_us = BASE_US,
                                  .exporter = {{[10] = 0xff, 0xff, 192, 0, 2, 1}},
                                  .exporter_port = 4000,
                                  .local_port = 2055,
                                  .transport = 17};
    return s;
}

/* Of exactly the size, on the heap, so that a sanitizer sees a read beyond it. `length`: on the
 * wire. */
static inline void session_send_cut(struct session *s, const struct bytes *b, uint32_t captured,
                                    uint32_t length) {
    uint8_t *copy = reallocarray(NULL, captured ? captured : 1, 1); /* which torture spares */
    if (captured) memcpy(copy, b->at, captured);
    struct eg_datagram d = s->next;
    d.payload = eg_span(copy, captured);
    d.length = length;
    d.at = eg_book_next(s->book);
    struct eg_sequence_note note;
    s->type->learn(s->decoder, &d, &s->note, &s->out.tally);
    s->type->decode(s->decoder, &d, &s->out, &note);
    struct eg_released piece;
    while (eg_book_release(s->book, &piece)) {
        assert_string_equal(piece.source, s->type->name);
        s->type->decode(s->decoder, &piece.datagram, &s->out, &note);
        eg_free(piece.memory);
    }
    free(copy);
}
static inline void session_send(struct session *s, const struct bytes *b) {
    session_send_cut(s, b, b->size, b->size);
}

/* Everything that came out; the session is over. */
static inline struct result session_end(struct session *s) {
    struct result r = {0};
    eg_book_drain(s->book, &s->out.tally);
    result_take(&r, &s->out);
    s->type->close(s->decoder);
    eg_book_free(s->book);
    return r;
}

/* Whether a row has all of these "column=value". */
static inline void assert_row(const char *row, const char *const *cells, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char cell[400];
        snprintf(cell, sizeof cell, " %s ", cells[i]);
        if (strncmp(row, cell + 1, strlen(cell + 1)) != 0 && !strstr(row, cell))
            fail_msg("no \"%s\" in: %s", cells[i], row);
    }
}
#define ASSERT_ROW(row, ...)                                                                       \
    do {                                                                                           \
        const char *const cells_[] = {__VA_ARGS__};                                                \
        assert_row(row, cells_, COUNT(cells_));                                                    \
    } while (0)
static inline void assert_lacks(const char *row, const char *column) {
    char middle[80];
    snprintf(middle, sizeof middle, " %s=", column);
    if (strstr(row, middle) || strncmp(row, middle + 1, strlen(middle + 1)) == 0)
        fail_msg("%s in: %s", column, row);
}
#define V4(a) "00000000000000000000ffff" a

#endif
