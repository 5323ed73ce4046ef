/* SPDX-License-Identifier: Apache-2.0
 * One trigger of a watch: the question asked of the dataset as it is now, and of its answer the rows
 * that the mode wants. What is put out is durable before the checkpoint that speaks of it, and what a
 * checkpoint does not speak of is cut off by the next start: so nothing is put out twice or lost. */
#include "cli/watch.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/timetext.h"
#include "cli/missing.h"
#include "cli/terminal.h"

#include <inttypes.h>
#include <string.h>

#define ROWS_MAX 2000000 /* of an answer in update mode: 16 bytes each are kept */

/* ---- the watermark ---- */

/* The rows that time is read from, as an SQL relation, and the column that says it. */
static enum eg_status timed_rows(const struct eg_watch *w, const struct eg_snapshot *files,
                                 struct eg_strbuf *rows, const char **time, struct eg_error *err) {
    *time = "start_time";
    if (w->form != EG_WATCH_SQL) {
        struct eg_origin origin = w->report.origin;
        origin.snapshot = files;
        origin.each_packet = origin.from_packets;
        if (w->form == EG_WATCH_TREND && strcmp(w->options->attribute, "end") == 0)
            *time = "greatest(coalesce(end_time, start_time), start_time)";
        return eg_sql_rows(&origin, rows, err);
    }
    bool flows = eg_watch_names(w->statement, "flows");
    if (!flows) *time = "time";
    return eg_snapshot_relation(files, flows ? EG_TABLE_FLOWS : EG_TABLE_PACKETS, INT64_MIN,
                                INT64_MAX, rows, err);
}

/* Asks, and leaves the text empty for the next question. */
static enum eg_status numbers(struct eg_engine *engine, struct eg_strbuf *sql, int64_t *out,
                              uint32_t count, struct eg_error *err) {
    enum eg_status status = sql->failed
                                ? eg_fail(err, EG_E_NOMEM, "no memory for a query")
                                : eg_engine_numbers(engine, sql->text, INT64_MIN, out, count, err);
    eg_strbuf_clear(sql);
    return status;
}

/* Reads the new files only, but where old ones are gone (merged, expired) all of them. */
static enum eg_status advance(const struct eg_watch *w, struct eg_engine *engine,
                              const struct eg_snapshot *now, struct eg_watermark *mark,
                              struct eg_error *err) {
    struct eg_snapshot fresh;
    struct eg_strbuf rows = {0}, sql = {0};
    const char *time;
    int64_t seen[2] = {INT64_MIN, 0}, closed = 0;
    size_t gone;
    EG_TRY(eg_snapshot_fresh(&fresh, now, &w->files, &gone, err));
    bool all = gone || !w->looked;
    enum eg_status status = timed_rows(w, all ? now : &fresh, &rows, &time, err);
    if (status >= 0) {
        eg_sql_seen(rows.text, time, mark->closed_us, &sql);
        status = numbers(engine, &sql, seen, 2, err);
    }
    if (status >= 0) {
        int64_t late = all ? seen[1] - mark->closed_rows : seen[1];
        if (late > 0) mark->late += late;
        mark->closed_rows = all ? seen[1] : mark->closed_rows + late;
        int64_t at_us = w->call->env.now_us(w->call->env.clock);
        int64_t closing =
            eg_watermark_close(mark, seen[0], at_us, w->window_us, w->options->late_us);
        if (seen[0] > at_us) seen[0] = at_us;
        if (seen[0] > mark->seen_us) mark->seen_us = seen[0];
        if (closing > mark->closed_us) {
            eg_strbuf_clear(&rows);
            status = timed_rows(w, now, &rows, &time, err);
            if (status >= 0) {
                eg_sql_between(rows.text, time, mark->closed_us, closing, &sql);
                status = numbers(engine, &sql, &closed, 1, err);
            }
            mark->closed_rows += closed;
            mark->closed_us = closing;
        }
    }
    eg_snapshot_forget(&fresh);
    eg_strbuf_reset(&rows);
    eg_strbuf_reset(&sql);
    return status;
}

