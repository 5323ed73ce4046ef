/* SPDX-License-Identifier: Apache-2.0
 * A flow sample of sFlow v5: one sampled packet, one row. Sources: "sFlow Version 5" section 5.3;
 * "sFlow Tunnel Structures" (the records 1023 to 1030), "sFlow Port NAT Structures" (1020).
 *
 * First all records are found, then the columns are put in the order of what is believed less: the
 * agent's own reading of the packet, then the packet itself, then what the agent knows around it. */
#include "wire/flow_layers.h"
#include "wire/sflow.h"

enum { INTERNAL = 0x3fffffff, HEADER_FIXED = 16, VLAN_MAX = 4094, STRIPPED_MAX = 32 };
enum { ETHERNET_HEADER = 14, ETHERNET_FCS = 4, TAG = 4 };
enum {
    ICMP = 1,
    IPIP = 4,
    TCP = 6,
    UDP = 17,
    DCCP = 33,
    IP6 = 41,
    GRE = 47,
    SCTP = 132,
    LITE = 136
};
enum { SINGLE, DISCARDED, SEVERAL }; /* formats of an interface */

/* ---- finding the records ---- */

struct kind {
    uint16_t format; /* of enterprise 0 */
    uint16_t size;   /* at least; all of it where `fixed` */
    bool fixed;
};

static const struct kind kinds[EG_SFLOW_KINDS] = {
    [EG_SFLOW_HEADER] = {1, HEADER_FIXED, false},
    [EG_SFLOW_ETHERNET] = {2, 24, true},
    [EG_SFLOW_IPV4] = {3, 32, true},
    [EG_SFLOW_IPV6] = {4, 56, true},
    [EG_SFLOW_SWITCH] = {1001, 16, true},
    [EG_SFLOW_ROUTER] = {1002, 12, false},
    [EG_SFLOW_GATEWAY] = {1003, 16, false},
    [EG_SFLOW_USER] = {1004, 16, false},
    [EG_SFLOW_URL] = {1005, 12, false},
    [EG_SFLOW_MPLS] = {1006, 12, false},
    [EG_SFLOW_NAT] = {1007, 8, false},
    [EG_SFLOW_MPLS_TUNNEL] = {1008, 12, false},
    [EG_SFLOW_MPLS_VC] = {1009, 12, false},
    [EG_SFLOW_MPLS_FTN] = {1010, 8, false},
    [EG_SFLOW_MPLS_FEC] = {1011, 4, true},
    [EG_SFLOW_VLAN_TUNNEL] = {1012, 4, false},
    [EG_SFLOW_NAT_PORT] = {1020, 8, true},
    [EG_SFLOW_TUNNEL4_OUT] = {1023, 32, true},
    [EG_SFLOW_TUNNEL4_IN] = {1024, 32, true},
    [EG_SFLOW_TUNNEL6_OUT] = {1025, 56, true},
    [EG_SFLOW_TUNNEL6_IN] = {1026, 56, true},
    [EG_SFLOW_INNER_OUT] = {1027, 4, true},
    [EG_SFLOW_INNER_IN] = {1028, 4, true},
    [EG_SFLOW_VNI_OUT] = {1029, 4, true},
    [EG_SFLOW_VNI_IN] = {1030, 4, true},
};

static uint32_t kind_of(uint32_t format) {
    uint32_t kind = 0;
    while (kind < EG_SFLOW_KINDS && kinds[kind].format != format) kind++;
    return kind;
}

/* Answers whether all of them were whole. */
static bool find_records(const struct eg_sflow *s, struct eg_cursor *c, struct eg_sflow_flow *f) {
    uint32_t claimed = eg_take_be32(c), done = 0, format;
    bool whole = true;
    for (struct eg_span body; done < claimed && eg_sflow_record(s, c, &format, &body); done++) {
        uint32_t kind = kind_of(format);
        if (kind == EG_SFLOW_KINDS || f->records[kind].size) {
            eg_sflow_count(s, EG_CAUSE_sample_unknown, 1, 1, 0);
            continue;
        }
        if (body.size < kinds[kind].size) {
            eg_sflow_count(s, EG_CAUSE_record_cut, 1, 1, 0);
            whole = false;
            continue;
        }
        if (kinds[kind].fixed && body.size > kinds[kind].size)
            eg_sflow_count(s, EG_CAUSE_trailing_bytes, 0, 1, (int64_t)body.size - kinds[kind].size);
        f->records[kind] = body;
    }
    eg_sflow_records_end(s, c, claimed - done);
    return whole && !c->cut;
}

