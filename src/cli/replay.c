/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey replay`: sends what captures hold again: export datagrams to a collector, or frames out
 * of an interface. */
#include "cli/replay.h"
#include "table/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay_options {
    const char *speed, *mbps;
    int64_t pps, count, loop;
    struct eg_text_list port;
    bool spoof, bind_exporters, json;
};

static const struct eg_option options[] = {
    {.name = "speed",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct replay_options, speed),
     .preset = "1x",
     .value_name = "SPEED",
     .help = "How fast: 1x keeps the times of the capture, 2x halves the gaps, max leaves none."},
    {.name = "pps",
     .type = EG_OPT_INT,
     .offset = offsetof(struct replay_options, pps),
     .preset = "0",
     .max = 1000000000,
     .value_name = "N",
     .help = "So many datagrams (frames) a second instead."},
    {.name = "mbps",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct replay_options, mbps),
     .value_name = "N",
     .help = "So many million bits of them a second instead."},
    {.name = "count",
     .type = EG_OPT_INT,
     .offset = offsetof(struct replay_options, count),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Stops when so many were sent; 0 sends all."},
    {.name = "loop",
     .type = EG_OPT_INT,
     .offset = offsetof(struct replay_options, loop),
     .preset = "1",
     .min = 1,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Sends the files so many times."},
    {.name = "port",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct replay_options, port),
     .value_name = "PORT",
     .help = "Sends every UDP datagram to this port; without it, those that are flow exports by "
             "their content."},
    {.name = "spoof",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct replay_options, spoof),
     .help = "Sends with the exporters' own addresses and ports; needs root or CAP_NET_RAW."},
    {.name = "bind-exporters",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct replay_options, bind_exporters),
     .help = "Gives each exporter a source address 127.0.x.y; for targets in 127.0.0.0/8."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct replay_options, json),
     .help = "The account as one JSON object on standard output."},
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey replay exports.pcap udp://127.0.0.1:2055",
    "The exports in a capture, as far apart as they were.",
    "earlgrey replay --speed max --loop 10 --bind-exporters exports.pcap udp://127.0.0.1:2055",
    "Ten times, as fast as possible, each exporter with an address of its own.",
    "earlgrey replay --mbps 100 traffic.pcap iface:eth0",
    "All frames out of an interface, at a steady rate.",
    NULL};

/* ---- what is asked for ---- */

/* "2", "2x", "0.5x", "max". */
static bool speed_read(const char *text, struct eg_pace *out) {
    char *end;
    if (strcmp(text, "max") == 0) {
        out->kind = EG_PACE_NONE;
        return true;
    }
    out->kind = EG_PACE_ORIGINAL;
    out->rate = strtod(text, &end);
    if (*end == 'x') end++;
    return end != text && !*end && out->rate >= 0.0001 && out->rate <= 1000000;
}

static bool mbps_read(const char *text, struct eg_pace *out) {
    char *end;
    out->kind = EG_PACE_BITS;
    out->rate = strtod(text, &end) * 1e6;
    return end != text && !*end && out->rate >= 1 && out->rate <= 1e15;
}

static enum eg_status pace_read(const struct replay_options *o, struct eg_pace *out,
                                struct eg_error *err) {
    int asked = (o->pps > 0) + (o->mbps != NULL) + (strcmp(o->speed, "1x") != 0);
    if (asked > 1) return eg_fail(err, EG_E_USAGE, "one of --speed, --pps and --mbps, not several");
    if (!speed_read(o->speed, out))
        return eg_fail(err, EG_E_USAGE, "--speed: '%.60s' is no speed: 1x, 2x, 0.5x, max",
                       o->speed);
    if (o->pps > 0) *out = (struct eg_pace){.kind = EG_PACE_ITEMS, .rate = (double)o->pps};
    if (o->mbps && !mbps_read(o->mbps, out))
        return eg_fail(err, EG_E_USAGE, "--mbps: '%.60s' is no rate: a number above 0", o->mbps);
    return EG_OK;
}

static enum eg_status target_open(const struct replay_options *o, const char *target,
                                  struct eg_replay_plan *plan, struct eg_error *err) {
    static const char udp[] = "udp://", iface[] = "iface:";
    enum eg_sender_as as = o->spoof            ? EG_SEND_SPOOFED
                           : o->bind_exporters ? EG_SEND_LOOPBACK
                                               : EG_SEND_BY_PORT;
    if (o->spoof && o->bind_exporters)
        return eg_fail(err, EG_E_USAGE, "one of --spoof and --bind-exporters, not both");
    if (strncmp(target, udp, sizeof udp - 1) == 0)
        return eg_sender_open(&plan->datagrams, target + sizeof udp - 1, as, err);
    if (strncmp(target, iface, sizeof iface - 1) != 0)
        return eg_fail(err, EG_E_USAGE,
                       "'%.100s' is no target: udp://HOST:PORT or iface:NAME comes last", target);
    if (o->spoof || o->bind_exporters || o->port.count)
        return eg_fail(err, EG_E_USAGE,
                       "frames go out of an interface as they are: --port, --spoof and "
                       "--bind-exporters are for udp:// targets");
    return eg_frame_sender_open(&plan->frames, target + sizeof iface - 1, err);
}

/* ---- the account ---- */

static void misfits_json(const char *name, const struct eg_replay_misfits *m) {
    struct eg_strbuf text = {0};
    if (m->count) eg_encode_json_name(m->file, &text);
    printf(",\"%s\":{\"frames\":%llu", name, (unsigned long long)m->count);
    if (m->count && text.text)
        printf(",\"first\":{\"file\":%s,\"packet\":%llu,\"bytes\":%llu}", text.text,
               (unsigned long long)m->number, (unsigned long long)m->bytes);
    putchar('}');
    eg_strbuf_reset(&text);
}

static void tell_json(const struct eg_replay_account *a, bool frames) {
    printf("{\"%s\":%llu,\"bytes\":%llu,\"seconds\":%.3f,\"exporters\":%u,\"skipped\":{"
           "\"other\":%llu,\"cut\":%llu,\"fragments\":%llu,\"unsendable\":%llu,\"failed\":%llu},"
           "\"refusals\":%llu,\"inputs_cut\":%llu",
           frames ? "frames" : "datagrams", (unsigned long long)a->sent,
           (unsigned long long)a->bytes, a->seconds, a->exporters, (unsigned long long)a->other,
           (unsigned long long)a->cut, (unsigned long long)a->fragments,
           (unsigned long long)(a->unsendable + a->large.count + a->strange.count),
           (unsigned long long)a->failed, (unsigned long long)a->refusals,
           (unsigned long long)a->inputs_cut);
    if (frames) misfits_json("too_large", &a->large);
    if (frames) misfits_json("not_ethernet", &a->strange);
    puts("}");
}

static void tell_skipped(uint64_t count, const char *why) {
    if (count) fprintf(stderr, "  %-9s %12llu %s\n", "skipped", (unsigned long long)count, why);
}

static void tell_misfits(const struct eg_replay_misfits *m, const char *why) {
    if (!m->count) return;
    fprintf(stderr, "  %-9s %12llu %s; the first is packet %llu of ", "skipped",
            (unsigned long long)m->count, why, (unsigned long long)m->number);
    eg_put_visible(stderr, m->file);
    fprintf(stderr, " (%llu bytes)\n", (unsigned long long)m->bytes);
}

static void tell_text(const struct eg_call *call, const struct eg_replay_account *a, bool frames) {
    if (call->common->quiet) return;
    double seconds = a->seconds > 0 ? a->seconds : 1e-9;
    fprintf(stderr, "replay: %llu %s, %llu bytes in %.3f s (%.0f a second, %.2f Mbit/s)",
            (unsigned long long)a->sent, frames ? "frames" : "datagrams",
            (unsigned long long)a->bytes, a->seconds, (double)a->sent / seconds,
            (double)a->bytes * 8 / seconds / 1e6);
    if (!frames)
        fprintf(stderr, " of %u %s", a->exporters, a->exporters == 1 ? "exporter" : "exporters");
    fputc('\n', stderr);
    tell_skipped(a->other, "other packets");
    tell_skipped(a->cut, "that the capture holds only in part");
    tell_skipped(a->fragments, "datagrams with fragments missing");
    tell_misfits(&a->large, "frames larger than the interface takes");
    tell_misfits(&a->strange, "frames that are not Ethernet");
    tell_skipped(a->unsendable, "that cannot be sent there");
    tell_skipped(a->failed, "that the system would not send");
    if (a->refusals)
        fprintf(stderr, "  nobody listened: the target refused %llu times\n",
                (unsigned long long)a->refusals);
}

/* One line on what was not sent, by cause: it is told with --quiet and --json, too. */
static void complain_misfits(const struct eg_replay_plan *plan, const struct eg_replay_account *a) {
    char text[400] = "";
    size_t size = 0;
    if (a->large.count)
        size = (size_t)snprintf(
            text, sizeof text,
            "%llu frames of more than %u bytes were not sent: %.60s takes none "
            "that large (MTU %u)",
            (unsigned long long)a->large.count, eg_frame_sender_mtu(plan->frames) + EG_FRAME_HEAD,
            eg_frame_sender_name(plan->frames), eg_frame_sender_mtu(plan->frames));
    if (a->strange.count)
        snprintf(text + size, sizeof text - size,
                 "%s%llu frames that are not Ethernet were not sent", size ? "; " : "",
                 (unsigned long long)a->strange.count);
    if (text[0]) fprintf(stderr, "earlgrey: replay: %s\n", text);
}

static enum eg_exit account_tell(const struct eg_call *call, const struct eg_replay_plan *plan,
                                 const struct eg_replay_account *a, bool json) {
    if (a->unsendable || a->failed) eg_say(call, a->first_failure.message);
    complain_misfits(plan, a);
    if (json)
        tell_json(a, plan->frames);
    else
        tell_text(call, a, plan->frames);
    if (!a->sent) return EG_EXIT_FAILED;
    bool all = !a->failed && !a->unsendable && !a->large.count && !a->strange.count &&
               !a->inputs_cut && !a->refusals;
    return all ? EG_EXIT_DONE : EG_EXIT_PARTIAL;
}

static enum eg_exit run(struct eg_call *call) {
    const struct replay_options *o = call->options;
    struct eg_replay_plan plan = {.count_max = (uint64_t)o->count, .loops = o->loop};
    struct eg_replay_account account = {0};
    struct eg_error err = {0};
    if (call->word_count < 2)
        return eg_complain_usage(call, "name captures to send, and last where to: udp://HOST:PORT "
                                       "or iface:NAME");
    size_t files = call->word_count - 1;
    if (pace_read(o, &plan.pace, &err) < 0 || eg_ports_read(&plan.ports, &o->port, &err) < 0 ||
        target_open(o, call->words[files], &plan, &err) < 0)
        return eg_complain(call, &err);
    enum eg_status status = eg_replay_run(call, call->words, files, &plan, &account, &err);
    enum eg_exit code = EG_EXIT_DONE;
    if (status >= 0 || account.sent) code = account_tell(call, &plan, &account, o->json);
    if (status < 0) code = eg_complain(call, &err);
    eg_sender_close(plan.datagrams);
    eg_frame_sender_close(plan.frames);
    return code;
}

const struct eg_verb eg_verb_replay = {
    .name = "replay",
    .summary = "sends recorded exports to a collector, or packets out of an interface",
    .synopsis = "FILE... udp://HOST:PORT|iface:NAME",
    .description =
        "Reads captures and sends the flow exports in them to a collector: the payloads of the UDP "
        "datagrams, whole, in their order and as far apart as they were captured. Exporters are "
        "told apart by source port, or with --bind-exporters by address, or with --spoof they are "
        "who they were.\n\n"
        "Towards iface:NAME it sends the Ethernet frames of the captures as they are; those larger "
        "than the interface takes are passed over, counted and named.\n\n"
        "At the end it accounts for what it sent and what it left out, and why. It exits with 3 "
        "when something could not be sent, nobody listened, or a capture ends too early; with 1 "
        "when nothing was sent.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct replay_options),
    .run = run,
};
