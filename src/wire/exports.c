/* SPDX-License-Identifier: Apache-2.0
 * The extract that finds flow exports: raw rows in, rows of `flows` out of whichever decoder knows
 * the datagram. docs/internals/exports.md is the page about it.
 *
 * A unit decodes what it can judge alone. What depends on earlier input (fragments, datagrams that
 * only might be exports, and all of a protocol with templates) waits for join(), where units meet in
 * the order of the input: there it is judged and learned from, and finish() decodes it, again in
 * parallel. */
#include "base/alloc.h"
#include "base/hash.h"
#include "table/stage.h"
#include "wire/book.h"
#include "wire/datagrams.h"
#include "wire/probes.h"
#include "wire/sequence.h"
#include "wire/survey.h"

#include <string.h>

#define DEFERRED_MAX 65536 /* in a unit; beyond, suspect_overflow */
#define NONE UINT32_MAX
#define AGE_US 1000000 /* gaps are looked through so often */

enum { UDP_HEADER = 8, HEADER_MIN = 16 /* of the protocols: IPFIX has the shortest */ };

/* ---- the extract and its units ---- */

struct decoders {
    const struct eg_decoder_type *const *types;
    struct eg_decoder *open[EG_DECODERS_MAX];
    uint32_t count; /* of those that are open */
};

struct eg_extract {
    const struct eg_env *env;
    struct eg_probes probes;
    void *options[EG_DECODERS_MAX];
    uint64_t ports[65536 / 64]; /* that are known to carry exports */
    struct eg_book *book;
    struct eg_book *own_book; /* the same, where nobody gave one */
    struct eg_extract_options as;
    bool surveys; /* the book is a survey's: nothing is decoded */
    /* the rest belongs to join() */
    struct decoders decoders;
    struct eg_exporters known;
    struct eg_fragments *fragments;
    struct eg_sequences *sequences;
    struct eg_tally *tally; /* of the join that is going on */
    int64_t latest_us,
        aged_us;        /* when datagrams were received last, and gaps were last looked through */
    uint64_t rows, row; /* of units that are over; of what is being settled, from 1 on */
    bool surveyed, begun;
    struct eg_book *ahead; /* what comes, where data had to be put aside; read by finish() too */
};

/* What waits for join(): a fragment, a whole datagram that may be an export, or one that is. */
struct deferred {
    uint64_t at;
    enum { FRAGMENT, SUSPECT, EXPORT } kind;
    uint32_t decoder; /* of an EXPORT */
    union {
        struct eg_fragment fragment;
        struct eg_datagram datagram;
    };
};

/* What was learned from and waits for finish(). */
struct work {
    struct eg_datagram datagram;
    uint32_t decoder;
    void *memory; /* of its payload, where no batch holds it */
    bool ahead;   /* with what comes */
};

struct noted_run {
    struct eg_sequence_run run;
    uint64_t at;    /* its first datagram */
    uint64_t epoch; /* how many rows had been deferred before it */
};

struct eg_extract_unit {
    struct eg_extract *x;
    struct decoders decoders, ahead; /* with the extract's book; with what comes, if need be */
    uint64_t rows;                   /* seen so far */
    int64_t latest_us;               /* when a datagram of its was received; 0: none was */
    struct eg_exporters known;
    struct deferred *deferred;
    uint32_t deferred_count, deferred_room;
    uint64_t epoch;
    struct eg_batch **kept; /* that deferred rows point into */
    uint32_t kept_count, kept_room;
    struct noted_run *runs;
    uint32_t run_count, run_room;
    uint32_t *streams; /* open addressing: a stream's latest run */
    uint32_t stream_slots, stream_count;
    struct work *work;
    uint32_t work_count, work_room;
    struct eg_book_stay stay; /* from join() to finish() */
};

/* Room for one more item; false: no memory. */
static bool reserve(void **items, uint32_t count, uint32_t *room, size_t size) {
    if (count < *room) return true;
    uint32_t more = *room ? *room * 2 : 16;
    void *grown = eg_realloc(*items, more, size);
    if (!grown) return false;
    *items = grown;
    *room = more;
    return true;
}

