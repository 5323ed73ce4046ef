/* SPDX-License-Identifier: Apache-2.0
 * Sequence accounts: what follows, what is missing, what came late, what began anew. */
#include "wire/sequence.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/timetext.h"

#include <string.h>

#define GAPS_MAX 64      /* open at once in a stream; beyond, the oldest is closed */
#define BOOT_SLACK 10000 /* ms a boot time may move while the exporter runs on */

struct gap { /* numbers [first, first + count) never came */
    uint32_t first, count;
    uint64_t noticed; /* by which datagram of the stream */
    int64_t time_us;
    bool doubtful; /* it is none if the exporter numbers ends, and stays open until that is known */
};

struct stream {
    struct eg_addr exporter;
    int64_t domain;
    const char *source;
    uint16_t port; /* or 0 */
    uint64_t datagrams;
    uint64_t weight;   /* datagrams, old ones counting less: who may stay when there are too many */
    uint32_t next;     /* the number that should come */
    uint32_t step_max; /* the most that a datagram moved it */
    uint32_t boot_ms;
    bool has_boot;
    bool zeros; /* all numbers so far were 0 */
    bool open;  /* `next` is the least that should come */
    /* Some exporters (softflowd's IPFIX) count a datagram's own records into its number. */
    bool has_last, by_end, by_start; /* which of the two it is, once that is certain */
    uint32_t last_first, last_count, votes;
    uint32_t doubt; /* so many are missing before the datagram at hand, unless it is by_end */
    bool suspect;   /* the last datagram had a number from elsewhere: */
    uint32_t suspect_next;
    int64_t suspect_us;
    uint32_t gap_count;
    struct gap gaps[GAPS_MAX]; /* oldest first */
};

struct eg_sequences {
    struct stream *streams;
    uint32_t count, room;
    uint32_t *slots; /* open addressing over `streams`; UINT32_MAX: free */
    uint32_t slot_count;
};

/* ---- runs ---- */

/* The datagrams of a run came in the same second, which is all that is told of any but its first one. */
static int64_t second_of(int64_t time_us) {
    int64_t into = time_us % EG_SECOND_US;
    return time_us == INT64_MIN ? time_us : time_us - (into < 0 ? into + EG_SECOND_US : into);
}

struct eg_sequence_run eg_sequence_run_of(const struct eg_datagram *d, uint16_t port,
                                          const struct eg_sequence_note *note) {
    return (struct eg_sequence_run){
        .exporter = d->exporter,
        .domain = note->domain,
        .source = note->source,
        .port = port,
        .time_us = d->time_us,
        .first = note->first,
        .step = note->count,
        .last = note->count,
        .datagrams = 1,
        .boot_ms = note->boot_ms,
        .has_boot = note->has_boot,
        .open = note->open,
    };
}

bool eg_sequence_run_extend(struct eg_sequence_run *run, const struct eg_sequence_note *note,
                            int64_t time_us) {
    bool follows = !run->open && !note->open && run->last == run->step && run->step &&
                   note->count && note->first == run->first + run->datagrams * run->step &&
                   run->has_boot == note->has_boot && run->boot_ms == note->boot_ms &&
                   run->datagrams < UINT32_MAX && second_of(time_us) == second_of(run->time_us);
    if (!follows) return false;
    run->datagrams++;
    run->last = note->count;
    return true;
}

/* ---- what is counted ---- */

static void count_into(struct eg_tally *tally, enum eg_cause cause, const struct stream *s,
                       int64_t time_us, uint32_t records, uint32_t packets) {
    struct eg_blame blame = {s->source, &s->exporter, s->domain};
    eg_tally_add(tally, cause, &blame, time_us, records, packets, 0);
}

static void gap_remove(struct stream *s, uint32_t i) {
    s->gap_count--;
    memmove(&s->gaps[i], &s->gaps[i + 1], (s->gap_count - i) * sizeof *s->gaps);
}

static void gap_close(struct stream *s, uint32_t i, struct eg_tally *tally) {
    const struct gap *gap = &s->gaps[i];
    if (!gap->doubtful) count_into(tally, EG_CAUSE_sequence_gap, s, gap->time_us, gap->count, 0);
    gap_remove(s, i);
}

static void gaps_close(struct stream *s, struct eg_tally *tally) {
    while (s->gap_count) gap_close(s, 0, tally);
}

