/* SPDX-License-Identifier: Apache-2.0
 * Capture files as they are written. Sources: draft-ietf-opsawg-pcap sections 4 and 5;
 * draft-ietf-opsawg-pcapng sections 4.1 (section header), 4.2 (interface), 4.3 (enhanced packet). */
#include "wire/capture_write.h"

#include "base/timetext.h"
#include "wire/pcap.h"
#include "wire/seqfile_write.h"

#include <string.h>

enum {
    PCAP_HEAD = 24,
    PCAP_RECORD = 16,
    NG_FRAME = 12, /* type, and the length in front and behind */
    NG_PACKET = 20,
    NG_SECTION_TYPE = 0x0a0d0d0a,
    NG_INTERFACE_TYPE = 1,
    NG_PACKET_TYPE = 6,
    OPTION_NAME = 2,
    OPTION_RESOLUTION = 9,
    OPTION_PROGRAM = 4,
};
#define NG_MAGIC 0x1a2b3c4du

/* ---- little-endian numbers ---- */

static void put16(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}
static void put32(uint8_t *to, uint32_t value) {
    put16(to, value & 0xffff);
    put16(to + 2, value >> 16);
}
static void add32(struct eg_strbuf *to, uint32_t value) {
    uint8_t bytes[4];
    put32(bytes, value);
    eg_strbuf_add(to, bytes, sizeof bytes);
}

static uint32_t padding(size_t size) { return (uint32_t)(-size & 3); }

static struct eg_span payload_of(const struct eg_frame *frame) {
    return eg_span_sub(frame->payload, 0, EG_FRAME_BYTES_MAX);
}

static uint32_t length_of(const struct eg_frame *frame) {
    return frame->length > UINT32_MAX ? UINT32_MAX : (uint32_t)frame->length;
}

/* ---- pcap ---- */

static void pcap_head(struct eg_strbuf *to, int32_t link_type, uint32_t magic) {
    uint8_t head[PCAP_HEAD] = {0};
    put32(head, magic);
    put16(head + 4, 2); /* version 2.4 */
    put16(head + 6, 4);
    put32(head + 16, EG_FRAME_BYTES_MAX);
    put32(head + 20, (uint32_t)link_type);
    eg_strbuf_add(to, head, sizeof head);
}

