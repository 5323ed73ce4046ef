/* SPDX-License-Identifier: Apache-2.0
 * Hashes: fast keyed ones for tables (XXH3), 128-bit ones for identities, SHA-1 where a
 * specification asks for it (Community ID), SHA-256 where others check it. */
#ifndef EG_BASE_HASH_H
#define EG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct eg_digest {
    uint64_t high, low;
};

struct eg_hasher; /* a running 128-bit XXH3 */

uint64_t eg_hash64(const void *bytes, size_t size, uint64_t seed);
struct eg_digest eg_hash128(const void *bytes, size_t size);

struct eg_hasher *eg_hasher_new(void); /* NULL: no memory */
void eg_hasher_add(struct eg_hasher *, const void *bytes, size_t size);
struct eg_digest eg_hasher_digest(const struct eg_hasher *); /* of all so far; may go on after it */
void eg_hasher_copy(struct eg_hasher *to, const struct eg_hasher *from); /* `to` goes on as `from` */
void eg_hasher_free(struct eg_hasher *);

/* 32 lower-case hex digits and a NUL; and back (false: not 32 hex digits). */
void eg_digest_text(struct eg_digest, char text[33]);
int eg_digest_parse(struct eg_digest *out, const char *text);

struct eg_sha256;                      /* a running SHA-256, for receipts that others check */
struct eg_sha256 *eg_sha256_new(void); /* NULL: no memory */
void eg_sha256_add(struct eg_sha256 *, const void *bytes, size_t size);
void eg_sha256_text(struct eg_sha256 *, char text[65]); /* of all so far, which is forgotten */
void eg_sha256_free(struct eg_sha256 *);

void eg_sha1(const void *bytes, size_t size, uint8_t digest[20]);

#endif