/* ---- the answer ---- */

struct taking {
    struct eg_watch *w;
    const struct eg_watermark *mark; /* append: windows in [state's closed, its closed) */
    struct eg_encoder *encoder;
    struct eg_row_digests rows; /* of the whole answer (update) */
    struct eg_strbuf text, scratch;
    uint64_t put_out;
    int time_column;
};

static bool wanted(struct taking *t, const struct eg_batch *batch, uint32_t row,
                   struct eg_error *err, enum eg_status *status) {
    if (t->w->mode == EG_WATCH_COMPLETE) return true;
    if (t->w->mode == EG_WATCH_APPEND) {
        uint32_t col = (uint32_t)t->time_column;
        if (!eg_batch_valid(batch, col, row)) return false;
        int64_t at = eg_col_int(&batch->columns[col], row);
        return at >= t->w->state.mark.closed_us && at < t->mark->closed_us;
    }
    struct eg_digest digest = eg_row_digest(batch, row, &t->scratch);
    if (t->rows.count >= ROWS_MAX)
        *status = eg_fail(err, EG_E_USAGE,
                          "the answer has more than %d rows, too many to tell which of them "
                          "changed: narrow it with a filter or -n",
                          ROWS_MAX);
    else if (!eg_row_digests_add(&t->rows, digest))
        *status = eg_fail(err, EG_E_NOMEM, "no memory for the answer");
    return !eg_row_digests_hold(&t->w->state.rows, digest);
}

static enum eg_status take_batch(struct taking *t, const struct eg_batch *batch,
                                 struct eg_error *err) {
    uint32_t *picked = eg_calloc(batch->rows + 1, sizeof *picked), count = 0;
    enum eg_status status = picked ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory for the answer");
    for (uint32_t row = 0; status >= 0 && row < batch->rows; row++)
        if (wanted(t, batch, row, err, &status)) picked[count++] = row;
    if (status >= 0 && count) {
        struct eg_batch *part;
        status = eg_batch_pick(&part, batch, picked, count, err);
        if (status >= 0) {
            eg_encoder_rows(t->encoder, part, &t->text);
            t->put_out += count;
            eg_batch_unref(part);
        }
    }
    eg_free(picked);
    return status;
}

static enum eg_status find_time(struct taking *t, const struct eg_table *table,
                                struct eg_error *err) {
    t->time_column = -1;
    for (uint32_t i = table->count; i-- > 0;)
        if (table->columns[i].type == EG_TYPE_TIME) t->time_column = (int)i;
    if (t->w->mode != EG_WATCH_APPEND || t->time_column >= 0) return EG_OK;
    return eg_fail(err, EG_E_USAGE,
                   "--mode append needs a column of time in the answer, the beginning of each "
                   "window: select time_bucket(interval '1 minute', start_time) as time, …");
}

static bool in_blocks(const struct eg_watch *w) {
    return w->mode == EG_WATCH_COMPLETE ||
           (w->out.format != EG_FORMAT_CSV && w->out.format != EG_FORMAT_TSV);
}

static enum eg_status take_answer(struct taking *t, struct eg_result *result,
                                  struct eg_error *err) {
    struct eg_watch *w = t->w;
    const struct eg_table *table = eg_result_table(result);
    struct eg_encode_style style = eg_report_style(&w->report, w->out.format);
    if (!in_blocks(w) && w->state.put_out) style.header = false;
    uint32_t *columns = eg_calloc(table->count + 1, sizeof *columns);
    if (!columns) return eg_fail(err, EG_E_NOMEM, "no memory for the answer");
    for (uint32_t i = 0; i < table->count; i++) columns[i] = i;
    enum eg_status status = find_time(t, table, err);
    if (status >= 0)
        status = eg_encoder_new(&t->encoder, table, columns, table->count, &style, err);
    if (status >= 0) eg_encoder_begin(t->encoder, &t->text);
    while (status >= 0) {
        struct eg_batch *batch;
        status = eg_result_next(result, &batch, err);
        if (status != EG_OK) break;
        status = take_batch(t, batch, err);
        eg_batch_unref(batch);
    }
    if (status >= 0) {
        eg_encoder_end(t->encoder, &t->text);
        status = t->text.failed || t->scratch.failed
                     ? eg_fail(err, EG_E_NOMEM, "no memory for the answer")
                     : EG_OK;
    }
    eg_encoder_free(t->encoder);
    eg_free(columns);
    return status;
}

