/* SPDX-License-Identifier: Apache-2.0
 * Columns that a field gives as it is, or nearly: a loop each over the records of the block. */
#include "wire/flow_block.h"

#include "table/address.h"

#include <string.h>

enum { TCP = 6, ICMP = 1, ICMP6 = 58 };

/* ---- numbers ---- */

#define LOOP(read, top)                                                                            \
    for (uint32_t k = 0; k < r->count; k++) {                                                      \
        uint64_t value = read;                                                                     \
        to[k] = value > (top) ? (top) : (__typeof__(*to))value;                                    \
    }
/* A column of that type from fields of any length; larger values become the largest. */
#define PUT(name, type, top)                                                                       \
    static void name(const struct eg_rows *r, const struct eg_step *s, type *to) {                 \
        struct eg_stride f = eg_block_stride(r, s);                                                \
        switch (s->length) {                                                                       \
        case 1: LOOP(eg_stride_u8(f, k), top) break;                                               \
        case 2: LOOP(eg_stride_be16(f, k), top) break;                                             \
        case 4: LOOP(eg_stride_be32(f, k), top) break;                                             \
        case 8: LOOP(eg_stride_be64(f, k), top) break;                                             \
        default: LOOP(eg_block_number(r, s, k), top)                                               \
        }                                                                                          \
    }
PUT(put_i16, int16_t, INT16_MAX)
PUT(put_i32, int32_t, INT32_MAX)
PUT(put_i64, int64_t, INT64_MAX)

static void put_numbers(struct eg_rows *r, const struct eg_step *s, uint32_t col) {
    void *to = eg_builder_slots(r->b, col, r->count);
    if (!to) return;
    switch (r->b->table->columns[col].type) {
    case EG_TYPE_I16: put_i16(r, s, to); break;
    case EG_TYPE_I32: put_i32(r, s, to); break;
    default: put_i64(r, s, to); break;
    }
}

static uint64_t zeros(const struct eg_rows *r, const struct eg_step *s) {
    uint64_t zero = 0, numbers[EG_BLOCK];
    eg_block_numbers(r, s, numbers);
    for (uint32_t k = 0; k < r->count; k++) zero |= (uint64_t)(numbers[k] == 0) << k;
    return zero;
}

static void put_packets(struct eg_rows *r, const struct eg_step *s) {
    put_numbers(r, s, s->column);
    uint64_t empty = r->plan->responder ? 0 : zeros(r, s);
    if (!empty) return;
    struct eg_blame blame = eg_message_blame(r->m);
    eg_tally_add(&r->out->tally, EG_CAUSE_record_empty, &blame, r->m->datagram->time_us,
                 __builtin_popcountll(empty), 0, 0);
}

/* Writes the rows of `which` only; the first step of a column readies all of it. */
static void put_some(struct eg_rows *r, const struct eg_step *s, uint32_t col, uint64_t which,
                     uint32_t shift, uint64_t mask) {
    int16_t *to = eg_builder_slots(r->b, col, r->count);
    for (uint32_t k = 0; to && k < r->count; k++) {
        if (!(which >> k & 1)) continue;
        uint64_t value = eg_block_number(r, s, k) >> shift & mask;
        to[k] = value > INT16_MAX ? INT16_MAX : (int16_t)value;
    }
}

/* ---- protocols ---- */

static void put_proto(struct eg_rows *r, const struct eg_step *s) {
    uint64_t numbers[EG_BLOCK];
    r->tcp = r->icmp = r->icmp6 = r->ported = 0;
    if (!r->protocols) return;
    eg_block_numbers(r, s, numbers);
    for (uint32_t k = 0; k < r->count; k++) {
        uint64_t proto = numbers[k];
        r->tcp |= (uint64_t)(proto == TCP) << k;
        r->icmp |= (uint64_t)(proto == ICMP) << k;
        r->icmp6 |= (uint64_t)(proto == ICMP6) << k; /* and UDP, DCCP, SCTP, UDP-Lite: */
        r->ported |= (uint64_t)(proto == 17 || proto == 33 || proto == 132 || proto == 136) << k;
    }
    put_numbers(r, s, s->column);
}

