/* SPDX-License-Identifier: Apache-2.0
 * Writing Thrift's compact protocol, in which Parquet's headers and footer are written.
 * Source: the Thrift compact protocol specification; parquet.thrift for what is written with it. */
#ifndef EG_ENGINE_PARQUET_THRIFT_H
#define EG_ENGINE_PARQUET_THRIFT_H

#include "base/strbuf.h"

#define EG_THRIFT_DEPTH 12

enum eg_thrift_type {
    EG_THRIFT_I32 = 5,
    EG_THRIFT_I64 = 6,
    EG_THRIFT_BINARY = 8,
    EG_THRIFT_LIST = 9,
    EG_THRIFT_STRUCT = 12
};

struct eg_thrift {
    struct eg_strbuf *to;
    int32_t last[EG_THRIFT_DEPTH]; /* the last field's id, in each struct that is open */
    int depth;
};

/* Fields must come in the order of their ids. */
void eg_thrift_bool(struct eg_thrift *, int id, bool value);
void eg_thrift_i8(struct eg_thrift *, int id, int8_t value);
void eg_thrift_int(struct eg_thrift *, int id, enum eg_thrift_type, int64_t value); /* I32, I64 */
void eg_thrift_binary(struct eg_thrift *, int id, const void *bytes, size_t size);
void eg_thrift_text(struct eg_thrift *, int id, const char *text);
void eg_thrift_list(struct eg_thrift *, int id, enum eg_thrift_type of, size_t count);
void eg_thrift_open(struct eg_thrift *, int id); /* a struct as a field */
void eg_thrift_open_item(struct eg_thrift *);    /* a struct in a list, or the outermost one */
void eg_thrift_close(struct eg_thrift *);
void eg_thrift_empty(struct eg_thrift *, int id); /* a struct without fields */
/* Items of a list. */
void eg_thrift_item_int(struct eg_thrift *, int64_t value);
void eg_thrift_item_text(struct eg_thrift *, const char *text);

#endif
