/* SPDX-License-Identifier: Apache-2.0
 * A capture read from its beginning to its end. Bytes are read into buffers of bounded size that
 * the batches share; a record that does not fit what is left of one begins the next. */
#include "source/stream.h"

#include "base/alloc.h"
#include "source/buffer.h"
#include "source/frames.h"
#include "source/refusal.h"

#include <stdio.h>

#define BUFFER_BYTES (1u << 20) /* at least twice the longest record that is looked at */
#define SPARE_BUFFERS 16
#define BATCH_BYTES_MAX (4u << 20) /* of buffers that one batch keeps */
#define BATCH_WAIT_MS 200          /* rows do not wait longer than this for others, on a pipe */
#define NAME_NEW (-2)
#define NAMES_MAX 1024u /* a dictionary of interface names is begun anew behind this */

_Static_assert(BUFFER_BYTES >= 2 * EG_PCAPNG_BLOCK_MAX, "a block must fit a buffer");

struct eg_stream {
    struct eg_input *input;
    enum eg_capture_format format;
    struct eg_pcap pcap;
    struct eg_pcapng ng;
    struct eg_pool *pool;
    struct eg_buffer *buffer;
    size_t at, end; /* in the buffer: what is not used up yet */
    uint64_t base;  /* offset of the buffer in the uncompressed input */
    uint64_t resume;
    bool over; /* the last answer was given */
    bool cut;  /* it was counted as capture_cut: so many bytes, under this time */
    uint64_t cut_bytes;
    int64_t cut_us;
    struct eg_error trouble; /* of the input; the rows before it come first. Status EG_OK: none */
    /* What was damaged, and passed over: told at the end. */
    struct {
        uint64_t count, at; /* places; the first */
        const char *why;
    } passed;
    /* the batch that is being built */
    struct eg_builder *builder;
    size_t batch_bytes;
    bool viewed;    /* some of its rows look into the buffer */
    int32_t *names; /* interface -> index in the builder's dictionary; -1 unnamed, -2 new */
    uint32_t names_room, names_section;
    /* what is vouched for */
    struct eg_hasher *hasher;        /* NULL where there is no identity and no tee */
    size_t hashed;                   /* in the buffer: bytes before it are in the hasher */
    uint64_t whole;                  /* end of the whole records so far */
    bool skipping;                   /* a long block behind `whole` */
    struct eg_digest skipped_digest; /* of everything before it */
    struct eg_stream_tee tee;        /* NULL: none */
    /* of a sequence file */
    struct eg_seqfile seqfile;
    struct eg_seqfile_reader *records;
    bool inside;              /* of a block, or of something damaged */
    struct eg_hasher *before; /* inside: of everything before it … */
    struct eg_hasher *behind; /* … and of what of it was told */
};

/* ---- bytes ---- */

static struct eg_span stream_rest(const struct eg_stream *s) {
    return eg_span(s->buffer->bytes + s->at, s->end - s->at);
}

/* What was used up goes into the digest, and to whoever keeps it. */
static void stream_hash(struct eg_stream *s) {
    const uint8_t *from = s->buffer->bytes + s->hashed;
    size_t size = s->at - s->hashed;
    if (s->hasher && size) eg_hasher_add(s->hasher, from, size);
    if (s->tee.bytes && size) s->tee.bytes(s->tee.to, s->base + s->hashed, from, size);
    s->hashed = s->at;
}

/* A fresh buffer that begins with what is left of the old one. */
static enum eg_status buffer_turn(struct eg_stream *s, struct eg_error *err) {
    struct eg_buffer *fresh = eg_buffer_take(s->pool);
    if (!fresh) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", s->input->name);
    stream_hash(s);
    struct eg_span rest = stream_rest(s);
    memcpy(fresh->bytes, rest.at, rest.size);
    if (s->viewed) {
        eg_builder_keep(s->builder, &s->buffer->owner);
        s->batch_bytes += s->buffer->size;
    }
    eg_buffer_unref(s->buffer);
    s->buffer = fresh;
    s->base += s->at;
    s->end = rest.size;
    s->at = s->hashed = 0;
    s->viewed = false;
    return EG_OK;
}

