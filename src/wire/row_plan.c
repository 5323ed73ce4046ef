/* SPDX-License-Identifier: Apache-2.0
 * Plans: which field of a template gives which column. Source: element_roles.def. */
#include "wire/row_plan.h"

#include "base/alloc.h"
#include "table/columns.h"

#include <stdlib.h>

/* What a role gives. Roles of one group compete: the first in the order of the roles wins, unless
 * the group takes all (`many`). */
struct gives {
    uint8_t what, column, group;
    bool many;
};
enum group {
    NO_GROUP, /* no competition */
    G_START,
    G_END,
    G_PROTO,
    G_VERSION,
    G_SRC,
    G_DST,
    G_HOP,
    G_NAT_SRC,
    G_NAT_DST,
    G_SRC_MASK,
    G_DST_MASK,
    G_SRC_PORT,
    G_DST_PORT,
    G_NAT_SRC_PORT,
    G_NAT_DST_PORT,
    G_ICMP_TYPE,
    G_ICMP_CODE,
    G_FLAGS,
    G_BYTES,
    G_PACKETS,
    G_MIN_LENGTH,
    G_MAX_LENGTH,
    G_TOS,
    G_MIN_TTL,
    G_MAX_TTL,
    G_SRC_MAC,
    G_DST_MAC,
    G_VLAN,
    G_SRC_AS,
    G_DST_AS,
    G_IN_IF,
    G_OUT_IF,
    G_DIRECTION,
    G_END_REASON,
    G_EVENT,
    G_VRF,
    G_APPLICATION,
    G_BOOT,
    G_DURATION,
    G_RECEIVED,
    G_RATE,
    G_TAKEN,
    G_SPACE,
    G_SIZE,
    G_POPULATION,
    G_PROBABILITY,
    G_SELECTOR,
    G_SEGMENT,
    G_BIFLOW,
    G_EXPORTER,
    G_DOMAIN,
    G_FRAME_TYPE,
    G_FRAME_SIZE,
    G_SECTION,
    G_DELAY,
    GROUPS,
};
#define C(name) EG_COL(FLOWS, name)
static const struct gives roles[EG_ROLE_COUNT] = {
    [EG_ROLE_start] = {EG_STEP_START, C(start_time), G_START, false},
    [EG_ROLE_end] = {EG_STEP_END, C(end_time), G_END, false},
    [EG_ROLE_start_uptime] = {EG_STEP_START_UPTIME, C(start_time), G_START, false},
    [EG_ROLE_end_uptime] = {EG_STEP_END_UPTIME, C(end_time), G_END, false},
    [EG_ROLE_start_delta] = {EG_STEP_START_DELTA, C(start_time), G_START, false},
    [EG_ROLE_end_delta] = {EG_STEP_END_DELTA, C(end_time), G_END, false},
    [EG_ROLE_duration_ms] = {EG_STEP_DURATION_MS, C(end_time), G_DURATION, false},
    [EG_ROLE_duration_us] = {EG_STEP_DURATION_US, C(end_time), G_DURATION, false},
    [EG_ROLE_boot] = {EG_STEP_BOOT, C(start_time), G_BOOT, false},
    [EG_ROLE_observed] = {EG_STEP_OBSERVED, C(start_time), G_START, false},
    [EG_ROLE_reverse_delay] = {EG_STEP_EXTRA, C(extra), NO_GROUP, false},
    [EG_ROLE_received] = {EG_STEP_RECEIVED, C(received_time), G_RECEIVED, false},
    [EG_ROLE_src_ip] = {EG_STEP_ADDRESS, C(src_ip), G_SRC, true},
    [EG_ROLE_dst_ip] = {EG_STEP_ADDRESS, C(dst_ip), G_DST, true},
    [EG_ROLE_ip_version] = {EG_STEP_IP_VERSION, C(src_ip), G_VERSION, false},
    [EG_ROLE_src_port] = {EG_STEP_PORT, C(src_port), G_SRC_PORT, false},
    [EG_ROLE_dst_port] = {EG_STEP_PORT, C(dst_port), G_DST_PORT, false},
    [EG_ROLE_proto] = {EG_STEP_PROTO, C(proto), G_PROTO, false},
    [EG_ROLE_bytes] = {EG_STEP_INT, C(bytes), G_BYTES, false},
    [EG_ROLE_bytes_total] = {EG_STEP_INT, C(bytes), G_BYTES, false},
    [EG_ROLE_bytes_out] = {EG_STEP_INT, C(bytes), G_BYTES, false},
    [EG_ROLE_initiator_bytes] = {EG_STEP_INT, C(bytes), G_BYTES, false},
    [EG_ROLE_packets] = {EG_STEP_PACKETS, C(packets), G_PACKETS, false},
    [EG_ROLE_packets_total] = {EG_STEP_PACKETS, C(packets), G_PACKETS, false},
    [EG_ROLE_packets_out] = {EG_STEP_PACKETS, C(packets), G_PACKETS, false},
    [EG_ROLE_initiator_packets] = {EG_STEP_INT, C(packets), G_PACKETS, false},
    [EG_ROLE_responder_bytes] = {EG_STEP_EXTRA, C(extra), NO_GROUP, false},
    [EG_ROLE_responder_packets] = {EG_STEP_EXTRA, C(extra), NO_GROUP, false},
    [EG_ROLE_min_length] = {EG_STEP_INT, C(min_length), G_MIN_LENGTH, false},
    [EG_ROLE_max_length] = {EG_STEP_INT, C(max_length), G_MAX_LENGTH, false},
    [EG_ROLE_sampling_interval] = {EG_STEP_SAMPLING_INTERVAL, C(sampling_rate), G_RATE, false},
    [EG_ROLE_sampling_taken] = {EG_STEP_SAMPLING_TAKEN, C(sampling_rate), G_TAKEN, false},
    [EG_ROLE_sampling_space] = {EG_STEP_SAMPLING_SPACE, C(sampling_rate), G_SPACE, false},
    [EG_ROLE_sampling_size] = {EG_STEP_SAMPLING_SIZE, C(sampling_rate), G_SIZE, false},
    [EG_ROLE_sampling_population] = {EG_STEP_SAMPLING_POPULATION, C(sampling_rate), G_POPULATION,
                                     false},
    [EG_ROLE_sampling_probability] = {EG_STEP_SAMPLING_PROBABILITY, C(sampling_rate), G_PROBABILITY,
                                      false},
    [EG_ROLE_selector] = {EG_STEP_SELECTOR, C(sampling_rate), G_SELECTOR, false},
    [EG_ROLE_tcp_flags] = {EG_STEP_TCP_FLAGS, C(tcp_flags), G_FLAGS, false},
    [EG_ROLE_tcp_flags_part] = {EG_STEP_TCP_FLAGS_PART, C(tcp_flags), NO_GROUP, true},
    [EG_ROLE_tos] = {EG_STEP_INT, C(tos), G_TOS, false},
    [EG_ROLE_icmp_type] = {EG_STEP_ICMP, C(icmp_type), G_ICMP_TYPE, true},
    [EG_ROLE_icmp_code] = {EG_STEP_ICMP, C(icmp_code), G_ICMP_CODE, true},
    [EG_ROLE_icmp_type_code] = {EG_STEP_ICMP_BOTH, C(icmp_type), G_ICMP_TYPE, true},
    [EG_ROLE_min_ttl] = {EG_STEP_INT, C(min_ttl), G_MIN_TTL, false},
    [EG_ROLE_max_ttl] = {EG_STEP_INT, C(max_ttl), G_MAX_TTL, false},
    [EG_ROLE_ttl] = {EG_STEP_TTL, C(min_ttl), G_MIN_TTL, false},
    [EG_ROLE_src_mac] = {EG_STEP_INT, C(src_mac), G_SRC_MAC, false},
    [EG_ROLE_src_mac_out] = {EG_STEP_INT, C(src_mac), G_SRC_MAC, false},
    [EG_ROLE_dst_mac] = {EG_STEP_INT, C(dst_mac), G_DST_MAC, false},
    [EG_ROLE_dst_mac_out] = {EG_STEP_INT, C(dst_mac), G_DST_MAC, false},
    [EG_ROLE_vlan] = {EG_STEP_INT_NONZERO, C(vlan), G_VLAN, false},
    [EG_ROLE_vlan_out] = {EG_STEP_INT_NONZERO, C(vlan), G_VLAN, false},
    [EG_ROLE_mpls_label] = {EG_STEP_LABEL, C(mpls_labels), NO_GROUP, true},
    [EG_ROLE_next_hop] = {EG_STEP_HOP, C(next_hop), G_HOP, true},
    [EG_ROLE_next_hop_bgp] = {EG_STEP_HOP, C(next_hop), G_HOP, true},
    [EG_ROLE_src_as] = {EG_STEP_INT, C(src_as), G_SRC_AS, false},
    [EG_ROLE_dst_as] = {EG_STEP_INT, C(dst_as), G_DST_AS, false},
    [EG_ROLE_src_mask] = {EG_STEP_MASK, C(src_mask), G_SRC_MASK, true},
    [EG_ROLE_dst_mask] = {EG_STEP_MASK, C(dst_mask), G_DST_MASK, true},
    [EG_ROLE_in_if] = {EG_STEP_INT, C(in_if), G_IN_IF, false},
    [EG_ROLE_out_if] = {EG_STEP_INT, C(out_if), G_OUT_IF, false},
    [EG_ROLE_direction] = {EG_STEP_INT, C(direction), G_DIRECTION, false},
    [EG_ROLE_vrf_name] = {EG_STEP_VRF_NAME, C(vrf), G_VRF, false},
    [EG_ROLE_vrf_in] = {EG_STEP_VRF, C(vrf), G_VRF, false},
    [EG_ROLE_vrf_out] = {EG_STEP_VRF, C(vrf), G_VRF, false},
    [EG_ROLE_end_reason] = {EG_STEP_INT, C(end_reason), G_END_REASON, false},
    [EG_ROLE_application_name] = {EG_STEP_APPLICATION_NAME, C(application), G_APPLICATION, false},
    [EG_ROLE_application_id] = {EG_STEP_APPLICATION, C(application), G_APPLICATION, false},
    [EG_ROLE_nat_src_ip] = {EG_STEP_HOP, C(nat_src_ip), G_NAT_SRC, true},
    [EG_ROLE_nat_dst_ip] = {EG_STEP_HOP, C(nat_dst_ip), G_NAT_DST, true},
    [EG_ROLE_nat_src_port] = {EG_STEP_INT, C(nat_src_port), G_NAT_SRC_PORT, false},
    [EG_ROLE_nat_dst_port] = {EG_STEP_INT, C(nat_dst_port), G_NAT_DST_PORT, false},
    [EG_ROLE_event] = {EG_STEP_INT, C(event), G_EVENT, false},
    [EG_ROLE_segment] = {EG_STEP_SEGMENT, C(tunnel_id), G_SEGMENT, false},
    [EG_ROLE_biflow_direction] = {EG_STEP_BIFLOW_DIRECTION, C(initiator), G_BIFLOW, false},
    [EG_ROLE_frame_section] = {EG_STEP_FRAME, C(src_ip), G_SECTION, false},
    [EG_ROLE_frame_size] = {EG_STEP_FRAME_SIZE, C(bytes), G_FRAME_SIZE, false},
    [EG_ROLE_frame_type] = {EG_STEP_FRAME_TYPE, C(bytes), G_FRAME_TYPE, false},
    [EG_ROLE_ip_section] = {EG_STEP_PACKET, C(src_ip), G_SECTION, false},
    [EG_ROLE_exporter] = {EG_STEP_EXPORTER, C(exporter), G_EXPORTER, true},
    [EG_ROLE_domain] = {EG_STEP_INT, C(domain), G_DOMAIN, false},
};

