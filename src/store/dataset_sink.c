/* SPDX-License-Identifier: Apache-2.0
 * The `dataset` sink: keeps the batches of each table and hour until flush(), which makes one
 * Parquet file of each and commits them together with the positions they were read up to. Where they
 * become more than it was told to keep, they are encoded at once, and kept so. */
#include "store/dataset_sink.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "engine/engine.h"
#include "source/iface.h"
#include "store/beginning.h"
#include "store/capture_live.h"
#include "store/dataset.h"
#include "store/journal.h"
#include "store/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct eg_option options[] = {EG_OPTION_END};

/* The rows of one table and hour since the last flush. */
struct partition {
    enum eg_table_id table;
    int64_t hour_us; /* INT64_MIN: quarantine */
    struct eg_batch **batches;
    uint32_t count, room;
    uint64_t rows, waiting;        /* those that are not encoded */
    struct eg_parquet_file *early; /* that are; NULL: none */
    int64_t start_us, end_us;
};

struct eg_sink {
    const struct eg_env *env;
    struct eg_dataset *dataset;
    struct eg_keeper *keeper;     /* of the captures that are read; NULL: they are not kept */
    struct eg_live *live;         /* of the frames of interfaces; NULL: likewise */
    struct eg_parquet_crew *crew; /* made by the first flush that has rows, or sooner */
    uint64_t bytes, bytes_max;    /* of batches; more of them are encoded. 0: they are not */
    uint64_t rows_min;            /* of partitions that have so many at least */
    struct partition *partitions;
    uint32_t partition_count, partition_room;
    struct eg_shares shares;        /* of the batch being written; kept for its memory */
    struct eg_far_hours *far;       /* NULL: what is read is not live */
    struct eg_tally new_quarantine; /* not yet among the rows */
    struct eg_tally quarantine;     /* since open */
    struct eg_tally owed;           /* to be told, for another sink that was closed */
    struct metered {
        const char *input; /* NULL: nobody asked, or another process does it */
        bool begun;
        int64_t packets, bytes;           /* written, less those in flows */
        int64_t told_packets, told_bytes; /* that were left by others, and are in the marks */
        int64_t said_packets, said_bytes; /* metered, but not written */
        int64_t marked;                   /* packets of the last mark */
    } metered;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory for the rows of the dataset");
}

static void sink_close(struct eg_sink *sink);

static enum eg_status sink_open(const struct eg_env *env, const char *uri, const void *given,
                                struct eg_sink **out, struct eg_error *err) {
    (void)given;
    const char *path = strncmp(uri, "dataset:", 8) == 0 ? uri + 8 : uri;
    struct eg_sink *sink = eg_calloc(1, sizeof *sink);
    if (!sink) return no_memory(err);
    sink->env = env;
    enum eg_status status = eg_dataset_open(&sink->dataset, path, EG_DATASET_WRITE, env, err);
    if (status < 0) {
        sink_close(sink);
        return status;
    }
    *out = sink;
    return EG_OK;
}

/* ---- rows in ---- */

static struct partition *partition_for(struct eg_sink *sink, enum eg_table_id table,
                                       int64_t hour_us) {
    for (uint32_t i = sink->partition_count; i-- > 0;)
        if (sink->partitions[i].hour_us == hour_us && sink->partitions[i].table == table)
            return &sink->partitions[i];
    if (sink->partition_count == sink->partition_room) {
        uint32_t room = sink->partition_room ? sink->partition_room * 2 : 8;
        struct partition *grown = eg_realloc(sink->partitions, room, sizeof *grown);
        if (!grown) return NULL;
        sink->partitions = grown;
        sink->partition_room = room;
    }
    struct partition *added = &sink->partitions[sink->partition_count++];
    *added = (struct partition){
        .table = table, .hour_us = hour_us, .start_us = INT64_MAX, .end_us = INT64_MIN};
    return added;
}

/* Takes the share's reference over when it answers true. */
static bool partition_add(struct partition *p, const struct eg_share *share) {
    if (p->count == p->room) {
        uint32_t room = p->room ? p->room * 2 : 16;
        struct eg_batch **grown = eg_realloc(p->batches, room, sizeof *grown);
        if (!grown) return false;
        p->batches = grown;
        p->room = room;
    }
    p->batches[p->count++] = share->batch;
    p->rows += share->batch->rows;
    p->waiting += share->batch->rows;
    if (share->start_us <= share->end_us) {
        if (share->start_us < p->start_us) p->start_us = share->start_us;
        if (share->end_us > p->end_us) p->end_us = share->end_us;
    }
    return true;
}

