/* SPDX-License-Identifier: Apache-2.0
 * The receipt of a retrieval, as JSON: what was asked, what was read for it, what was written. */
#include "base/durable.h"
#include "base/timetext.h"
#include "cli/packets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void member(struct eg_strbuf *to, const char *name) {
    char last = to->size ? to->text[to->size - 1] : '{';
    if (last != '{' && last != '[') eg_strbuf_char(to, ',');
    eg_strbuf_printf(to, "\"%s\":", name);
}

static void text_member(struct eg_strbuf *to, const char *name, const char *text) {
    member(to, name);
    if (text)
        eg_encode_json_text(text, strlen(text), to);
    else
        eg_strbuf_text(to, "null");
}

static void number_member(struct eg_strbuf *to, const char *name, uint64_t value) {
    member(to, name);
    eg_strbuf_printf(to, "%" PRIu64, value);
}

static void flag_member(struct eg_strbuf *to, const char *name, bool value) {
    member(to, name);
    eg_strbuf_text(to, value ? "true" : "false");
}

/* INT64_MIN and INT64_MAX: open. */
static void time_member(struct eg_strbuf *to, const char *name, int64_t time_us) {
    char text[40];
    bool open = time_us == INT64_MIN || time_us == INT64_MAX;
    if (!open) eg_time_text(time_us, text);
    text_member(to, name, open ? NULL : text);
}

static void filter_member(struct eg_strbuf *to, const struct eg_origin *origin) {
    struct eg_strbuf filter = {0};
    if (origin->filter) eg_filter_text(origin->filter, &filter);
    text_member(to, "filter", filter.size ? filter.text : NULL);
    eg_strbuf_reset(&filter);
}

/* Which flows the packets are those of; the times beside it are those that they were looked for in. */
static void flows_member(struct eg_strbuf *to, const struct eg_flows_asked *flows) {
    member(to, "flows");
    if (!flows) {
        eg_strbuf_text(to, "null");
        return;
    }
    eg_strbuf_char(to, '{');
    filter_member(to, flows->origin);
    time_member(to, "from", flows->origin->from_us);
    time_member(to, "to", flows->origin->to_us);
    text_member(to, "sort", flows->sort);
    number_member(to, "number", (uint64_t)flows->number);
    member(to, "found");
    if (flows->found == EG_FLOWS_FEW)
        eg_strbuf_text(to, "null"); /* many: they were joined, not counted */
    else
        eg_strbuf_printf(to, "%zu", flows->found);
    eg_strbuf_char(to, '}');
}

static void asked(const struct eg_packets_job *job, struct eg_strbuf *to) {
    const struct eg_origin *origin = &job->request.origin;
    const struct eg_flows_asked *flows = job->ask->flows;
    member(to, "asked");
    eg_strbuf_char(to, '{');
    text_member(to, "dataset", origin->dataset ? eg_dataset_path(origin->dataset) : NULL);
    filter_member(to, origin);
    time_member(to, "from", origin->from_us);
    time_member(to, "to", origin->to_us);
    text_member(to, "flow", job->ask->flow);
    flows_member(to, flows);
    text_member(to, "bpf", job->ask->bpf);
    text_member(to, "bytes", job->ask->bytes);
    text_member(to, "bytes_on", job->ask->bytes ? job->ask->bytes_on : NULL);
    text_member(to, "stellar", job->ask->stellar);
    text_member(to, "geo", job->places ? job->ask->geo : NULL);
    text_member(to, "asn", job->as_numbers ? job->ask->asn : NULL);
    flag_member(to, "both", job->ask->both || (flows && flows->both));
    flag_member(to, "outermost", job->ask->outermost);
    number_member(to, "count", (uint64_t)job->ask->count);
    eg_strbuf_char(to, '}');
}

static void was_read(const struct eg_packets_job *job, struct eg_strbuf *to) {
    const struct eg_retrieved *account = &job->account;
    member(to, "read");
    eg_strbuf_char(to, '{');
    number_member(to, "rows", account->rows);
    number_member(to, "packets", account->frames);
    number_member(to, "bytes", account->bytes);
    number_member(to, "not_kept", account->not_kept);
    member(to, "captures");
    eg_strbuf_char(to, '[');
    for (size_t i = 0; i < account->capture_count; i++) {
        const struct eg_retrieved_capture *capture = &account->captures[i];
        if (i) eg_strbuf_char(to, ',');
        eg_strbuf_char(to, '{');
        text_member(to, "file", capture->name);
        number_member(to, "packets", capture->frames);
        number_member(to, "bytes", capture->bytes);
        number_member(to, "found", capture->found);
        eg_strbuf_char(to, '}');
    }
    eg_strbuf_char(to, ']');
    text_member(to, "trouble", account->trouble[0] ? account->trouble : NULL);
    eg_strbuf_char(to, '}');
}

static void was_written(const struct eg_packets_job *job, struct eg_strbuf *to) {
    struct eg_packet_file_account wrote = eg_packet_file_account(job->file);
    size_t count;
    const struct eg_packet_file_written *files = eg_packet_file_written(job->file, &count);
    bool timed = wrote.first_ns <= wrote.last_ns;
    member(to, "written");
    eg_strbuf_char(to, '{');
    number_member(to, "packets", wrote.packets);
    number_member(to, "bytes", wrote.bytes);
    time_member(to, "first", timed ? wrote.first_ns / 1000 : INT64_MIN);
    time_member(to, "last", timed ? wrote.last_ns / 1000 : INT64_MIN);
    member(to, "files");
    eg_strbuf_char(to, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) eg_strbuf_char(to, ',');
        eg_strbuf_char(to, '{');
        member(to, "file");
        eg_encode_json_name(files[i].name, to);
        number_member(to, "packets", files[i].packets);
        number_member(to, "bytes", files[i].bytes);
        text_member(to, "sha256", files[i].digest);
        eg_strbuf_char(to, '}');
    }
    eg_strbuf_text(to, "]}");
}

enum eg_exit eg_packets_receipt(const struct eg_packets_job *job) {
    struct eg_strbuf text = {0};
    struct eg_error err;
    eg_strbuf_char(&text, '{');
    text_member(&text, "earlgrey", eg_version());
    time_member(&text, "began", job->began_us);
    time_member(&text, "ended", job->ended_us);
    asked(job, &text);
    was_read(job, &text);
    was_written(job, &text);
    eg_strbuf_text(&text, "}\n");
    enum eg_status status = EG_OK;
    if (text.failed)
        status = eg_fail(&err, EG_E_NOMEM, "no memory for the receipt");
    else if (strcmp(job->ask->receipt, "-") == 0)
        fwrite(text.text, 1, text.size, stdout);
    else
        status = eg_file_replace(job->ask->receipt, text.text, text.size, &err);
    eg_strbuf_reset(&text);
    return status < 0 ? eg_complain(job->report->call, &err) : EG_EXIT_DONE;
}
