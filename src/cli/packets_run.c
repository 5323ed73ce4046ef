/* SPDX-License-Identifier: Apache-2.0
 * Retrieving packets: compiles what is asked of the frames, looks packets up or reads captures through,
 * and writes captures or rows. */
#include "base/draft.h"
#include "cli/capture_name.h"
#include "cli/missing.h"
#include "cli/packets.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "match/mmdb.h"
#include "match/stellar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSERT_BYTES (64u << 10) /* of a statement that notes places */

bool eg_packets_rows_wanted(const struct eg_report_options *o) {
    if (!o->write || o->json || o->output) return true;
    if (strcmp(o->write, "-") == 0) return false;
    enum eg_format format = eg_report_format(o);
    const char *dot = strrchr(o->write, '.');
    bool told = dot && (strcmp(dot, ".tsv") == 0 || format != EG_FORMAT_TSV);
    return told && format != EG_FORMAT_TABLE;
}

/* ---- questions about frames ---- */

static enum eg_exit test_add(struct eg_packets_job *job, const char *text, enum eg_status status,
                             struct eg_error *err) {
    if (status >= 0) {
        struct eg_frame_test *test = job->tests[job->test_count++];
        if (job->ask->outermost) eg_frame_test_view(test, EG_VIEW_OUTERMOST);
        if (status == EG_OK_WARN) eg_note(job->report->call, "earlgrey: %s", err->message);
        return EG_EXIT_DONE;
    }
    struct eg_strbuf caret = {0};
    int64_t position = err->position;
    enum eg_exit code = eg_complain(job->report->call, err);
    if (position >= 0 && position <= (int64_t)strlen(text)) {
        eg_filter_caret(text, position, &caret);
        if (caret.text) fputs(caret.text, stderr);
    }
    eg_strbuf_reset(&caret);
    return code;
}

static bool type_has(const struct eg_mmdb *db, const char *word) {
    return memmem(db->type.at, db->type.size, word, strlen(word)) != NULL;
}

/* One that is for the other option would answer everything with nothing. */
static enum eg_exit database_open(const struct eg_packets_job *job, const char *path, bool places,
                                  struct eg_mmdb **out) {
    const struct eg_call *call = job->report->call;
    struct eg_error err;
    if (!path || !*path) return EG_EXIT_DONE;
    if (eg_mmdb_open(out, path, &err) < 0) return eg_complain(call, &err);
    bool of_places = type_has(*out, "-City") || type_has(*out, "-Country");
    bool of_numbers = type_has(*out, "-ASN");
    if (places ? !of_numbers : !of_places) return EG_EXIT_DONE;
    return eg_complain_usage(call, "%s is a database of %s (%.*s): --%s takes it", path,
                             places ? "AS numbers" : "places",
                             (int)((*out)->type.size > 60 ? 60 : (*out)->type.size),
                             (const char *)(*out)->type.at, places ? "asn" : "geo");
}

static enum eg_exit stellar_make(struct eg_packets_job *job, enum eg_match_on on) {
    const struct eg_packets_ask *ask = job->ask;
    struct eg_error err;
    enum eg_exit code = database_open(job, ask->geo, true, &job->places);
    if (code == EG_EXIT_DONE) code = database_open(job, ask->asn, false, &job->as_numbers);
    if (code != EG_EXIT_DONE) return code;
    struct eg_stellar_databases databases = {job->places, job->as_numbers};
    struct eg_frame_test **at = &job->tests[job->test_count];
    return test_add(job, ask->stellar,
                    eg_frame_test_stellar(at, ask->stellar, on, &databases, &err), &err);
}

static enum eg_exit tests_make(struct eg_packets_job *job) {
    const struct eg_packets_ask *ask = job->ask;
    struct eg_error err;
    enum eg_match_on on = EG_MATCH_FRAME;
    enum eg_exit code = EG_EXIT_DONE;
    if (ask->bytes_on && !eg_match_on_parse(&on, ask->bytes_on))
        return eg_complain_usage(job->report->call, "--bytes-on takes frame, payload or stored");
    struct eg_frame_test **at = job->tests;
    if (ask->bpf)
        code =
            test_add(job, ask->bpf, eg_frame_test_bpf(&at[job->test_count], ask->bpf, &err), &err);
    if (ask->bytes && code == EG_EXIT_DONE)
        code = test_add(job, ask->bytes,
                        eg_frame_test_bytes(&at[job->test_count], ask->bytes, on, &err), &err);
    if (ask->stellar && code == EG_EXIT_DONE) code = stellar_make(job, on);
    return code;
}

