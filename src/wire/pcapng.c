/* SPDX-License-Identifier: Apache-2.0
 * pcapng's record layer (draft-ietf-opsawg-pcapng). The framing of blocks must hold, or reading
 * stops there; what is wrong inside a block costs that packet, interface or option alone. */
#include "wire/pcapng.h"

#include "base/alloc.h"
#include "base/utf8.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET_OLD 2u
#define BLOCK_PACKET_SIMPLE 3u
#define BLOCK_PACKET 6u
#define BYTE_ORDER 0x1a2b3c4du

#define OPTION_END 0
#define OPTION_IF_NAME 2
#define OPTION_IF_TSRESOL 9
#define OPTION_IF_TSOFFSET 14

#define RESOLUTION_MICRO 6
#define RESOLUTION_DECIMAL_MAX 19 /* finer ones leave no whole second in 64 bits */
#define RESOLUTION_BINARY_MAX 63

#define PACKET_HEAD 28u /* block header and fixed fields of both packet blocks */
#define SIMPLE_HEAD 12u
#define INTERFACE_HEAD 16u

bool eg_pcapng_is(struct eg_span head) {
    return eg_le32(head, 0) == BLOCK_SECTION &&
           (eg_le32(head, 8) == BYTE_ORDER || eg_be32(head, 8) == BYTE_ORDER);
}

static void interfaces_forget(struct eg_pcapng *ng) {
    for (uint32_t i = 0; i < ng->count; i++) eg_free(ng->interfaces[i].name);
    ng->count = 0;
}

void eg_pcapng_reset(struct eg_pcapng *ng) {
    interfaces_forget(ng);
    eg_free(ng->interfaces);
    *ng = (struct eg_pcapng){0};
}

/* ---- times ---- */

int64_t eg_pcapng_time(const struct eg_pcapng_interface *interface, uint64_t stamp) {
    uint8_t exponent = interface->resolution & 0x7f;
    __int128 ns = stamp;
    if (interface->resolution & 0x80) {
        ns = (ns * 1000000000) >> exponent;
    } else {
        for (; exponent < 9; exponent++) ns *= 10;
        for (; exponent > 9; exponent--) ns /= 10;
    }
    ns += (__int128)interface->offset_s * 1000000000;
    if (ns <= INT64_MIN || ns > INT64_MAX) return EG_FRAME_NO_TIME;
    return (int64_t)ns;
}

/* ---- sections and interfaces ---- */

/* Takes one option of an interface; false: it has an impossible value. */
static bool option_take(struct eg_pcapng_interface *interface, const struct eg_pcapng *ng,
                        uint16_t code, struct eg_span value, bool *no_memory) {
    if (code == OPTION_IF_TSRESOL) {
        uint8_t resolution = eg_u8(value, 0);
        uint8_t max = resolution & 0x80 ? RESOLUTION_BINARY_MAX : RESOLUTION_DECIMAL_MAX;
        if (value.size != 1 || (resolution & 0x7f) > max) return false;
        interface->resolution = resolution;
    } else if (code == OPTION_IF_TSOFFSET) {
        if (value.size != 8) return false;
        uint64_t high = eg_u32(value, ng->big ? 0 : 4, ng->big);
        interface->offset_s = (int64_t)(high << 32 | eg_u32(value, ng->big ? 4 : 0, ng->big));
    } else if (code == OPTION_IF_NAME && !interface->name) {
        const void *nul = value.size ? memchr(value.at, 0, value.size) : NULL;
        if (nul) value.size = (size_t)((const uint8_t *)nul - value.at);
        if (value.size > EG_PCAPNG_NAME_MAX || eg_utf8_good(value) < value.size) return false;
        if (value.size == 0) return true;
        interface->name = eg_strndup((const char *)value.at, value.size);
        *no_memory = !interface->name;
    }
    return true;
}

/* Whether memory sufficed. */
static bool options_read(struct eg_pcapng_interface *interface, const struct eg_pcapng *ng,
                         struct eg_span options, struct eg_tally *tally) {
    bool no_memory = false;
    size_t at = 0;
    while (eg_span_has(options, at, 4) && !no_memory) {
        uint16_t code = eg_u16(options, at, ng->big), size = eg_u16(options, at + 2, ng->big);
        if (code == OPTION_END) break;
        bool whole = eg_span_has(options, at + 4, size);
        if (!whole ||
            !option_take(interface, ng, code, eg_span_sub(options, at + 4, size), &no_memory))
            eg_tally_add(tally, EG_CAUSE_capture_option_bad, NULL, INT64_MIN, 1, 0, size);
        if (!whole) break;
        at += 4 + ((size + 3u) & ~3u);
    }
    return !no_memory;
}