static void pcap_record(struct eg_strbuf *to, const struct eg_frame *frame, uint32_t tick_ns) {
    struct eg_span payload = payload_of(frame);
    int64_t time_ns = frame->time_ns < 0 ? 0 : frame->time_ns;
    int64_t seconds = time_ns / EG_SECOND_NS;
    uint8_t head[PCAP_RECORD];
    put32(head, seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
    put32(head + 4, (uint32_t)(time_ns % EG_SECOND_NS) / tick_ns);
    put32(head + 8, (uint32_t)payload.size);
    put32(head + 12, length_of(frame));
    eg_strbuf_add(to, head, sizeof head);
    eg_strbuf_add(to, payload.at, payload.size);
}

void eg_write_pcap_head(struct eg_strbuf *to, int32_t link_type) {
    pcap_head(to, link_type, EG_PCAP_NANO);
}
void eg_write_pcap_record(struct eg_strbuf *to, const struct eg_frame *frame) {
    pcap_record(to, frame, 1);
}
void eg_write_pcap_head_us(struct eg_strbuf *to, int32_t link_type) {
    pcap_head(to, link_type, EG_PCAP_MICRO);
}
void eg_write_pcap_record_us(struct eg_strbuf *to, const struct eg_frame *frame) {
    pcap_record(to, frame, 1000);
}

size_t eg_write_pcap_refine(void *bytes, size_t size, bool head) {
    struct eg_span have = eg_span(bytes, size);
    size_t at = head ? PCAP_HEAD : 0;
    if (have.size < at) return 0;
    if (head) put32(bytes, EG_PCAP_NANO);
    while (eg_span_has(have, at, PCAP_RECORD)) {
        uint32_t captured = eg_le32(have, at + 8);
        if (!eg_span_has(have, at + PCAP_RECORD, captured)) break;
        put32((uint8_t *)bytes + at + 4, eg_le32(have, at + 4) * 1000);
        at += PCAP_RECORD + captured;
    }
    return at;
}

/* ---- pcapng ---- */

static void option_add(struct eg_strbuf *to, uint32_t code, const void *value, size_t size) {
    static const uint8_t zeros[4];
    uint8_t head[4];
    put16(head, code);
    put16(head + 2, (uint32_t)size);
    eg_strbuf_add(to, head, sizeof head);
    eg_strbuf_add(to, value, size);
    eg_strbuf_add(to, zeros, padding(size));
}

static uint32_t option_size(size_t size) { return 4 + (uint32_t)size + padding(size); }

void eg_write_pcapng_head(struct eg_strbuf *to, const char *program) {
    uint32_t size = NG_FRAME + 16 + option_size(strlen(program)) + 4;
    uint8_t body[16];
    put32(body, NG_MAGIC);
    put16(body + 4, 1); /* version 1.0 */
    put16(body + 6, 0);
    memset(body + 8, 0xff, 8); /* length of the section: not known */
    add32(to, NG_SECTION_TYPE);
    add32(to, size);
    eg_strbuf_add(to, body, sizeof body);
    option_add(to, OPTION_PROGRAM, program, strlen(program));
    add32(to, 0);
    add32(to, size);
}

void eg_write_pcapng_interface(struct eg_strbuf *to, int32_t link_type, struct eg_span name) {
    static const uint8_t nanoseconds = 9;
    struct eg_span kept = eg_span_sub(name, 0, 255);
    uint32_t options = option_size(1) + (kept.size ? option_size(kept.size) : 0) + 4;
    uint32_t size = NG_FRAME + 8 + options;
    uint8_t body[8] = {0};
    put16(body, (uint32_t)link_type);
    put32(body + 4, EG_FRAME_BYTES_MAX);
    add32(to, NG_INTERFACE_TYPE);
    add32(to, size);
    eg_strbuf_add(to, body, sizeof body);
    if (kept.size) option_add(to, OPTION_NAME, kept.at, kept.size);
    option_add(to, OPTION_RESOLUTION, &nanoseconds, 1);
    add32(to, 0);
    add32(to, size);
}

void eg_write_pcapng_record(struct eg_strbuf *to, const struct eg_frame *frame,
                            uint32_t interface) {
    static const uint8_t zeros[4];
    struct eg_span payload = payload_of(frame);
    uint64_t time_ns = frame->time_ns < 0 ? 0 : (uint64_t)frame->time_ns;
    uint32_t size = (uint32_t)eg_write_size(EG_WRITE_PCAPNG, payload.size);
    uint8_t head[8 + NG_PACKET];
    put32(head, NG_PACKET_TYPE);
    put32(head + 4, size);
    put32(head + 8, interface);
    put32(head + 12, (uint32_t)(time_ns >> 32));
    put32(head + 16, (uint32_t)time_ns);
    put32(head + 20, (uint32_t)payload.size);
    put32(head + 24, length_of(frame));
    eg_strbuf_add(to, head, sizeof head);
    eg_strbuf_add(to, payload.at, payload.size);
    eg_strbuf_add(to, zeros, padding(payload.size));
    add32(to, size);
}

bool eg_write_time_fits(enum eg_capture_format format, int64_t time_ns) {
    return time_ns >= 0 && (format == EG_WRITE_PCAPNG || time_ns / EG_SECOND_NS <= UINT32_MAX);
}

uint64_t eg_write_size(enum eg_capture_format format, size_t payload) {
    if (payload > EG_FRAME_BYTES_MAX) payload = EG_FRAME_BYTES_MAX;
    if (format == EG_WRITE_PCAP) return PCAP_RECORD + payload;
    if (format == EG_WRITE_SEQFILE) return eg_seqfile_put_size(payload);
    return NG_FRAME + NG_PACKET + payload + padding(payload);
}

/* ---- what is whole ---- */

/* The size of the record at the beginning of `have`; 0: it is not whole; UINT64_MAX: it is none. A
 * file that lost its power may end in zeros, which would read as an empty record of 1970. */
static uint64_t pcap_whole(struct eg_span have) {
    if (have.size < PCAP_RECORD) return 0;
    uint32_t seconds = eg_le32(have, 0), fraction = eg_le32(have, 4);
    uint32_t captured = eg_le32(have, 8), length = eg_le32(have, 12);
    bool nothing = !seconds && !fraction && !captured && !length;
    if (nothing || fraction >= EG_SECOND_NS || captured > EG_FRAME_BYTES_MAX || captured > length)
        return UINT64_MAX;
    return eg_span_has(have, PCAP_RECORD, captured) ? PCAP_RECORD + (uint64_t)captured : 0;
}

static uint64_t block_whole(struct eg_span have, bool *packet) {
    if (have.size < 8) return 0;
    uint32_t type = eg_le32(have, 0), size = eg_le32(have, 4);
    if (size < NG_FRAME || size % 4 || size > EG_WRITTEN_PIECE) return UINT64_MAX;
    if (type != NG_SECTION_TYPE && type != NG_INTERFACE_TYPE && type != NG_PACKET_TYPE)
        return UINT64_MAX;
    if (!eg_span_has(have, 0, size)) return 0;
    if (eg_le32(have, size - 4) != size) return UINT64_MAX;
    *packet = type == NG_PACKET_TYPE;
    return size;
}

/* Answers how many bytes the file's header takes; 0: it is not whole, or none. */
static size_t written_begin(struct eg_written *w, struct eg_span have) {
    if (have.size < PCAP_HEAD) return 0;
    if (eg_seqfile_is(have)) {
        w->format = EG_WRITE_SEQFILE;
        enum eg_status status = eg_seqfile_open(&w->seqfile, have, NULL);
        w->damaged = status == EG_E_FORMAT;
        w->begun = status == EG_OK;
        return w->begun ? w->seqfile.head_size : 0;
    }
    w->format = eg_le32(have, 0) == NG_SECTION_TYPE ? EG_WRITE_PCAPNG : EG_WRITE_PCAP;
    w->damaged = w->format == EG_WRITE_PCAP && eg_le32(have, 0) != EG_PCAP_NANO;
    w->begun = !w->damaged;
    return w->begun && w->format == EG_WRITE_PCAP ? PCAP_HEAD : 0;
}

void eg_written_walk(struct eg_written *w, struct eg_span have) {
    if (!w->begun) {
        size_t head = written_begin(w, have);
        if (!w->begun) return;
        w->offset = head;
        have = eg_span_from(have, head);
    }
    if (w->format == EG_WRITE_SEQFILE) {
        w->offset += eg_seqfile_whole(&w->seqfile, have, &w->packets, &w->damaged);
        return;
    }
    bool is_ng = w->format == EG_WRITE_PCAPNG;
    while (!w->damaged) {
        bool packet = !is_ng;
        uint64_t size = is_ng ? block_whole(have, &packet) : pcap_whole(have);
        if (!size) return;
        w->damaged = size == UINT64_MAX;
        if (w->damaged) return;
        w->offset += size;
        w->packets += packet;
        have = eg_span_from(have, size);
    }
}