enum eg_exit eg_packets_unanswered(const struct eg_packets_job *job) {
    enum eg_exit code = EG_EXIT_DONE;
    for (size_t i = 0; i < job->test_count; i++) {
        struct eg_strbuf why = {0};
        uint64_t count = eg_frame_test_unanswered(job->tests[i], &why);
        bool none = count && !eg_frame_test_answered(job->tests[i]);
        const char *text = why.text ? why.text : "no answer";
        if (none)
            fprintf(stderr,
                    "earlgrey: packets: %llu packets were left out: %s; that is all that could be "
                    "asked about\n",
                    (unsigned long long)count, text);
        else if (count)
            eg_note(job->report->call, "earlgrey: %llu packets were left out: %s",
                    (unsigned long long)count, text);
        if (none) code = EG_EXIT_PARTIAL;
        eg_strbuf_reset(&why);
    }
    return code;
}

static enum eg_exit worse(enum eg_exit code, enum eg_exit other) {
    return code == EG_EXIT_DONE || code == EG_EXIT_EMPTY ? (other ? other : code) : code;
}

/* ---- retrieving ---- */

static void progress_draw(void *to, const struct eg_scan_progress *seen) {
    struct eg_packets_job *job = to;
    eg_progress_draw(job->progress, seen);
    bool stream = job->ask->pdml || (job->ask->path && strcmp(job->ask->path, "-") == 0);
    if (job->file && stream)
        (void)!eg_packet_file_flush(job->file, NULL); /* the next packet tells what is wrong */
}

/* What was asked for and cannot be had at all, so that nothing is made of it. */
static enum eg_status nothing_kept(const struct eg_packets_job *job, struct eg_error *err) {
    const struct eg_retrieved *account = &job->account;
    if (account->not_kept && !account->frames)
        return eg_fail(err, EG_E_IO,
                       "the bytes of the %llu matching packets were not kept; ingest with --keep "
                       "copy keeps them",
                       (unsigned long long)account->not_kept);
    if (job->ask->exported && !account->rows)
        return eg_fail(err, EG_E_IO,
                       "exported flows have no packets here: exporters report flows, not packets");
    return EG_OK;
}

enum eg_exit eg_packets_not_kept(const struct eg_packets_job *job) {
    if (!job->account.not_kept) return EG_EXIT_DONE;
    fprintf(stderr,
            "earlgrey: packets: the bytes of %llu more matching packets were not kept; ingest with "
            "--keep copy keeps them\n",
            (unsigned long long)job->account.not_kept);
    return EG_EXIT_PARTIAL;
}

enum eg_exit eg_packets_damaged(const struct eg_packets_job *job) {
    if (!job->account.trouble[0]) return EG_EXIT_DONE;
    eg_say(job->report->call, job->account.trouble);
    return EG_EXIT_PARTIAL;
}

struct passing {
    struct eg_packets_job *job;
    enum eg_status (*put)(void *, const struct eg_found *, struct eg_error *);
    void *put_to;
};

/* A packet that was read, on its way; EG_END: it is earlier than one before it, and reading begins anew. */
static enum eg_status packet_pass(void *to, const struct eg_found *found, struct eg_error *err) {
    const struct passing *p = to;
    struct eg_packets_job *job = p->job;
    int64_t time_ns = found->frame.time_ns;
    if (job->order) return eg_packet_order_put(job->order, &found->frame, found->interface, err);
    if (time_ns == EG_FRAME_NO_TIME) time_ns = INT64_MAX; /* those without one are last */
    job->late += time_ns < job->last_ns;
    if (job->late && job->again) return EG_END;
    if (time_ns > job->last_ns) job->last_ns = time_ns;
    return p->put(p->put_to, found, err);
}

