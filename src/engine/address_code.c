/* SPDX-License-Identifier: Apache-2.0
 * Addresses as 64-bit numbers: DuckDB groups twice as fast on those as on 128 bits, and many times
 * as fast as on texts. An IPv4 address is its own number; IPv6 addresses are numbered as they come,
 * above all of IPv4. The numbers hold within one engine only. */
#include "base/alloc.h"
#include "base/hash.h"
#include "engine/inside.h"

#include <string.h>

#define FIRST_V6 (INT64_C(1) << 32)
#define BLOCK 4096u
#define BLOCKS_MAX 262144u /* 2^30 addresses */

struct eg_address_codes {
    pthread_rwlock_t lock;
    uint32_t count;
    uint32_t slot_count; /* a power of two */
    uint32_t *slots;     /* place + 1; 0: free */
    struct eg_addr **blocks;
    uint32_t block_count;
};

struct eg_address_codes *eg_address_codes_new(void) {
    struct eg_address_codes *codes = eg_calloc(1, sizeof *codes);
    if (!codes) return NULL;
    if (pthread_rwlock_init(&codes->lock, NULL) != 0) {
        eg_free(codes);
        return NULL;
    }
    return codes;
}

void eg_address_codes_free(struct eg_address_codes *codes) {
    if (!codes) return;
    for (uint32_t i = 0; i < codes->block_count; i++) eg_free(codes->blocks[i]);
    eg_free(codes->blocks);
    eg_free(codes->slots);
    pthread_rwlock_destroy(&codes->lock);
    eg_free(codes);
}

static const struct eg_addr *at(const struct eg_address_codes *codes, uint32_t place) {
    return &codes->blocks[place / BLOCK][place % BLOCK];
}

/* The place of the address, or -1; *slot is where it would go. */
static int64_t find(const struct eg_address_codes *codes, const struct eg_addr *addr, uint64_t hash,
                    uint32_t *slot) {
    if (!codes->slot_count) return -1;
    uint32_t mask = codes->slot_count - 1;
    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        *slot = i;
        if (!codes->slots[i]) return -1;
        if (memcmp(at(codes, codes->slots[i] - 1), addr, sizeof *addr) == 0)
            return codes->slots[i] - 1;
    }
}

static bool grow(struct eg_address_codes *codes) {
    if (codes->count == codes->block_count * BLOCK) {
        if (codes->block_count == BLOCKS_MAX) return false;
        struct eg_addr **blocks =
            eg_realloc(codes->blocks, codes->block_count + 1, sizeof *blocks);
        if (!blocks) return false;
        codes->blocks = blocks;
        blocks[codes->block_count] = eg_calloc(BLOCK, sizeof **blocks);
        if (!blocks[codes->block_count]) return false;
        codes->block_count++;
    }
    if (codes->count * 2 < codes->slot_count) return true;
    uint32_t more = codes->slot_count ? codes->slot_count * 2 : 1024;
    uint32_t *slots = eg_calloc(more, sizeof *slots);
    if (!slots) return false;
    for (uint32_t place = 0; place < codes->count; place++) {
        uint32_t i = (uint32_t)eg_hash64(at(codes, place), sizeof(struct eg_addr), 0) & (more - 1);
        while (slots[i]) i = (i + 1) & (more - 1);
        slots[i] = place + 1;
    }
    eg_free(codes->slots);
    codes->slots = slots;
    codes->slot_count = more;
    return true;
}

static int64_t code_v6(struct eg_address_codes *codes, const struct eg_addr *addr) {
    uint64_t hash = eg_hash64(addr, sizeof *addr, 0);
    uint32_t slot = 0;
    pthread_rwlock_rdlock(&codes->lock);
    int64_t place = find(codes, addr, hash, &slot);
    pthread_rwlock_unlock(&codes->lock);
    if (place >= 0) return FIRST_V6 + place;
    pthread_rwlock_wrlock(&codes->lock);
    place = find(codes, addr, hash, &slot);
    if (place < 0 && grow(codes)) {
        (void)find(codes, addr, hash, &slot); /* the slots may have moved */
        place = codes->count++;
        codes->blocks[place / BLOCK][place % BLOCK] = *addr;
        codes->slots[slot] = (uint32_t)place + 1;
    }
    pthread_rwlock_unlock(&codes->lock);
    return place < 0 ? -1 : FIRST_V6 + place;
}

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int64_t eg_address_code(struct eg_address_codes *codes, const struct eg_addr *addr) {
    if (memcmp(addr->bytes, mapped, sizeof mapped) == 0)
        return eg_be32(eg_span(addr->bytes, sizeof addr->bytes), 12);
    return code_v6(codes, addr);
}

bool eg_address_of_code(struct eg_address_codes *codes, int64_t code, struct eg_addr *out) {
    if (code < 0) return false;
    if (code < FIRST_V6) {
        memcpy(out->bytes, mapped, sizeof mapped);
        for (int i = 0; i < 4; i++) out->bytes[12 + i] = (uint8_t)(code >> (24 - 8 * i));
        return true;
    }
    pthread_rwlock_rdlock(&codes->lock);
    bool there = code - FIRST_V6 < codes->count;
    if (there) *out = *at(codes, (uint32_t)(code - FIRST_V6));
    pthread_rwlock_unlock(&codes->lock);
    return there;
}