/* Tallies keep no texts: the name of the protocol as the registry has it. */
static const char *static_source(struct eg_span name) {
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count; i++)
        if (stages[i].kind == EG_STAGE_decoder && strlen(stages[i].name) == name.size &&
            memcmp(stages[i].name, name.at, name.size) == 0)
            return stages[i].name;
    return "packet";
}

static int64_t int_or(const struct eg_batch *batch, uint32_t column, uint32_t row, int64_t other) {
    return eg_batch_valid(batch, column, row) ? eg_col_int(&batch->columns[column], row) : other;
}

/* The rows of a batch, under a cause; of packets that were metered only the flows where `flows_only`. */
static void rows_count(const struct eg_batch *batch, enum eg_cause cause, bool timed,
                       bool flows_only, struct eg_tally *to) {
    bool flows = batch->table_id == EG_TABLE_FLOWS;
    if (!flows && (flows_only || batch->table_id != EG_TABLE_PACKETS)) return;
    const uint32_t at = flows ? EG_COL(FLOWS, start_time) : EG_COL(PACKETS, time);
    for (uint32_t row = 0; row < batch->rows; row++) {
        struct eg_blame blame = {"packet", NULL, -1};
        int64_t records = flows, packets = !flows, bytes = 0;
        if (flows) {
            uint32_t exporter = EG_COL(FLOWS, exporter), source = EG_COL(FLOWS, source);
            if (eg_batch_valid(batch, source, row))
                blame.source = static_source(eg_col_text(&batch->columns[source], row));
            if (eg_batch_valid(batch, exporter, row))
                blame.exporter = &eg_col_addr(&batch->columns[exporter])[row];
            blame.domain = int_or(batch, EG_COL(FLOWS, domain), row, -1);
            packets = int_or(batch, EG_COL(FLOWS, packets), row, 0);
            bytes = int_or(batch, EG_COL(FLOWS, bytes), row, 0);
            /* of packets: their rows are counted by themselves */
            if (strcmp(blame.source, "packet") == 0) packets = bytes = 0;
        } else {
            bytes = int_or(batch, EG_COL(PACKETS, length), row, 0);
        }
        eg_tally_add(to, cause, &blame, timed ? int_or(batch, at, row, INT64_MIN) : INT64_MIN,
                     records, packets, bytes);
    }
}

static enum eg_status keep(struct eg_sink *sink, struct eg_batch *batch, struct eg_error *err) {
    int64_t now_us = sink->env->now_us(sink->env->clock);
    EG_TRY(eg_split(&sink->shares, batch, sink->far, now_us, err));
    for (uint32_t i = 0; i < sink->shares.count; i++) {
        struct eg_share *share = &sink->shares.list[i];
        struct partition *p = partition_for(sink, batch->table_id, share->hour_us);
        if (!p || !partition_add(p, share)) {
            /* What was added of this batch stays and what follows is lost: the run ends here. */
            eg_shares_clear(&sink->shares);
            return no_memory(err);
        }
        sink->bytes += eg_batch_bytes(share->batch);
        if (share->hour_us == INT64_MIN)
            rows_count(share->batch, EG_CAUSE_quarantined, false, false, &sink->new_quarantine);
        share->batch = NULL;
    }
    eg_shares_clear(&sink->shares);
    return EG_OK;
}

/* ---- packets that no flow counts yet ---- */

#define METERED_KEY "iface"
#define METERED_TABLE "unmetered"

static void metered_count(struct metered *m, const struct eg_batch *batch) {
    const uint32_t source = EG_COL(FLOWS, source);
    if (batch->table_id == EG_TABLE_PACKETS) {
        m->packets += batch->rows;
        for (uint32_t row = 0; row < batch->rows; row++)
            m->bytes += int_or(batch, EG_COL(PACKETS, length), row, 0);
    }
    if (batch->table_id != EG_TABLE_FLOWS || !batch->rows || !eg_batch_valid(batch, source, 0))
        return;
    struct eg_span name = eg_col_text(&batch->columns[source], 0); /* the same in all rows */
    if (name.size != 6 || memcmp(name.at, "packet", 6) != 0) return;
    for (uint32_t row = 0; row < batch->rows; row++) {
        m->packets -= int_or(batch, EG_COL(FLOWS, packets), row, 0);
        m->bytes -= int_or(batch, EG_COL(FLOWS, bytes), row, 0);
    }
}

