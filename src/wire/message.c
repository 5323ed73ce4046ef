/* SPDX-License-Identifier: Apache-2.0
 * Sets, one after the other: what is learned from them, and which become rows. */
#include "wire/message.h"

#include "wire/flow_rows.h"
#include "wire/options.h"

enum { HEADER_MAX = 20 };

bool eg_message_set(const struct eg_message *m, uint32_t *at, struct eg_set *out) {
    if (m->body_size < *at + EG_SET_HEADER || m->body.size < *at + EG_SET_HEADER) return false;
    uint32_t length = eg_be16(m->body, *at + 2);
    if (length < EG_SET_HEADER || length > m->body_size - *at) return false;
    *out = (struct eg_set){.id = eg_be16(m->body, *at),
                           .offset = m->header_size + *at,
                           .whole = eg_span_sub(m->body, *at, length)};
    out->contents = eg_span_from(out->whole, EG_SET_HEADER);
    out->cut = out->whole.size < length;
    *at += length;
    return true;
}

bool eg_message_covered(const struct eg_message *m) {
    uint32_t at = 0;
    struct eg_set set;
    while (eg_message_set(m, &at, &set))
        if (set.id < EG_SET_DATA_FROM && set.id != m->template_set && set.id != m->options_set)
            return false;
    return m->body_size - at < EG_SET_HEADER;
}

/* Some fill their datagrams up with zeros, behind what they have to say. */
static bool all_zeros(const struct eg_message *m, uint32_t at) {
    if (at == 0) return false;
    while (at < m->body.size && eg_u8(m->body, at) == 0) at++;
    return at == m->body.size && m->body.size == m->body_size;
}

static struct eg_book_moment moment_of(const struct eg_message *m, struct eg_book *book,
                                       size_t offset, struct eg_tally *tally) {
    return (struct eg_book_moment){eg_book_key(book, m->datagram, m->version, m->domain), m->source,
                                   eg_book_place(m->datagram, offset), m->datagram, tally};
}

static void count(const struct eg_book_moment *b, enum eg_cause cause, int64_t records,
                  int64_t packets, int64_t bytes) {
    struct eg_blame blame = {b->source, &b->key.exporter, b->key.domain};
    eg_tally_add(b->tally, cause, &blame, b->datagram->time_us, records, packets, bytes);
}

/* ---- learning ---- */

/* RFC 7011 section 8.1: only where messages cannot overtake each other. */
static void withdraw(struct eg_book *book, const struct eg_book_moment *b, uint16_t id,
                     uint16_t set_id, bool options) {
    bool all = id == set_id;
    uint32_t ended = 0;
    if (b->datagram->transport != 17)
        ended = all ? eg_book_forget_all(book, b, options) : eg_book_forget(book, b, id);
    if (ended)
        count(b, EG_CAUSE_template_withdrawn, ended, 0, 0);
    else
        count(b, EG_CAUSE_withdrawal_ignored, 1, 0, 0);
}

static void learn_templates(const struct eg_message *m, struct eg_book *book,
                            struct eg_book_moment *b, const struct eg_set *set) {
    struct eg_cursor c = eg_cursor_of(set->contents);
    bool options = set->id == m->options_set;
    while (eg_cursor_left(&c)) {
        uint16_t id;
        struct eg_template *t;
        size_t at = set->whole.size - eg_cursor_left(&c);
        b->place = eg_book_place(m->datagram, set->offset + at);
        switch (eg_template_take(&c, m->dialect, options, &id, &t)) {
        case EG_TEMPLATE_DEFINED:
            if (t->opaque_count) count(b, EG_CAUSE_field_opaque, t->opaque_count, 0, 0);
            eg_book_define(book, b, t);
            break;
        case EG_TEMPLATE_WITHDRAWN: withdraw(book, b, id, set->id, options); break;
        case EG_TEMPLATE_BAD:
            eg_book_forget(book, b, id);
            count(b, EG_CAUSE_template_bad, 1, 0, 0);
            break;
        case EG_TEMPLATE_SHORT_OF_MEMORY:
            eg_book_forget(book, b, id);
            if (options)
                eg_book_unlearned(book, b, id);
            else
                b->tally->lost++;
            break;
        case EG_TEMPLATE_PADDING: break;
        }
    }
}

