/* SPDX-License-Identifier: Apache-2.0
 * One input of a scan while it is being read: its source, one extract per part, the units that were
 * given out, and the queue in which they are joined in order. Internal to the scan.
 *
 *   taken ─▶ in a worker's call ⇄ parked ─▶ pending (read, waiting for its turn) ─▶ joined
 *         ─▶ parked ─▶ in a worker's call ─▶ finished
 *
 * What is marked (lock) is guarded by the scan's lock. */
#ifndef EG_TABLE_SCAN_INPUT_H
#define EG_TABLE_SCAN_INPUT_H

#include "table/batch_queue.h"
#include "table/known.h"

struct egi_input;

/* A piece of an input. It belongs to one worker's call at a time. */
struct egi_unit {
    struct egi_input *input;
    uint64_t number;
    struct eg_batch *raw;    /* a stream's unit: the one raw batch it is, until it was fed */
    struct egi_batches raws; /* where somebody wants them: kept until the join, which is in order */
    struct eg_extract_unit *parts[EG_SCAN_PARTS_MAX];
    struct eg_out outs[EG_SCAN_PARTS_MAX];
    struct eg_tally tally; /* in the order of the input; lent to the outs while they are written */
    bool begun;
    bool joined;           /* what is left is to finish it */
    bool placed;           /* a raw row told where the unit stands, so that `muted` is certain */
    bool muted;            /* it stands before what is known: rows and counts are dropped */
    const void *parked_by; /* (lock) the worker that goes on with it by preference */
    struct egi_unit *next; /* (lock) parked, pending or finished */
};

struct egi_input {
    const struct eg_env *env;
    const struct eg_scan_request *request; /* the scan's copy */
    size_t index;
    bool counted;     /* what the source counts was counted by another pass, or an earlier run */
    egi_parts wanted; /* whose rows and counts are given out */
    egi_parts fed;    /* these, and those that claim frames before them */
    const char *name;
    struct eg_again again; /* for the extracts, where it can be read again */
    bool closing;          /* units are joined only to free them */
    char *file;            /* what rows call it: text, whatever bytes its name has */
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_extract *extracts[EG_SCAN_PARTS_MAX];
    struct eg_extract_state states[EG_SCAN_PARTS_MAX]; /* of those that hold rows back */
    bool ticked;               /* a live input: its extracts were told that time passes … */
    int64_t ticked_us;         /* … last when the steady clock said this */
    uint64_t taken;            /* (lock) units given out */
    uint64_t joined;           /* (lock) */
    uint64_t settled;          /* (lock) finished, and their counts taken over, in order */
    struct egi_unit *finished; /* (lock) by number, waiting for that */
    bool exhausted;            /* (lock) no further unit will be given out */
    bool joining;              /* (lock) a worker is in join() */
    bool drained;              /* (lock) all is joined, and join(NULL) was run */
    uint32_t draining;         /* the part whose join(NULL) is next: who is in join() */
    struct egi_unit *pending;  /* (lock) by number */
    atomic_ullong failed_at;   /* the first unit that could not be read; none: UINT64_MAX */
    atomic_ullong given;       /* units before it, and none behind, may have given new rows */
    bool muted;                /* the joiner's: nothing new was joined yet */
    struct eg_tally tally;     /* (lock) */
    struct eg_tally end_tally; /* counted where a stream ended, behind its last unit */
    uint64_t bytes_done;       /* (lock) of plan.bytes */
    struct egi_unit *ahead;    /* (lock) a stream's next unit, read while the scan was held */
    struct eg_position before; /* where the stream stood before that */
    struct egi_input *next;    /* (lock) */
};

/* One reading of an input. What its source counts (damage, cuts) is not of any part: it counts once,
 * in the reading that begins the furthest behind, unless some part is known whole. */
struct egi_pass {
    egi_parts parts; /* whose rows it is for */
    bool counted;
};

/* How often an input must be read: once for all parts, unless these are known to different places;
 * then once for each place. Answers the number of passes; parts that are known whole are left out
 * where others are not. */
uint32_t egi_input_passes(const struct eg_env *, const struct eg_scan_request *,
                          const struct egi_known *, size_t index,
                          struct egi_pass passes[EG_SCAN_PARTS_MAX]);

