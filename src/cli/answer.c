/* SPDX-License-Identifier: Apache-2.0
 * How an answer leaves: a query's rows through an encoder to standard output or a file. */
#include "cli/report.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "cli/missing.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "table/arrow_ipc.h"
#include "table/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Where bytes go: standard output, or FILE.tmp that becomes FILE at the end. What is no regular file
 * (a device, a pipe) is written as it is. */
struct outlet {
    int fd;
    const char *path; /* NULL: standard output */
    char *tmp;        /* NULL: written in place */
    bool gone;        /* the reader went away: stop quietly */
};

static enum eg_status outlet_open(struct outlet *out, const char *path, struct eg_error *err) {
    *out = (struct outlet){.fd = STDOUT_FILENO};
    if (!path || strcmp(path, "-") == 0) return EG_OK;
    out->path = path;
    out->fd = -1;
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        out->fd = open(path, O_WRONLY | O_CLOEXEC);
        return out->fd >= 0 ? EG_OK : eg_fail_errno(err, errno, "cannot write %s", path);
    }
    size_t size = strlen(path) + 5;
    out->tmp = eg_malloc(size);
    if (!out->tmp) return eg_fail(err, EG_E_NOMEM, "out of memory");
    snprintf(out->tmp, size, "%s.tmp", path);
    out->fd = open(out->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out->fd < 0) return eg_fail_errno(err, errno, "cannot write %s", path);
    return EG_OK;
}

static enum eg_status outlet_write(struct outlet *out, struct eg_strbuf *text,
                                   struct eg_error *err) {
    if (text->failed) return eg_fail(err, EG_E_NOMEM, "out of memory while writing the answer");
    size_t done = 0;
    while (done < text->size && !out->gone) {
        ssize_t n = write(out->fd, text->text + done, text->size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EPIPE && !out->path)
            out->gone = true;
        else if (n < 0)
            return eg_fail_errno(err, errno, "cannot write %s",
                                 out->path ? out->path : "standard output");
        else
            done += (size_t)n;
    }
    eg_strbuf_clear(text);
    return EG_OK;
}

static enum eg_status outlet_close(struct outlet *out, enum eg_status status,
                                   struct eg_error *err) {
    if (out->path && out->fd >= 0) {
        if (status >= 0 && out->tmp && fsync(out->fd) != 0)
            status = eg_fail_errno(err, errno, "cannot write %s", out->path);
        close(out->fd);
        if (status >= 0 && out->tmp) status = eg_file_rename(out->tmp, out->path, err);
        if (status < 0 && out->tmp) unlink(out->tmp);
    }
    eg_free(out->tmp);
    return status;
}

enum eg_format eg_report_format(const struct eg_report_options *options) {
    if (options->json) return EG_FORMAT_JSON;
    if (options->output) return eg_format_by_name(options->output);
    const char *dot = options->write ? strrchr(options->write, '.') : NULL;
    if (dot && strcmp(dot, ".md") == 0) return EG_FORMAT_MARKDOWN;
    if (dot && strcmp(dot, ".ndjson") == 0) return EG_FORMAT_JSONL;
    if (dot && eg_format_by_name(dot + 1) != EG_FORMAT_COUNT) return eg_format_by_name(dot + 1);
    return eg_terminal() && !options->write ? EG_FORMAT_TABLE : EG_FORMAT_TSV;
}

struct eg_encode_style eg_report_style(const struct eg_report *report, enum eg_format format) {
    struct eg_encode_style style = eg_terminal_style(report->call, format, !report->options->write);
    style.header = !report->options->no_header;
    style.human = strcmp(report->options->units, "si") == 0;
    style.utc_offset =
        !report->options->utc && (format == EG_FORMAT_TABLE || format == EG_FORMAT_WIDE);
    style.epoch = report->options->epoch;
    return style;
}

