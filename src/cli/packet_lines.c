/* SPDX-License-Identifier: Apache-2.0
 * The packets of a sequence file, a line each:
 *
 *   TS: October 9, 2019 8:43:39 PM UTC,ip_src_addr: A,ip_src_port: n,ip_dst_addr: B,ip_dst_port: n,protocol: 6
 *   Error: malformed packet #=N, ts=TIME, error msg=WHY              (N from 0, records counted)
 *
 * Months are English and times UTC, whatever the system's; fields that a packet has not are left out.
 * Unlike Metron's, addresses stand there for every IP packet, not for TCP and UDP over IPv4 alone. */
#include "cli/packet_lines.h"

#include "base/timetext.h"
#include "source/stream.h"
#include "table/address.h"
#include "wire/dissect.h"
#include "wire/seqfile_write.h"

#include <stdio.h>

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

struct lines {
    uint64_t records, bad, most;
};

static void time_text(int64_t time_ns, char text[60]) {
    if (time_ns == EG_FRAME_NO_TIME) {
        snprintf(text, 60, "unknown");
        return;
    }
    struct eg_civil t = eg_time_civil(time_ns / 1000);
    snprintf(text, 60, "%s %d, %lld %d:%02d:%02d %s UTC", months[t.month - 1], t.day,
             (long long)t.year, t.hour % 12 ? t.hour % 12 : 12, t.minute, t.second,
             t.hour < 12 ? "AM" : "PM");
}

static void end_print(const char *name, const struct eg_addr *address, bool has_port,
                      uint16_t port) {
    char text[EG_ADDR_TEXT];
    eg_addr_text(address, text);
    printf(",ip_%s_addr: %s", name, text);
    if (has_port) printf(",ip_%s_port: %u", name, port);
}

static void packet_print(const struct eg_batch *batch) {
    const struct eg_column *c = batch->columns;
    struct eg_layers layers;
    char time[60];
    bool timed = eg_batch_valid(batch, EG_COL(RAW, time_ns), 0);
    time_text(timed ? eg_col_int(&c[EG_COL(RAW, time_ns)], 0) : EG_FRAME_NO_TIME, time);
    eg_dissect((uint32_t)eg_col_int(&c[EG_COL(RAW, link_type)], 0),
               eg_col_view(&c[EG_COL(RAW, payload)])[0],
               (uint32_t)eg_col_int(&c[EG_COL(RAW, length)], 0), &layers);
    bool ports = layers.has & EG_HAS_PORTS;
    printf("TS: %s", time);
    if (layers.has & EG_HAS_SRC) end_print("src", &layers.src, ports, layers.src_port);
    if (layers.has & EG_HAS_DST) end_print("dst", &layers.dst, ports, layers.dst_port);
    if (layers.has & EG_HAS_PROTO) printf(",protocol: %u", layers.proto);
    putchar('\n');
}

static void bad_print(void *to, int64_t time_ns, const char *why) {
    struct lines *lines = to;
    char time[60];
    if (lines->most && lines->records == lines->most) return;
    time_text(time_ns, time);
    fflush(stdout); /* each in its place, where both go to the same terminal */
    fprintf(stderr, "Error: malformed packet #=%llu, ts=%s, error msg=%s\n",
            (unsigned long long)lines->records, time, why);
    lines->records++;
    lines->bad++;
}

bool eg_packet_lines_fit(const struct eg_call *call, const char *path) {
    struct eg_input input;
    uint8_t head[4];
    size_t got = 0;
    if (eg_input_open(&input, &call->env, path, NULL) < 0) return false;
    bool fits = eg_input_read(&input, head, sizeof head, &got, NULL) == EG_OK &&
                eg_seqfile_is(eg_span(head, got));
    eg_input_reset(&input);
    return fits;
}

static void fact_word(struct eg_facts *facts, const char *name, struct eg_span word) {
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)word.size, (const char *)word.at);
    eg_facts_text(facts, name, text);
}

void eg_packet_lines_form(const char *path, struct eg_span head, struct eg_facts *facts) {
    static const char *const layouts[] = {"plain", "records", "blocks"};
    struct eg_seqfile file;
    struct eg_seqfile_name name;
    if (eg_seqfile_open(&file, head, NULL) != EG_OK) return;
    eg_facts_text(facts, "layout", layouts[file.layout]);
    if (file.layout != EG_SEQFILE_PLAIN)
        eg_facts_text(facts, "codec", eg_seqfile_codec_name(file.codec));
    if (!eg_seqfile_name_read(&name, path)) return;
    fact_word(facts, "topic", name.topic);
    eg_facts_int(facts, "partition", name.partition);
    fact_word(facts, "run", name.run);
}

static enum eg_status lines_print(struct eg_stream *stream, struct lines *lines,
                                  struct eg_tally *tally, struct eg_error *err) {
    eg_stream_watch(stream, bad_print, lines);
    EG_TRY(eg_stream_start(stream, 0, err));
    while (!lines->most || lines->records < lines->most) {
        struct eg_batch *batch;
        enum eg_status status = eg_stream_next(stream, &batch, tally, err);
        if (status != EG_OK) return status == EG_END ? EG_OK : status;
        if (!lines->most || lines->records < lines->most) packet_print(batch);
        lines->records++;
        eg_batch_unref(batch);
    }
    return EG_OK;
}

enum eg_exit eg_packet_lines(struct eg_call *call, const char *path, uint64_t most) {
    struct eg_env env = call->env;
    struct eg_input input;
    struct eg_stream *stream = NULL;
    struct eg_tally tally = {0};
    struct eg_error err;
    struct lines lines = {.most = most};
    env.batch_rows = 1; /* so that bad records are told in their place */
    enum eg_status status = eg_input_open(&input, &env, path, &err);
    if (status < 0) return eg_complain(call, &err);
    status = eg_stream_new(&stream, &input, &err);
    if (status == EG_OK) status = lines_print(stream, &lines, &tally, &err);
    eg_stream_free(stream);
    eg_input_reset(&input);
    struct eg_tally_entry damaged = eg_tally_sum(&tally, EG_CAUSE_capture_damaged);
    /* than the records that were told in their place */
    bool more = damaged.records > (int64_t)lines.bad;
    more = more || eg_tally_sum(&tally, EG_CAUSE_capture_cut).records;
    eg_tally_reset(&tally);
    enum eg_exit code = lines.bad ? EG_EXIT_PARTIAL : EG_EXIT_DONE;
    fflush(stdout);
    if (status == EG_E_CUT) {
        if (more) eg_say(call, err.message);
        code = EG_EXIT_PARTIAL;
    } else if (status < 0) {
        code = eg_complain(call, &err);
    } else if (more) {
        eg_note(call,
                "earlgrey: %s is damaged: %lld times what stood before the next mark was "
                "passed over",
                path, (long long)damaged.records - (long long)lines.bad);
        code = EG_EXIT_PARTIAL;
    }
    return code;
}
