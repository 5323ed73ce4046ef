/* SPDX-License-Identifier: Apache-2.0
 * The journal of a dataset: what each commit added, as immutable text files in _earlgrey/commits/.
 *
 *   SESSION-000001.intent   decided, its files perhaps not yet all renamed
 *   SESSION-000001.done     decided and all renamed (the same file under another name)
 *   snapshot                all that older commits said, in one file
 *
 *   SESSION-000001.swap     an hour is being exchanged or taken away (swap.h); then .done, too
 *
 * Each is JSON, one object a line: a head, one line a file, one a file that is gone, one a capture,
 * one a position, and last the XXH3 digest of the lines before it. Reading them in any order, or one
 * twice, gives the same journal: a file that is gone stays so, whoever names it; of a capture the
 * latest line counts. */
#ifndef EG_STORE_JOURNAL_H
#define EG_STORE_JOURNAL_H

#include "store/index.h"
#include "store/layout.h"
#include "table/stage.h"

struct eg_journal_file {
    char *path; /* relative to the dataset, without .tmp */
    enum eg_table_id table;
    uint64_t rows, bytes;
    int64_t start_us, end_us; /* start > end: no times */
};

/* A position and who left it. One session's later position for the same input takes the place of
 * its earlier one; positions of different sessions all stay, since the same beginning may have been
 * followed by different ends. */
struct eg_journal_mark {
    struct eg_position *position;
    char *identity; /* session, table, key and name */
    char session[EG_SESSION_TEXT];
    uint32_t commit;
    uint64_t version; /* of the journal when it came */
};

/* A file that compaction replaced or that expired. It is remembered through two snapshots, so that
 * an old .done file that a crash left beside them does not bring it back. */
struct eg_journal_gone {
    char *path;
    uint32_t folds; /* snapshots it has been in */
};

/* A capture that rows of `packets` point into, as it was registered (captures.h). */
struct eg_journal_capture {
    char *name;      /* as the rows have it */
    char *place;     /* of a copy: relative to the dataset; of a link: absolute */
    bool copy, gone; /* gone: it is not registered any more; remembered as a file that is gone is */
    bool seekable;
    uint64_t bytes;     /* uncompressed, that were ingested */
    uint64_t stored;    /* of a copy: bytes of the file that hold them; of a link: its size … */
    int64_t changed_ns; /* … and its time of change, as they were seen */
    uint64_t packets;
    int64_t first_us, last_us; /* first > last: none */
    int32_t link_type;
    char digest[33];
    int64_t at_us; /* when this was registered */
    uint32_t folds;
};

struct eg_journal {
    struct eg_journal_file *files;
    size_t file_count, file_room;
    struct eg_journal_mark *marks;
    size_t mark_count, mark_room;
    struct eg_journal_gone *gone;
    size_t gone_count, gone_room;
    struct eg_journal_capture *captures;
    size_t capture_count, capture_room;
    struct eg_index file_index, mark_index, done_index, gone_index, capture_index;
    char **done; /* ids of the .done files read */
    size_t done_count, done_room;
    char snapshot[33];       /* digest of the snapshot read; "": none */
    struct eg_names damaged; /* names of files whose digest was wrong; they are left as they are */
    uint64_t version;
};
void eg_journal_reset(struct eg_journal *);

/* Adds one file or position. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status
eg_journal_add_file(struct eg_journal *, const struct eg_journal_file *, struct eg_error *err);
/* The file is no more: its line goes, and never comes back. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_journal_add_gone(struct eg_journal *, const char *path,
                                                 uint32_t folds, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_journal_add_mark(struct eg_journal *, const struct eg_position *,
                                                 const char *session, uint32_t commit,
                                                 struct eg_error *err);
/* The latest line of a name counts: by time, then by extent, then by digest. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_journal_add_capture(struct eg_journal *,
                                                    const struct eg_journal_capture *,
                                                    struct eg_error *err);
/* The capture of that name that is registered; NULL: none is. Borrowed until the journal changes. */
const struct eg_journal_capture *eg_journal_capture(const struct eg_journal *, const char *name);

/* The journal as text, as it stands in a file; `commit` is the id, or "snapshot". */
EG_MUST_CHECK enum eg_status eg_journal_text(const struct eg_journal *, const char *commit,
                                             int64_t now_us, struct eg_strbuf *to,
                                             struct eg_error *err);
/* Adds what such a text says. Errors: EG_E_FORMAT (nothing was added), EG_E_TOO_NEW, EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_journal_parse(struct eg_journal *, const char *text, size_t size,
                                              char digest[33], struct eg_error *err);
/* Reads one file of the journal by its path. Errors: also EG_E_NOENT, EG_E_ACCESS, EG_E_IO. */
EG_MUST_CHECK enum eg_status eg_journal_read(struct eg_journal *, const char *path, char digest[33],
                                             struct eg_error *err);
/* Brings the journal up to what the dataset has on disk: new .done files and a new snapshot. Damaged
 * files are counted and passed over. `log` gets a line for each (may be NULL). */
EG_MUST_CHECK enum eg_status eg_journal_refresh(struct eg_journal *, const char *root,
                                                const struct eg_env *, struct eg_error *err);
/* Writes all of it as the snapshot and removes the .done files that are in it. The caller holds the
 * lock for upkeep. A kill at any moment leaves both, which reads the same. */
EG_MUST_CHECK enum eg_status eg_journal_fold(struct eg_journal *, const char *root, int64_t now_us,
                                             struct eg_error *err);
/* Whether there are enough .done files to be worth it: the more the snapshot holds, the later. */
bool eg_journal_wants_fold(const struct eg_journal *);
/* The digest at the end of the snapshot on disk; "" where there is none. */
EG_MUST_CHECK enum eg_status eg_journal_snapshot(const char *root, char digest[33],
                                                 struct eg_error *err);

struct json_t; /* jansson's */
/* The position in a JSON object of the journal or a note. False: it is none. */
bool eg_journal_position(struct json_t *object, struct eg_position *out);
/* A commit's positions and captures in words any reader of the file alone can use: the Parquet
 * metadata. `of` (may be NULL) is what the commit adds; only its captures are looked at. */
EG_MUST_CHECK enum eg_status eg_journal_note(const char *commit, const struct eg_position *,
                                             size_t count, const struct eg_journal *of,
                                             struct eg_strbuf *to, struct eg_error *err);
/* The note of a file made of others': the commit that made it, and the positions and captures of
 * theirs. */
EG_MUST_CHECK enum eg_status eg_journal_note_merged(const char *commit, const struct eg_journal *of,
                                                    struct eg_strbuf *to, struct eg_error *err);
/* Adds the positions and captures of either kind of note, each under the commit that it came with. A note that is
 * not ours says nothing. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_journal_read_note(struct eg_journal *, struct eg_span note,
                                                  struct eg_error *err);

#endif