/* Those that were noticed before, by number or by time; what is doubtful waits. */
static void gaps_close_before(struct stream *s, uint64_t datagram, int64_t time_us,
                              struct eg_tally *tally) {
    for (uint32_t i = 0; i < s->gap_count;)
        if (!s->gaps[i].doubtful && (s->gaps[i].noticed < datagram || s->gaps[i].time_us < time_us))
            gap_close(s, i, tally);
        else
            i++;
}

static void gaps_age(struct stream *s, struct eg_tally *tally) {
    if (s->gap_count && s->datagrams > EG_SEQUENCE_WINDOW)
        gaps_close_before(s, s->datagrams - EG_SEQUENCE_WINDOW, INT64_MIN, tally);
}

static void gap_insert(struct stream *s, uint32_t i, struct gap gap, struct eg_tally *tally) {
    if (s->gap_count == GAPS_MAX) {
        gap_close(s, 0, tally);
        if (i) i--;
    }
    memmove(&s->gaps[i + 1], &s->gaps[i], (s->gap_count - i) * sizeof *s->gaps);
    s->gaps[i] = gap;
    s->gap_count++;
}

/* Takes [first, first + count) off the open gaps; answers how much of it was missing. */
static uint32_t gaps_fill(struct stream *s, uint32_t first, uint32_t count,
                          struct eg_tally *tally) {
    uint32_t filled = 0;
    for (uint32_t i = 0; i < s->gap_count; i++) {
        struct gap *gap = &s->gaps[i];
        int64_t from = (int32_t)(first - gap->first);
        int64_t to = from + count;
        if (from < 0) from = 0;
        if (to > gap->count) to = gap->count;
        if (from >= to) continue;
        gap->doubtful = false;  /* these numbers are used */
        struct gap rest = *gap; /* what is missing behind it */
        rest.first += (uint32_t)to;
        rest.count -= (uint32_t)to;
        gap->count = (uint32_t)from;
        filled += (uint32_t)(to - from);
        count_into(tally, EG_CAUSE_sequence_late, s, gap->time_us, (uint32_t)(to - from), 1);
        if (!gap->count && !rest.count)
            gap_remove(s, i--);
        else if (!gap->count)
            *gap = rest;
        else if (rest.count)
            gap_insert(s, i + 1, rest, tally);
    }
    return filled;
}

/* ---- a datagram of a stream ---- */

struct
    step { /* one datagram: moves the number from `first` by `count`; `time_us` is that of the run */
    uint32_t first, count, boot_ms;
    bool has_boot;
    int64_t time_us;
};

static void accept(struct stream *s, const struct step *step) {
    s->next = step->first + step->count;
    s->boot_ms = step->boot_ms;
    s->has_boot = step->has_boot;
    s->suspect = false;
    s->open = false;
}

static void skip_to(struct stream *s, const struct step *step, int64_t time_us,
                    struct eg_tally *tally) {
    uint32_t count = step->first - s->next;
    struct gap gap = {s->next, count, s->datagrams, time_us, count == s->doubt};
    if (gap.count && !s->open) gap_insert(s, s->gap_count, gap, tally);
    accept(s, step);
}

static void restart(struct stream *s, uint32_t next, int64_t time_us, struct eg_tally *tally) {
    gaps_close(s, tally);
    count_into(tally, EG_CAUSE_sequence_reset, s, time_us, 0, 1);
    s->next = next;
}

/* A number that is neither the next one nor a little ahead of it. */
static void step_elsewhere(struct stream *s, const struct step *step, struct eg_tally *tally) {
    uint32_t near = EG_SEQUENCE_WINDOW * s->step_max;
    uint32_t back = s->next - step->first;
    bool behind = back <= UINT32_MAX / 2;
    bool late = behind && gaps_fill(s, step->first, step->count, tally);
    bool rebooted = !late && s->has_boot && step->has_boot &&
                    (uint32_t)(step->boot_ms - s->boot_ms + BOOT_SLACK) > 2 * BOOT_SLACK;
    if (rebooted) {
        restart(s, step->first, second_of(step->time_us), tally);
        accept(s, step);
    } else if (behind && back < step->count) {
        accept(s, step); /* counts something else than we think: as much as it moves is there */
    } else if (late) {
        return; /* what was missing */
    } else if (behind && back <= near) {
        count_into(tally, EG_CAUSE_sequence_repeated, s, second_of(step->time_us), step->count, 1);
    } else if (s->suspect && step->first - s->suspect_next <= near) {
        restart(s, s->suspect_next, s->suspect_us, tally);
        skip_to(s, step, s->suspect_us, tally);
    } else {
        s->suspect = true;
        s->suspect_next = step->first + step->count;
        s->suspect_us = second_of(step->time_us);
    }
}

