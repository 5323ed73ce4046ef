/* SPDX-License-Identifier: Apache-2.0
 * Reading inputs into rows, in parallel, with the result that reading in order would give.
 *
 * Workers take units (pieces of an input that can be read alone), decode what a unit can know by
 * itself, and leave the rest to join(), which one worker at a time runs in the order of the input.
 * The pump and the engine's table functions pull batches from here; nobody else threads anything. */
#ifndef EG_TABLE_SCAN_H
#define EG_TABLE_SCAN_H

#include "table/stage.h"

/* A condition on rows, evaluated on batches; the filter room makes them. Const: used by all
 * workers at once. */
struct eg_predicate {
    eg_column_set columns; /* what it reads */
    /* Puts the rows that hold into `rows` (room for batch->rows) and answers how many. */
    uint32_t (*select)(const struct eg_predicate *, const struct eg_batch *, uint32_t *rows);
};

struct eg_scan_part {
    const struct eg_extract_type *extract;
    eg_column_set columns;                /* that the caller wants; the predicate's are added */
    const struct eg_predicate *predicate; /* NULL: all rows */
    eg_column_set also_columns;           /* of the extract's second table; 0: none of its rows */
};

#define EG_SCAN_PARTS_MAX 4

struct eg_scan_request {
    const struct eg_source_type *source;
    const void *source_options; /* not copied: outlives the scan, as the predicates do */
    const char *const *inputs;  /* URIs for the source's open, read one after another */
    size_t input_count;
    const uint32_t *input_parts; /* per input, bit i: parts[i] is wanted, the parts standing in the
                                    order of their tables; NULL: all of all */
    struct eg_scan_part parts[EG_SCAN_PARTS_MAX];
    uint32_t part_count;
    bool claim;        /* a frame that held an export is not also a packet row */
    bool count_others; /* progress tells how many frames held none, and how long they were */
    const uint16_t *netflow_ports;
    uint32_t netflow_port_count;
    const struct eg_metering *metering; /* for the extracts; not copied. NULL: as usual */
    struct eg_book *book; /* for the extracts; not copied: outlives the scan. With it, the joins of
                             an input follow those of the input before it. NULL: none */
    /* Called with every raw batch, in the order of the input, before its unit is finished; never
     * concurrent with itself. A failure ends the scan. NULL: nobody wants them. */
    enum eg_status (*raw)(void *to, struct eg_batch *, struct eg_error *);
    void *raw_to;
    /* Rows of a position's part (its extract's word for it) before it are not given out again (none
     * named: of all). An input whose parts are known to different places is read more than once. */
    const struct eg_position *known;
    size_t known_count;
    bool pause;      /* workers stop at the end of each input as if held; the next one is
                                  begun by eg_scan_hold(scan, false) */
    bool keep_going; /* an input that cannot be opened or is damaged is noted (see
                                  eg_scan_trouble) and the next one read; else it is the error */
    /* Called after plan() and before the first next() of every input that has a key and is not
     * already known whole, so that a sink can lock the source against other processes. `news`
     * (NULL before the call; to be freed with eg_free) are positions that have become known since
     * `known` was put together: the input is planned anew with them. A failure (EG_E_LOCKED) ends
     * the scan, keep_going or not. NULL: nobody asks. */
    enum eg_status (*claim_source)(void *to, const char *key, const char *lock, const char *name,
                                   struct eg_position **news, size_t *news_count,
                                   struct eg_error *);
    /* Whether an input that holds `size` bytes and ends before a known place is the beginning of what
     * that place is of: then nothing in it is new. EG_END: it is not, or that cannot be told. With
     * `claim_to`. NULL: nobody can tell. */
    enum eg_status (*known_begins)(void *to, const char *name, uint64_t size,
                                   const struct eg_position *known, struct eg_error *);
    void *claim_to;
    /* Called once for every input that is read for rows of `packets`, after claim_source and before
     * the first next(): the source may be told to pass on what it reads, and the answer is what rows
     * call the input. `file` holds its URI before the call. A live source's rows say themselves what
     * they are in. A failure ends the scan, as that of claim_source, except EG_E_NOENT: somebody took
     * the input away since it was opened, which is a trouble of that input. NULL: rows call it by its
     * URI. */
    enum eg_status (*keep_source)(void *to, struct eg_source *, char *file, size_t room,
                                  struct eg_error *);
    /* The same for one that is known whole, of which nothing is read: `told` (of 2,048 bytes, empty) is
     * what there is to say behind that. NULL: nobody asks. */
    enum eg_status (*keep_known)(void *to, struct eg_source *, char *told, size_t room,
                                 struct eg_error *);
    void *keep_to;
};

