/* SPDX-License-Identifier: Apache-2.0
 * Crypto-PAn: bit i is flipped by the first bit of AES(the i bits before it, then padding).
 *
 * Some addresses must stay (see address_map.h), and the map of another may not be one of them. It
 * is mapped again then, until it is none: since the map is a bijection the walk ends, and what it
 * makes of all others is a bijection, too. */
#include "wire/address_map.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "table/address.h"

#include <nettle/aes.h>
#include <string.h>

#define REMEMBERED 65536 /* a power of two: 32 to 128 ciphers an address are worth remembering */
enum { V4_AT = 12, V4_BITS = 32, V6_BITS = 128, MAC_BITS = 48 };

struct remembered {
    struct eg_addr from, to;
    bool used;
};

struct eg_address_map {
    struct aes128_ctx cipher;
    uint8_t padding[16];
    bool everything;
    struct remembered *seen;
};

struct eg_address_map *eg_address_map_new(const uint8_t key[EG_ADDRESS_KEY_BYTES],
                                          bool everything) {
    struct eg_address_map *map = eg_calloc(1, sizeof *map);
    if (map) map->seen = eg_calloc(REMEMBERED, sizeof *map->seen);
    if (!map || !map->seen) {
        eg_free(map);
        return NULL;
    }
    aes128_set_encrypt_key(&map->cipher, key);
    aes128_encrypt(&map->cipher, sizeof map->padding, map->padding, key + 16);
    map->everything = everything;
    return map;
}

void eg_address_map_free(struct eg_address_map *map) {
    if (!map) return;
    explicit_bzero(&map->cipher, sizeof map->cipher);
    eg_free(map->seen);
    eg_free(map);
}

/* Maps the bits [keep, bits) of `value`; those before are looked at and stay. */
static void bits_map(const struct eg_address_map *map, uint8_t *value, unsigned bits,
                     unsigned keep) {
    uint8_t block[16], cipher[16], flips[16] = {0};
    memcpy(block, map->padding, sizeof block);
    for (unsigned i = 0; i < bits; i++) {
        unsigned byte = i / 8;
        uint8_t mask = (uint8_t)(0x80u >> i % 8);
        if (i >= keep) {
            aes128_encrypt(&map->cipher, sizeof cipher, cipher, block);
            if (cipher[0] & 0x80) flips[byte] |= mask;
        }
        block[byte] = (uint8_t)((block[byte] & ~mask) | (value[byte] & mask));
    }
    for (unsigned i = 0; i < bits / 8; i++) value[i] ^= flips[i];
}

/* ---- what stays ---- */

#define ALL 255 /* bits that stay: every one */

/* How many bits of an IPv4 address stay; 0: it is like any other. */
static unsigned v4_stays(const uint8_t v4[4]) {
    static const uint8_t none[4] = {0}, broadcast[4] = {255, 255, 255, 255};
    if (v4[0] == 127 || v4[0] >> 4 == 14) return ALL;
    return memcmp(v4, none, 4) == 0 || memcmp(v4, broadcast, 4) == 0 ? ALL : 0;
}

static unsigned v6_stays(const uint8_t v6[16]) {
    static const uint8_t none[15] = {0};
    static const uint8_t solicited[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    if (memcmp(v6, none, 15) == 0 && v6[15] <= 1) return ALL;
    if (memcmp(v6, solicited, sizeof solicited) == 0) return 104;
    if (v6[0] == 0xff) return ALL;
    return v6[0] == 0xfe && v6[1] >> 6 == 2 ? 64 : 0;
}

/* Group addresses stay, but 33:33:ff:… carries the end of a host's address (RFC 2464). */
static unsigned mac_stays(const uint8_t mac[6]) {
    if (mac[0] == 0x33 && mac[1] == 0x33 && mac[2] == 0xff) return 24;
    static const uint8_t none[6] = {0};
    return mac[0] & 1 || memcmp(mac, none, 6) == 0 ? ALL : 0;
}

static void value_map(const struct eg_address_map *map, uint8_t *value, unsigned bits,
                      unsigned (*stays)(const uint8_t *)) {
    unsigned keep = map->everything ? 0 : stays(value);
    if (keep >= bits) return;
    do bits_map(map, value, bits, keep);
    while (!keep && !map->everything && stays(value));
}

/* ---- the calls ---- */

struct eg_addr eg_address_map_ip(struct eg_address_map *map, struct eg_addr addr) {
    uint64_t hash = eg_hash64(addr.bytes, sizeof addr.bytes, 0);
    struct remembered *seen = &map->seen[hash % REMEMBERED];
    if (seen->used && memcmp(&seen->from, &addr, sizeof addr) == 0) return seen->to;
    *seen = (struct remembered){.from = addr, .to = addr, .used = true};
    if (eg_addr_is_v4(&addr))
        value_map(map, seen->to.bytes + V4_AT, V4_BITS, v4_stays);
    else
        value_map(map, seen->to.bytes, V6_BITS, v6_stays);
    return seen->to;
}

uint64_t eg_address_map_mac(struct eg_address_map *map, uint64_t mac) {
    uint8_t value[6];
    for (int i = 0; i < 6; i++) value[i] = (uint8_t)(mac >> (40 - 8 * i));
    value_map(map, value, MAC_BITS, mac_stays);
    uint64_t out = 0;
    for (int i = 0; i < 6; i++) out = out << 8 | value[i];
    return out;
}
