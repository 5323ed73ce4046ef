/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey watch`: a question asked again and again of a dataset that is being written. */
#include "cli/watch.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCH_AT(member) offsetof(struct eg_watch_options, member)

static const struct eg_option options[] = {
    EG_REPORT_ROWS_OPTIONS(struct eg_watch_options),
    EG_REPORT_DEDUP_OPTION(struct eg_watch_options),
    {.name = "mode",
     .type = EG_OPT_CHOICE,
     .offset = WATCH_AT(mode),
     .preset = "complete",
     .choices = "complete|update|append",
     .help = "What is put out: the whole answer, the rows that are new or changed, or the rows of "
             "windows that are over, each once."},
    {.name = "trigger",
     .type = EG_OPT_TEXT,
     .offset = WATCH_AT(trigger),
     .preset = "2s",
     .value_name = "WHEN",
     .help = "How often: an interval, continuous (whenever something was added), or once."},
    {.name = "window",
     .letter = 'b',
     .type = EG_OPT_DURATION,
     .offset = WATCH_AT(window_us),
     .min = 1000,
     .max = INT64_C(366) * 86400 * 1000000,
     .value_name = "WIDTH",
     .help = "Answers for each window of this width; --mode append needs it. For trend the width "
             "of an interval, 5m if not given."},
    {.name = "late",
     .type = EG_OPT_DURATION,
     .offset = WATCH_AT(late_us),
     .preset = "30s",
     .min = 0,
     .max = INT64_C(366) * 86400 * 1000000,
     .value_name = "TIME",
     .help = "How long after its end a window is kept open for rows that come late (append)."},
    {.name = "checkpoint",
     .type = EG_OPT_TEXT,
     .offset = WATCH_AT(checkpoint),
     .value_name = "FILE",
     .help = "Keeps in this file how far it has come; the same command goes on from there."},
    {.name = "by",
     .letter = 's',
     .type = EG_OPT_LIST,
     .offset = WATCH_AT(by),
     .value_name = "FIELD[,FIELD…]",
     .help = "top: what to group by. trend: the width of an interval."},
    {.name = "metric",
     .letter = 'm',
     .type = EG_OPT_CHOICE,
     .offset = WATCH_AT(metric),
     .preset = "bytes",
     .choices = "bytes|packets|flows",
     .help = "top: what to rank by."},
    {.name = "number",
     .letter = 'n',
     .type = EG_OPT_INT,
     .offset = WATCH_AT(number),
     .preset = "10",
     .min = 0,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "top: how many, of each window where there are windows; 0 is all."},
    {.name = "host",
     .type = EG_OPT_TEXT,
     .offset = WATCH_AT(host),
     .value_name = "IP|CIDR",
     .help = "trend: tells traffic into and out of this host or network apart."},
    {.name = "attribute",
     .type = EG_OPT_CHOICE,
     .offset = WATCH_AT(attribute),
     .preset = "spread",
     .choices = "spread|end",
     .help = "trend: spreads a flow's bytes over the intervals it spans, or counts all at its "
             "end."},
    {.name = "raw",
     .type = EG_OPT_FLAG,
     .offset = EG_REPORT_AT(struct eg_watch_options, raw),
     .help = "Counters as reported, not scaled by the sampling rate."},
    EG_REPORT_OUTPUT_OPTIONS(struct eg_watch_options),
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey watch top -d data",
    "The ten largest address pairs, drawn anew every two seconds.",
    "earlgrey watch top -d data -s dst_port --mode update --trigger continuous -o jsonl",
    "A line for each port whose numbers changed, as soon as something is added.",
    "earlgrey watch trend -d data --window 1m --mode append --checkpoint t.state -w minutes.csv",
    "Each minute once, when it is over; stopped and started again, the file goes on.",
    "earlgrey watch -d data \"select protocol, sum(bytes) as b from flows group by all\"",
    "Any question.",
    NULL};

/* ---- the question ---- */

bool eg_watch_names(const char *statement, const char *table) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t size = strlen(table);
    for (const char *at = statement; *at;) {
        size_t word = strspn(at, letters);
        if (word == size && strncasecmp(at, table, size) == 0) return true;
        at += word ? word : 1;
    }
    return false;
}

static enum eg_status top_question(const struct eg_watch *w, const struct eg_origin *origin,
                                   struct eg_strbuf *sql, struct eg_error *err) {
    const struct eg_watch_options *o = w->options;
    static const char *const pair[] = {"pair"};
    struct eg_top_request request = {
        .origin = *origin,
        .by = o->by.count ? (const char *const *)o->by.items : pair,
        .by_count = o->by.count ? o->by.count : 1,
        .metric = o->metric,
        .limit = o->number,
        .raw = o->report.raw,
        .window_us = w->window_us,
    };
    return eg_sql_top(&request, sql, err);
}

#define INTERVALS_MAX 1000000 /* of an answer */

/* Each interval is a row, with or without traffic: an old time and a narrow window make them without end. */
static enum eg_status check_intervals(const struct eg_watch *w,
                                      const struct eg_trend_request *request,
                                      struct eg_error *err) {
    const struct eg_origin *origin = &request->origin;
    enum eg_table_id table = origin->from_packets ? EG_TABLE_PACKETS : EG_TABLE_FLOWS;
    int64_t from = INT64_MAX, to = INT64_MIN, count;
    for (size_t i = 0; i < origin->snapshot->counts[table]; i++) {
        const struct eg_dataset_file *file = &origin->snapshot->files[table][i];
        if (file->start_us < from) from = file->start_us;
        if (file->end_us > to) to = file->end_us;
    }
    if (from < origin->from_us) from = origin->from_us;
    if (to > origin->to_us) to = origin->to_us;
    if (request->part && from < request->first_us) from = request->first_us;
    if (request->part && to > request->before_us) to = request->before_us;
    if (to <= from) return EG_OK;
    count = to / request->by_us - from / request->by_us;
    if (count <= INTERVALS_MAX) return EG_OK;
    return eg_fail(
        err, EG_E_USAGE,
        "--window is too narrow for the time that %s holds: it makes %lld intervals, and an "
        "answer has at most %d: take a wider one, or less time (-t FROM,TO)",
        w->options->report.dataset, (long long)count, INTERVALS_MAX);
}

static enum eg_status trend_question(const struct eg_watch *w, const struct eg_origin *origin,
                                     int64_t closing_us, struct eg_strbuf *sql,
                                     struct eg_error *err) {
    const struct eg_watch_options *o = w->options;
    struct eg_trend_request request = {
        .origin = *origin,
        .host = o->host,
        .by_us = w->window_us,
        .raw = o->report.raw,
        .spread = strcmp(o->attribute, "spread") == 0,
        .part = w->mode == EG_WATCH_APPEND,
        .first_us = w->state.put_out ? w->state.mark.closed_us : INT64_MIN,
        .before_us = closing_us,
    };
    EG_TRY(check_intervals(w, &request, err));
    return eg_sql_trend(&request, sql, err);
}

enum eg_status eg_watch_question(struct eg_watch *w, const struct eg_snapshot *files,
                                 int64_t closing_us, struct eg_strbuf *before,
                                 struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_origin origin = w->report.origin;
    origin.snapshot = files;
    eg_strbuf_text(before, EG_SQL_MACROS);
    if (w->form == EG_WATCH_SQL) {
        eg_strbuf_text(sql, w->statement);
        return eg_sql_views(&origin, before, err);
    }
    if (w->form == EG_WATCH_TREND) return trend_question(w, &origin, closing_us, sql, err);
    /* a row lies in one window: those of other windows need not be read */
    if (w->mode == EG_WATCH_APPEND) {
        origin.bounded = true;
        origin.begin_us = w->state.mark.closed_us;
        origin.before_us = closing_us;
        origin.alive_us = INT64_MIN;
    }
    return top_question(w, &origin, sql, err);
}

/* ---- what was asked ---- */

static enum eg_exit read_form(struct eg_watch *w) {
    struct eg_call *call = w->call;
    const struct eg_watch_options *o = w->options;
    if (!call->word_count)
        return eg_complain_usage(call, "say what to watch: top, trend, or a SELECT in quotes");
    const char *word = call->words[0];
    w->form = strcmp(word, "top") == 0     ? EG_WATCH_TOP
              : strcmp(word, "trend") == 0 ? EG_WATCH_TREND
                                           : EG_WATCH_SQL;
    w->window_us = o->window_us;
    w->statement = word;
    call->word_count--;
    memmove(call->words, call->words + 1, call->word_count * sizeof *call->words);
    if (w->form == EG_WATCH_SQL && (call->word_count || !strchr(word, ' ')))
        return eg_complain_usage(call,
                                 "'%s' cannot be watched: there are top, trend, or one SELECT in "
                                 "quotes",
                                 word);
    if (w->form == EG_WATCH_SQL && strcmp(o->report.dedup, "none") != 0)
        return eg_complain_usage(call,
                                 "--dedup is for top and trend; a SELECT has to do it itself");
    if (w->form != EG_WATCH_TREND) return EG_EXIT_DONE;
    struct eg_error err;
    if (o->by.count && eg_duration_parse(&w->window_us, o->by.items[0], &err) < 0)
        return eg_complain(call, &err);
    if (!w->window_us) w->window_us = 5 * 60 * EG_SECOND_US;
    return EG_EXIT_DONE;
}

static enum eg_exit read_mode(struct eg_watch *w) {
    const char *mode = w->options->mode;
    w->mode = strcmp(mode, "append") == 0   ? EG_WATCH_APPEND
              : strcmp(mode, "update") == 0 ? EG_WATCH_UPDATE
                                            : EG_WATCH_COMPLETE;
    if (w->mode != EG_WATCH_APPEND) return EG_EXIT_DONE;
    if (!w->window_us)
        return eg_complain_usage(w->call,
                                 "--mode append needs --window: a row is put out when the window "
                                 "it belongs to is over");
    const char *time = w->options->report.time;
    if (time && (time[0] == '-' || strstr(time, ",-") || strstr(time, "now")))
        return eg_complain_usage(w->call,
                                 "--mode append cannot go with a time that moves (-t %s): a window "
                                 "is put out once; name a time that stands",
                                 time);
    if (strcmp(w->options->report.dedup, "none") != 0)
        return eg_complain_usage(w->call,
                                 "--mode append cannot go with --dedup: which report of a flow "
                                 "counts may change as long as others come; use --mode update");
    if (w->form == EG_WATCH_SQL && !eg_watch_names(w->statement, "flows") &&
        !eg_watch_names(w->statement, "packets"))
        return eg_complain_usage(w->call,
                                 "--mode append needs the table flows or packets in the statement: "
                                 "their times say which windows are over");
    return EG_EXIT_DONE;
}

static enum eg_exit read_trigger(struct eg_watch *w, struct eg_watch_wait *wait) {
    const char *text = w->options->trigger;
    struct eg_error err;
    *wait = (struct eg_watch_wait){.inotify = -1};
    wait->once = strcmp(text, "once") == 0;
    wait->continuous = strcmp(text, "continuous") == 0;
    if (wait->once || wait->continuous) return EG_EXIT_DONE;
    if (eg_duration_parse(&wait->every_us, text, &err) < 0 || wait->every_us < 10000)
        return eg_complain_usage(w->call,
                                 "--trigger takes once, continuous, or an interval of 10ms or "
                                 "more like 10s, not '%s'",
                                 text);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    wait->next_us = now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000 + wait->every_us;
    return EG_EXIT_DONE;
}

static enum eg_exit read_output(struct eg_watch *w) {
    const struct eg_report_options *o = &w->options->report;
    struct eg_watch_out *out = &w->out;
    *out = (struct eg_watch_out){.mode = w->mode, .format = eg_report_format(o), .fd = -1};
    if (o->write && strcmp(o->write, "-") != 0) out->path = o->write;
    bool lines = out->format == EG_FORMAT_CSV || out->format == EG_FORMAT_TSV ||
                 out->format == EG_FORMAT_JSONL;
    if (out->format == EG_FORMAT_PARQUET || out->format == EG_FORMAT_ARROW)
        return eg_complain_usage(w->call, "a watch writes text: -o table, wide, csv, tsv, json, "
                                          "jsonl or markdown");
    if (out->path && w->mode != EG_WATCH_COMPLETE && !lines)
        return eg_complain_usage(w->call, "--mode %s with -w writes lines: -o csv, tsv or jsonl",
                                 w->options->mode);
    out->screen = !out->path && eg_terminal() && w->mode == EG_WATCH_COMPLETE &&
                  (out->format == EG_FORMAT_TABLE || out->format == EG_FORMAT_WIDE);
    return EG_EXIT_DONE;
}

/* All that decides what is put out, in words: a checkpoint is of this and nothing else. */
static char *asked_text(const struct eg_watch *w) {
    const struct eg_watch_options *o = w->options;
    struct eg_strbuf text = {0};
    static const char *const forms[] = {"top", "trend", "sql"};
    eg_strbuf_printf(&text, "watch %s; mode %s; dataset %s; window %lldus; late %lldus",
                     forms[w->form], o->mode, eg_dataset_path(w->report.origin.dataset),
                     (long long)w->window_us, (long long)o->late_us);
    if (w->form == EG_WATCH_SQL) eg_strbuf_printf(&text, "; statement %s", w->statement);
    if (w->form != EG_WATCH_SQL) {
        eg_strbuf_text(&text, "; filter ");
        if (w->report.filter) eg_filter_text(w->report.filter, &text);
        eg_strbuf_printf(&text, "; time %s; match %s; source %s; dedup %s; raw %d",
                         o->report.time ? o->report.time : "any", o->report.match,
                         o->report.source ? o->report.source : "any", o->report.dedup,
                         o->report.raw);
    }
    for (size_t i = 0; i < o->by.count; i++) eg_strbuf_printf(&text, "; by %s", o->by.items[i]);
    if (w->form == EG_WATCH_TOP)
        eg_strbuf_printf(&text, "; metric %s; number %lld", o->metric, (long long)o->number);
    if (w->form == EG_WATCH_TREND)
        eg_strbuf_printf(&text, "; host %s; attribute %s", o->host ? o->host : "none",
                         o->attribute);
    eg_strbuf_printf(&text, "; output %s as %s%s%s", w->out.path ? w->out.path : "-",
                     eg_format_name(w->out.format), o->report.no_header ? " without header" : "",
                     o->report.epoch ? " with epoch times" : "");
    return eg_strbuf_take(&text);
}

/* ---- a run ---- */

/* A collector makes its dataset when it first has something to keep. */
static bool wait_for_dataset(struct eg_watch *w) {
    char path[4200];
    const char *dataset = w->options->report.dataset;
    bool told = false;
    snprintf(path, sizeof path, "%.4096s/_earlgrey/dataset.json", dataset);
    while (access(path, F_OK) != 0) {
        if (!told) eg_note(w->call, "earlgrey: no dataset at %s yet; waiting for it", dataset);
        told = true;
        if (eg_env_cancelled(&w->call->env)) return false;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return true;
}

/* The first files tell whether there are flows or packets to answer from. */
static enum eg_exit open_when_filled(struct eg_watch *w, bool once) {
    enum eg_table_id table = w->form == EG_WATCH_SQL ? EG_TABLE_RAW : EG_TABLE_FLOWS;
    for (;;) {
        struct eg_error err;
        struct eg_snapshot files;
        enum eg_exit code = eg_report_open(&w->report, w->call, &w->options->report, table);
        if (code != EG_EXIT_DONE) return code;
        enum eg_status status = eg_snapshot_take(&files, w->report.origin.dataset, &err);
        bool empty = eg_snapshot_empty(&files);
        eg_snapshot_reset(&files);
        if (status < 0) return eg_complain(w->call, &err);
        if (!empty || once || eg_env_cancelled(&w->call->env)) return EG_EXIT_DONE;
        eg_report_close(&w->report);
        w->report = (struct eg_report){0};
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

/* Takes up what the checkpoint says, or writes the first one. */
static enum eg_status take_up(struct eg_watch *w, struct eg_error *err) {
    const char *path = w->options->checkpoint;
    char *asked = asked_text(w);
    if (!asked) return eg_fail(err, EG_E_NOMEM, "no memory for a watch");
    enum eg_status status = EG_END;
    if (path) status = eg_checkpoint_read(&w->state, path, err);
    bool known = status == EG_OK;
    if (known && strcmp(asked, w->state.asked) != 0)
        status = eg_fail(err, EG_E_USAGE,
                         "%s is the checkpoint of another question (%.300s): name another one, or "
                         "ask the same",
                         path, w->state.asked);
    if (status >= 0 && known && w->state.trigger)
        w->report.origin.from_packets = w->state.from_packets;
    if (status >= 0)
        status = eg_watch_out_open(&w->out, known ? &w->state : NULL, path != NULL, err);
    if (status >= 0 && !known) {
        w->state.mark = eg_watermark_none;
        w->state.asked = asked;
        asked = NULL;
        if (path) status = eg_checkpoint_write(&w->state, path, err);
    }
    eg_free(asked);
    return status;
}

#define TRIES 5 /* files that are merged or removed while they are read are looked up anew */

static enum eg_status trigger(struct eg_watch *w, struct eg_error *err) {
    enum eg_status status = EG_OK;
    for (int i = 0; i < TRIES; i++) {
        status = eg_watch_trigger(w, err);
        if (status >= 0 || status == EG_E_CANCELLED || status == EG_E_USAGE || w->stuck) break;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return status;
}

static void tell_account(const struct eg_watch *w) {
    const struct eg_checkpoint *state = &w->state;
    char mark[40] = "", late[96] = "";
    if (w->mode == EG_WATCH_APPEND && state->mark.closed_us != INT64_MIN) {
        eg_time_text(state->mark.closed_us, mark);
        snprintf(late, sizeof late, "; windows closed up to %s, %lld rows too late for theirs",
                 mark, (long long)state->mark.late);
    }
    eg_note(w->call, "earlgrey: watch: %lld triggers, %lld rows put out%s",
            (long long)state->trigger, (long long)state->put_out, late);
}

static enum eg_exit watch(struct eg_watch *w, struct eg_watch_wait *wait) {
    struct eg_error err;
    if (take_up(w, &err) < 0) return eg_complain(w->call, &err);
    enum eg_status status;
    do {
        status = trigger(w, &err);
    } while (status >= 0 && !wait->once && !w->out.gone &&
             eg_watch_wait(wait, &w->call->env, eg_dataset_path(w->report.origin.dataset)));
    enum eg_exit code =
        status < 0 && status != EG_E_CANCELLED ? eg_complain(w->call, &err) : EG_EXIT_DONE;
    if (code != EG_EXIT_USAGE) tell_account(w);
    return code;
}

static enum eg_exit explain(struct eg_watch *w) {
    struct eg_strbuf before = {0}, sql = {0};
    struct eg_error err;
    struct eg_snapshot files = {0};
    enum eg_status status = eg_snapshot_take(&files, w->report.origin.dataset, &err);
    if (status >= 0) status = eg_watch_question(w, &files, INT64_MAX, &before, &sql, &err);
    enum eg_exit code =
        status < 0 ? eg_complain(w->call, &err) : eg_report_explain(&w->report, sql.text);
    eg_snapshot_reset(&files);
    eg_strbuf_reset(&before);
    eg_strbuf_reset(&sql);
    return code;
}

static enum eg_exit run(struct eg_call *call) {
    struct eg_watch w = {.call = call, .options = call->options};
    struct eg_watch_wait wait = {.inotify = -1};
    w.state.mark = eg_watermark_none;
    w.out.fd = -1;
    enum eg_exit code = read_form(&w);
    if (code == EG_EXIT_DONE) code = read_mode(&w);
    if (code == EG_EXIT_DONE) code = read_trigger(&w, &wait);
    if (code == EG_EXIT_DONE) code = read_output(&w);
    if (code != EG_EXIT_DONE) return code;
    bool here = wait.once || w.options->report.explain || wait_for_dataset(&w);
    if (here) code = open_when_filled(&w, wait.once || w.options->report.explain);
    if (here && code == EG_EXIT_DONE)
        code = w.options->report.explain ? explain(&w) : watch(&w, &wait);
    eg_watch_wait_close(&wait);
    eg_watch_out_close(&w.out);
    eg_snapshot_reset(&w.files);
    eg_checkpoint_reset(&w.state);
    eg_report_close(&w.report);
    return code;
}

const struct eg_verb eg_verb_watch = {
    .name = "watch",
    .summary = "top, trend or SQL over a dataset that is being written, again and again",
    .synopsis = "top|trend|STATEMENT [FILTER]",
    .description =
        "Asks a question of a dataset while an ingest in another process adds to it.\n\n"
        "--mode complete puts out the whole answer each time (drawn in place on a terminal; with "
        "-w the file holds the last answer), update the rows that are new or changed, append the "
        "rows of windows that are over: those that end before the latest start seen, less --late. "
        "Rows that come later than that are counted and told.\n\n"
        "With --checkpoint a watch that ended, in whatever way, goes on where it was. Ctrl-C ends "
        "it. docs/watch.md tells more.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct eg_watch_options),
    .run = run,
};
