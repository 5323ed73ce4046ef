/* SPDX-License-Identifier: Apache-2.0
 * Reading one group of sources: one pump with its parts, its sinks, its book. */
#include "base/timetext.h"
#include "cli/ingest_run.h"
#include "cli/signals.h"
#include "sink/recording.h"
#include "source/file.h"
#include "source/listener.h"
#include "store/dataset_sink.h"
#include "wire/book.h"

#include <string.h>
#include <unistd.h>

static void part_add(struct eg_scan_request *scan, const char *name) {
    const struct eg_extract_type *extract = eg_registry_find(EG_STAGE_extract, name)->type;
    scan->parts[scan->part_count++] = (struct eg_scan_part){
        .extract = extract,
        .columns = EG_COLUMNS_ALL,
        .also_columns = extract->also == EG_TABLE_COUNT ? 0 : EG_COLUMNS_ALL,
    };
}

/* Datagrams that were sent here are not metered: they are no traffic that was seen. */
static void choose_parts(const struct eg_ingest *in, const struct eg_group *group,
                         struct eg_scan_request *scan) {
    const char *tables = in->options->tables;
    bool all = strcmp(tables, "all") == 0, both = all || strcmp(tables, "auto") == 0;
    bool flows = both || strcmp(tables, "flows") == 0;
    if (flows || strcmp(tables, "exports") == 0) part_add(scan, "exports");
    if (flows && group->kind != EG_GROUP_LISTEN) part_add(scan, "metered");
    if (both || strcmp(tables, "packets") == 0) part_add(scan, "packets");
    scan->claim = !all;
    scan->metering = &in->metering;
}

static bool hurrying(void *to) {
    struct eg_ingest_run *run = to;
    return eg_signals_reloads() != run->reloads || eg_ingest_catches_up(run);
}

static bool kept_any(const struct eg_pump_account *account) {
    bool any = account->kept[EG_TABLE_FLOWS] || account->kept[EG_TABLE_PACKETS];
    for (size_t i = 0; i < account->raw_count; i++) any = any || account->raw[i].rows;
    return any;
}

/* Between two rounds nothing is decoded. */
void eg_ingest_reload_now(struct eg_ingest_run *run) {
    unsigned reloads = eg_signals_reloads();
    if (reloads != run->reloads) eg_ingest_reload(run->in, run->book);
    run->reloads = reloads;
}

static void starting(void *to) {
    struct eg_ingest_run *run = to;
    run->began_us = eg_tick_us();
    eg_ingest_reload_now(run);
}

static enum eg_status flushing(void *to, const struct eg_position *positions, size_t count,
                               struct eg_error *err) {
    struct eg_ingest_run *run = to;
    run->book_kept.waits = false;
    const struct eg_scan_progress *seen = &run->account->seen;
    if (seen->others) /* asked for where they are metered and not kept */
        eg_dataset_sink_metered(run->sinks->dataset, seen->others, seen->other_bytes);
    /* the directory of a dataset that was moved away is not made anew */
    if (run->ran && access(run->in->dataset, F_OK) != 0) return EG_OK;
    return eg_ingest_book_ready(run->in, run->group, run->book, positions, count, &run->book_kept,
                                err);
}

static void flushed(void *to, const struct eg_pump_account *account) {
    struct eg_ingest_run *run = to;
    run->ran = run->ran || kept_any(account);
    if (run->told) run->behind_us = eg_tick_us();
    run->told = false;
    run->away_left = EG_INGEST_AWAY_RETRIES;
    eg_ingest_book_keep(run->in, run->group, &run->book_kept);
}

/* Captures are published before the last flush: what finds no room is then among its rows. What fails
 * otherwise is told when the dataset has what it was given. */
static void ending(void *to) {
    struct eg_ingest_run *run = to;
    for (size_t i = 0; i < run->sinks->count; i++) {
        struct eg_error err = {.status = EG_OK};
        if (!eg_sink_records(run->sinks->items[i].type)) continue;
        enum eg_status status = eg_recording_finish(run->sinks->items[i].sink, &err);
        err.status = status;
        if (status < 0 && run->ended.status >= 0) run->ended = err;
    }
}

/* An interface is metered once: a run that is killed takes with it what it knew of open flows. Where its
 * packets are not kept, they are counted for that. */
static void meter_open(const struct eg_ingest_run *run, struct eg_sink *dataset,
                       struct eg_pump_request *request) {
    const char *tables = run->in->options->tables;
    bool both = strcmp(tables, "all") == 0 || strcmp(tables, "auto") == 0;
    bool flows = strcmp(tables, "flows") == 0;
    if (!dataset || run->group->source != &eg_source_iface || (!both && !flows)) return;
    eg_dataset_sink_meter(dataset, run->group->inputs[0]);
    request->scan.count_others = request->flush_frames = flows;
}