static enum eg_record interface_add(struct eg_pcapng *ng, struct eg_span block, uint32_t size,
                                    struct eg_record_note *note, struct eg_tally *tally) {
    if (ng->count == EG_PCAPNG_INTERFACES_MAX) {
        note->why = "more interfaces in a section than there can be";
        eg_tally_add(tally, EG_CAUSE_capture_damaged, NULL, INT64_MIN, 1, 0, size);
        return EG_RECORD_OTHER;
    }
    if (ng->count == ng->room) {
        uint32_t room = ng->room ? ng->room * 2 : 4;
        struct eg_pcapng_interface *more = eg_realloc(ng->interfaces, room, sizeof *more);
        if (!more) return EG_RECORD_NO_MEMORY;
        ng->interfaces = more;
        ng->room = room;
    }
    struct eg_pcapng_interface interface = {.link_type = -1, .resolution = RESOLUTION_MICRO};
    if (size < INTERFACE_HEAD + 4) {
        note->why = "the description of an interface that is too short";
        eg_tally_add(tally, EG_CAUSE_capture_damaged, NULL, INT64_MIN, 1, 0, size);
    } else {
        interface.link_type = eg_link_type(eg_u16(block, 8, ng->big));
        interface.snaplen = eg_u32(block, 12, ng->big);
        struct eg_span options = eg_span_sub(block, INTERFACE_HEAD, size - INTERFACE_HEAD - 4);
        if (!options_read(&interface, ng, options, tally)) {
            eg_free(interface.name);
            return EG_RECORD_NO_MEMORY;
        }
    }
    ng->interfaces[ng->count++] = interface;
    return EG_RECORD_OTHER;
}

/* ---- packets ---- */

static const struct eg_pcapng_interface *interface_find(const struct eg_pcapng *ng, uint32_t index,
                                                        uint32_t size, struct eg_record_note *note,
                                                        struct eg_tally *tally) {
    if (index < ng->count && ng->interfaces[index].link_type >= 0) return &ng->interfaces[index];
    note->why = "a packet of an interface that is not described";
    eg_tally_add(tally, EG_CAUSE_capture_interface_unknown, NULL, INT64_MIN, 1, 1, size);
    return NULL;
}

static enum eg_record packet_damaged(uint32_t size, struct eg_record_note *note,
                                     struct eg_tally *tally) {
    note->why = "a packet whose length contradicts its block's";
    eg_tally_add(tally, EG_CAUSE_capture_damaged, NULL, INT64_MIN, 1, 1, size);
    return EG_RECORD_OTHER;
}

static void length_check(struct eg_frame *frame, struct eg_tally *tally) {
    if (frame->payload.size <= frame->length) return;
    int64_t time_us = frame->time_ns == EG_FRAME_NO_TIME ? INT64_MIN : frame->time_ns / 1000;
    frame->length = frame->payload.size;
    eg_tally_add(tally, EG_CAUSE_capture_length_clamped, NULL, time_us, 1, 1,
                 (int64_t)frame->length);
}

/* The enhanced packet block and the old packet block differ in the width of the interface. */
static enum eg_record packet_read(const struct eg_pcapng *ng, struct eg_span block, uint32_t size,
                                  bool old, struct eg_frame *frame, struct eg_record_note *note,
                                  struct eg_tally *tally) {
    if (size < PACKET_HEAD + 4) return packet_damaged(size, note, tally);
    uint32_t index = old ? eg_u16(block, 8, ng->big) : eg_u32(block, 8, ng->big);
    uint32_t captured = eg_u32(block, 20, ng->big), length = eg_u32(block, 24, ng->big);
    const struct eg_pcapng_interface *interface = interface_find(ng, index, size, note, tally);
    if (!interface) return EG_RECORD_OTHER;
    if (captured > size - PACKET_HEAD - 4 || captured > EG_FRAME_BYTES_MAX)
        return packet_damaged(size, note, tally);
    uint64_t stamp = (uint64_t)eg_u32(block, 12, ng->big) << 32 | eg_u32(block, 16, ng->big);
    *frame = (struct eg_frame){.time_ns = eg_pcapng_time(interface, stamp),
                               .link_type = interface->link_type,
                               .interface = (int32_t)index,
                               .length = length,
                               .payload = eg_span_sub(block, PACKET_HEAD, captured)};
    if (frame->time_ns == EG_FRAME_NO_TIME)
        eg_tally_add(tally, EG_CAUSE_time_impossible, NULL, INT64_MIN, 1, 1, length);
    length_check(frame, tally);
    return EG_RECORD_FRAME;
}

/* The simple packet block has no time, and says only how long the packet was: what was captured of
 * it is that, cut to the snap length of interface 0 and to the block. */
