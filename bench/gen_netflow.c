/* SPDX-License-Identifier: Apache-2.0
 * Makes a capture of NetFlow v5 exports: skewed addresses, several exporters, records that come a
 * while after they began and out of order, as routers send them. Prints the ground truth as JSON.
 *
 *   bench-gen_netflow --out nf.pcap [--records 20000000] [--exporters 50] [--hours 30] [--seed 1]
 *                     [--pairs 1000000] [--lose 0]   (--lose N: leaves out every N-th datagram)
 */
#include "capture_writer.h"

#include <inttypes.h>
#include <math.h>

#define DATAGRAM_RECORDS 30
#define COLLECTOR 0xc6336401u                     /* 198.51.100.1 */
#define START_US (UINT64_C(1767225600) * 1000000) /* 2026-01-01T00:00:00Z */

struct exporter {
    uint32_t address, sequence;
    uint64_t booted_ms;
    uint8_t engine;
};

struct pair {
    uint32_t client, server;
    uint64_t bytes;
    uint64_t flows;
};

struct truth {
    uint64_t records, packets, bytes, datagrams, lost_records, lost_datagrams;
    uint64_t first_ms, last_ms, host_flows, host_bytes, tcp;
};

struct run {
    struct random random;
    struct zipf zipf;
    struct pair *pairs;
    uint32_t pair_count;
    uint32_t host; /* whose flows are counted */
    struct truth truth;
};

static void make_pairs(struct run *run, uint32_t count) {
    run->pair_count = count;
    run->pairs = calloc(count, sizeof *run->pairs);
    if (!run->pairs) abort();
    for (uint32_t i = 0; i < count; i++) {
        run->pairs[i].client = 0x0a000000u | random_below(&run->random, 200000);
        run->pairs[i].server = 0xcb007100u + random_below(&run->random, 50000) * 7;
    }
    run->host = run->pairs[count / 100].client;
}

static const uint16_t server_ports[] = {443, 443, 443, 443, 80,  80,   53,   53,
                                        53,  22,  25,  123, 993, 3389, 8080, 5060};

/* One record of 48 bytes; `up_ms` is the exporter's uptime when it is sent. */
static void make_record(struct run *run, const struct exporter *from, uint64_t up_ms, uint8_t *to) {
    struct random *r = &run->random;
    struct pair *pair = &run->pairs[zipf_pick(&run->zipf, r)];
    bool reply = random_next(r) & 1;
    uint32_t src = reply ? pair->server : pair->client, dst = reply ? pair->client : pair->server;
    uint16_t service = server_ports[(pair->server ^ pair->client) & 15];
    uint16_t client_port = (uint16_t)(32768 + random_below(r, 28000));
    uint32_t dice = random_below(r, 100);
    uint8_t proto = dice < 3 ? 1 : service == 53 || service == 123 || dice < 15 ? 17 : 6;
    uint32_t packets = 1 + (uint32_t)(pow(1.0 - random_unit(r), -0.8) - 1.0) % 50000;
    uint32_t bytes = packets * (40 + random_below(r, reply ? 1400 : 300));
    /* exported up to 20 s after its end; lasted up to a minute */
    uint64_t end = up_ms - random_below(r, 20000);
    uint64_t duration =
        packets == 1 ? 0 : random_below(r, 60000) * (uint64_t)random_below(r, 1000) / 1000;
    uint64_t start = end - duration;
    memset(to, 0, 48);
    put32(to, src);
    put32(to + 4, dst);
    put32(to + 8, 0xac100001u + (dst >> 8) % 30);
    put16(to + 12, 1 + (src >> 3) % 48);
    put16(to + 14, 1 + (dst >> 3) % 48);
    put32(to + 16, packets);
    put32(to + 20, bytes);
    put32(to + 24, (uint32_t)start);
    put32(to + 28, (uint32_t)end);
    put16(to + 32, proto == 1 ? 0 : reply ? service : client_port);
    put16(to + 34, proto == 1 ? (reply ? 0 : 8 << 8) : reply ? client_port : service);
    to[37] = proto == 6 ? (packets > 3 ? 0x1b : 0x02) : 0;
    to[38] = proto;
    to[39] = dice == 50 ? 0xb8 : 0;
    put16(to + 40, reply ? 64512 + (src >> 12) % 500 : 65001);
    put16(to + 42, reply ? 65001 : 64512 + (dst >> 12) % 500);
    to[44] = reply ? 24 : 16;
    to[45] = reply ? 16 : 24;
    struct truth *t = &run->truth;
    uint64_t start_ms = from->booted_ms + start, end_ms = from->booted_ms + end;
    if (!t->records || start_ms < t->first_ms) t->first_ms = start_ms;
    if (end_ms > t->last_ms) t->last_ms = end_ms;
    t->records++;
    t->packets += packets;
    t->bytes += bytes;
    t->tcp += proto == 6;
    pair->bytes += bytes;
    pair->flows++;
    if (src == run->host || dst == run->host) {
        t->host_flows++;
        t->host_bytes += bytes;
    }
}

