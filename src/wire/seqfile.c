/* SPDX-License-Identifier: Apache-2.0
 * Sequence files of packets, piece by piece. No length is believed: a record takes at most
 * EG_SEQFILE_RECORD_MAX bytes, and where lengths contradict each other reading goes on at the next
 * mark, wherever that is: how far marks stand apart is each writer's own choice. */
#include "wire/seqfile.h"

#include "wire/pcap.h"

#include <stdio.h>
#include <string.h>

enum { VERSION = 6, LENGTHS = 8, ETHERNET = 1, CLASS_NAME_MAX = 200 };
#define ESCAPE 0xffffffffu

/* ---- numbers and words ---- */

bool eg_seqfile_number(struct eg_span have, int64_t *out, size_t *size) {
    int8_t first = (int8_t)eg_u8(have, 0);
    size_t more = first >= -112 ? 0 : (size_t)(first < -120 ? -120 - first : -112 - first);
    if (!eg_span_has(have, 0, 1 + more)) return false;
    uint64_t value = 0;
    for (size_t i = 1; i <= more; i++) value = value << 8 | eg_u8(have, i);
    *size = 1 + more;
    *out = !more ? first : (int64_t)(first < -120 ? ~value : value);
    return true;
}

/* The header being read. `cut`: it goes on behind what is there. */
struct reading {
    struct eg_span head;
    size_t at;
    bool cut;
};

static uint8_t take_u8(struct reading *r) {
    r->cut = r->cut || !eg_span_has(r->head, r->at, 1);
    return eg_u8(r->head, r->at++);
}

/* A word with its length in front; an impossible one becomes longer than any header. */
static struct eg_span take_word(struct reading *r) {
    int64_t length = 0;
    size_t size = 0;
    if (!eg_seqfile_number(eg_span_from(r->head, r->at), &length, &size)) {
        r->cut = true;
        return eg_span(NULL, 0);
    }
    if (length < 0 || length > EG_SEQFILE_HEAD_MAX) length = EG_SEQFILE_HEAD_MAX;
    struct eg_span word = eg_span_sub(r->head, r->at + size, (size_t)length);
    r->at += size + (size_t)length;
    r->cut = r->cut || word.size < (size_t)length;
    return word;
}

/* For messages: what is not plain text becomes '?'. */
static const char *word_show(struct eg_span word, char to[CLASS_NAME_MAX]) {
    size_t size = 0;
    for (; size < word.size && size < CLASS_NAME_MAX - 1; size++) {
        uint8_t c = eg_u8(word, size);
        to[size] = c > ' ' && c < 127 ? (char)c : '?';
    }
    to[size] = 0;
    return to;
}

/* ---- the header ---- */

static const struct {
    const char *name;
    enum eg_seqfile_codec codec;
} codecs[] = {
    {"org.apache.hadoop.io.compress.DefaultCodec", EG_SEQFILE_ZLIB},
    {"org.apache.hadoop.io.compress.GzipCodec", EG_SEQFILE_GZIP},
    {"org.apache.hadoop.io.compress.ZStandardCodec", EG_SEQFILE_ZSTD},
    {"org.apache.hadoop.io.compress.Lz4Codec", EG_SEQFILE_LZ4},
    {"org.apache.hadoop.io.compress.SnappyCodec", EG_SEQFILE_SNAPPY},
    {"org.apache.hadoop.io.compress.DeflateCodec", EG_SEQFILE_ZLIB},
};

const char *eg_seqfile_codec_name(enum eg_seqfile_codec codec) {
    return codec < EG_SEQFILE_CODECS ? codecs[codec].name : "none";
}

bool eg_seqfile_is(struct eg_span head) {
    return eg_be24(head, 0) == 0x534551 && eg_u8(head, 3) < ' ' && head.size >= 4;
}

static enum eg_status refused(struct eg_error *err, size_t position, const char *what,
                              struct eg_span word, const char *instead) {
    char text[CLASS_NAME_MAX];
    enum eg_status status = eg_fail(err, EG_E_FORMAT, "a sequence file %s %s; %s", what,
                                    word_show(word, text), instead);
    if (err) err->position = (int64_t)position;
    return status;
}

static enum eg_status classes_read(struct eg_seqfile *out, struct reading *r,
                                   struct eg_error *err) {
    size_t at = r->at;
    struct eg_span word = take_word(r);
    if (r->cut) return EG_OK;
    if (eg_span_is(word, "org.apache.hadoop.io.LongWritable"))
        out->key_size = 8;
    else if (eg_span_is(word, "org.apache.hadoop.io.IntWritable"))
        out->key_size = 4;
    else
        return refused(err, at, "whose keys are", word,
                       "packets have LongWritable or IntWritable ones");
    at = r->at;
    word = take_word(r);
    if (r->cut || eg_span_is(word, "org.apache.hadoop.io.BytesWritable")) return EG_OK;
    return refused(err, at, "whose values are", word, "packets are BytesWritable");
}