static enum eg_status encode_text(struct eg_report *report, struct eg_result *result,
                                  enum eg_format format, struct outlet *out, uint64_t *rows,
                                  struct eg_error *err) {
    const struct eg_table *table = eg_result_table(result);
    uint32_t *columns = eg_calloc(table->count + 1, sizeof *columns);
    if (!columns) return eg_fail(err, EG_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < table->count; i++) columns[i] = i;
    struct eg_encode_style style = eg_report_style(report, format);
    struct eg_encoder *encoder = NULL;
    struct eg_strbuf text = {0};
    enum eg_status status = eg_encoder_new(&encoder, table, columns, table->count, &style, err);
    if (status >= 0) eg_encoder_begin(encoder, &text);
    while (status >= 0 && !out->gone) {
        struct eg_batch *batch;
        status = eg_result_next(result, &batch, err);
        if (status != EG_OK) break;
        *rows += batch->rows;
        eg_encoder_rows(encoder, batch, &text);
        eg_batch_unref(batch);
        if (text.size > 1 << 16) status = outlet_write(out, &text, err);
    }
    if (status >= 0) {
        eg_encoder_end(encoder, &text);
        status = outlet_write(out, &text, err);
    }
    eg_encoder_free(encoder);
    eg_strbuf_reset(&text);
    eg_free(columns);
    return status;
}

static enum eg_status encode_arrow(struct eg_result *result, struct outlet *out, uint64_t *rows,
                                   struct eg_error *err) {
    const struct eg_table *table = eg_result_table(result);
    struct eg_strbuf text = {0};
    enum eg_status status = eg_arrow_ipc_begin(table, EG_COLUMNS_ALL, &text, err);
    if (status >= 0) status = outlet_write(out, &text, err);
    while (status >= 0 && !out->gone) {
        struct eg_batch *batch;
        status = eg_result_next(result, &batch, err);
        if (status != EG_OK) break;
        *rows += batch->rows;
        status = eg_arrow_ipc_batch(batch, EG_COLUMNS_ALL, &text, err);
        eg_batch_unref(batch);
        if (status >= 0) status = outlet_write(out, &text, err);
    }
    if (status >= 0) {
        eg_arrow_ipc_end(&text);
        status = outlet_write(out, &text, err);
    }
    eg_strbuf_reset(&text);
    return status;
}

/* Parquet is written to a file of its own first; to standard output it is copied from there. */
static enum eg_status encode_parquet(struct eg_engine *engine, const char *sql, struct outlet *out,
                                     struct eg_error *err) {
    const char *temp = getenv("TMPDIR");
    char path[1024];
    snprintf(path, sizeof path, "%.990s/earlgrey-answer-XXXXXX", temp && *temp ? temp : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0) return eg_fail_errno(err, errno, "cannot make a temporary file");
    enum eg_status status = eg_parquet_copy(engine, sql, path, err);
    struct eg_strbuf text = {0};
    int copy = status >= 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    while (status >= 0 && copy >= 0) {
        if (!eg_strbuf_reserve(&text, 1 << 16)) break;
        ssize_t n = read(copy, text.text, 1 << 16);
        if (n <= 0) break;
        text.size = (size_t)n;
        status = outlet_write(out, &text, err);
    }
    if (copy >= 0) close(copy);
    close(fd);
    unlink(path);
    eg_strbuf_reset(&text);
    return status;
}

static enum eg_status write_answer(struct eg_report *report, struct eg_engine *engine,
                                   const char *sql, uint64_t *rows, struct eg_error *err) {
    enum eg_format format = eg_report_format(report->options);
    bool binary = format == EG_FORMAT_PARQUET || format == EG_FORMAT_ARROW;
    if (binary && !report->options->write && eg_terminal())
        return eg_fail(err, EG_E_USAGE,
                       "%s is not for a terminal: name a file with -w, or -w - to "
                       "insist",
                       eg_format_name(format));
    struct eg_result *result = NULL;
    if (format != EG_FORMAT_PARQUET) EG_TRY(eg_engine_query(engine, sql, &result, err));
    struct outlet out;
    enum eg_status status = outlet_open(&out, report->options->write, err);
    if (status >= 0) {
        if (format == EG_FORMAT_PARQUET) {
            status = encode_parquet(engine, sql, &out, err);
            *rows = 1;
        } else if (format == EG_FORMAT_ARROW) {
            status = encode_arrow(result, &out, rows, err);
        } else {
            status = encode_text(report, result, format, &out, rows, err);
        }
    }
    eg_result_free(result);
    return outlet_close(&out, status, err);
}

