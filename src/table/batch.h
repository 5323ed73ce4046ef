/* SPDX-License-Identifier: Apache-2.0
 * The one currency: rows of one table, column by column, as the Arrow C data interface lays them
 * out (LSB validity bitmaps, 64-byte aligned buffers; a column that is absent has no buffer and
 * reads as null everywhere).
 *
 * Two lives, no third. *Building*: a struct eg_builder, one thread, capacity fixed when made.
 * *Sealed*: a struct eg_batch, immutable, counted references, shared by any number of readers.
 *
 *   eg_builder_new ─▶ eg_put_… × columns, eg_builder_row ─▶ … ─▶ eg_builder_seal ─▶ eg_batch_unref
 */
#ifndef EG_TABLE_BATCH_H
#define EG_TABLE_BATCH_H

#include "base/cursor.h"
#include "base/status.h"
#include "table/columns.h"

#include <stdatomic.h>

#define EG_BATCH_ROWS 4096 /* the usual capacity; every result is the same with any other */

/* Something a batch keeps alive: a mapped file, a receive buffer, a dictionary. */
struct eg_owner {
    atomic_uint refs;
    void (*release)(struct eg_owner *); /* called by the last unref */
};
struct eg_owner *eg_owner_ref(struct eg_owner *);
void eg_owner_unref(struct eg_owner *); /* NULL is fine */

/* Texts that NAME columns point into; append-only, never shrinks, entries never move. */
struct eg_dict {
    struct eg_owner owner;
    uint32_t count;
    uint32_t room;
    struct eg_dict_entry {
        const char *text; /* NUL-terminated */
        uint32_t size;
    } *entries;
    uint32_t *slots; /* the builder's own, to find a text: index + 1, open addressing */
};

/* An address in flight: network byte order, IPv4 as ::ffff:a.b.c.d. */
struct eg_addr {
    uint8_t bytes[16];
};

struct eg_column {
    enum eg_type type;
    uint64_t *valid;   /* bit set: not null; NULL: all rows are valid (where `values` is not NULL) */
    void *values;      /* NULL: the column is absent, all its rows are null */
    int32_t *offsets;  /* TEXT, BIN: rows + 1 of them into `values` */
    struct eg_dict *dict; /* NAME */
    int64_t nulls;
    uint32_t value_bytes_room; /* TEXT, BIN while building */
};

struct eg_batch {
    const struct eg_table *table;
    enum eg_table_id table_id; /* EG_TABLE_COUNT for a query's result */
    uint32_t rows;
    uint64_t unit; /* which piece of the input it came from (scan.h); 0 otherwise */
    struct eg_column *columns; /* table->count of them */
    /* the rest is the batch's own */
    atomic_uint refs;
    struct eg_owner **owners;
    uint32_t owner_count;
};

struct eg_batch *eg_batch_ref(struct eg_batch *);
void eg_batch_unref(struct eg_batch *); /* NULL is fine */

static inline bool eg_bit(const uint64_t *bits, uint32_t i) { return bits[i >> 6] >> (i & 63) & 1; }
static inline bool eg_batch_valid(const struct eg_batch *b, uint32_t col, uint32_t row) {
    const struct eg_column *c = &b->columns[col];
    return c->values && (!c->valid || eg_bit(c->valid, row));
}
/* Typed readers; the row must be valid. */
static inline const int64_t *eg_col_i64(const struct eg_column *c) { return (const int64_t *)c->values; }
static inline const int32_t *eg_col_i32(const struct eg_column *c) { return (const int32_t *)c->values; }
static inline const int16_t *eg_col_i16(const struct eg_column *c) { return (const int16_t *)c->values; }
static inline const double *eg_col_f64(const struct eg_column *c) { return (const double *)c->values; }
static inline const struct eg_addr *eg_col_addr(const struct eg_column *c) { return (const struct eg_addr *)c->values; }
static inline const struct eg_span *eg_col_view(const struct eg_column *c) { return (const struct eg_span *)c->values; }
/* The value of an integer column of any width (TIME, I16, I32, I64, MAC, BOOL as 0/1). */
int64_t eg_col_int(const struct eg_column *, uint32_t row);
/* TEXT, BIN and NAME alike. */
struct eg_span eg_col_text(const struct eg_column *, uint32_t row);