/* All packets to `put`: looked up where there is an index or a condition that only SQL can answer. */
enum eg_status eg_packets_retrieve(struct eg_packets_job *job,
                                   enum eg_status (*put)(void *, const struct eg_found *,
                                                         struct eg_error *),
                                   void *put_to, struct eg_error *err) {
    const struct eg_env *env = &job->report->call->env;
    bool indexed = job->request.origin.dataset || job->request.condition;
    struct eg_retrieval how = {
        .packets = &job->request,
        .tests = job->tests,
        .test_count = job->test_count,
        .count_max = job->order ? 0 : (uint64_t)job->ask->count,
        .threads = (uint32_t)job->report->options->threads,
        .put = packet_pass,
        .put_to = &(struct passing){job, put, put_to},
        .progress = progress_draw,
        .progress_to = job,
    };
    job->progress = eg_progress_manual(job->report->call);
    job->late = 0;
    job->last_ns = INT64_MIN;
    struct eg_engine *engine = NULL;
    enum eg_status status = indexed ? eg_retrieve_few(env, &how, &job->account, err)
                                    : eg_retrieve_scan(env, &how, &job->account, err);
    if (indexed && status == EG_END) { /* not that few */
        status = eg_report_engine(job->report, EG_SQL_MACROS, false, &engine, err);
        if (status >= 0) status = eg_retrieve(engine, env, &how, &job->account, err);
        eg_engine_close(engine);
    }
    eg_progress_stop(job->progress);
    job->progress = NULL;
    return status < 0 ? status : nothing_kept(job, err);
}

/* ---- captures ---- */

static enum eg_status file_put(void *to, const struct eg_found *found, struct eg_error *err) {
    return eg_packet_file_put(to, &found->frame, found->interface, err);
}

struct giving {
    struct eg_packets_job *job;
    uint64_t left; /* packets; of those that are wanted */
};

static enum eg_status ordered_give(void *to, const struct eg_frame *frame, struct eg_span interface,
                                   struct eg_error *err) {
    struct giving *g = to;
    if (!g->left--) return EG_END;
    return eg_packet_file_put(g->job->file, frame, interface, err);
}

/* All into the file that is open, in the order of time; what finds no room in memory goes beside `place`
 * meanwhile. */
static enum eg_status ordered_fill(struct eg_packets_job *job, const char *place,
                                   struct eg_error *err) {
    struct giving giving = {job, job->ask->count ? (uint64_t)job->ask->count : UINT64_MAX};
    job->again = false;
    enum eg_status status = eg_packet_order_new(&job->order, place, 0, err);
    if (status >= 0) status = eg_packets_retrieve(job, file_put, job->file, err);
    if (status >= 0) status = eg_packet_order_give(job->order, ordered_give, &giving, err);
    eg_packet_order_free(job->order);
    job->order = NULL;
    return status;
}

/* Reads once more. */
static enum eg_status file_fill_ordered(struct eg_packets_job *job,
                                        const struct eg_packet_file_options *options,
                                        struct eg_error *err) {
    eg_packet_file_free(job->file);
    job->file = NULL;
    eg_retrieved_reset(&job->account);
    EG_TRY(eg_packet_file_open(&job->file, options, err));
    return ordered_fill(job, options->path, err);
}

static bool read_once(const struct eg_packets_job *job) {
    for (size_t i = 0; i < job->report->capture_count; i++)
        if (eg_spool_needed(job->report->captures[i])) return true;
    return false;
}

enum eg_status eg_packets_stream(struct eg_packets_job *job, struct eg_error *err) {
    const char *temp = getenv("TMPDIR");
    char place[1024];
    if (job->report->capture_count < 2 || read_once(job))
        return eg_packets_retrieve(job, file_put, job->file, err);
    snprintf(place, sizeof place, "%.1000s/earlgrey", temp && *temp ? temp : "/tmp");
    return ordered_fill(job, place, err);
}

/* Enough were found, but a capture that was not read begins before the last of them. */
static bool may_come_earlier(const struct eg_packets_job *job) {
    const struct eg_report *report = job->report;
    if (!job->ask->count || job->account.found < (uint64_t)job->ask->count) return false;
    for (size_t i = job->account.capture_count; report->first_ns && i < report->capture_count; i++)
        if (report->first_ns[i] < job->last_ns) return true;
    return false;
}

/* What is written to a file is in the order of time; a stream of one capture, and what can be read only
 * once, as it is read. */
