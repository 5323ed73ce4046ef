/* SPDX-License-Identifier: Apache-2.0
 * The runner: moves the rows of inputs into sinks. Threads, bounded memory, back-pressure, retry,
 * positions after the durable flush: written once, here; the only way anything gets into a sink.
 *
 * Rounds: workers read and decode until `round_bytes` of rows stand in the sinks or the inputs are
 * over; the scan is held; every sink flushes, with the positions reached; the source commits. A kill
 * at any moment repeats at most one round, and the positions keep it from being doubled. Small
 * inputs share a round, unless their source wants to hear of commits.
 *
 * A live source ends when the env drains; until then rounds end by `interval_us` as well.
 *
 * Sinks that take raw batches get them in the order of the input, before the rows that come of them;
 * a round that is repeated after a kill gives them again.
 *
 * Sinks that take records get text: all records of a run, one behind the other, are the document.
 * Of the line formats (csv, tsv, jsonl) a record is one line with its end. They get no losses, which
 * would be a second document. */
#ifndef EG_TABLE_PUMP_H
#define EG_TABLE_PUMP_H

#include "table/scan.h"

struct eg_pump_sink {
    const struct eg_sink_type *type;
    struct eg_sink *sink; /* open */
    const char *name;     /* as the user wrote it */
    const char *format;   /* for EG_TAKES_RECORDS: "jsonl", … */
    bool bare;            /* and without a header line */
};

struct eg_pump_account;

struct eg_pump_request {
    struct eg_scan_request scan; /* .known is filled in by the pump from the first sink */
    struct eg_pump_sink *sinks;
    size_t sink_count;
    uint32_t threads;             /* 0: one per core */
    uint64_t round_bytes;         /* 0: 192 MiB of batches */
    int64_t usable_us, beyond_us; /* times of the account are those from the one up to, without, the
                                     other; both 0: all. What is elsewhere is no time to a dataset */
    bool flush_frames;   /* frames that were read are flushed for, though no row came of them */
    int64_t interval_us; /* a round ends after so long when it has read anything; 0: when full */
    void (*progress)(void *to,
                     const struct eg_scan_progress *); /* a few times a second; may be NULL */
    void *progress_to;
    /* Called before each round, while nothing is read; may be NULL. */
    void (*starting)(void *to);
    /* Asked a few times a second: whether the round is to end at once; may be NULL. */
    bool (*hurrying)(void *to);
    /* Called before the last flush of a run that reads to the end, while nothing is read: what sinks do
     * at their end is done here, so that what they lose of it is told like all else. May be NULL. */
    void (*ending)(void *to);
    /* Called before each flush of the first sink, which is the last to flush, while nothing is read, with
     * the positions it will make durable; where that fails, that flush has failed. May be NULL. */
    enum eg_status (*flushing)(void *to, const struct eg_position *, size_t count,
                               struct eg_error *);
    /* Called after each flush, while nothing is read, with what is durable now; may be NULL. */
    void (*flushed)(void *to, const struct eg_pump_account *);
    /* Asked when a sink's flush failed, while nothing is read and the sink has what it was given: answers,
     * after a wait, whether the flush is to be called again; may be NULL: never. */
    bool (*again)(void *to, const struct eg_pump_sink *, const struct eg_error *);
    void *flushed_to; /* of these six */
};

/* What a sink that takes raw batches was given, flushed, and what it said it lost of that. */
struct eg_pump_raw {
    const char *name; /* as in eg_pump_sink; the caller's */
    uint64_t rows, lost;
};
#define EG_PUMP_RAW_MAX 16

/* What happened, for the account. */
struct eg_pump_account {
    struct eg_scan_progress seen;
    struct eg_scan_progress settled; /* the same, as of the last flush */
    uint64_t kept[EG_TABLE_COUNT];   /* rows durable in the sinks that take tables; none does: 0 */
    struct eg_pump_raw raw[EG_PUMP_RAW_MAX];
    size_t raw_count;
    uint64_t metered; /* of the flows kept: those made of packets */
    uint64_t inputs, inputs_known;
    uint64_t
        inputs_failed;     /* could not be opened or read on; one that is merely cut is not among */
    struct eg_tally tally; /* free with eg_tally_reset */
    struct eg_tally
        unflushed; /* counted since the last flush by a run that failed; merged into the tally of
                                  the account that it is added to */
    struct eg_trouble *troubles; /* free with eg_pump_account_reset */
    size_t trouble_count;
    int64_t first_us, last_us; /* range of start times kept; first > last: none */
};
void eg_pump_account_reset(struct eg_pump_account *);
/* The entry of a sink, made when there is none yet; NULL: there are too many. */
struct eg_pump_raw *eg_pump_account_raw(struct eg_pump_account *, const char *name);
/* Takes what a sink lost since the last call over into `to`; of one of raw rows it is in its entry, too. */
void eg_pump_account_losses(struct eg_pump_account *, const struct eg_pump_sink *,
                            struct eg_tally *to);
/* Leaves out the trouble at `index`. */
void eg_pump_account_drop(struct eg_pump_account *, size_t index);
/* Adds the account of another run. Errors: EG_E_NOMEM (its troubles are left out). */
EG_MUST_CHECK enum eg_status eg_pump_account_merge(struct eg_pump_account *into,
                                                   const struct eg_pump_account *from,
                                                   struct eg_error *err);

/* Runs to the end of the inputs. Losses (tally) are written to the sinks as rows of `losses` with
 * the flush that makes the rows around them durable; `extra` names the input. EG_OK also when inputs
 * had trouble: the account tells. Errors: a sink's, a source's that is not bound to one input,
 * EG_E_USAGE for a format that holds one table where several are asked for, EG_E_CANCELLED (what
 * was flushed stays). The account is filled in all cases. */
EG_MUST_CHECK enum eg_status eg_pump_run(const struct eg_env *, const struct eg_pump_request *,
                                         struct eg_pump_account *, struct eg_error *err);

#endif
