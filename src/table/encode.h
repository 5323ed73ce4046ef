/* SPDX-License-Identifier: Apache-2.0
 * Batches as text: JSON, JSON lines, CSV, TSV, aligned tables, Markdown. Encoders know columns, not
 * destinations; whatever takes text gets it from here, so that no encoding is written twice. */
#ifndef EG_TABLE_ENCODE_H
#define EG_TABLE_ENCODE_H

#include "base/strbuf.h"
#include "table/batch.h"

enum eg_format {
    EG_FORMAT_TABLE, /* aligned, for people; needs all rows before it writes */
    EG_FORMAT_WIDE,  /* the same, nothing shortened or scaled */
    EG_FORMAT_CSV,   /* RFC 4180 */
    EG_FORMAT_TSV,
    EG_FORMAT_JSON,  /* one array of objects */
    EG_FORMAT_JSONL,
    EG_FORMAT_MARKDOWN,
    EG_FORMAT_PARQUET, /* not here: engine */
    EG_FORMAT_ARROW,   /* Arrow IPC stream (arrow_ipc.c) */
    EG_FORMAT_COUNT,
};
const char *eg_format_name(enum eg_format);
enum eg_format eg_format_by_name(const char *); /* EG_FORMAT_COUNT: none */

struct eg_encode_style {
    enum eg_format format;
    bool header;      /* CSV, TSV, TABLE */
    bool human;       /* TABLE: 1.23 GB, 1.2 Gbit/s by the column's unit */
    bool color, unicode;
    bool utc_offset;  /* TABLE: local times with offset instead of Z */
    bool epoch;       /* times as integers, µs */
    uint32_t width;   /* TABLE: columns of the terminal; what does not fit is left out and told of;
                         0: no limit */
};

/* Times are RFC 3339, UTC, six digits; addresses and names text; BIN as base64 (JSON) or hex; null
 * is null (JSON), empty (CSV, TSV). In CSV an empty text is "" and a null is nothing. NaN and
 * infinities are null in JSON. Texts that are not UTF-8 get U+FFFD; control characters are escaped
 * in every format. A column of unit "JSON" stands in JSON as the object it is. */
struct eg_encoder;
EG_MUST_CHECK enum eg_status eg_encoder_new(struct eg_encoder **out, const struct eg_table *,
                                            const uint32_t *columns, uint32_t column_count,
                                            const struct eg_encode_style *, struct eg_error *err);
void eg_encoder_free(struct eg_encoder *);
void eg_encoder_begin(struct eg_encoder *, struct eg_strbuf *to);
void eg_encoder_rows(struct eg_encoder *, const struct eg_batch *, struct eg_strbuf *to);
void eg_encoder_end(struct eg_encoder *, struct eg_strbuf *to);
/* One value as the text of the machine formats (no quotes); null gives nothing. */
void eg_encode_value(const struct eg_batch *, uint32_t col, uint32_t row, struct eg_strbuf *to);
void eg_encode_json_text(const char *text, size_t size, struct eg_strbuf *to); /* with quotes */
/* The same of a file's name, which may be bytes that are no text: escaped as in rows (base/utf8.h). */
void eg_encode_json_name(const char *name, struct eg_strbuf *to);

/* The table of encoded records that sinks with EG_TAKES_RECORDS get: one TEXT column, `record`. */
extern const struct eg_table eg_records_table;

#endif
