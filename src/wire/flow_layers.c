/* SPDX-License-Identifier: Apache-2.0
 * From the layers of one packet to the columns of a flow of one packet. */
#include "wire/flow_layers.h"

enum { LABEL_DIGITS = 7 }; /* of 20 bits */

void eg_flow_put_labels(struct eg_builder *row, const uint32_t *labels, uint32_t count) {
    if (!count || !eg_builder_wants(row, EG_COL(FLOWS, mpls_labels))) return;
    char text[EG_MPLS_LABELS_MAX * (LABEL_DIGITS + 1)];
    size_t size = 0;
    if (count > EG_MPLS_LABELS_MAX) count = EG_MPLS_LABELS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        char digits[LABEL_DIGITS];
        size_t n = 0;
        uint32_t label = labels[i] & 0xfffff;
        do digits[n++] = (char)('0' + label % 10);
        while (label /= 10);
        if (i) text[size++] = ',';
        while (n) text[size++] = digits[--n];
    }
    eg_put_text(row, EG_COL(FLOWS, mpls_labels), text, size);
}

static void put_headers(struct eg_builder *row, const struct eg_layers *layers) {
    if (layers->has & EG_HAS_PROTO) eg_put_int(row, EG_COL(FLOWS, proto), layers->proto);
    if (layers->has & EG_HAS_TOS) eg_put_int(row, EG_COL(FLOWS, tos), layers->tos);
    if (layers->has & EG_HAS_TTL) {
        eg_put_int(row, EG_COL(FLOWS, min_ttl), layers->ttl);
        eg_put_int(row, EG_COL(FLOWS, max_ttl), layers->ttl);
    }
    if (layers->has & EG_HAS_PORTS) {
        eg_put_int(row, EG_COL(FLOWS, src_port), layers->src_port);
        eg_put_int(row, EG_COL(FLOWS, dst_port), layers->dst_port);
    }
    if (layers->has & EG_HAS_TCP_FLAGS)
        eg_put_int(row, EG_COL(FLOWS, tcp_flags), layers->tcp_flags);
    if (layers->has & EG_HAS_ICMP) {
        eg_put_int(row, EG_COL(FLOWS, icmp_type), layers->icmp_type);
        eg_put_int(row, EG_COL(FLOWS, icmp_code), layers->icmp_code);
    }
}

void eg_flow_put_tunnel(struct eg_builder *row, const struct eg_layers *layers) {
    if (layers->has & EG_HAS_OUTER) {
        eg_put_addr(row, EG_COL(FLOWS, outer_src_ip), &layers->outer_src);
        eg_put_addr(row, EG_COL(FLOWS, outer_dst_ip), &layers->outer_dst);
    }
    if (layers->has & EG_HAS_TUNNEL) {
        const char *name = eg_tunnel_name(layers->tunnel);
        eg_put_name(row, EG_COL(FLOWS, tunnel), name, strlen(name));
    }
    if (layers->has & EG_HAS_TUNNEL_ID)
        eg_put_int(row, EG_COL(FLOWS, tunnel_id), (int64_t)layers->tunnel_id);
}

void eg_flow_put_layers(struct eg_builder *row, const struct eg_layers *layers) {
    if (layers->has & EG_HAS_SRC) eg_put_addr(row, EG_COL(FLOWS, src_ip), &layers->src);
    if (layers->has & EG_HAS_DST) eg_put_addr(row, EG_COL(FLOWS, dst_ip), &layers->dst);
    if (layers->has & EG_HAS_SRC_MAC)
        eg_put_int(row, EG_COL(FLOWS, src_mac), (int64_t)layers->src_mac);
    if (layers->has & EG_HAS_DST_MAC)
        eg_put_int(row, EG_COL(FLOWS, dst_mac), (int64_t)layers->dst_mac);
    if (layers->has & EG_HAS_VLAN) eg_put_int(row, EG_COL(FLOWS, vlan), layers->vlan);
    if (layers->has & EG_HAS_MPLS) eg_flow_put_labels(row, layers->mpls, layers->mpls_count);
    put_headers(row, layers);
    eg_flow_put_tunnel(row, layers);
}