/* In the row of the other direction source and destination change places; 0: nothing to change. */
static const uint8_t swapped[EG_ROLE_COUNT] = {
    [EG_ROLE_src_ip] = EG_ROLE_dst_ip,
    [EG_ROLE_dst_ip] = EG_ROLE_src_ip,
    [EG_ROLE_src_port] = EG_ROLE_dst_port,
    [EG_ROLE_dst_port] = EG_ROLE_src_port,
    [EG_ROLE_src_mac] = EG_ROLE_dst_mac,
    [EG_ROLE_dst_mac] = EG_ROLE_src_mac,
    [EG_ROLE_src_as] = EG_ROLE_dst_as,
    [EG_ROLE_dst_as] = EG_ROLE_src_as,
    [EG_ROLE_src_mask] = EG_ROLE_dst_mask,
    [EG_ROLE_dst_mask] = EG_ROLE_src_mask,
    [EG_ROLE_in_if] = EG_ROLE_out_if,
    [EG_ROLE_out_if] = EG_ROLE_in_if,
    [EG_ROLE_nat_src_ip] = EG_ROLE_nat_dst_ip,
    [EG_ROLE_nat_dst_ip] = EG_ROLE_nat_src_ip,
    [EG_ROLE_nat_src_port] = EG_ROLE_nat_dst_port,
    [EG_ROLE_nat_dst_port] = EG_ROLE_nat_src_port,
    [EG_ROLE_vrf_in] = EG_ROLE_vrf_out,
    [EG_ROLE_vrf_out] = EG_ROLE_vrf_in,
    [EG_ROLE_responder_bytes] = EG_ROLE_bytes,
    [EG_ROLE_responder_packets] = EG_ROLE_packets,
};