static void decoders_close(struct decoders *d) {
    for (uint32_t i = 0; i < d->count; i++) d->types[i]->close(d->open[i]);
    d->count = 0;
}

static enum eg_status decoders_open(struct decoders *d, const struct eg_extract *x,
                                    struct eg_book *book, struct eg_error *err) {
    d->types = x->probes.types;
    for (d->count = 0; d->count < x->probes.count; d->count++) {
        uint32_t i = d->count;
        enum eg_status status = d->types[i]->open(x->env, x->options[i], book, &d->open[i], err);
        if (status < 0) {
            decoders_close(d);
            return status;
        }
    }
    return EG_OK;
}

static bool port_known(const struct eg_extract *x, uint16_t port) {
    return x->ports[port >> 6] >> (port & 63) & 1;
}

/* ---- judging a datagram ---- */

static bool learns(const struct eg_decoder_type *type) {
    return type->learn != eg_decoder_learn_nop;
}

static void count_unknown(const struct eg_datagram *d, struct eg_tally *tally) {
    struct eg_blame blame = {"export", &d->exporter, -1};
    enum eg_cause cause = d->length < HEADER_MIN ? EG_CAUSE_short_header : EG_CAUSE_version_unknown;
    if (d->payload.size < 2 && d->length > d->payload.size) cause = EG_CAUSE_datagram_cut;
    eg_tally_add(tally, cause, &blame, d->time_us, 1, 1, d->length);
}

/* ---- sequence numbers of a unit ---- */

static uint32_t stream_slot(const struct eg_extract_unit *u, const struct eg_sequence_run *key) {
    uint64_t hash = eg_hash64(&key->exporter, sizeof key->exporter, (uint64_t)key->domain);
    uint32_t mask = u->stream_slots - 1, slot = (uint32_t)(hash ^ hash >> 32) & mask;
    for (; u->streams[slot] != NONE; slot = (slot + 1) & mask) {
        const struct eg_sequence_run *run = &u->runs[u->streams[slot]].run;
        if (run->domain == key->domain && run->source == key->source && run->port == key->port &&
            memcmp(&run->exporter, &key->exporter, sizeof key->exporter) == 0)
            break;
    }
    return slot;
}

static bool streams_grow(struct eg_extract_unit *u) {
    uint32_t count = u->stream_slots ? u->stream_slots * 2 : 64;
    uint32_t *old = u->streams, old_count = u->stream_slots;
    uint32_t *slots = eg_malloc((size_t)count * sizeof *slots);
    if (!slots) return false;
    memset(slots, 0xff, (size_t)count * sizeof *slots);
    u->streams = slots;
    u->stream_slots = count;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] != NONE) slots[stream_slot(u, &u->runs[old[i]].run)] = old[i];
    eg_free(old);
    return true;
}

/* Datagrams that follow each other become one run, unless a row between them waits for join(). */
static void note_sequence(struct eg_extract_unit *u, const struct eg_datagram *d,
                          const struct eg_sequence_note *note, struct eg_tally *tally) {
    if (!note->present) return;
    struct eg_sequence_run run = eg_sequence_run_of(d, eg_book_port(u->x->book, d), note);
    if (u->stream_count * 2 >= u->stream_slots && !streams_grow(u)) goto no_memory;
    uint32_t slot = stream_slot(u, &run), latest = u->streams[slot];
    if (latest != NONE && u->runs[latest].epoch == u->epoch &&
        eg_sequence_run_extend(&u->runs[latest].run, note, d->time_us))
        return;
    if (!reserve((void **)&u->runs, u->run_count, &u->run_room, sizeof *u->runs)) goto no_memory;
    u->stream_count += latest == NONE;
    u->runs[u->run_count] = (struct noted_run){run, u->rows, u->epoch};
    u->streams[slot] = u->run_count++;
    return;
no_memory:
    tally->lost++; /* the account of gaps is short of this one */
}

/* ---- rows ---- */

static bool keep_batch(struct eg_extract_unit *u, struct eg_batch *raw) {
    if (u->kept_count && u->kept[u->kept_count - 1] == raw) return true;
    if (!reserve((void **)&u->kept, u->kept_count, &u->kept_room, sizeof *u->kept)) return false;
    u->kept[u->kept_count++] = eg_batch_ref(raw);
    return true;
}