/* ---- what is put out ---- */

static void told_time(const struct eg_watch *w, char text[40]) {
    eg_time_text(w->call->env.now_us(w->call->env.clock), text);
}

/* A complete answer on a stream says which one it is. */
static void dress(const struct taking *t, struct eg_strbuf *to) {
    const struct eg_watch *w = t->w;
    char now[40];
    told_time(w, now);
    int64_t trigger = w->state.trigger + 1;
    if (w->out.path || w->mode != EG_WATCH_COMPLETE) {
        eg_strbuf_add(to, t->text.text, t->text.size);
    } else if (w->out.format == EG_FORMAT_JSON) {
        eg_strbuf_printf(to, "{\"trigger\":%" PRId64 ",\"time\":\"%s\",\"answer\":", trigger, now);
        eg_strbuf_add(to, t->text.text, t->text.size);
        while (to->size && to->text[to->size - 1] == '\n') to->text[--to->size] = 0;
        eg_strbuf_text(to, "}\n");
    } else if (w->out.format == EG_FORMAT_JSONL) {
        eg_strbuf_printf(to, "{\"trigger\":%" PRId64 ",\"time\":\"%s\",\"rows\":%" PRIu64 "}\n",
                         trigger, now, t->put_out);
        eg_strbuf_add(to, t->text.text, t->text.size);
    } else {
        eg_strbuf_printf(to, "# trigger %" PRId64 ", %s, %" PRIu64 " rows\n", trigger, now,
                         t->put_out);
        eg_strbuf_add(to, t->text.text, t->text.size);
        if (!w->out.screen) eg_strbuf_char(to, '\n');
    }
}

/* What this trigger made is put out, and the state moves on. */
static enum eg_status settle(struct taking *t, bool changed, struct eg_error *err) {
    struct eg_watch *w = t->w;
    struct eg_strbuf text = {0};
    char answer[33] = "";
    if (w->mode == EG_WATCH_COMPLETE)
        eg_digest_text(eg_hash128(t->text.text ? t->text.text : "", t->text.size), answer);
    bool silent = w->mode == EG_WATCH_COMPLETE ? !changed && strcmp(answer, w->state.answer) == 0
                                               : !t->put_out;
    if (silent && !changed && w->mode != EG_WATCH_UPDATE) return EG_END;
    enum eg_status status = EG_OK;
    if (!silent) {
        dress(t, &text);
        status = eg_watch_out_put(&w->out, &text, err);
    }
    eg_strbuf_reset(&text);
    w->stuck = status < 0;
    EG_TRY(status);
    int64_t late = t->mark->late - w->state.mark.late;
    if (late > 0)
        eg_note(w->call,
                "earlgrey: %lld row%s came behind the watermark, for windows already put out; "
                "counted, and not in the output",
                (long long)late, late == 1 ? "" : "s");
    w->state.trigger += changed || !silent;
    w->state.put_out += (int64_t)t->put_out;
    w->state.mark = *t->mark;
    w->state.from_packets = w->report.origin.from_packets;
    memcpy(w->state.answer, answer, sizeof answer);
    if (w->mode == EG_WATCH_UPDATE) {
        eg_row_digests_reset(&w->state.rows);
        w->state.rows = t->rows;
        t->rows = (struct eg_row_digests){0};
        eg_row_digests_sort(&w->state.rows);
    }
    if (!w->options->checkpoint || (silent && !changed)) return EG_OK;
    w->state.length = w->out.path && w->mode != EG_WATCH_COMPLETE ? w->out.length : 0;
    status = eg_watch_out_tail(&w->out, w->state.tail, err);
    if (status >= 0) status = eg_checkpoint_write(&w->state, w->options->checkpoint, err);
    w->stuck = status < 0;
    return status;
}