static bool has(const struct eg_sflow_flow *f, enum eg_sflow_kind kind) {
    return f->records[kind].size;
}

/* ---- the agent's own reading of the packet ---- */

static void put_ports(struct eg_builder *row, uint32_t proto, struct eg_span record, size_t at) {
    if (proto != TCP && proto != UDP && proto != DCCP && proto != SCTP && proto != LITE) return;
    eg_put_int(row, EG_COL(FLOWS, src_port), eg_be32(record, at) & 0xffff);
    eg_put_int(row, EG_COL(FLOWS, dst_port), eg_be32(record, at + 4) & 0xffff);
    if (proto == TCP) eg_put_int(row, EG_COL(FLOWS, tcp_flags), eg_be32(record, at + 8) & 0xfff);
}

/* `width` of the addresses: 4 or 16. Length and protocol stand before them, ports, flags and type of
 * service behind. */
static struct eg_addr address_at(struct eg_span record, size_t at, size_t width) {
    struct eg_addr address = {{0}};
    if (width == 4) address.bytes[10] = address.bytes[11] = 0xff;
    (void)eg_span_copy(record, at, address.bytes + 16 - width, width);
    return address;
}

static void put_reading(struct eg_builder *row, struct eg_span record, size_t width) {
    uint32_t proto = eg_be32(record, 4);
    struct eg_addr src = address_at(record, 8, width), dst = address_at(record, 8 + width, width);
    eg_put_addr(row, EG_COL(FLOWS, src_ip), &src);
    eg_put_addr(row, EG_COL(FLOWS, dst_ip), &dst);
    eg_put_int(row, EG_COL(FLOWS, bytes), eg_be32(record, 0));
    if (proto < 256) eg_put_int(row, EG_COL(FLOWS, proto), proto);
    put_ports(row, proto, record, 8 + 2 * width);
    eg_put_int(row, EG_COL(FLOWS, tos), eg_be32(record, 8 + 2 * width + 12) & 0xff);
}

static void put_readings(struct eg_builder *row, const struct eg_sflow_flow *f) {
    struct eg_span ethernet = f->records[EG_SFLOW_ETHERNET];
    if (ethernet.size) {
        eg_put_int(row, EG_COL(FLOWS, src_mac), (int64_t)eg_be48(ethernet, 4));
        eg_put_int(row, EG_COL(FLOWS, dst_mac), (int64_t)eg_be48(ethernet, 12));
        uint32_t length = eg_be32(ethernet, 0);
        if (length >= ETHERNET_HEADER + ETHERNET_FCS)
            eg_put_int(row, EG_COL(FLOWS, bytes), length - ETHERNET_HEADER - ETHERNET_FCS);
    }
    if (has(f, EG_SFLOW_IPV4)) put_reading(row, f->records[EG_SFLOW_IPV4], 4);
    if (has(f, EG_SFLOW_IPV6)) put_reading(row, f->records[EG_SFLOW_IPV6], 16);
}

/* ---- the packet itself ---- */

static uint32_t link_of(uint32_t protocol) {
    switch (protocol) {
    case 1: return EG_LINK_ETHERNET;
    case 7: return EG_LINK_PPP;
    case 11: return EG_LINK_IPV4;
    case 12: return EG_LINK_IPV6;
    case 13: return EG_LINK_MPLS;
    case 14: return EG_LINK_PPP_HDLC; /* packets over SONET */
    default: return UINT32_MAX;
    }
}

/* What was sampled: the frame's length includes a check sequence that the header does not. */
struct packet {
    uint32_t link, frame_length, stripped;
    struct eg_span header;
};