static void defer(struct eg_extract_unit *u, struct eg_batch *raw, const struct deferred *what,
                  struct eg_tally *tally) {
    enum eg_cause cause = EG_CAUSE_suspect_overflow;
    if (u->deferred_count < DEFERRED_MAX) {
        cause = EG_CAUSE_no_memory;
        if (keep_batch(u, raw) && reserve((void **)&u->deferred, u->deferred_count,
                                          &u->deferred_room, sizeof *u->deferred)) {
            u->deferred[u->deferred_count] = *what;
            u->deferred[u->deferred_count++].at = u->rows;
            u->epoch++;
            return;
        }
    }
    bool piece = what->kind == FRAGMENT;
    const struct eg_addr *who = piece ? &what->fragment.src : &what->datagram.exporter;
    struct eg_blame blame = {"export", who, -1};
    int64_t time_us = piece ? what->fragment.time_us : what->datagram.time_us;
    eg_tally_add(tally, cause, &blame, time_us, 1, 1, 0);
}

/* Decodes the datagram now, defers it, or leaves it; true: it was an export. */
static bool take_datagram(struct eg_extract_unit *u, struct eg_batch *raw,
                          const struct eg_datagram *d, bool certain, struct eg_out *out) {
    uint32_t i = 0;
    enum eg_probe answer = eg_probes_ask(&u->x->probes, d, &i);
    if (answer == EG_PROBE_NO) {
        if (certain) count_unknown(d, &out->tally);
        return false;
    }
    if (answer == EG_PROBE_MAYBE && !certain) {
        struct deferred suspect = {.kind = SUSPECT, .datagram = *d};
        defer(u, raw, &suspect, &out->tally);
        return false;
    }
    if (answer == EG_PROBE_YES)
        eg_exporters_add(&u->known, &d->exporter, d->exporter_port, u->rows);
    if (learns(u->decoders.types[i])) {
        struct deferred export = {.kind = EXPORT, .decoder = i, .datagram = *d};
        defer(u, raw, &export, &out->tally);
        return true;
    }
    if (u->x->surveys) return true;
    struct eg_sequence_note note = {0};
    u->decoders.types[i]->decode(u->decoders.open[i], d, out, &note);
    note_sequence(u, d, &note, &out->tally);
    out->datagrams++;
    return true;
}

static bool take_row(struct eg_extract_unit *u, struct eg_batch *raw, uint32_t row,
                     struct eg_out *out) {
    struct eg_row found;
    switch (eg_row_take(raw, row, &found)) {
    case EG_ROW_FRAGMENT: {
        struct deferred piece = {.kind = FRAGMENT, .fragment = found.fragment};
        defer(u, raw, &piece, &out->tally);
        return false;
    }
    case EG_ROW_DATAGRAM: /* one that was received came to where exports are expected */
        if (found.received && found.datagram.time_us > u->latest_us)
            u->latest_us = found.datagram.time_us;
        return take_datagram(u, raw, &found.datagram,
                             found.received || port_known(u->x, found.datagram.local_port), out);
    default: return false;
    }
}

static enum eg_status exports_feed(struct eg_extract_unit *u, struct eg_batch *raw,
                                   uint64_t *claimed, struct eg_out *out, struct eg_error *err) {
    (void)err;
    for (uint32_t row = 0; row < raw->rows; row++, u->rows++)
        if (take_row(u, raw, row, out) && claimed) claimed[row >> 6] |= UINT64_C(1) << (row & 63);
    return EG_OK;
}

/* ---- joining ---- */

static void work_add(struct eg_extract_unit *u, const struct work *work, struct eg_tally *tally) {
    const struct eg_datagram *d = &work->datagram;
    if (u->x->surveys) {
        eg_free(work->memory);
        return;
    }
    if (!reserve((void **)&u->work, u->work_count, &u->work_room, sizeof *u->work)) {
        struct eg_blame blame = {"export", &d->exporter, -1};
        eg_tally_add(tally, EG_CAUSE_no_memory, &blame, d->time_us, 1, 1, d->length);
        eg_free(work->memory);
        return;
    }
    u->work[u->work_count++] = *work;
}

