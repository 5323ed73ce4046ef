/* SPDX-License-Identifier: Apache-2.0
 * Compaction: each closed hour's small files made one sorted one (docs/decisions/0009-compaction.md).
 * The merge takes place aside and without locks; only the exchange asks writers to wait. */
#include "store/merge.h"
#include "store/tending.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct compaction {
    struct eg_tending tending;
    const struct eg_compact_rule *rule;
    struct eg_engine *engine;
    struct eg_error problem; /* of the hour that was last told */
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to compact an hour");
}

/* ---- which hours ---- */

static bool is_closed(const struct compaction *c, const struct eg_hour *hour) {
    const struct eg_env *env = c->tending.ds->env;
    return c->rule->all ||
           hour->hour_us + EG_HOUR_US <= env->now_us(env->clock) - c->rule->older_us;
}

/* One sorted file is what it should be. What came late is only worth doing it all again when it is
 * an eighth of the hour, or many files. */
static bool is_worth_it(const struct eg_hour *hour) {
    size_t loose = hour->files.count - hour->sorted;
    if (hour->sorted == 0) return loose > 0;
    if (hour->sorted > 1) return true;
    return loose >= 8 || (loose && (hour->bytes - hour->sorted_bytes) * 8 >= hour->bytes);
}

/* ---- one hour ---- */

struct paths {
    char *aside;    /* the new directory */
    char *relative; /* of the new file, as it will be */
    char *tmp, *whole;
};

static void paths_reset(struct paths *p) {
    eg_free(p->aside);
    eg_free(p->relative);
    eg_free(p->tmp);
    eg_free(p->whole);
}

static enum eg_status paths_make(struct paths *p, const char *root, const struct eg_hour *hour,
                                 const char *commit, struct eg_error *err) {
    struct eg_strbuf aside = {0}, relative = {0}, whole = {0}, tmp = {0};
    eg_layout_partition(hour->table, hour->hour_us, &relative);
    eg_strbuf_char(&relative, '/');
    eg_layout_sorted(commit, 0, &relative);
    eg_strbuf_printf(&aside, "%s/", root);
    eg_layout_aside(commit, &aside);
    if (!aside.failed && !relative.failed) {
        eg_strbuf_printf(&whole, "%s/%s", aside.text, strrchr(relative.text, '/') + 1);
        if (!whole.failed) eg_layout_tmp(whole.text, &tmp);
    }
    *p = (struct paths){eg_strbuf_take(&aside), eg_strbuf_take(&relative), eg_strbuf_take(&tmp),
                        eg_strbuf_take(&whole)};
    if (!p->aside || !p->relative || !p->tmp || !p->whole) return no_memory(err);
    return eg_dir_make(p->aside, err);
}

static enum eg_status open_engine(struct compaction *c, struct eg_error *err) {
    if (c->engine) return EG_OK;
    const struct eg_dataset *ds = c->tending.ds;
    struct eg_strbuf spill = {0}; /* swept like the directory of a commit, should we die */
    eg_strbuf_printf(&spill, "%s/%s/%s-000000.spill", ds->path, EG_LAYOUT_ASIDE, ds->session);
    struct eg_engine_options wanted = {.memory_limit =
                                           c->rule->memory_limit ? c->rule->memory_limit : "512MB",
                                       .threads = c->rule->threads,
                                       .temp_directory = spill.text};
    enum eg_status status =
        spill.failed ? no_memory(err) : eg_engine_open(&c->engine, ds->env, &wanted, err);
    eg_strbuf_reset(&spill);
    return status;
}

/* The times that a look-up may rely on: what the journal says of the old files counts, too. */
static void widen(const struct compaction *c, const struct eg_hour *hour,
                  struct eg_journal_file *file) {
    const struct eg_journal *journal = &c->tending.ds->journal;
    for (size_t i = 0; i < hour->files.count; i++) {
        uint32_t at = eg_index_find(&journal->file_index, hour->files.names[i]);
        if (at == EG_INDEX_NONE) continue;
        const struct eg_journal_file *old = &journal->files[at];
        if (old->start_us > old->end_us) continue;
        if (old->start_us < file->start_us) file->start_us = old->start_us;
        if (old->end_us > file->end_us) file->end_us = old->end_us;
    }
}

