/* SPDX-License-Identifier: Apache-2.0
 * Searching for a pattern: which two of its positions to look for, and the comparison behind that. */
#include "match/byte_search.h"

/* How common a byte is in packets, roughly: padding and length bytes, addresses, then text. */
static unsigned weight(unsigned byte) {
    if (byte == 0) return 100;
    if (byte == 0xff || byte == ' ' || byte == 'e') return 16;
    if (byte == 1 || byte == 2 || byte == 8 || byte == 10 || byte == 0x40 || byte == 0x45)
        return 14;
    if (byte >= 'a' && byte <= 'z') return 8;
    if (byte >= '-' && byte <= '9') return 8;
    if (byte < 0x20 || (byte >= 'A' && byte <= 'Z')) return 5;
    return 3;
}

static unsigned cost(struct eg_byte_kind kind) {
    unsigned sum = 0;
    for (unsigned b = 0; b < 256; b++)
        if (eg_byte_is(kind, (uint8_t)b)) sum += weight(b);
    return sum;
}

/* The narrowest range, going round behind 255, that holds all members of the set under the mask. */
static struct eg_byte_kind range_under(const struct eg_byte_set *set, uint8_t mask) {
    bool in[256] = {false};
    unsigned last = 256, gap = 0, low = 0;
    for (unsigned b = 0; b < 256; b++)
        if (eg_byte_set_has(set, (uint8_t)b)) in[b & mask] = true;
    for (unsigned b = 0; b < 512; b++) {
        if (!in[b & 255]) continue;
        if (last < 256 && b - last > gap) {
            gap = b - last;
            low = b & 255;
        }
        if (b >= 256) break;
        last = b;
    }
    if (last == 256) return (struct eg_byte_kind){0, 1, 0}; /* an empty set */
    return (struct eg_byte_kind){mask, (uint8_t)low, (uint8_t)(256 - gap)};
}

struct eg_byte_kind eg_byte_set_kind(const struct eg_byte_set *set) {
    uint8_t always = 0xff, ever = 0;
    for (unsigned b = 0; b < 256; b++) {
        if (!eg_byte_set_has(set, (uint8_t)b)) continue;
        always &= (uint8_t)b;
        ever |= (uint8_t)b;
    }
    /* all bits, all but that of the case, and those in which the members agree */
    const uint8_t masks[] = {0xff, 0xdf, (uint8_t) ~(always ^ ever), always};
    struct eg_byte_kind best = range_under(set, masks[0]);
    unsigned least = cost(best);
    for (size_t i = 1; i < sizeof masks; i++) {
        struct eg_byte_kind kind = range_under(set, masks[i]);
        unsigned price = cost(kind);
        if (price >= least) continue;
        least = price;
        best = kind;
    }
    return best;
}

void eg_byte_pattern_settle(struct eg_byte_pattern *pattern) {
    unsigned least = UINT32_MAX, next = UINT32_MAX;
    struct eg_byte_pair *pair = &pattern->pair;
    *pair = (struct eg_byte_pair){0};
    for (uint32_t i = 0; i < pattern->length; i++) {
        struct eg_byte_kind kind = eg_byte_set_kind(&pattern->sets[i]);
        unsigned price = cost(kind);
        if (price < least) {
            next = least;
            pair->second = pair->first;
            pair->second_at = pair->first_at;
            least = price;
            pair->first = kind;
            pair->first_at = i;
        } else if (price < next) {
            next = price;
            pair->second = kind;
            pair->second_at = i;
        }
    }
}

static bool holds_at(const struct eg_byte_pattern *pattern, struct eg_span in, size_t place) {
    for (uint32_t i = 0; i < pattern->length; i++)
        if (!eg_byte_set_has(&pattern->sets[i], eg_u8(in, place + i))) return false;
    return true;
}

bool eg_byte_pattern_found(const struct eg_byte_pattern *pattern, struct eg_span in) {
    if (in.size < pattern->length) return false;
    size_t end = in.size - pattern->length + 1;
    for (size_t at = 0;; at++) {
        at = eg_find_pair(&pattern->pair, in, at, end);
        if (at == end) return false;
        if (holds_at(pattern, in, at)) return true;
    }
}

bool eg_byte_pattern_found_behind(const struct eg_byte_pattern *pattern, struct eg_span front,
                                  struct eg_span back) {
    uint8_t seam[EG_PATTERN_FRONT_MAX + EG_PATTERN_MAX];
    if (front.size > EG_PATTERN_FRONT_MAX)
        front = eg_span_from(front, front.size - EG_PATTERN_FRONT_MAX);
    struct eg_span begin = eg_span_sub(back, 0, pattern->length - 1);
    (void)eg_span_copy(front, 0, seam, front.size);
    (void)eg_span_copy(begin, 0, seam + front.size, begin.size);
    return eg_byte_pattern_found(pattern, eg_span(seam, front.size + begin.size)) ||
           eg_byte_pattern_found(pattern, back);
}
