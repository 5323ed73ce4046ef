/* SPDX-License-Identifier: Apache-2.0
 * The `file` source: captures in files and on standard input (pcap and pcapng, plain or compressed),
 * and files of IPFIX messages (RFC 5655), as raw batches. A plain pcap file is read in units (units.h), everything else as a stream
 * (stream.h). docs/internals/reading.md is the page to read with it. */
#include "base/alloc.h"
#include "source/identity.h"
#include "source/stream.h"
#include "source/units.h"

#include <stdio.h>
#include <string.h>

#define DIGEST_CHUNK (1u << 20)
#define NG_KNOWN_LEAST EG_KEY_BYTES /* shorter ones are a section header and an interface */

struct file_options {
    char nothing; /* there are none; a struct has a member */
};

static const struct eg_option file_options[] = {EG_OPTION_END};

struct eg_source {
    const struct eg_env *env;
    struct eg_input input;
    struct eg_stream *stream; /* NULL once units are read */
    struct eg_units *units;   /* NULL: it is read as a stream */
    uint8_t head[EG_KEY_BYTES];
    size_t head_size;
    char warning[1400];
    /* of what is known of it: its end, and what was counted as cut behind it and is not any more */
    bool known_cut;
    uint64_t known_end, known_cut_bytes;
    int64_t known_cut_us;
    /* for position(), of units: the digest of everything before `hashed` */
    struct eg_hasher *hasher;
    uint64_t hashed;
};

static enum eg_status file_open(const struct eg_env *env, const char *uri, const void *options,
                                struct eg_source **out, struct eg_error *err) {
    (void)options;
    struct eg_source *source = eg_calloc(1, sizeof *source);
    if (!source) return eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", uri);
    source->env = env;
    enum eg_status status = eg_input_open(&source->input, env, uri, err);
    if (status == EG_OK) status = eg_stream_new(&source->stream, &source->input, err);
    if (status < 0) {
        eg_input_reset(&source->input);
        eg_free(source);
        return status;
    }
    struct eg_span head = eg_span_sub(eg_stream_head(source->stream), 0, sizeof source->head);
    memcpy(source->head, head.at, head.size);
    source->head_size = head.size;
    *out = source;
    return EG_OK;
}

static void file_close(struct eg_source *source) {
    eg_units_free(source->units);
    eg_stream_free(source->stream);
    eg_input_reset(&source->input);
    eg_hasher_free(source->hasher);
    eg_free(source);
}

/* ---- plan ---- */

static struct eg_span source_head(const struct eg_source *source) {
    return eg_span(source->head, source->head_size);
}

/* Whether a whole record follows what is known. */
static bool record_follows(const struct eg_source *source, const struct eg_identity *identity) {
    if (identity->followed) return true;
    struct eg_span rest = eg_span(identity->rest, identity->rest_size);
    if (eg_stream_format(source->stream) == EG_CAPTURE_PCAPNG)
        return eg_pcapng_block_follows(rest, rest.size == EG_IDENTITY_REST);
    struct eg_frame frame;
    struct eg_record_note note;
    if (eg_stream_format(source->stream) == EG_CAPTURE_IPFIX)
        return eg_message_file_next(rest, &frame, &note) == EG_RECORD_FRAME;
    return eg_pcap_record(eg_stream_pcap(source->stream), rest, &frame, &note, NULL) ==
           EG_RECORD_FRAME;
}

static enum eg_status known_find(struct eg_source *source, const struct eg_position *known,
                                 size_t known_count, struct eg_plan *plan, struct eg_error *err) {
    static const uint64_t least[] = {[EG_CAPTURE_PCAP] = EG_PCAP_HEAD + 1,
                                     [EG_CAPTURE_PCAPNG] = NG_KNOWN_LEAST,
                                     [EG_CAPTURE_IPFIX] = 1};
    EG_TRY(eg_input_rewind(&source->input, err));
    struct eg_identity identity;
    enum eg_status status =
        eg_identity_find(&identity, &source->input, source_head(source),
                         least[eg_stream_format(source->stream)], known, known_count, err);
    if (status == EG_OK) {
        plan->state = identity.state;
        if (plan->state == EG_PLAN_GROWN) {
            plan->resume_offset = identity.offset;
            memcpy(plan->digest, identity.like->digest, sizeof plan->digest);
            if (!record_follows(source, &identity)) {
                plan->state = EG_PLAN_KNOWN;
                plan->rest = identity.rest_size > 0;
            }
            source->known_end = identity.offset;
            source->known_cut = identity.like->cut;
            source->known_cut_bytes = identity.like->cut_bytes;
            source->known_cut_us = identity.like->cut_us;
        } else if (plan->state == EG_PLAN_CHANGED) {
            snprintf(source->warning, sizeof source->warning,
                     "%.300s begins like %.300s, which is known, but differs from it before byte "
                     "%llu: it is read as a new capture",
                     source->input.name, identity.like->name, (unsigned long long)identity.offset);
            plan->warning = source->warning;
        }
    }
    eg_identity_reset(&identity);
    return status;
}

