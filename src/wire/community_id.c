/* SPDX-License-Identifier: Apache-2.0
 * Community ID: SHA-1 over seed, addresses, protocol and ports, the smaller end first. */
#include "wire/community_id.h"

#include "base/hash.h"

enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58 };

/* The code that the answer to an ICMP message would have as its type: together they are the two
 * "ports" of a conversation. -1: messages of this type are not answered. */
static int icmp_counterpart(uint8_t proto, uint16_t type) {
    static const struct {
        uint8_t proto, type, answer;
    } pairs[] = {
        {PROTO_ICMP, 8, 0},       /* echo */
        {PROTO_ICMP, 13, 14},     /* timestamp */
        {PROTO_ICMP, 15, 16},     /* information */
        {PROTO_ICMP, 10, 9},      /* router solicitation and advertisement */
        {PROTO_ICMP, 17, 18},     /* address mask */
        {PROTO_ICMPV6, 128, 129}, /* echo */
        {PROTO_ICMPV6, 133, 134}, /* router solicitation and advertisement */
        {PROTO_ICMPV6, 135, 136}, /* neighbour solicitation and advertisement */
        {PROTO_ICMPV6, 130, 131}, /* multicast listener query and report */
        {PROTO_ICMPV6, 139, 140}, /* who are you: node information */
        {PROTO_ICMPV6, 144, 145}, /* home agent address discovery */
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].proto != proto) continue;
        if (pairs[i].type == type) return pairs[i].answer;
        if (pairs[i].answer == type) return pairs[i].type;
    }
    return -1;
}

static bool is_v4(const struct eg_addr *addr) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(addr->bytes, mapped, sizeof mapped) == 0;
}

static size_t add(uint8_t *to, size_t at, const void *bytes, size_t size) {
    memcpy(to + at, bytes, size);
    return at + size;
}

static size_t add_be16(uint8_t *to, size_t at, uint16_t value) {
    to[at] = (uint8_t)(value >> 8);
    to[at + 1] = (uint8_t)value;
    return at + 2;
}

static size_t base64(const uint8_t digest[20], char *text) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = 0;
    for (size_t i = 0; i < 20; i += 3) {
        uint32_t three = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 |
                         (i + 2 < 20 ? digest[i + 2] : 0u);
        text[size++] = letters[three >> 18];
        text[size++] = letters[three >> 12 & 63];
        text[size++] = letters[three >> 6 & 63];
        text[size++] = i + 2 < 20 ? letters[three & 63] : '=';
    }
    return size;
}

static size_t hexadecimal(const uint8_t digest[20], char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 20; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return 40;
}

size_t eg_community_id(const struct eg_community_tuple *tuple, uint16_t seed, bool hex,
                       char text[EG_COMMUNITY_ID_TEXT]) {
    struct eg_community_tuple t = *tuple;
    bool one_way = false;
    if (t.has_ports && (t.proto == PROTO_ICMP || t.proto == PROTO_ICMPV6)) {
        int answer = icmp_counterpart(t.proto, t.src_port);
        if (answer >= 0)
            t.dst_port = (uint16_t)answer;
        else
            one_way = true; /* both directions are conversations of their own */
    }
    bool v4 = is_v4(&t.src) && is_v4(&t.dst);
    size_t skip = v4 ? 12 : 0, width = 16 - skip;
    int order = memcmp(t.src.bytes + skip, t.dst.bytes + skip, width);
    if (!one_way && (order > 0 || (order == 0 && t.has_ports && t.src_port > t.dst_port))) {
        struct eg_addr addr = t.src;
        t.src = t.dst;
        t.dst = addr;
        uint16_t port = t.src_port;
        t.src_port = t.dst_port;
        t.dst_port = port;
    }
    uint8_t bytes[2 + 16 + 16 + 2 + 4];
    size_t size = add_be16(bytes, 0, seed);
    size = add(bytes, size, t.src.bytes + skip, width);
    size = add(bytes, size, t.dst.bytes + skip, width);
    size = add_be16(bytes, size, (uint16_t)(t.proto << 8)); /* the protocol and a zero byte */
    if (t.has_ports) {
        size = add_be16(bytes, size, t.src_port);
        size = add_be16(bytes, size, t.dst_port);
    }
    uint8_t digest[20];
    eg_sha1(bytes, size, digest);
    text[0] = '1';
    text[1] = ':';
    size = 2 + (hex ? hexadecimal(digest, text + 2) : base64(digest, text + 2));
    text[size] = 0;
    return size;
}