/* Opens them, and has them ready for what the group reads. `keeps`: captures are kept in the dataset. */
static enum eg_status sinks_begin(struct eg_ingest_run *run, struct eg_sinks *sinks, bool *keeps,
                                  struct eg_error *err) {
    struct eg_ingest *in = run->in;
    struct eg_keep_rule keep;
    *keeps = false;
    *sinks = (struct eg_sinks){0};
    EG_TRY(eg_ingest_keep(in, run->group, &keep, err));
    EG_TRY(eg_sinks_open(sinks, &run->env, in->dataset, &in->to, in->options->format, err));
    bool files = run->group->source == &eg_source_file;
    bool frames = run->group->source == &eg_source_iface && keep.keep == EG_KEEP_COPY;
    bool live = run->group->kind == EG_GROUP_LIVE || run->group->kind == EG_GROUP_LISTEN;
    if (sinks->dataset && !live) eg_dataset_sink_bound(sinks->dataset, 0, 0);
    if (sinks->dataset && live) EG_TRY(eg_dataset_sink_live(sinks->dataset, err));
    *keeps = sinks->dataset && (files || frames);
    if (*keeps) EG_TRY(eg_dataset_sink_keep(sinks->dataset, &keep, err));
    for (size_t i = 0; i < sinks->count; i++)
        if (eg_sink_records(sinks->items[i].type))
            EG_TRY(eg_recording_recover(sinks->items[i].sink, err));
    return EG_OK;
}

/* Finishes recordings, and takes what the sinks counted. Answers `status`, or the first failure here. */
static enum eg_status sinks_end(struct eg_ingest *in, struct eg_sinks *sinks,
                                struct eg_pump_account *account, enum eg_status status,
                                struct eg_error *err) {
    for (size_t i = 0; i < sinks->count; i++) {
        const struct eg_pump_sink *sink = &sinks->items[i];
        enum eg_status finished = EG_OK;
        if (eg_sink_records(sink->type))
            finished = eg_recording_finish(sink->sink, status < 0 ? NULL : err);
        if (status >= 0) status = finished;
        eg_pump_account_losses(account, sink, &account->tally); /* at its very end */
    }
    pthread_mutex_lock(&in->lock);
    if (sinks->dataset) {
        struct eg_keep_account kept;
        eg_tally_merge(&in->quarantined, eg_dataset_sink_tally(sinks->dataset));
        eg_dataset_sink_kept(sinks->dataset, &kept);
        in->captures.linked += kept.linked;
        in->captures.copied += kept.copied;
        in->captures.bytes += kept.bytes;
        in->captures.stored += kept.stored;
    }
    pthread_mutex_unlock(&in->lock);
    eg_sinks_close(sinks);
    return status;
}

static enum eg_status pump_now(struct eg_ingest_run *run, const char *const *inputs, size_t count,
                               struct eg_pump_account *account, struct eg_error *err) {
    struct eg_ingest *in = run->in;
    const struct eg_ingest_options *o = in->options;
    struct eg_sinks sinks;
    bool live = run->group->kind == EG_GROUP_LIVE || run->group->kind == EG_GROUP_LISTEN;
    bool files = run->group->source == &eg_source_file, keeps;
    enum eg_status status = sinks_begin(run, &sinks, &keeps, err);
    struct eg_pump_request request = {
        .scan = {.source = run->group->source,
                 .source_options = run->group->source_options,
                 .inputs = inputs,
                 .input_count = count,
                 .netflow_ports = in->ports.list,
                 .netflow_port_count = in->ports.count,
                 .book = run->book,
                 .keep_going = count > 1 || run->group->kind == EG_GROUP_DIRECTORY,
                 .claim_source = sinks.dataset ? eg_dataset_sink_claim : NULL,
                 .known_begins = sinks.dataset && files ? eg_dataset_sink_begins : NULL,
                 .claim_to = sinks.dataset,
                 .keep_source = !keeps  ? NULL
                                : files ? eg_dataset_sink_take
                                        : eg_dataset_sink_record,
                 .keep_known = keeps && files ? eg_dataset_sink_known : NULL,
                 .keep_to = sinks.dataset},
        .sinks = sinks.items,
        .sink_count = sinks.count,
        .usable_us = sinks.dataset ? EG_TIME_FIRST_US : 0,
        .beyond_us = sinks.dataset ? EG_TIME_BEYOND_US : 0,
        .threads = (uint32_t)o->threads,
        .round_bytes = (uint64_t)o->round_bytes,
        .interval_us = live ? o->interval_us : 0,
        .progress = eg_ingest_draw,
        .progress_to = run,
        .ending = ending,
        .flushing = run->book_stays ? flushing : NULL,
        .starting = in->live ? starting : NULL,
        .hurrying = in->live ? hurrying : NULL,
        .flushed = in->live || run->book_stays ? flushed : NULL,
        .again = live ? eg_ingest_flush_again : NULL,
        .flushed_to = run,
    };
    choose_parts(in, run->group, &request.scan);
    meter_open(run, sinks.dataset, &request);
    run->account = account;
    run->sinks = &sinks;
    run->ended = (struct eg_error){.status = EG_OK};
    if (sinks.dataset) eg_dataset_sink_owes(sinks.dataset, &run->lost);
    if (status >= 0) status = eg_pump_run(&run->env, &request, account, err);
    if (status >= 0 && sinks.dataset && !run->ran && !account->inputs_failed)
        status = eg_dataset_sink_make(sinks.dataset, err);
    if (status < 0 && sinks.dataset && eg_ingest_gives_once(run))
        eg_dataset_sink_lost(sinks.dataset, run->group->source == &eg_source_iface, &run->lost);
    status = sinks_end(in, &sinks, account, status, err);
    run->sinks = NULL;
    if (status < 0 || run->ended.status >= 0) return status;
    if (err) *err = run->ended;
    return run->ended.status;
}