/* The marks of all runs add up to what is in no flow: what others left is told, and taken back in the
 * mark of this one. Where that cannot be looked up now it is tried again. */
static void metered_begin(struct eg_sink *sink, struct eg_tally *to) {
    struct metered *m = &sink->metered;
    struct eg_position *all;
    struct eg_error err;
    size_t count;
    char *end;
    if (!m->input || m->begun) return;
    enum eg_status status =
        eg_dataset_lock_source(sink->dataset, METERED_KEY, m->input, m->input, &err);
    if (status == EG_E_LOCKED) m->input = NULL;
    if (status < 0 || eg_dataset_positions(sink->dataset, &all, &count, &err) < 0) return;
    m->begun = true;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].key, METERED_KEY) != 0 || strcmp(all[i].table, METERED_TABLE) != 0 ||
            strcmp(all[i].name, m->input) != 0)
            continue;
        m->told_packets += strtoll(all[i].state, &end, 10);
        m->told_bytes += strtoll(end, NULL, 10);
    }
    eg_free(all);
    if (m->told_packets > 0)
        eg_tally_add(to, EG_CAUSE_metering_ended, NULL, INT64_MIN, 0, m->told_packets,
                     m->told_bytes);
}

static void metered_mark(const struct metered *m, struct eg_position *out) {
    *out = (struct eg_position){.key = METERED_KEY, .table = METERED_TABLE, .cut_us = INT64_MIN};
    snprintf(out->name, sizeof out->name, "%s", m->input);
    snprintf(out->state, sizeof out->state, "%lld %lld", (long long)(m->packets - m->told_packets),
             (long long)(m->bytes - m->told_bytes));
}

void eg_dataset_sink_meter(struct eg_sink *sink, const char *input) { sink->metered.input = input; }

void eg_dataset_sink_metered(struct eg_sink *sink, uint64_t packets, uint64_t bytes) {
    struct metered *m = &sink->metered;
    m->packets += (int64_t)packets - m->said_packets;
    m->bytes += (int64_t)bytes - m->said_bytes;
    m->said_packets = (int64_t)packets;
    m->said_bytes = (int64_t)bytes;
}

/* ---- rows that are encoded before the flush ---- */

void eg_dataset_sink_bound(struct eg_sink *sink, uint64_t bytes, uint64_t rows) {
    sink->bytes_max = bytes ? bytes : EG_DATASET_SINK_BYTES;
    sink->rows_min = rows ? rows : EG_DATASET_SINK_ROWS;
}

static void batches_drop(struct partition *p) {
    for (uint32_t i = 0; i < p->count; i++) eg_batch_unref(p->batches[i]);
    p->count = 0;
    p->waiting = 0;
}

static enum eg_status encode_early(struct eg_sink *sink, struct partition *p,
                                   struct eg_error *err) {
    struct eg_parquet_job job = {
        .table = p->table, .batches = p->batches, .batch_count = p->count, .early = p->early};
    uint64_t bytes = 0;
    enum eg_status status = eg_parquet_encode_early(sink->crew, &job, err);
    p->early = job.early;
    EG_TRY(status);
    for (uint32_t i = 0; i < p->count; i++) bytes += eg_batch_bytes(p->batches[i]);
    sink->bytes -= bytes;
    batches_drop(p);
    return EG_OK;
}

/* Where the batches are too much, those of each partition that has rows enough for a row group. */
static enum eg_status bound(struct eg_sink *sink, struct eg_error *err) {
    if (!sink->bytes_max || sink->bytes < sink->bytes_max) return EG_OK;
    if (!sink->crew) EG_TRY(eg_parquet_crew_new(&sink->crew, sink->env, 0, err));
    for (uint32_t i = 0; i < sink->partition_count; i++)
        if (sink->partitions[i].waiting >= sink->rows_min)
            EG_TRY(encode_early(sink, &sink->partitions[i], err));
    return EG_OK;
}

static enum eg_status sink_write(struct eg_sink *sink, struct eg_batch *batch,
                                 struct eg_error *err) {
    if (sink->metered.input) metered_count(&sink->metered, batch);
    EG_TRY(keep(sink, batch, err));
    return bound(sink, err);
}

