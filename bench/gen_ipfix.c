/* SPDX-License-Identifier: Apache-2.0
 * Makes a capture of IPFIX or NetFlow v9 exports: several exporters, each with the same templates of
 * IPv4 and IPv6 flows and options with its sampling rate, sent again every so often. Prints the
 * ground truth as JSON.
 *
 *   bench-gen_ipfix --out ipfix.pcap [--v9 1] [--records 10000000] [--exporters 50] [--hours 30]
 *                   [--seed 1] [--every 500]    datagrams of an exporter between its templates
 *                   [--late 0]      datagrams of an exporter before its first templates
 *                   [--names 0]     1: records end with a name of variable length (IPFIX)
 *                   [--lose 0]      leaves out every N-th datagram without templates
 */
#include "capture_writer.h"

#include <inttypes.h>
#include <math.h>

#define COLLECTOR 0xc6336401u                     /* 198.51.100.1 */
#define START_US (UINT64_C(1767225600) * 1000000) /* 2026-01-01T00:00:00Z */
enum { ROOM = 1400, V4 = 256, V6 = 257, OPTIONS = 258, SAMPLING = 100, DOMAIN = 7 };

struct field {
    uint16_t id, length;
};
/* All but the addresses and the name; times differ by protocol. */
static const struct field common[] = {{7, 2},  {11, 2}, {4, 1}, {6, 1},  {5, 1},  {10, 4},
                                      {14, 4}, {2, 8},  {1, 8}, {16, 4}, {17, 4}, {61, 1}};
enum { COMMON = sizeof common / sizeof *common };
static const char *const names[] = {"http", "dns", "", "a name of some length", "ssh"};

struct exporter {
    uint32_t address, datagrams, records; /* sent */
    uint64_t booted_ms;
};

struct run {
    struct random random;
    bool v9, names;
    struct {
        uint64_t records, packets, bytes, datagrams, lost_records, lost_datagrams, six, options;
        uint64_t first_ms, last_ms;
    } truth;
};

