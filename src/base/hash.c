/* SPDX-License-Identifier: Apache-2.0
 * XXH3, SHA-1 and SHA-256 behind our own names. */
#include "base/hash.h"

#include "base/alloc.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t eg_hash64(const void *bytes, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, size, seed);
}

struct eg_digest eg_hash128(const void *bytes, size_t size) {
    XXH128_hash_t hash = XXH3_128bits(bytes, size);
    return (struct eg_digest){hash.high64, hash.low64};
}

struct eg_hasher *eg_hasher_new(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state) XXH3_128bits_reset(state);
    return (struct eg_hasher *)(void *)state;
}

void eg_hasher_add(struct eg_hasher *hasher, const void *bytes, size_t size) {
    XXH3_128bits_update((XXH3_state_t *)(void *)hasher, bytes, size);
}

struct eg_digest eg_hasher_digest(const struct eg_hasher *hasher) {
    XXH128_hash_t hash = XXH3_128bits_digest((const XXH3_state_t *)(const void *)hasher);
    return (struct eg_digest){hash.high64, hash.low64};
}

void eg_hasher_copy(struct eg_hasher *to, const struct eg_hasher *from) {
    XXH3_copyState((XXH3_state_t *)(void *)to, (const XXH3_state_t *)(const void *)from);
}

void eg_hasher_free(struct eg_hasher *hasher) { XXH3_freeState((XXH3_state_t *)(void *)hasher); }

void eg_digest_text(struct eg_digest digest, char text[33]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        text[i] = digits[digest.high >> (60 - 4 * i) & 15];
        text[16 + i] = digits[digest.low >> (60 - 4 * i) & 15];
    }
    text[32] = 0;
}

int eg_digest_parse(struct eg_digest *out, const char *text) {
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32) return 0;
    unsigned long long high, low;
    if (sscanf(text, "%16llx%16llx", &high, &low) != 2) return 0;
    *out = (struct eg_digest){high, low};
    return 1;
}

struct eg_sha256 {
    struct sha256_ctx ctx;
};

struct eg_sha256 *eg_sha256_new(void) {
    struct eg_sha256 *sha = eg_malloc(sizeof *sha);
    if (sha) sha256_init(&sha->ctx);
    return sha;
}

void eg_sha256_add(struct eg_sha256 *sha, const void *bytes, size_t size) {
    sha256_update(&sha->ctx, size, bytes);
}

void eg_sha256_text(struct eg_sha256 *sha, char text[65]) {
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&sha->ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void eg_sha256_free(struct eg_sha256 *sha) { eg_free(sha); }

void eg_sha1(const void *bytes, size_t size, uint8_t digest[20]) {
    struct sha1_ctx ctx;
    sha1_init(&ctx);
    sha1_update(&ctx, size, bytes);
    sha1_digest(&ctx, 20, digest);
}