/* What both directions share; all else was measured in one. */
static bool shared(enum eg_element_role role) {
    if (swapped[role]) return true;
    switch (role) {
    case EG_ROLE_start:
    case EG_ROLE_end:
    case EG_ROLE_start_uptime:
    case EG_ROLE_end_uptime:
    case EG_ROLE_start_delta:
    case EG_ROLE_end_delta:
    case EG_ROLE_duration_ms:
    case EG_ROLE_duration_us:
    case EG_ROLE_boot:
    case EG_ROLE_observed:
    case EG_ROLE_reverse_delay:
    case EG_ROLE_received:
    case EG_ROLE_ip_version:
    case EG_ROLE_proto:
    case EG_ROLE_sampling_interval:
    case EG_ROLE_sampling_taken:
    case EG_ROLE_sampling_space:
    case EG_ROLE_sampling_size:
    case EG_ROLE_sampling_population:
    case EG_ROLE_sampling_probability:
    case EG_ROLE_selector:
    case EG_ROLE_vlan:
    case EG_ROLE_mpls_label:
    case EG_ROLE_vrf_name:
    case EG_ROLE_end_reason:
    case EG_ROLE_application_name:
    case EG_ROLE_application_id:
    case EG_ROLE_event:
    case EG_ROLE_segment:
    case EG_ROLE_biflow_direction:
    case EG_ROLE_exporter:
    case EG_ROLE_domain: return true;
    default: return false;
    }
}

