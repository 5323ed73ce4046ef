/* SPDX-License-Identifier: Apache-2.0
 * Reading one group of sources. Where the dataset cannot be written to for a while (a full disk), a live
 * group keeps what it has read and tries again; what arrives waits with the source. It outlives its
 * pump as well: one that failed is run again from what is durable. docs/internals/collecting.md is the page about it. */
#include "base/alloc.h"
#include "base/timetext.h"
#include "cli/account.h"
#include "cli/ingest.h"
#include "cli/signals.h"
#include "sink/recording.h"
#include "source/file.h"
#include "source/iface.h"
#include "source/listener.h"
#include "store/dataset_sink.h"
#include "wire/book.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RETRY_US 1000000 /* between two runs of a live group whose sink failed */
#define ALARM_EVERY_US 60000000
#define DRAIN_RETRIES 5 /* when it has been told to end */
#define AWAY_RETRIES 60 /* of a dataset that is not there: then it may be made anew */

/* What an operator wants to hear of while it happens; once a minute at most. */
static const struct {
    enum eg_cause cause;
    const char *text;
} alarms[] = {
    {EG_CAUSE_template_changed, "known templates were defined anew with other fields; 'earlgrey "
                                "losses' tells whose"},
    {EG_CAUSE_socket_drop, "datagrams were dropped by the kernel: a larger receive-buffer or more "
                           "workers may help"},
    {EG_CAUSE_queue_full, "datagrams were dropped: decoding or writing is too slow"},
    {EG_CAUSE_spool_full, "datagrams were dropped: the spool has no room"},
};
#define ALARM_COUNT (sizeof alarms / sizeof *alarms)

struct eg_ingest_run {
    struct eg_ingest *in;
    struct eg_group *group;
    struct eg_book *book;
    struct eg_ingest_kept book_kept;
    struct eg_env env;
    bool book_stays;                       /* in the dataset, for the next run */
    unsigned reloads;                      /* done */
    const struct eg_pump_account *account; /* of the pump that runs; NULL: none does */
    struct {
        int64_t told, told_us; /* so many, then; 0: never */
    } alarmed[ALARM_COUNT];
    bool counted; /* its inputs are in the account */
    struct eg_iface_memory iface;
    struct eg_tally lost; /* by runs of the pump that failed, to be told by the next one */
    /* of trying again */
    int drain_left, away_left;
    bool ran, told; /* something was stored; that it cannot be is told for as long as it lasts */
};

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

static struct eg_ingest_shown *shown_of(struct eg_ingest_run *run) {
    return &run->in->shown[run->group - run->in->groups];
}

static void alarm_tell(struct eg_ingest_run *run, const struct eg_ingest_shown *shown) {
    int64_t now_us = run->env.now_us(run->env.clock);
    for (size_t i = 0; i < ALARM_COUNT; i++) {
        int64_t count = shown->sums[alarms[i].cause].records;
        if (count < run->alarmed[i].told) run->alarmed[i].told = 0; /* another run of the pump */
        if (count == run->alarmed[i].told) continue;
        if (run->alarmed[i].told_us && now_us - run->alarmed[i].told_us < ALARM_EVERY_US) continue;
        eg_note(run->in->call, "earlgrey: %lld %s (%s)", (long long)(count - run->alarmed[i].told),
                alarms[i].text, eg_cause_info(alarms[i].cause)->name);
        run->alarmed[i].told = count;
        run->alarmed[i].told_us = now_us;
    }
}

/* On the pump's thread, which is the one that writes its account. */
static void show(struct eg_ingest_run *run, const struct eg_scan_progress *seen) {
    struct eg_ingest_shown fresh = {.seen = *seen};
    const struct eg_tally *tally = &run->account->tally;
    for (uint32_t i = 0; i < tally->count; i++) {
        const struct eg_tally_entry *e = &tally->entries[i];
        fresh.sums[e->cause].records += e->records;
        fresh.sums[e->cause].packets += e->packets;
        fresh.sums[e->cause].bytes += e->bytes;
    }
    pthread_mutex_lock(&run->in->lock);
    *shown_of(run) = fresh;
    pthread_mutex_unlock(&run->in->lock);
    alarm_tell(run, &fresh);
}