static enum eg_status file_fill(struct eg_packets_job *job,
                                const struct eg_packet_file_options *options,
                                struct eg_error *err) {
    if (strcmp(options->path, "-") == 0) return eg_packets_stream(job, err);
    job->again = !read_once(job);
    enum eg_status status = eg_packets_retrieve(job, file_put, job->file, err);
    bool order = job->again && (job->late || may_come_earlier(job));
    return status >= 0 && order ? file_fill_ordered(job, options, err) : status;
}

void eg_packets_late(const struct eg_packets_job *job) {
    if (!job->late) return;
    eg_note(
        job->report->call,
        "earlgrey: %llu packets stand behind later ones, as they were read: a file (-w FILE) of "
        "captures that are files is in the order of time",
        (unsigned long long)job->late);
}

static void summary(const struct eg_packets_job *job) {
    struct eg_packet_file_account wrote = eg_packet_file_account(job->file);
    size_t files;
    (void)eg_packet_file_written(job->file, &files);
    if (wrote.timeless)
        eg_note(job->report->call, "earlgrey: %llu packets without a time stand at 1970",
                (unsigned long long)wrote.timeless);
    if (wrote.early)
        eg_note(job->report->call, "earlgrey: %llu packets of before 1970 stand at 1970",
                (unsigned long long)wrote.early);
    eg_packets_late(job);
    char into[64] = "";
    if (files != 1) snprintf(into, sizeof into, " in %zu files", files);
    eg_note(job->report->call, "earlgrey: %llu packets%s, %.1f MB of captures read",
            (unsigned long long)wrote.packets, into, (double)job->account.bytes / 1e6);
}

static enum eg_exit capture_write(struct eg_packets_job *job) {
    const struct eg_packets_ask *ask = job->ask;
    struct eg_error err;
    bool stream = strcmp(ask->path, "-") == 0;
    if (stream && eg_terminal())
        return eg_complain_usage(job->report->call,
                                 "a capture is not for a terminal: name a file, or pipe it on");
    struct eg_packet_file_options options = {
        .path = ask->path,
        .format = eg_capture_format_of(ask->path, ask->format),
        .format_option = ask->format_option,
        .records_max = (uint64_t)ask->records,
        .replace = ask->replace,
        .nanoseconds = stream,
        .digest = ask->receipt != NULL,
        .unsynced = ask->unsynced,
    };
    enum eg_status status = eg_capture_name_check(ask->path, &err);
    if (status >= 0) status = eg_packets_outputs_check(job, &err);
    if (status >= 0) status = eg_packet_file_open(&job->file, &options, &err);
    if (status >= 0) status = file_fill(job, &options, &err);
    if (status >= 0) status = eg_packet_file_finish(job->file, &err);
    job->ended_us = job->report->call->env.now_us(job->report->call->env.clock);
    if (status < 0) return eg_report_failed(job->report, &err, job->account.frames);
    enum eg_exit unanswered = eg_packets_unanswered(job);
    summary(job);
    enum eg_exit code = ask->receipt ? eg_packets_receipt(job) : EG_EXIT_DONE;
    code = worse(code, unanswered);
    code = worse(code, eg_packets_damaged(job));
    code = worse(code, eg_packets_not_kept(job));
    if (code == EG_EXIT_DONE && job->report->options->exit_status && !job->account.found)
        code = EG_EXIT_EMPTY;
    return code;
}

/* ---- rows ---- */

struct noted {
    struct eg_engine *engine;
    struct eg_strbuf sql;
};

static enum eg_status noted_flush(struct noted *n, struct eg_error *err) {
    if (n->sql.failed) return eg_fail(err, EG_E_NOMEM, "no memory for the places of packets");
    if (!n->sql.size) return EG_OK;
    enum eg_status status = eg_engine_run(n->engine, n->sql.text, err);
    eg_strbuf_clear(&n->sql);
    return status;
}

static enum eg_status place_note(void *to, const struct eg_found *found, struct eg_error *err) {
    struct noted *n = to;
    eg_strbuf_text(&n->sql, n->sql.size ? ", (" : "INSERT INTO places_ VALUES (");
    eg_sql_quote(found->file, &n->sql);
    eg_strbuf_printf(&n->sql, ", %llu)", (unsigned long long)found->offset);
    return n->sql.size < INSERT_BYTES && !n->sql.failed ? EG_OK : noted_flush(n, err);
}