/* " (netflow5, sflow)": the sources of the flows that were asked for; nothing where that cannot be told. */
static void kinds_of_export(const struct eg_origin *asked, struct eg_engine *engine,
                            struct eg_strbuf *to) {
    struct eg_origin origin = *asked;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    struct eg_result *result = NULL;
    struct eg_batch *batch = NULL;
    origin.dedup = EG_DEDUP_NONE;
    eg_strbuf_text(&sql, "SELECT DISTINCT source FROM ");
    if (eg_sql_rows(&origin, &sql, &err) >= 0) {
        eg_strbuf_text(&sql, " AS r WHERE source IS NOT NULL ORDER BY source");
        if (eg_engine_query(engine, sql.text, &result, &err) < 0) result = NULL;
    }
    while (result && eg_result_next(result, &batch, &err) == EG_OK) {
        for (uint32_t row = 0; row < batch->rows; row++) {
            struct eg_span name = eg_col_text(&batch->columns[0], row);
            eg_strbuf_printf(to, "%s%.*s", to->size ? ", " : " (", (int)name.size,
                             (const char *)name.at);
        }
        eg_batch_unref(batch);
    }
    if (to->size) eg_strbuf_char(to, ')');
    eg_result_free(result);
    eg_strbuf_reset(&sql);
}

/* Exports answered; how much else was metered. */
static void tell_metered(struct eg_report *report, struct eg_engine *engine) {
    struct eg_strbuf kinds = {0}, sql = {0};
    struct eg_error err;
    int64_t found[2];
    kinds_of_export(&report->origin, engine, &kinds);
    if (eg_sql_sources(&report->origin, false, &sql, &err) >= 0 &&
        eg_engine_numbers(engine, sql.text, 0, found, 2, &err) >= 0 && found[1])
        eg_note(
            report->call,
            "earlgrey: answered from flow exports%s; the %lld flows metered from packets beside "
            "them are not in it (--source packet chooses them)",
            kinds.text ? kinds.text : "", (long long)found[1]);
    eg_strbuf_reset(&kinds);
    eg_strbuf_reset(&sql);
}

/* What a dataset keeps beside the flows that were answered from. */
static void tell_beside(struct eg_report *report, struct eg_engine *engine) {
    struct eg_origin origin = report->origin;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    if (report->origin.count == EG_COUNT_EXPORTS) {
        tell_metered(report, engine);
        return;
    }
    struct eg_dataset_file *files = NULL;
    size_t count = 0;
    uint64_t packets = 0;
    if (origin.from_packets || origin.source || origin.count == EG_COUNT_METERED ||
        eg_dataset_files(origin.dataset, EG_TABLE_PACKETS, origin.from_us, origin.to_us, &files,
                         &count, &err) < 0)
        return;
    for (size_t i = 0; i < count; i++) packets += files[i].rows;
    eg_dataset_files_free(files, count);
    if (!packets) return;
    kinds_of_export(&origin, engine, &sql);
    eg_note(report->call,
            "earlgrey: answered from flow records%s; the packets kept beside them (about %llu) are "
            "not in it (--source packet chooses them)",
            sql.text ? sql.text : "", (unsigned long long)packets);
    eg_strbuf_reset(&sql);
}

/* A question may read a capture more than once. */
static bool told_before(const struct eg_trouble *troubles, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (troubles[k].message && strcmp(troubles[k].message, troubles[i].message) == 0)
            return true;
    return false;
}

