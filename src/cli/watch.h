/* SPDX-License-Identifier: Apache-2.0
 * The parts of `earlgrey watch`: what is asked (watch.c), one evaluation of it (watch_trigger.c), when
 * the next one comes (watch_wait.c), and where its rows go (watch_out.c). */
#ifndef EG_CLI_WATCH_H
#define EG_CLI_WATCH_H

#include "cli/report.h"
#include "query/checkpoint.h"

struct eg_watch_options {
    struct eg_report_options report;
    const char *mode, *trigger, *checkpoint;
    int64_t window_us, late_us;
    struct eg_text_list by; /* top: fields; trend: the width of an interval */
    const char *metric;
    int64_t number;
    const char *host, *attribute;
};

enum eg_watch_mode { EG_WATCH_COMPLETE, EG_WATCH_UPDATE, EG_WATCH_APPEND };
enum eg_watch_form { EG_WATCH_TOP, EG_WATCH_TREND, EG_WATCH_SQL };

/* ---- where rows go ---- */

struct eg_watch_out {
    enum eg_watch_mode mode;
    enum eg_format format;
    const char *path; /* NULL: standard output */
    int fd;
    int64_t length; /* of the file, as far as it was written */
    bool screen;    /* drawn over and over on a terminal */
    bool drawn;
    bool gone; /* the reader of standard output went away */
};

/* Opens the file and cuts it to what the checkpoint vouches for (`known`; NULL: there is none, and
 * with `keeps` a file that holds something is refused). */
EG_MUST_CHECK enum eg_status eg_watch_out_open(struct eg_watch_out *,
                                               const struct eg_checkpoint *known, bool keeps,
                                               struct eg_error *err);
/* Writes what one trigger puts out; in a file it is durable then. */
EG_MUST_CHECK enum eg_status eg_watch_out_put(struct eg_watch_out *, const struct eg_strbuf *text,
                                              struct eg_error *err);
/* The digest of the file's last bytes, for the checkpoint. */
EG_MUST_CHECK enum eg_status eg_watch_out_tail(const struct eg_watch_out *, char tail[33],
                                               struct eg_error *err);
void eg_watch_out_close(struct eg_watch_out *);

/* ---- when ---- */

struct eg_watch_wait {
    bool once, continuous;
    int64_t every_us, next_us; /* by the monotonic clock */
    int inotify;               /* -1: none (yet) */
};
/* Sleeps until the next trigger is due; false: the program is asked to end. */
bool eg_watch_wait(struct eg_watch_wait *, const struct eg_env *, const char *dataset);
void eg_watch_wait_close(struct eg_watch_wait *);

/* ---- a watch ---- */

struct eg_watch {
    struct eg_call *call;
    const struct eg_watch_options *options;
    struct eg_report report;
    enum eg_watch_mode mode;
    enum eg_watch_form form;
    const char *statement; /* SQL */
    int64_t window_us;
    struct eg_snapshot files;
    bool looked; /* `files` are those of the last trigger */
    struct eg_checkpoint state;
    bool stuck; /* the output or the checkpoint cannot be written: only a new start goes on */
    struct eg_watch_out out;
    uint64_t missing; /* what was told of losses last: nobody wants it with every trigger */
};

/* The question as it is asked of a snapshot; `closing`: only windows from the state's closed_us up to
 * it (append). */
EG_MUST_CHECK enum eg_status eg_watch_question(struct eg_watch *, const struct eg_snapshot *,
                                               int64_t closing_us, struct eg_strbuf *before,
                                               struct eg_strbuf *sql, struct eg_error *err);
/* Evaluates, puts out, checkpoints. EG_END: nothing had changed. */
EG_MUST_CHECK enum eg_status eg_watch_trigger(struct eg_watch *, struct eg_error *err);
/* Whether a statement speaks of a table. */
bool eg_watch_names(const char *statement, const char *table);

#endif