/* What was put into quarantine since the last flush, as rows of `losses`. */
static enum eg_status write_quarantine(struct eg_sink *sink, struct eg_error *err) {
    if (sink->new_quarantine.count == 0) return EG_OK;
    struct eg_builder *builder;
    EG_TRY(eg_builder_new(&builder, eg_table_get(EG_TABLE_LOSSES), EG_TABLE_LOSSES,
                          sink->new_quarantine.count, EG_COLUMNS_ALL, err));
    struct eg_batch *batch = NULL;
    enum eg_status status = EG_OK;
    char now[40], extra[80];
    eg_time_text(sink->env->now_us(sink->env->clock), now);
    int size = snprintf(extra, sizeof extra, "{\"ingested\":\"%s\"}", now);
    for (uint32_t i = 0; i < sink->new_quarantine.count && status >= 0; i++) {
        struct eg_tally one = {.entries = &sink->new_quarantine.entries[i], .count = 1};
        eg_put_text(builder, EG_COL(LOSSES, extra), extra, (size_t)size);
        status = eg_tally_rows(&one, false, builder, err);
        eg_builder_abandon(builder); /* where the entry gave no row */
    }
    if (status >= 0) status = eg_builder_seal(builder, &batch, err);
    if (status == EG_OK) status = keep(sink, batch, err);
    if (status >= 0) {
        eg_tally_merge(&sink->quarantine, &sink->new_quarantine);
        eg_tally_reset(&sink->new_quarantine);
    }
    eg_batch_unref(batch);
    eg_builder_free(builder);
    return status < 0 ? status : EG_OK;
}

/* ---- rows out ---- */

static int by_table_and_hour(const void *a, const void *b) {
    const struct partition *p = a, *q = b;
    if (p->table != q->table) return p->table < q->table ? -1 : 1;
    return p->hour_us < q->hour_us ? -1 : p->hour_us > q->hour_us;
}

static void drop_rows(struct eg_sink *sink) {
    for (uint32_t i = 0; i < sink->partition_count; i++) {
        batches_drop(&sink->partitions[i]);
        eg_parquet_early_free(sink->partitions[i].early);
        eg_free(sink->partitions[i].batches);
    }
    sink->partition_count = 0;
    sink->bytes = 0;
}

/* A job for each partition, its path a part of the commit. */
static enum eg_status jobs_make(struct eg_sink *sink, struct eg_commit *commit,
                                struct eg_parquet_job *jobs, struct eg_error *err) {
    for (uint32_t i = 0; i < sink->partition_count; i++) {
        const struct partition *p = &sink->partitions[i];
        jobs[i] = (struct eg_parquet_job){
            .table = p->table, .batches = p->batches, .batch_count = p->count, .early = p->early};
        EG_TRY(eg_commit_file(commit, p->table, p->hour_us, &jobs[i].path, err));
    }
    return EG_OK;
}

static enum eg_status jobs_write(struct eg_sink *sink, struct eg_commit *commit,
                                 struct eg_parquet_job *jobs, struct eg_error *err) {
    if (!sink->crew) EG_TRY(eg_parquet_crew_new(&sink->crew, sink->env, 0, err));
    EG_TRY(eg_parquet_write(sink->crew, jobs, sink->partition_count, err));
    for (uint32_t i = 0; i < sink->partition_count; i++) {
        const struct partition *p = &sink->partitions[i];
        EG_ASSERT(jobs[i].stats.rows == p->rows);
        EG_TRY(eg_commit_file_done(commit, jobs[i].path, p->rows, p->start_us, p->end_us, err));
    }
    return EG_OK;
}

static enum eg_status write_partitions(struct eg_sink *sink, struct eg_commit *commit,
                                       const struct eg_position *positions, size_t count,
                                       const struct eg_journal *captures, struct eg_error *err) {
    for (size_t i = 0; i < captures->capture_count; i++)
        EG_TRY(eg_commit_capture(commit, &captures->captures[i], err));
    if (sink->partition_count == 0) return EG_OK;
    qsort(sink->partitions, sink->partition_count, sizeof *sink->partitions, by_table_and_hour);
    /* The positions of many inputs are long: one file of the commit carries them, the others only
     * the commit's name. */
    struct eg_strbuf whole = {0}, brief = {0};
    struct eg_parquet_job *jobs = eg_calloc(sink->partition_count, sizeof *jobs);
    enum eg_status status = jobs ? jobs_make(sink, commit, jobs, err) : no_memory(err);
    if (status >= 0)
        status = eg_journal_note(eg_commit_id(commit), positions, count, captures, &whole, err);
    if (status >= 0) status = eg_journal_note(eg_commit_id(commit), NULL, 0, NULL, &brief, err);
    for (uint32_t i = 0; jobs && i < sink->partition_count; i++)
        jobs[i].note = i == 0 ? whole.text : brief.text;
    if (status >= 0) status = jobs_write(sink, commit, jobs, err);
    eg_free(jobs);
    eg_strbuf_reset(&whole);
    eg_strbuf_reset(&brief);
    return status;
}

