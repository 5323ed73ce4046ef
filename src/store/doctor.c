/* SPDX-License-Identifier: Apache-2.0
 * What is to be said about a dataset, one line a finding; and, asked to, putting it in order. */
#include "store/accept.h"
#include "store/adopt.h"
#include "store/captures.h"
#include "store/catalog.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMED_MAX 10 /* captures of one kind of trouble that are named */

struct report {
    struct eg_finding *list;
    size_t count, room;
    bool failed;
};

static void say(struct report *report, int level, const char *format, ...) EG_PRINTF(3, 4);

static void say(struct report *report, int level, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (report->count == report->room) {
        size_t room = report->room ? report->room * 2 : 16;
        struct eg_finding *grown = eg_realloc(report->list, room, sizeof *grown);
        if (!grown) {
            report->failed = true;
            return;
        }
        report->list = grown;
        report->room = room;
    }
    char *copy = eg_strdup(text);
    if (!copy)
        report->failed = true;
    else
        report->list[report->count++] = (struct eg_finding){.level = level, .text = copy};
}

void eg_findings_free(struct eg_finding *findings, size_t count) {
    for (size_t i = 0; i < count; i++) eg_free(findings[i].text);
    eg_free(findings);
}

/* ---- what there is ---- */

static enum eg_status say_tables(struct report *report, struct eg_dataset *ds,
                                 const struct eg_journal *journal, struct eg_error *err) {
    for (int table = 0; table < EG_TABLE_RAW; table++) {
        struct eg_dataset_file *files;
        size_t count;
        EG_TRY(eg_dataset_files(ds, (enum eg_table_id)table, INT64_MIN, INT64_MAX, &files, &count,
                                err));
        uint64_t rows = 0, bytes = 0;
        int64_t start = INT64_MAX, end = INT64_MIN;
        for (size_t i = 0; i < count; i++) {
            rows += files[i].rows;
            bytes += files[i].bytes;
            if (files[i].start_us > files[i].end_us || files[i].end_us == INT64_MAX) continue;
            if (files[i].start_us < start) start = files[i].start_us;
            if (files[i].end_us > end) end = files[i].end_us;
        }
        eg_dataset_files_free(files, count);
        char from[40] = "no times", to[40] = "";
        if (start <= end) {
            eg_time_text(start, from);
            eg_time_text(end, to);
        }
        if (count)
            say(report, 6, "%s: %" PRIu64 " rows in %zu files of %" PRIu64 " bytes, %s%s%s",
                eg_table_name((enum eg_table_id)table), rows, count, bytes, from,
                to[0] ? " to " : "", to);
    }
    uint64_t aside = 0;
    size_t files = 0;
    for (size_t i = 0; i < journal->file_count; i++) {
        if (strncmp(journal->files[i].path, "quarantine/", 11) != 0) continue;
        aside += journal->files[i].rows;
        files++;
    }
    if (files)
        say(report, 4, "quarantine: %" PRIu64 " rows without a usable time, in %zu files", aside,
            files);
    return EG_OK;
}

static void say_leftovers(struct report *report, const char *path, const struct eg_leftovers *found,
                          bool settled) {
    if (found->writers_alive)
        say(report, 6, "%zu process%s writing now", found->writers_alive,
            found->writers_alive == 1 ? " is" : "es are");
    const char *remedy = settled ? "" : "; the next ingest, or doctor --rebuild, does that";
    if (found->intents)
        say(report, 4, "%zu commits of writers that were cut off %s completed%s", found->intents,
            settled ? "were" : "are to be", remedy);
    if (found->temporary)
        say(report, 4, "%zu unfinished files %s removed%s", found->temporary,
            settled ? "were" : "are to be", remedy);
    if (found->damaged)
        say(report, 3,
            "%zu commits under way are damaged; nothing of them was touched: look at the .intent "
            "and .swap files in %s/%s, and ingest their sources again",
            found->damaged, path, EG_LAYOUT_COMMITS);
    if (found->swaps)
        say(report, 4, "%zu exchanges of an hour that were cut off %s settled%s", found->swaps,
            settled ? "were" : "are to be", remedy);
    if (found->aside)
        say(report, 6, "%zu hours that were replaced wait in %s to be removed", found->aside,
            EG_LAYOUT_ASIDE);
    if (found->lost_files)
        say(report, 3, "%zu files of a commit are gone: ingest their sources into a new dataset",
            found->lost_files);
}

