/* SPDX-License-Identifier: Apache-2.0
 * pcap's record layer (draft-ietf-opsawg-pcap). No length is believed: a frame holds at most
 * EG_FRAME_BYTES_MAX bytes, whatever the snap length says (snap lengths of 0, of 2^32-1 and smaller
 * than the frames are all found in the wild). */
#include "wire/pcap.h"

#define MAGIC_MODIFIED 0xa1b2cd34u

int32_t eg_link_type(uint32_t stored) {
    /* DLT_RAW is 12 on most systems and 14 on OpenBSD; files should hold LINKTYPE_RAW, 101. */
    if (stored == 12 || stored == 14) return 101;
    return (int32_t)stored;
}

static bool is_magic(uint32_t magic) {
    return magic == EG_PCAP_MICRO || magic == EG_PCAP_NANO || magic == MAGIC_MODIFIED;
}

bool eg_pcap_is(struct eg_span head) {
    return is_magic(eg_le32(head, 0)) || is_magic(eg_be32(head, 0));
}

enum eg_status eg_pcap_open(struct eg_pcap *out, struct eg_span head, struct eg_error *err) {
    if (!eg_pcap_is(head)) return eg_fail(err, EG_E_FORMAT, "no pcap file header");
    if (head.size < EG_PCAP_HEAD)
        return eg_fail(err, EG_E_CUT, "a pcap file that ends inside its header of %u bytes",
                       EG_PCAP_HEAD);
    struct eg_pcap pcap = {.big = is_magic(eg_be32(head, 0))};
    uint32_t magic = eg_u32(head, 0, pcap.big);
    pcap.header_size = magic == MAGIC_MODIFIED ? 24 : 16;
    pcap.tick_ns = magic == EG_PCAP_NANO ? 1 : 1000;
    pcap.ticks = magic == EG_PCAP_NANO ? 1000000000 : 1000000;
    uint16_t major = eg_u16(head, 4, pcap.big), minor = eg_u16(head, 6, pcap.big);
    /* 543.0 is written by one old program and means 2.4 */
    if (major != 2 && !(major == 543 && minor == 0)) {
        enum eg_status status = eg_fail(
            err, EG_E_FORMAT, "a pcap file of version %u.%u; only 2.x can be read", major, minor);
        if (err) err->position = 4;
        return status;
    }
    pcap.swapped = major == 2 && minor < 3;
    pcap.unsure = major == 2 && minor == 3;
    pcap.snaplen = eg_u32(head, 16, pcap.big);
    /* The upper bits: length of a frame check sequence (28-31), whether that is known (26); the
     * others are reserved, and a file that sets them means something else by this field. */
    uint32_t link = eg_u32(head, 20, pcap.big);
    if (link & 0x03ff0000u) {
        enum eg_status status = eg_fail(err, EG_E_FORMAT,
                                        "a pcap file whose link type field is 0x%08x, with "
                                        "reserved bits set",
                                        link);
        if (err) err->position = 20;
        return status;
    }
    pcap.link_type = eg_link_type(link & 0xffff);
    *out = pcap;
    return EG_OK;
}

/* The four fields of a record header. */
struct header {
    uint32_t seconds, fraction, captured, length;
};

static inline struct header header_read(const struct eg_pcap *pcap, struct eg_span have,
                                        size_t at) {
    struct header h = {eg_u32(have, at, pcap->big), eg_u32(have, at + 4, pcap->big),
                       eg_u32(have, at + 8, pcap->big), eg_u32(have, at + 12, pcap->big)};
    if (__builtin_expect(pcap->swapped || (pcap->unsure && h.captured > h.length), 0)) {
        uint32_t captured = h.length;
        h.length = h.captured;
        h.captured = captured;
    }
    return h;
}

static inline int64_t header_time(const struct eg_pcap *pcap, const struct header *h) {
    return (int64_t)h->seconds * 1000000000 + (int64_t)h->fraction * pcap->tick_ns;
}

enum eg_record eg_pcap_record(const struct eg_pcap *pcap, struct eg_span have,
                              struct eg_frame *frame, struct eg_record_note *note,
                              struct eg_tally *tally) {
    note->size = pcap->header_size;
    note->why = NULL;
    if (have.size < pcap->header_size) return EG_RECORD_MORE;
    struct header h = header_read(pcap, have, 0);
    if (h.captured > EG_FRAME_BYTES_MAX) {
        note->why = "a record that claims to hold more than 256 KiB";
        return EG_RECORD_DAMAGED;
    }
    note->size += h.captured;
    if (have.size < note->size) return EG_RECORD_MORE;
    *frame = (struct eg_frame){.time_ns = header_time(pcap, &h),
                               .link_type = pcap->link_type,
                               .interface = -1,
                               .length = h.length,
                               .payload = eg_span_sub(have, pcap->header_size, h.captured)};
    int64_t time_us = (int64_t)h.seconds * 1000000;
    if (h.fraction >= pcap->ticks) {
        frame->time_ns = EG_FRAME_NO_TIME;
        if (tally) eg_tally_add(tally, EG_CAUSE_time_impossible, NULL, INT64_MIN, 1, 1, h.length);
        time_us = INT64_MIN;
    }
    if (h.captured > h.length) {
        frame->length = h.captured;
        if (tally)
            eg_tally_add(tally, EG_CAUSE_capture_length_clamped, NULL, time_us, 1, 1, h.captured);
    }
    return EG_RECORD_FRAME;
}

int64_t eg_pcap_time_us(const struct eg_pcap *pcap, struct eg_span have) {
    if (have.size < pcap->header_size) return INT64_MIN;
    struct header h = header_read(pcap, have, 0);
    return h.fraction < pcap->ticks ? header_time(pcap, &h) / 1000 : INT64_MIN;
}

uint32_t eg_pcap_run(const struct eg_pcap *pcap, struct eg_span have, size_t *at, size_t until,
                     uint64_t base, const struct eg_pcap_run *to, uint32_t room) {
    const struct eg_pcap p = *pcap; /* in registers */
    uint32_t count = 0;
    size_t place = *at;
    while (count < room && place < until && eg_span_has(have, place, p.header_size)) {
        struct header h = header_read(&p, have, place);
        if (h.captured > EG_FRAME_BYTES_MAX || h.captured > h.length || h.fraction >= p.ticks ||
            !eg_span_has(have, place + p.header_size, h.captured))
            break;
        to->time_ns[count] = header_time(&p, &h);
        to->link_type[count] = p.link_type;
        to->length[count] = h.length;
        to->payload[count] = eg_span_sub(have, place + p.header_size, h.captured);
        to->offset[count] = (int64_t)(base + place);
        place += p.header_size + h.captured;
        count++;
    }
    *at = place;
    return count;
}

size_t eg_pcap_walk(const struct eg_pcap *pcap, struct eg_span have, size_t at, size_t until) {
    const struct eg_pcap p = *pcap;
    while (at < until && eg_span_has(have, at, p.header_size)) {
        struct header h = header_read(&p, have, at);
        if (h.captured > EG_FRAME_BYTES_MAX || !eg_span_has(have, at + p.header_size, h.captured))
            break;
        at += p.header_size + h.captured;
    }
    return at;
}
