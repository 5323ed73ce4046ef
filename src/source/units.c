/* SPDX-License-Identifier: Apache-2.0
 * Units of a pcap file. Each reader loads its unit's range (and as much more as the last record may
 * take) without waiting for anyone; then, in the order of the file, the record headers of the unit
 * are walked, which tells where the next unit's first record begins; then the unit becomes batches,
 * again without waiting. The walk is the only part in order, and takes a small fraction of the time
 * of the rest. A unit whose turn comes before anyone reads it is walked by whoever needs it. */
#include "source/units.h"

#include "base/alloc.h"
#include "source/buffer.h"
#include "source/frames.h"

#include <pthread.h>

#define UNIT_BYTES (UINT64_C(1) << 20) /* several are in memory, each with what is made of it */
#define UNIT_BYTES_MAX (UINT64_C(64) << 20)
#define SPARE_BYTES (UINT64_C(16) << 20) /* of buffers that wait for their next use */
#define BEHIND_BYTES 4096 /* read behind a unit for its last record, where that needs no more */

enum unit_state { UNIT_FRESH, UNIT_CLAIMED, UNIT_READ };

/* One unit while it is being read. */
struct unit_reader {
    struct eg_buffer *buffer;
    struct eg_builder *builder;
    uint64_t base; /* offset of the buffer in the file */
    struct eg_span have;
    size_t at, end; /* in the buffer: next record, begin of the next unit */
};

struct eg_units {
    const struct eg_input *input;
    struct eg_pcap pcap;
    struct eg_pool *pool;
    uint64_t unit_bytes, size;
    uint64_t split;       /* units before this one end at or before `resume` */
    uint64_t split_begin; /* where it begins: `resume`, or behind the file header */
    uint64_t count;
    struct unit_reader **readers; /* one a unit; NULL but while it is read */
    pthread_mutex_t lock;         /* guards what follows */
    pthread_cond_t walked;
    uint8_t *states;           /* enum unit_state */
    uint64_t *begins;          /* of each unit's first record; known up to and including `front` */
    struct eg_hasher *hasher;  /* of what was walked; NULL: it is not hashed */
    struct eg_digest *digests; /* of what stands before each of `begins` */
    uint64_t *sums;            /* of units that nobody had read when they were walked */
    struct eg_span head;
    void (*bytes)(void *to, uint64_t offset, const void *bytes,
                  size_t size); /* NULL: nobody wants them */
    void *bytes_to;
    uint64_t front;
    uint64_t stop_unit; /* the unit in which whole records end before the file does; or `count` */
    bool cut;           /* the end was counted as capture_cut: so many bytes, under this time */
    uint64_t cut_bytes;
    int64_t cut_us;
    uint64_t broken; /* the first unit whose bytes could not be read; or `count` */
};

/* Where a unit's range begins. */
static uint64_t range_begin(const struct eg_units *u, uint64_t unit) {
    uint64_t begin =
        unit < u->split ? unit * u->unit_bytes : u->split_begin + (unit - u->split) * u->unit_bytes;
    if (begin < EG_PCAP_HEAD) begin = EG_PCAP_HEAD;
    return begin < u->size ? begin : u->size;
}

enum eg_status eg_units_new(struct eg_units **out, const struct eg_input *input,
                            const struct eg_pcap *pcap, uint64_t resume, struct eg_error *err) {
    struct eg_units *u = eg_calloc(1, sizeof *u);
    if (!u) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", input->name);
    uint64_t bytes = input->env->unit_bytes ? input->env->unit_bytes : UNIT_BYTES;
    *u = (struct eg_units){.input = input,
                           .pcap = *pcap,
                           .size = input->size,
                           .unit_bytes = bytes < UNIT_BYTES_MAX ? bytes : UNIT_BYTES_MAX};
    u->split_begin = resume > EG_PCAP_HEAD && resume <= u->size ? resume : EG_PCAP_HEAD;
    if (u->split_begin > EG_PCAP_HEAD)
        u->split = (u->split_begin + u->unit_bytes - 1) / u->unit_bytes;
    uint64_t rest = u->size > u->split_begin ? u->size - u->split_begin : 0;
    u->count = u->split + (rest + u->unit_bytes - 1) / u->unit_bytes;
    if (u->count == 0) u->count = 1;
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->walked, NULL);
    u->stop_unit = u->broken = u->count;
    u->readers = eg_calloc(u->count, sizeof(struct unit_reader *));
    u->states = eg_calloc(u->count, 1);
    u->begins = eg_calloc(u->count + 1, sizeof *u->begins);
    uint64_t buffer_bytes = u->unit_bytes + EG_PCAP_RECORD_MAX;
    uint32_t spare = (uint32_t)(SPARE_BYTES / buffer_bytes);
    u->pool = eg_pool_new(buffer_bytes, spare < 16 ? spare : 16);
    if (!u->readers || !u->states || !u->begins || !u->pool) {
        eg_units_free(u);
        return eg_fail(err, EG_E_NOMEM, "no memory to read %s", input->name);
    }
    u->begins[0] = EG_PCAP_HEAD;
    *out = u;
    return EG_OK;
}