static struct packet packet_read(const struct eg_sflow *s, struct eg_span record) {
    uint32_t claimed = eg_be32(record, 12);
    struct packet p = {link_of(eg_be32(record, 0)), eg_be32(record, 4), eg_be32(record, 8),
                       eg_span_sub(record, HEADER_FIXED, claimed)};
    size_t padded = p.header.size + (-p.header.size & 3), there = record.size - HEADER_FIXED;
    if (p.header.size < claimed) eg_sflow_count(s, EG_CAUSE_record_cut, 1, 1, 0);
    if (there > padded) eg_sflow_count(s, EG_CAUSE_trailing_bytes, 0, 1, (int64_t)(there - padded));
    return p;
}

/* From the IP header on; where there is none, what the link header carries. */
static void put_bytes(struct eg_builder *row, const struct packet *p,
                      const struct eg_layers *layers) {
    /* some agents put here all that they did not sample */
    uint32_t stripped = p->stripped <= STRIPPED_MAX ? p->stripped : 0;
    if (layers->ip.size) {
        /* a length of 0, left to the network card, was taken from the frame */
        bool by_frame = layers->ip_version == 4 && eg_be16(layers->ip, 2) == 0;
        uint32_t less = by_frame && stripped < layers->ip_length ? stripped : 0;
        eg_put_int(row, EG_COL(FLOWS, bytes), layers->ip_length - less);
        return;
    }
    if (p->link != EG_LINK_ETHERNET) return;
    uint32_t link = ETHERNET_HEADER;
    for (size_t at = 12; eg_be16(p->header, at) == 0x8100 || eg_be16(p->header, at) == 0x88a8;
         at += TAG)
        link += TAG;
    if (p->frame_length >= link + stripped)
        eg_put_int(row, EG_COL(FLOWS, bytes), p->frame_length - link - stripped);
}

static void count_remarks(const struct eg_sflow *s, const struct packet *p, uint32_t remarks) {
    int64_t size = p->frame_length;
    if (remarks & EG_REMARK_FRAME_CUT) eg_sflow_count(s, EG_CAUSE_frame_cut, 0, 1, size);
    if (remarks & EG_REMARK_HEADER_BAD) eg_sflow_count(s, EG_CAUSE_header_bad, 0, 1, size);
    if (remarks & EG_REMARK_DEPTH_EXCEEDED) eg_sflow_count(s, EG_CAUSE_depth_exceeded, 0, 1, size);
    if (remarks & EG_REMARK_LINK_TYPE_UNSUPPORTED)
        eg_sflow_count(s, EG_CAUSE_link_type_unsupported, 0, 1, size);
}

static const char *tunnel_name(uint32_t proto, uint32_t dst_port) {
    switch (proto) {
    case IPIP:
    case IP6: return "ipip";
    case GRE: return "gre";
    case UDP: return dst_port == 4789 ? "vxlan" : dst_port == 6081 ? "geneve" : NULL;
    default: return NULL;
    }
}

static void put_tunnel(struct eg_builder *row, const struct eg_addr *src, const struct eg_addr *dst,
                       const char *name) {
    eg_put_addr(row, EG_COL(FLOWS, outer_src_ip), src);
    eg_put_addr(row, EG_COL(FLOWS, outer_dst_ip), dst);
    if (name) eg_put_name(row, EG_COL(FLOWS, tunnel), name, strlen(name));
}

/* The agent says where in the header the packet inside the tunnel begins: the row is about that one,
 * where it is not anyway. UDP carries Ethernet frames (VXLAN), other tunnels IP. */
static bool put_inner(const struct eg_sflow *s, struct packet *p, const struct eg_sflow_flow *f,
                      struct eg_layers *layers) {
    enum eg_sflow_kind kind = has(f, EG_SFLOW_INNER_IN) ? EG_SFLOW_INNER_IN : EG_SFLOW_INNER_OUT;
    uint32_t offset = eg_be32(f->records[kind], 0);
    if (!offset || offset >= p->header.size || !(layers->has & EG_HAS_DST)) return false;
    if (layers->has & EG_HAS_OUTER) return false;
    struct eg_builder *row = s->out->rows;
    put_tunnel(row, &layers->src, &layers->dst, tunnel_name(layers->proto, layers->dst_port));
    p->link = layers->proto == UDP ? EG_LINK_ETHERNET : EG_LINK_RAW;
    p->header = eg_span_from(p->header, offset);
    p->frame_length -= offset < p->frame_length ? offset : p->frame_length;
    eg_dissect(p->link, p->header, p->frame_length, layers);
    return true;
}

