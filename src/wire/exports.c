/* SPDX-License-Identifier: Apache-2.0
 * The extract that finds flow exports: raw rows in, rows of `flows` out of whichever decoder knows
 * the datagram. docs/internals/exports.md is the page about it.
 *
 * A unit decodes what it can judge alone; what depends on earlier input (fragments, and datagrams
 * that only might be exports) waits for join(), where units meet in the order of the input. */
#include "base/alloc.h"
#include "base/hash.h"
#include "table/stage.h"
#include "wire/dissect.h"
#include "wire/fragments.h"
#include "wire/sequence.h"

#include <string.h>

#define DECODERS_MAX 16
#define DEFERRED_MAX 65536 /* in a unit; beyond, suspect_overflow */
#define KNOWN_MAX 65536    /* exporters that are recognised */
#define NONE UINT32_MAX

enum { UDP = 17, UDP_HEADER = 8, HEADER_MIN = 16 /* of the protocols: IPFIX has the shortest */ };

/* ---- exporters that are recognised: address and port, and where that was first so ---- */

struct known_exporter {
    struct eg_addr address;
    uint16_t port;
    uint64_t at; /* the row of the unit */
};

struct known {
    struct known_exporter *items; /* by `at` */
    uint32_t count, room;
    uint32_t *slots;
    uint32_t slot_count;
    bool short_of_memory; /* some exporter is not in it that should be */
};

static uint32_t known_slot(const struct known *k, const struct eg_addr *address, uint16_t port) {
    uint64_t hash = eg_hash64(address, sizeof *address, port);
    uint32_t mask = k->slot_count - 1, slot = (uint32_t)(hash ^ hash >> 32) & mask;
    for (; k->slots[slot] != NONE; slot = (slot + 1) & mask) {
        const struct known_exporter *item = &k->items[k->slots[slot]];
        if (item->port == port && memcmp(&item->address, address, sizeof *address) == 0) break;
    }
    return slot;
}

static bool known_has(const struct known *k, const struct eg_addr *address, uint16_t port) {
    return k->count && k->slots[known_slot(k, address, port)] != NONE;
}

static bool known_grow(struct known *k) {
    uint32_t room = k->room ? k->room * 2 : 16;
    struct known_exporter *items = eg_realloc(k->items, room, sizeof *items);
    if (!items) return false;
    k->items = items;
    uint32_t *slots = eg_malloc((size_t)room * 2 * sizeof *slots);
    if (!slots) return false;
    eg_free(k->slots);
    k->slots = slots;
    k->slot_count = room * 2;
    k->room = room;
    memset(slots, 0xff, (size_t)k->slot_count * sizeof *slots);
    for (uint32_t i = 0; i < k->count; i++)
        slots[known_slot(k, &items[i].address, items[i].port)] = i;
    return true;
}

/* Without room the exporter stays unknown: only what is certain is decoded of it, and what would
 * have been decoded otherwise is counted. */
static void known_add(struct known *k, const struct eg_addr *address, uint16_t port, uint64_t at) {
    if (known_has(k, address, port) || k->count == KNOWN_MAX) return;
    if (k->count == k->room && !known_grow(k)) {
        k->short_of_memory = true;
        return;
    }
    k->slots[known_slot(k, address, port)] = k->count;
    k->items[k->count++] = (struct known_exporter){*address, port, at};
}

static void known_reset(struct known *k) {
    eg_free(k->items);
    eg_free(k->slots);
    *k = (struct known){0};
}

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
    /* the rest belongs to join() */
    struct decoders decoders;
    struct known known;
    struct eg_fragments *fragments;
    struct eg_sequences *sequences;
    struct eg_tally *tally; /* of the join that is going on */
};

/* What waits for join(): a fragment, or a whole datagram that may be an export. */
struct deferred {
    uint64_t at;
    bool is_fragment;
    struct eg_fragment fragment;
    struct eg_datagram suspect;
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
    struct known known;
    struct deferred *deferred;
    uint32_t deferred_count, deferred_room;
    uint64_t epoch;
    struct eg_batch **kept; /* that deferred rows point into */
    uint32_t kept_count, kept_room;
    struct noted_run *runs;
    uint32_t run_count, run_room;
    uint32_t *streams; /* open addressing: a stream's latest run */
    uint32_t stream_slots, stream_count;
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
        enum eg_status status = x->types[i]->open(x->env, x->options[i], &d->open[i], err);
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
        if (run->domain == key->domain && run->source == key->source &&
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
    const struct eg_addr *who = what->is_fragment ? &what->fragment.src : &what->suspect.exporter;
    struct eg_blame blame = {"export", who, -1};
    int64_t time_us = what->is_fragment ? what->fragment.time_us : what->suspect.time_us;
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
        struct deferred suspect = {.suspect = *d};
        defer(u, raw, &suspect, &out->tally);
        return false;
    }
    if (answer == EG_PROBE_YES) known_add(&u->known, &d->exporter, d->exporter_port, u->rows);
    struct eg_sequence_note note = {0};
    u->decoders.types[i]->decode(u->decoders.open[i], d, out, &note);
    note_sequence(u, d, &note, &out->tally);
    out->datagrams++;
    return true;
}

/* Most frames are told at a glance: Ethernet, IPv4, and then something else than UDP. */
static bool may_hold_udp(uint32_t link_type, struct eg_span frame) {
    return link_type != EG_LINK_ETHERNET || eg_be16(frame, 12) != 0x0800 || eg_u8(frame, 23) == UDP;
}