/* Of a whole table: an answer without it would look like one about nothing. */
static enum eg_status say_removed(struct report *report, struct eg_dataset *ds,
                                  struct eg_error *err) {
    for (int table = 0; table < EG_TABLE_RAW; table++) {
        uint64_t rows;
        EG_TRY(eg_dataset_removed(ds, (enum eg_table_id)table, &rows, err));
        if (rows)
            say(report, 3,
                "%s/%s is gone, and %" PRIu64 " rows with it: put it back from a backup, or ingest "
                "the sources into a new dataset; where it was removed on purpose, doctor "
                "--accept-missing forgets it",
                ds->path, eg_table_name((enum eg_table_id)table), rows);
    }
    return EG_OK;
}

static void say_missing(struct report *report, const char *path, const struct eg_journal *journal) {
    size_t gone = 0, changed = 0;
    const char *first = "";
    for (size_t i = 0; i < journal->file_count; i++) {
        char *file = eg_path_join(path, journal->files[i].path);
        struct stat info;
        if (file && stat(file, &info) != 0)
            gone++;
        else if (file && (uint64_t)info.st_size != journal->files[i].bytes && !changed++)
            first = journal->files[i].path;
        eg_free(file);
    }
    if (changed)
        say(report, 3,
            "%zu files are not of the size that was committed, %s for one: cut off by a damaged "
            "disk, or changed by hand; remove them, and ingest their sources into a new dataset",
            changed, first);
    if (gone)
        say(report, 4,
            "%zu files that were committed are not there any more (removed by hand?); doctor "
            "--accept-missing forgets them",
            gone);
    if (journal->damaged.count)
        say(report, 3,
            "%zu files of the journal in %s/%s are damaged; doctor --rebuild reads what they said "
            "from the Parquet files",
            journal->damaged.count, path, EG_LAYOUT_COMMITS);
}

static void say_accepted(struct report *report, const struct eg_accepted *accepted) {
    if (!accepted->files) say(report, 6, "no file is missing, so there is nothing to accept");
    for (int table = 0; table < EG_TABLE_RAW; table++)
        if (accepted->rows[table])
            say(report, 4,
                "%s: %" PRIu64 " rows of files that are gone were forgotten; what they were read "
                "from stays known, and adds nothing when it is ingested again",
                eg_table_name((enum eg_table_id)table), accepted->rows[table]);
}

static void say_strays(struct report *report, const struct eg_strays *strays, bool adopted) {
    size_t readable = strays->count - strays->broken;
    if (adopted && readable)
        say(report, 4, "%zu files that no commit names were read and written down", readable);
    if (!adopted && strays->count)
        say(report, 4,
            "%zu files that no commit names (put there by hand?); doctor --rebuild reads and "
            "writes them down",
            strays->count);
    if (strays->broken)
        say(report, 3,
            "%zu files cannot be read as Parquet, %s for one: move them out of the dataset",
            strays->broken, strays->first_broken);
}

/* ---- captures ---- */

struct strangers {
    const struct eg_journal *journal;
    size_t count;
    char first[512];
};

/* A file in captures/ that no line names. */
static enum eg_status see_stranger(void *to, const char *relative, const char *name,
                                   int64_t hour_us, struct eg_error *err) {
    (void)hour_us, (void)err;
    struct strangers *s = to;
    char session[EG_SESSION_TEXT];
    if (eg_layout_capture_session(name, session) || eg_journal_capture(s->journal, relative))
        return EG_OK;
    if (!s->count++) snprintf(s->first, sizeof s->first, "%s", relative);
    return EG_OK;
}

/* A copy that is damaged is the dataset's trouble; what becomes of a file elsewhere is its owner's, but
 * its packets are lost all the same. */
static void say_capture(struct report *report, bool broken, bool lost, const char *text) {
    size_t before = report->count;
    say(report, broken ? 3 : 4, "%s", text);
    if (report->count > before) report->list[before].lost = lost;
}

