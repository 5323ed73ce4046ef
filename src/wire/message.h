/* SPDX-License-Identifier: Apache-2.0
 * What NetFlow v9 and IPFIX share: a header, then sets of templates and of records that need them.
 * Sources: RFC 3954 section 5, RFC 7011 section 3. */
#ifndef EG_WIRE_MESSAGE_H
#define EG_WIRE_MESSAGE_H

#include "wire/book.h"
#include "wire/export_clock.h"

enum { EG_SET_HEADER = 4, EG_SET_DATA_FROM = 256 };

/* The header of one message, as its protocol's file read it. */
struct eg_message {
    const struct eg_datagram *datagram;
    const char *source; /* the decoder's name */
    enum eg_dialect dialect;
    uint16_t version;
    uint32_t header_size;
    uint16_t template_set, options_set; /* ids */
    uint32_t domain, sequence;
    int64_t now_us;     /* the wall clock, when it was sent */
    uint32_t uptime_ms; /* then */
    bool has_uptime;
    int16_t time_flag;   /* EG_TIME_RECEIPT where the receipt's clock had to do */
    struct eg_span body; /* the sets that were captured */
    uint32_t body_size;  /* of them on the wire */
};

/* One set of it. `id` says what it holds. */
struct eg_set {
    uint16_t id;
    uint32_t offset; /* in the datagram */
    struct eg_span whole, contents;
    bool cut; /* captured in part */
};

/* The next set; false: there is none, or its length cannot be. *at counts on from 0. */
bool eg_message_set(const struct eg_message *, uint32_t *at, struct eg_set *out);
/* Whether sets cover the body exactly. Bytes at the end too few for a set are padding. */
bool eg_message_covered(const struct eg_message *);

/* Takes templates, options and what must wait into the book. Answers how many records it holds;
 * *open: there are more, of templates that nobody knows. */
uint32_t eg_message_learn(const struct eg_message *, struct eg_book *, struct eg_tally *,
                          bool *open);

/* ---- decoding ---- */

struct eg_rows; /* what is kept from set to set: what was looked up, and room for one record */
struct eg_rows *eg_rows_new(struct eg_book *); /* NULL: no memory */
void eg_rows_free(struct eg_rows *);           /* NULL is fine */
/* Makes rows of all data sets. */
void eg_message_decode(const struct eg_message *, struct eg_rows *, struct eg_out *);

static inline struct eg_blame eg_message_blame(const struct eg_message *m) {
    return (struct eg_blame){m->source, &m->datagram->exporter, m->domain};
}

#endif
