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
#include "wire/dissect.h"
#include "wire/exporters.h"
#include "wire/fragments.h"
#include "wire/sequence.h"

#include <string.h>

#define DECODERS_MAX 16
#define DEFERRED_MAX 65536 /* in a unit; beyond, suspect_overflow */
#define NONE UINT32_MAX

enum { UDP = 17, UDP_HEADER = 8, HEADER_MIN = 16 /* of the protocols: IPFIX has the shortest */ };

/* ---- the extract and its units ---- */

struct decoders {
    const struct eg_decoder_type *types[DECODERS_MAX];
    struct eg_decoder *open[DECODERS_MAX];
    uint32_t count; /* of those that are open */
};

struct eg_extract {
    const struct eg_env *env;
    const struct eg_decoder_type *types[DECODERS_MAX];
    void *options[DECODERS_MAX];
    uint32_t type_count;
    uint64_t ports[65536 / 64]; /* that are known to carry exports */
    struct eg_book *book;
    struct eg_book *own_book; /* the same, where nobody gave one */
    /* the rest belongs to join() */
    struct decoders decoders;
    struct eg_exporters known;
    struct eg_fragments *fragments;
    struct eg_sequences *sequences;
    struct eg_tally *tally; /* of the join that is going on */
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
};

struct noted_run {
    struct eg_sequence_run run;
    uint64_t at;    /* its first datagram */
    uint64_t epoch; /* how many rows had been deferred before it */
};

