/* SPDX-License-Identifier: Apache-2.0
 *
 * earlgrey: network traffic as tables. This is the public C interface: read it first.
 *
 *   capture file, export          batch (columns, a few thousand rows)         Parquet, SQL, JSON
 *   ─────────────────────▶ source ─▶ raw ─▶ decoder ─▶ flows │ packets ─▶ sink ─────────────────▶
 *
 * Four nouns:
 *   table   a named list of columns: `flows`, `packets`, `counters`, `losses` (eg_table_*).
 *   batch   rows of one table, column by column, laid out as the Arrow C data interface says.
 *   reader  pulls the batches of one table out of captures (eg_reader_*), in parallel.
 *   filter  a condition on rows, in the words of tcpdump and nfdump (eg_filter_*).
 *
 * Rules that hold for every function here:
 *   - A function that can fail returns enum eg_status, negative on failure; results come through
 *     `out` parameters, written only on success; `struct eg_error *` comes last and may be NULL.
 *   - Times are microseconds since 1970-01-01T00:00:00Z unless a name ends in _ns.
 *   - The library never prints, never exits, and holds no writable globals: two threads may use
 *     two objects freely. One object is used by one thread at a time unless said otherwise.
 */
#ifndef EARLGREY_H
#define EARLGREY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EG_API __attribute__((visibility("default")))
#define EG_MUST_CHECK __attribute__((warn_unused_result))

/* ---- Status and error ---------------------------------------------------------------------- */

/* What a function answers. Zero and above: it did what it was asked. */
enum eg_status {
    EG_OK = 0,
    EG_OK_WARN = 1, /* done, and the error text holds a warning */
    EG_END = 2,     /* nothing more will come */
    EG_AGAIN = 3,   /* nothing now; ask again */

    EG_E_NOMEM = -1,     /* memory ran out, or a configured maximum was reached */
    EG_E_IO = -2,        /* a system call failed */
    EG_E_NOENT = -3,     /* no such file, directory, dataset */
    EG_E_ACCESS = -4,    /* no permission, or a path outside the allowed ones */
    EG_E_NOSPACE = -5,   /* the disk or quota is full */
    EG_E_FORMAT = -6,    /* the input is not what it should be (not a capture, …) */
    EG_E_USAGE = -7,     /* a bad argument, filter, option, statement */
    EG_E_LOCKED = -8,    /* another process owns the source or the dataset */
    EG_E_TOO_NEW = -9,   /* written by a newer version of this program */
    EG_E_CANCELLED = -10, /* interrupted on request */
    EG_E_ENGINE = -11,   /* the SQL engine failed */
    EG_E_CUT = -12,      /* the input ends in the middle of something; what came before is whole */
};

/* What went wrong, in one line that names the thing, the place and the remedy.
 * Ownership: the caller's; never allocates. `position` is a byte offset into the text or file that
 * was at fault, or -1. */
struct eg_error {
    enum eg_status status;
    bool retriable;   /* the same call may succeed later */
    int64_t position; /* -1: not known */
    char message[768];
};

/* The program's version as text ("0.1.0").
 * Ownership: static. Threads: any. Errors: none. Source: CMakeLists.txt. */
EG_API const char *eg_version(void);

/* The name of a status ("EG_E_NOENT").
 * Ownership: static. Threads: any. Errors: none; "EG_E_UNKNOWN" for a value not above.
 * Source: enum eg_status. */
EG_API const char *eg_status_name(enum eg_status status);

/* ---- Tables and columns --------------------------------------------------------------------- */

/* How a column's values stand in a batch. The comment names what leaves in Parquet, SQL, Arrow. */
enum eg_type {
    EG_TYPE_TIME, /* int64, µs UTC              -> timestamp[us, UTC] */
    EG_TYPE_I16,  /* int16 */
    EG_TYPE_I32,  /* int32 */
    EG_TYPE_I64,  /* int64 */
    EG_TYPE_F64,  /* double */
    EG_TYPE_BOOL, /* one bit a row */
    EG_TYPE_TEXT, /* int32 offsets and bytes    -> utf8 */
    EG_TYPE_NAME, /* int32 index into the batch's dictionary of texts -> utf8 */
    EG_TYPE_ADDR, /* 16 bytes, IPv4 as ::ffff:a.b.c.d -> utf8, canonical (RFC 5952) */
    EG_TYPE_MAC,  /* int64, the low 48 bits     -> utf8, aa:bb:cc:dd:ee:ff */
    EG_TYPE_BIN,  /* int32 offsets and bytes    -> binary */
    EG_TYPE_VIEW, /* pointer and size into memory the batch keeps alive (raw batches only) */
};