/* ICMP's type and code stand where the destination port would. */
static void put_icmp_of_port(struct eg_rows *r, const struct eg_step *s) {
    uint64_t icmp = r->icmp | r->icmp6;
    put_some(r, s, EG_COL(FLOWS, icmp_type), icmp, 8, 0xff);
    eg_builder_nulls(r->b, EG_COL(FLOWS, icmp_type), ~icmp);
    put_some(r, s, EG_COL(FLOWS, icmp_code), icmp, 0, 0xff);
    eg_builder_nulls(r->b, EG_COL(FLOWS, icmp_code), ~icmp);
}

static void put_port(struct eg_rows *r, const struct eg_step *s) {
    put_numbers(r, s, s->column);
    if (!eg_block_has(r, EG_STEP_PROTO)) return;
    eg_builder_nulls(r->b, s->column, ~(r->ported | r->tcp));
    if (s->column == EG_COL(FLOWS, dst_port) && (r->icmp | r->icmp6) && !r->plan->reversed &&
        !eg_block_has(r, EG_STEP_ICMP) && !eg_block_has(r, EG_STEP_ICMP_BOTH))
        put_icmp_of_port(r, s);
}

/* Elements 139, 178 and 179 are of ICMPv6, all others of ICMP; where only one kind was sent, it is
 * of both. */
static uint64_t icmp_rows(const struct eg_rows *r, const struct eg_step *s) {
    uint64_t all = eg_block_has(r, EG_STEP_PROTO) ? r->icmp | r->icmp6 : r->all;
    if ((s->flags & EG_STEP_FIRST && s->flags & EG_STEP_LAST) || !eg_block_has(r, EG_STEP_PROTO))
        return all;
    uint16_t id = r->t->fields[s->field].id;
    return id == 139 || id == 178 || id == 179 ? r->icmp6 : r->icmp;
}

static void put_icmp(struct eg_rows *r, const struct eg_step *s) {
    uint64_t which = icmp_rows(r, s);
    bool both = s->what == EG_STEP_ICMP_BOTH;
    if (s->flags & EG_STEP_FIRST) r->unset = r->all;
    r->unset &= ~which;
    put_some(r, s, s->column, which, both ? 8 : 0, 0xff);
    if (both) put_some(r, s, EG_COL(FLOWS, icmp_code), which, 0, 0xff);
    if (!(s->flags & EG_STEP_LAST)) return;
    eg_builder_nulls(r->b, s->column, r->unset);
    if (both) eg_builder_nulls(r->b, EG_COL(FLOWS, icmp_code), r->unset);
}

static void put_flags(struct eg_rows *r, const struct eg_step *s) {
    if (s->what == EG_STEP_TCP_FLAGS) {
        put_numbers(r, s, s->column);
    } else {
        int32_t *to = eg_builder_slots(r->b, s->column, r->count);
        for (uint32_t k = 0; to && k < r->count; k++)
            to[k] = (s->flags & EG_STEP_FIRST ? 0 : to[k]) |
                    (int32_t)(eg_block_number(r, s, k) & 0xffff);
    }
    if (eg_block_has(r, EG_STEP_PROTO)) eg_builder_nulls(r->b, s->column, ~r->tcp);
}

static void put_versions(struct eg_rows *r, const struct eg_step *s) {
    for (uint32_t k = 0; k < r->count; k++) {
        uint64_t version = eg_block_number(r, s, k);
        r->version[k] = version == 4 || version == 6 ? (uint8_t)version : 0;
    }
}

/* ---- addresses ---- */

static struct eg_addr address_at(const struct eg_rows *r, const struct eg_step *s, uint32_t k) {
    struct eg_addr a = {{[10] = 0xff, [11] = 0xff}};
    size_t at = eg_block_at(r, s, k);
    if (s->length == 4)
        eg_span_copy(r->records, at, a.bytes + 12, 4);
    else
        eg_span_copy(r->records, at, a.bytes, 16);
    return a;
}

static bool is_zero(const struct eg_addr *a, bool six) {
    static const uint8_t none[16];
    return six ? memcmp(a->bytes, none, 16) == 0 : memcmp(a->bytes + 12, none, 4) == 0;
}