static bool counts(enum eg_element_role role) {
    return role == EG_ROLE_bytes || role == EG_ROLE_bytes_total || role == EG_ROLE_packets ||
           role == EG_ROLE_packets_total;
}

enum { EXTRAS_NUMBERED = 256 /* a template of more has something else in mind */ };

/* ---- one plan ---- */

struct making {
    const struct eg_template *t;
    struct eg_row_plan *plan;
    uint16_t winners[GROUPS]; /* 1 + the field */
    uint16_t inner_from;      /* the first field of the packet in a tunnel; 0: there is none */
    bool reversed;
    bool two; /* the other direction has a plan of its own */
};

/* The role of a field in this plan; EG_ROLE_COUNT: it takes no part. */
static enum eg_element_role role_of(const struct making *m, const struct eg_field *f) {
    if (f->length == 0) return EG_ROLE_COUNT;
    enum eg_element_role role = f->element && !f->opaque ? f->element->role : EG_ROLE_extra;
    if (role == EG_ROLE_nothing) return EG_ROLE_COUNT;
    if (!m->reversed) {
        bool other =
            f->reverse || role == EG_ROLE_responder_bytes || role == EG_ROLE_responder_packets;
        return other && m->two ? EG_ROLE_COUNT : role;
    }
    if (f->reverse) return role;
    if (!shared(role)) return EG_ROLE_COUNT;
    return swapped[role] ? swapped[role] : role;
}

