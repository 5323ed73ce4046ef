/* SPDX-License-Identifier: Apache-2.0
 * What sFlow says and no column holds, as the JSON object of the column `extra`. Names are those of
 * the structures of "sFlow Version 5", in lower case. */
#include "table/address.h"
#include "table/encode.h"
#include "wire/sflow.h"

enum { SINGLE, DISCARDED, SEVERAL, VLAN_MAX = 4094, PRIORITY_MAX = 7, AS_SET = 1 };

void eg_sflow_member(const struct eg_sflow *s, const char *name) {
    eg_strbuf_text(s->text, s->text->size ? ",\"" : "{\"");
    eg_strbuf_text(s->text, name);
    eg_strbuf_text(s->text, "\":");
}

static void add_number(const struct eg_sflow *s, const char *name, uint32_t value) {
    eg_sflow_member(s, name);
    eg_strbuf_i64(s->text, value);
}

static void add_text(const struct eg_sflow *s, const char *name, struct eg_span text) {
    if (!text.size) return;
    eg_sflow_member(s, name);
    eg_encode_json_text((const char *)text.at, text.size, s->text);
}

static void add_address(const struct eg_sflow *s, const char *name, const struct eg_addr *address) {
    static const struct eg_addr none;
    if (memcmp(address, &none, sizeof none) == 0) return;
    char text[EG_ADDR_TEXT];
    size_t size = eg_addr_text(address, text);
    add_text(s, name, eg_span(text, size));
}

/* The numbers of 4 bytes each, shifted down. */
static void add_numbers(const struct eg_sflow *s, struct eg_span values, unsigned shift) {
    for (size_t at = 0; at < values.size; at += 4) {
        if (at) eg_strbuf_char(s->text, ',');
        eg_strbuf_i64(s->text, eg_be32(values, at) >> shift);
    }
}

static void add_list(const struct eg_sflow *s, const char *name, struct eg_span values,
                     unsigned shift) {
    if (!values.size) return;
    eg_sflow_member(s, name);
    eg_strbuf_char(s->text, '[');
    add_numbers(s, values, shift);
    eg_strbuf_char(s->text, ']');
}

/* A counted list; what of it is there. */
static struct eg_span take_list(struct eg_cursor *c) {
    uint32_t count = eg_take_be32(c);
    size_t there = eg_cursor_left(c) / 4;
    return eg_take(c, 4 * (count < there ? count : there));
}

void eg_sflow_extra_begin(const struct eg_sflow *s) {
    eg_strbuf_clear(s->text);
    if (s->relayed) add_address(s, "agent", &s->agent);
}

void eg_sflow_extra_end(const struct eg_sflow *s, struct eg_builder *row, uint32_t column) {
    if (s->text->size) eg_strbuf_char(s->text, '}');
    if (s->text->failed)
        row->failed = true; /* sealing it tells */
    else if (s->text->size)
        eg_put_text(row, column, s->text->text, s->text->size);
}

/* ---- flows ---- */

static void add_switch(const struct eg_sflow *s, const struct eg_sflow_flow *f) {
    struct eg_span record = f->records[EG_SFLOW_SWITCH];
    if (!record.size) return;
    uint32_t src = eg_be32(record, 0), dst = eg_be32(record, 8);
    uint32_t src_priority = eg_be32(record, 4), dst_priority = eg_be32(record, 12);
    if (src && src <= VLAN_MAX && (int32_t)src != f->vlan) add_number(s, "src_vlan", src);
    if (dst && dst <= VLAN_MAX && (int32_t)dst != f->vlan) add_number(s, "dst_vlan", dst);
    if (src_priority && src_priority <= PRIORITY_MAX) add_number(s, "src_priority", src_priority);
    if (dst_priority && dst_priority <= PRIORITY_MAX) add_number(s, "dst_priority", dst_priority);
}