static enum eg_status say_capture_states(struct report *report, struct eg_dataset *ds,
                                         const struct eg_capture *list, size_t count,
                                         struct eg_error *err) {
    size_t troubled = 0, more_broken = 0, more_lost = 0;
    for (size_t i = 0; i < count; i++) {
        struct eg_capture found;
        struct eg_error told = {0};
        enum eg_status status = eg_capture_find(ds, list[i].name, false, &found, &told);
        if (status == EG_E_CANCELLED || status == EG_E_NOMEM) {
            if (err) *err = told;
            return status;
        }
        if (status >= 0) continue;
        bool own = list[i].keep == EG_KEEP_COPY;
        if (troubled++ < NAMED_MAX)
            say_capture(report, own, !own, told.message);
        else
            *(own ? &more_broken : &more_lost) += 1;
    }
    if (troubled <= NAMED_MAX) return EG_OK;
    char more[120];
    snprintf(more, sizeof more, "and %zu captures more like these; inspect --captures names all",
             more_broken + more_lost);
    say_capture(report, more_broken, more_lost, more);
    return EG_OK;
}

static enum eg_status say_captures(struct report *report, struct eg_dataset *ds,
                                   const struct eg_journal *journal, struct eg_error *err) {
    struct eg_capture *list;
    size_t count, copies = 0;
    uint64_t packets = 0;
    EG_TRY(eg_captures(ds, INT64_MIN, INT64_MAX, &list, &count, err));
    for (size_t i = 0; i < count; i++) {
        packets += list[i].packets;
        copies += list[i].keep == EG_KEEP_COPY;
    }
    if (count)
        say(report, 6, "captures: %zu with %" PRIu64 " packets, %zu of them copies", count, packets,
            copies);
    enum eg_status status = say_capture_states(report, ds, list, count, err);
    eg_free(list);
    struct strangers strangers = {.journal = journal};
    struct eg_layout_walk walk = {see_stranger, &strangers, INT64_MAX, false};
    if (status >= 0) status = eg_layout_walk_captures(ds->path, &walk, err);
    if (strangers.count)
        say(report, 4, "%zu files in " EG_LAYOUT_CAPTURES "/ that nothing points into, %s for one",
            strangers.count, strangers.first);
    return status;
}

static enum eg_status say_catalog(struct report *report, const char *path, struct eg_error *err) {
    enum eg_catalog_state state;
    EG_TRY(eg_catalog_files(path, EG_TABLE_FLOWS, NULL, &state, err));
    if (state != EG_CATALOG_FRESH) {
        say(report, 4, "the catalog is %s; the next ingest, or doctor --rebuild, makes it again",
            eg_catalog_state_name(state));
        return EG_OK;
    }
    struct eg_strbuf when = {0};
    enum eg_status status = eg_catalog_remade(path, &when, err);
    if (status >= 0 && when.size)
        say(report, 6, "the catalog is fresh (made again %s)", when.text);
    else if (status >= 0)
        say(report, 6, "the catalog is fresh");
    eg_strbuf_reset(&when);
    return status;
}

/* ---- putting it in order ---- */

static enum eg_status remake_catalog(struct eg_dataset *ds, const struct eg_journal *journal,
                                     struct eg_error *err) {
    char *path = eg_path_join(ds->path, EG_LAYOUT_CATALOG);
    if (!path) return eg_fail(err, EG_E_NOMEM, "no memory to look at the dataset");
    unlink(path);
    eg_free(path);
    return eg_catalog_update(ds->path, journal, ds->env, err);
}

/* What the damaged files of the journal said has been read from the Parquet files: they are put
 * aside, so that the journal is whole again. */
static enum eg_status put_aside(const char *root, struct eg_journal *journal,
                                struct eg_error *err) {
    enum eg_status status = EG_OK;
    for (size_t i = 0; status >= 0 && i < journal->damaged.count; i++) {
        struct eg_strbuf from = {0}, to = {0};
        eg_strbuf_printf(&from, "%s/%s/%s", root, EG_LAYOUT_COMMITS, journal->damaged.names[i]);
        eg_strbuf_printf(&to, "%s.damaged", from.failed ? "" : from.text);
        status = from.failed || to.failed
                     ? eg_fail(err, EG_E_NOMEM, "no memory to look at the dataset")
                     : eg_file_rename(from.text, to.text, err);
        eg_strbuf_reset(&from);
        eg_strbuf_reset(&to);
    }
    eg_names_reset(&journal->damaged);
    return status;
}

static enum eg_status make_directories(const char *root, struct eg_error *err) {
    static const char *const needed[] = {EG_LAYOUT_LOCKS, EG_LAYOUT_COMMITS};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char *path = eg_path_join(root, needed[i]);
        enum eg_status status = path ? eg_dir_make(path, err)
                                     : eg_fail(err, EG_E_NOMEM, "no memory to look at the dataset");
        eg_free(path);
        EG_TRY(status);
    }
    return EG_OK;
}