/* The counters of all groups: of their runs that are over, and of those that go on. */
static void tell_counters(struct eg_ingest *in) {
    struct eg_pump_account all = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    struct eg_error ignored;
    pthread_mutex_lock(&in->lock);
    for (size_t i = 0; i < in->group_count; i++) {
        const struct eg_ingest_shown *shown = &in->shown[i];
        struct eg_pump_account one = {
            .seen = shown->seen, .first_us = INT64_MAX, .last_us = INT64_MIN};
        for (int c = 0; c < EG_CAUSE_COUNT; c++)
            eg_tally_add(&one.tally, (enum eg_cause)c, NULL, INT64_MIN, shown->sums[c].records,
                         shown->sums[c].packets, shown->sums[c].bytes);
        if (eg_pump_account_merge(&all, &one, &ignored) < 0) all.tally.lost++;
        eg_tally_reset(&one.tally);
        eg_ingest_listen_tell(in, &in->groups[i]);
    }
    if (eg_pump_account_merge(&all, &in->account, &ignored) < 0) all.tally.lost++;
    eg_account_counters(in->call, &all);
    pthread_mutex_unlock(&in->lock);
    eg_pump_account_reset(&all);
}

static void draw(void *to, const struct eg_scan_progress *seen) {
    struct eg_ingest_run *run = to;
    if (run->in->live) {
        show(run, seen);
        if (eg_signals_report()) tell_counters(run->in);
    }
    eg_progress_draw(run->in->progress, seen);
}

static bool reload_waits(void *to) {
    const struct eg_ingest_run *run = to;
    return eg_signals_reloads() != run->reloads;
}

static bool kept_any(const struct eg_pump_account *account) {
    bool any = account->kept[EG_TABLE_FLOWS] || account->kept[EG_TABLE_PACKETS];
    for (size_t i = 0; i < account->raw_count; i++) any = any || account->raw[i].rows;
    return any;
}

/* ---- failing, and trying again ---- */

/* Whether its source cannot give once more what a run that failed has read. */
static bool gives_once(const struct eg_ingest_run *run) {
    const struct eg_udp_options *o = run->group->source_options;
    if (run->group->kind == EG_GROUP_LISTEN) return !o->listener || !eg_listener_spool(o->listener);
    return run->group->kind == EG_GROUP_LIVE;
}

void eg_ingest_wait(const struct eg_env *env, int64_t us) {
    bool draining = eg_env_draining(env);
    for (; us > 0 && !eg_env_cancelled(env); us -= 100000) {
        if (!draining && eg_env_draining(env)) return;
        struct timespec nap = {.tv_nsec = (us < 100000 ? us : 100000) * 1000};
        nanosleep(&nap, NULL);
    }
}

bool eg_ingest_may_pass(enum eg_status status) {
    return status == EG_E_NOSPACE || status == EG_E_IO || status == EG_E_NOMEM;
}

/* Waits, after telling; false: it is over. What could be written to once may come back: a disk is mounted
 * again. */
static bool again_later(struct eg_ingest_run *run, enum eg_status status,
                        const struct eg_error *err) {
    bool away = run->ran && (status == EG_E_ACCESS || status == EG_E_NOENT);
    if ((!away && !eg_ingest_may_pass(status)) || eg_env_cancelled(&run->env)) return false;
    if (eg_env_draining(&run->env) && run->drain_left-- <= 0) return false;
    if (!run->told)
        eg_note(run->in->call, "earlgrey: %s; trying again every second, what arrives waits",
                err->message);
    run->told = true;
    eg_ingest_wait(&run->env, RETRY_US);
    return true;
}

