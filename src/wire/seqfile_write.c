/* SPDX-License-Identifier: Apache-2.0
 * Sequence files as they are written. Source: what org.apache.hadoop.io.SequenceFile of Hadoop 3.4
 * writes, byte for byte (tests/system/test_seqfile.py compares the two). */
#include "wire/seqfile_write.h"

#include "base/timetext.h"
#include "wire/pcap.h"

#include <string.h>

enum {
    PACKET_HEADERS = 24 + 16, /* of the pcap in each value */
    KEY = 8,
    RECORD_HEADERS = 8 + KEY + 4,
    SNAPLEN = 65535,
    MARKS_APART = 100 * 1024, /* at least */
};

static void put_be32(uint8_t *to, uint32_t value) {
    value = __builtin_bswap32(value);
    memcpy(to, &value, 4);
}
static void put_be64(uint8_t *to, uint64_t value) {
    put_be32(to, (uint32_t)(value >> 32));
    put_be32(to + 4, (uint32_t)value);
}
static void put_le32(uint8_t *to, uint32_t value) { memcpy(to, &value, 4); }

static void add_word(struct eg_strbuf *to, const char *word) {
    eg_strbuf_char(to, (char)strlen(word)); /* below 128: its own length of variable length */
    eg_strbuf_text(to, word);
}

void eg_seqfile_begin(struct eg_seqfile_writer *w, const uint8_t mark[16], struct eg_strbuf *to) {
    static const uint8_t plain[6]; /* not compressed, not in blocks, no metadata */
    size_t before = to->size;
    memcpy(w->mark, mark, sizeof w->mark);
    eg_strbuf_add(to, "SEQ\6", 4);
    add_word(to, "org.apache.hadoop.io.LongWritable");
    add_word(to, "org.apache.hadoop.io.BytesWritable");
    eg_strbuf_add(to, plain, sizeof plain);
    eg_strbuf_add(to, mark, sizeof w->mark);
    w->size = to->size - before;
    w->marked = 0; /* as Hadoop counts: from the beginning of the file */
}

static void add_mark(struct eg_seqfile_writer *w, struct eg_strbuf *to) {
    static const uint8_t escape[4] = {0xff, 0xff, 0xff, 0xff};
    eg_strbuf_add(to, escape, sizeof escape);
    eg_strbuf_add(to, w->mark, sizeof w->mark);
    w->size += EG_SEQFILE_MARK;
    w->marked = w->size;
}

uint64_t eg_seqfile_put_size(size_t payload) {
    if (payload > EG_FRAME_BYTES_MAX) payload = EG_FRAME_BYTES_MAX;
    return EG_SEQFILE_MARK + RECORD_HEADERS + PACKET_HEADERS + payload;
}

void eg_seqfile_put(struct eg_seqfile_writer *w, const struct eg_frame *frame,
                    struct eg_strbuf *to) {
    struct eg_span payload = eg_span_sub(frame->payload, 0, EG_FRAME_BYTES_MAX);
    uint32_t size = (uint32_t)payload.size, value = PACKET_HEADERS + size;
    int64_t time_ns = frame->time_ns < 0 ? 0 : frame->time_ns;
    int64_t seconds = time_ns / EG_SECOND_NS;
    uint8_t head[RECORD_HEADERS + PACKET_HEADERS] = {0}, *pcap = head + RECORD_HEADERS;
    if (w->size >= w->marked + MARKS_APART) add_mark(w, to);
    put_be32(head, KEY + 4 + value);
    put_be32(head + 4, KEY);
    put_be64(head + 8, (uint64_t)time_ns);
    put_be32(head + 16, value);
    put_le32(pcap, EG_PCAP_MICRO);
    pcap[4] = 2; /* version 2.4 */
    pcap[6] = 4;
    put_le32(pcap + 16, size > SNAPLEN ? EG_FRAME_BYTES_MAX : SNAPLEN);
    put_le32(pcap + 20, (uint32_t)frame->link_type);
    put_le32(pcap + 24, seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
    put_le32(pcap + 28, (uint32_t)(time_ns % EG_SECOND_NS / 1000));
    put_le32(pcap + 32, size);
    put_le32(pcap + 36, frame->length > UINT32_MAX ? UINT32_MAX : (uint32_t)frame->length);
    eg_strbuf_add(to, head, sizeof head);
    eg_strbuf_add(to, payload.at, payload.size);
    w->size += sizeof head + payload.size;
}

/* ---- what is whole ---- */

size_t eg_seqfile_whole(const struct eg_seqfile *file, struct eg_span have, uint64_t *records,
                        bool *damaged) {
    size_t at = 0;
    for (;;) {
        struct eg_seqfile_record record;
        struct eg_record_note note;
        enum eg_record found = eg_seqfile_next(file, eg_span_from(have, at), &record, &note);
        *damaged = found == EG_RECORD_DAMAGED;
        if (found != EG_RECORD_FRAME && found != EG_RECORD_OTHER) return at;
        *records += found == EG_RECORD_FRAME;
        at += (size_t)note.size;
    }
}

/* ---- names ---- */

/* The component behind the last '_' of [text, *end), which moves before it. */
static struct eg_span last_part(const char *text, size_t *end) {
    const char *line = *end ? memrchr(text, '_', *end) : NULL;
    size_t from = line ? (size_t)(line - text) + 1 : 0;
    struct eg_span part = eg_span(text + from, *end - from);
    *end = from ? from - 1 : 0;
    return part;
}

static bool number_read(struct eg_span digits, uint64_t max, uint64_t *out) {
    *out = 0;
    if (!digits.size) return false;
    for (size_t i = 0; i < digits.size; i++) {
        uint8_t digit = (uint8_t)(eg_u8(digits, i) - '0');
        if (digit > 9 || *out > (max - digit) / 10) return false;
        *out = *out * 10 + digit;
    }
    return true;
}

bool eg_seqfile_name_read(struct eg_seqfile_name *out, const char *path) {
    static const char begin[] = "pcap_";
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t end = strlen(name);
    uint64_t partition;
    if (strncmp(name, begin, sizeof begin - 1) != 0) return false;
    out->run = last_part(name, &end);
    if (!number_read(last_part(name, &end), UINT32_MAX, &partition)) return false;
    if (!number_read(last_part(name, &end), UINT64_MAX, &out->time_ns)) return false;
    out->partition = (uint32_t)partition;
    if (end <= sizeof begin - 1) return false;
    out->topic = eg_span(name + sizeof begin - 1, end - (sizeof begin - 1));
    return out->run.size > 0;
}