static void reader_free(struct unit_reader *reader) {
    if (!reader) return;
    eg_buffer_unref(reader->buffer);
    eg_builder_free(reader->builder);
    eg_free(reader);
}

void eg_units_free(struct eg_units *u) {
    if (!u) return;
    for (uint64_t i = 0; u->readers && i < u->count; i++) reader_free(u->readers[i]);
    eg_pool_close(u->pool);
    eg_hasher_free(u->hasher);
    eg_free(u->digests);
    eg_free(u->sums);
    eg_free(u->readers);
    eg_free(u->states);
    eg_free(u->begins);
    pthread_cond_destroy(&u->walked);
    pthread_mutex_destroy(&u->lock);
    eg_free(u);
}

uint64_t eg_units_count(const struct eg_units *u) { return u->count; }
const struct eg_pcap *eg_units_pcap(const struct eg_units *u) { return &u->pcap; }

enum eg_status eg_units_hash(struct eg_units *u, struct eg_span head, struct eg_error *err) {
    u->head = eg_span_sub(head, 0, EG_PCAP_HEAD);
    u->hasher = eg_hasher_new();
    u->digests = eg_calloc(u->count + 1, sizeof *u->digests);
    u->sums = eg_calloc(u->count, sizeof *u->sums);
    if (!u->hasher || !u->digests || !u->sums)
        return eg_fail(err, EG_E_NOMEM, "no memory to read %s", u->input->name);
    eg_hasher_add(u->hasher, u->head.at, u->head.size);
    u->digests[0] = eg_hasher_digest(u->hasher);
    return EG_OK;
}

void eg_units_pass_on(struct eg_units *u,
                      void (*bytes)(void *to, uint64_t offset, const void *bytes, size_t size),
                      void *to) {
    EG_ASSERT(u->hasher && u->front == 0);
    u->bytes = bytes;
    u->bytes_to = to;
    if (bytes) bytes(to, 0, u->head.at, u->head.size);
}

/* ---- loading and walking ---- */

/* The unit's range and `behind` it so many bytes, for its last record; what `have` holds of them is
 * there. The size of the file is what it was when it was opened: what comes behind belongs to the
 * next reading. */
static enum eg_status range_load(const struct eg_units *u, uint64_t unit, uint32_t behind,
                                 struct eg_buffer *buffer, struct eg_span *have,
                                 struct eg_error *err) {
    uint64_t begin = range_begin(u, unit), there = have->size;
    uint64_t want = range_begin(u, unit + 1) - begin + behind;
    if (want > u->size - begin) want = u->size - begin;
    size_t got = 0;
    if (want > there)
        EG_TRY(eg_input_pread(u->input, buffer->bytes + there, want - there, begin + there, &got,
                              err));
    *have = eg_span(buffer->bytes, there + got);
    return EG_OK;
}

/* Under the lock, with how reading the unit went. A unit that could not be read once stays
 * unreadable, and so do those behind it, though another try might go well: its rows come with the
 * next reading of the file, and theirs must not come twice. */
static enum eg_status range_judge(struct eg_units *u, uint64_t unit, enum eg_status status,
                                  struct eg_error *err) {
    if (status < 0) {
        if (unit < u->broken) u->broken = unit;
        return status;
    }
    if (unit < u->broken) return EG_OK;
    return eg_fail(err, EG_E_IO, "%s: input/output error; it is not read from byte %llu on",
                   u->input->name, (unsigned long long)range_begin(u, u->broken));
}

/* More behind the unit than most need, where its last record is that long; under the lock. */
static enum eg_status range_extend(struct eg_units *u, uint64_t unit, struct eg_buffer *buffer,
                                   struct eg_span *have, struct eg_error *err) {
    enum eg_status status = range_load(u, unit, EG_PCAP_RECORD_MAX, buffer, have, err);
    return range_judge(u, unit, status, err);
}

/* The records of a unit that was walked, out of what stands in its range and behind. */
static struct eg_span unit_records(const struct eg_units *u, uint64_t unit, struct eg_span have) {
    uint64_t begin = u->begins[unit], end = u->begins[unit + 1], base = range_begin(u, unit);
    if (begin >= end) return eg_span(NULL, 0);
    return eg_span_sub(have, begin - base, end - begin);
}