static void put_packet(const struct eg_sflow *s, struct eg_sflow_flow *f) {
    struct eg_span record = f->records[EG_SFLOW_HEADER];
    if (!record.size) return;
    struct packet p = packet_read(s, record);
    struct eg_layers layers;
    eg_dissect(p.link, p.header, p.frame_length, &layers);
    count_remarks(s, &p, layers.remarks);
    if (put_inner(s, &p, f, &layers)) count_remarks(s, &p, layers.remarks);
    struct eg_builder *row = s->out->rows;
    eg_flow_put_layers(row, &layers);
    put_bytes(row, &p, &layers);
    f->labels = layers.has & EG_HAS_MPLS;
    if (layers.has & EG_HAS_VLAN) f->vlan = layers.vlan;
}

/* ---- what the agent knows around the packet ---- */

static bool known(const struct eg_addr *address) {
    static const struct eg_addr none;
    return memcmp(address, &none, sizeof none) != 0;
}

/* A tag that was taken off before the packet was sampled, or never put on. */
static void put_vlan(struct eg_builder *row, struct eg_sflow_flow *f) {
    if (f->vlan >= 0) return; /* the packet has one, and it has been put */
    uint32_t vlan = eg_be32(f->records[EG_SFLOW_SWITCH], 0);
    struct eg_span stack = f->records[EG_SFLOW_VLAN_TUNNEL];
    if ((vlan == 0 || vlan > VLAN_MAX) && eg_be32(stack, 0)) vlan = eg_be32(stack, 4) & 0xfff;
    if (vlan == 0 || vlan > VLAN_MAX) return;
    f->vlan = (int32_t)vlan;
    eg_put_int(row, EG_COL(FLOWS, vlan), vlan);
}

/* Skips the AS path and notes its last number; false: it ends beyond the record. */
static bool path_read(struct eg_cursor *c, struct eg_sflow_gateway *g) {
    uint32_t segments = eg_take_be32(c);
    g->path = *c;
    for (; g->segments < segments; g->segments++) {
        eg_skip(c, 4); /* a sequence or a set */
        uint32_t count = eg_take_be32(c);
        if (c->cut || count > eg_cursor_left(c) / 4) return false;
        struct eg_span path = eg_take(c, 4 * (size_t)count);
        if (count) g->last_as = eg_be32(path, path.size - 4);
    }
    return !c->cut;
}

/* False: some of it ends beyond the record; what stands before that is kept. */
static bool gateway_read(struct eg_sflow_flow *f) {
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_GATEWAY]);
    struct eg_sflow_gateway *g = &f->gateway;
    (void)eg_sflow_take_address(&c, &g->next_hop);
    g->as = eg_take_be32(&c);
    g->src_as = eg_take_be32(&c);
    g->src_peer_as = eg_take_be32(&c);
    if (c.cut) return false;
    f->has_gateway = true;
    if (!path_read(&c, g)) return false;
    uint32_t communities = eg_take_be32(&c);
    if (c.cut || communities > eg_cursor_left(&c) / 4) return false;
    g->communities = eg_take(&c, 4 * (size_t)communities);
    g->local_pref = eg_take_be32(&c);
    return !c.cut;
}

/* The source's AS and the last of the path; one that is not named is the gateway's own. */
static void put_gateway(const struct eg_sflow *s, struct eg_sflow_flow *f) {
    if (!has(f, EG_SFLOW_GATEWAY)) return;
    if (!gateway_read(f)) eg_sflow_count(s, EG_CAUSE_record_cut, 1, 1, 0);
    if (!f->has_gateway) return;
    const struct eg_sflow_gateway *g = &f->gateway;
    struct eg_builder *row = s->out->rows;
    eg_put_int(row, EG_COL(FLOWS, src_as), g->src_as ? g->src_as : g->as);
    eg_put_int(row, EG_COL(FLOWS, dst_as), g->last_as ? g->last_as : g->as);
    if (known(&f->next_hop) || !known(&g->next_hop)) return;
    f->next_hop = g->next_hop;
    eg_put_addr(row, EG_COL(FLOWS, next_hop), &f->next_hop);
}