/* AS numbers in order, sets as lists of their own. */
static void add_path(const struct eg_sflow *s, const struct eg_sflow_gateway *g) {
    if (!g->segments) return;
    struct eg_cursor c = g->path;
    eg_sflow_member(s, "as_path");
    eg_strbuf_char(s->text, '[');
    bool first = true;
    for (uint32_t i = 0; i < g->segments; i++) {
        bool set = eg_take_be32(&c) == AS_SET;
        struct eg_span numbers = take_list(&c);
        if (!numbers.size) continue;
        if (!first) eg_strbuf_char(s->text, ',');
        first = false;
        if (set) eg_strbuf_char(s->text, '[');
        add_numbers(s, numbers, 0);
        if (set) eg_strbuf_char(s->text, ']');
    }
    eg_strbuf_char(s->text, ']');
}

static void add_gateway(const struct eg_sflow *s, const struct eg_sflow_flow *f) {
    if (!f->has_gateway) return;
    const struct eg_sflow_gateway *g = &f->gateway;
    if (memcmp(&g->next_hop, &f->next_hop, sizeof g->next_hop) != 0)
        add_address(s, "bgp_next_hop", &g->next_hop);
    if (g->as) add_number(s, "as", g->as);
    if (g->src_peer_as) add_number(s, "src_peer_as", g->src_peer_as);
    add_path(s, g);
    add_list(s, "communities", g->communities, 0);
    if (g->local_pref) add_number(s, "local_pref", g->local_pref);
}

static void add_user(const struct eg_sflow *s, const struct eg_sflow_flow *f) {
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_USER]);
    eg_skip(&c, 4); /* its character set, by IANA's numbers */
    add_text(s, "src_user", eg_sflow_take_text(&c));
    eg_skip(&c, 4);
    add_text(s, "dst_user", eg_sflow_take_text(&c));
    c = eg_cursor_of(f->records[EG_SFLOW_URL]);
    eg_skip(&c, 4); /* whether it belongs to the source or the destination */
    add_text(s, "url", eg_sflow_take_text(&c));
    add_text(s, "host", eg_sflow_take_text(&c));
}

static void add_mpls(const struct eg_sflow *s, const struct eg_sflow_flow *f) {
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_MPLS]);
    struct eg_addr hop;
    if (eg_cursor_left(&c) && eg_sflow_take_address(&c, &hop)) {
        add_address(s, "mpls_next_hop", &hop);
        (void)take_list(&c); /* the stack it came with */
        add_list(s, "mpls_out_labels", take_list(&c), 12);
    }
    c = eg_cursor_of(f->records[EG_SFLOW_MPLS_TUNNEL]);
    add_text(s, "mpls_tunnel_name", eg_sflow_take_text(&c));
    uint32_t number = eg_take_be32(&c);
    if (!c.cut) add_number(s, "mpls_tunnel_id", number);
    c = eg_cursor_of(f->records[EG_SFLOW_MPLS_VC]);
    add_text(s, "mpls_vc_name", eg_sflow_take_text(&c));
    number = eg_take_be32(&c);
    if (!c.cut) add_number(s, "mpls_vc_id", number);
    c = eg_cursor_of(f->records[EG_SFLOW_MPLS_FTN]);
    add_text(s, "mpls_ftn", eg_sflow_take_text(&c));
    c = eg_cursor_of(f->records[EG_SFLOW_MPLS_FEC]);
    number = eg_take_be32(&c);
    if (!c.cut) add_number(s, "mpls_fec_prefix_length", number);
}

void eg_sflow_flow_extra(const struct eg_sflow *s, const struct eg_sflow_flow *f) {
    if (f->out.format == DISCARDED) add_number(s, "discarded", f->out.value);
    if (f->out.format == SEVERAL) add_number(s, "out_interfaces", f->out.value);
    add_switch(s, f);
    add_gateway(s, f);
    add_user(s, f);
    add_mpls(s, f);
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_VLAN_TUNNEL]);
    add_list(s, "vlan_stack", take_list(&c), 0);
}
