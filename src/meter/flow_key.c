/* SPDX-License-Identifier: Apache-2.0
 * Flow keys. The hash is SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") over
 * the words of the key that can differ; how many those are stands in `kind`, which is one of them,
 * so that no word for the length is needed. */
#include "meter/flow_key.h"

/* ---- the key of a frame ---- */

static bool is_v4(const struct eg_addr *addr) {
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(addr->bytes, prefix, sizeof prefix) == 0;
}

/* Which end is the lower one. */
static int order(const struct eg_addr *a, uint16_t a_port, const struct eg_addr *b,
                 uint16_t b_port) {
    int by_address = memcmp(a, b, sizeof *a);
    return by_address ? by_address : (int)a_port - (int)b_port;
}

static enum eg_way put_ends(struct eg_flow_key *key, bool one_way, const struct eg_addr *src,
                            uint16_t src_port, const struct eg_addr *dst, uint16_t dst_port) {
    bool down = !one_way && order(src, src_port, dst, dst_port) > 0;
    key->low = down ? *dst : *src;
    key->high = down ? *src : *dst;
    key->low_port = down ? dst_port : src_port;
    key->high_port = down ? src_port : dst_port;
    return down ? EG_WAY_DOWN : EG_WAY_UP;
}

/* Types that answer each other are one conversation; it goes by the type of the request (RFC 792,
 * 950, 1256, 4443, 4861, 4620, 5568). */
static uint8_t icmp_request(bool v6, uint8_t type) {
    if (!v6) {
        switch (type) {
        case 0: return 8;   /* echo */
        case 9: return 10;  /* router advertisement, solicitation */
        case 14: return 13; /* timestamp */
        case 16: return 15; /* information */
        case 18: return 17; /* address mask */
        default: return type;
        }
    }
    switch (type) {
    case 129: return 128; /* echo */
    case 131: return 130; /* multicast listener report, query */
    case 134: return 133; /* router */
    case 136: return 135; /* neighbour */
    case 140: return 139; /* node information */
    default: return type;
    }
}

/* A frame without both IP addresses: by its MAC addresses and its link type. */
static enum eg_way key_of_frame(const struct eg_metering *how, const struct eg_layers *layers,
                                uint32_t link_type, struct eg_flow_key *out) {
    struct eg_addr src = {{0}}, dst = {{0}};
    for (int i = 0; i < 6; i++) {
        src.bytes[i] = (uint8_t)(layers->src_mac >> (40 - 8 * i));
        dst.bytes[i] = (uint8_t)(layers->dst_mac >> (40 - 8 * i));
    }
    src.bytes[6] = !!(layers->has & EG_HAS_SRC_MAC);
    dst.bytes[6] = !!(layers->has & EG_HAS_DST_MAC);
    out->tunnel_id = link_type;
    return put_ends(out, how->one_way, &src, 0, &dst, 0);
}

enum eg_way eg_flow_key_of(const struct eg_metering *how, const struct eg_layers *layers,
                           uint32_t link_type, struct eg_flow_key *out) {
    uint8_t kind = 0;
    out->proto = 0;
    out->vlan = 0;
    out->tunnel_id = 0;
    if (how->vlan_key && layers->has & EG_HAS_VLAN) {
        out->vlan = layers->vlan;
        kind |= EG_KEY_VLAN;
    }
    if ((layers->has & (EG_HAS_SRC | EG_HAS_DST)) != (EG_HAS_SRC | EG_HAS_DST)) {
        out->kind = kind;
        return key_of_frame(how, layers, link_type, out);
    }
    kind |= EG_KEY_IP;
    if (how->tunnel_key && layers->has & EG_HAS_TUNNEL_ID) {
        out->tunnel_id = layers->tunnel_id;
        kind |= EG_KEY_TUNNEL;
    }
    if (is_v4(&layers->src) && is_v4(&layers->dst)) kind |= EG_KEY_V4;
    if (layers->has & EG_HAS_PROTO) {
        out->proto = layers->proto;
        kind |= EG_KEY_PROTO;
    }
    uint16_t src_port = 0, dst_port = 0;
    if (layers->has & EG_HAS_PORTS) {
        src_port = layers->src_port;
        dst_port = layers->dst_port;
        kind |= EG_KEY_PORTS;
    } else if (layers->has & EG_HAS_ICMP) {
        bool v6 = layers->proto != 1;
        src_port = dst_port =
            (uint16_t)(icmp_request(v6, layers->icmp_type) << 8 | layers->icmp_code);
        kind |= EG_KEY_ICMP;
    }
    out->kind = kind;
    return put_ends(out, how->one_way, &layers->src, src_port, &layers->dst, dst_port);
}

/* ---- hashes ---- */

static inline uint64_t turn(uint64_t x, int by) { return x << by | x >> (64 - by); }

