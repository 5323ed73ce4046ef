/* SPDX-License-Identifier: Apache-2.0
 * Makes a capture of whole small packets: TCP connections with handshakes, running sequence numbers,
 * some retransmissions and closes, UDP and ICMP, many at once. Prints the ground truth as JSON.
 *
 *   bench-gen_packets --out pk.pcap [--packets 10000000] [--flows 500000] [--seed 1] [--live 20000]
 */
#include "capture_writer.h"

#include <inttypes.h>

#define START_US (UINT64_C(1767225600) * 1000000) /* 2026-01-01T00:00:00Z */

struct flow {
    uint32_t client, server;
    uint16_t client_port, server_port;
    uint8_t proto;
    uint32_t left, sent;          /* packets still to come, already sent */
    uint32_t seq[2], last_seq[2]; /* next and last sequence number, of client and server */
    uint8_t last_size[2];
};

struct truth {
    uint64_t packets, bytes, flows, tcp, udp, icmp, retransmissions, handshakes;
};

struct run {
    struct random random;
    struct writer writer;
    struct truth truth;
    uint64_t now_us;
    uint64_t packets_left, flows_left;
};

static void flow_start(struct run *run, struct flow *flow) {
    struct random *r = &run->random;
    uint32_t dice = random_below(r, 100);
    *flow = (struct flow){
        .client = 0x0a000000u | random_below(r, 1 << 18),
        .server = 0xc0a80000u | random_below(r, 1 << 14),
        .client_port = (uint16_t)(1024 + random_below(r, 64000)),
        .server_port = dice < 50   ? 443
                       : dice < 70 ? 80
                       : dice < 75 ? 22
                                   : 53,
        .proto = dice < 75   ? 6
                 : dice < 96 ? 17
                             : 1,
        .seq = {(uint32_t)random_next(r), (uint32_t)random_next(r)},
    };
    /* what is left is shared fairly: on average packets_left / flows_left each */
    uint64_t mean = run->flows_left ? run->packets_left / run->flows_left : 1;
    flow->left = 1 + random_below(r, (uint32_t)(mean > 1 ? 2 * mean - 1 : 1));
    if (flow->proto == 6 && flow->left < 4) flow->left = 4;
    if (run->flows_left) run->flows_left--;
    run->truth.flows++;
}

/* A TCP segment; returns the size of the frame. */
static uint32_t make_tcp(struct run *run, struct flow *flow, bool from_server, uint8_t *frame) {
    struct random *r = &run->random;
    uint8_t flags = 0x10, size = 0;
    bool again = false;
    if (flow->sent == 0)
        flags = 0x02, from_server = false;
    else if (flow->sent == 1)
        flags = 0x12, from_server = true, run->truth.handshakes++;
    else if (flow->sent == 2)
        from_server = false;
    else if (flow->left == 1)
        flags = 0x11;
    else {
        size = (uint8_t)random_below(r, 147);
        if (size) flags = 0x18;
        again = flow->last_size[from_server] && random_below(r, 200) == 0;
    }
    if (again) {
        size = flow->last_size[from_server];
        run->truth.retransmissions++;
    } else {
        flow->last_seq[from_server] = flow->seq[from_server];
        flow->last_size[from_server] = size;
    }
    uint8_t *tcp = frame + 34;
    put16(tcp, from_server ? flow->server_port : flow->client_port);
    put16(tcp + 2, from_server ? flow->client_port : flow->server_port);
    put32(tcp + 4, again ? flow->last_seq[from_server] : flow->seq[from_server]);
    put32(tcp + 8, flow->sent == 0 ? 0 : flow->seq[!from_server]);
    tcp[12] = 0x50;
    tcp[13] = flags;
    put16(tcp + 14, 64240);
    put32(tcp + 16, 0);
    memset(tcp + 20, 'x', size);
    if (!again) flow->seq[from_server] += size + ((flags & 0x03) ? 1u : 0u);
    put_ip(frame, from_server ? flow->server : flow->client,
           from_server ? flow->client : flow->server, 6, from_server ? 57 : 64, 20u + size,
           (uint16_t)flow->sent);
    return 54u + size;
}

static uint32_t make_other(struct run *run, struct flow *flow, bool from_server, uint8_t *frame) {
    uint32_t size = 12 + random_below(&run->random, 140);
    uint8_t *l4 = frame + 34;
    memset(l4, 0, 8 + size);
    if (flow->proto == 17) {
        put16(l4, from_server ? flow->server_port : flow->client_port);
        put16(l4 + 2, from_server ? flow->client_port : flow->server_port);
        put16(l4 + 4, 8 + size);
    } else {
        l4[0] = from_server ? 0 : 8;
        put16(l4 + 4, flow->client_port);
        put16(l4 + 6, flow->sent / 2);
    }
    put_ip(frame, from_server ? flow->server : flow->client,
           from_server ? flow->client : flow->server, flow->proto, from_server ? 57 : 64, 8 + size,
           (uint16_t)flow->sent);
    return 42 + size;
}

static void flow_send(struct run *run, struct flow *flow) {
    uint8_t frame[256];
    bool from_server = random_next(&run->random) & 1;
    if (flow->sent == 0) from_server = false;
    uint32_t size = flow->proto == 6 ? make_tcp(run, flow, from_server, frame)
                                     : make_other(run, flow, from_server, frame);
    run->now_us += random_below(&run->random, 60);
    writer_packet(&run->writer, run->now_us, frame, size);
    flow->sent++;
    flow->left--;
    run->packets_left--;
    run->truth.packets++;
    run->truth.bytes += size;
    *(flow->proto == 6    ? &run->truth.tcp
      : flow->proto == 17 ? &run->truth.udp
                          : &run->truth.icmp) += 1;
}

int main(int argc, char **argv) {
    struct run run = {.random = {option_of(argc, argv, "--seed", 1)}, .now_us = START_US};
    run.packets_left = option_of(argc, argv, "--packets", 10000000);
    run.flows_left = option_of(argc, argv, "--flows", 500000);
    uint32_t live = (uint32_t)option_of(argc, argv, "--live", 20000);
    if (!writer_open(&run.writer, text_option_of(argc, argv, "--out", "pk.pcap"))) {
        perror("gen_packets");
        return 1;
    }
    struct flow *flows = calloc(live, sizeof *flows);
    if (!flows) return 1;
    while (run.packets_left) {
        struct flow *flow = &flows[random_below(&run.random, live)];
        if (!flow->left) flow_start(&run, flow);
        flow_send(&run, flow);
    }
    free(flows);
    if (!writer_close(&run.writer)) {
        perror("gen_packets");
        return 1;
    }
    const struct truth *t = &run.truth;
    printf("{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"tcp\":%" PRIu64
           ",\"udp\":%" PRIu64 ",\"icmp\":%" PRIu64 ",\"retransmissions\":%" PRIu64
           ",\"handshakes\":%" PRIu64 "}\n",
           t->packets, t->bytes, t->flows, t->tcp, t->udp, t->icmp, t->retransmissions,
           t->handshakes);
    return 0;
}