static enum eg_record simple_read(const struct eg_pcapng *ng, struct eg_span block, uint32_t size,
                                  struct eg_frame *frame, struct eg_record_note *note,
                                  struct eg_tally *tally) {
    if (size < SIMPLE_HEAD + 4) return packet_damaged(size, note, tally);
    const struct eg_pcapng_interface *interface = interface_find(ng, 0, size, note, tally);
    if (!interface) return EG_RECORD_OTHER;
    uint32_t length = eg_u32(block, 8, ng->big), captured = length;
    if (interface->snaplen && captured > interface->snaplen) captured = interface->snaplen;
    if (captured > size - SIMPLE_HEAD - 4) captured = size - SIMPLE_HEAD - 4;
    if (captured > EG_FRAME_BYTES_MAX) return packet_damaged(size, note, tally);
    *frame = (struct eg_frame){.time_ns = EG_FRAME_NO_TIME,
                               .link_type = interface->link_type,
                               .interface = 0,
                               .length = length,
                               .payload = eg_span_sub(block, SIMPLE_HEAD, captured)};
    return EG_RECORD_FRAME;
}

/* ---- blocks ---- */

static enum eg_record damaged(struct eg_record_note *note, const char *why) {
    note->why = why;
    return EG_RECORD_DAMAGED;
}

static bool holds_packet(uint32_t type) {
    return type == BLOCK_PACKET || type == BLOCK_PACKET_SIMPLE || type == BLOCK_PACKET_OLD;
}

bool eg_pcapng_holds_packet(const struct eg_pcapng *ng, struct eg_span have) {
    return have.size >= 12 && holds_packet(eg_u32(have, 0, ng->big));
}

/* Behind a block too long to be looked at whole. */
static enum eg_record trailer_read(struct eg_pcapng *ng, struct eg_span have,
                                   struct eg_record_note *note) {
    note->size = 4;
    if (have.size < 4) return EG_RECORD_MORE;
    if (eg_u32(have, 0, ng->big) != ng->trailer)
        return damaged(note, "a block whose two lengths differ");
    ng->trailer = 0;
    return EG_RECORD_OTHER;
}

/* The byte order a section header sets; false: it sets none. */
static bool section_order(struct eg_span block, bool *big) {
    *big = eg_be32(block, 8) == BYTE_ORDER;
    return *big || eg_le32(block, 8) == BYTE_ORDER;
}

static enum eg_record section_begin(struct eg_pcapng *ng, struct eg_span block, uint32_t size,
                                    bool big, struct eg_record_note *note) {
    if (size < 28) return damaged(note, "a section header block shorter than 28 bytes");
    if (eg_u16(block, 12, big) != 1) return damaged(note, "a section of a version that is not 1.x");
    interfaces_forget(ng);
    ng->big = big;
    ng->section++;
    return EG_RECORD_OTHER;
}

enum eg_record eg_pcapng_block(struct eg_pcapng *ng, struct eg_span have, struct eg_frame *frame,
                               struct eg_record_note *note, struct eg_tally *tally) {
    *note = (struct eg_record_note){.size = 12};
    if (ng->trailer) return trailer_read(ng, have, note);
    if (have.size < 12) return EG_RECORD_MORE;
    bool section = eg_le32(have, 0) == BLOCK_SECTION, big = ng->big;
    if (section && !section_order(have, &big))
        return damaged(note, "a section header block without a byte-order mark");
    uint32_t type = eg_u32(have, 0, big), size = eg_u32(have, 4, big);
    if (size < 12) return damaged(note, "a block shorter than 12 bytes");
    if (size % 4) return damaged(note, "a block whose length is not a multiple of 4");
    bool whole = size <= EG_PCAPNG_BLOCK_MAX;
    if (!whole && holds_packet(type)) return damaged(note, "a packet block of more than 512 KiB");
    note->size = whole ? size : EG_PCAPNG_BLOCK_MAX;
    if (have.size < note->size) return EG_RECORD_MORE;
    if (whole && eg_u32(have, size - 4, big) != size)
        return damaged(note, "a block whose two lengths differ");
    enum eg_record record = EG_RECORD_OTHER;
    switch (type) {
    case BLOCK_SECTION: record = section_begin(ng, have, size, big, note); break;
    case BLOCK_INTERFACE: record = interface_add(ng, have, size, note, tally); break;
    case BLOCK_PACKET: record = packet_read(ng, have, size, false, frame, note, tally); break;
    case BLOCK_PACKET_OLD: record = packet_read(ng, have, size, true, frame, note, tally); break;
    case BLOCK_PACKET_SIMPLE: record = simple_read(ng, have, size, frame, note, tally); break;
    default: eg_tally_add(tally, EG_CAUSE_capture_block_skipped, NULL, INT64_MIN, 1, 0, size);
    }
    if (!whole && record == EG_RECORD_OTHER) {
        ng->trailer = size;
        note->size = size - 4;
    }
    return record;
}

static bool block_fits(struct eg_span have, bool more, bool big) {
    uint32_t size = eg_u32(have, 4, big);
    if (size < 12 || size % 4) return false;
    if (size > have.size) return more;
    return eg_u32(have, size - 4, big) == size;
}

bool eg_pcapng_block_follows(struct eg_span have, bool more) {
    if (have.size < 12) return false;
    return block_fits(have, more, false) || block_fits(have, more, true);
}