/* A unit that was walked is what was read of the file, whatever that becomes. */
static void front_hash(struct eg_units *u, uint64_t unit, struct eg_span have) {
    struct eg_span records = unit_records(u, unit, have);
    if (!u->hasher) return;
    if (records.size) eg_hasher_add(u->hasher, records.at, records.size);
    if (records.size && u->bytes) u->bytes(u->bytes_to, u->begins[unit], records.at, records.size);
    u->digests[unit + 1] = eg_hasher_digest(u->hasher);
}

/* Walks unit `front`, whose bytes are `have`, under the lock. */
static enum eg_status front_advance(struct eg_units *u, struct eg_buffer *buffer,
                                    struct eg_span *have, struct eg_error *err) {
    uint64_t unit = u->front, base = range_begin(u, unit), limit = range_begin(u, unit + 1);
    uint64_t place = u->begins[unit];
    if (place < limit && u->stop_unit == u->count) {
        place = base + eg_pcap_walk(&u->pcap, *have, place - base, limit - base);
        if (place < limit) {
            EG_TRY(range_extend(u, unit, buffer, have, err));
            place = base + eg_pcap_walk(&u->pcap, *have, place - base, limit - base);
        }
        if (place < limit) u->stop_unit = unit;
    }
    u->begins[unit + 1] = place;
    front_hash(u, unit, *have);
    u->front = unit + 1;
    pthread_cond_broadcast(&u->walked);
    return EG_OK;
}

/* Walks a unit that nobody reads yet, under the lock. */
static enum eg_status front_load(struct eg_units *u, struct eg_error *err) {
    struct eg_buffer *buffer = eg_buffer_take(u->pool);
    if (!buffer) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", u->input->name);
    uint64_t unit = u->front;
    struct eg_span have = {buffer->bytes, 0};
    enum eg_status status =
        range_judge(u, unit, range_load(u, unit, BEHIND_BYTES, buffer, &have, err), err);
    if (status == EG_OK) status = front_advance(u, buffer, &have, err);
    if (status == EG_OK && u->hasher) {
        struct eg_span records = unit_records(u, unit, have);
        u->sums[unit] = eg_hash64(records.at, records.size, 0);
    }
    eg_buffer_unref(buffer);
    return status;
}

/* Brings the front to `unit`, under the lock. */
static enum eg_status front_reach(struct eg_units *u, uint64_t unit, struct eg_error *err) {
    while (u->front < unit) {
        if (u->states[u->front] == UNIT_CLAIMED)
            pthread_cond_wait(&u->walked, &u->lock);
        else
            EG_TRY(front_load(u, err));
    }
    return EG_OK;
}

static void unit_mark(struct eg_units *u, uint64_t unit, enum unit_state state) {
    pthread_mutex_lock(&u->lock);
    u->states[unit] = (uint8_t)state;
    pthread_cond_broadcast(&u->walked);
    pthread_mutex_unlock(&u->lock);
}

/* A unit that had been walked before it was read must still be what it was then. Under the lock. */
static enum eg_status walked_check(struct eg_units *u, uint64_t unit, struct unit_reader *reader,
                                   struct eg_error *err) {
    if (u->stop_unit == unit || u->begins[unit + 1] > reader->base + reader->have.size)
        EG_TRY(range_extend(u, unit, reader->buffer, &reader->have, err));
    struct eg_span records = unit_records(u, unit, reader->have);
    if (!u->hasher || eg_hash64(records.at, records.size, 0) == u->sums[unit]) return EG_OK;
    if (unit < u->broken) u->broken = unit;
    return eg_fail(err, EG_E_IO, "%s was changed while it was read", u->input->name);
}

static enum eg_status unit_load(struct eg_units *u, uint64_t unit, struct unit_reader *reader,
                                struct eg_error *err) {
    EG_TRY(eg_frames_builder(&reader->builder, u->input->env->batch_rows, err));
    reader->buffer = eg_buffer_take(u->pool);
    if (!reader->buffer) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", u->input->name);
    reader->base = range_begin(u, unit);
    reader->have = eg_span(reader->buffer->bytes, 0);
    enum eg_status status = range_load(u, unit, BEHIND_BYTES, reader->buffer, &reader->have, err);
    pthread_mutex_lock(&u->lock);
    status = range_judge(u, unit, status, err);
    if (status == EG_OK) status = front_reach(u, unit, err);
    if (status == EG_OK && u->front == unit)
        status = front_advance(u, reader->buffer, &reader->have, err);
    else if (status == EG_OK)
        status = walked_check(u, unit, reader, err);
    if (status == EG_OK && u->begins[unit] < u->begins[unit + 1]) {
        reader->at = u->begins[unit] - reader->base;
        reader->end = u->begins[unit + 1] - reader->base;
    }
    pthread_mutex_unlock(&u->lock);
    return status;
}

