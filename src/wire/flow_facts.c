/* SPDX-License-Identifier: Apache-2.0
 * What records say shortly and options at length: samplers, VRFs, applications. What stands in the
 * record itself wins; a rule of the user's wins over all. */
#include "wire/flow_block.h"
#include "wire/sampling.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- sampling ---- */

static uint64_t said(const struct eg_rows *r, const struct eg_step *s, uint32_t k) {
    return s ? eg_block_number(r, s, k) : 0;
}

/* Once a block, at the first of its elements. */
static void take_rates(struct eg_rows *r) {
    if (r->rated) return;
    r->rated = true;
    const struct eg_step *interval = eg_block_step(r, EG_STEP_SAMPLING_INTERVAL, -1);
    const struct eg_step *taken = eg_block_step(r, EG_STEP_SAMPLING_TAKEN, -1);
    const struct eg_step *space = eg_block_step(r, EG_STEP_SAMPLING_SPACE, -1);
    const struct eg_step *size = eg_block_step(r, EG_STEP_SAMPLING_SIZE, -1);
    const struct eg_step *population = eg_block_step(r, EG_STEP_SAMPLING_POPULATION, -1);
    const struct eg_step *probability = eg_block_step(r, EG_STEP_SAMPLING_PROBABILITY, -1);
    for (uint32_t k = 0; k < r->count; k++) {
        struct eg_sampling s = {.interval = said(r, interval, k),
                                .taken = said(r, taken, k),
                                .space = said(r, space, k),
                                .spaced = space,
                                .size = said(r, size, k),
                                .population = said(r, population, k)};
        if (probability) s.probability = eg_sampling_probability(eg_block_value(r, probability, k));
        r->rate[k] = eg_sampling_rate(&s);
    }
}

static int64_t fact_number(struct eg_rows *r, enum eg_fact_kind kind, uint64_t key) {
    const struct eg_book_version *v = eg_rows_find(r, kind, key);
    return v ? eg_book_fact(v).number : 0;
}

/* What tells by which interface a row was sampled. */
struct ways {
    const struct eg_step *in, *out, *direction;
};

static struct ways ways_of(const struct eg_rows *r) {
    return (struct ways){eg_block_step(r, EG_STEP_INT, EG_COL(FLOWS, in_if)),
                         eg_block_step(r, EG_STEP_INT, EG_COL(FLOWS, out_if)),
                         eg_block_step(r, EG_STEP_INT, EG_COL(FLOWS, direction))};
}

static int64_t interface_rate(struct eg_rows *r, const struct ways *w, uint32_t k) {
    bool outgoing = w->direction && eg_block_number(r, w->direction, k) == 1;
    const struct eg_step *s = outgoing ? w->out : w->in;
    if (!s || !eg_book_has(r->book, EG_FACT_INTERFACE_RATE)) return 0;
    return fact_number(r, EG_FACT_INTERFACE_RATE, eg_block_number(r, s, k));
}

static int64_t rule_rate(const struct eg_rows *r, const struct ways *w, uint32_t k) {
    int64_t in_if = w->in ? eg_block_i64(r, w->in, k) : -1;
    return eg_book_rule_rate(r->book, &r->m->datagram->exporter, in_if);
}

/* What options say of row k, the nearest scope first. */
static int64_t options_rate(struct eg_rows *r, const struct ways *w, uint32_t k) {
    int64_t rate = 0;
    if (r->selected) rate = fact_number(r, EG_FACT_SAMPLER_RATE, r->selector[k]);
    if (!rate) rate = interface_rate(r, w, k);
    if (!rate) rate = fact_number(r, EG_FACT_RATE, 0);
    if (!rate) rate = fact_number(r, EG_FACT_ANY_SAMPLER, 0);
    return rate;
}

static bool options_say(const struct eg_rows *r) {
    return eg_book_has(r->book, EG_FACT_SAMPLER_RATE) || eg_book_has(r->book, EG_FACT_RATE) ||
           eg_book_has(r->book, EG_FACT_INTERFACE_RATE);
}