/* The set waits with a header of its own, which says how long both are. */
static void hold(const struct eg_message *m, struct eg_book *book, const struct eg_book_moment *b,
                 const struct eg_set *set) {
    uint8_t header[HEADER_MAX];
    eg_span_copy(m->datagram->payload, 0, header, m->header_size);
    size_t size = m->header_size + set->whole.size;
    if (m->dialect == EG_DIALECT_IPFIX) {
        header[2] = (uint8_t)(size >> 8);
        header[3] = (uint8_t)size;
    }
    eg_book_hold(book, b, set->id, eg_span(header, m->header_size), set->whole);
}

/* What stands in a datagram that was sent on its own: no learning of it, but for options. */
static void learn_ripe(const struct eg_message *m, struct eg_book *book, struct eg_book_moment *b) {
    struct eg_datagram d;
    while (eg_book_ripe(book, &d)) {
        struct eg_message piece = *m;
        piece.datagram = &d;
        piece.body = eg_span_from(d.payload, m->header_size);
        piece.body_size = (uint32_t)piece.body.size;
        struct eg_set set;
        uint32_t at = 0;
        if (!eg_message_set(&piece, &at, &set)) continue;
        struct eg_book_moment then = moment_of(&piece, book, set.offset, b->tally);
        const struct eg_template *t = eg_book_use(book, &then, set.id);
        enum eg_cause cause = t ? EG_CAUSE_template_awaited : EG_CAUSE_template_missing;
        count(b, cause, 1, 0, (int64_t)d.payload.size);
        if (t && t->options) eg_options_learn(t, set.contents, book, &then);
    }
}

uint32_t eg_message_learn(const struct eg_message *m, struct eg_book *book, struct eg_tally *tally,
                          bool *open) {
    struct eg_book_moment b = moment_of(m, book, 0, tally);
    uint32_t at = 0, records = 0;
    *open = false;
    struct eg_set set;
    while (eg_message_set(m, &at, &set)) {
        b.place = eg_book_place(m->datagram, set.offset);
        if (set.id == m->template_set || set.id == m->options_set)
            learn_templates(m, book, &b, &set);
        if (set.id < EG_SET_DATA_FROM) continue;
        const struct eg_template *t = eg_book_use(book, &b, set.id);
        if (!t) {
            *open = true;
            hold(m, book, &b, &set);
            continue;
        }
        size_t rest;
        records += eg_template_records(t, set.contents, &rest);
        if (set.cut) *open = true;
        if (t->options) eg_options_learn(t, set.contents, book, &b);
    }
    if (m->body_size - at >= EG_SET_HEADER && !all_zeros(m, at)) *open = true;
    learn_ripe(m, book, &b);
    return records;
}

/* ---- decoding ---- */

/* Remarks about sets are decode()'s, of what waited too; those about templates are learn()'s. */
void eg_message_decode(const struct eg_message *m, struct eg_rows *rows, struct eg_out *out) {
    struct eg_blame blame = eg_message_blame(m);
    uint32_t at = 0;
    struct eg_set set = {0};
    eg_rows_begin(rows, m, out);
    while (eg_message_set(m, &at, &set)) {
        if (set.id >= EG_SET_DATA_FROM)
            eg_rows_set(rows, &set);
        else if (set.id != m->template_set && set.id != m->options_set)
            eg_tally_add(&out->tally, EG_CAUSE_set_unknown, &blame, m->datagram->time_us, 1, 0,
                         (int64_t)set.whole.size);
        if (set.cut)
            eg_tally_add(&out->tally, EG_CAUSE_datagram_cut, &blame, m->datagram->time_us, 1, 1, 0);
    }
    uint32_t rest = m->body_size - at;
    if (rest && all_zeros(m, at)) {
        eg_tally_add(&out->tally, EG_CAUSE_trailing_bytes, &blame, m->datagram->time_us, 0, 1,
                     rest);
    } else if (rest >= EG_SET_HEADER && at < m->body.size) {
        bool cut = m->body.size < at + EG_SET_HEADER;
        enum eg_cause cause = cut ? EG_CAUSE_datagram_cut : EG_CAUSE_set_length_bad;
        eg_tally_add(&out->tally, cause, &blame, m->datagram->time_us, 1, 1, rest);
    } else if (rest >= EG_SET_HEADER && !set.cut) {
        eg_tally_add(&out->tally, EG_CAUSE_datagram_cut, &blame, m->datagram->time_us, 1, 1, rest);
    } else if (rest && rest < EG_SET_HEADER) {
        eg_tally_add(&out->tally, EG_CAUSE_trailing_bytes, &blame, m->datagram->time_us, 0, 1,
                     rest);
    }
}