static enum eg_status merge_and_swap(struct compaction *c, const struct eg_hour *hour,
                                     const char *commit, const struct paths *p,
                                     struct eg_journal_file *file, struct eg_error *err) {
    struct eg_merge merge = {c->engine, c->tending.ds->path, hour->table, &hour->files, commit,
                             p->tmp};
    EG_TRY(eg_merge(&merge, file, err));
    EG_TRY(eg_file_rename(p->tmp, p->whole, err));
    widen(c, hour, file);
    file->path = p->relative;
    struct eg_journal change = {0};
    enum eg_status status = eg_journal_add_file(&change, file, err);
    for (size_t i = 0; status >= 0 && i < hour->files.count; i++)
        status = eg_journal_add_gone(&change, hour->files.names[i], 0, err);
    if (status >= 0) status = eg_tending_swap(&c->tending, hour, commit, &change, err);
    eg_journal_reset(&change);
    return status;
}

static enum eg_status compact_hour(struct compaction *c, const struct eg_hour *hour,
                                   struct eg_journal_file *file, struct eg_error *err) {
    struct eg_dataset *ds = c->tending.ds;
    char commit[EG_COMMIT_TEXT];
    struct paths p = {0};
    EG_TRY(open_engine(c, err));
    eg_layout_commit(ds->session, ++ds->commits, commit);
    enum eg_status status = paths_make(&p, ds->path, hour, commit, err);
    if (status >= 0) status = merge_and_swap(c, hour, commit, &p, file, err);
    /* After a failure half way, the directory aside may be the hour that was. */
    if (status != EG_OK && !ds->unsettled) eg_swap_drop(ds->path, commit);
    paths_reset(&p);
    return status;
}

/* Trouble that concerns this hour alone: the others can still be done. */
static bool is_local(const struct compaction *c, enum eg_status status) {
    return !c->tending.ds->unsettled && status != EG_E_NOMEM && status != EG_E_NOSPACE &&
           status != EG_E_CANCELLED && status != EG_E_ACCESS;
}

static enum eg_status one_hour(struct compaction *c, const struct eg_hour *hour,
                               struct eg_error *err) {
    struct eg_journal_file file = {.rows = hour->rows};
    struct eg_upkeep_hour told = {.table = hour->table,
                                  .hour_us = hour->hour_us,
                                  .rows = hour->rows,
                                  .files_before = hour->files.count,
                                  .files_after = 1,
                                  .bytes_before = hour->bytes};
    if (!c->tending.call->dry_run) {
        c->problem = (struct eg_error){0};
        told.status = compact_hour(c, hour, &file, &c->problem);
        if (told.status < 0 && !is_local(c, told.status)) {
            if (err) *err = c->problem;
            return told.status;
        }
        told.problem = c->problem.message;
        told.rows = file.rows;
        told.bytes_after = file.bytes;
    }
    eg_tending_tell(&c->tending, &told);
    return EG_OK;
}

enum eg_status eg_compact(const char *path, const struct eg_env *env,
                          const struct eg_upkeep_call *call, const struct eg_compact_rule *rule,
                          struct eg_upkeep_account *out, struct eg_error *err) {
    struct compaction c = {.rule = rule};
    struct eg_tending *t = &c.tending;
    enum eg_status status = eg_tending_begin(t, path, env, call, "compact", out, err);
    for (size_t i = 0; status >= 0 && i < t->hours.count; i++) {
        const struct eg_hour *hour = &t->hours.list[i];
        if (!is_closed(&c, hour) || !is_worth_it(hour)) continue;
        status = eg_env_cancelled(env) ? eg_fail(err, EG_E_CANCELLED, "interrupted")
                                       : one_hour(&c, hour, err);
    }
    if (c.engine) eg_engine_close(c.engine);
    eg_tending_end(t, status);
    return status;
}
