/* SPDX-License-Identifier: Apache-2.0
 * A dataset: a directory of date-partitioned Parquet files that other tools read without us, kept
 * whole by a commit protocol that survives a kill at any moment. docs/internals/dataset.md. */
#ifndef EG_STORE_DATASET_H
#define EG_STORE_DATASET_H

#include "base/strbuf.h"
#include "table/stage.h"

#define EG_DATASET_SCHEMA 1 /* of files written by this version; a newer dataset is refused */

struct eg_dataset;

enum eg_dataset_mode {
    EG_DATASET_READ,  /* must exist */
    EG_DATASET_WRITE, /* made when it does not exist; leftovers of a crash are settled */
};

/* Errors: EG_E_USAGE (no name), EG_E_NOENT ("no dataset at PATH …"), EG_E_ACCESS, EG_E_TOO_NEW,
 * EG_E_FORMAT (a directory with other things in it), EG_E_LOCKED (migration under way). Nothing is changed on failure. */
EG_MUST_CHECK enum eg_status eg_dataset_open(struct eg_dataset **out, const char *path,
                                             enum eg_dataset_mode, const struct eg_env *,
                                             struct eg_error *err);
/* Makes a dataset that stays although nothing is put in. */
EG_MUST_CHECK enum eg_status eg_dataset_make(struct eg_dataset *, struct eg_error *err);
void eg_dataset_close(struct eg_dataset *);
const char *eg_dataset_path(const struct eg_dataset *);

/* The files of a table whose rows may overlap [from_us, to_us]; both INT64_MIN/MAX: all. Paths are
 * absolute; free with eg_dataset_files_free. */
struct eg_dataset_file {
    char *path;
    uint64_t rows, bytes;
    int64_t start_us, end_us; /* smallest start, largest end */
};
EG_MUST_CHECK enum eg_status eg_dataset_files(struct eg_dataset *, enum eg_table_id,
                                              int64_t from_us, int64_t to_us,
                                              struct eg_dataset_file **out, size_t *count,
                                              struct eg_error *err);
void eg_dataset_files_free(struct eg_dataset_file *, size_t count);
/* Rows of a table that are in quarantine, where no question finds them: their times cannot be. */
EG_MUST_CHECK enum eg_status eg_dataset_quarantined(struct eg_dataset *, enum eg_table_id,
                                                    uint64_t *rows, struct eg_error *err);

/* The files of those rows; as eg_dataset_files. */
EG_MUST_CHECK enum eg_status eg_dataset_quarantine_files(struct eg_dataset *, enum eg_table_id,
                                                         struct eg_dataset_file **out,
                                                         size_t *count, struct eg_error *err);

/* Whether a whole table was taken away by hand: rows of it were committed, did not expire, and not one
 * of its days is there. In *rows how many those were; 0: it was not. */
EG_MUST_CHECK enum eg_status eg_dataset_removed(struct eg_dataset *, enum eg_table_id,
                                                uint64_t *rows, struct eg_error *err);

/* SQL that reads the table's files overlapping the range: "read_parquet([...], union_by_name…)",
 * or an empty relation with the right columns where there is none. Without partition columns. */
EG_MUST_CHECK enum eg_status eg_dataset_relation(struct eg_dataset *, enum eg_table_id,
                                                 int64_t from_us, int64_t to_us,
                                                 struct eg_strbuf *sql, struct eg_error *err);

/* The same over files that were listed before. */
EG_MUST_CHECK enum eg_status eg_dataset_files_relation(const struct eg_dataset_file *, size_t count,
                                                       enum eg_table_id, struct eg_strbuf *sql,
                                                       struct eg_error *err);

/* Positions that other writers have committed since eg_dataset_positions, or this, was last asked; as
 * there. None where that was never asked. */
EG_MUST_CHECK enum eg_status eg_dataset_news(struct eg_dataset *, struct eg_position **out,
                                             size_t *count, struct eg_error *err);
/* Takes the lock of a source, so that nobody else ingests it. `key` is that of its positions, `lock`
 * what tells it from others with that key (struct eg_plan). Others may have ingested it until then:
 * ask for the news. Errors: EG_E_LOCKED naming the process. Given back by eg_dataset_close. */
EG_MUST_CHECK enum eg_status eg_dataset_lock_source(struct eg_dataset *, const char *key,
                                                    const char *lock, const char *name,
                                                    struct eg_error *err);
/* Gives all of them back; what was read of them must be committed. */
void eg_dataset_unlock_sources(struct eg_dataset *);
/* A commit failed after it was decided: its rows are there once the dataset is opened again. */
bool eg_dataset_unsettled(const struct eg_dataset *);

/* A commit: begin, add finished .tmp files, then commit makes them all visible, or none. One at a
 * time in a thread: while it lasts, no directory of the dataset is exchanged (swap.h). */
struct eg_commit;
EG_MUST_CHECK enum eg_status eg_commit_begin(struct eg_commit **out, struct eg_dataset *,
                                             struct eg_error *err);
/* The commit's id, as its files' names carry it. Borrowed until the commit is freed. */
const char *eg_commit_id(const struct eg_commit *);
/* Where to write the next file of a table and hour (µs of its start; INT64_MIN: quarantine): a
 * hidden name that ends in .tmp (layout.h), its directory made. Borrowed until the commit is freed. */
EG_MUST_CHECK enum eg_status eg_commit_file(struct eg_commit *, enum eg_table_id, int64_t hour_us,
                                            const char **tmp_path, struct eg_error *err);
/* That file is finished and fsynced. */
EG_MUST_CHECK enum eg_status eg_commit_file_done(struct eg_commit *, const char *tmp_path,
                                                 uint64_t rows, int64_t start_us, int64_t end_us,
                                                 struct eg_error *err);
/* A capture that the rows of this commit point into, as registered (captures.h). Of a copy everything
 * up to its extent is durable, under its name or, the first time, as eg_layout_capture_tmp has it. */
struct eg_journal_capture;
EG_MUST_CHECK enum eg_status
eg_commit_capture(struct eg_commit *, const struct eg_journal_capture *, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_commit_finish(struct eg_commit *, const struct eg_position *,
                                              size_t count, struct eg_error *err);
void eg_commit_free(struct eg_commit *); /* not finished: its .tmp files are removed */

EG_MUST_CHECK enum eg_status eg_dataset_positions(struct eg_dataset *, struct eg_position **out,
                                                  size_t *count, struct eg_error *err);

/* What `doctor` prints: one line a finding; and what it is to mend. */
enum eg_doctor {
    EG_DOCTOR_LOOK = 0,
    EG_DOCTOR_REBUILD =
        1, /* rolls intents forward, removes leftovers, makes the catalog again from the files */
    EG_DOCTOR_ACCEPT = 2, /* files that are gone are no loss: accept.h */
};
struct eg_finding {
    int level; /* 3 broken, 4 worth knowing, 6 fine */
    bool lost; /* a capture elsewhere that its packets cannot be read from any more */
    char *text;
};
EG_MUST_CHECK enum eg_status eg_dataset_doctor(const char *path, unsigned mending,
                                               const struct eg_env *, struct eg_finding **out,
                                               size_t *count, struct eg_error *err);
void eg_findings_free(struct eg_finding *, size_t count);

#endif