/* The flush of a dataset that failed: what was read is kept, and nothing more is read meanwhile. */
static bool flush_again(void *to, const struct eg_pump_sink *sink, const struct eg_error *err) {
    struct eg_ingest_run *run = to;
    if (sink->type != &eg_sink_dataset || !eg_dataset_sink_whole(sink->sink)) return false;
    if (!eg_ingest_may_pass(err->status) && run->away_left-- <= 0) return false;
    return again_later(run, err->status, err) && !eg_env_cancelled(&run->env);
}

/* Of a run that failed, what nobody will give again: counted by the next one, which may also write it down. */
static void lost_keep(struct eg_ingest_run *run, struct eg_pump_account *account) {
    const struct eg_tally *from = &account->unflushed;
    if (!run->iface.closed) eg_tally_merge(&run->lost, from);
    /* the rest is told of as a whole when the interface is opened again */
    for (uint32_t i = 0; run->iface.closed && i < from->count; i++) {
        const struct eg_tally_entry *e = &from->entries[i];
        const struct eg_blame blame = {e->source, e->has_exporter ? &e->exporter : NULL, e->domain};
        if (e->cause == EG_CAUSE_batch_lost)
            eg_tally_add(&run->lost, e->cause, &blame, e->start_us, e->records, e->packets,
                         e->bytes);
    }
    eg_tally_reset(&account->unflushed);
}

/* Between two rounds nothing is decoded. */
void eg_ingest_reload_now(struct eg_ingest_run *run) {
    unsigned reloads = eg_signals_reloads();
    if (reloads != run->reloads) eg_ingest_reload(run->in, run->book);
    run->reloads = reloads;
}

static void starting(void *to) { eg_ingest_reload_now(to); }

static enum eg_status flushing(void *to, const struct eg_position *positions, size_t count,
                               struct eg_error *err) {
    struct eg_ingest_run *run = to;
    run->book_kept.waits = false;
    /* the directory of a dataset that was moved away is not made anew */
    if (run->ran && access(run->in->dataset, F_OK) != 0) return EG_OK;
    return eg_ingest_book_ready(run->in, run->group, run->book, positions, count, &run->book_kept,
                                err);
}

static void flushed(void *to, const struct eg_pump_account *account) {
    struct eg_ingest_run *run = to;
    run->ran = run->ran || kept_any(account);
    run->told = false;
    run->away_left = AWAY_RETRIES;
    eg_ingest_book_keep(run->in, run->group, &run->book_kept);
}

/* What a sink lost at its very end. */
static void losses_take(const struct eg_pump_sink *sink, struct eg_pump_account *account) {
    struct eg_tally own = {0};
    struct eg_pump_raw *raw =
        sink->type->takes == EG_TAKES_RAW ? eg_pump_account_raw(account, sink->name) : NULL;
    sink->type->losses(sink->sink, &own);
    for (uint32_t i = 0; raw && i < own.count; i++)
        if (own.entries[i].packets > 0) raw->lost += (uint64_t)own.entries[i].packets;
    eg_tally_merge(&account->tally, &own);
    eg_tally_reset(&own);
}

/* An interface is metered once: a run that is killed takes with it what it knew of open flows. */
static void meter_open(const struct eg_ingest_run *run, struct eg_sink *dataset) {
    const char *tables = run->in->options->tables;
    bool both = strcmp(tables, "all") == 0 || strcmp(tables, "auto") == 0;
    if (dataset && both && run->group->source == &eg_source_iface)
        eg_dataset_sink_meter(dataset, run->group->inputs[0]);
}

