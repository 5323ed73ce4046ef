/* SPDX-License-Identifier: Apache-2.0
 * An ingest: sources in groups that are read by themselves, each by a pump of its own, and one
 * account of them all. */
#ifndef EG_CLI_INGEST_H
#define EG_CLI_INGEST_H

#include "base/strbuf.h"
#include "cli/ingest_upkeep.h"
#include "cli/metering.h"
#include "cli/ports.h"
#include "cli/progress.h"
#include "cli/sinks.h"
#include "store/capture_keeper.h"
#include "wire/book.h"

#include <pthread.h>

struct eg_ingest_options {
    const char *dataset;
    struct eg_text_list to;
    const char *record;
    const char *tables;
    const char *keep;
    struct eg_text_list netflow_port;
    const char *format;
    bool json;
    int64_t threads, round_bytes, interval_us, forget_us;
    /* directories */
    bool follow, once, latest_first, flat;
    int64_t every_us, files_max;
    const char *pattern, *after;
    struct eg_ingest_upkeep upkeep;
    struct eg_metering_options metering;
    /* listening */
    const char *spool;
    struct eg_text_list sampling, exporter_ports;
};

/* Sources that one pump reads: the files, one directory, all addresses that are listened on, one
 * interface. */
struct eg_group {
    enum { EG_GROUP_FILES, EG_GROUP_DIRECTORY, EG_GROUP_LISTEN, EG_GROUP_LIVE } kind;
    const struct eg_source_type *source;
    void *source_options;
    char **inputs; /* as the user wrote them, less the queries */
    size_t count;
};

/* What a run that goes on has seen and counted, for whoever asks meanwhile. */
struct eg_ingest_shown {
    struct eg_scan_progress seen;
    struct {
        int64_t records, packets, bytes;
    } sums[EG_CAUSE_COUNT];
};

struct eg_ingest {
    struct eg_call *call;
    const struct eg_ingest_options *options;
    const char *dataset;    /* NULL: none */
    struct eg_text_list to; /* --to and --record: */
    char *to_items[EG_SINKS_MAX + 1];
    struct eg_strbuf record;
    struct eg_ports ports;
    struct eg_metering metering;
    struct eg_group groups[EG_SINKS_MAX];
    size_t group_count;
    bool live;                    /* it goes on until it is told to end */
    struct eg_progress *progress; /* of the only group; NULL: none */
    pthread_mutex_t turn; /* of groups that read files, before `lock`; see eg_ingest_takes_turns */
    pthread_mutex_t lock;
    struct eg_pump_account account;             /* (lock) of all runs so far */
    struct eg_tally quarantined;                /* (lock) */
    struct eg_keep_account captures;            /* (lock) */
    struct eg_ingest_shown shown[EG_SINKS_MAX]; /* (lock) of the groups' present runs */
    struct eg_error error;                      /* (lock) the first that ended a group */
};

/* Sorts the call's words into groups. Errors: EG_E_USAGE, EG_E_NOENT, EG_E_ACCESS naming the word. */
EG_MUST_CHECK enum eg_status eg_ingest_groups(struct eg_ingest *, struct eg_error *err);
void eg_ingest_groups_free(struct eg_ingest *);
/* Whether the group reads nothing but files. Two such groups may meet captures that are, or begin
 * like, each other's, of which only one may be read at a time: so they are read one after the other. A
 * pipe may never end, and others do not wait for it. */
bool eg_ingest_takes_turns(const struct eg_group *);

/* Receives what comes to the addresses of a group until it is told to end. `run` is called with the
 * listener in the group's options, again whenever it failed in a way that may pass. */
EG_MUST_CHECK enum eg_status eg_ingest_listen(struct eg_ingest *, struct eg_group *,
                                              const struct eg_env *,
                                              enum eg_status (*run)(void *, struct eg_error *),
                                              void *to, struct eg_error *err);

/* Datagrams that are passed on to where they are received would come back without end: EG_E_USAGE. */
EG_MUST_CHECK enum eg_status eg_ingest_loops(const struct eg_ingest *, struct eg_error *err);

/* Tells what the sockets of a listening group saw. The caller has the lock. */
void eg_ingest_listen_tell(const struct eg_ingest *, const struct eg_group *);

/* One run of the pump over these inputs; `account` (reset by the caller) is of this run alone, and is
 * for the caller to add to the ingest's. */
struct eg_ingest_run;
EG_MUST_CHECK enum eg_status eg_ingest_pump(struct eg_ingest_run *, const char *const *inputs,
                                            size_t count, struct eg_pump_account *account,
                                            struct eg_error *err);
void eg_ingest_account(struct eg_ingest_run *, const struct eg_pump_account *);
/* Reads the configuration again if that was asked for since. While nothing is decoded. */
void eg_ingest_reload_now(struct eg_ingest_run *);
/* Whether trying again later may help. */
bool eg_ingest_may_pass(enum eg_status);
/* Waits, less long when it is told to end meanwhile. */
void eg_ingest_wait(const struct eg_env *, int64_t us);

/* What becomes of the captures of a group: --keep, or what suits it. `link` with files that do not stay
 * is EG_E_USAGE. */
EG_MUST_CHECK enum eg_status eg_ingest_keep(const struct eg_ingest *, const struct eg_group *,
                                            struct eg_keep_rule *, struct eg_error *err);

/* The group's book: sampling rates the user knows better (--sampling), the same read again, and what
 * was learned, kept in the dataset from run to run. */
EG_MUST_CHECK enum eg_status eg_ingest_rules(struct eg_book *, const struct eg_text_list *,
                                             struct eg_error *err);
void eg_ingest_reload(const struct eg_ingest *, struct eg_book *);
/* Where exporters are told apart by their ports (--exporter-ports). */
EG_MUST_CHECK enum eg_status eg_ingest_ports_apart(struct eg_book *, const struct eg_text_list *,
                                                   struct eg_error *err);
/* What is kept of a book is that of a position: it is written before the flush that makes the position
 * durable, and takes the place of the one before it afterwards. */
struct eg_ingest_kept {
    uint64_t digest, next; /* of what is kept, and of what waits for its flush */
    bool waits, there;
    bool holds, next_holds; /* data that waits for its template stands in them */
};
bool eg_ingest_book_stays(const struct eg_ingest *, const struct eg_group *);
void eg_ingest_book_restore(const struct eg_ingest *, const struct eg_group *, struct eg_book *,
                            struct eg_ingest_kept *);
/* Where it cannot be written, and data waits in it or in the one before, the flush must not be: an error
 * of the file's. Templates alone come again. */
EG_MUST_CHECK enum eg_status eg_ingest_book_ready(const struct eg_ingest *, const struct eg_group *,
                                                  struct eg_book *, const struct eg_position *,
                                                  size_t count, struct eg_ingest_kept *,
                                                  struct eg_error *err);
void eg_ingest_book_keep(const struct eg_ingest *, const struct eg_group *,
                         struct eg_ingest_kept *);

/* Reads the files of a directory: those that are there, or (follow) those that come too. */
EG_MUST_CHECK enum eg_status eg_ingest_directory(struct eg_ingest *, struct eg_group *,
                                                 struct eg_ingest_run *, const struct eg_env *,
                                                 struct eg_error *err);

/* Reads a group to its end, or until it is told to end; adds to the account. */
EG_MUST_CHECK enum eg_status eg_ingest_group(struct eg_ingest *, struct eg_group *,
                                             struct eg_error *err);

#endif