static void step_take(struct stream *s, const struct step *step, struct eg_tally *tally) {
    s->datagrams++;
    gaps_age(s, tally);
    if (s->zeros && step->first == 0) return; /* this exporter does not number */
    s->zeros = false;
    uint32_t ahead = step->first - s->next;
    bool nearer = s->suspect && step->first - s->suspect_next < ahead;
    if (ahead <= EG_SEQUENCE_AHEAD_MAX && !nearer)
        skip_to(s, step, step->time_us, tally);
    else
        step_elsewhere(s, step, tally);
}

static void numbers_starts(struct stream *s) {
    s->by_start = true;
    for (uint32_t i = 0; i < s->gap_count; i++) s->gaps[i].doubtful = false;
}

/* Where a number is not what follows by the count of the datagram before, but is by its own, twice in
 * a row, the exporter numbers ends; the gaps that seemed to be there are none. Once leaves it open. */
static void numbering_learn(struct stream *s, const struct eg_sequence_run *run) {
    uint32_t moved = run->first - s->last_first;
    bool undecided = !s->by_end && !s->by_start;
    s->doubt = 0;
    if (s->has_last && undecided && run->step != s->last_count && !run->open) {
        if (moved == s->last_count) numbers_starts(s);
        s->votes = moved == run->step ? s->votes + 1 : 0;
        if (s->votes) s->doubt = run->step - s->last_count;
        if (s->votes == 2) {
            s->by_end = true;
            s->gap_count = s->doubt = 0;
            s->suspect = false;
            s->next = run->first - run->step;
        }
    }
    s->has_last = !run->open;
    s->last_first = run->first + (run->datagrams - 1) * run->step;
    s->last_count = run->last;
}

/* ---- streams ---- */

static uint32_t slot_of(const struct eg_sequences *all, const struct eg_sequence_run *run) {
    uint64_t hash = eg_hash64(&run->exporter, sizeof run->exporter, (uint64_t)run->domain);
    uint32_t mask = all->slot_count - 1;
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) & mask;
    for (; all->slots[slot] != UINT32_MAX; slot = (slot + 1) & mask) {
        const struct stream *s = &all->streams[all->slots[slot]];
        if (s->domain == run->domain && s->port == run->port &&
            strcmp(s->source, run->source) == 0 &&
            memcmp(&s->exporter, &run->exporter, sizeof s->exporter) == 0)
            break;
    }
    return slot;
}

static void slots_fill(struct eg_sequences *all) {
    memset(all->slots, 0xff, (size_t)all->slot_count * sizeof *all->slots);
    for (uint32_t i = 0; i < all->count; i++) {
        struct eg_sequence_run key = {.exporter = all->streams[i].exporter,
                                      .domain = all->streams[i].domain,
                                      .source = all->streams[i].source,
                                      .port = all->streams[i].port};
        all->slots[slot_of(all, &key)] = i;
    }
}

static uint32_t weight_class(const struct stream *s) {
    return s->weight ? 64 - (uint32_t)__builtin_clzll(s->weight) : 0;
}

/* Room for new streams: at least a quarter goes, those that sent least. So a flood of senders that
 * nobody knows ends their own accounts. */
static void shrink(struct eg_sequences *all, struct eg_tally *tally) {
    uint32_t classes[65] = {0}, last = 0, gone = 0, kept = 0;
    for (uint32_t i = 0; i < all->count; i++) classes[weight_class(&all->streams[i])]++;
    while ((gone += classes[last]) < all->count / 4) last++;
    for (uint32_t i = 0; i < all->count; i++) {
        struct stream *s = &all->streams[i];
        if (weight_class(s) <= last) {
            gaps_close(s, tally);
            continue;
        }
        s->weight /= 2;
        if (kept != i) all->streams[kept] = *s;
        kept++;
    }
    all->count = kept;
    slots_fill(all);
}

