/* SPDX-License-Identifier: Apache-2.0
 * The `file` source: captures in files and on standard input (pcap, pcapng and Hadoop sequence files,
 * plain or compressed), and files of IPFIX messages (RFC 5655), as raw batches. A plain pcap file is read in units (units.h), everything else as a stream
 * (stream.h). docs/internals/reading.md is the page to read with it. */
#include "source/file.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "source/identity.h"
#include "source/stream.h"
#include "source/units.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
    char known_digest[33]; /* of what stands before known_end */
    char lock[40];
    struct eg_file_tee tee; /* NULL functions: nobody keeps it */
    pthread_mutex_t lock_counts;
    uint64_t packets; /* (lock_counts) given out so far, with these times */
    int64_t first_us, last_us;
};

static enum eg_status file_open(const struct eg_env *env, const char *uri, const void *options,
                                struct eg_source **out, struct eg_error *err) {
    (void)options;
    struct eg_source *source = eg_calloc(1, sizeof *source);
    if (!source) return eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", uri);
    source->env = env;
    source->first_us = INT64_MAX;
    source->last_us = INT64_MIN;
    pthread_mutex_init(&source->lock_counts, NULL);
    enum eg_status status = eg_input_open(&source->input, env, uri, err);
    if (status == EG_OK) status = eg_stream_new(&source->stream, &source->input, err);
    if (status < 0) {
        eg_input_reset(&source->input);
        pthread_mutex_destroy(&source->lock_counts);
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
    if (source->tee.closed) source->tee.closed(source->tee.to);
    pthread_mutex_destroy(&source->lock_counts);
    eg_units_free(source->units);
    eg_stream_free(source->stream);
    eg_input_reset(&source->input);
    eg_free(source);
}

/* ---- plan ---- */

static struct eg_span source_head(const struct eg_source *source) {
    return eg_span(source->head, source->head_size);
}

/* Whether something may follow that is not told yet. What stands behind a place inside a block, or
 * at something damaged, is only known by reading the file: unless it is no longer than it was. */
static bool sequence_follows(const struct eg_source *source, const struct eg_identity *identity,
                             struct eg_span rest) {
    const struct eg_seqfile *file = eg_stream_seqfile(source->stream);
    struct eg_seqfile_record record;
    struct eg_record_note note;
    bool found;
    uint64_t cut = identity->like->cut ? identity->like->cut_bytes : 0;
    if (rest.size == (cut < EG_IDENTITY_REST ? cut : EG_IDENTITY_REST)) return false;
    if (file->layout == EG_SEQFILE_BLOCKS) return true;
    enum eg_record next = eg_seqfile_next(file, rest, &record, &note);
    if (next != EG_RECORD_DAMAGED) return next == EG_RECORD_FRAME || next == EG_RECORD_OTHER;
    (void)eg_seqfile_mark_find(file, rest, 1, &found);
    return found;
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
    if (eg_stream_format(source->stream) == EG_CAPTURE_SEQUENCE)
        return sequence_follows(source, identity, rest);
    return eg_pcap_record(eg_stream_pcap(source->stream), rest, &frame, &note, NULL) ==
           EG_RECORD_FRAME;
}

static void changed_tell(struct eg_source *source, const struct eg_identity *identity) {
    unsigned long long offset = identity->offset;
    if (identity->ends)
        snprintf(source->warning, sizeof source->warning,
                 "%.300s begins like %.300s, which is known up to byte %llu, but ends before that, "
                 "and that one is not there any more to compare them: it is read as a new capture, "
                 "and what both hold may be there twice",
                 source->input.name, identity->like->name, offset);
    else
        snprintf(source->warning, sizeof source->warning,
                 "%.300s begins like %.300s, which is known, but differs from it before byte "
                 "%llu: it is read as a new capture",
                 source->input.name, identity->like->name, offset);
}

static enum eg_status known_find(struct eg_source *source, const struct eg_position *known,
                                 size_t known_count, struct eg_plan *plan, struct eg_error *err) {
    static const uint64_t least[] = {[EG_CAPTURE_PCAP] = EG_PCAP_HEAD + 1,
                                     [EG_CAPTURE_PCAPNG] = NG_KNOWN_LEAST,
                                     [EG_CAPTURE_IPFIX] = 1,
                                     [EG_CAPTURE_SEQUENCE] = EG_KEY_BYTES};
    EG_TRY(eg_input_rewind(&source->input, err));
    struct eg_identity identity;
    enum eg_status status =
        eg_identity_find(&identity, &source->input, source_head(source),
                         least[eg_stream_format(source->stream)], known, known_count, err);
    if (status == EG_OK) {
        plan->state = identity.state;
        plan->ends = identity.ends;
        if (plan->state == EG_PLAN_GROWN) {
            plan->resume_offset = identity.offset;
            memcpy(plan->digest, identity.like->digest, sizeof plan->digest);
            if (!record_follows(source, &identity)) {
                plan->state = EG_PLAN_KNOWN;
                plan->rest = identity.rest_size > 0;
            }
            source->known_end = identity.offset;
            memcpy(source->known_digest, identity.like->digest, sizeof source->known_digest);
            source->known_cut = identity.like->cut;
            source->known_cut_bytes = identity.like->cut_bytes;
            source->known_cut_us = identity.like->cut_us;
        } else if (plan->state == EG_PLAN_CHANGED) {
            changed_tell(source, &identity);
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
        memcpy(source->lock, plan.lock, sizeof source->lock);
        if (known_count) EG_TRY(known_find(source, known, known_count, &plan, err));
    }
    bool units = source->input.regular && source->input.packing == EG_PACKING_NONE &&
                 eg_stream_format(source->stream) == EG_CAPTURE_PCAP;
    if (units) {
        EG_TRY(eg_units_new(&source->units, &source->input, eg_stream_pcap(source->stream),
                            plan.resume_offset, err));
        plan.units = eg_units_count(source->units);
        if (source->env->positions) EG_TRY(eg_units_hash(source->units, source_head(source), err));
        eg_stream_free(source->stream);
        source->stream = NULL;
    } else {
        EG_TRY(eg_stream_start(source->stream, plan.resume_offset, err));
        plan.bytes_read = &source->input.stored_read;
    }
    *out = plan;
    return EG_OK;
}

/* ---- what is kept of it ---- */

enum eg_status eg_file_facts(struct eg_source *source, struct eg_file_facts *out,
                             struct eg_error *err) {
    struct stat about = {0};
    *out = (struct eg_file_facts){.name = source->input.name,
                                  .regular = source->input.identified,
                                  .packing = source->input.packing,
                                  .ending = ".pcap",
                                  .first_us = INT64_MIN,
                                  .link_type = -1,
                                  .size = source->input.size,
                                  .known = source->known_end};
    memcpy(out->head, source->lock, sizeof out->head);
    memcpy(out->known_digest, source->known_digest, sizeof out->known_digest);
    if (source->input.regular && fstat(source->input.fd, &about) == 0)
        out->changed_ns = eg_timespec_ns(about.st_mtim);
    if (source->units) {
        uint8_t record[24];
        size_t got;
        const struct eg_pcap *pcap = eg_units_pcap(source->units);
        EG_TRY(eg_input_pread(&source->input, record, sizeof record, EG_PCAP_HEAD, &got, err));
        out->first_us = eg_pcap_time_us(pcap, eg_span(record, got));
        out->link_type = pcap->link_type;
        return EG_OK;
    }
    enum eg_capture_format format = eg_stream_format(source->stream);
    out->messages = format == EG_CAPTURE_IPFIX;
    if (format == EG_CAPTURE_PCAPNG) out->ending = ".pcapng";
    return eg_stream_first(source->stream, &out->first_us, &out->link_type, err);
}

enum eg_status eg_file_pass_on(struct eg_source *source, const struct eg_file_tee *tee,
                               struct eg_error *err) {
    struct eg_stream_tee stream = {tee->bytes, tee->to};
    if (source->stream) EG_TRY(eg_stream_pass_on(source->stream, &stream, err));
    if (source->units) eg_units_pass_on(source->units, tee->bytes, tee->to);
    source->tee = *tee;
    return EG_OK;
}

/* Units come from several threads at once. */
static void batch_count(struct eg_source *source, const struct eg_batch *batch) {
    const struct eg_column *times = &batch->columns[EG_COL(RAW, time_ns)];
    const uint32_t type = EG_COL(RAW, link_type);
    int64_t first_ns = INT64_MAX, last_ns = INT64_MIN;
    if (!batch->columns[type].values) return; /* messages, not packets */
    for (uint32_t row = 0; times->values && row < batch->rows; row++) {
        if (times->valid && !eg_bit(times->valid, row)) continue;
        int64_t time_ns = eg_col_i64(times)[row];
        if (time_ns < first_ns) first_ns = time_ns;
        if (time_ns > last_ns) last_ns = time_ns;
    }
    pthread_mutex_lock(&source->lock_counts);
    source->packets += batch->rows;
    if (first_ns <= last_ns) {
        int64_t first_us = first_ns / 1000 - (first_ns % 1000 < 0), last_us = last_ns / 1000;
        if (first_us < source->first_us) source->first_us = first_us;
        if (last_us > source->last_us) source->last_us = last_us;
    }
    pthread_mutex_unlock(&source->lock_counts);
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
    if (source->tee.reached) batch_count(source, *out);
    cut_heal(source, *out, tally);
    return EG_OK;
}

/* ---- position ---- */

/* What was known of the input when it was planned must be what was read of it. */
static enum eg_status known_check(const struct eg_source *source, struct eg_error *err) {
    struct eg_digest digest;
    char text[33];
    if (!source->known_end || !eg_units_resumed(source->units, &digest)) return EG_OK;
    eg_digest_text(digest, text);
    if (strcmp(text, source->known_digest) == 0) return EG_OK;
    return eg_fail(err, EG_E_IO,
                   "%s was changed while it was read: nothing of this step is kept; run the same "
                   "command again",
                   source->input.name);
}

static enum eg_status file_position(struct eg_source *source, uint64_t last,
                                    struct eg_position *out, struct eg_error *err) {
    struct eg_position position = {.offset = 0};
    struct eg_digest digest;
    if (source->units) {
        EG_TRY(eg_units_end(source->units, last, &position.offset, &digest, err));
        EG_TRY(known_check(source, err));
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
    if (!source->tee.reached) return EG_OK;
    struct eg_file_reach reach = {.offset = position.offset,
                                  .packets = source->packets,
                                  .first_us = source->first_us,
                                  .last_us = source->last_us};
    eg_digest_text(digest, reach.digest);
    return source->tee.reached(source->tee.to, &reach, err);
}

const struct eg_source_type eg_source_file = {
    .abi = EG_STAGE_ABI,
    .name = "file",
    .help = "captures (pcap, pcapng, Hadoop sequence files) and files of IPFIX messages, plain or "
            "compressed, or standard input",
    .options = file_options,
    .options_size = sizeof(struct file_options),
    .open = file_open,
    .plan = file_plan,
    .next = file_next,
    .position = file_position,
    .commit = eg_source_commit_nop,
    .close = file_close,
};