struct eg_extract_unit {
    struct eg_extract *x;
    struct decoders decoders;
    uint64_t rows; /* seen so far */
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
                                    struct eg_error *err) {
    for (d->count = 0; d->count < x->type_count; d->count++) {
        uint32_t i = d->count;
        d->types[i] = x->types[i];
        enum eg_status status = x->types[i]->open(x->env, x->options[i], x->book, &d->open[i], err);
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

static enum eg_probe probe(const struct eg_extract *x, const struct eg_datagram *d,
                           uint32_t *decoder) {
    enum eg_probe best = EG_PROBE_NO;
    for (uint32_t i = 0; i < x->type_count && best != EG_PROBE_YES; i++) {
        enum eg_probe answer = x->types[i]->probe(d);
        if (answer <= best) continue;
        best = answer;
        *decoder = i;
    }
    return best;
}

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
    struct eg_sequence_run run = eg_sequence_run_of(d, note);
    if (u->stream_count * 2 >= u->stream_slots && !streams_grow(u)) goto no_memory;
    uint32_t slot = stream_slot(u, &run), latest = u->streams[slot];
    if (latest != NONE && u->runs[latest].epoch == u->epoch &&
        eg_sequence_run_extend(&u->runs[latest].run, note))
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
    enum eg_probe answer = probe(u->x, d, &i);
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
    struct eg_sequence_note note = {0};
    u->decoders.types[i]->decode(u->decoders.open[i], d, out, &note);
    note_sequence(u, d, &note, &out->tally);
    out->datagrams++;
    return true;
}

/* Most frames are told at a glance: Ethernet, IPv4, and then TCP or ICMP. */
static bool may_hold_udp(uint32_t link_type, struct eg_span frame) {
    enum { ICMP = 1, TCP = 6 };
    if (link_type != EG_LINK_ETHERNET || eg_be16(frame, 12) != 0x0800) return true;
    uint8_t proto = eg_u8(frame, 23);
    return proto != TCP && proto != ICMP;
}

static bool take_frame(struct eg_extract_unit *u, struct eg_batch *raw, uint32_t link_type,
                       struct eg_span frame, uint32_t length, int64_t time_us, struct eg_out *out) {
    if (!may_hold_udp(link_type, frame)) return false;
    struct eg_layers layers;
    eg_dissect(link_type, frame, length, &layers);
    if (layers.fragment) {
        if (layers.piece_proto != UDP) return false;
        struct deferred piece = {.kind = FRAGMENT};
        piece.fragment = (struct eg_fragment){layers.src,
                                              layers.dst,
                                              layers.ip_id,
                                              UDP,
                                              layers.more_fragments,
                                              layers.fragment_offset,
                                              layers.piece_length,
                                              layers.piece,
                                              time_us};
        defer(u, raw, &piece, &out->tally);
        return false;
    }
    if (layers.proto != UDP || !(layers.has & EG_HAS_PORTS)) return false;
    /* Cut before the UDP length: whatever it was, it was not captured. */
    bool cut = !(layers.has & EG_HAS_PAYLOAD) && (layers.remarks & EG_REMARK_FRAME_CUT);
    if (cut) layers.datagram_length = HEADER_MIN;
    struct eg_datagram d = {layers.payload,  layers.datagram_length, time_us, layers.src,
                            layers.src_port, layers.dst_port,        UDP,     0};
    return take_datagram(u, raw, &d, port_known(u->x, d.local_port), out);
}

static int64_t time_of(const struct eg_batch *raw, uint32_t row) {
    if (!eg_batch_valid(raw, EG_COL(RAW, time_ns), row)) return INT64_MIN;
    int64_t ns = eg_col_i64(&raw->columns[EG_COL(RAW, time_ns)])[row];
    return ns / 1000 - (ns % 1000 < 0);
}

static uint16_t port_of(const struct eg_batch *raw, uint32_t col, uint32_t row) {
    return eg_batch_valid(raw, col, row) ? (uint16_t)eg_col_int(&raw->columns[col], row) : 0;
}

static bool take_row(struct eg_extract_unit *u, struct eg_batch *raw, uint32_t row,
                     struct eg_out *out) {
    if (!eg_batch_valid(raw, EG_COL(RAW, payload), row)) return false;
    struct eg_span bytes = eg_col_view(&raw->columns[EG_COL(RAW, payload)])[row];
    uint32_t length = (uint32_t)bytes.size;
    if (eg_batch_valid(raw, EG_COL(RAW, length), row)) {
        int64_t wire = eg_col_i64(&raw->columns[EG_COL(RAW, length)])[row];
        if (wire > length && wire <= UINT32_MAX) length = (uint32_t)wire;
    }
    if (eg_batch_valid(raw, EG_COL(RAW, link_type), row)) {
        uint32_t link_type = (uint32_t)eg_col_i32(&raw->columns[EG_COL(RAW, link_type)])[row];
        return take_frame(u, raw, link_type, bytes, length, time_of(raw, row), out);
    }
    if (!eg_batch_valid(raw, EG_COL(RAW, peer), row)) return false;
    struct eg_datagram d = {bytes,
                            length,
                            time_of(raw, row),
                            eg_col_addr(&raw->columns[EG_COL(RAW, peer)])[row],
                            port_of(raw, EG_COL(RAW, peer_port), row),
                            port_of(raw, EG_COL(RAW, local_port), row),
                            UDP,
                            0};
    if (eg_batch_valid(raw, EG_COL(RAW, transport), row))
        d.transport = (uint8_t)eg_col_int(&raw->columns[EG_COL(RAW, transport)], row);
    return take_datagram(u, raw, &d, true, out); /* received where exports are expected */
}

static enum eg_status exports_feed(struct eg_extract_unit *u, struct eg_batch *raw,
                                   uint64_t *claimed, struct eg_out *out, struct eg_error *err) {
    (void)err;
    for (uint32_t row = 0; row < raw->rows; row++, u->rows++)
        if (take_row(u, raw, row, out) && claimed) claimed[row >> 6] |= UINT64_C(1) << (row & 63);
    return EG_OK;
}

/* ---- joining ---- */

static void work_add(struct eg_extract_unit *u, uint32_t decoder, const struct eg_datagram *d,
                     void *memory, struct eg_tally *tally) {
    if (!reserve((void **)&u->work, u->work_count, &u->work_room, sizeof *u->work)) {
        struct eg_blame blame = {"export", &d->exporter, -1};
        eg_tally_add(tally, EG_CAUSE_no_memory, &blame, d->time_us, 1, 1, d->length);
        eg_free(memory);
        return;
    }
    u->work[u->work_count++] = (struct work){*d, decoder, memory};
}

/* What had to wait for what was learned just now. */
static void work_release(struct eg_extract *x, struct eg_extract_unit *u, struct eg_tally *tally) {
    struct eg_released piece;
    while (eg_book_release(x->book, &piece)) {
        uint32_t i = 0;
        while (i < x->type_count && strcmp(x->types[i]->name, piece.source) != 0) i++;
        EG_ASSERT(i < x->type_count);
        work_add(u, i, &piece.datagram, piece.memory, tally);
    }
}

/* Takes what others depend on, and the numbers; decoding follows in finish(), or here where nothing
 * depends on it. `memory` holds the payload where no batch of the unit does. */
static void settle_export(struct eg_extract *x, struct eg_extract_unit *u, uint32_t decoder,
                          struct eg_datagram *d, void *memory, struct eg_out *out) {
    struct eg_sequence_note note = {0};
    d->at = eg_book_next(x->book);
    if (learns(x->types[decoder])) {
        x->types[decoder]->learn(x->decoders.open[decoder], d, &note, &out->tally);
        work_add(u, decoder, d, memory, &out->tally);
        work_release(x, u, &out->tally);
    } else {
        x->types[decoder]->decode(x->decoders.open[decoder], d, out, &note);
        eg_free(memory);
    }
    out->datagrams++;
    if (!note.present) return;
    struct eg_sequence_run run = eg_sequence_run_of(d, &note);
    eg_sequences_feed(x->sequences, &run, &out->tally);
}

/* As take_datagram, with all that came before known. Takes `memory`. */
static void settle_datagram(struct eg_extract *x, struct eg_extract_unit *u, struct eg_datagram *d,
                            void *memory, struct eg_out *out) {
    bool on_port = port_known(x, d->local_port);
    bool certain = on_port || eg_exporters_has(&x->known, &d->exporter, d->exporter_port);
    uint32_t i = 0;
    enum eg_probe answer = probe(x, d, &i);
    if (answer == EG_PROBE_NO && on_port) count_unknown(d, &out->tally);
    if (answer == EG_PROBE_MAYBE && !certain && x->known.short_of_memory) {
        struct eg_blame blame = {"export", &d->exporter, -1};
        eg_tally_add(&out->tally, EG_CAUSE_no_memory, &blame, d->time_us, 1, 1, d->length);
    }
    if (answer == EG_PROBE_NO || (answer == EG_PROBE_MAYBE && !certain)) {
        eg_free(memory);
        return;
    }
    if (answer == EG_PROBE_YES) eg_exporters_add(&x->known, &d->exporter, d->exporter_port, 0);
    settle_export(x, u, i, d, memory, out);
}

static void settle_fragment(struct eg_extract *x, struct eg_extract_unit *u,
                            const struct eg_fragment *piece, struct eg_out *out) {
    struct eg_span whole;
    if (!eg_fragments_add(x->fragments, piece, &whole) || whole.size < UDP_HEADER) return;
    uint32_t length = eg_be16(whole, 4);
    if (length < UDP_HEADER || length > whole.size) return;
    void *memory = eg_malloc(length); /* it is decoded when the fragments have moved on */
    if (!memory) {
        out->tally.lost++;
        return;
    }
    eg_span_copy(whole, 0, memory, length);
    struct eg_datagram d = {eg_span(memory, length),
                            length - UDP_HEADER,
                            piece->time_us,
                            piece->src,
                            eg_be16(whole, 0),
                            eg_be16(whole, 2),
                            UDP,
                            0};
    d.payload = eg_span_sub(d.payload, UDP_HEADER, length - UDP_HEADER);
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
        if (item) settle_item(x, u, item, out);
    }
}