static enum eg_status codec_read(struct eg_seqfile *out, struct reading *r, struct eg_error *err) {
    bool compressed = take_u8(r) != 0, blocks = take_u8(r) != 0;
    if (r->cut || !compressed) return EG_OK;
    size_t at = r->at;
    struct eg_span word = take_word(r);
    if (r->cut) return EG_OK;
    out->layout = blocks ? EG_SEQFILE_BLOCKS : EG_SEQFILE_RECORDS;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (eg_span_is(word, codecs[i].name)) {
            out->codec = codecs[i].codec;
            return EG_OK;
        }
    return refused(err, at, "compressed with", word,
                   "DefaultCodec, GzipCodec, ZStandardCodec, Lz4Codec and SnappyCodec can be "
                   "expanded");
}

static enum eg_status rest_read(struct eg_seqfile *out, struct reading *r, struct eg_error *err) {
    uint32_t words = eg_be32(r->head, r->at);
    r->cut = r->cut || !eg_span_has(r->head, r->at, 4);
    r->at += 4;
    for (uint64_t i = 0; i < 2 * (uint64_t)words && !r->cut; i++) (void)take_word(r);
    if (r->cut && r->head.size < EG_SEQFILE_HEAD_MAX) return EG_OK;
    if (r->cut || r->at > EG_SEQFILE_HEAD_MAX - sizeof out->mark)
        return eg_fail(err, EG_E_FORMAT, "a sequence file whose header is longer than %u bytes",
                       EG_SEQFILE_HEAD_MAX);
    r->cut = !eg_span_copy(r->head, r->at, out->mark, sizeof out->mark);
    out->head_size = (uint32_t)(r->at + sizeof out->mark);
    return EG_OK;
}

enum eg_status eg_seqfile_open(struct eg_seqfile *out, struct eg_span head, struct eg_error *err) {
    struct eg_seqfile file = {.layout = EG_SEQFILE_PLAIN};
    struct reading r = {.head = eg_span_sub(head, 0, EG_SEQFILE_HEAD_MAX), .at = 4};
    if (!eg_seqfile_is(head)) return eg_fail(err, EG_E_FORMAT, "no sequence file");
    if (eg_u8(head, 3) != VERSION) {
        enum eg_status status =
            eg_fail(err, EG_E_FORMAT, "a sequence file of version %u; only %d can be read",
                    eg_u8(head, 3), VERSION);
        if (err) err->position = 3;
        return status;
    }
    EG_TRY(classes_read(&file, &r, err));
    if (!r.cut) EG_TRY(codec_read(&file, &r, err));
    if (!r.cut || r.head.size == EG_SEQFILE_HEAD_MAX) EG_TRY(rest_read(&file, &r, err));
    if (r.cut) return eg_fail(err, EG_E_CUT, "a sequence file that ends inside its header");
    *out = file;
    return EG_OK;
}

/* ---- records ---- */

static enum eg_record damaged(struct eg_record_note *note, const char *why) {
    note->why = why;
    return EG_RECORD_DAMAGED;
}

static enum eg_record mark_read(const struct eg_seqfile *file, struct eg_span have,
                                struct eg_record_note *note) {
    note->size = EG_SEQFILE_MARK;
    if (have.size < EG_SEQFILE_MARK) return EG_RECORD_MORE;
    if (memcmp(eg_span_sub(have, 4, sizeof file->mark).at, file->mark, sizeof file->mark) != 0)
        return damaged(note, "a mark that is not the file's");
    return EG_RECORD_OTHER;
}

enum eg_record eg_seqfile_next(const struct eg_seqfile *file, struct eg_span have,
                               struct eg_seqfile_record *record, struct eg_record_note *note) {
    note->why = NULL;
    note->size = 4;
    if (have.size < 4) return EG_RECORD_MORE;
    uint32_t length = eg_be32(have, 0), least = file->key_size + 4;
    if (length == ESCAPE) return mark_read(file, have, note);
    if (length > EG_SEQFILE_RECORD_MAX || length < file->key_size)
        return damaged(note, "a record of an impossible length");
    note->size = LENGTHS;
    if (have.size < LENGTHS) return EG_RECORD_MORE;
    if (eg_be32(have, 4) != file->key_size)
        return damaged(note, "a record whose key is of another length than its class");
    size_t value = length - file->key_size;
    if (file->layout == EG_SEQFILE_PLAIN) {
        note->size = LENGTHS + least;
        if (length < least) return damaged(note, "a record of an impossible length");
        if (have.size < note->size) return EG_RECORD_MORE;
        if (eg_be32(have, LENGTHS + file->key_size) != value - 4)
            return damaged(note, "a value whose length contradicts its record's");
    }
    note->size = LENGTHS + (uint64_t)length;
    if (have.size < note->size) return EG_RECORD_MORE;
    record->key = eg_span_sub(have, LENGTHS, file->key_size);
    record->value = eg_span_sub(have, LENGTHS + file->key_size, value);
    return EG_RECORD_FRAME;
}

