/* SPDX-License-Identifier: Apache-2.0
 * What the encoders share: the encoder itself, and values as text, written without printf into room
 * that was reserved before. */
#ifndef EG_TABLE_ENCODING_H
#define EG_TABLE_ENCODING_H

#include "base/utf8.h"
#include "table/encode.h"

#define EG_VALUE_TEXT 64 /* no value of fixed width takes more bytes as text, quotes included */

/* One way to write rows. No slot is NULL. */
struct eg_encoding {
    const char *name;
    enum eg_status (*open)(struct eg_encoder *, struct eg_error *); /* eg_encoding_open_nop */
    void (*begin)(struct eg_encoder *, struct eg_strbuf *to);
    void (*rows)(struct eg_encoder *, const struct eg_batch *, struct eg_strbuf *to);
    void (*end)(struct eg_encoder *, struct eg_strbuf *to);
};
extern const struct eg_encoding eg_encoding_json, eg_encoding_jsonl, eg_encoding_csv,
    eg_encoding_tsv, eg_encoding_table, eg_encoding_wide, eg_encoding_markdown;

struct eg_encoder {
    const struct eg_encoding *encoding;
    const struct eg_table *table;
    uint32_t *columns;
    uint32_t column_count;
    struct eg_encode_style style;
    uint64_t row_count;     /* written so far */
    struct eg_strbuf parts; /* JSON: `,"name":` of every column; tables: every cell's text */
    size_t *ends;           /* where each of the parts ends in it */
    size_t end_count, end_room;
};

enum eg_status eg_encoding_open_nop(struct eg_encoder *, struct eg_error *);
static inline const struct eg_column_info *eg_encoder_column(const struct eg_encoder *e,
                                                             uint32_t i) {
    return &e->table->columns[e->columns[i]];
}
/* Ends a part of e->parts; false: no memory. */
bool eg_encoder_part(struct eg_encoder *);

/* Room for `more` bytes at the end, to be written by hand and claimed with eg_strbuf_wrote; NULL:
 * no memory. */
static inline char *eg_strbuf_room(struct eg_strbuf *to, size_t more) {
    if (__builtin_expect(to->room - to->size <= more || to->failed, 0) &&
        !eg_strbuf_reserve(to, more))
        return NULL;
    return to->text + to->size;
}
static inline void eg_strbuf_wrote(struct eg_strbuf *to, char *end) {
    *end = 0;
    to->size = (size_t)(end - to->text);
}

/* Each writes at `at` and answers where it ended; at most EG_VALUE_TEXT bytes. */
char *eg_write_i64(char *at, int64_t value);
char *eg_write_f64(char *at, double value); /* shortest that reads back the same; not for NaN */
/* The text of a value of a type of fixed width; the row must be valid. */
char *eg_write_fixed(char *at, const struct eg_column *, uint32_t row, bool epoch);
static inline bool eg_type_fixed(enum eg_type type) {
    return type != EG_TYPE_TEXT && type != EG_TYPE_NAME && type != EG_TYPE_BIN &&
           type != EG_TYPE_VIEW;
}
/* The bytes of a TEXT, NAME, BIN or VIEW value. */
struct eg_span eg_value_bytes(const struct eg_column *, uint32_t row);

/* A text for people and line formats: control characters as \xNN, U+FFFD for what is not UTF-8. */
void eg_add_plain(struct eg_strbuf *to, struct eg_span text);
void eg_add_hex(struct eg_strbuf *to, struct eg_span bytes);
void eg_add_base64(struct eg_strbuf *to, struct eg_span bytes);

#endif