static enum eg_status pump_now(struct eg_ingest_run *run, const char *const *inputs, size_t count,
                               struct eg_pump_account *account, struct eg_error *err) {
    struct eg_ingest *in = run->in;
    const struct eg_ingest_options *o = in->options;
    struct eg_sinks sinks;
    struct eg_keep_rule keep;
    bool live = run->group->kind == EG_GROUP_LIVE || run->group->kind == EG_GROUP_LISTEN;
    EG_TRY(eg_ingest_keep(in, run->group, &keep, err));
    enum eg_status status = eg_sinks_open(&sinks, &run->env, in->dataset, &in->to, o->format, err);
    bool files = run->group->source == &eg_source_file;
    bool frames = run->group->source == &eg_source_iface && keep.keep == EG_KEEP_COPY;
    bool keeps = sinks.dataset && (files || frames);
    if (status >= 0 && keeps) status = eg_dataset_sink_keep(sinks.dataset, &keep, err);
    for (size_t i = 0; i < sinks.count && status >= 0; i++)
        if (eg_sink_records(sinks.items[i].type))
            status = eg_recording_recover(sinks.items[i].sink, err);
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
        .progress = draw,
        .progress_to = run,
        .flushing = run->book_stays ? flushing : NULL,
        .starting = in->live ? starting : NULL,
        .hurrying = in->live ? reload_waits : NULL,
        .flushed = in->live || run->book_stays ? flushed : NULL,
        .again = live ? flush_again : NULL,
        .flushed_to = run,
    };
    choose_parts(in, run->group, &request.scan);
    meter_open(run, sinks.dataset);
    run->account = account;
    if (sinks.dataset) eg_dataset_sink_owes(sinks.dataset, &run->lost);
    if (status >= 0) status = eg_pump_run(&run->env, &request, account, err);
    if (status < 0 && sinks.dataset && gives_once(run))
        eg_dataset_sink_lost(sinks.dataset, run->group->source == &eg_source_iface, &run->lost);
    for (size_t i = 0; i < sinks.count; i++) {
        const struct eg_pump_sink *sink = &sinks.items[i];
        enum eg_status finished = EG_OK;
        if (eg_sink_records(sink->type))
            finished = eg_recording_finish(sink->sink, status < 0 ? NULL : err);
        if (status >= 0) status = finished;
        losses_take(sink, account);
    }
    pthread_mutex_lock(&in->lock);
    if (sinks.dataset) {
        struct eg_keep_account kept;
        eg_tally_merge(&in->quarantined, eg_dataset_sink_tally(sinks.dataset));
        eg_dataset_sink_kept(sinks.dataset, &kept);
        in->captures.linked += kept.linked;
        in->captures.copied += kept.copied;
        in->captures.bytes += kept.bytes;
        in->captures.stored += kept.stored;
    }
    pthread_mutex_unlock(&in->lock);
    eg_sinks_close(&sinks);
    return status;
}

enum eg_status eg_ingest_pump(struct eg_ingest_run *run, const char *const *inputs, size_t count,
                              struct eg_pump_account *account, struct eg_error *err) {
    bool turns = eg_ingest_takes_turns(run->group);
    if (turns) pthread_mutex_lock(&run->in->turn);
    enum eg_status status = pump_now(run, inputs, count, account, err);
    if (turns) pthread_mutex_unlock(&run->in->turn);
    return status;
}

