/* SPDX-License-Identifier: Apache-2.0
 * Walking a DNS message: questions, then resource records, then what their types say. */
#include "wire/dns_addresses.h"

enum {
    HEADER = 12,
    QUESTION_TAIL = 4, /* type, class */
    RECORD_TAIL = 10,  /* type, class, time to live, length */
    TYPE_A = 1,
    TYPE_AAAA = 28,
    TYPE_OPT = 41,
    OPTION_CLIENT_SUBNET = 8,
    LABELS_MAX = 128, /* 255 bytes hold no more */
    NIBBLES = 32,
};

struct walk {
    struct eg_span message;
    uint32_t at; /* never beyond the message */
    bool over;
    void (*found)(void *to, const struct eg_dns_found *);
    void *to;
};

static void tell(const struct walk *w, enum eg_dns_place place, uint8_t detail, uint32_t offset,
                 uint32_t size) {
    struct eg_dns_found what = {place, detail, offset, size};
    if (size && eg_span_has(w->message, offset, size)) w->found(w->to, &what);
}

static void skip(struct walk *w, uint32_t size) {
    if (!eg_span_has(w->message, w->at, size))
        w->over = true;
    else
        w->at += size;
}

/* ---- names ---- */

struct label {
    uint32_t at, size;
};

static bool label_is(const struct walk *w, struct label label, const char *text) {
    if (label.size != strlen(text)) return false;
    for (uint32_t i = 0; i < label.size; i++)
        if ((eg_u8(w->message, label.at + i) | 0x20) != (uint8_t)text[i]) return false;
    return true;
}

/* Names of the reverse tree are addresses, their last part first. */
static void reverse_name(const struct walk *w, const struct label *labels, uint32_t count) {
    if (count < 3 || !label_is(w, labels[count - 1], "arpa")) return;
    uint32_t parts = count - 2;
    if (label_is(w, labels[parts], "in-addr"))
        for (uint32_t i = 0; i < parts; i++) tell(w, EG_DNS_LABEL, 0, labels[i].at, labels[i].size);
    if (!label_is(w, labels[parts], "ip6") || parts > NIBBLES) return;
    for (uint32_t i = 0; i < parts; i++)
        if (labels[i].size == 1) tell(w, EG_DNS_NIBBLE, (uint8_t)(parts - 1 - i), labels[i].at, 1);
}

static void name_walk(struct walk *w) {
    struct label labels[LABELS_MAX];
    for (uint32_t count = 0; !w->over; count++) {
        if (!eg_span_has(w->message, w->at, 1) || count == LABELS_MAX) {
            w->over = true;
            return;
        }
        uint8_t size = eg_u8(w->message, w->at);
        if (size >= 0xc0) { /* a pointer ends the name */
            skip(w, 2);
            return;
        }
        if (size >= 0x40) w->over = true; /* of no meaning any more */
        labels[count] = (struct label){w->at + 1, size};
        skip(w, 1u + size);
        if (size) continue;
        reverse_name(w, labels, count);
        return;
    }
}

/* ---- records ---- */

static void options_walk(const struct walk *w, uint32_t at, uint32_t end) {
    while (end - at >= 4) {
        uint32_t code = eg_be16(w->message, at), size = eg_be16(w->message, at + 2);
        at += 4;
        if (size > end - at) return;
        if (code == OPTION_CLIENT_SUBNET && size > 4)
            tell(w, EG_DNS_PREFIX, eg_u8(w->message, at + 1), at + 4, size - 4);
        at += size;
    }
}

static void record_walk(struct walk *w) {
    name_walk(w);
    uint32_t tail = w->at;
    skip(w, RECORD_TAIL);
    if (w->over) return;
    uint32_t type = eg_be16(w->message, tail), size = eg_be16(w->message, tail + 8);
    uint32_t data = w->at;
    skip(w, size);
    if (w->over) return;
    if (type == TYPE_A && size == 4) tell(w, EG_DNS_V4, 0, data, 4);
    if (type == TYPE_AAAA && size == 16) tell(w, EG_DNS_V6, 0, data, 16);
    if (type == TYPE_OPT) options_walk(w, data, data + size);
}

uint32_t eg_dns_addresses(struct eg_span message,
                          void (*found)(void *to, const struct eg_dns_found *), void *to) {
    struct walk w = {.message = eg_span_sub(message, 0, UINT16_MAX), .found = found, .to = to};
    skip(&w, HEADER);
    uint32_t whole = w.over ? (uint32_t)w.message.size : w.at; /* no address stands in a header */
    uint32_t questions = eg_be16(message, 4);
    uint32_t records = (uint32_t)eg_be16(message, 6) + eg_be16(message, 8) + eg_be16(message, 10);
    for (uint32_t i = 0; i < questions && !w.over; i++) {
        name_walk(&w);
        skip(&w, QUESTION_TAIL);
        if (!w.over) whole = w.at;
    }
    for (uint32_t i = 0; i < records && !w.over; i++) {
        record_walk(&w);
        if (!w.over) whole = w.at;
    }
    return whole;
}