/* After the answer: what it misses. */
static bool tell_losses(struct eg_report *report, struct eg_engine *engine) {
    size_t count;
    bool failed = false;
    const struct eg_trouble *troubles = eg_engine_troubles(engine, &count);
    for (size_t i = 0; i < count; i++) {
        if (!troubles[i].message || told_before(troubles, i)) continue;
        bool bad = troubles[i].status < 0;
        failed = failed || bad;
        if (bad)
            eg_say(report->call, troubles[i].message);
        else
            eg_note(report->call, "earlgrey: %s", troubles[i].message);
    }
    const struct eg_tally *tally = eg_engine_tally(engine);
    struct eg_strbuf lines = {0};
    for (int cause = 0; tally && report->about_flows && cause < EG_CAUSE_COUNT; cause++) {
        const struct eg_cause_info *info = eg_cause_info((enum eg_cause)cause);
        if (!info->is_loss || cause == EG_CAUSE_capture_cut) continue;
        struct eg_tally_entry sum = eg_tally_sum(tally, (enum eg_cause)cause);
        if (!sum.records && !sum.packets) continue;
        eg_strbuf_text(&lines, "not in the answer: ");
        eg_missing_amount(sum.records, sum.packets, info, eg_span(info->name, strlen(info->name)),
                          &lines);
    }
    eg_missing_say(report, &lines);
    eg_strbuf_reset(&lines);
    struct eg_tally_entry early = {0};
    if (tally && report->about_flows) early = eg_tally_sum(tally, EG_CAUSE_flow_emergency);
    if (early.records)
        eg_note(report->call,
                "earlgrey: %lld flows were given out early, since the flow cache was full: their "
                "packets are all counted, in more flows than there were (flow_emergency; "
                "--flow-memory gives more)",
                (long long)early.records);
    if (report->origin.dataset && !report->call->common->quiet) {
        if (report->about_packets) eg_missing_quarantine(report);
        if (report->about_packets) eg_missing_tell(report, engine, EG_MISSING_PACKETS);
        if (report->about_any) eg_missing_tell(report, engine, EG_MISSING_ANY);
        if (report->about_flows) eg_missing_tell(report, engine, EG_MISSING_FLOWS);
        if (report->about_flows) tell_beside(report, engine);
    }
    struct eg_scan_progress seen = eg_engine_progress(engine);
    if (report->capture_count && report->origin.count == EG_COUNT_EXPORTS && seen.datagrams &&
        seen.frames > seen.datagrams)
        eg_note(report->call,
                "earlgrey: answered from flow exports; %llu other packets are not in "
                "it (--source packet chooses them)",
                (unsigned long long)(seen.frames - seen.datagrams));
    return failed;
}

#define LOOK_ROWS 200000 /* for flows that several exporters reported: what a look may cost */

/* Of a large dataset a stretch of time out of its largest file's middle, with about so many rows in that
 * file: there all exporters stand side by side. */
static void narrow(struct eg_origin *origin) {
    struct eg_dataset_file *files = NULL;
    struct eg_error err;
    size_t count = 0, largest = 0;
    uint64_t rows = 0;
    if (eg_dataset_files(origin->dataset, EG_TABLE_FLOWS, origin->from_us, origin->to_us, &files,
                         &count, &err) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        rows += files[i].rows;
        if (files[i].rows > files[largest].rows) largest = i;
    }
    if (rows > LOOK_ROWS) {
        const struct eg_dataset_file *file = &files[largest];
        int64_t span = file->end_us - file->start_us;
        double share = (double)LOOK_ROWS / 2 / (double)file->rows;
        origin->bounded = true;
        origin->alive_us = INT64_MIN;
        origin->begin_us = file->start_us + span / 2;
        origin->before_us =
            origin->begin_us + (int64_t)((double)span * (share < 1 ? share : 1)) + 1;
    }
    eg_dataset_files_free(files, count);
}

/* Sums over exporters that saw the same traffic count it as often as they did. */
static void tell_repeated(struct eg_report *report, struct eg_engine *engine) {
    struct eg_origin origin = report->origin;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    int64_t repeated = 0;
    bool metered = origin.from_packets || origin.count == EG_COUNT_METERED ||
                   (origin.source && strcmp(origin.source, "packet") == 0);
    if (!report->adds_up || report->call->common->quiet || metered || origin.dedup != EG_DEDUP_NONE)
        return;
    if (origin.dataset) narrow(&origin);
    if (eg_sql_repeated(&origin, LOOK_ROWS, &sql, &err) >= 0 &&
        eg_engine_numbers(engine, sql.text, 0, &repeated, 1, &err) >= 0 && repeated)
        eg_note(
            report->call,
            "earlgrey: several exporters, or kinds of export, reported the same flows (at least "
            "%lld): the sums may count traffic more than once; --dedup exporter counts it once",
            (long long)repeated);
    eg_strbuf_reset(&sql);
}