/* The first data that cannot be held makes the extract look ahead. */
static void look_ahead(struct eg_extract *x) {
    if (!x->surveyed && x->as.again) x->ahead = eg_survey(x->env, &x->as, x->book);
    x->surveyed = true;
    eg_book_look_ahead(x->book, true, x->ahead); /* which puts aside all that waits */
}

/* What had to wait for what was learned just now, or cannot be held any longer. */
static void work_release(struct eg_extract *x, struct eg_extract_unit *u, struct eg_tally *tally) {
    if (eg_book_spilled(x->book)) {
        if (!x->surveys) look_ahead(x);
        eg_book_spilled_settle(x->book, tally);
    }
    struct eg_released piece;
    while (eg_book_release(x->book, &piece)) {
        uint32_t i = 0;
        while (i < x->probes.count && strcmp(x->probes.types[i]->name, piece.source) != 0) i++;
        EG_ASSERT(i < x->probes.count);
        struct work work = {piece.datagram, i, piece.memory, piece.ahead};
        work_add(u, &work, tally);
    }
}

/* Takes what others depend on, and the numbers; decoding follows in finish(), or here where nothing
 * depends on it. `memory` holds the payload where no batch of the unit does. */
static void settle_export(struct eg_extract *x, struct eg_extract_unit *u, uint32_t decoder,
                          struct eg_datagram *d, void *memory, struct eg_out *out) {
    struct eg_sequence_note note = {0};
    if (x->surveys && x->row > UINT32_MAX) { /* beyond its places */
        eg_free(memory);
        return;
    }
    d->row = x->row;
    d->at = x->surveys ? eg_book_row(x->book, x->row) : eg_book_next(x->book);
    const struct eg_decoder_type *type = x->probes.types[decoder];
    if (learns(type)) {
        type->learn(x->decoders.open[decoder], d, &note, &out->tally);
        struct work work = {*d, decoder, memory, false};
        work_add(u, &work, &out->tally);
        work_release(x, u, &out->tally);
    } else if (x->surveys) {
        eg_free(memory);
    } else {
        type->decode(x->decoders.open[decoder], d, out, &note);
        eg_free(memory);
    }
    out->datagrams++;
    if (!note.present) return;
    struct eg_sequence_run run = eg_sequence_run_of(d, eg_book_port(x->book, d), &note);
    eg_sequences_feed(x->sequences, &run, &out->tally);
}

/* As take_datagram, with all that came before known. Takes `memory`. */
static void settle_datagram(struct eg_extract *x, struct eg_extract_unit *u, struct eg_datagram *d,
                            void *memory, struct eg_out *out) {
    bool on_port = port_known(x, d->local_port);
    uint32_t i = 0;
    enum eg_probe answer = eg_probes_ask(&x->probes, d, &i);
    if (!eg_probes_believe(answer, d, on_port, &x->known)) {
        if (answer == EG_PROBE_NO && on_port) count_unknown(d, &out->tally);
        if (answer == EG_PROBE_MAYBE && x->known.short_of_memory) {
            struct eg_blame blame = {"export", &d->exporter, -1};
            eg_tally_add(&out->tally, EG_CAUSE_no_memory, &blame, d->time_us, 1, 1, d->length);
        }
        eg_free(memory);
        return;
    }
    settle_export(x, u, i, d, memory, out);
}

static void settle_fragment(struct eg_extract *x, struct eg_extract_unit *u,
                            const struct eg_fragment *piece, struct eg_out *out) {
    struct eg_span whole;
    struct eg_datagram d;
    if (!eg_fragments_add(x->fragments, piece, &whole) || !eg_datagram_joined(piece, whole, &d))
        return;
    void *memory = eg_malloc(d.length + 1); /* it is decoded when the fragments have moved on */
    if (!memory) {
        out->tally.lost++;
        return;
    }
    eg_span_copy(d.payload, 0, memory, d.length);
    d.payload = eg_span(memory, d.length);
    settle_datagram(x, u, &d, memory, out);
}