static void put_plain_addresses(const struct eg_rows *r, const struct eg_step *s,
                                struct eg_addr *to) {
    if (s->length == 4) {
        for (uint32_t k = 0; k < r->count; k++) {
            to[k] = (struct eg_addr){{[10] = 0xff, [11] = 0xff}};
            eg_span_copy(r->records, eg_block_at(r, s, k), to[k].bytes + 12, 4);
        }
    } else {
        for (uint32_t k = 0; k < r->count; k++)
            eg_span_copy(r->records, eg_block_at(r, s, k), to[k].bytes, 16);
    }
}

/* Of both families, what ip_version says, else what is not zero; of neither, the first. */
static void put_address(struct eg_rows *r, const struct eg_step *s) {
    bool six = s->length == 16, only = s->flags & EG_STEP_FIRST && s->flags & EG_STEP_LAST;
    struct eg_addr *to = eg_builder_slots(r->b, s->column, r->count);
    if (only) {
        r->six = six ? r->all : 0;
        if (to) put_plain_addresses(r, s, to);
        return;
    }
    bool versions = eg_block_has(r, EG_STEP_IP_VERSION);
    if (s->flags & EG_STEP_FIRST) r->unset = r->all;
    for (uint32_t k = 0; k < r->count; k++) {
        struct eg_addr a = address_at(r, s, k);
        uint8_t version = versions ? r->version[k] : 0;
        bool fits = version ? version == (six ? 6 : 4) : (r->unset >> k & 1) && !is_zero(&a, six);
        if (!fits && !(s->flags & EG_STEP_FIRST)) continue;
        if (fits) {
            r->unset &= ~(UINT64_C(1) << k);
            r->six = six ? r->six | UINT64_C(1) << k : r->six & ~(UINT64_C(1) << k);
        }
        if (to) to[k] = a;
    }
}

/* An address of which zero is none; `fallback`: what all rows had before. */
static void put_hop(struct eg_rows *r, const struct eg_step *s, bool fallback) {
    bool six = s->length == 16;
    struct eg_addr *to = eg_builder_slots(r->b, s->column, r->count);
    if (s->flags & EG_STEP_FIRST) r->unset = r->all;
    for (uint32_t k = 0; to && k < r->count; k++) {
        struct eg_addr a = address_at(r, s, k);
        if (!(r->unset >> k & 1) || is_zero(&a, six)) continue;
        to[k] = a;
        r->unset &= ~(UINT64_C(1) << k);
    }
    if (!fallback && s->flags & EG_STEP_LAST) eg_builder_nulls(r->b, s->column, r->unset);
}

static void put_exporter(struct eg_rows *r, const struct eg_step *s) {
    static const struct eg_addr none = {{0}};
    bool known = memcmp(&r->m->datagram->exporter, &none, sizeof none) != 0;
    put_hop(r, s, known);
}

static void put_mask(struct eg_rows *r, const struct eg_step *s) {
    if (s->flags & EG_STEP_FIRST && s->flags & EG_STEP_LAST) {
        put_numbers(r, s, s->column);
        return;
    }
    const struct eg_field *f = &r->t->fields[s->field];
    bool six = f->pen == 0 && (f->id == 29 || f->id == 30);
    if (s->flags & EG_STEP_FIRST) r->unset = r->all;
    uint64_t which = six ? r->six : r->all & ~r->six;
    r->unset &= ~which;
    put_some(r, s, s->column, which, 0, UINT64_MAX);
    if (s->flags & EG_STEP_LAST) eg_builder_nulls(r->b, s->column, r->unset);
}

/* ---- the rest ---- */