enum eg_status eg_report_engine(struct eg_report *report, const char *before, bool locked,
                                struct eg_engine **out, struct eg_error *err) {
    const char **allowed = eg_calloc(report->capture_count + 2, sizeof(char *));
    if (!allowed) return eg_fail(err, EG_E_NOMEM, "out of memory");
    size_t allowed_count = 0;
    for (size_t i = 0; i < report->capture_count; i++)
        allowed[allowed_count++] = report->captures[i];
    if (report->origin.dataset) allowed[allowed_count++] = eg_dataset_path(report->origin.dataset);
    allowed[allowed_count++] = ".";
    const char *temp = getenv("TMPDIR");
    struct eg_engine_options options = {
        .memory_limit = report->options->memory_limit,
        .threads = (uint32_t)report->options->threads,
        .temp_directory = locked          ? NULL
                          : temp && *temp ? temp
                                          : "/tmp",
        .allowed = locked ? allowed : NULL,
        .allowed_count = locked ? allowed_count : 0,
        .locked = locked,
    };
    enum eg_status status = eg_engine_open(out, &report->call->env, &options, err);
    if (status >= 0 && before) status = eg_engine_run(*out, before, err);
    if (status >= 0 && locked) status = eg_engine_lock(*out, err);
    eg_free(allowed);
    return status;
}

#define TRIES 10 /* with longer and longer pauses, 1.1 s in all */
#define PAUSE_NS 25000000L

/* What the engine says of a mistake that many make, with the remedy. */
static void remedy_add(struct eg_error *err) {
    char why[sizeof err->message];
    if (!strstr(err->message, "from source column protocol")) return;
    snprintf(why, sizeof why, "%.300s", err->message);
    int64_t position = err->position;
    eg_fail(err, err->status,
            "protocol is a name, as in protocol = 'tcp'; the number is proto, as in proto = 6 (%s)",
            why);
    err->position = position;
}

/* An hour of the dataset is exchanged in one step: a list made before it names files that are gone. */
enum eg_exit eg_report_failed(struct eg_report *report, const struct eg_error *given,
                              uint64_t rows) {
    struct eg_error told = *given, *err = &told;
    remedy_add(err);
    report->again =
        err->status == EG_E_NOENT && report->origin.dataset && !rows && report->tries < TRIES;
    return report->again ? EG_EXIT_FAILED : eg_complain(report->call, err);
}

bool eg_report_again(struct eg_report *report) {
    bool again = report->again;
    if (again) nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS * report->tries}, NULL);
    report->tries += again;
    report->again = false;
    return again;
}

enum eg_exit eg_report_run_in(struct eg_report *report, struct eg_engine *engine, const char *sql) {
    struct eg_error err;
    uint64_t rows = 0;
    struct eg_progress *progress = eg_progress_start(report->call, engine);
    enum eg_status status = write_answer(report, engine, sql, &rows, &err);
    eg_progress_stop(progress);
    if (status < 0) return eg_report_failed(report, &err, rows);
    enum eg_exit code = EG_EXIT_DONE;
    if (tell_losses(report, engine))
        code = EG_EXIT_PARTIAL;
    else if (rows == 0 && report->options->exit_status)
        code = EG_EXIT_EMPTY;
    tell_repeated(report, engine);
    if (rows == 0 && eg_terminal()) eg_note(report->call, "no rows");
    return code;
}

/* The engine of our own questions, which serves all of a report's. */
static enum eg_status own_engine(struct eg_report *report, struct eg_engine **out,
                                 struct eg_error *err) {
    if (!report->engine)
        EG_TRY(eg_report_engine(report, EG_SQL_MACROS, false, &report->engine, err));
    *out = report->engine;
    return EG_OK;
}

enum eg_exit eg_report_run(struct eg_report *report, const char *before, const char *sql,
                           bool locked) {
    struct eg_engine *engine = NULL;
    struct eg_error err;
    bool own = !locked && before && strcmp(before, EG_SQL_MACROS) == 0;
    enum eg_status status = own ? own_engine(report, &engine, &err)
                                : eg_report_engine(report, before, locked, &engine, &err);
    enum eg_exit code =
        status < 0 ? eg_report_failed(report, &err, 0) : eg_report_run_in(report, engine, sql);
    if (!own) eg_engine_close(engine);
    return code;
}

enum eg_exit eg_report_numbers(struct eg_report *report, const char *sql, int64_t *out,
                               uint32_t count) {
    struct eg_engine *engine = NULL;
    struct eg_error err;
    enum eg_status status = own_engine(report, &engine, &err);
    if (status >= 0) status = eg_engine_numbers(engine, sql, 0, out, count, &err);
    return status < 0 ? eg_report_failed(report, &err, 0) : EG_EXIT_DONE;
}
