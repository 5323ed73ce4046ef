/* SPDX-License-Identifier: Apache-2.0
 * Data sets: records of one size are decoded column by column, 64 at a time; those with variable
 * fields one by one, by the same steps. */
#include "wire/flow_block.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
enum { LIST_BUDGET = 4096 /* values of lists in one datagram */ };

struct eg_rows *eg_rows_new(struct eg_book *book) {
    struct eg_rows *r = eg_calloc(1, sizeof *r);
    if (r) r->book = book;
    return r;
}

void eg_rows_free(struct eg_rows *r) {
    if (!r) return;
    eg_free(r->located);
    eg_free(r->steps);
    eg_strbuf_reset(&r->text);
    eg_free(r);
}

/* Columns that depend on what the protocol is. */
#define BIT(column) (UINT64_C(1) << EG_COL(FLOWS, column))
static const eg_column_set by_protocol =
    BIT(proto) | BIT(src_port) | BIT(dst_port) | BIT(tcp_flags) | BIT(icmp_type) | BIT(icmp_code);
#undef BIT

void eg_rows_begin(struct eg_rows *r, const struct eg_message *m, struct eg_out *out) {
    r->m = m;
    r->out = out;
    r->b = out->rows;
    r->stream = eg_book_key(r->book, m->datagram, m->version, m->domain);
    r->budget = LIST_BUDGET;
    r->protocols = r->b->wanted & by_protocol;
}

/* ---- what the book says ---- */

