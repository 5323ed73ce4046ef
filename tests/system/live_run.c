/* SPDX-License-Identifier: Apache-2.0
 * Moves raw rows from a source to a sink through the pump, without the rest of the program:
 * live_run SOURCE-URI SINK-URI INTERVAL-MS, options in the queries. SIGTERM drains. The account is one
 * JSON object on standard output; log lines go to standard error. */
#include "base/alloc.h"
#include "sink/recording.h"
#include "table/pump.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool draining;

static void on_signal(int number) {
    (void)number;
    atomic_store(&draining, true);
}

static void log_line(void *to, int level, const char *message) {
    (void)to;
    fprintf(stderr, "<%d> %s\n", level, message);
}

static _Noreturn void die(const struct eg_error *err) {
    fprintf(stderr, "live_run: %s: %s\n", eg_status_name(err->status), err->message);
    exit(2);
}

/* Cuts the query off the URI and fills the options from it. */
static void *options_of(const struct eg_option *table, size_t size, char *uri) {
    struct eg_error err;
    void *to = eg_calloc(1, size);
    char *query = strchr(uri, '?');
    if (eg_options_preset(table, to, &err) < 0) die(&err);
    if (query) *query++ = 0;
    for (char *pair = query ? strtok_r(query, "&", &query) : NULL; pair;
         pair = strtok_r(NULL, "&", &query)) {
        char *value = strchr(pair, '=');
        if (value) *value++ = 0;
        if (eg_option_set(table, to, pair, value, &err) < 0) die(&err);
    }
    return to;
}

static const void *stage_of(enum eg_stage_kind kind, const char *uri) {
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(uri, ":"), uri);
    const struct eg_stage *stage = eg_registry_find(kind, name);
    if (!stage) {
        fprintf(stderr, "live_run: there is no stage '%s'\n", name);
        exit(2);
    }
    return stage->type;
}

static void account_print(const struct eg_pump_account *account, struct eg_sink *recorder) {
    struct eg_tally all = {0};
    eg_tally_merge(&all, &account->tally);
    if (recorder) eg_recording_losses(recorder, &all);
    printf("{\"seen\":%llu", (unsigned long long)account->seen.frames);
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        struct eg_tally_entry sum = eg_tally_sum(&all, (enum eg_cause)i);
        if (sum.records || sum.packets || sum.bytes)
            printf(",\"%s\":%lld", eg_cause_info((enum eg_cause)i)->name,
                   (long long)(sum.packets ? sum.packets : sum.records ? sum.records : sum.bytes));
    }
    if (recorder) {
        const struct eg_recorder_account *r = eg_recording_account(recorder);
        printf(",\"recorded\":%llu,\"recovered\":%llu", (unsigned long long)r->packets,
               (unsigned long long)r->recovered);
    }
    for (size_t i = 0; i < account->trouble_count; i++)
        printf(",\"trouble\":\"%s\"", account->troubles[i].message);
    printf("}\n");
    eg_tally_reset(&all);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct eg_env env = eg_env_plain;
    env.log = log_line;
    env.drain = &draining;
    const struct eg_source_type *source = stage_of(EG_STAGE_source, argv[1]);
    const struct eg_sink_type *type = stage_of(EG_STAGE_sink, argv[2]);
    void *source_options = options_of(source->options, source->options_size, argv[1]);
    void *sink_options = options_of(type->options, type->options_size, argv[2]);
    struct eg_error err = {0};
    struct eg_pump_sink sink = {.type = type, .name = argv[2]};
    if (type->open(&env, argv[2], sink_options, &sink.sink, &err) < 0) die(&err);
    const char *inputs[] = {argv[1]};
    const struct eg_stage *packets = eg_registry_find(EG_STAGE_extract, "packets");
    struct eg_pump_request request = {
        .scan = {.source = source,
                 .source_options = source_options,
                 .inputs = inputs,
                 .input_count = 1,
                 .parts = {{.extract = packets->type, .columns = EG_SET(PACKETS, time)}},
                 .part_count = 1},
        .sinks = &sink,
        .sink_count = 1,
        .interval_us = atoll(argv[3]) * 1000,
    };
    struct eg_pump_account account = {0};
    enum eg_status status = eg_pump_run(&env, &request, &account, &err);
    account_print(&account, eg_sink_records(type) ? sink.sink : NULL);
    type->close(sink.sink);
    if (status < 0) fprintf(stderr, "live_run: %s\n", err.message);
    eg_options_reset(source->options, source_options);
    eg_options_reset(type->options, sink_options);
    eg_free(source_options);
    eg_free(sink_options);
    eg_pump_account_reset(&account);
    return status < 0;
}