void eg_flow_rate_put(struct eg_rows *r) {
    bool rules = eg_book_has_rules(r->book), options = options_say(r);
    if ((!rules && !options && !r->rated) || !eg_builder_wants(r->b, EG_COL(FLOWS, sampling_rate)))
        return;
    uint64_t unknown = 0;
    struct ways ways = ways_of(r);
    for (uint32_t k = 0; k < r->count; k++) {
        int64_t rule = rules ? rule_rate(r, &ways, k) : 0;
        if (!r->rated) r->rate[k] = 0;
        if (rule) r->rate[k] = rule;
        if (!r->rate[k] && options) r->rate[k] = options_rate(r, &ways, k);
        unknown |= (uint64_t)(r->rate[k] == 0) << k;
    }
    if (unknown == r->all) return;
    int64_t *to = eg_builder_slots(r->b, EG_COL(FLOWS, sampling_rate), r->count);
    if (to) memcpy(to, r->rate, sizeof *to * r->count);
    eg_builder_nulls(r->b, EG_COL(FLOWS, sampling_rate), unknown);
}

/* ---- names ---- */

/* The value without the NULs at its end, as a name of the column; -1: it is none. */
static int32_t name_of(struct eg_rows *r, uint32_t col, struct eg_span text) {
    while (text.size && eg_u8(text, text.size - 1) == 0) text.size--;
    return text.size ? eg_builder_intern(r->b, col, (const char *)text.at, text.size) : -1;
}

static int32_t name_of_vrf(struct eg_rows *r, uint64_t id) {
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_VRF, id);
    if (v) return name_of(r, EG_COL(FLOWS, vrf), eg_book_fact(v).text);
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRIu64, id);
    return eg_builder_intern(r->b, EG_COL(FLOWS, vrf), text, (size_t)size);
}

/* RFC 6759 section 4: the engine in the first byte, its selector in the others. */
static int32_t name_of_application(struct eg_rows *r, struct eg_span id) {
    uint32_t col = EG_COL(FLOWS, application);
    const struct eg_book_version *v = eg_rows_find(r, EG_FACT_APPLICATION, eg_book_bytes_key(id));
    if (v) return name_of(r, col, eg_book_fact(v).text);
    if (id.size < 2 || id.size > 8) return -1;
    char text[40];
    int size = snprintf(text, sizeof text, "%u:%" PRIu64, eg_u8(id, 0),
                        eg_element_unsigned(eg_span_from(id, 1)));
    return eg_builder_intern(r->b, col, text, (size_t)size);
}

static int32_t name_at(struct eg_rows *r, const struct eg_step *s, uint32_t k) {
    switch (s->what) {
    case EG_STEP_VRF: return name_of_vrf(r, eg_block_number(r, s, k));
    case EG_STEP_APPLICATION: return name_of_application(r, eg_block_value(r, s, k));
    default: return name_of(r, s->column, eg_block_value(r, s, k));
    }
}

/* Rows that follow each other mostly have the same. */
static void put_names(struct eg_rows *r, const struct eg_step *s) {
    int32_t *to = eg_builder_slots(r->b, s->column, r->count);
    uint64_t none = 0;
    struct eg_span before = {NULL, 0};
    for (uint32_t k = 0; to && k < r->count; k++) {
        struct eg_span value = eg_block_value(r, s, k);
        bool same = k && value.size == before.size &&
                    (!value.size || memcmp(value.at, before.at, value.size) == 0);
        int32_t name = same ? to[k - 1] : name_at(r, s, k);
        before = value;
        if (same) none |= (none >> (k - 1) & 1) << k;
        if (name < 0) none |= UINT64_C(1) << k;
        to[k] = name < 0 ? 0 : name;
    }
    eg_builder_nulls(r->b, s->column, none);
}

void eg_flow_fact(struct eg_rows *r, const struct eg_step *s) {
    if (s->what < EG_STEP_SELECTOR) {
        take_rates(r);
    } else if (s->what == EG_STEP_SELECTOR) {
        r->selected = true;
        for (uint32_t k = 0; k < r->count; k++) r->selector[k] = eg_block_number(r, s, k);
    } else {
        put_names(r, s);
    }
}
