/* SPDX-License-Identifier: Apache-2.0
 * MaxMind DB files: what is known about an address (where it is, whose it is). Source: the MaxMind DB
 * file format, version 2.0.
 *
 * A file comes from outside: nothing in it is trusted, and what one question may cost is bounded. It is read
 * into memory, so that what happens to the file later changes no answer. */
#ifndef EG_MATCH_MMDB_H
#define EG_MATCH_MMDB_H

#include "base/cursor.h"
#include "base/status.h"
#include "table/address.h"

#define EG_MMDB_BYTES_MAX (1u << 30)
#define EG_MMDB_VALUES_MAX 65536 /* that one look-up goes through */
#define EG_MMDB_DEPTH_MAX 6      /* of a name that is asked for */

struct eg_mmdb {
    struct eg_span tree, data;
    struct eg_span type; /* what it is: "GeoLite2-City" */
    uint32_t nodes;
    uint8_t node_bytes;
    bool v6;
    uint32_t v4_node; /* where IPv4 addresses begin, and how many bits lead there */
    uint32_t v4_bits;
    void *bytes; /* its own; NULL: somebody else's */
};

/* Errors: EG_E_NOENT, EG_E_ACCESS, EG_E_IO; EG_E_FORMAT: it is no such file, or it is damaged; EG_E_NOMEM.
 * Ownership: eg_mmdb_close, which NULL does not harm. */
EG_MUST_CHECK enum eg_status eg_mmdb_open(struct eg_mmdb **out, const char *path,
                                          struct eg_error *err);
void eg_mmdb_close(struct eg_mmdb *);
/* The same of bytes that stay where they are; `name` is for messages. */
EG_MUST_CHECK enum eg_status eg_mmdb_of(struct eg_mmdb *out, struct eg_span file, const char *name,
                                        struct eg_error *err);

enum eg_mmdb_answer {
    EG_MMDB_NONE, /* it says nothing about that */
    EG_MMDB_THERE,
    EG_MMDB_DAMAGED,
};

/* What it says about one network. */
struct eg_mmdb_record {
    struct eg_span section;
    size_t at;
    uint32_t bits; /* the network: so many of the 128 bits of the address */
    uint32_t left; /* values that may be gone through */
};

struct eg_mmdb_value {
    enum { EG_MMDB_TEXT, EG_MMDB_WHOLE, EG_MMDB_REAL } kind;
    union {
        struct eg_span text; /* lives as long as the file is open */
        int64_t whole;
        double real;
    };
};

/* Threads: any number at once. */
enum eg_mmdb_answer eg_mmdb_find(const struct eg_mmdb *, const struct eg_addr *,
                                 struct eg_mmdb_record *out);
/* What stands under these names, each inside the one before; ends with NULL. NONE too where it is neither
 * text nor a number of at most 63 bits. */
enum eg_mmdb_answer eg_mmdb_get(struct eg_mmdb_record *, const char *const path[EG_MMDB_DEPTH_MAX],
                                struct eg_mmdb_value *out);

#endif