static void put_router(const struct eg_sflow *s, struct eg_sflow_flow *f) {
    if (!has(f, EG_SFLOW_ROUTER)) return;
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_ROUTER]);
    struct eg_addr hop;
    (void)eg_sflow_take_address(&c, &hop);
    uint32_t src_mask = eg_take_be32(&c), dst_mask = eg_take_be32(&c);
    if (c.cut) {
        eg_sflow_count(s, EG_CAUSE_record_cut, 1, 1, 0);
        return;
    }
    struct eg_builder *row = s->out->rows;
    if (src_mask <= 128) eg_put_int(row, EG_COL(FLOWS, src_mask), src_mask);
    if (dst_mask <= 128) eg_put_int(row, EG_COL(FLOWS, dst_mask), dst_mask);
    if (!known(&hop)) return;
    f->next_hop = hop;
    eg_put_addr(row, EG_COL(FLOWS, next_hop), &hop);
}

static void put_nat(struct eg_builder *row, const struct eg_sflow_flow *f) {
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_NAT]);
    struct eg_addr address;
    if (eg_sflow_take_address(&c, &address) && known(&address))
        eg_put_addr(row, EG_COL(FLOWS, nat_src_ip), &address);
    if (eg_sflow_take_address(&c, &address) && known(&address))
        eg_put_addr(row, EG_COL(FLOWS, nat_dst_ip), &address);
    struct eg_span ports = f->records[EG_SFLOW_NAT_PORT];
    if (!ports.size) return;
    eg_put_int(row, EG_COL(FLOWS, nat_src_port), eg_be32(ports, 0) & 0xffff);
    eg_put_int(row, EG_COL(FLOWS, nat_dst_port), eg_be32(ports, 4) & 0xffff);
}

/* The labels that the packet came with, where they were taken off before it was sampled. */
static void put_labels(struct eg_builder *row, const struct eg_sflow_flow *f) {
    if (f->labels || !has(f, EG_SFLOW_MPLS)) return;
    struct eg_cursor c = eg_cursor_of(f->records[EG_SFLOW_MPLS]);
    struct eg_addr hop;
    if (!eg_sflow_take_address(&c, &hop)) return;
    uint32_t labels[EG_MPLS_LABELS_MAX], count = eg_take_be32(&c), n = 0;
    while (n < count && n < EG_MPLS_LABELS_MAX && eg_cursor_left(&c) >= 4)
        labels[n++] = eg_take_be32(&c) >> 12;
    eg_flow_put_labels(row, labels, n);
}

/* The tunnel that was taken off before the packet was sampled, or will be put on behind. */
static void put_tunnels(struct eg_builder *row, const struct eg_sflow_flow *f) {
    static const enum eg_sflow_kind order[] = {EG_SFLOW_TUNNEL4_IN, EG_SFLOW_TUNNEL6_IN,
                                               EG_SFLOW_TUNNEL4_OUT, EG_SFLOW_TUNNEL6_OUT};
    const char *name = NULL;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct eg_span record = f->records[order[i]];
        if (!record.size) continue;
        size_t width = i % 2 ? 16 : 4;
        struct eg_addr src = address_at(record, 8, width);
        struct eg_addr dst = address_at(record, 8 + width, width);
        name = tunnel_name(eg_be32(record, 4), eg_be32(record, 8 + 2 * width + 4));
        put_tunnel(row, &src, &dst, name);
        break;
    }
    enum eg_sflow_kind vni = has(f, EG_SFLOW_VNI_IN) ? EG_SFLOW_VNI_IN : EG_SFLOW_VNI_OUT;
    if (!has(f, vni)) return;
    eg_put_int(row, EG_COL(FLOWS, tunnel_id), eg_be32(f->records[vni], 0));
    if (!name) eg_put_name(row, EG_COL(FLOWS, tunnel), "vxlan", 5);
}