static uint32_t make_datagram(struct run *run, struct exporter *from, uint64_t now_us,
                              uint32_t count, uint8_t *frame) {
    uint32_t size = 24 + 48 * count;
    put_ip(frame, from->address, COLLECTOR, 17, 62, 8 + size, (uint16_t)from->sequence);
    uint8_t *udp = frame + 34, *v5 = frame + 42;
    put16(udp, 50000);
    put16(udp + 2, 2055);
    put16(udp + 4, 8 + size);
    put16(udp + 6, 0);
    uint64_t up_ms = now_us / 1000 - from->booted_ms;
    put16(v5, 5);
    put16(v5 + 2, count);
    put32(v5 + 4, (uint32_t)up_ms);
    put32(v5 + 8, (uint32_t)(now_us / 1000000));
    put32(v5 + 12,
          (uint32_t)(now_us / 1000 % 1000 * 1000000)); /* whole milliseconds, as uptime is */
    put32(v5 + 16, from->sequence);
    v5[20] = 1;
    v5[21] = from->engine;
    put16(v5 + 22, 0x4000 | 1); /* every packet was counted */
    for (uint32_t i = 0; i < count; i++) make_record(run, from, up_ms, v5 + 24 + 48 * i);
    from->sequence += count;
    return 42 + size;
}

static int by_bytes(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}
static int by_address(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    if (x->client != y->client) return x->client < y->client ? -1 : 1;
    return x->server < y->server ? -1 : x->server > y->server;
}

static void print_truth(struct run *run) {
    struct truth *t = &run->truth;
    qsort(run->pairs, run->pair_count, sizeof *run->pairs, by_address);
    uint32_t kept = 0; /* the same two hosts may have been drawn twice */
    for (uint32_t i = 1; i < run->pair_count; i++) {
        if (by_address(&run->pairs[kept], &run->pairs[i]) == 0) {
            run->pairs[kept].bytes += run->pairs[i].bytes;
            run->pairs[kept].flows += run->pairs[i].flows;
        } else {
            run->pairs[++kept] = run->pairs[i];
        }
    }
    qsort(run->pairs, kept + 1, sizeof *run->pairs, by_bytes);
    printf("{\"records\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"datagrams\":%" PRIu64 ",\"lost_records\":%" PRIu64 ",\"tcp\":%" PRIu64
           ",\"first_ms\":%" PRIu64 ",\"last_ms\":%" PRIu64 ",",
           t->records, t->packets, t->bytes, t->datagrams, t->lost_records, t->tcp, t->first_ms,
           t->last_ms);
    uint32_t h = run->host;
    printf("\"host\":\"%u.%u.%u.%u\",\"host_flows\":%" PRIu64 ",\"host_bytes\":%" PRIu64
           ",\"top_pairs\":[",
           h >> 24, h >> 16 & 255, h >> 8 & 255, h & 255, t->host_flows, t->host_bytes);
    for (uint32_t i = 0; i < 10 && i <= kept; i++) {
        const struct pair *p = &run->pairs[i];
        printf("%s{\"a\":\"%u.%u.%u.%u\",\"b\":\"%u.%u.%u.%u\",\"flows\":%" PRIu64
               ",\"bytes\":%" PRIu64 "}",
               i ? "," : "", p->client >> 24, p->client >> 16 & 255, p->client >> 8 & 255,
               p->client & 255, p->server >> 24, p->server >> 16 & 255, p->server >> 8 & 255,
               p->server & 255, p->flows, p->bytes);
    }
    printf("]}\n");
}

int main(int argc, char **argv) {
    uint64_t records = option_of(argc, argv, "--records", 20000000);
    uint32_t exporter_count = (uint32_t)option_of(argc, argv, "--exporters", 50);
    uint64_t span_us = option_of(argc, argv, "--hours", 30) * UINT64_C(3600000000);
    uint64_t lose = option_of(argc, argv, "--lose", 0);
    struct run run = {.random = {option_of(argc, argv, "--seed", 1)}};
    struct writer writer;
    if (!writer_open(&writer, text_option_of(argc, argv, "--out", "nf.pcap"))) {
        perror("gen_netflow");
        return 1;
    }
    uint32_t pairs = (uint32_t)option_of(argc, argv, "--pairs", 1000000);
    make_pairs(&run, pairs);
    zipf_make(&run.zipf, pairs);
    struct exporter *exporters = calloc(exporter_count, sizeof *exporters);
    if (!exporters) return 1;
    for (uint32_t i = 0; i < exporter_count; i++)
        exporters[i] = (struct exporter){.address = 0xc0000201u + i, /* 192.0.2.1 and on */
                                         .booted_ms = START_US / 1000 - 86400000u - i * 977,
                                         .engine = (uint8_t)(i & 3)};
    uint64_t datagrams = (records + DATAGRAM_RECORDS - 1) / DATAGRAM_RECORDS;
    uint8_t frame[42 + 24 + 48 * DATAGRAM_RECORDS];
    for (uint64_t i = 0; i < datagrams; i++) {
        uint64_t now_us = START_US + span_us * (i + 1) / datagrams;
        uint64_t left = records - run.truth.records;
        uint32_t count = left < DATAGRAM_RECORDS ? (uint32_t)left : DATAGRAM_RECORDS;
        struct exporter *from = &exporters[random_below(&run.random, exporter_count)];
        if (lose && i % lose == lose - 1) { /* the exporter counts it, nobody sees it */
            from->sequence += count;
            run.truth.lost_records += count;
            run.truth.lost_datagrams++;
            records -= count;
            continue;
        }
        uint32_t size = make_datagram(&run, from, now_us, count, frame);
        writer_packet(&writer, now_us + random_below(&run.random, 900), frame, size);
        run.truth.datagrams++;
    }
    if (!writer_close(&writer)) {
        perror("gen_netflow");
        return 1;
    }
    print_truth(&run);
    free(exporters);
    free(run.pairs);
    zipf_free(&run.zipf);
    return 0;
}