struct repair {
    struct eg_leftovers leftovers;
    struct eg_strays strays;
    struct eg_accepted accepted;
};

/* Under the lock for upkeep. */
static enum eg_status rebuild(struct eg_dataset *ds, struct eg_journal *journal,
                              struct repair *made, struct eg_error *err) {
    EG_TRY(eg_settle(ds->path, ds->session, EG_SETTLE_WHOLE, ds->env, &made->leftovers, err));
    EG_TRY(eg_journal_refresh(journal, ds->path, ds->env, err));
    EG_TRY(eg_strays(ds, journal, true, &made->strays, err));
    if (!made->strays.broken) EG_TRY(put_aside(ds->path, journal, err));
    EG_TRY(eg_journal_refresh(journal, ds->path, ds->env, err));
    return remake_catalog(ds, journal, err);
}

/* Likewise. What is half done is settled first: its files are no loss. */
static enum eg_status accept(struct eg_dataset *ds, struct eg_journal *journal, struct repair *made,
                             bool rebuilt, struct eg_error *err) {
    if (!rebuilt) {
        EG_TRY(eg_settle(ds->path, ds->session, EG_SETTLE_DEAD, ds->env, &made->leftovers, err));
        EG_TRY(eg_journal_refresh(journal, ds->path, ds->env, err));
        EG_TRY(eg_strays(ds, journal, false, &made->strays, err));
    }
    EG_TRY(eg_accept_missing(ds, journal, &made->accepted, err));
    if (!made->accepted.files) return EG_OK;
    EG_TRY(eg_journal_refresh(journal, ds->path, ds->env, err));
    return eg_catalog_update(ds->path, journal, ds->env, err);
}

static enum eg_status mend(struct eg_dataset *ds, struct eg_journal *journal, unsigned mending,
                           struct repair *made, struct eg_error *err) {
    struct eg_lock upkeep;
    bool whole = mending & EG_DOCTOR_REBUILD;
    EG_TRY(make_directories(ds->path, err));
    EG_TRY(eg_upkeep_begin(&upkeep, ds->path, err));
    enum eg_status status = whole ? rebuild(ds, journal, made, err) : EG_OK;
    if (status >= 0 && mending & EG_DOCTOR_ACCEPT) status = accept(ds, journal, made, whole, err);
    eg_lock_give(&upkeep, false);
    return status;
}

static enum eg_status examine(struct report *report, struct eg_dataset *ds, unsigned mending,
                              struct eg_journal *journal, struct eg_error *err) {
    int schema;
    char program[64];
    struct repair made = {0};
    EG_TRY(eg_dataset_about(ds->path, &schema, program, err));
    say(report, 6, "dataset %s: schema version %d, made by earlgrey %s", ds->path, schema, program);
    if (mending) {
        EG_TRY(mend(ds, journal, mending, &made, err));
    } else {
        EG_TRY(eg_settle(ds->path, "", EG_SETTLE_LOOK, ds->env, &made.leftovers, err));
        EG_TRY(eg_journal_refresh(journal, ds->path, ds->env, err));
        EG_TRY(eg_strays(ds, journal, false, &made.strays, err));
    }
    EG_TRY(say_tables(report, ds, journal, err));
    EG_TRY(say_removed(report, ds, err));
    if (mending & EG_DOCTOR_ACCEPT) say_accepted(report, &made.accepted);
    say_leftovers(report, ds->path, &made.leftovers, mending != 0);
    say_missing(report, ds->path, journal);
    say_strays(report, &made.strays, mending & EG_DOCTOR_REBUILD);
    EG_TRY(say_captures(report, ds, journal, err));
    return say_catalog(report, ds->path, err);
}

enum eg_status eg_dataset_doctor(const char *path, unsigned mending, const struct eg_env *env,
                                 struct eg_finding **out, size_t *count, struct eg_error *err) {
    struct eg_dataset *ds = NULL;
    EG_TRY(eg_dataset_open(&ds, path, EG_DATASET_READ, env, err));
    struct report report = {0};
    struct eg_journal journal = {0};
    enum eg_status status = examine(&report, ds, mending, &journal, err);
    eg_journal_reset(&journal);
    eg_dataset_close(ds);
    if (status >= 0 && report.failed)
        status = eg_fail(err, EG_E_NOMEM, "no memory to tell about the dataset");
    if (status < 0) {
        eg_findings_free(report.list, report.count);
        return status;
    }
    *out = report.list;
    *count = report.count;
    return EG_OK;
}