static enum eg_status unit_open(struct eg_units *u, uint64_t unit, struct eg_error *err) {
    struct unit_reader *reader = eg_calloc(1, sizeof *reader);
    if (!reader) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", u->input->name);
    unit_mark(u, unit, UNIT_CLAIMED);
    enum eg_status status = unit_load(u, unit, reader, err);
    unit_mark(u, unit, status == EG_OK ? UNIT_READ : UNIT_FRESH);
    if (status == EG_OK)
        u->readers[unit] = reader;
    else
        reader_free(reader);
    return status;
}

/* ---- batches ---- */

/* What is wrong where whole records end: counted once, and told as the unit's last answer. */
static enum eg_status unit_trouble(struct eg_units *u, uint64_t unit, struct unit_reader *reader,
                                   struct eg_tally *tally, struct eg_error *err) {
    pthread_mutex_lock(&u->lock);
    uint64_t place = u->begins[unit + 1];
    bool here = u->stop_unit == unit;
    pthread_mutex_unlock(&u->lock);
    if (!here) return EG_END;
    struct eg_span rest = eg_span_from(reader->have, place - reader->base);
    struct eg_frame frame;
    struct eg_record_note note;
    enum eg_record record = eg_pcap_record(&u->pcap, rest, &frame, &note, NULL);
    int64_t time_us = record == EG_RECORD_MORE ? eg_pcap_time_us(&u->pcap, rest) : INT64_MIN;
    if (record == EG_RECORD_MORE) {
        pthread_mutex_lock(&u->lock);
        u->cut = true;
        u->cut_bytes = u->size - place;
        u->cut_us = time_us;
        pthread_mutex_unlock(&u->lock);
    }
    if (record == EG_RECORD_MORE && eg_input_shrunk(u->input))
        return eg_frames_shrunk(u->input->name, place, u->size - place, time_us, tally, err);
    return eg_frames_trouble(u->input->name, record, &note, place, u->size - place, time_us, tally,
                             err);
}

enum eg_status eg_units_next(struct eg_units *u, uint64_t unit, struct eg_batch **out,
                             struct eg_tally *tally, struct eg_error *err) {
    EG_ASSERT(unit < u->count);
    *out = NULL;
    struct unit_reader *reader = u->readers[unit];
    if (!reader) {
        if (u->states[unit] == UNIT_READ) return EG_END; /* written by this unit's reader alone */
        EG_TRY(unit_open(u, unit, err));
        reader = u->readers[unit];
    }
    struct eg_record_note note;
    enum eg_record record = EG_RECORD_OTHER;
    if (reader->at < reader->end)
        record = eg_frames_fill(reader->builder, &u->pcap, reader->have, &reader->at, reader->end,
                                reader->base, &note, tally);
    enum eg_status status = EG_END;
    if (record == EG_RECORD_NO_MEMORY || reader->builder->rows) {
        eg_builder_keep(reader->builder, &reader->buffer->owner);
        status = eg_builder_seal(reader->builder, out, err);
    }
    if (status == EG_OK) (*out)->unit = unit;
    if (status != EG_END) return status;
    status = unit_trouble(u, unit, reader, tally, err);
    u->readers[unit] = NULL;
    reader_free(reader);
    return status;
}

bool eg_units_cut(struct eg_units *u, uint64_t *bytes, int64_t *time_us) {
    pthread_mutex_lock(&u->lock);
    bool cut = u->cut;
    *bytes = u->cut_bytes;
    *time_us = u->cut_us;
    pthread_mutex_unlock(&u->lock);
    return cut;
}

enum eg_status eg_units_end(struct eg_units *u, uint64_t unit, uint64_t *offset,
                            struct eg_digest *digest, struct eg_error *err) {
    EG_ASSERT(unit < u->count);
    pthread_mutex_lock(&u->lock);
    enum eg_status status = front_reach(u, unit + 1, err);
    if (status == EG_OK) *offset = u->begins[unit + 1];
    if (status == EG_OK && digest) {
        EG_ASSERT(u->hasher);
        *digest = u->digests[unit + 1];
    }
    pthread_mutex_unlock(&u->lock);
    return status;
}

bool eg_units_resumed(struct eg_units *u, struct eg_digest *digest) {
    pthread_mutex_lock(&u->lock);
    bool known = u->hasher && u->split_begin > EG_PCAP_HEAD && u->front >= u->split &&
                 u->begins[u->split] == u->split_begin;
    if (known) *digest = u->digests[u->split];
    pthread_mutex_unlock(&u->lock);
    return known;
}