/* Makes `want` bytes stand at `at`, or as many as there are. */
static enum eg_status stream_fill(struct eg_stream *s, size_t want, struct eg_error *err) {
    EG_ASSERT(want <= BUFFER_BYTES);
    while (s->end - s->at < want && s->trouble.status == EG_OK) {
        if (s->at + want > BUFFER_BYTES || s->end == BUFFER_BYTES) EG_TRY(buffer_turn(s, err));
        size_t got;
        struct eg_error told = {.status = EG_OK, .position = -1};
        enum eg_status status =
            eg_input_read(s->input, s->buffer->bytes + s->end, BUFFER_BYTES - s->end, &got, &told);
        if (status == EG_E_CUT || status == EG_E_FORMAT) {
            s->trouble = told; /* what was read before it comes first */
        } else if (status < 0) {
            if (err) *err = told;
            return status;
        } else if (got == 0) {
            break;
        }
        s->end += got;
    }
    return EG_OK;
}

/* ---- opening ---- */

/* What a header that is read so says; a file that ends inside it cannot be read, either. */
static enum eg_status head_told(struct eg_stream *s, enum eg_status status, struct eg_error *err) {
    if (status == EG_OK || status == EG_E_NOMEM) return status;
    eg_error_prefix(err, "%s cannot be read", s->input->name);
    if (err) err->status = EG_E_FORMAT;
    return EG_E_FORMAT;
}

static enum eg_status seqfile_open(struct eg_stream *s, struct eg_error *err) {
    enum eg_status status = EG_E_CUT;
    s->format = EG_CAPTURE_SEQUENCE;
    for (size_t want = EG_STREAM_HEAD, had = 0; status == EG_E_CUT; want *= 2) {
        EG_TRY(stream_fill(s, want < EG_SEQFILE_HEAD_MAX ? want : EG_SEQFILE_HEAD_MAX, err));
        status = eg_seqfile_open(&s->seqfile, stream_rest(s), err);
        if (s->end - s->at == had) break; /* there is no more */
        had = s->end - s->at;
    }
    if (status == EG_OK) status = eg_seqfile_reader_new(&s->records, &s->seqfile, err);
    if (status < 0) return head_told(s, status, err);
    if (!s->hasher) return EG_OK;
    s->before = eg_hasher_new();
    s->behind = eg_hasher_new();
    if (s->before && s->behind) return EG_OK;
    return eg_fail(err, EG_E_NOMEM, "no memory to read %s", s->input->name);
}

static enum eg_status head_read(struct eg_stream *s, struct eg_error *err) {
    EG_TRY(stream_fill(s, EG_STREAM_HEAD, err));
    struct eg_span head = stream_rest(s);
    if (head.size == 0 && s->trouble.status == EG_E_CUT)
        return eg_fail(err, EG_E_FORMAT,
                       "%s is cut: its %s data ends early, nothing of it can be read",
                       s->input->name, eg_packing_name(s->input->packing));
    if (head.size == 0 && s->trouble.status != EG_OK)
        return eg_fail(err, EG_E_FORMAT, "%s cannot be read: %s", s->input->name,
                       s->trouble.message);
    if (eg_seqfile_is(head)) return seqfile_open(s, err);
    s->format = EG_CAPTURE_PCAPNG;
    if (eg_pcapng_is(head)) return EG_OK;
    s->format = EG_CAPTURE_IPFIX;
    if (!eg_pcap_is(head) && eg_message_file_is(head)) return EG_OK;
    if (!eg_pcap_is(head)) return eg_refuse(err, s->input->name, s->input->packing, head);
    s->format = EG_CAPTURE_PCAP;
    return head_told(s, eg_pcap_open(&s->pcap, head, err), err);
}

/* The first section header must be whole and sound before anything is promised. */
static enum eg_status section_check(struct eg_stream *s, struct eg_error *err) {
    if (s->format != EG_CAPTURE_PCAPNG) return EG_OK;
    struct eg_pcapng ng = {0};
    struct eg_frame frame;
    struct eg_record_note note = {0};
    struct eg_tally nothing = {0};
    enum eg_record record;
    size_t want = 28;
    bool more;
    do {
        EG_TRY(stream_fill(s, want, err));
        more = stream_rest(s).size >= want;
        record = eg_pcapng_block(&ng, stream_rest(s), &frame, &note, &nothing);
        want = (size_t)note.size;
    } while (record == EG_RECORD_MORE && more);
    EG_ASSERT(nothing.count == 0);
    eg_pcapng_reset(&ng);
    if (record == EG_RECORD_OTHER) return EG_OK;
    enum eg_status status =
        eg_fail(err, EG_E_FORMAT, "%s cannot be read: %s at byte 0", s->input->name,
                record == EG_RECORD_MORE ? "its section header block is not whole" : note.why);
    if (err) err->position = 0;
    return status;
}

