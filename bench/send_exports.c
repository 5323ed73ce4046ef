/* SPDX-License-Identifier: Apache-2.0
 * Sends the export datagrams of a capture to a UDP port at a steady rate, over and over, for so many
 * seconds: what a collector's highest loss-free rate is measured with. Versions and sequence numbers
 * are put right (one exporter, one running number), so that no collector sees a gap that is none.
 * Prints what was sent as JSON.
 *
 *   bench-send_exports --in nf.pcap --to 127.0.0.1:2055 --records-per-second 1000000 --seconds 10
 *                      [--datagrams 100000]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 32, FRAME_HEAD = 14 + 20 + 8 };

struct datagram {
    uint8_t *bytes;
    uint32_t size, records;
};

struct load {
    struct datagram *items;
    size_t count;
    uint64_t records;
};

static void die(const char *what) {
    fprintf(stderr, "send_exports: %s: %s\n", what, errno ? strerror(errno) : "cannot be");
    exit(1);
}

static uint16_t u16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The headers count records; of the v9 made here (gen_ipfix.c) a datagram that begins with templates
 * has one record of options among them, which becomes no flow. */
static uint32_t records_of(const uint8_t *payload) {
    enum { V9_HEADER = 20, V9_TEMPLATES = 0 };
    bool options = u16(payload) == 9 && u16(payload + V9_HEADER) == V9_TEMPLATES;
    return u16(payload + 2) - options;
}

static struct load load_capture(const char *path, size_t most) {
    struct load load = {calloc(most, sizeof(struct datagram)), 0, 0};
    uint8_t head[24], record[16];
    FILE *in = fopen(path, "rb");
    if (!in || !load.items || fread(head, 1, 24, in) != 24) die(path);
    while (load.count < most && fread(record, 1, 16, in) == 16) {
        uint32_t size;
        memcpy(&size, record + 8, 4);
        uint8_t *frame = malloc(size);
        if (!frame || fread(frame, 1, size, in) != size || size < FRAME_HEAD + 20) die(path);
        struct datagram *d = &load.items[load.count++];
        *d = (struct datagram){frame + FRAME_HEAD, size - FRAME_HEAD, 0};
        d->records = records_of(d->bytes);
        load.records += d->records;
    }
    fclose(in);
    return load;
}

static void number(struct datagram *d, uint32_t *records, uint32_t *datagrams) {
    bool five = u16(d->bytes) == 5;
    put32(d->bytes + (five ? 16 : 12), five ? *records : *datagrams);
    if (five) d->bytes[20] = d->bytes[21] = 0; /* one engine */
    if (!five) put32(d->bytes + 16, 0);        /* one source id */
    *records += d->records;
    ++*datagrams;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_to(const char *text) {
    char host[64];
    int port;
    if (sscanf(text, "%63[^:]:%d", host, &port) != 2) die(text);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) die(text);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die(text);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return fd;
}

static void run(struct load *load, int fd, double rate, double seconds) {
    uint32_t records = 0, datagrams = 0;
    uint64_t sent = 0, bytes = 0, total = 0;
    double began = now();
    for (size_t at = 0; now() - began < seconds;) {
        struct mmsghdr messages[BURST] = {0};
        struct iovec parts[BURST];
        for (int i = 0; i < BURST; i++, at = (at + 1) % load->count) {
            struct datagram *d = &load->items[at];
            number(d, &records, &datagrams);
            total += d->records;
            bytes += d->size;
            parts[i] = (struct iovec){d->bytes, d->size};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        }
        for (int done = 0; done < BURST;) {
            int n = sendmmsg(fd, messages + done, (unsigned)(BURST - done), 0);
            if (n < 0 && errno == ECONNREFUSED) continue;
            if (n < 0) die("sendmmsg");
            done += n;
        }
        sent += BURST;
        double ahead = (double)total / rate - (now() - began);
        if (ahead > 0.0002) {
            struct timespec nap = {0, (long)(ahead * 1e9)};
            nanosleep(&nap, NULL);
        }
    }
    printf("{\"datagrams\":%" PRIu64 ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"seconds\":%.3f}\n",
           sent, total, bytes, now() - began);
}

int main(int argc, char **argv) {
    const char *in = NULL, *to = "127.0.0.1:2055";
    double rate = 1e6, seconds = 10;
    size_t most = 100000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--in") == 0) in = argv[i + 1];
        if (strcmp(argv[i], "--to") == 0) to = argv[i + 1];
        if (strcmp(argv[i], "--records-per-second") == 0) rate = strtod(argv[i + 1], NULL);
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtod(argv[i + 1], NULL);
        if (strcmp(argv[i], "--datagrams") == 0) most = strtoul(argv[i + 1], NULL, 10);
    }
    if (!in) die("--in");
    struct load load = load_capture(in, most);
    int fd = connect_to(to);
    run(&load, fd, rate, seconds);
    close(fd);
    return 0;
}