/* What the answers miss, when it is more than was told last. */
static void missing_tell(struct eg_watch *w, struct eg_engine *engine) {
    struct eg_strbuf lines = {0};
    bool any = w->form == EG_WATCH_SQL;
    eg_missing_lines(&w->report, engine, any ? EG_MISSING_ANY : EG_MISSING_FLOWS, &lines);
    uint64_t told = lines.size ? eg_hash64(lines.text, lines.size, 0) : 0;
    if (told != w->missing) eg_missing_say(&w->report, &lines);
    w->missing = told;
    eg_strbuf_reset(&lines);
}

static enum eg_status ask(struct eg_watch *w, const struct eg_snapshot *now, bool changed,
                          struct eg_error *err) {
    struct eg_engine *engine = NULL;
    struct eg_result *result = NULL;
    struct eg_strbuf before = {0}, sql = {0};
    struct eg_watermark mark = w->state.mark;
    struct taking t = {.w = w, .mark = &mark};
    /* once for the views, so that a locked engine has them before anything is asked */
    enum eg_status status = eg_watch_question(w, now, INT64_MAX, &before, &sql, err);
    if (status >= 0)
        status = eg_report_engine(&w->report, before.text, w->form == EG_WATCH_SQL, &engine, err);
    if (status >= 0 && w->mode == EG_WATCH_APPEND) status = advance(w, engine, now, &mark, err);
    bool closes = w->mode != EG_WATCH_APPEND || mark.closed_us > w->state.mark.closed_us;
    if (status >= 0 && closes) {
        eg_strbuf_clear(&before);
        eg_strbuf_clear(&sql);
        status = eg_watch_question(w, now, mark.closed_us, &before, &sql, err);
        if (status >= 0) status = eg_engine_query(engine, sql.text, &result, err);
        if (status >= 0) status = take_answer(&t, result, err);
        eg_result_free(result);
    }
    if (status >= 0 && !w->call->common->quiet) missing_tell(w, engine);
    eg_engine_close(engine);
    if (status >= 0) status = settle(&t, changed, err);
    eg_row_digests_reset(&t.rows);
    eg_strbuf_reset(&t.text);
    eg_strbuf_reset(&t.scratch);
    eg_strbuf_reset(&before);
    eg_strbuf_reset(&sql);
    return status;
}

static bool same_files(const struct eg_snapshot *now, const struct eg_snapshot *before) {
    struct eg_snapshot fresh;
    size_t gone;
    if (eg_snapshot_fresh(&fresh, now, before, &gone, NULL) < 0) return false;
    bool same = !gone;
    for (enum eg_table_id table = EG_TABLE_FLOWS; table < EG_TABLE_RAW; table++)
        same = same && !fresh.counts[table];
    eg_snapshot_forget(&fresh);
    return same;
}

/* Whether the answer may change though no file did: times like -5m, and SQL, which may ask for the
 * time. */
static bool moves(struct eg_watch *w) {
    struct eg_origin *origin = &w->report.origin;
    int64_t from = origin->from_us, to = origin->to_us;
    if (w->form == EG_WATCH_SQL) return w->mode != EG_WATCH_APPEND;
    if (w->mode == EG_WATCH_APPEND || !w->options->report.time) return false;
    return eg_report_times(&w->report) == EG_EXIT_DONE &&
           (origin->from_us != from || origin->to_us != to);
}

enum eg_status eg_watch_trigger(struct eg_watch *w, struct eg_error *err) {
    struct eg_snapshot now;
    enum eg_status status = eg_snapshot_take(&now, w->report.origin.dataset, err);
    bool changed = !w->looked || (status >= 0 && !same_files(&now, &w->files));
    bool again = moves(w);
    if (status >= 0) status = changed || again ? ask(w, &now, changed, err) : EG_END;
    if (status < 0) {
        eg_snapshot_reset(&now);
        return status;
    }
    eg_snapshot_reset(&w->files);
    w->files = now;
    w->looked = true;
    return status;
}