enum eg_table_id {
    EG_TABLE_FLOWS,
    EG_TABLE_PACKETS,
    EG_TABLE_COUNTERS,
    EG_TABLE_LOSSES,
    EG_TABLE_RAW, /* what a source emits before decoding; not stored */
    EG_TABLE_COUNT,
};

/* One column as `src/table/columns.def` describes it. All texts are static. */
struct eg_column_info {
    const char *name;      /* "src_ip" */
    enum eg_type type;
    const char *unit;      /* "µs UTC", "bytes", "" */
    const char *null_rule; /* when it is null */
    const char *elsewhere; /* "ipfix=8,27 ecs=source.ip pmacct=ip_src …": names in other systems */
    const char *meaning;   /* one sentence */
};

/* The name of a table ("flows"), and back.
 * Ownership: static. Threads: any. Errors: NULL, or EG_TABLE_COUNT, for one there is not.
 * Source: src/table/columns.def. */
EG_API const char *eg_table_name(enum eg_table_id table);
EG_API enum eg_table_id eg_table_by_name(const char *name);

/* The columns of a table, in the order in which they are stored.
 * Ownership: static. Threads: any. Errors: NULL and *count 0 for a table there is not.
 * Source: src/table/columns.def. */
EG_API const struct eg_column_info *eg_table_columns(enum eg_table_id table, uint32_t *count);

/* ---- The Arrow C data interface -------------------------------------------------------------- */
/* Source: https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html; the
 * guards are the ones that page prescribes, so that several headers may define these structs. */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* How addresses, MACs and names leave through Arrow. */
enum eg_arrow_style {
    EG_ARROW_TEXT,   /* utf8, as in the Parquet files; addresses and names are rendered (a copy) */
    EG_ARROW_NATIVE, /* addresses as fixed_size_binary[16], names as dictionaries: nothing is copied */
};

/* ---- Readers ---------------------------------------------------------------------------------- */

struct eg_reader; /* opaque: captures being read into batches of one table */

/* What to read. Zero-initialise, then set what differs. */
struct eg_reader_options {
    enum eg_table_id table;      /* flows (out of exports inside the captures) or packets */
    const char *const *columns;  /* names; NULL: all */
    uint32_t column_count;
    const char *filter;          /* in the filter language; NULL: everything */
    const uint16_t *netflow_ports; /* UDP ports known to carry exports; decoded leniently */
    uint32_t netflow_port_count;
    uint32_t batch_rows;         /* 0: 4096 */
    enum eg_arrow_style style;
    bool metered; /* flows: metered from the packets, instead of those out of exports */
};

/* Opens captures (pcap, pcapng; plain or gzip, zstd, lz4, xz) for reading.
 * Ownership: *out is the caller's, to be freed with eg_reader_free; `paths` and `options` are only
 * read during the call. Threads: the reader is for one thread at a time.
 * Errors: EG_E_NOENT, EG_E_ACCESS, EG_E_FORMAT for the first path at fault; EG_E_USAGE for an
 * unknown column or a bad filter (with its position). Source: docs/reference/columns.md. */
EG_API EG_MUST_CHECK enum eg_status eg_reader_open(struct eg_reader **out, const char *const *paths,
                                                   size_t path_count,
                                                   const struct eg_reader_options *options,
                                                   struct eg_error *err);

/* Hands the reader's batches out as an Arrow stream; the reader lives on inside it.
 * Ownership: takes `reader` on EG_OK (do not free it); *out is released by its consumer.
 * Threads: as the Arrow stream interface says, one at a time. Errors: EG_E_NOMEM.
 * Source: Arrow C stream interface. */
EG_API EG_MUST_CHECK enum eg_status eg_reader_stream(struct eg_reader *reader,
                                                     struct ArrowArrayStream *out,
                                                     struct eg_error *err);

/* Frees a reader and all it holds. NULL is fine.
 * Ownership: `reader` is gone afterwards. Threads: the reader's own. Errors: none.
 * Source: eg_reader_open. */
EG_API void eg_reader_free(struct eg_reader *reader);

/* ---- Filters ----------------------------------------------------------------------------------- */

/* Checks a filter and renders it as a SQL condition on the table's columns.
 * Ownership: *sql is the caller's, to be freed with eg_text_free. Threads: any.
 * Errors: EG_E_USAGE with err->position and a suggestion. Source: docs/filter.md. */
EG_API EG_MUST_CHECK enum eg_status eg_filter_to_sql(char **sql, const char *filter,
                                                     enum eg_table_id table, struct eg_error *err);

/* Frees a text that a function above handed out. NULL is fine.
 * Ownership: `text` is gone afterwards. Threads: any. Errors: none. Source: eg_filter_to_sql. */
EG_API void eg_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