/* Other traffic's fragments are no loss of ours; without memory nobody can tell them apart. */
static bool fragments_ours(const struct eg_extract *x, const struct eg_fragments_lost *lost) {
    if (lost->cause == EG_CAUSE_no_memory) return true;
    return lost->head.size >= UDP_HEADER &&
           (port_known(x, eg_be16(lost->head, 2)) ||
            eg_exporters_has(&x->known, &lost->src, eg_be16(lost->head, 0)));
}

static void fragments_lost(void *to, const struct eg_fragments_lost *lost) {
    struct eg_extract *x = to;
    if (!fragments_ours(x, lost)) return;
    struct eg_blame blame = {"export", &lost->src, -1};
    eg_tally_add(x->tally, lost->cause, &blame, lost->time_us, 1, lost->pieces, lost->bytes);
}

static void unit_free(struct eg_extract_unit *u) {
    eg_book_leave(u->x->book, &u->stay);
    decoders_close(&u->decoders);
    decoders_close(&u->ahead);
    eg_exporters_reset(&u->known);
    for (uint32_t i = 0; i < u->kept_count; i++) eg_batch_unref(u->kept[i]);
    for (uint32_t i = 0; i < u->work_count; i++) eg_free(u->work[i].memory);
    eg_free(u->work);
    eg_free(u->kept);
    eg_free(u->deferred);
    eg_free(u->runs);
    eg_free(u->streams);
    eg_free(u);
}

static void settle_item(struct eg_extract *x, struct eg_extract_unit *u, struct deferred *item,
                        struct eg_out *out) {
    if (item->kind == FRAGMENT)
        settle_fragment(x, u, &item->fragment, out);
    else if (item->kind == SUSPECT)
        settle_datagram(x, u, &item->datagram, NULL, out);
    else
        settle_export(x, u, item->decoder, &item->datagram, NULL, out);
}

/* What earlier units knew, and what this one knew itself, in the order of its rows. */
static void unit_settle(struct eg_extract *x, struct eg_extract_unit *u, struct eg_out *out) {
    uint32_t run = 0, exporter = 0;
    if (u->known.short_of_memory) x->known.short_of_memory = true;
    for (uint32_t i = 0; i <= u->deferred_count; i++) {
        struct deferred *item = i < u->deferred_count ? &u->deferred[i] : NULL;
        uint64_t until = item ? item->at : UINT64_MAX;
        for (; exporter < u->known.count && u->known.items[exporter].at < until; exporter++)
            eg_exporters_add(&x->known, &u->known.items[exporter].address,
                             u->known.items[exporter].port, 0);
        for (; run < u->run_count && u->runs[run].at < until; run++)
            eg_sequences_feed(x->sequences, &u->runs[run].run, &out->tally);
        x->row = x->rows + until + 1;
        if (item) settle_item(x, u, item, out);
    }
    x->rows += u->rows;
}

/* By the clock of receipt, which may be far behind while a spool is caught up with; where nothing comes
 * it has been. */
static void gaps_age(struct eg_extract *x, const struct eg_extract_unit *u,
                     struct eg_tally *tally) {
    if (u->latest_us > x->latest_us) x->latest_us = u->latest_us;
    if (!x->latest_us) return; /* not a listener's */
    int64_t now_us = u->rows ? x->latest_us : x->env->now_us(x->env->clock);
    if (now_us >= x->aged_us && now_us - x->aged_us < AGE_US) return;
    x->aged_us = now_us;
    eg_sequences_age(x->sequences, now_us, tally);
}

static enum eg_status exports_join(struct eg_extract *x, struct eg_extract_unit *u,
                                   struct eg_out *out, struct eg_error *err) {
    (void)err;
    x->tally = &out->tally;
    if (!x->surveys) eg_book_look_ahead(x->book, x->as.again != NULL, x->ahead);
    if (!x->begun && !x->surveys && x->as.again) eg_book_input_begins(x->book);
    x->begun = true;
    if (u) {
        eg_book_enter(x->book, &u->stay);
        unit_settle(x, u, out);
        gaps_age(x, u, &out->tally);
        return EG_OK;
    }
    eg_fragments_drain(x->fragments);
    eg_sequences_drain(x->sequences, &out->tally);
    eg_book_drain(x->book, &out->tally);
    if (x->ahead) eg_book_credit(x->book, x->ahead);
    eg_book_look_ahead(x->book, false, NULL);
    eg_book_input_ends(x->book);
    return EG_OK;
}