void eg_ingest_account(struct eg_ingest_run *run, const struct eg_pump_account *account) {
    struct eg_error ignored;
    pthread_mutex_lock(&run->in->lock);
    if (eg_pump_account_merge(&run->in->account, account, &ignored) < 0)
        run->in->account.tally.lost++;
    *shown_of(run) = (struct eg_ingest_shown){.seen = {0}};
    pthread_mutex_unlock(&run->in->lock);
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

/* The same for all inputs of the group, added to the account. */
static enum eg_status pump_group(struct eg_ingest_run *run, struct eg_error *err) {
    struct eg_pump_account account = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    enum eg_status status = eg_ingest_pump(run, (const char *const *)run->group->inputs,
                                           run->group->count, &account, err);
    inputs_count(run, &account);
    run->ran = run->ran || kept_any(&account);
    if (status < 0 && gives_once(run)) {
        lost_keep(run, &account);
    } else if (status < 0 && run->group->kind == EG_GROUP_LISTEN) {
        eg_tally_reset(&account.unflushed); /* it comes again, from the spool … */
        account.seen = account.settled;     /* … and is counted then */
    }
    eg_ingest_account(run, &account);
    eg_pump_account_reset(&account);
    return status;
}

/* ---- live groups ---- */

/* There is no next run that could tell what was lost. */
static void lost_account(struct eg_ingest_run *run) {
    struct eg_pump_account account = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    eg_tally_merge(&account.tally, &run->lost);
    if (run->iface.closed)
        eg_tally_add(&account.tally, EG_CAUSE_batch_lost, NULL, run->env.now_us(run->env.clock), 0,
                     (int64_t)run->iface.owed, 0);
    eg_tally_reset(&run->lost);
    eg_ingest_account(run, &account);
    eg_pump_account_reset(&account);
}

/* Whether the dataset that was written to is there no more, and with it, as a rule, the spool. A place that
 * cannot be seen now (a disk, permissions) may come back; this does not. */
static bool dataset_removed(const struct eg_ingest *in) {
    char path[PATH_MAX];
    int size =
        in->dataset ? snprintf(path, sizeof path, "%s/_earlgrey/dataset.json", in->dataset) : 0;
    if (size <= 0 || (size_t)size >= sizeof path || access(path, F_OK) == 0) return false;
    return errno == ENOENT;
}

/* What is read once more is read with the book as it was then: nothing of it waits already. */
static enum eg_status book_again(struct eg_ingest_run *run, struct eg_error *err) {
    struct eg_book *book;
    bool spooled = run->group->kind == EG_GROUP_LISTEN && !gives_once(run);
    if (!run->book_stays || !spooled) return EG_OK;
    if (run->book_kept.there && access(run->in->dataset, F_OK) != 0)
        return eg_fail_errno(err, errno, "cannot reach the dataset %s", run->in->dataset);
    EG_TRY(eg_book_alike(&book, run->book, err));
    eg_book_free(run->book);
    run->book = book;
    eg_ingest_book_restore(run->in, run->group, book, &run->book_kept);
    return EG_OK;
}

static enum eg_status live_run(void *to, struct eg_error *err) {
    struct eg_ingest_run *run = to;
    bool again = false;
    for (;;) {
        enum eg_status status = again ? book_again(run, err) : EG_OK;
        if (status >= 0) status = pump_group(run, err);
        if (status >= 0) return status;
        bool removed = run->ran && status == EG_E_NOENT && dataset_removed(run->in);
        if (removed)
            status = eg_fail(err, EG_E_IO,
                             "the dataset %s was removed while it was written to: what was not "
                             "committed yet is lost, unless its spool is elsewhere",
                             run->in->dataset);
        again = !removed && again_later(run, status, err);
        if (again) continue;
        lost_account(run);
        return status;
    }
}

enum eg_status eg_ingest_group(struct eg_ingest *in, struct eg_group *group, struct eg_error *err) {
    struct eg_ingest_run run = {.in = in,
                                .group = group,
                                .env = in->call->env,
                                .drain_left = DRAIN_RETRIES,
                                .away_left = AWAY_RETRIES};
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
    run.book_stays = eg_ingest_book_stays(in, group);
    if (run.book_stays) eg_book_remember(run.book);
    if (status >= 0 && run.book_stays) eg_ingest_book_restore(in, group, run.book, &run.book_kept);
    if (status < 0)
        ; /* nothing is read */
    else if (group->kind == EG_GROUP_LISTEN)
        status = eg_ingest_listen(in, group, &run.env, live_run, &run, err);
    else if (group->kind == EG_GROUP_LIVE)
        status = live_run(&run, err);
    else if (group->kind == EG_GROUP_DIRECTORY)
        status = eg_ingest_directory(in, group, &run, &run.env, err);
    else
        status = pump_group(&run, err);
    eg_book_free(run.book);
    return status;
}