struct eg_scan;
struct eg_scan_worker;

/* Copies the request (texts included). Opens nothing yet but the first input. */
EG_MUST_CHECK enum eg_status eg_scan_open(struct eg_scan **out, const struct eg_env *,
                                          const struct eg_scan_request *, struct eg_error *err);
void eg_scan_free(struct eg_scan *); /* all workers freed before */

EG_MUST_CHECK enum eg_status eg_scan_worker_new(struct eg_scan_worker **out, struct eg_scan *,
                                                struct eg_error *err);
void eg_scan_worker_free(struct eg_scan_worker *);

/* The next batch (batch->table_id says which part), or EG_END when all inputs are over, or when
 * the scan is held and this worker has nothing left. Workers of one scan may call at the same
 * time. The first error stops the scan for all. EG_E_CUT is not an error here: whole packets are
 * kept, and the cut is noted as trouble. */
EG_MUST_CHECK enum eg_status eg_scan_next(struct eg_scan_worker *, struct eg_batch **out,
                                          struct eg_error *err);

/* Hold: workers take no new unit. After all of them have answered EG_END, every unit given out is
 * joined, and eg_scan_position says how far the current input was read (EG_END: nothing of it that
 * was not known before; EG_E_IO: a unit could not be read though rows behind its beginning were given
 * out, which no position can tell: the caller must drop them); eg_scan_commit hands a position that
 * is durable back to where it came from; eg_scan_losses moves what was counted since the last call
 * into `out` (which is added to). None of these while a worker is inside a call, except eg_scan_hold
 * and eg_scan_stop. */
void eg_scan_hold(struct eg_scan *, bool hold);
bool eg_scan_over(struct eg_scan *);         /* all inputs are read and joined */
const char *eg_scan_input(struct eg_scan *); /* the current one; NULL: none */
/* The position of what this extract has given out of the current input, which was read up to
 * `reached`: that place, or, for one that still holds rows back, the place where it held none, with
 * its state. False: the input is not read for it, or there is nothing new to note. */
bool eg_scan_mark(struct eg_scan *, const struct eg_extract_type *,
                  const struct eg_position *reached, struct eg_position *out);
EG_MUST_CHECK enum eg_status eg_scan_position(struct eg_scan *, struct eg_position *out,
                                              struct eg_error *err);
/* While the scan is held: one more position is known (its `table` says of which), so that a copy of
 * what this scan has read is known among its later inputs. */
EG_MUST_CHECK enum eg_status eg_scan_know(struct eg_scan *, const struct eg_position *,
                                          struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_scan_commit(struct eg_scan *, const struct eg_position *,
                                            struct eg_error *err);
void eg_scan_losses(struct eg_scan *, struct eg_tally *out);
/* Ends the scan from outside: every worker's next call answers this error; the first one stays. */
void eg_scan_stop(struct eg_scan *, const struct eg_error *);

/* What was seen so far, over all workers; for progress. */
struct eg_scan_progress {
    uint64_t bytes_done, bytes_total;                    /* total 0: not known */
    uint64_t frames;                                     /* raw rows read (muted ones included) */
    uint64_t datagrams;                                  /* exports decoded */
    uint64_t rows[EG_TABLE_COUNT];                       /* given out */
    uint64_t known_bytes, known_frames, known_datagrams; /* of these: of places that were known */
    uint64_t others, other_bytes; /* frames that held no export; where that was asked for */
};
struct eg_scan_progress eg_scan_progress(const struct eg_scan *);

/* The merged tally, less what eg_scan_losses has moved; complete once eg_scan_over, and not to be
 * used while workers run. */
const struct eg_tally *eg_scan_tally(struct eg_scan *);

/* What is worth telling about each input. */
struct eg_trouble {
    char *input;           /* its URI */
    enum eg_status status; /* EG_OK: `message` is a remark (already known, changed) */
    enum eg_plan_state state;
    bool rest;     /* EG_PLAN_KNOWN: it ends in the middle of a record, as it did before */
    char *message; /* one line, or NULL */
};
const struct eg_trouble *eg_scan_troubles(struct eg_scan *, size_t *count);

#endif