static enum eg_status parts_make(struct eg_stream *s, struct eg_error *err) {
    s->pool = eg_pool_new(BUFFER_BYTES, SPARE_BUFFERS);
    if (s->pool) s->buffer = eg_buffer_take(s->pool);
    if (s->input->identified) s->hasher = eg_hasher_new();
    if (!s->buffer || (s->input->identified && !s->hasher))
        return eg_fail(err, EG_E_NOMEM, "no memory to read %s", s->input->name);
    return eg_frames_builder(&s->builder, s->input->env->batch_rows, err);
}

enum eg_status eg_stream_new(struct eg_stream **out, struct eg_input *input, struct eg_error *err) {
    struct eg_stream *s = eg_calloc(1, sizeof *s);
    if (!s) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", input->name);
    s->input = input;
    enum eg_status status = parts_make(s, err);
    if (status == EG_OK) status = head_read(s, err);
    if (status == EG_OK) status = section_check(s, err);
    if (status < 0) {
        eg_stream_free(s);
        return status;
    }
    *out = s;
    return EG_OK;
}

void eg_stream_free(struct eg_stream *s) {
    if (!s) return;
    eg_builder_free(s->builder);
    eg_buffer_unref(s->buffer);
    eg_pool_close(s->pool);
    eg_hasher_free(s->hasher);
    eg_hasher_free(s->before);
    eg_hasher_free(s->behind);
    eg_seqfile_reader_free(s->records);
    eg_pcapng_reset(&s->ng);
    eg_free(s->names);
    eg_free(s);
}

enum eg_capture_format eg_stream_format(const struct eg_stream *s) { return s->format; }
const struct eg_pcap *eg_stream_pcap(const struct eg_stream *s) { return &s->pcap; }
const struct eg_seqfile *eg_stream_seqfile(const struct eg_stream *s) { return &s->seqfile; }
void eg_stream_watch(struct eg_stream *s, eg_seqfile_bad bad, void *to) {
    if (s->records) eg_seqfile_reader_watch(s->records, bad, to);
}
struct eg_span eg_stream_head(const struct eg_stream *s) {
    if (s->format == EG_CAPTURE_SEQUENCE) return eg_span(s->seqfile.mark, sizeof s->seqfile.mark);
    return stream_rest(s);
}

enum eg_status eg_stream_start(struct eg_stream *s, uint64_t resume, struct eg_error *err) {
    size_t head = s->format == EG_CAPTURE_PCAP       ? EG_PCAP_HEAD
                  : s->format == EG_CAPTURE_SEQUENCE ? s->seqfile.head_size
                                                     : 0;
    s->resume = resume;
    if (s->input->regular) {
        EG_TRY(eg_input_rewind(s->input, err));
        s->at = s->end = 0;
        s->trouble.status = EG_OK;
        EG_TRY(stream_fill(s, head ? head : EG_STREAM_HEAD, err));
    }
    s->at = head < s->end ? head : s->end;
    s->whole = s->at;
    return EG_OK;
}

enum eg_status eg_stream_pass_on(struct eg_stream *s, const struct eg_stream_tee *tee,
                                 struct eg_error *err) {
    if (!s->hasher && !(s->hasher = eg_hasher_new()))
        return eg_fail(err, EG_E_NOMEM, "no memory to read %s", s->input->name);
    s->tee = *tee;
    return EG_OK;
}

/* The first frame in what stands in the buffer, which is filled for it. */
static enum eg_record first_find(const struct eg_stream *s, struct eg_pcapng *ng, size_t *at,
                                 struct eg_frame *frame, struct eg_record_note *note) {
    struct eg_tally nothing = {0};
    enum eg_record record;
    do {
        struct eg_span have = eg_span_from(stream_rest(s), *at);
        record = s->format == EG_CAPTURE_PCAP ? eg_pcap_record(&s->pcap, have, frame, note, NULL)
                                              : eg_pcapng_block(ng, have, frame, note, &nothing);
        if (record == EG_RECORD_OTHER && note->size > have.size) record = EG_RECORD_DAMAGED;
        if (record == EG_RECORD_OTHER) *at += (size_t)note->size;
    } while (record == EG_RECORD_OTHER);
    eg_tally_reset(&nothing);
    return record;
}