/* Routers describe a packet in a tunnel by two runs of the same elements, from the outside in (RFC
 * 7011 section 8). The second begins with an address, and a protocol stands in both. */
static void find_inner(struct making *m) {
    bool outer = false;
    uint16_t from = 0;
    for (uint16_t i = 0; i < m->t->field_count && !m->inner_from; i++) {
        enum eg_element_role role = role_of(m, &m->t->fields[i]);
        if (role == EG_ROLE_proto && from) m->inner_from = from;
        if (role == EG_ROLE_proto) outer = true;
        if ((role == EG_ROLE_src_ip || role == EG_ROLE_dst_ip) && outer && !from) from = i;
    }
}

/* Whether the field is of the packet around the one that the row is about. */
static bool outside(const struct making *m, uint16_t i, enum eg_element_role role) {
    if (i >= m->inner_from) return false;
    switch (role) {
    case EG_ROLE_src_ip:
    case EG_ROLE_dst_ip:
    case EG_ROLE_src_port:
    case EG_ROLE_dst_port:
    case EG_ROLE_proto:
    case EG_ROLE_tcp_flags:
    case EG_ROLE_tos: return true;
    default: return false;
    }
}

/* A lower rank wins: fields measured in the row's direction, the inner packet's, then the order of
 * the roles; times in seconds give way to finer ones. */
static uint32_t rank_of(const struct making *m, uint16_t i) {
    const struct eg_field *f = &m->t->fields[i];
    enum eg_element_role role = role_of(m, f);
    bool other = m->reversed && !f->reverse;
    bool coarse = f->element && f->element->type == EG_ELEMENT_dateTimeSeconds;
    return (uint32_t)other << 26 | (uint32_t)outside(m, i, role) << 25 | (uint32_t)role << 17 |
           (uint32_t)coarse << 16 | i;
}

static void choose_winners(struct making *m) {
    for (uint16_t i = 0; i < m->t->field_count; i++) {
        enum eg_element_role role = role_of(m, &m->t->fields[i]);
        if (role == EG_ROLE_COUNT) continue;
        uint8_t group = roles[role].group;
        uint16_t now = m->winners[group];
        if (!now || rank_of(m, i) < rank_of(m, (uint16_t)(now - 1)))
            m->winners[group] = (uint16_t)(i + 1);
    }
}

static bool won(const struct making *m, enum group group, enum eg_element_role role) {
    uint16_t now = m->winners[group];
    return now && role_of(m, &m->t->fields[now - 1]) == role;
}

static struct eg_step *step_add(struct making *m, uint16_t field, uint8_t what, uint8_t column) {
    const struct eg_field *f = &m->t->fields[field];
    struct eg_step *step = &m->plan->steps[m->plan->count++];
    *step = (struct eg_step){.what = what,
                             .column = column,
                             .type = f->element ? f->element->type : EG_ELEMENT_octetArray,
                             .field = field,
                             .length = f->length,
                             .offset = f->offset};
    return step;
}