static bool same_stream(const struct eg_book_key *a, const struct eg_book_key *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

static const struct eg_book_version *find_in(struct eg_rows *r, const struct eg_book_key *stream,
                                             enum eg_fact_kind kind, uint64_t key) {
    uint64_t hash = (key ^ (uint64_t)kind << 40 ^ (uint64_t)stream->domain << 16 ^
                     eg_be64(eg_span(stream->exporter.bytes, 16), 8)) *
                    UINT64_C(0x9e3779b97f4a7c15);
    struct eg_found *f = &r->found[hash >> 56 & (EG_FOUND_SLOTS - 1)];
    if (f->asked && f->key == key && f->kind == kind && same_stream(&f->stream, stream)) {
        if (f->version && eg_book_holds(f->version, r->place)) return f->version;
        if (!f->version && f->from <= r->place && r->place < f->until &&
            f->changes == eg_book_changes(r->book))
            return NULL;
    }
    uint64_t changes = eg_book_changes(r->book), until;
    const struct eg_book_version *v = eg_book_find(r->book, stream, kind, key, r->place, &until);
    bool keep = v || kind != EG_FACT_TEMPLATE;
    *f = (struct eg_found){*stream, key, kind, keep, v, r->place, until, changes};
    return v;
}

const struct eg_book_version *eg_rows_find(struct eg_rows *r, enum eg_fact_kind kind,
                                           uint64_t key) {
    if (kind != EG_FACT_TEMPLATE && !eg_book_has(r->book, kind)) return NULL;
    const struct eg_book_version *v = find_in(r, &r->stream, kind, key);
    if (v || kind == EG_FACT_TEMPLATE || r->stream.domain == 0) return v;
    struct eg_book_key whole = r->stream; /* domain 0: of the exporter as a whole */
    whole.domain = 0;
    return find_in(r, &whole, kind, key);
}

/* ---- a block ---- */

const struct eg_step *eg_block_step(const struct eg_rows *r, enum eg_step_what what, int column) {
    if (!eg_block_has(r, what)) return NULL;
    for (uint32_t i = 0; i < r->step_count; i++)
        if (r->step[i].what == what && (column < 0 || r->step[i].column == column))
            return &r->step[i];
    return NULL;
}

static void put_same(struct eg_builder *b, uint32_t col, uint32_t count, int64_t value) {
    int64_t *to = eg_builder_slots(b, col, count);
    for (uint32_t k = 0; to && k < count; k++) to[k] = value;
}

/* What the message says of all rows; steps may say better. */
static void put_message(struct eg_rows *r) {
    const struct eg_message *m = r->m;
    const struct eg_datagram *d = m->datagram;
    static const struct eg_addr none = {{0}};
    if (d->time_us != INT64_MIN) put_same(r->b, EG_COL(FLOWS, received_time), r->count, d->time_us);
    put_same(r->b, EG_COL(FLOWS, domain), r->count, m->domain);
    put_same(r->b, EG_COL(FLOWS, sequence), r->count, m->sequence);
    int32_t name = eg_builder_intern(r->b, EG_COL(FLOWS, source), m->source, strlen(m->source));
    int32_t *source = name < 0 ? NULL : eg_builder_slots(r->b, EG_COL(FLOWS, source), r->count);
    for (uint32_t k = 0; source && k < r->count; k++) source[k] = name;
    if (memcmp(&d->exporter, &none, sizeof none) == 0) return;
    struct eg_addr *exporter = eg_builder_slots(r->b, EG_COL(FLOWS, exporter), r->count);
    for (uint32_t k = 0; exporter && k < r->count; k++) exporter[k] = d->exporter;
}

static void step_do(struct eg_rows *r, const struct eg_step *s) {
    if (s->what < EG_STEP_START)
        eg_flow_column(r, s);
    else if (s->what < EG_STEP_SAMPLING_INTERVAL)
        eg_flow_time(r, s);
    else if (s->what < EG_STEP_SEGMENT)
        eg_flow_fact(r, s);
    else
        eg_flow_column(r, s);
}

#define BIT(what) (UINT64_C(1) << EG_STEP_##what)
/* Whether a step has nothing to do, as nobody asked for its column. */
static bool idle(const struct eg_rows *r, const struct eg_step *s) {
    const uint64_t plain =
        BIT(HOP) | BIT(MASK) | BIT(TCP_FLAGS) | BIT(TCP_FLAGS_PART) | BIT(INT) | BIT(INT_NONZERO);
    const uint64_t protocol = BIT(PROTO) | BIT(PORT) | BIT(ICMP) | BIT(ICMP_BOTH);
    if (protocol >> s->what & 1) return !r->protocols;
    return plain >> s->what & 1 && !(r->b->wanted >> s->column & 1);
}
#undef BIT

/* Whether the other direction of a record was used at all. */
static bool counted(const struct eg_rows *r) {
    bool some = false;
    for (uint32_t i = 0; i < r->step_count && r->step[i].what == EG_STEP_TEST; i++)
        some |= eg_block_number(r, &r->step[i], 0) != 0;
    return some;
}

static void put_initiator(struct eg_rows *r) {
    if (r->plan->responder)
        eg_builder_bits(r->b, EG_COL(FLOWS, initiator), r->count, r->plan->reversed ? 0 : r->all);
}

static void block_put(struct eg_rows *r) {
    if (r->plan->reversed && !counted(r)) return;
    r->all = r->count < 64 ? (UINT64_C(1) << r->count) - 1 : UINT64_MAX;
    r->six = 0;
    r->started = r->ended = r->booted = r->relative = r->rated = r->selected = false;
    put_message(r);
    put_initiator(r);
    if (r->has >> EG_STEP_FRAME & 5) eg_flow_packet(r);
    for (uint32_t i = 0; i < r->row_steps; i++)
        if (!idle(r, &r->step[i])) step_do(r, &r->step[i]);
    eg_flow_times_put(r);
    eg_flow_rate_put(r);
    bool named = (r->plan->in_if >= 0 || r->plan->out_if >= 0) && eg_flow_interfaces_named(r);
    bool texts = (r->row_steps < r->step_count || named) &&
                 (eg_builder_wants(r->b, EG_COL(FLOWS, extra)) ||
                  eg_builder_wants(r->b, EG_COL(FLOWS, mpls_labels)));
    if (!texts) {
        eg_builder_row(r->b, r->count);
        return;
    }
    for (uint32_t k = 0; k < r->count; k++) {
        eg_flow_texts(r, k);
        eg_builder_row(r->b, 1);
    }
}

/* ---- records of one size ---- */

static void block_of_plan(struct eg_rows *r, const struct eg_row_plan *p) {
    r->plan = p;
    r->step = p->steps;
    r->step_count = p->count;
    r->row_steps = p->row_steps;
    r->has = p->has;
}

static void fixed_records(struct eg_rows *r, struct eg_span contents, uint32_t whole) {
    const struct eg_template *t = r->t;
    bool singly = t->reverse_plan || t->plan->has >> EG_STEP_FRAME & 5;
    r->stride = t->record_size;
    for (uint32_t done = 0, n; done < whole; done += n) {
        n = eg_out_room(r->out, singly ? 1 : MIN(whole - done, EG_BLOCK));
        r->records = eg_span_sub(contents, (size_t)done * r->stride, (size_t)n * r->stride);
        r->count = n;
        block_of_plan(r, t->plan);
        block_put(r);
        if (!t->reverse_plan) continue;
        eg_out_room(r->out, 1);
        block_of_plan(r, t->reverse_plan);
        block_put(r);
    }
}

/* ---- records of any size ---- */

static bool make_room(struct eg_rows *r) {
    uint32_t need = r->t->field_count * 2u; /* a field may be two steps */
    if (need <= r->room) return true;
    struct eg_span *located = eg_realloc(r->located, need, sizeof *located);
    if (!located) return false;
    r->located = located;
    struct eg_step *steps = eg_realloc(r->steps, need, sizeof *steps);
    if (!steps) return false;
    r->steps = steps;
    r->room = need;
    return true;
}

/* Which steps are the first and the last of their columns, of those that are there. */
static void flag_steps(struct eg_rows *r) {
    for (uint32_t i = 0; i < r->step_count; i++) {
        struct eg_step *s = &r->steps[i];
        if (s->what == EG_STEP_EXTRA) break;
        bool first = i == 0 || s[-1].what != s->what || s[-1].column != s->column;
        bool last = i + 1 == r->step_count || s[1].what != s->what || s[1].column != s->column;
        s->flags = (uint8_t)((first ? EG_STEP_FIRST : 0) | (last ? EG_STEP_LAST : 0));
    }
}

/* The steps of a plan, where this record has its fields. A value that its type cannot have stays
 * what it is: bytes. */
static void block_of_record(struct eg_rows *r, const struct eg_row_plan *p) {
    r->plan = p;
    r->step = r->steps;
    r->step_count = 0;
    r->has = 0;
    uint32_t row_steps = UINT32_MAX;
    for (uint32_t i = 0; i < p->count; i++) {
        struct eg_step s = p->steps[i];
        struct eg_span value = r->located[s.field];
        if (!value.size && s.type != EG_ELEMENT_string) continue;
        if (!eg_element_fits(s.type, value.size) && s.what != EG_STEP_EXTRA) {
            struct eg_blame blame = eg_message_blame(r->m);
            eg_tally_add(&r->out->tally, EG_CAUSE_field_opaque, &blame, r->m->datagram->time_us, 1,
                         0, 0);
            continue;
        }
        s.offset = (uint32_t)(value.at - r->records.at);
        s.length = (uint16_t)value.size;
        if (s.what >= EG_STEP_LABEL) row_steps = MIN(row_steps, r->step_count);
        r->has |= UINT64_C(1) << s.what;
        r->steps[r->step_count++] = s;
    }
    r->row_steps = MIN(row_steps, r->step_count);
    flag_steps(r);
}

static size_t variable_records(struct eg_rows *r, struct eg_span contents, uint32_t *whole) {
    const struct eg_template *t = r->t;
    *whole = 0;
    r->stride = 0;
    while (contents.size >= t->record_size) {
        size_t size = eg_template_locate(t, contents, r->located);
        if (!size) break;
        ++*whole;
        r->records = eg_span_sub(contents, 0, size);
        contents = eg_span_from(contents, size);
        for (int way = 0; way < 2; way++) {
            const struct eg_row_plan *p = way ? t->reverse_plan : t->plan;
            if (!p) continue;
            r->count = eg_out_room(r->out, 1);
            r->count = 1;
            block_of_record(r, p);
            block_put(r);
        }
    }
    return contents.size;
}

/* ---- sets ---- */

void eg_rows_set(struct eg_rows *r, const struct eg_set *set) {
    struct eg_blame blame = eg_message_blame(r->m);
    int64_t time_us = r->m->datagram->time_us;
    r->place = eg_book_place(r->m->datagram, set->offset);
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_TEMPLATE, set->id);
    if (!v) return;
    r->t = eg_book_template(v);
    uint32_t whole = 0;
    size_t rest = 0;
    if (r->t->options) {
        whole = eg_template_records(r->t, set->contents, &rest);
        if (whole)
            eg_tally_add(&r->out->tally, EG_CAUSE_options_record, &blame, time_us, whole, 0, 0);
    } else if (!r->t->variable) {
        whole = eg_template_records(r->t, set->contents, &rest);
        fixed_records(r, set->contents, whole);
    } else if (make_room(r)) {
        rest = variable_records(r, set->contents, &whole);
    } else {
        r->out->tally.lost++;
    }
    eg_book_decoded(v, whole);
    if (rest >= r->t->record_size && !set->cut) /* what is smaller is padding */
        eg_tally_add(&r->out->tally, EG_CAUSE_record_cut, &blame, time_us, 1, 0, (int64_t)rest);
}
