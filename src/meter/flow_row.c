/* SPDX-License-Identifier: Apache-2.0
 * Rows of metered flows. Lengths are those of frames on the wire, so that sums over flows are sums
 * over packets. */
#include "meter/flow_row.h"

#include "base/strbuf.h"
#include "meter/tcp_talk.h"

#include <stdio.h>

/* ---- columns ---- */

#define COL(name) EG_COL(FLOWS, name)

/* Most are not asked for, in most questions. */
static inline void put_int(struct eg_builder *rows, uint32_t col, int64_t value) {
    if (eg_builder_wants(rows, col)) eg_put_int(rows, col, value);
}

static uint64_t mac_of(const uint8_t mac[6]) {
    uint64_t value = 0;
    for (int i = 0; i < 6; i++) value = value << 8 | mac[i];
    return value;
}

static const eg_column_set key_columns = EG_SET(FLOWS, src_ip) | EG_SET(FLOWS, dst_ip) |
                                         EG_SET(FLOWS, src_port) | EG_SET(FLOWS, dst_port) |
                                         EG_SET(FLOWS, proto);

static void put_key(struct eg_builder *rows, const struct eg_flow_key *key, bool down) {
    if (!(key->kind & EG_KEY_IP)) return;
    eg_put_addr(rows, COL(src_ip), down ? &key->high : &key->low);
    eg_put_addr(rows, COL(dst_ip), down ? &key->low : &key->high);
    if (key->kind & EG_KEY_PROTO) put_int(rows, COL(proto), key->proto);
    if (!(key->kind & EG_KEY_PORTS)) return;
    put_int(rows, COL(src_port), down ? key->high_port : key->low_port);
    put_int(rows, COL(dst_port), down ? key->low_port : key->high_port);
}

static void put_counts(struct eg_builder *rows, const struct eg_flow_way *way) {
    if (way->first_us != EG_NO_TIME) {
        put_int(rows, COL(start_time), way->first_us);
        put_int(rows, COL(end_time), way->last_us);
        put_int(rows, COL(received_time), way->last_us);
    }
    put_int(rows, COL(packets), (int64_t)way->packets);
    put_int(rows, COL(bytes), (int64_t)way->bytes);
    put_int(rows, COL(sampling_rate), 1);
    put_int(rows, COL(min_length), way->min_length);
    put_int(rows, COL(max_length), way->max_length);
}

static void put_marks(struct eg_builder *rows, const struct eg_flow_way *way) {
    if (way->has & EG_SEEN_TCP) put_int(rows, COL(tcp_flags), way->flags);
    if (way->has & EG_SEEN_ICMP) {
        put_int(rows, COL(icmp_type), way->flags >> 8);
        put_int(rows, COL(icmp_code), way->flags & 0xff);
    }
    if (way->has & EG_SEEN_TOS) put_int(rows, COL(tos), way->tos);
    if (way->has & EG_SEEN_TTL) {
        put_int(rows, COL(min_ttl), way->min_ttl);
        put_int(rows, COL(max_ttl), way->max_ttl);
    }
    if (way->has & EG_SEEN_SRC_MAC) put_int(rows, COL(src_mac), (int64_t)mac_of(way->src_mac));
    if (way->has & EG_SEEN_DST_MAC) put_int(rows, COL(dst_mac), (int64_t)mac_of(way->dst_mac));
    if (way->has & EG_SEEN_VLAN) put_int(rows, COL(vlan), way->vlan);
}

/* ---- rare ones ---- */

static void put_labels(struct eg_builder *rows, const struct eg_extras *extras) {
    char text[EG_MPLS_LABELS_MAX * 8 + 1]; /* 20 bits are at most 7 digits, and a comma */
    int size = 0;
    for (uint8_t i = 0; i < extras->mpls_count; i++)
        size +=
            snprintf(text + size, sizeof text - (size_t)size, i ? ",%u" : "%u", extras->mpls[i]);
    if (size) eg_put_text(rows, COL(mpls_labels), text, (size_t)size);
}

