/* SPDX-License-Identifier: Apache-2.0
 * Up to 64 records of one template on their way to rows: what the steps of a plan share. */
#ifndef EG_WIRE_FLOW_BLOCK_H
#define EG_WIRE_FLOW_BLOCK_H

#include "wire/element_value.h"
#include "wire/flow_rows.h"
#include "wire/row_plan.h"

enum { EG_BLOCK = 64, EG_FOUND_SLOTS = 256 }; /* bits of a mask; a power of two */

/* An answer of the book, kept. */
struct eg_found {
    struct eg_book_key stream;
    uint64_t key;
    enum eg_fact_kind kind;
    bool asked;
    const struct eg_book_version *version; /* NULL: there was none, */
    uint64_t from, until, changes;         /* at these places, when so much had changed */
};

struct eg_rows {
    struct eg_book *book;
    const struct eg_message *m;
    struct eg_out *out;
    struct eg_builder *b;
    struct eg_book_key stream;
    uint64_t place;
    struct eg_found found[EG_FOUND_SLOTS];
    struct eg_span *located; /* of one record */
    struct eg_step *steps;   /* of one record, with its own offsets and lengths */
    uint32_t room;           /* of both */
    struct eg_strbuf text;
    uint32_t budget; /* of values in lists, for this datagram */

    /* The block. */
    const struct eg_template *t;
    const struct eg_row_plan *plan;
    const struct eg_step *step;
    uint32_t step_count, row_steps;
    struct eg_span records;
    uint32_t stride, count;
    uint64_t all;               /* a bit a row */
    uint64_t has;               /* steps that are there, of this block */
    uint64_t tcp, icmp, ported; /* of what protocol; with EG_STEP_PROTO */
    uint64_t icmp6;
    uint64_t six;   /* rows of IPv6 */
    bool protocols; /* somebody wants what depends on them */
    uint64_t unset; /* rows that no step of this column gave a value yet */
    uint8_t version[EG_BLOCK];
    int64_t start[EG_BLOCK], end[EG_BLOCK], boot[EG_BLOCK];
    bool started, ended, booted, relative; /* those are there; relative: to an unknown boot */
    int64_t rate[EG_BLOCK];
    bool rated;
    uint64_t selector[EG_BLOCK];
    bool selected;
};

static inline bool eg_block_has(const struct eg_rows *r, enum eg_step_what what) {
    return r->has >> what & 1;
}
static inline size_t eg_block_at(const struct eg_rows *r, const struct eg_step *s, uint32_t k) {
    return (size_t)k * r->stride + s->offset;
}
static inline struct eg_span eg_block_value(const struct eg_rows *r, const struct eg_step *s,
                                            uint32_t k) {
    return eg_span_sub(r->records, eg_block_at(r, s, k), s->length);
}
static inline uint64_t eg_block_number(const struct eg_rows *r, const struct eg_step *s,
                                       uint32_t k) {
    size_t at = eg_block_at(r, s, k);
    switch (s->length) {
    case 1: return eg_u8(r->records, at);
    case 2: return eg_be16(r->records, at);
    case 4: return eg_be32(r->records, at);
    case 8: return eg_be64(r->records, at);
    default: return eg_element_unsigned(eg_span_sub(r->records, at, s->length));
    }
}
/* The field in all records of the block. */
static inline struct eg_stride eg_block_stride(const struct eg_rows *r, const struct eg_step *s) {
    return eg_stride(r->records, s->offset, s->length, r->stride, r->count);
}
/* The numbers of all records. */
static inline void eg_block_numbers(const struct eg_rows *r, const struct eg_step *s,
                                    uint64_t to[EG_BLOCK]) {
    struct eg_stride f = eg_block_stride(r, s);
    switch (s->length) {
    case 1:
        for (uint32_t k = 0; k < r->count; k++) to[k] = eg_stride_u8(f, k);
        break;
    case 2:
        for (uint32_t k = 0; k < r->count; k++) to[k] = eg_stride_be16(f, k);
        break;
    case 4:
        for (uint32_t k = 0; k < r->count; k++) to[k] = eg_stride_be32(f, k);
        break;
    case 8:
        for (uint32_t k = 0; k < r->count; k++) to[k] = eg_stride_be64(f, k);
        break;
    default:
        for (uint32_t k = 0; k < r->count; k++) to[k] = eg_block_number(r, s, k);
    }
}
static inline int64_t eg_block_i64(const struct eg_rows *r, const struct eg_step *s, uint32_t k) {
    uint64_t number = eg_block_number(r, s, k);
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

/* The first step of a kind (and column, unless -1) in this block, or NULL. */
const struct eg_step *eg_block_step(const struct eg_rows *, enum eg_step_what, int column);
/* What the book says at the datagram's place; NULL: nothing. */
const struct eg_book_version *eg_rows_find(struct eg_rows *, enum eg_fact_kind, uint64_t key);

/* flow_columns.c: addresses, ports, numbers. */
void eg_flow_column(struct eg_rows *, const struct eg_step *);
/* flow_times.c: collects; and puts all times when the steps are done. */
void eg_flow_time(struct eg_rows *, const struct eg_step *);
void eg_flow_times_put(struct eg_rows *);
/* flow_facts.c: what options know of: sampling, VRFs, applications. */
void eg_flow_fact(struct eg_rows *, const struct eg_step *);
void eg_flow_rate_put(struct eg_rows *);
/* flow_extra.c: what is done row by row, and whether options have named an interface. */
bool eg_flow_interfaces_named(const struct eg_rows *);
void eg_flow_packet(struct eg_rows *);
void eg_flow_texts(struct eg_rows *, uint32_t k);
/* flow_lists.c: a value as JSON, lists too; RFC 6313. */
void eg_flow_value(struct eg_rows *, const struct eg_element *, struct eg_span value,
                   uint32_t depth);

#endif