/* Plans with the places that are known of all of `parts`: one that some part is behind would leave
 * rows of that part out. */
enum eg_status egi_plan_for(struct eg_source *, const char *name, const struct eg_scan_request *,
                            const struct egi_known *, egi_parts parts, struct eg_plan *out,
                            struct eg_error *);
/* What a run that was killed had given out of a part that holds rows back, from the place on where
 * this input (planned) is taken up, into its state: the latest that is of this input. */
void egi_state_find(struct egi_input *, const struct egi_known *, uint32_t part);

/* Opens the source and plans it. EG_END: all of it is known already (*out is there all the same, for
 * its plan). `state` is set on every answer. */
enum eg_status egi_input_open(struct egi_input **out, const struct eg_env *,
                              const struct eg_scan_request *, const struct egi_known *,
                              size_t index, const struct egi_pass *, enum eg_plan_state *state,
                              struct eg_error *);
/* Asks who keeps it, and opens the extracts: before its first unit. `refused`: it is the keeper that
 * failed. */
enum eg_status egi_input_begin(struct egi_input *, const struct egi_known *, bool *refused,
                               struct eg_error *);
/* For an input that is known whole: lets the keeper look at it. */
enum eg_status egi_input_known(struct egi_input *, char *told, size_t room, struct eg_error *);
/* The position of what a part has given out, the input having been read up to `reached`; see
 * eg_scan_mark. While no worker is inside a call. */
bool egi_input_mark(const struct egi_input *, uint32_t part, const struct eg_position *reached,
                    struct eg_position *out);
/* Whether some part wants to hear that time passes: those that hold rows back, and who says so. */
bool egi_input_ticks(const struct egi_input *);
/* Frees it with the units that are still pending (which are joined into nothing). */
void egi_input_free(struct egi_input *);

enum eg_status egi_unit_new(struct egi_unit **out, struct egi_input *, uint64_t number,
                            struct eg_error *);
void egi_unit_free(struct egi_unit *); /* one that was not begun; else it is joined */
/* Scratch that a worker lends: grows, never shrinks. */
struct egi_scratch {
    uint32_t *rows;
    size_t row_room;
    uint64_t *claimed;
    size_t claimed_words;
};
void egi_scratch_reset(struct egi_scratch *);

struct egi_counts { /* what a step adds to the progress */
    uint64_t frames, datagrams;
    uint64_t known_frames, known_datagrams; /* of these, of muted units */
    uint64_t others, other_bytes;           /* frames that nobody claimed */
};

/* Reads and decodes one raw batch of the unit. EG_END: the unit is over, all of its rows are in
 * `ready`; so they are when the source failed, whose answer is given with `of_source` set. */
enum eg_status egi_unit_step(struct egi_unit *, struct egi_scratch *, struct egi_batches *ready,
                             struct egi_counts *, bool *of_source, struct eg_error *);
/* Puts a unit that is over into the queue. With the lock. */
void egi_unit_pend(struct egi_unit *);
/* Joins a unit that was taken from the queue. Without the lock, in order. */
enum eg_status egi_unit_join(struct egi_unit *, struct egi_scratch *, struct egi_batches *ready,
                             struct egi_counts *, struct eg_error *);
/* Finishes a joined unit: all its rows are in `ready`. Without the lock, concurrent with others. */
enum eg_status egi_unit_finish(struct egi_unit *, struct egi_scratch *, struct egi_batches *ready,
                               struct egi_counts *, struct eg_error *);
/* The counts of a finished unit become the input's, in order, and it is freed. With the lock. */
void egi_unit_settle(struct egi_unit *);
/* The `read` of an input's `again` (in again.c); `of` is the input. */
enum eg_status
egi_again_read(void *of, enum eg_status (*take)(void *to, struct eg_batch *, struct eg_error *),
               void *to, struct eg_error *);
/* Runs join(NULL) of every part. Without the lock, once, behind the last unit; EG_AGAIN: once more,
 * when what is ready has been given out. */
enum eg_status egi_input_drain(struct egi_input *, struct egi_scratch *, struct egi_batches *ready,
                               struct egi_counts *, struct eg_error *);

#endif