/* A full disk deserves to be told what to do about it, however the encoder put it. */
static void say_full(const struct eg_sink *sink, struct eg_error *err) {
    if (!err) return;
    if (err->status != EG_E_NOSPACE && !strstr(err->message, "No space left on device") &&
        !strstr(err->message, "Disk quota exceeded"))
        return;
    if (strncmp(err->message, "the disk of", 11) == 0) return; /* whoever writes a copy says so */
    char why[256];
    snprintf(why, sizeof why, "%.255s", err->message);
    eg_fail(err, EG_E_NOSPACE,
            "the disk of the dataset %s is full: nothing of this step was kept, all before it "
            "stands; free some space and run the same command again (%s)",
            eg_dataset_path(sink->dataset), why);
}

static enum eg_status commit_finish(const struct eg_sink *sink, struct eg_commit *commit,
                                    const struct eg_position *positions, size_t count,
                                    struct eg_error *err) {
    if (!sink->metered.begun) return eg_commit_finish(commit, positions, count, err);
    struct eg_position *more = eg_calloc(count + 1, sizeof *more);
    if (!more) return no_memory(err);
    if (count) memcpy(more, positions, count * sizeof *more);
    metered_mark(&sink->metered, &more[count]);
    enum eg_status status = eg_commit_finish(commit, more, count + 1, err);
    eg_free(more);
    return status;
}

static enum eg_status sink_flush(struct eg_sink *sink, const struct eg_position *positions,
                                 size_t count, struct eg_error *err) {
    struct eg_error own = {0};
    if (!err) err = &own;
    metered_begin(sink, &sink->new_quarantine);
    EG_TRY(write_quarantine(sink, err));
    if (sink->live) EG_TRY(eg_live_settle(sink->live, err));
    struct eg_journal captures = {0};
    struct eg_commit *commit = NULL;
    bool keeps = sink->keeper && eg_keeper_waits(sink->keeper);
    bool marks = sink->metered.begun && sink->metered.packets != sink->metered.marked;
    if (sink->partition_count == 0 && count == 0 && !keeps && !marks) return EG_OK;
    enum eg_status status = eg_commit_begin(&commit, sink->dataset, err);
    if (status >= 0 && keeps) status = eg_keeper_lines(sink->keeper, &captures, err);
    if (status >= 0) status = write_partitions(sink, commit, positions, count, &captures, err);
    if (status >= 0) status = commit_finish(sink, commit, positions, count, err);
    eg_commit_free(commit);
    eg_journal_reset(&captures);
    if (status >= 0) {
        if (sink->keeper) eg_keeper_committed(sink->keeper);
        sink->metered.marked = sink->metered.packets;
        drop_rows(sink);
        return EG_OK;
    }
    say_full(sink, err);
    return err->status < 0 ? err->status : status;
}

/* ---- the rest ---- */

static enum eg_status sink_positions(struct eg_sink *sink, struct eg_position **out, size_t *count,
                                     struct eg_error *err) {
    return eg_dataset_positions(sink->dataset, out, count, err);
}

static void sink_losses(struct eg_sink *sink, struct eg_tally *to) {
    eg_tally_merge(to, &sink->owed);
    eg_tally_reset(&sink->owed);
    /* a dataset is made by its first rows */
    if (sink->metered.input && access(eg_dataset_path(sink->dataset), F_OK) == 0)
        metered_begin(sink, to);
}

static void sink_close(struct eg_sink *sink) {
    drop_rows(sink);
    eg_free(sink->partitions);
    eg_shares_reset(&sink->shares);
    eg_free(sink->far);
    eg_tally_reset(&sink->new_quarantine);
    eg_tally_reset(&sink->quarantine);
    eg_tally_reset(&sink->owed);
    eg_parquet_crew_free(sink->crew);
    eg_live_free(sink->live);
    eg_keeper_free(sink->keeper);
    eg_dataset_close(sink->dataset);
    eg_free(sink);
}