static void put_segment(struct eg_rows *r, const struct eg_step *s) {
    uint64_t none = zeros(r, s);
    int64_t *id = eg_builder_slots(r->b, EG_COL(FLOWS, tunnel_id), r->count);
    for (uint32_t k = 0; id && k < r->count; k++) id[k] = eg_block_i64(r, s, k) & 0xffffff;
    eg_builder_nulls(r->b, EG_COL(FLOWS, tunnel_id), none);
    int32_t vxlan = eg_builder_intern(r->b, EG_COL(FLOWS, tunnel), "vxlan", 5);
    int32_t nvgre = eg_builder_intern(r->b, EG_COL(FLOWS, tunnel), "nvgre", 5);
    if (vxlan < 0 || nvgre < 0) return;
    int32_t *kind = eg_builder_slots(r->b, EG_COL(FLOWS, tunnel), r->count);
    uint64_t unknown = 0;
    for (uint32_t k = 0; kind && k < r->count; k++) {
        uint64_t type = eg_block_number(r, s, k) >> 56;
        kind[k] = type == 2 ? nvgre : vxlan;
        unknown |= (uint64_t)(type != 1 && type != 2) << k;
    }
    eg_builder_nulls(r->b, EG_COL(FLOWS, tunnel), unknown);
}

static void put_outer_proto(struct eg_rows *r, const struct eg_step *s) {
    static const struct {
        uint8_t proto;
        const char *name;
    } kinds[] = {{4, "ipip"}, {41, "ipip"}, {47, "gre"}};
    int32_t names[sizeof kinds / sizeof *kinds];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        names[i] =
            eg_builder_intern(r->b, EG_COL(FLOWS, tunnel), kinds[i].name, strlen(kinds[i].name));
        if (names[i] < 0) return;
    }
    int32_t *to = eg_builder_slots(r->b, EG_COL(FLOWS, tunnel), r->count);
    uint64_t unknown = to ? r->all : 0;
    for (uint32_t k = 0; to && k < r->count; k++) {
        to[k] = names[0];
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (eg_block_number(r, s, k) == kinds[i].proto) {
                to[k] = names[i];
                unknown &= ~(UINT64_C(1) << k);
            }
    }
    eg_builder_nulls(r->b, EG_COL(FLOWS, tunnel), unknown);
}

static void put_direction_of_biflow(struct eg_rows *r, const struct eg_step *s) {
    uint64_t source = 0, other = 0;
    for (uint32_t k = 0; k < r->count; k++) {
        uint64_t value = eg_block_number(r, s, k);
        source |= (uint64_t)(value == (r->plan->reversed ? 2 : 1)) << k;
        other |= (uint64_t)(value == (r->plan->reversed ? 1 : 2)) << k;
    }
    if (!(source | other)) return;
    eg_builder_bits(r->b, EG_COL(FLOWS, initiator), r->count, source);
    eg_builder_nulls(r->b, EG_COL(FLOWS, initiator), ~(source | other));
}

void eg_flow_column(struct eg_rows *r, const struct eg_step *s) {
    switch (s->what) {
    case EG_STEP_TEST: break;
    case EG_STEP_PROTO: put_proto(r, s); break;
    case EG_STEP_IP_VERSION: put_versions(r, s); break;
    case EG_STEP_ADDRESS: put_address(r, s); break;
    case EG_STEP_HOP: put_hop(r, s, false); break;
    case EG_STEP_MASK: put_mask(r, s); break;
    case EG_STEP_PORT: put_port(r, s); break;
    case EG_STEP_ICMP:
    case EG_STEP_ICMP_BOTH: put_icmp(r, s); break;
    case EG_STEP_TCP_FLAGS:
    case EG_STEP_TCP_FLAGS_PART: put_flags(r, s); break;
    case EG_STEP_INT: put_numbers(r, s, s->column); break;
    case EG_STEP_INT_NONZERO:
        put_numbers(r, s, s->column);
        eg_builder_nulls(r->b, s->column, zeros(r, s));
        break;
    case EG_STEP_TTL:
        put_numbers(r, s, EG_COL(FLOWS, min_ttl));
        put_numbers(r, s, EG_COL(FLOWS, max_ttl));
        break;
    case EG_STEP_PACKETS: put_packets(r, s); break;
    case EG_STEP_SEGMENT: put_segment(r, s); break;
    case EG_STEP_OUTER_PROTO: put_outer_proto(r, s); break;
    case EG_STEP_BIFLOW_DIRECTION: put_direction_of_biflow(r, s); break;
    case EG_STEP_EXPORTER: put_exporter(r, s); break;
    default: break;
    }
}