struct sip {
    uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *v) {
    v->a += v->b;
    v->c += v->d;
    v->b = turn(v->b, 13) ^ v->a;
    v->d = turn(v->d, 16) ^ v->c;
    v->a = turn(v->a, 32);
    v->c += v->b;
    v->a += v->d;
    v->b = turn(v->b, 17) ^ v->c;
    v->d = turn(v->d, 21) ^ v->a;
    v->c = turn(v->c, 32);
}

static inline void sip_word(struct sip *v, uint64_t word) {
    v->d ^= word;
    sip_round(v);
    v->a ^= word;
}

/* The key as six words: two of each address, the ports and what follows them, the tunnel. */
struct words {
    uint64_t word[6];
};
static inline struct words words_of(const struct eg_flow_key *key) {
    struct words words;
    memcpy(&words, key, sizeof words);
    return words;
}

/* What differs of two IPv4 addresses. */
static inline uint64_t v4_word(const struct words *words) {
    return words->word[1] >> 32 | (words->word[3] & UINT64_C(0xffffffff00000000));
}

static inline struct sip sip_begin(const struct eg_flow_secret *secret) {
    return (struct sip){secret->key[0] ^ UINT64_C(0x736f6d6570736575),
                        secret->key[1] ^ UINT64_C(0x646f72616e646f6d),
                        secret->key[0] ^ UINT64_C(0x6c7967656e657261),
                        secret->key[1] ^ UINT64_C(0x7465646279746573)};
}

static inline uint32_t sip_end(struct sip v) {
    v.c ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(&v);
    uint64_t hash = v.a ^ v.b ^ v.c ^ v.d;
    return (uint32_t)(hash ^ hash >> 32);
}

uint32_t eg_flow_hash(const struct eg_flow_secret *secret, const struct eg_flow_key *key) {
    struct words words = words_of(key);
    struct sip v = sip_begin(secret);
    sip_word(&v, words.word[4]);
    if (key->kind & EG_KEY_V4) {
        sip_word(&v, v4_word(&words));
    } else {
        for (int i = 0; i < 4; i++) sip_word(&v, words.word[i]);
    }
    if (!(key->kind & EG_KEY_IP) || key->kind & EG_KEY_TUNNEL) sip_word(&v, words.word[5]);
    return sip_end(v);
}

#define SHARD_ODD UINT64_C(0x9e3779b97f4a7c15)
#define SHARD_V4 UINT64_C(0xc2b2ae3d27d4eb4f)

static inline uint32_t shard_of(uint64_t sum) {
    sum = (sum ^ sum >> 31) * SHARD_ODD;
    return (uint32_t)(sum >> 60) % EG_SHARDS;
}

uint32_t eg_flow_shard(const struct eg_flow_key *key) {
    struct words words = words_of(key);
    uint64_t sum = words.word[4] * SHARD_ODD + words.word[5] * UINT64_C(0xd6e8feb86659fd93);
    if (key->kind & EG_KEY_V4)
        sum += v4_word(&words) * SHARD_V4;
    else
        for (int i = 0; i < 4; i++)
            sum += (words.word[i] ^ words.word[i] >> 29) * (SHARD_ODD + 2u * (unsigned)i);
    return shard_of(sum);
}

/* ---- plain frames ---- */

void eg_flow_quick_of(const struct eg_metering *how, const struct eg_flow_secret *secret,
                      const struct eg_plain *plain, uint8_t icmp_type, uint8_t icmp_code,
                      struct eg_flow_quick *out) {
    uint64_t kind = EG_KEY_IP | EG_KEY_V4 | EG_KEY_PROTO | EG_KEY_PORTS;
    uint32_t src_port = plain->ports[0], dst_port = plain->ports[1];
    if (plain->proto == EG_PLAIN_ICMP) {
        kind ^= EG_KEY_PORTS | EG_KEY_ICMP;
        src_port = dst_port = (uint32_t)icmp_request(false, icmp_type) << 8 | icmp_code;
    }
    bool down = !how->one_way &&
                (plain->src > plain->dst || (plain->src == plain->dst && src_port > dst_port));
    uint64_t low = __builtin_bswap32(down ? plain->dst : plain->src);
    uint64_t high = __builtin_bswap32(down ? plain->src : plain->dst);
    uint32_t low_port = down ? dst_port : src_port, high_port = down ? src_port : dst_port;
    out->low = low << 32 | 0xffff0000u;
    out->high = high << 32 | 0xffff0000u;
    out->ends = low_port | high_port << 16 | (uint64_t)plain->proto << 32 | kind << 40;
    out->way = down ? EG_WAY_DOWN : EG_WAY_UP;
    struct sip v = sip_begin(secret);
    sip_word(&v, out->ends);
    sip_word(&v, low | high << 32);
    out->hash = sip_end(v);
    out->shard = shard_of(out->ends * SHARD_ODD + (low | high << 32) * SHARD_V4);
}