static void put_payload(struct eg_builder *rows, const struct eg_flow_more *more) {
    static const char digits[] = "0123456789abcdef";
    struct eg_strbuf text = {0};
    if (!more->payload || !eg_builder_wants(rows, COL(extra))) return;
    eg_strbuf_text(&text, "{\"payload\":\"");
    for (uint16_t i = 0; i < more->extras.payload_size; i++) {
        const char pair[] = {digits[more->payload[i] >> 4], digits[more->payload[i] & 15]};
        eg_strbuf_add(&text, pair, sizeof pair);
    }
    eg_strbuf_text(&text, "\"}");
    if (text.failed)
        rows->failed = true;
    else
        eg_put_text(rows, COL(extra), text.text, text.size);
    eg_strbuf_reset(&text);
}

static void put_more(struct eg_builder *rows, const struct eg_flow_more *more) {
    const struct eg_extras *extras = &more->extras;
    put_labels(rows, extras);
    if (extras->has & EG_HAS_TUNNEL && extras->tunnel < EG_TUNNEL_COUNT) {
        const char *name = eg_tunnel_name((enum eg_tunnel)extras->tunnel);
        eg_put_name(rows, COL(tunnel), name, strlen(name));
    }
    if (extras->has & EG_HAS_TUNNEL_ID) put_int(rows, COL(tunnel_id), (int64_t)extras->tunnel_id);
    if (extras->has & EG_HAS_OUTER) {
        eg_put_addr(rows, COL(outer_src_ip), &extras->outer_src);
        eg_put_addr(rows, COL(outer_dst_ip), &extras->outer_dst);
    }
    put_payload(rows, more);
}

/* ---- who began ---- */

/* A SYN tells; else the conversation's first packet does, where there is a conversation. */
static void put_initiator(struct eg_builder *rows, const struct eg_flow *flow, bool second,
                          bool one_way) {
    bool down = second != !!(flow->state & EG_FLOW_FIRST_DOWN);
    if (flow->state & EG_FLOW_OPENER_KNOWN)
        put_int(rows, COL(initiator), down == !!(flow->state & EG_FLOW_OPENER_DOWN));
    else if (!one_way)
        put_int(rows, COL(initiator), !second);
}

static void put_talk(struct eg_builder *rows, const struct eg_tcp_talk *talk, bool down) {
    const struct eg_tcp_side *side = &talk->sides[down];
    put_int(rows, COL(retransmissions), side->retransmissions);
    put_int(rows, COL(out_of_order), side->out_of_order);
    if (talk->rtt_us != EG_NO_TIME && !talk->told) put_int(rows, COL(rtt_us), talk->rtt_us);
}

void eg_flow_row_put(const struct eg_flow_cache *cache, const struct eg_flow *flow,
                     const struct eg_flow_row *row, struct eg_out *out) {
    bool second = row->second;
    const struct eg_flow_way *way = second ? eg_pool_at(&cache->ways, flow->second) : &flow->first;
    bool down = second != !!(flow->state & EG_FLOW_FIRST_DOWN);
    (void)eg_out_room(out, 1);
    struct eg_builder *rows = out->rows;
    if (rows->wanted & key_columns) {
        struct eg_flow_key key = eg_flow_key_get(cache, flow);
        put_key(rows, &key, down);
    }
    put_counts(rows, way);
    put_marks(rows, way);
    if (way->more != EG_NONE) put_more(rows, eg_pool_at(&cache->mores, way->more));
    put_initiator(rows, flow, second, row->one_way);
    if (flow->talk != EG_NONE) put_talk(rows, eg_pool_at(&cache->talks, flow->talk), down);
    put_int(rows, COL(end_reason), row->reason);
    eg_put_name(rows, COL(source), "packet", 6);
    eg_builder_row(rows, 1);
}