enum eg_status eg_stream_first(struct eg_stream *s, int64_t *time_us, int32_t *link_type,
                               struct eg_error *err) {
    struct eg_pcapng ng = {0};
    struct eg_frame frame;
    struct eg_record_note note = {0};
    enum eg_record record;
    enum eg_status status = EG_OK;
    size_t at = 0, had;
    *time_us = INT64_MIN;
    *link_type = s->format == EG_CAPTURE_PCAP ? s->pcap.link_type : -1;
    if (s->format != EG_CAPTURE_PCAP && s->format != EG_CAPTURE_PCAPNG) return EG_OK;
    do {
        had = s->end - s->at;
        record = first_find(s, &ng, &at, &frame, &note);
        uint64_t want = at + note.size;
        if (record != EG_RECORD_MORE || want > BUFFER_BYTES - EG_STREAM_HEAD) break;
        status = stream_fill(s, (size_t)want, err);
    } while (status >= 0 && s->end - s->at > had);
    eg_pcapng_reset(&ng);
    if (status < 0 || record != EG_RECORD_FRAME) return status;
    if (frame.time_ns != EG_FRAME_NO_TIME) *time_us = frame.time_ns / 1000;
    *link_type = frame.link_type;
    return EG_OK;
}

/* ---- the end ---- */

void eg_stream_end(struct eg_stream *s, uint64_t *offset, struct eg_digest *digest) {
    *offset = s->whole;
    *digest = s->skipped_digest;
    if (s->skipping || !s->hasher) return;
    if (s->inside) {
        struct eg_span within = eg_seqfile_reader_within(s->records);
        eg_hasher_copy(s->behind, s->before);
        eg_hasher_add(s->behind, within.at, within.size);
        *digest = eg_hasher_digest(s->behind);
        return;
    }
    stream_hash(s);
    *digest = eg_hasher_digest(s->hasher);
}

bool eg_stream_cut(const struct eg_stream *s, uint64_t *bytes, int64_t *time_us) {
    *bytes = s->cut_bytes;
    *time_us = s->cut_us;
    return s->cut;
}

/* The last answer. `record` says why nothing more can be taken: MORE, or DAMAGED. */
static enum eg_status stream_over(struct eg_stream *s, enum eg_record record,
                                  const struct eg_record_note *note, struct eg_tally *tally,
                                  struct eg_error *err) {
    s->over = true;
    struct eg_span rest = stream_rest(s);
    bool packed = s->trouble.status != EG_OK;
    if (record == EG_RECORD_MORE && eg_input_shrunk(s->input)) {
        s->cut = true;
        s->cut_bytes = rest.size;
        s->cut_us = INT64_MIN;
        return eg_frames_shrunk(s->input->name, s->whole, rest.size, INT64_MIN, tally, err);
    }
    if (record == EG_RECORD_MORE && rest.size == 0 && !packed && !s->skipping && !s->inside)
        return EG_END;
    if (s->inside) rest.size = (size_t)(s->base + s->end - s->whole);
    if (record == EG_RECORD_DAMAGED || !packed) {
        int64_t time_us = s->format == EG_CAPTURE_PCAP && record == EG_RECORD_MORE
                              ? eg_pcap_time_us(&s->pcap, rest)
                              : INT64_MIN;
        s->cut = record == EG_RECORD_MORE;
        s->cut_bytes = rest.size;
        s->cut_us = time_us;
        return eg_frames_trouble(s->input->name, record, note, s->whole, rest.size, time_us, tally,
                                 err);
    }
    bool cut = s->trouble.status == EG_E_CUT;
    s->cut = cut;
    s->cut_bytes = rest.size;
    s->cut_us = INT64_MIN;
    eg_tally_add(tally, cut ? EG_CAUSE_capture_cut : EG_CAUSE_capture_damaged, NULL, INT64_MIN, 1,
                 cut ? 1 : 0, (int64_t)rest.size);
    enum eg_status status = eg_fail(
        err, EG_E_CUT,
        "%s is %s: %.200s, near byte %llu of the file; the packets before byte %llu of "
        "what it holds were kept",
        s->input->name, cut ? "cut" : "damaged", s->trouble.message,
        (unsigned long long)atomic_load(&s->input->stored_read), (unsigned long long)s->whole);
    if (err) err->position = (int64_t)s->whole;
    return status;
}

/* The last answer of a capture in which something was passed over: that, and then what else there is
 * to say. */