/* The rows `rows[0..count)` of a batch, in that order, as a batch of its own. NAME columns share
 * the dictionary. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_batch_pick(struct eg_batch **out, const struct eg_batch *,
                                           const uint32_t *rows, uint32_t count,
                                           struct eg_error *err);
/* Bytes of memory the batch's own buffers take. */
size_t eg_batch_bytes(const struct eg_batch *);

/* ---- building ------------------------------------------------------------------------------ */

struct eg_builder {
    const struct eg_table *table;
    enum eg_table_id table_id;
    uint32_t capacity;
    uint32_t rows;
    eg_column_set wanted; /* columns put elsewhere are dropped at no cost */
    bool failed;          /* memory ran out; eg_builder_seal says so */
    struct eg_column *columns;
    uint32_t *filled; /* per column: rows [0, filled) have been given a value or a null */
    struct eg_owner **owners;
    uint32_t owner_count, owner_room;
    struct eg_dict **dicts; /* per NAME column; shared by all batches of this builder */
};

EG_MUST_CHECK enum eg_status eg_builder_new(struct eg_builder **out, const struct eg_table *,
                                            enum eg_table_id, uint32_t capacity,
                                            eg_column_set wanted, struct eg_error *err);
void eg_builder_free(struct eg_builder *); /* NULL is fine */

static inline uint32_t eg_builder_room(const struct eg_builder *b) { return b->capacity - b->rows; }
static inline bool eg_builder_wants(const struct eg_builder *b, uint32_t col) { return b->wanted >> col & 1; }

/* Slots for `count` values of a fixed-width column in the rows [rows, rows+count), all of them now
 * valid; NULL where the column is not wanted or memory ran out. `count` must fit eg_builder_room. */
void *eg_builder_slots(struct eg_builder *, uint32_t col, uint32_t count);
/* The same for a BOOL column and at most 64 rows: bit k of `values` is the value of the k-th. */
void eg_builder_bits(struct eg_builder *, uint32_t col, uint32_t count, uint64_t values);
/* Of the slots or bits last given for the column, those whose bit stands in `which` (bit 0: the
 * first) are null after all. */
void eg_builder_nulls(struct eg_builder *, uint32_t col, uint64_t which);
/* Finishes `count` rows; columns not put in them are null there. */
void eg_builder_row(struct eg_builder *, uint32_t count);
/* Forgets what was put into the row that is being built. */
void eg_builder_abandon(struct eg_builder *);
/* Keeps `owner` alive as long as the batch lives (for VIEW columns). Takes a reference of its own. */
void eg_builder_keep(struct eg_builder *, struct eg_owner *owner);

/* One value into the row that is being built; the last put into a column wins. */
void eg_put_int(struct eg_builder *, uint32_t col, int64_t value); /* TIME I16 I32 I64 MAC BOOL */
void eg_put_f64(struct eg_builder *, uint32_t col, double value);
/* TEXT, BIN; in a TEXT what is not UTF-8 becomes U+FFFD, as in names. */
void eg_put_text(struct eg_builder *, uint32_t col, const void *text, size_t size);
void eg_put_addr(struct eg_builder *, uint32_t col, const struct eg_addr *);
void eg_put_view(struct eg_builder *, uint32_t col, struct eg_span);
/* A NAME value by its text; looks it up each time. For a value many rows share, intern it once. */
void eg_put_name(struct eg_builder *, uint32_t col, const char *text, size_t size);
/* The dictionary index of a text in a NAME column (stays the same for the builder's life); -1 when
 * memory ran out or the column is not wanted. Put it with eg_put_int. */
int32_t eg_builder_intern(struct eg_builder *, uint32_t col, const char *text, size_t size);

/* Turns what was built into a batch and makes the builder ready for the next one. With no rows,
 * *out is NULL and the status EG_END. Errors: EG_E_NOMEM (the rows are lost; the caller counts
 * them). */
EG_MUST_CHECK enum eg_status eg_builder_seal(struct eg_builder *, struct eg_batch **out,
                                             struct eg_error *err);
/* A batch without rows, which eg_builder_seal never makes. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_batch_empty(struct eg_batch **out, enum eg_table_id,
                                            struct eg_error *err);

#endif