/* What is also worth keeping as it came. */
static bool also_extra(enum eg_element_role role) {
    return role == EG_ROLE_selector || role == EG_ROLE_tcp_flags_part ||
           role == EG_ROLE_frame_size || role == EG_ROLE_frame_type ||
           role == EG_ROLE_reverse_delay;
}

/* Whether the field gives what its role says, rather than being one more in `extra`. */
static bool used(const struct making *m, uint16_t i, enum eg_element_role role) {
    const struct gives *g = &roles[role];
    if (g->what == EG_STEP_TEST || g->what == EG_STEP_EXTRA) return false;
    if (role == EG_ROLE_tcp_flags_part) return !m->winners[G_FLAGS];
    if (role == EG_ROLE_icmp_type_code)
        return won(m, G_ICMP_TYPE, role) && !m->winners[G_ICMP_CODE];
    if (role == EG_ROLE_duration_ms || role == EG_ROLE_duration_us)
        return m->winners[G_DURATION] == i + 1 && !m->winners[G_START] != !m->winners[G_END];
    if (role == EG_ROLE_observed) return m->winners[G_START] == i + 1 && !m->winners[G_END];
    if (role == EG_ROLE_ttl) return m->winners[G_MIN_TTL] == i + 1 && !m->winners[G_MAX_TTL];
    if (role == EG_ROLE_ip_version)
        return m->winners[G_VERSION] == i + 1 && (m->winners[G_SRC] || m->winners[G_DST]);
    return g->many || m->winners[g->group] == i + 1;
}

/* The tunnel's own addresses and kind; false: of something else of it. */
static bool add_outside(struct making *m, uint16_t i, enum eg_element_role role) {
    if (role == EG_ROLE_src_ip)
        step_add(m, i, EG_STEP_HOP, EG_COL(FLOWS, outer_src_ip));
    else if (role == EG_ROLE_dst_ip)
        step_add(m, i, EG_STEP_HOP, EG_COL(FLOWS, outer_dst_ip));
    else if (role == EG_ROLE_proto)
        step_add(m, i, EG_STEP_OUTER_PROTO, EG_COL(FLOWS, tunnel));
    return role == EG_ROLE_src_ip || role == EG_ROLE_dst_ip || role == EG_ROLE_proto;
}

static void add_field(struct making *m, uint16_t i) {
    const struct eg_field *f = &m->t->fields[i];
    enum eg_element_role role = role_of(m, f);
    if (role == EG_ROLE_COUNT) return;
    if (m->reversed && role == EG_ROLE_reverse_delay) {
        step_add(m, i, EG_STEP_REVERSE_DELAY, EG_COL(FLOWS, start_time));
        return;
    }
    if (outside(m, i, role) && add_outside(m, i, role)) return;
    bool use = used(m, i, role);
    if (use) {
        struct eg_step *step = step_add(m, i, roles[role].what, roles[role].column);
        step->flags = role == EG_ROLE_next_hop_bgp; /* behind the router's own, until finish() */
    }
    if (m->reversed && f->element &&
        ((f->reverse && counts(role)) || f->element->role == EG_ROLE_responder_bytes ||
         f->element->role == EG_ROLE_responder_packets))
        step_add(m, i, EG_STEP_TEST, 0);
    if ((!use || also_extra(role)) && (!m->reversed || f->reverse))
        step_add(m, i, EG_STEP_EXTRA, EG_COL(FLOWS, extra));
}

static int step_order(const void *a, const void *b) {
    const struct eg_step *x = a, *y = b;
    if (x->what != y->what) return x->what < y->what ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    if (x->flags != y->flags) return x->flags < y->flags ? -1 : 1;
    return x->field < y->field ? -1 : x->field > y->field;
}