static enum eg_status passed_tell(const struct eg_stream *s, enum eg_status status,
                                  struct eg_error *err) {
    char places[64] = "";
    if (!s->passed.count || (status != EG_END && status != EG_E_CUT)) return status;
    if (s->passed.count > 1)
        snprintf(places, sizeof places, ", and in %llu more places",
                 (unsigned long long)(s->passed.count - 1));
    struct eg_error end = {.position = (int64_t)s->passed.at};
    if (status == EG_E_CUT && err) end = *err;
    (void)eg_fail(
        err, EG_E_CUT,
        "%.400s is damaged at byte %llu: %s%s; what could not be read was passed over%s%.200s",
        s->input->name, (unsigned long long)s->passed.at, s->passed.why, places,
        end.message[0] ? "; " : "", end.message);
    if (err) err->position = end.position;
    return EG_E_CUT;
}

/* ---- records ---- */

/* What stands before the place to resume at was told when that was read. */
static void passed_note(struct eg_stream *s, uint64_t at, const char *why) {
    if (!why || at < s->resume) return;
    if (!s->passed.count++) {
        s->passed.at = at;
        s->passed.why = why;
    }
}

/* Marks everything up to `at` as whole records. */
static void whole_mark(struct eg_stream *s) {
    s->whole = s->base + s->at;
    s->skipping = false;
}

static enum eg_record pcap_step(struct eg_stream *s, struct eg_record_note *note,
                                struct eg_tally *tally) {
    size_t until = s->end;
    if (s->resume > s->base + s->at && s->resume < s->base + s->end)
        until = (size_t)(s->resume - s->base);
    struct eg_span have = eg_span(s->buffer->bytes, s->end);
    size_t before = s->at;
    enum eg_record record =
        eg_frames_fill(s->builder, &s->pcap, have, &s->at, until, s->base, note, tally);
    s->viewed = s->viewed || s->at > before;
    whole_mark(s);
    if (record != EG_RECORD_OTHER || s->at < s->end) return record;
    note->size = s->pcap.header_size; /* used up: go on with the next header */
    return EG_RECORD_MORE;
}

/* The index of an interface's name in the builder's dictionary; -1: it has none. */
static int32_t interface_name(struct eg_stream *s, uint32_t index) {
    if (s->names_section != s->ng.section) {
        for (uint32_t i = 0; i < s->names_room; i++) s->names[i] = NAME_NEW;
        s->names_section = s->ng.section;
    }
    if (index >= s->names_room) {
        uint32_t room = s->ng.room;
        int32_t *names = eg_realloc(s->names, room, sizeof *names);
        if (!names) {
            s->builder->failed = true;
            return -1;
        }
        for (uint32_t i = s->names_room; i < room; i++) names[i] = NAME_NEW;
        s->names = names;
        s->names_room = room;
    }
    const char *name = s->ng.interfaces[index].name;
    if (s->names[index] == NAME_NEW)
        s->names[index] =
            name ? eg_builder_intern(s->builder, EG_COL(RAW, interface), name, strlen(name)) : -1;
    return s->names[index];
}

/* Moves on by `size` bytes, of which only some may have been read; *whole false: the input ended. */
static enum eg_status stream_skip(struct eg_stream *s, uint64_t size, bool *whole,
                                  struct eg_error *err) {
    while (size > s->end - s->at) {
        size -= s->end - s->at;
        s->at = s->end;
        EG_TRY(stream_fill(s, 1, err));
        *whole = s->at < s->end;
        if (!*whole) return EG_OK;
    }
    s->at += (size_t)size;
    *whole = true;
    return EG_OK;
}

static enum eg_status block_skip(struct eg_stream *s, enum eg_record *record,
                                 struct eg_record_note *note, struct eg_error *err) {
    if (s->ng.trailer && !s->skipping) {
        stream_hash(s);
        if (s->hasher) s->skipped_digest = eg_hasher_digest(s->hasher);
        s->skipping = true;
    }
    bool whole;
    EG_TRY(stream_skip(s, note->size, &whole, err));
    if (!whole) {
        *record = EG_RECORD_MORE;
        note->size = 1;
    } else if (!s->ng.trailer) {
        whole_mark(s);
    }
    return EG_OK;
}

static enum eg_status pcapng_step(struct eg_stream *s, enum eg_record *record,
                                  struct eg_record_note *note, struct eg_tally *tally,
                                  struct eg_error *err) {
    struct eg_frame frame;
    *record = eg_pcapng_block(&s->ng, stream_rest(s), &frame, note, tally);
    if (*record == EG_RECORD_OTHER) passed_note(s, s->whole, note->why);
    if (*record == EG_RECORD_OTHER) return block_skip(s, record, note, err);
    if (*record != EG_RECORD_FRAME) return EG_OK;
    int32_t name = interface_name(s, (uint32_t)frame.interface);
    eg_frame_put(s->builder, &frame, s->whole, name);
    s->viewed = true;
    s->at += (size_t)note->size;
    whole_mark(s);
    return EG_OK;
}