static enum eg_status exports_finish(struct eg_extract_unit *u, struct eg_out *out,
                                     struct eg_error *err) {
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i < u->work_count && status >= 0; i++) {
        const struct work *w = &u->work[i];
        struct eg_sequence_note note = {0};
        struct decoders *with = w->ahead ? &u->ahead : &u->decoders;
        if (!with->count) status = decoders_open(with, u->x, u->x->ahead, err);
        if (status >= 0)
            with->types[w->decoder]->decode(with->open[w->decoder], &w->datagram, out, &note);
    }
    unit_free(u);
    return status;
}

/* ---- opening and closing ---- */

static void exports_close(struct eg_extract *x) {
    decoders_close(&x->decoders);
    for (uint32_t i = 0; i < x->probes.count; i++) {
        if (x->options[i]) eg_options_reset(x->probes.types[i]->options, x->options[i]);
        eg_free(x->options[i]);
    }
    eg_exporters_reset(&x->known);
    eg_book_free(x->ahead);
    eg_book_free(x->own_book);
    eg_fragments_free(x->fragments);
    eg_sequences_free(x->sequences);
    eg_free(x);
}

/* The decoders' options, as preset. */
static enum eg_status preset_options(struct eg_extract *x, struct eg_error *err) {
    for (uint32_t k = 0; k < x->probes.count; k++) {
        const struct eg_decoder_type *type = x->probes.types[k];
        if (!type->options_size) continue;
        x->options[k] = eg_calloc(1, type->options_size);
        if (!x->options[k])
            return eg_fail(err, EG_E_NOMEM, "no memory for options of %s", type->name);
        EG_TRY(eg_options_preset(type->options, x->options[k], err));
    }
    return EG_OK;
}

static enum eg_status exports_open(const struct eg_env *env,
                                   const struct eg_extract_options *options,
                                   struct eg_extract **out, struct eg_error *err) {
    struct eg_extract *x = eg_calloc(1, sizeof *x);
    if (!x) return eg_fail(err, EG_E_NOMEM, "no memory to look for exports");
    x->env = env;
    x->probes = eg_probes_all();
    for (uint32_t i = 0; i < options->netflow_port_count; i++)
        x->ports[options->netflow_ports[i] >> 6] |= UINT64_C(1) << (options->netflow_ports[i] & 63);
    x->book = options->book;
    x->as = *options;
    if (!x->book && eg_book_new(&x->own_book, err) == EG_OK) x->book = x->own_book;
    x->surveys = x->book && eg_book_surveys(x->book);
    x->fragments = eg_fragments_new(fragments_lost, x);
    x->sequences = eg_sequences_new();
    enum eg_status status = x->fragments && x->sequences && x->book
                                ? preset_options(x, err)
                                : eg_fail(err, EG_E_NOMEM, "no memory to look for exports");
    if (status >= 0) status = decoders_open(&x->decoders, x, x->book, err);
    if (status < 0) {
        exports_close(x);
        return status;
    }
    *out = x;
    return EG_OK;
}

static enum eg_status exports_begin(struct eg_extract *x, uint64_t unit,
                                    struct eg_extract_unit **out, struct eg_error *err) {
    (void)unit;
    struct eg_extract_unit *u = eg_calloc(1, sizeof *u);
    if (!u) return eg_fail(err, EG_E_NOMEM, "no memory to look for exports");
    u->x = x;
    enum eg_status status = decoders_open(&u->decoders, x, x->book, err);
    if (status < 0) {
        eg_free(u);
        return status;
    }
    *out = u;
    return EG_OK;
}

const struct eg_extract_type eg_extract_exports = {
    .abi = EG_STAGE_ABI,
    .name = "exports",
    .help = "flow exports (NetFlow, sFlow) inside captures, as flows",
    .table = EG_TABLE_FLOWS,
    .also = EG_TABLE_COUNTERS,
    .position = "flows",
    .ticks = true,
    .open = exports_open,
    .begin = exports_begin,
    .feed = exports_feed,
    .join = exports_join,
    .finish = exports_finish,
    .close = exports_close,
};