struct out {
    uint8_t *at;
    uint32_t size;
};
static void add(struct out *o, uint64_t value, uint32_t width) {
    for (uint32_t i = 0; i < width; i++)
        o->at[o->size + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    o->size += width;
}
static uint32_t set_begin(struct out *o, uint32_t id) {
    add(o, id, 2), add(o, 0, 2);
    return o->size - 4;
}
static void set_end(struct out *o, uint32_t at) {
    while (o->size & 3) o->at[o->size++] = 0;
    put16(o->at + at + 2, o->size - at);
}

static void add_template(const struct run *run, struct out *o, bool six) {
    uint32_t at = set_begin(o, run->v9 ? 0 : 2);
    add(o, six ? V6 : V4, 2), add(o, COMMON + 4 + run->names, 2);
    add(o, six ? 27 : 8, 2), add(o, six ? 16 : 4, 2), add(o, six ? 28 : 12, 2);
    add(o, six ? 16 : 4, 2);
    for (int i = 0; i < COMMON; i++) add(o, common[i].id, 2), add(o, common[i].length, 2);
    add(o, run->v9 ? 22 : 152, 2), add(o, run->v9 ? 4 : 8, 2);
    add(o, run->v9 ? 21 : 153, 2), add(o, run->v9 ? 4 : 8, 2);
    if (run->names) add(o, 96, 2), add(o, 65535, 2);
    set_end(o, at);
}

static void add_options(struct run *run, struct out *o) {
    uint32_t at = set_begin(o, run->v9 ? 1 : 3);
    add(o, OPTIONS, 2);
    if (run->v9)
        add(o, 4, 2), add(o, 4, 2), add(o, 1, 2), add(o, 4, 2);
    else
        add(o, 2, 2), add(o, 1, 2), add(o, 144, 2), add(o, 4, 2);
    add(o, 34, 2), add(o, 4, 2);
    set_end(o, at);
    at = set_begin(o, OPTIONS);
    add(o, 0, 4), add(o, SAMPLING, 4);
    set_end(o, at);
    run->truth.options++;
}

static void add_record(struct run *run, struct out *o, const struct exporter *from, bool six,
                       uint64_t up_ms) {
    struct random *r = &run->random;
    uint32_t client = 0x0a000000u | random_below(r, 200000);
    uint32_t server = 0xcb007100u + random_below(r, 50000) * 7;
    uint32_t packets = 1 + (uint32_t)(pow(1.0 - random_unit(r), -0.8) - 1.0) % 50000;
    uint64_t bytes = (uint64_t)packets * (40 + random_below(r, 1400));
    uint64_t end = up_ms - random_below(r, 20000), start = end - random_below(r, 60000);
    uint8_t proto = random_below(r, 10) < 3 ? 17 : 6;
    if (six) add(o, UINT64_C(0x20010db800000000), 8), add(o, 0, 4);
    add(o, client, 4);
    if (six) add(o, UINT64_C(0x20010db800010000), 8), add(o, 0, 4);
    add(o, server, 4);
    add(o, 32768 + random_below(r, 28000), 2), add(o, proto == 17 ? 53 : 443, 2);
    add(o, proto, 1), add(o, proto == 6 ? 0x1b : 0, 1), add(o, 0, 1);
    add(o, 1 + client % 48, 4), add(o, 1 + server % 48, 4), add(o, packets, 8), add(o, bytes, 8);
    add(o, 65001, 4), add(o, 64512 + server % 500, 4), add(o, 0, 1);
    add(o, run->v9 ? start : from->booted_ms + start, run->v9 ? 4 : 8);
    add(o, run->v9 ? end : from->booted_ms + end, run->v9 ? 4 : 8);
    if (run->names) {
        const char *name = names[random_below(r, 5)];
        add(o, strlen(name), 1);
        memcpy(o->at + o->size, name, strlen(name));
        o->size += (uint32_t)strlen(name);
    }
    run->truth.records++;
    run->truth.six += six;
    run->truth.packets += packets;
    run->truth.bytes += bytes;
    uint64_t first = from->booted_ms + start, last = from->booted_ms + end;
    if (run->truth.first_ms == 0 || first < run->truth.first_ms) run->truth.first_ms = first;
    if (last > run->truth.last_ms) run->truth.last_ms = last;
}

static void add_header(const struct run *run, struct out *o, const struct exporter *from,
                       uint64_t now_ms) {
    add(o, run->v9 ? 9 : 10, 2), add(o, 0, 2);
    if (run->v9) add(o, (uint32_t)(now_ms - from->booted_ms), 4);
    add(o, now_ms / 1000, 4);
    add(o, run->v9 ? from->datagrams : from->records, 4);
    add(o, DOMAIN, 4);
}

static uint32_t make_datagram(struct run *run, struct exporter *from, uint64_t now_us,
                              uint64_t left, bool templates, uint8_t *frame) {
    uint64_t now_ms = now_us / 1000000 * 1000; /* the header has whole seconds */
    struct out o = {frame + 42, 0};
    uint64_t before = run->truth.records + run->truth.options;
    add_header(run, &o, from, now_ms);
    if (templates) {
        add_template(run, &o, false), add_template(run, &o, true);
        add_options(run, &o);
    }
    bool six = random_below(&run->random, 8) == 0;
    uint32_t at = set_begin(&o, six ? V6 : V4);
    uint32_t record = (six ? 32u : 8u) + 40 + (run->v9 ? 8 : 16) + (run->names ? 22 : 0);
    while (left-- && o.size + record <= ROOM)
        add_record(run, &o, from, six, now_ms - from->booted_ms);
    set_end(&o, at);
    uint64_t count = run->truth.records + run->truth.options - before;
    put16(o.at + 2, run->v9 ? (uint32_t)count : o.size);
    from->datagrams++;
    from->records += (uint32_t)count;
    put_ip(frame, from->address, COLLECTOR, 17, 62, 8 + o.size, (uint16_t)from->datagrams);
    put16(frame + 34, 50000), put16(frame + 36, 2055), put16(frame + 38, 8 + o.size);
    put16(frame + 40, 0);
    return 42 + o.size;
}

int main(int argc, char **argv) {
    uint64_t records = option_of(argc, argv, "--records", 10000000);
    uint32_t exporter_count = (uint32_t)option_of(argc, argv, "--exporters", 50);
    uint64_t span_us = option_of(argc, argv, "--hours", 30) * UINT64_C(3600000000);
    uint64_t every = option_of(argc, argv, "--every", 500),
             lose = option_of(argc, argv, "--lose", 0);
    uint64_t late = option_of(argc, argv, "--late", 0);
    struct run run = {.random = {option_of(argc, argv, "--seed", 1)},
                      .v9 = option_of(argc, argv, "--v9", 0),
                      .names = option_of(argc, argv, "--names", 0)};
    struct writer writer;
    if (!writer_open(&writer, text_option_of(argc, argv, "--out", "ipfix.pcap"))) {
        perror("gen_ipfix");
        return 1;
    }
    struct exporter *exporters = calloc(exporter_count, sizeof *exporters);
    if (!exporters) return 1;
    for (uint32_t i = 0; i < exporter_count; i++)
        exporters[i] = (struct exporter){.address = 0xc0000201u + i, /* 192.0.2.1 and on */
                                         .booted_ms = START_US / 1000 - 86400000u - i * 977};
    uint8_t frame[42 + ROOM + 64];
    uint64_t expected = records / 19 + 1; /* datagrams, roughly: for the clock */
    for (uint64_t i = 0; run.truth.records < records; i++) {
        uint64_t now_us =
            START_US + (uint64_t)((double)span_us * ((double)(i + 1) / (double)expected));
        struct exporter *from = &exporters[random_below(&run.random, exporter_count)];
        bool templates = from->datagrams >= late && (from->datagrams - late) % every == 0;
        struct run before = run;
        uint32_t size =
            make_datagram(&run, from, now_us, records - run.truth.records, templates, frame);
        if (lose && !templates &&
            i % lose == lose - 1) { /* the exporter counts it, nobody sees it */
            uint64_t count = run.truth.records - before.truth.records;
            before.random = run.random;
            run = before;
            run.truth.lost_records += count;
            run.truth.lost_datagrams++;
            records -= count;
            continue;
        }
        writer_packet(&writer, now_us + random_below(&run.random, 900), frame, size);
        run.truth.datagrams++;
    }
    if (!writer_close(&writer)) {
        perror("gen_ipfix");
        return 1;
    }
    printf("{\"records\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"datagrams\":%" PRIu64 ",\"ipv6\":%" PRIu64 ",\"options\":%" PRIu64
           ",\"sampling\":%d,\"lost_records\":%" PRIu64 ",\"lost_datagrams\":%" PRIu64
           ",\"first_ms\":%" PRIu64 ",\"last_ms\":%" PRIu64 "}\n",
           run.truth.records, run.truth.packets, run.truth.bytes, run.truth.datagrams,
           run.truth.six, run.truth.options, SAMPLING, run.truth.lost_records,
           run.truth.lost_datagrams, run.truth.first_ms, run.truth.last_ms);
    free(exporters);
    return 0;
}
