/* SPDX-License-Identifier: Apache-2.0
 * A listener with a spool, driven by tests in Python that kill it or take its disk away.
 *
 *   spool_driver receive DIR QUEUE   receives until its standard input ends; a line of JSON every 50 ms
 *   spool_driver keep DIR OUT        also reads, and keeps the datagrams' first 8 bytes in the file OUT,
 *                                    with how far it came in OUT.position, as a sink would
 *   spool_driver dump DIR            the first 8 bytes of all datagrams in the spool, to stdout */
#include "base/durable.h"
#include "source/listener.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct eg_source_type eg_source_udp;

static void die(const struct eg_error *err) {
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static struct eg_listener *listen_on(const char *directory, int64_t queue) {
    char *uris[] = {(char[]){"udp://127.0.0.1:0"}};
    struct eg_listener_options options = {.endpoints = {uris, 1},
                                          .spool = directory,
                                          .queue = queue,
                                          .receive_buffer = 4 << 20,
                                          .spool_reserve = 1,
                                          .spool_segment = 1 << 20,
                                          .sync_interval_us = 20000};
    struct eg_listener *listener;
    struct eg_error err;
    if (eg_listener_open(&listener, &eg_env_plain, &options, &err) < 0) die(&err);
    return listener;
}

static void counts_print(struct eg_listener *listener, uint64_t durable) {
    struct eg_listener_counts c;
    eg_listener_counts(listener, &c);
    printf("{\"port\": %u, \"durable\": %llu, \"sequence\": %llu, \"received\": %llu, "
           "\"kernel\": %llu, \"queue_dropped\": %llu, \"spool_dropped\": %llu, \"stuck\": %d}\n",
           c.endpoints[0].port, (unsigned long long)durable, (unsigned long long)c.spool.sequence,
           (unsigned long long)c.datagrams, (unsigned long long)c.kernel_drops,
           (unsigned long long)c.queue_dropped, (unsigned long long)c.spool_dropped, c.spool_stuck);
    fflush(stdout);
}

static bool input_ended(int wait_ms) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char byte;
    return poll(&in, 1, wait_ms) > 0 && read(0, &byte, 1) <= 0;
}

static int receive(const char *directory, int64_t queue) {
    struct eg_listener *listener = listen_on(directory, queue);
    uint64_t durable = 0;
    do {
        struct eg_listener_counts c;
        eg_listener_counts(listener, &c);
        if (c.spool.sequence > durable && eg_listener_sync(listener, 1000000))
            durable = c.spool.sequence;
        counts_print(listener, durable);
    } while (!input_ended(50));
    eg_listener_drain(listener);
    while (!eg_listener_drained(listener)) usleep(10000);
    counts_print(listener, durable);
    eg_listener_close(listener);
    return 0;
}

/* ---- keep ---- */

struct kept {
    struct eg_position position;
    uint64_t bytes;
};

static void keep_batch(FILE *out, const struct eg_batch *batch) {
    const struct eg_span *payloads = eg_col_view(&batch->columns[EG_COL(RAW, payload)]);
    for (uint32_t row = 0; row < batch->rows; row++) fwrite(payloads[row].at, 1, 8, out);
}

static void keep_position(struct eg_source *source, FILE *out, const char *path,
                          struct kept *kept) {
    struct eg_error err;
    if (fflush(out) != 0 || fsync(fileno(out)) != 0) exit(1);
    kept->bytes = (uint64_t)ftell(out);
    if (eg_source_udp.position(source, 0, &kept->position, &err) < 0) die(&err);
    if (eg_file_replace(path, kept, sizeof *kept, &err) < 0) die(&err);
}

static int keep(const char *directory, const char *out_path) {
    char path[1000], *text = NULL;
    size_t size = 0;
    struct kept kept = {.bytes = 0};
    struct eg_error err;
    snprintf(path, sizeof path, "%s.position", out_path);
    bool known = access(path, F_OK) == 0;
    if (known && eg_file_read(&text, &size, path, sizeof kept, &err) < 0) die(&err);
    if (known) memcpy(&kept, text, sizeof kept);
    free(text);
    FILE *out = fopen(out_path, "ab");
    if (!out || ftruncate(fileno(out), (off_t)kept.bytes) != 0) exit(1);
    fseek(out, 0, SEEK_END);
    struct eg_udp_options options = {.listener = listen_on(directory, 8 << 20)};
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_tally tally = {0};
    if (eg_source_udp.open(&eg_env_plain, "", &options, &source, &err) < 0) die(&err);
    if (eg_source_udp.plan(source, &kept.position, known, &plan, &err) < 0) die(&err);
    counts_print(options.listener, 0);
    for (int round = 1; !input_ended(0); round++) {
        struct eg_batch *batch;
        enum eg_status status = eg_source_udp.next(source, 0, &batch, &tally, &err);
        if (status < 0) die(&err);
        if (status == EG_OK) {
            keep_batch(out, batch);
            eg_batch_unref(batch);
        }
        if (round % 3 == 0) keep_position(source, out, path, &kept);
    }
    eg_listener_drain(options.listener);
    for (;;) {
        struct eg_batch *batch;
        enum eg_status status = eg_source_udp.next(source, 0, &batch, &tally, &err);
        if (status < 0) die(&err);
        if (status == EG_END) break;
        if (status != EG_OK) continue;
        keep_batch(out, batch);
        eg_batch_unref(batch);
    }
    keep_position(source, out, path, &kept);
    printf("{\"damaged\": %lld}\n",
           (long long)eg_tally_sum(&tally, EG_CAUSE_spool_damaged).records);
    eg_source_udp.close(source);
    eg_listener_close(options.listener);
    eg_tally_reset(&tally);
    fclose(out);
    return 0;
}

/* ---- dump ---- */

static int dump(const char *directory) {
    struct eg_spool_options options = {
        .directory = directory, .bytes_max = 1 << 30, .segment_bytes = 1 << 20};
    struct eg_spool *spool;
    struct eg_spool_reader *reader;
    struct eg_spool_piece piece;
    struct eg_spool_damage damage = {0};
    struct eg_error err;
    if (eg_spool_open(&spool, &eg_env_plain, &options, &err) < 0) die(&err);
    if (eg_spool_reader_new(&reader, spool, 0, &err) < 0) die(&err);
    while (eg_spool_read(reader, &piece, &damage, &err) == EG_OK) {
        struct eg_received r;
        size_t at = EG_BLOCK_HEAD;
        while (eg_block_next(piece.block, &at, &r)) fwrite(r.payload.at, 1, 8, stdout);
    }
    eg_spool_reader_free(reader);
    eg_spool_close(spool);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "receive") == 0)
        return receive(argv[2], strtoll(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "keep") == 0) return keep(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "dump") == 0) return dump(argv[2]);
    fprintf(stderr, "usage: spool_driver receive DIR QUEUE | keep DIR OUT | dump DIR\n");
    return 2;
}