/* Packets whose bytes must be looked at, as rows: found first, then asked for by their places. */
static enum eg_exit rows_of_places(struct eg_packets_job *job) {
    struct noted noted = {0};
    struct eg_error err;
    struct eg_strbuf sql = {0};
    enum eg_status status = eg_report_engine(
        job->report, EG_SQL_MACROS "CREATE TEMP TABLE places_ (file VARCHAR, \"offset\" BIGINT);",
        false, &noted.engine, &err);
    if (status >= 0) status = eg_packets_retrieve(job, place_note, &noted, &err);
    if (status >= 0) status = noted_flush(&noted, &err);
    enum eg_exit unanswered = status < 0 ? EG_EXIT_DONE : eg_packets_unanswered(job);
    job->request.places = "places_";
    if (status >= 0)
        status = eg_sql_packets(&job->request, job->report->options->fields, &sql, &err);
    enum eg_exit code = status < 0 ? eg_report_failed(job->report, &err, job->account.frames)
                                   : eg_report_run_in(job->report, noted.engine, sql.text);
    if (status >= 0) code = worse(worse(code, eg_packets_not_kept(job)), unanswered);
    eg_engine_close(noted.engine);
    eg_strbuf_reset(&noted.sql);
    eg_strbuf_reset(&sql);
    return code;
}

static enum eg_exit rows_write(struct eg_packets_job *job) {
    bool look = job->test_count || (job->request.outermost && job->request.origin.filter &&
                                    !eg_filter_is_all(job->request.origin.filter));
    if (look && !job->report->options->explain) return rows_of_places(job);
    struct eg_strbuf sql = {0};
    struct eg_error err;
    enum eg_exit code;
    if (eg_sql_packets(&job->request, job->report->options->fields, &sql, &err) < 0)
        code = eg_complain(job->report->call, &err);
    else if (job->report->options->explain)
        code = eg_report_explain(job->report, sql.text);
    else
        code = eg_report_run(job->report, EG_SQL_MACROS, sql.text, false);
    eg_strbuf_reset(&sql);
    return code;
}

/* What can be read only once is kept aside where it has to be read again: to be indexed, then picked
 * from; or to be looked through, then shown. */
static enum eg_exit once_keep(struct eg_packets_job *job, bool look) {
    struct eg_report *report = job->report;
    bool again = job->request.condition || (look && !job->ask->path && !job->ask->pdml);
    return again ? eg_report_spool(report) : EG_EXIT_DONE;
}

/* What killed runs left beside the file that is asked for. */
static void drafts_remove(const struct eg_packets_job *job) {
    const char *path = job->ask->path;
    size_t count = path && strcmp(path, "-") != 0 ? eg_drafts_sweep(path) : 0;
    if (count)
        eg_note(job->report->call,
                "earlgrey: removed %zu unfinished file%s that a killed run left beside %s", count,
                count == 1 ? "" : "s", path);
}

enum eg_exit eg_packets_run(struct eg_report *report, const struct eg_packets_ask *ask) {
    struct eg_packets_job job = {
        .report = report,
        .ask = ask,
        .began_us = report->call->env.now_us(report->call->env.clock),
        .request = {.origin = report->origin,
                    .condition = ask->condition,
                    .both = ask->both,
                    .outermost = ask->outermost},
    };
    enum eg_exit code = tests_make(&job);
    bool look = job.test_count || ask->outermost;
    if (!look) job.request.limit = ask->count; /* else it is of those whose bytes hold */
    if (code == EG_EXIT_DONE && !report->options->explain) code = eg_packets_indexed(report);
    if (code == EG_EXIT_DONE && !report->options->explain) code = once_keep(&job, look);
    if (code == EG_EXIT_DONE && !report->options->explain) drafts_remove(&job);
    if (code == EG_EXIT_DONE && report->options->explain)
        code = rows_write(&job);
    else if (code == EG_EXIT_DONE)
        code = ask->pdml   ? eg_packets_pdml(&job)
               : ask->path ? capture_write(&job)
                           : rows_write(&job);
    if (!report->options->explain) {
        eg_missing_quarantine(report);
        eg_missing_look(report, EG_MISSING_PACKETS);
    }
    for (size_t i = 0; i < job.test_count; i++) eg_frame_test_free(job.tests[i]);
    eg_mmdb_close(job.places);
    eg_mmdb_close(job.as_numbers);
    eg_packet_file_free(job.file);
    eg_retrieved_reset(&job.account);
    return code;
}
