/* SPDX-License-Identifier: Apache-2.0
 * Addresses as text and back, written by hand since every row that leaves has several.
 * Source: RFC 5952 for how IPv6 is written, RFC 4291 section 2.2 for what is read. Of the forms
 * that RFC 5952 section 5 leaves open, only ::ffff:0:0/96 is written with dots: it is our IPv4. */
#include "table/address.h"

#include <string.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const char hex_digits[] = "0123456789abcdef";

struct eg_addr eg_addr_v4(uint32_t host_order) {
    struct eg_addr addr;
    memcpy(addr.bytes, v4_prefix, sizeof v4_prefix);
    for (int i = 0; i < 4; i++) addr.bytes[12 + i] = (uint8_t)(host_order >> (24 - 8 * i));
    return addr;
}

bool eg_addr_is_v4(const struct eg_addr *addr) {
    return memcmp(addr->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

/* ---- out ---- */

static const char digit_pairs[] = "0001020304050607080910111213141516171819"
                                  "2021222324252627282930313233343536373839"
                                  "4041424344454647484950515253545556575859"
                                  "6061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

/* Writes three bytes whatever the octet needs; the next one writes over what is too much. */
static char *put_octet(char *at, uint32_t octet) {
    uint32_t hundreds = octet >= 200 ? 2 : octet >= 100;
    const char *pair = digit_pairs + 2 * (octet - hundreds * 100);
    *at = (char)('0' + hundreds);
    at += hundreds != 0;
    *at = pair[0];
    at += octet >= 10;
    *at = pair[1];
    return at + 1;
}

static char *put_v4(char *at, const uint8_t octets[4]) {
    for (int i = 0; i < 4; i++) {
        if (i) *at++ = '.';
        at = put_octet(at, octets[i]);
    }
    return at;
}

static char *put_group(char *at, uint32_t group) {
    if (group >= 0x1000) *at++ = hex_digits[group >> 12];
    if (group >= 0x100) *at++ = hex_digits[group >> 8 & 15];
    if (group >= 0x10) *at++ = hex_digits[group >> 4 & 15];
    *at++ = hex_digits[group & 15];
    return at;
}

/* The first of the longest runs of zero groups, where it is two or more. */
static void longest_zeros(const uint16_t groups[8], int *from, int *count) {
    *from = 8;
    *count = 1;
    for (int i = 0; i < 8; i++) {
        int run = 0;
        while (i + run < 8 && groups[i + run] == 0) run++;
        if (run > *count) {
            *from = i;
            *count = run;
        }
        i += run;
    }
}

static char *put_v6(char *at, const struct eg_addr *addr) {
    uint16_t groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = (uint16_t)(addr->bytes[2 * i] << 8 | addr->bytes[2 * i + 1]);
    int zeros, zero_count;
    longest_zeros(groups, &zeros, &zero_count);
    for (int i = 0; i < 8;) {
        if (i == zeros) {
            *at++ = ':';
            *at++ = ':';
            i += zero_count;
            continue;
        }
        if (i && i != zeros + zero_count) *at++ = ':';
        at = put_group(at, groups[i++]);
    }
    return at;
}

size_t eg_addr_text(const struct eg_addr *addr, char text[EG_ADDR_TEXT]) {
    char *end = eg_addr_is_v4(addr) ? put_v4(text, addr->bytes + 12) : put_v6(text, addr);
    *end = 0;
    return (size_t)(end - text);
}

size_t eg_mac_text(int64_t mac, char text[EG_MAC_TEXT]) {
    for (int i = 0; i < 6; i++) {
        uint32_t octet = (uint32_t)(mac >> (40 - 8 * i)) & 0xff;
        text[3 * i] = hex_digits[octet >> 4];
        text[3 * i + 1] = hex_digits[octet & 15];
        text[3 * i + 2] = ':';
    }
    text[17] = 0;
    return 17;
}

/* ---- in ---- */

static bool parse_v4(uint8_t octets[4], const char *text, size_t size) {
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        if (i && (at >= size || text[at++] != '.')) return false;
        size_t first = at;
        uint32_t value = 0;
        for (; at < size && at - first < 3 && text[at] >= '0' && text[at] <= '9'; at++)
            value = value * 10 + (uint32_t)(text[at] - '0');
        if (at == first || value > 255 || (text[first] == '0' && at - first > 1)) return false;
        octets[i] = (uint8_t)value;
    }
    return at == size;
}

static size_t take_group(uint32_t *value, const char *text, size_t size) {
    size_t at = 0;
    for (*value = 0; at < size && at < 5 && eg_hex_value(text[at]) >= 0; at++)
        *value = *value << 4 | (uint32_t)eg_hex_value(text[at]);
    return at;
}

static bool parse_v6(uint8_t bytes[16], const char *text, size_t size) {
    int used = 0, gap = -1; /* bytes so far; where the :: stands among them */
    size_t at = 0;
    if (size >= 2 && text[0] == ':' && text[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < size) {
        uint32_t group;
        size_t digits = take_group(&group, text + at, size - at);
        if (at + digits < size && text[at + digits] == '.') {
            if (used > 12 || !parse_v4(bytes + used, text + at, size - at)) return false;
            used += 4;
            break;
        }
        if (digits == 0 || digits > 4 || used == 16) return false;
        bytes[used++] = (uint8_t)(group >> 8);
        bytes[used++] = (uint8_t)group;
        at += digits;
        if (at == size) break;
        if (text[at++] != ':' || at == size) return false;
        if (text[at] == ':') {
            if (gap >= 0) return false;
            gap = used;
            at++;
        }
    }
    if (gap < 0) return used == 16;
    if (used == 16) return false; /* the :: must stand for something */
    memmove(bytes + 16 - (used - gap), bytes + gap, (size_t)(used - gap));
    memset(bytes + gap, 0, (size_t)(16 - used));
    return true;
}

bool eg_addr_parse(struct eg_addr *out, const char *text, size_t size) {
    struct eg_addr addr;
    memcpy(addr.bytes, v4_prefix, sizeof v4_prefix);
    if (!parse_v4(addr.bytes + 12, text, size) && !parse_v6(addr.bytes, text, size)) return false;
    *out = addr;
    return true;
}

bool eg_prefix_parse(struct eg_addr *out, int *bits, const char *text, size_t size) {
    const char *slash = memchr(text, '/', size);
    size_t addr_size = slash ? (size_t)(slash - text) : size;
    struct eg_addr addr;
    if (!eg_addr_parse(&addr, text, addr_size)) return false;
    int offset = memchr(text, ':', addr_size) ? 0 : 96;
    int count = 128 - offset;
    if (slash) {
        size_t digits = size - addr_size - 1;
        if (digits < 1 || digits > 3) return false;
        int value = 0;
        for (size_t i = 1; i <= digits; i++) {
            if (slash[i] < '0' || slash[i] > '9') return false;
            value = value * 10 + (slash[i] - '0');
        }
        if (value > count) return false;
        count = value;
    }
    *bits = offset + count;
    for (int i = *bits; i < 128; i++) addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    *out = addr;
    return true;
}

bool eg_prefix_holds(const struct eg_addr *prefix, int bits, const struct eg_addr *addr) {
    if (memcmp(prefix->bytes, addr->bytes, (size_t)bits / 8) != 0) return false;
    if (bits % 8 == 0) return true;
    return (prefix->bytes[bits / 8] ^ addr->bytes[bits / 8]) >> (8 - bits % 8) == 0;
}

/* Six pairs of digits between colons or dashes, all of one kind. */
bool eg_mac_parse(int64_t *out, const char *text, size_t size) {
    if (size != 17 || (text[2] != ':' && text[2] != '-')) return false;
    int64_t mac = 0;
    for (size_t i = 0; i < 6; i++) {
        int high = eg_hex_value(text[3 * i]), low = eg_hex_value(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != text[2])) return false;
        mac = mac << 8 | high << 4 | low;
    }
    *out = mac;
    return true;
}