/* The elements of `extra` that stand there before, as its `flags`: names must differ. */
static void number_extras(const struct eg_template *t, struct eg_step *extras, uint32_t count) {
    for (uint32_t i = 0; i < count && count <= EXTRAS_NUMBERED; i++) {
        const struct eg_field *f = &t->fields[extras[i].field];
        for (uint32_t k = 0; k < i; k++) {
            const struct eg_field *g = &t->fields[extras[k].field];
            if (f->pen == g->pen && f->id == g->id && extras[i].flags < UINT8_MAX)
                extras[i].flags++;
        }
    }
}

static void finish(struct making *m) {
    struct eg_row_plan *p = m->plan;
    qsort(p->steps, p->count, sizeof *p->steps, step_order);
    p->row_steps = p->count;
    p->in_if = p->out_if = -1;
    p->reversed = m->reversed;
    p->responder = won(m, G_BYTES, EG_ROLE_initiator_bytes) ||
                   won(m, G_PACKETS, EG_ROLE_initiator_packets) ||
                   (m->reversed && m->t->plan->responder);
    for (uint16_t i = 0; i < p->count; i++) {
        struct eg_step *step = &p->steps[i];
        p->has |= UINT64_C(1) << step->what;
        p->columns |= UINT64_C(1) << step->column;
        if (step->what >= EG_STEP_LABEL && p->row_steps == p->count) p->row_steps = i;
        bool first = i == 0 || step[-1].what != step->what || step[-1].column != step->column;
        bool last =
            i + 1 == p->count || step[1].what != step->what || step[1].column != step->column;
        step->flags = (uint8_t)((first ? EG_STEP_FIRST : 0) | (last ? EG_STEP_LAST : 0));
        if (step->what == EG_STEP_EXTRA) step->flags = 0;
        if (step->what == EG_STEP_INT && step->column == EG_COL(FLOWS, in_if))
            p->in_if = (int16_t)i;
        if (step->what == EG_STEP_INT && step->column == EG_COL(FLOWS, out_if))
            p->out_if = (int16_t)i;
    }
    uint32_t first = p->row_steps;
    while (first < p->count && p->steps[first].what != EG_STEP_EXTRA) first++;
    number_extras(m->t, p->steps + first, p->count - first);
}

static struct eg_row_plan *plan_make(const struct eg_template *t, bool reversed, bool two) {
    struct making m = {.t = t, .reversed = reversed, .two = two};
    m.plan = eg_calloc(1, sizeof *m.plan + (size_t)t->field_count * 2 * sizeof *m.plan->steps);
    if (!m.plan) return NULL;
    find_inner(&m);
    choose_winners(&m);
    for (uint16_t i = 0; i < t->field_count; i++) add_field(&m, i);
    finish(&m);
    struct eg_row_plan *small =
        eg_realloc(m.plan, 1, sizeof *m.plan + m.plan->count * sizeof *m.plan->steps);
    return small ? small : m.plan;
}

static bool two_directions(const struct eg_template *t) {
    for (uint16_t i = 0; i < t->field_count; i++) {
        const struct eg_field *f = &t->fields[i];
        if (!f->element || f->opaque || !f->length) continue;
        if (f->reverse && counts(f->element->role)) return true;
        if (f->element->role == EG_ROLE_responder_bytes ||
            f->element->role == EG_ROLE_responder_packets)
            return true;
    }
    return false;
}

bool eg_row_plans_make(struct eg_template *t) {
    if (t->options) return true;
    bool two = two_directions(t);
    t->plan = plan_make(t, false, two);
    if (!t->plan) return false;
    if (two) t->reverse_plan = plan_make(t, true, two);
    return !two || t->reverse_plan;
}

uint32_t eg_row_plan_bytes(const struct eg_row_plan *p) {
    return p ? (uint32_t)(sizeof *p + p->count * sizeof *p->steps) : 0;
}