static enum eg_status file_plan(struct eg_source *source, const struct eg_position *known,
                                size_t known_count, struct eg_plan *out, struct eg_error *err) {
    struct eg_plan plan = {
        .state = EG_PLAN_NEW, .units = EG_UNITS_STREAM, .bytes = source->input.size};
    if (source->input.identified) {
        eg_identity_key(plan.key, source_head(source), UINT64_MAX);
        EG_TRY(eg_identity_lock(plan.lock, &source->input, source_head(source), err));
        if (known_count) EG_TRY(known_find(source, known, known_count, &plan, err));
    }
    bool units = source->input.regular && source->input.packing == EG_PACKING_NONE &&
                 eg_stream_format(source->stream) == EG_CAPTURE_PCAP;
    if (units) {
        EG_TRY(eg_units_new(&source->units, &source->input, eg_stream_pcap(source->stream),
                            plan.resume_offset, err));
        plan.units = eg_units_count(source->units);
        eg_stream_free(source->stream);
        source->stream = NULL;
    } else {
        EG_TRY(eg_stream_start(source->stream, plan.resume_offset, err));
        plan.bytes_read = &source->input.stored_read;
    }
    *out = plan;
    return EG_OK;
}

/* ---- reading ---- */

/* With the first new batch of a capture that was cut where it goes on now: it was none, after all. */
static void cut_heal(struct eg_source *source, const struct eg_batch *batch,
                     struct eg_tally *tally) {
    const uint32_t col = EG_COL(RAW, offset);
    if (!source->known_cut || !eg_batch_valid(batch, col, 0)) return;
    uint64_t offset = (uint64_t)eg_col_i64(&batch->columns[col])[0];
    if (source->units ? offset != source->known_end : offset < source->known_end) return;
    eg_tally_add(tally, EG_CAUSE_capture_cut, NULL, source->known_cut_us, -1, -1,
                 -(int64_t)source->known_cut_bytes);
    if (!source->units) source->known_cut = false; /* of units only one begins there */
}

static enum eg_status file_next(struct eg_source *source, uint64_t unit, struct eg_batch **out,
                                struct eg_tally *tally, struct eg_error *err) {
    enum eg_status status = source->units ? eg_units_next(source->units, unit, out, tally, err)
                                          : eg_stream_next(source->stream, out, tally, err);
    if (status != EG_OK) return status;
    (*out)->unit = unit;
    cut_heal(source, *out, tally);
    return EG_OK;
}

/* ---- position ---- */

/* Hashes the file from where the last call ended up to `offset`. */
static enum eg_status digest_reach(struct eg_source *source, uint64_t offset,
                                   struct eg_error *err) {
    if (!source->hasher) source->hasher = eg_hasher_new();
    uint8_t *chunk = eg_malloc(DIGEST_CHUNK);
    enum eg_status status = EG_OK;
    if (!source->hasher || !chunk)
        status = eg_fail(err, EG_E_NOMEM, "no memory to read %s", source->input.name);
    while (status == EG_OK && source->hashed < offset) {
        uint64_t want = offset - source->hashed;
        size_t got;
        status = eg_input_pread(&source->input, chunk, want < DIGEST_CHUNK ? want : DIGEST_CHUNK,
                                source->hashed, &got, err);
        if (status == EG_OK && got == 0)
            status =
                eg_fail(err, EG_E_IO, "%s became shorter while it was read", source->input.name);
        if (status == EG_OK) eg_hasher_add(source->hasher, chunk, got);
        source->hashed += got;
    }
    eg_free(chunk);
    return status;
}

static enum eg_status file_position(struct eg_source *source, uint64_t last,
                                    struct eg_position *out, struct eg_error *err) {
    struct eg_position position = {.offset = 0};
    struct eg_digest digest;
    if (source->units) {
        EG_TRY(eg_units_end(source->units, last, &position.offset, err));
        EG_TRY(digest_reach(source, position.offset, err));
        digest = eg_hasher_digest(source->hasher);
        /* not where reading stopped before it */
        position.cut = eg_units_cut(source->units, &position.cut_bytes, &position.cut_us) &&
                       position.offset + position.cut_bytes == source->input.size;
    } else {
        eg_stream_end(source->stream, &position.offset, &digest);
        position.cut = eg_stream_cut(source->stream, &position.cut_bytes, &position.cut_us);
    }
    if (source->input.identified) {
        eg_identity_key(position.key, source_head(source), position.offset);
        eg_digest_text(digest, position.digest);
    }
    snprintf(position.name, sizeof position.name, "%s", source->input.name);
    *out = position;
    return EG_OK;
}

const struct eg_source_type eg_source_file = {
    .abi = EG_STAGE_ABI,
    .name = "file",
    .help = "captures (pcap, pcapng) and files of IPFIX messages, plain or compressed, or standard "
            "input",
    .options = file_options,
    .options_size = sizeof(struct file_options),
    .open = file_open,
    .plan = file_plan,
    .next = file_next,
    .position = file_position,
    .commit = eg_source_commit_nop,
    .close = file_close,
};