enum eg_status eg_ingest_pump(struct eg_ingest_run *run, const char *const *inputs, size_t count,
                              struct eg_pump_account *account, struct eg_error *err) {
    bool turns = eg_ingest_takes_turns(run->group);
    if (turns) pthread_mutex_lock(&run->in->turn);
    enum eg_status status = pump_now(run, inputs, count, account, err);
    if (turns) pthread_mutex_unlock(&run->in->turn);
    return status;
}

/* A live source is one input (a listener as many as it has addresses), however often it is run. */
static void inputs_count(struct eg_ingest_run *run, struct eg_pump_account *account) {
    const struct eg_group *group = run->group;
    if (group->kind == EG_GROUP_LISTEN) {
        const struct eg_udp_options *o = group->source_options;
        struct eg_listener_counts counts = {.endpoint_count = 1};
        if (o->listener) eg_listener_counts(o->listener, &counts);
        account->inputs = counts.endpoint_count;
    }
    if (group->kind != EG_GROUP_FILES && run->counted) account->inputs = 0;
    run->counted = true;
}

enum eg_status eg_ingest_run_once(struct eg_ingest_run *run, struct eg_error *err) {
    struct eg_pump_account account = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    enum eg_status status = eg_ingest_pump(run, (const char *const *)run->group->inputs,
                                           run->group->count, &account, err);
    inputs_count(run, &account);
    run->ran = run->ran || kept_any(&account);
    if (status < 0 && eg_ingest_gives_once(run)) {
        eg_ingest_lost_keep(run, &account);
    } else if (status < 0 && run->group->kind == EG_GROUP_LISTEN) {
        eg_tally_reset(&account.unflushed); /* it comes again, from the spool … */
        account.seen = account.settled;     /* … and is counted then */
    }
    eg_ingest_account(run, &account);
    eg_pump_account_reset(&account);
    return status;
}

enum eg_status eg_ingest_group(struct eg_ingest *in, struct eg_group *group, struct eg_error *err) {
    struct eg_ingest_run run = {.in = in,
                                .group = group,
                                .env = in->call->env,
                                .drain_left = EG_INGEST_DRAIN_RETRIES,
                                .away_left = EG_INGEST_AWAY_RETRIES};
    if (in->live) {
        run.env.drain = eg_signals_live();
        if (group->kind == EG_GROUP_FILES) run.env.cancel = run.env.drain;
    }
    EG_TRY(eg_book_new(&run.book, err));
    if (in->live) {
        struct eg_book_limits limits = eg_book_limits_usual;
        limits.silent_us = in->options->forget_us;
        eg_book_limit(run.book, &limits);
    }
    if (group->source == &eg_source_iface)
        ((struct eg_iface_options *)group->source_options)->memory = &run.iface;
    enum eg_status status = eg_ingest_rules(run.book, &in->options->sampling, err);
    if (status >= 0) status = eg_ingest_ports_apart(run.book, &in->options->exporter_ports, err);
    run.book_stays = eg_ingest_book_stays(in, group);
    if (run.book_stays) eg_book_remember(run.book);
    if (status >= 0 && run.book_stays) eg_ingest_book_restore(in, group, run.book, &run.book_kept);
    if (status < 0)
        ; /* nothing is read */
    else if (group->kind == EG_GROUP_LISTEN)
        status = eg_ingest_listen(in, group, &run.env, eg_ingest_live, &run, err);
    else if (group->kind == EG_GROUP_LIVE)
        status = eg_ingest_live(&run, err);
    else if (group->kind == EG_GROUP_DIRECTORY)
        status = eg_ingest_directory(in, group, &run, &run.env, err);
    else
        status = eg_ingest_run_once(&run, err);
    eg_book_free(run.book);
    return status;
}
