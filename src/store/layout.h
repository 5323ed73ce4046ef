/* SPDX-License-Identifier: Apache-2.0
 * Where the files of a dataset stand and what they are called. Known to nobody outside this room:
 * other tools need only know that the partitions are Hive's (`date=`, `hour=`). */
#ifndef EG_STORE_LAYOUT_H
#define EG_STORE_LAYOUT_H

#include "base/strbuf.h"
#include "base/timetext.h"

#define EG_SESSION_TEXT 17 /* 16 hex digits and a NUL: one writer, from its open to its close */
#define EG_COMMIT_TEXT 32  /* SESSION-000001 */

#define EG_LAYOUT_CAPTURES "captures" /* capture files kept as copies */
#define EG_LAYOUT_OWN "_earlgrey"
#define EG_LAYOUT_COMMITS EG_LAYOUT_OWN "/commits"
#define EG_LAYOUT_LOCKS EG_LAYOUT_OWN "/locks"
#define EG_LAYOUT_SOURCES EG_LAYOUT_LOCKS "/sources"
#define EG_LAYOUT_ABOUT EG_LAYOUT_OWN "/dataset.json"
#define EG_LAYOUT_SNAPSHOT EG_LAYOUT_OWN "/commits/snapshot"
#define EG_LAYOUT_CATALOG EG_LAYOUT_OWN "/catalog.sqlite"
#define EG_LAYOUT_ASIDE EG_LAYOUT_OWN "/aside"         /* hours being made, and those replaced */
#define EG_LAYOUT_POSITIONS EG_LAYOUT_OWN "/positions" /* of all that expired, once more */

/* Times that get a partition. */
#define EG_LAYOUT_FIRST_US EG_TIME_FIRST_US
#define EG_LAYOUT_BEYOND_US EG_TIME_BEYOND_US
static inline bool eg_layout_has_hour(int64_t time_us) { return eg_time_possible(time_us); }

/* "flows/date=2026-01-02/hour=13"; "quarantine/flows" for INT64_MIN. */
void eg_layout_partition(enum eg_table_id, int64_t hour_us, struct eg_strbuf *to);
/* "SESSION-000001" */
void eg_layout_commit(const char *session, uint32_t commit, char text[EG_COMMIT_TEXT]);
/* "part-SESSION-000001-0003.parquet" */
void eg_layout_part(const char *commit, uint32_t file, struct eg_strbuf *to);
/* "sorted-SESSION-000001-0000.parquet": what compaction makes of an hour. */
void eg_layout_sorted(const char *commit, uint32_t file, struct eg_strbuf *to);
bool eg_layout_is_sorted(const char *name);
/* "SESSION-000001.hour": a directory in EG_LAYOUT_ASIDE. */
void eg_layout_aside(const char *commit, struct eg_strbuf *to);
/* Where a part stands until it is finished: "DIR/part-X.parquet" -> "DIR/_part-X.parquet.tmp". The
 * end keeps it out of globs for *.parquet (DuckDB's match hidden names), the underscore out of
 * readers that take every file of a directory but hidden ones (Arrow, Spark, Hive). */
void eg_layout_tmp(const char *part, struct eg_strbuf *to);
/* Where a copy of a capture stands until its first commit: "captures/D/x.pcap" ->
 * "captures/D/_x.pcap.SESSION.tmp"; and the session of such a name (false: it is none). */
void eg_layout_capture_tmp(const char *place, const char *session, struct eg_strbuf *to);
bool eg_layout_capture_session(const char *name, char session[EG_SESSION_TEXT]);
/* The commit a part, an intent or their .tmp belongs to: what stands before and behind its id.
 * False: the name is not of that shape. `session` is the id's first part. */
bool eg_layout_commit_of(const char *name, char commit[EG_COMMIT_TEXT],
                         char session[EG_SESSION_TEXT]);
bool eg_layout_ends(const char *name, const char *suffix);

/* Visits the files of a table's partitions whose hour begins at or before `last_us`, in the order of
 * date, hour and name; hour_us INT64_MIN: visits the table's quarantine instead. A directory that
 * is not there (or goes away) holds nothing. Errors: EG_E_ACCESS, EG_E_IO, EG_E_NOMEM, the visitor's. */
struct eg_layout_walk {
    enum eg_status (*visit)(void *to, const char *relative, const char *name, int64_t hour_us,
                            struct eg_error *);
    void *to;
    int64_t last_us;
    bool quarantine;
};
EG_MUST_CHECK enum eg_status eg_layout_walk(const char *root, enum eg_table_id,
                                            const struct eg_layout_walk *, struct eg_error *err);

/* The same for what stands in captures/DAY/: `relative` begins with "captures/", hour_us is INT64_MIN. */
EG_MUST_CHECK enum eg_status
eg_layout_walk_captures(const char *root, const struct eg_layout_walk *, struct eg_error *err);

/* The names in a directory, sorted; "." and ".." left out. A missing directory has none. */
struct eg_names {
    char **names;
    size_t count, room;
};
EG_MUST_CHECK enum eg_status eg_names_read(struct eg_names *out, const char *directory,
                                           struct eg_error *err);
bool eg_names_add(struct eg_names *, const char *name); /* at the end; false: no memory */
bool eg_names_hold(const struct eg_names *, const char *name);
void eg_names_reset(struct eg_names *);

#endif