static enum eg_record message_step(struct eg_stream *s, struct eg_record_note *note) {
    struct eg_frame message;
    enum eg_record record = eg_message_file_next(stream_rest(s), &message, note);
    if (record != EG_RECORD_FRAME) return record;
    eg_message_put(s->builder, &message, s->whole);
    s->viewed = true;
    s->at += (size_t)note->size;
    whole_mark(s);
    return record;
}

static enum eg_record sequence_step(struct eg_stream *s, struct eg_record_note *note,
                                    struct eg_tally *tally) {
    struct eg_seqfile_step step;
    enum eg_record record = eg_seqfile_reader_step(s->records, stream_rest(s), s->base + s->at,
                                                   s->builder, &step, note, tally);
    if (step.inside && !s->inside && s->hasher) {
        stream_hash(s);
        eg_hasher_copy(s->before, s->hasher);
    }
    s->inside = step.inside;
    s->viewed = s->viewed || step.viewed;
    s->batch_bytes += step.kept;
    s->at += step.took;
    s->whole = step.whole;
    passed_note(s, step.passed_at, step.passed);
    const char *lost = eg_seqfile_reader_lost(s->records);
    if (record == EG_RECORD_MORE && lost) note->why = lost;
    return record;
}

/* ---- batches ---- */

static enum eg_status batch_seal(struct eg_stream *s, struct eg_batch **out, struct eg_error *err) {
    if (s->viewed) eg_builder_keep(s->builder, &s->buffer->owner);
    EG_TRY(eg_builder_seal(s->builder, out, err));
    s->batch_bytes = 0;
    s->viewed = false;
    if (s->records) eg_seqfile_reader_sealed(s->records);
    const struct eg_dict *dict = s->builder->dicts[EG_COL(RAW, interface)];
    if (!dict || dict->count < NAMES_MAX) return EG_OK;
    struct eg_builder *fresh;
    if (eg_frames_builder(&fresh, s->builder->capacity, NULL) < 0) return EG_OK; /* next time */
    eg_builder_free(s->builder);
    s->builder = fresh;
    s->names_section = s->ng.section - 1;
    return EG_OK;
}

/* Whether what was built so far should go out before more is read. */
static bool batch_due(const struct eg_stream *s, bool wanting) {
    if (s->builder->rows == 0) return false;
    return eg_builder_room(s->builder) == 0 || s->whole == s->resume ||
           s->batch_bytes >= BATCH_BYTES_MAX ||
           (wanting && !eg_input_ready(s->input, BATCH_WAIT_MS));
}

enum eg_status eg_stream_next(struct eg_stream *s, struct eg_batch **out, struct eg_tally *tally,
                              struct eg_error *err) {
    *out = NULL;
    if (s->over) return EG_END;
    for (;;) {
        if (eg_env_cancelled(s->input->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        struct eg_record_note note = {0};
        enum eg_record record;
        if (s->format == EG_CAPTURE_PCAP)
            record = pcap_step(s, &note, tally);
        else if (s->format == EG_CAPTURE_IPFIX)
            record = message_step(s, &note);
        else if (s->format == EG_CAPTURE_SEQUENCE)
            record = sequence_step(s, &note, tally);
        else
            EG_TRY(pcapng_step(s, &record, &note, tally, err));
        if (record == EG_RECORD_NO_MEMORY || s->builder->failed)
            return eg_fail(err, EG_E_NOMEM, "no memory to read %s", s->input->name);
        if (batch_due(s, record == EG_RECORD_MORE)) return batch_seal(s, out, err);
        bool stuck = record == EG_RECORD_DAMAGED;
        if (record == EG_RECORD_MORE) {
            EG_TRY(stream_fill(s, (size_t)note.size, err));
            stuck = s->end - s->at < note.size;
        }
        if (!stuck || (s->records && eg_seqfile_reader_over(s->records, stream_rest(s)))) continue;
        if (s->builder->rows) return batch_seal(s, out, err);
        if (s->records && note.why) record = EG_RECORD_DAMAGED; /* no mark follows it */
        return passed_tell(s, stream_over(s, record, &note, tally, err), err);
    }
}