enum eg_status eg_dataset_sink_claim(void *of, const char *key, const char *lock, const char *name,
                                     struct eg_position **news, size_t *news_count,
                                     struct eg_error *err) {
    struct eg_sink *sink = of;
    EG_TRY(eg_dataset_lock_source(sink->dataset, key, lock, name, err));
    return eg_dataset_news(sink->dataset, news, news_count, err);
}

enum eg_status eg_dataset_sink_begins(void *of, const char *name, uint64_t size,
                                      const struct eg_position *known, struct eg_error *err) {
    const struct eg_sink *sink = of;
    return eg_beginning_of(sink->dataset, name, size, known, err);
}

enum eg_status eg_dataset_sink_keep(struct eg_sink *sink, const struct eg_keep_rule *rule,
                                    struct eg_error *err) {
    EG_ASSERT(!sink->keeper);
    return eg_keeper_new(&sink->keeper, sink->dataset, rule, err);
}

enum eg_status eg_dataset_sink_take(void *of, struct eg_source *source, char *file, size_t room,
                                    struct eg_error *err) {
    struct eg_sink *sink = of;
    return sink->keeper ? eg_keeper_take(sink->keeper, source, file, room, err) : EG_OK;
}

enum eg_status eg_dataset_sink_known(void *of, struct eg_source *source, char *told, size_t room,
                                     struct eg_error *err) {
    struct eg_sink *sink = of;
    return sink->keeper ? eg_keeper_known(sink->keeper, source, told, room, err) : EG_OK;
}

enum eg_status eg_dataset_sink_record(void *of, struct eg_source *source, char *file, size_t room,
                                      struct eg_error *err) {
    (void)file, (void)room; /* the rows say it themselves */
    struct eg_sink *sink = of;
    if (!sink->keeper || sink->live) return EG_OK;
    EG_TRY(eg_live_new(&sink->live, sink->keeper, sink->env, err));
    eg_iface_keep(source, &(struct eg_iface_keeper){eg_live_frame, sink->live});
    return EG_OK;
}

void eg_dataset_sink_kept(const struct eg_sink *sink, struct eg_keep_account *out) {
    *out = (struct eg_keep_account){0};
    if (sink->keeper) eg_keeper_account(sink->keeper, out);
}

void eg_dataset_sink_release(void *of) {
    struct eg_sink *sink = of;
    drop_rows(sink);
    eg_tally_reset(&sink->new_quarantine);
    eg_dataset_unlock_sources(sink->dataset);
}

enum eg_status eg_dataset_sink_live(struct eg_sink *sink, struct eg_error *err) {
    if (!sink->far) sink->far = eg_calloc(1, sizeof *sink->far);
    return sink->far ? EG_OK : no_memory(err);
}

enum eg_status eg_dataset_sink_make(struct eg_sink *sink, struct eg_error *err) {
    return eg_dataset_make(sink->dataset, err);
}

bool eg_dataset_sink_whole(const struct eg_sink *sink) {
    /* frames that were to be kept may be missing in their captures */
    return !sink->live && !eg_dataset_unsettled(sink->dataset);
}

void eg_dataset_sink_owes(struct eg_sink *sink, struct eg_tally *losses) {
    eg_tally_merge(&sink->owed, losses);
    eg_tally_reset(losses);
}

void eg_dataset_sink_lost(struct eg_sink *sink, bool flows_only, struct eg_tally *to) {
    EG_ASSERT(!sink->bytes_max);
    sink->metered.input = NULL; /* it is for the next one to look */
    sink_losses(sink, to);
    /* what is decided stands when the dataset is opened again */
    for (uint32_t i = 0; i < sink->partition_count && !eg_dataset_unsettled(sink->dataset); i++)
        for (uint32_t j = 0; j < sink->partitions[i].count; j++)
            rows_count(sink->partitions[i].batches[j], EG_CAUSE_batch_lost,
                       sink->partitions[i].hour_us != INT64_MIN, flows_only, to);
    drop_rows(sink);
}

const struct eg_tally *eg_dataset_sink_tally(const struct eg_sink *sink) {
    return &sink->quarantine;
}

const struct eg_sink_type eg_sink_dataset = {
    .abi = EG_STAGE_ABI,
    .name = "dataset",
    .help = "A directory of Parquet files by date and hour, which earlgrey and others can query.",
    .options = options,
    .options_size = 0,
    .takes = EG_TAKES_BATCH,
    .open = sink_open,
    .write = sink_write,
    .flush = sink_flush,
    .positions = sink_positions,
    .losses = sink_losses,
    .close = sink_close,
};