enum eg_record eg_seqfile_block(const struct eg_seqfile *file, struct eg_span have, uint32_t *count,
                                struct eg_record_note *note) {
    note->why = NULL;
    note->size = EG_SEQFILE_MARK;
    if (have.size >= 4 && eg_be32(have, 0) != ESCAPE)
        return damaged(note, "a block that does not begin with a mark");
    enum eg_record record = mark_read(file, have, note);
    if (record != EG_RECORD_OTHER) return record;
    int64_t number;
    size_t size;
    note->size = EG_SEQFILE_MARK + 1;
    struct eg_span rest = eg_span_from(have, EG_SEQFILE_MARK);
    if (!eg_seqfile_number(rest, &number, &size)) {
        note->size += rest.size;
        return EG_RECORD_MORE;
    }
    if (number < 0 || number > EG_SEQFILE_BLOCK_RECORDS_MAX)
        return damaged(note, "a block of an impossible number of records");
    *count = (uint32_t)number;
    note->size = EG_SEQFILE_MARK + size;
    return EG_RECORD_OTHER;
}

size_t eg_seqfile_mark_find(const struct eg_seqfile *file, struct eg_span have, size_t from,
                            bool *found) {
    uint8_t mark[EG_SEQFILE_MARK];
    memset(mark, 0xff, 4);
    memcpy(mark + 4, file->mark, sizeof file->mark);
    struct eg_span rest = eg_span_from(have, from);
    const uint8_t *at = rest.size ? memmem(rest.at, rest.size, mark, sizeof mark) : NULL;
    *found = at != NULL;
    if (at) return (size_t)(at - have.at);
    size_t behind = have.size < sizeof mark ? 0 : have.size - (sizeof mark - 1);
    return behind > from ? behind : from;
}

/* ---- packets ---- */

/* Writers know the time twice, and say the same. Where they do not, the packet's own is believed:
 * whatever the keys of a foreign writer count, it is not this packet's time. */
static void time_settle(const struct eg_seqfile *file, int64_t key, bool own,
                        struct eg_frame *frame, struct eg_tally *tally) {
    if (file->key_size != 8 || key == frame->time_ns) return;
    bool has_time = own && frame->time_ns != EG_FRAME_NO_TIME;
    /* a pcap ends in 2106: what stands there is later, as the key says */
    has_time = has_time && (frame->time_ns / 1000000000 < UINT32_MAX || key < frame->time_ns);
    if (has_time && (key < 0 || key / 1000 != frame->time_ns / 1000)) {
        if (tally)
            eg_tally_add(tally, EG_CAUSE_key_differs, NULL, frame->time_ns / 1000, 1, 1,
                         (int64_t)frame->length);
    } else if (key >= 0) {
        frame->time_ns = key;
    } else if (!own && tally) {
        eg_tally_add(tally, EG_CAUSE_time_impossible, NULL, INT64_MIN, 1, 1,
                     (int64_t)frame->length);
    }
}

static bool pcap_packet(struct eg_span bytes, struct eg_frame *frame, const char **why,
                        struct eg_tally *tally) {
    struct eg_pcap pcap;
    struct eg_record_note note;
    if (eg_pcap_open(&pcap, bytes, NULL) < 0) {
        *why = "a pcap header that cannot be";
        return false;
    }
    struct eg_span rest = eg_span_from(bytes, EG_PCAP_HEAD);
    enum eg_record record = eg_pcap_record(&pcap, rest, frame, &note, tally);
    *why = record == EG_RECORD_MORE ? "a packet that ends early" : note.why;
    if (record != EG_RECORD_FRAME) return false;
    if (note.size == rest.size) return true;
    *why = "more than one packet";
    return false;
}

bool eg_seqfile_packet(const struct eg_seqfile *file, struct eg_span key, struct eg_span bytes,
                       struct eg_frame *frame, const char **why, struct eg_tally *tally) {
    int64_t time_ns = file->key_size == 8 ? (int64_t)eg_be64(key, 0) : EG_FRAME_NO_TIME;
    bool own = eg_pcap_is(bytes);
    *frame = (struct eg_frame){.time_ns = EG_FRAME_NO_TIME,
                               .link_type = ETHERNET,
                               .interface = -1,
                               .length = bytes.size,
                               .payload = bytes};
    *why = bytes.size ? "a frame of more than 256 KiB" : "an empty value";
    bool good = own ? pcap_packet(bytes, frame, why, tally)
                    : bytes.size && bytes.size <= EG_FRAME_BYTES_MAX;
    if (good)
        time_settle(file, time_ns, own, frame, tally);
    else
        frame->time_ns = time_ns < 0 ? EG_FRAME_NO_TIME : time_ns;
    return good;
}