static enum eg_status exports_join(struct eg_extract *x, struct eg_extract_unit *u,
                                   struct eg_out *out, struct eg_error *err) {
    (void)err;
    x->tally = &out->tally;
    if (u) {
        eg_book_enter(x->book, &u->stay);
        unit_settle(x, u, out);
        return EG_OK;
    }
    eg_fragments_drain(x->fragments);
    eg_sequences_drain(x->sequences, &out->tally);
    eg_book_drain(x->book, &out->tally);
    return EG_OK;
}

static enum eg_status exports_finish(struct eg_extract_unit *u, struct eg_out *out,
                                     struct eg_error *err) {
    (void)err;
    for (uint32_t i = 0; i < u->work_count; i++) {
        const struct work *w = &u->work[i];
        struct eg_sequence_note note = {0};
        u->decoders.types[w->decoder]->decode(u->decoders.open[w->decoder], &w->datagram, out,
                                              &note);
    }
    unit_free(u);
    return EG_OK;
}

/* ---- opening and closing ---- */

static void exports_close(struct eg_extract *x) {
    decoders_close(&x->decoders);
    for (uint32_t i = 0; i < x->type_count; i++) {
        if (x->options[i]) eg_options_reset(x->types[i]->options, x->options[i]);
        eg_free(x->options[i]);
    }
    eg_exporters_reset(&x->known);
    eg_book_free(x->own_book);
    eg_fragments_free(x->fragments);
    eg_sequences_free(x->sequences);
    eg_free(x);
}

/* The decoders of the registry, with their options as preset. */
static enum eg_status find_types(struct eg_extract *x, struct eg_error *err) {
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count; i++) {
        if (stages[i].kind != EG_STAGE_decoder || !stages[i].type) continue;
        EG_ASSERT(x->type_count < DECODERS_MAX);
        const struct eg_decoder_type *type = stages[i].type;
        uint32_t k = x->type_count++;
        x->types[k] = type;
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
    for (uint32_t i = 0; i < options->netflow_port_count; i++)
        x->ports[options->netflow_ports[i] >> 6] |= UINT64_C(1) << (options->netflow_ports[i] & 63);
    x->book = options->book;
    if (!x->book && eg_book_new(&x->own_book, err) == EG_OK) x->book = x->own_book;
    x->fragments = eg_fragments_new(fragments_lost, x);
    x->sequences = eg_sequences_new();
    enum eg_status status = x->fragments && x->sequences && x->book
                                ? find_types(x, err)
                                : eg_fail(err, EG_E_NOMEM, "no memory to look for exports");
    if (status >= 0) status = decoders_open(&x->decoders, x, err);
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
    enum eg_status status = decoders_open(&u->decoders, x, err);
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
    .open = exports_open,
    .begin = exports_begin,
    .feed = exports_feed,
    .join = exports_join,
    .finish = exports_finish,
    .close = exports_close,
};