static bool grow(struct eg_sequences *all) {
    uint32_t room = all->room ? all->room * 2 : 16;
    struct stream *streams = eg_realloc(all->streams, room, sizeof *streams);
    if (!streams) return false;
    all->streams = streams;
    uint32_t *slots = eg_malloc((size_t)room * 2 * sizeof *slots);
    if (!slots) return false;
    eg_free(all->slots);
    all->slots = slots;
    all->slot_count = room * 2;
    all->room = room;
    slots_fill(all);
    return true;
}

/* The stream of a run; a new one has taken its first datagram. NULL: no memory. */
static struct stream *stream_of(struct eg_sequences *all, const struct eg_sequence_run *run,
                                bool *begun, struct eg_tally *tally) {
    uint32_t slot = all->slot_count ? slot_of(all, run) : 0;
    if (all->slot_count && all->slots[slot] != UINT32_MAX) return &all->streams[all->slots[slot]];
    if (all->count == EG_SEQUENCE_STREAMS_MAX) shrink(all, tally);
    if (all->count == all->room && !grow(all)) return NULL;
    slot = slot_of(all, run);
    all->slots[slot] = all->count;
    struct stream *s = &all->streams[all->count++];
    memset(s, 0, sizeof *s);
    s->exporter = run->exporter;
    s->domain = run->domain;
    s->source = run->source;
    s->port = run->port;
    s->zeros = run->first == 0;
    *begun = true;
    return s;
}

struct eg_sequences *eg_sequences_new(void) {
    return eg_calloc(1, sizeof(struct eg_sequences));
}

/* The datagrams of a run, one after the other; `begun`: the first one begins the stream. */
static void run_take(struct stream *s, const struct eg_sequence_run *run, bool begun,
                     struct eg_tally *tally) {
    struct step step = {run->first, run->step, run->boot_ms, run->has_boot, run->time_us};
    if (s->by_end) step.first -= run->step;
    if (s->by_end) step.time_us = second_of(run->time_us); /* it may not be the run's first one */
    for (uint32_t left = run->datagrams; left; left--) {
        if (left == 1) step.count = run->last;
        if (step.count > s->step_max) s->step_max = step.count;
        if (begun) {
            s->datagrams++;
            accept(s, &step);
            begun = false;
        } else if (step.first == s->next && !s->zeros) { /* and so do all that are left */
            s->datagrams += left;
            gaps_age(s, tally);
            if (run->last > s->step_max) s->step_max = run->last;
            step.first += step.count * (left - 1);
            step.count = run->last;
            accept(s, &step);
            s->open = run->open;
            return;
        } else {
            step_take(s, &step, tally);
        }
        s->doubt = 0;
        step.first += step.count;
    }
    if (run->open && s->next == step.first) s->open = true; /* a run of one datagram */
}

void eg_sequences_feed(struct eg_sequences *all, const struct eg_sequence_run *run,
                       struct eg_tally *tally) {
    if (!run->step && !run->open) return; /* no record, no number */
    bool begun = false;
    struct stream *s = stream_of(all, run, &begun, tally);
    if (!s) {
        tally->lost++;
        return;
    }
    s->weight += run->datagrams;
    struct eg_sequence_run part = *run;
    if (run->datagrams > 1 && run->last != run->step) { /* the last one may speak for a numbering */
        part.datagrams--;
        part.last = part.step;
        numbering_learn(s, &part);
        run_take(s, &part, begun, tally);
        begun = false;
        part.first += part.datagrams * part.step;
        part.step = part.last = run->last;
        part.datagrams = 1;
    }
    numbering_learn(s, &part);
    run_take(s, &part, begun, tally);
}

void eg_sequences_age(struct eg_sequences *all, int64_t now_us, struct eg_tally *tally) {
    for (uint32_t i = 0; i < all->count; i++)
        gaps_close_before(&all->streams[i], 0, now_us - EG_SEQUENCE_OPEN_US, tally);
}

void eg_sequences_drain(struct eg_sequences *all, struct eg_tally *tally) {
    for (uint32_t i = 0; i < all->count; i++) gaps_close(&all->streams[i], tally);
    all->count = 0;
    if (all->slots) memset(all->slots, 0xff, (size_t)all->slot_count * sizeof *all->slots);
}

void eg_sequences_free(struct eg_sequences *all) {
    if (!all) return;
    eg_free(all->streams);
    eg_free(all->slots);
    eg_free(all);
}