static bool take_frame(struct eg_extract_unit *u, struct eg_batch *raw, uint32_t link_type,
                       struct eg_span frame, uint32_t length, int64_t time_us, struct eg_out *out) {
    if (!may_hold_udp(link_type, frame)) return false;
    struct eg_layers layers;
    eg_dissect(link_type, frame, length, &layers);
    if (layers.fragment) {
        if (layers.piece_proto != UDP) return false;
        struct deferred piece = {.is_fragment = true};
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
    struct eg_datagram d = {layers.payload, layers.datagram_length, time_us,
                            layers.src,     layers.src_port,        layers.dst_port};
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
                            port_of(raw, EG_COL(RAW, local_port), row)};
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

/* As take_datagram, with all that came before known. */
static void settle_datagram(struct eg_extract *x, const struct eg_datagram *d, struct eg_out *out) {
    bool on_port = port_known(x, d->local_port);
    bool certain = on_port || known_has(&x->known, &d->exporter, d->exporter_port);
    uint32_t i = 0;
    enum eg_probe answer = probe(x, d, &i);
    if (answer == EG_PROBE_NO && on_port) count_unknown(d, &out->tally);
    if (answer == EG_PROBE_MAYBE && !certain && x->known.short_of_memory) {
        struct eg_blame blame = {"export", &d->exporter, -1};
        eg_tally_add(&out->tally, EG_CAUSE_no_memory, &blame, d->time_us, 1, 1, d->length);
    }
    if (answer == EG_PROBE_NO || (answer == EG_PROBE_MAYBE && !certain)) return;
    if (answer == EG_PROBE_YES) known_add(&x->known, &d->exporter, d->exporter_port, 0);
    struct eg_sequence_note note = {0};
    x->decoders.types[i]->decode(x->decoders.open[i], d, out, &note);
    out->datagrams++;
    if (!note.present) return;
    struct eg_sequence_run run = eg_sequence_run_of(d, &note);
    eg_sequences_feed(x->sequences, &run, &out->tally);
}

static void settle_fragment(struct eg_extract *x, const struct eg_fragment *piece,
                            struct eg_out *out) {
    struct eg_span whole;
    if (!eg_fragments_add(x->fragments, piece, &whole) || whole.size < UDP_HEADER) return;
    uint32_t length = eg_be16(whole, 4);
    if (length < UDP_HEADER || length > whole.size) return;
    struct eg_datagram d = {eg_span_sub(whole, UDP_HEADER, length - UDP_HEADER),
                            length - UDP_HEADER,
                            piece->time_us,
                            piece->src,
                            eg_be16(whole, 0),
                            eg_be16(whole, 2)};
    settle_datagram(x, &d, out);
}

/* Other traffic's fragments are no loss of ours; without memory nobody can tell them apart. */
static bool fragments_ours(const struct eg_extract *x, const struct eg_fragments_lost *lost) {
    if (lost->cause == EG_CAUSE_no_memory) return true;
    return lost->head.size >= UDP_HEADER &&
           (port_known(x, eg_be16(lost->head, 2)) ||
            known_has(&x->known, &lost->src, eg_be16(lost->head, 0)));
}

static void fragments_lost(void *to, const struct eg_fragments_lost *lost) {
    struct eg_extract *x = to;
    if (!fragments_ours(x, lost)) return;
    struct eg_blame blame = {"export", &lost->src, -1};
    eg_tally_add(x->tally, lost->cause, &blame, lost->time_us, 1, lost->pieces, lost->bytes);
}

static void unit_free(struct eg_extract_unit *u) {
    decoders_close(&u->decoders);
    known_reset(&u->known);
    for (uint32_t i = 0; i < u->kept_count; i++) eg_batch_unref(u->kept[i]);
    eg_free(u->kept);
    eg_free(u->deferred);
    eg_free(u->runs);
    eg_free(u->streams);
    eg_free(u);
}

static enum eg_status exports_join(struct eg_extract *x, struct eg_extract_unit *u,
                                   struct eg_out *out, struct eg_error *err) {
    (void)err;
    x->tally = &out->tally;
    if (u && u->known.short_of_memory) x->known.short_of_memory = true;
    if (!u) {
        eg_fragments_drain(x->fragments);
        eg_sequences_drain(x->sequences, &out->tally);
        return EG_OK;
    }
    uint32_t run = 0, exporter = 0;
    for (uint32_t i = 0; i <= u->deferred_count; i++) {
        const struct deferred *item = i < u->deferred_count ? &u->deferred[i] : NULL;
        uint64_t until = item ? item->at : UINT64_MAX;
        for (; exporter < u->known.count && u->known.items[exporter].at < until; exporter++)
            known_add(&x->known, &u->known.items[exporter].address, u->known.items[exporter].port,
                      0);
        for (; run < u->run_count && u->runs[run].at < until; run++)
            eg_sequences_feed(x->sequences, &u->runs[run].run, &out->tally);
        if (item && item->is_fragment)
            settle_fragment(x, &item->fragment, out);
        else if (item)
            settle_datagram(x, &item->suspect, out);
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
    known_reset(&x->known);
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
    x->fragments = eg_fragments_new(fragments_lost, x);
    x->sequences = eg_sequences_new();
    enum eg_status status = x->fragments && x->sequences
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
    .help = "flow exports (NetFlow) inside captures, as flows",
    .table = EG_TABLE_FLOWS,
    .open = exports_open,
    .begin = exports_begin,
    .feed = exports_feed,
    .join = exports_join,
    .close = exports_close,
};