/* ---- the sample ---- */

static struct eg_sflow_interface interface_of(uint32_t packed) {
    return (struct eg_sflow_interface){packed >> 30, packed & INTERNAL};
}

static struct eg_sflow_flow sample_take(struct eg_cursor *c, bool expanded) {
    struct eg_sflow_flow f = {.vlan = -1};
    eg_skip(c, 4); /* the sample's own number, of its data source */
    uint32_t source = eg_take_be32(c);
    f.source_type = expanded ? source : source >> 24;
    f.source_index = expanded ? eg_take_be32(c) : source & 0xffffff;
    f.rate = eg_take_be32(c);
    eg_skip(c, 8); /* packets that could have been sampled; samples dropped so far */
    struct eg_sflow_interface *ends[] = {&f.in, &f.out};
    for (int i = 0; i < 2; i++) {
        uint32_t first = eg_take_be32(c);
        *ends[i] =
            expanded ? (struct eg_sflow_interface){first, eg_take_be32(c)} : interface_of(first);
    }
    return f;
}

static bool is_port(struct eg_sflow_interface i) {
    return i.format == SINGLE && i.value && i.value != INTERNAL;
}

static void put_sample(const struct eg_sflow *s, const struct eg_sflow_flow *f) {
    struct eg_builder *row = s->out->rows;
    const struct eg_datagram *d = s->datagram;
    if (d->time_us != INT64_MIN) {
        eg_put_int(row, EG_COL(FLOWS, start_time), d->time_us);
        eg_put_int(row, EG_COL(FLOWS, end_time), d->time_us);
        eg_put_int(row, EG_COL(FLOWS, received_time), d->time_us);
    }
    eg_put_int(row, EG_COL(FLOWS, packets), 1);
    if (f->rate) eg_put_int(row, EG_COL(FLOWS, sampling_rate), f->rate);
    if (is_port(f->in)) eg_put_int(row, EG_COL(FLOWS, in_if), f->in.value);
    if (is_port(f->out)) eg_put_int(row, EG_COL(FLOWS, out_if), f->out.value);
    bool at_in = f->source_type == 0 && is_port(f->in) && f->in.value == f->source_index;
    bool at_out = f->source_type == 0 && is_port(f->out) && f->out.value == f->source_index;
    if (at_in != at_out) eg_put_int(row, EG_COL(FLOWS, direction), at_out);
    eg_put_addr(row, EG_COL(FLOWS, exporter), &d->exporter);
    eg_put_int(row, EG_COL(FLOWS, domain), s->domain);
    eg_put_int(row, EG_COL(FLOWS, sequence), s->sequence);
    eg_put_name(row, EG_COL(FLOWS, source), "sflow", 5);
}

void eg_sflow_flow_sample(const struct eg_sflow *s, struct eg_span sample, bool expanded) {
    struct eg_cursor c = eg_cursor_of(sample);
    struct eg_sflow_flow f = sample_take(&c, expanded);
    if (c.cut || eg_cursor_left(&c) < 4) {
        eg_sflow_count(s, EG_CAUSE_set_length_bad, 1, 1, 0);
        return;
    }
    bool whole = find_records(s, &c, &f);
    bool packet = has(&f, EG_SFLOW_HEADER) || has(&f, EG_SFLOW_ETHERNET) ||
                  has(&f, EG_SFLOW_IPV4) || has(&f, EG_SFLOW_IPV6);
    if (!whole && !packet) return; /* what it said of its packet is what was cut, and counted */
    (void)eg_out_room(s->out, 1);
    struct eg_builder *row = s->out->rows;
    put_sample(s, &f);
    put_readings(row, &f);
    put_packet(s, &f);
    put_vlan(row, &f);
    put_router(s, &f);
    put_gateway(s, &f);
    put_nat(row, &f);
    put_labels(row, &f);
    put_tunnels(row, &f);
    if (eg_builder_wants(row, EG_COL(FLOWS, extra))) {
        eg_sflow_extra_begin(s);
        eg_sflow_flow_extra(s, &f);
        eg_sflow_extra_end(s, row, EG_COL(FLOWS, extra));
    }
    eg_builder_row(row, 1);
}
