/* SPDX-License-Identifier: Apache-2.0
 * Thrift's compact protocol, the writing half. */
#include "engine/parquet_thrift.h"

#include <string.h>

enum { TRUE_TYPE = 1, FALSE_TYPE = 2, BYTE_TYPE = 3 };

static void field(struct eg_thrift *t, int id, int type) {
    int32_t *last = &t->last[t->depth];
    EG_ASSERT(id > *last);
    if (id - *last <= 15) {
        eg_strbuf_char(t->to, (char)((id - *last) << 4 | type));
    } else {
        eg_strbuf_char(t->to, (char)type);
        eg_strbuf_zigzag(t->to, id);
    }
    *last = id;
}

void eg_thrift_bool(struct eg_thrift *t, int id, bool value) {
    field(t, id, value ? TRUE_TYPE : FALSE_TYPE);
}

void eg_thrift_i8(struct eg_thrift *t, int id, int8_t value) {
    field(t, id, BYTE_TYPE);
    eg_strbuf_char(t->to, (char)value);
}

void eg_thrift_int(struct eg_thrift *t, int id, enum eg_thrift_type type, int64_t value) {
    field(t, id, (int)type);
    eg_strbuf_zigzag(t->to, value);
}

void eg_thrift_binary(struct eg_thrift *t, int id, const void *bytes, size_t size) {
    field(t, id, EG_THRIFT_BINARY);
    eg_strbuf_varint(t->to, size);
    eg_strbuf_add(t->to, bytes, size);
}

void eg_thrift_text(struct eg_thrift *t, int id, const char *text) {
    eg_thrift_binary(t, id, text, strlen(text));
}

void eg_thrift_list(struct eg_thrift *t, int id, enum eg_thrift_type of, size_t count) {
    field(t, id, EG_THRIFT_LIST);
    if (count < 15) {
        eg_strbuf_char(t->to, (char)(count << 4 | of));
    } else {
        eg_strbuf_char(t->to, (char)(0xf0 | of));
        eg_strbuf_varint(t->to, count);
    }
}

void eg_thrift_open_item(struct eg_thrift *t) {
    EG_ASSERT(t->depth + 1 < EG_THRIFT_DEPTH);
    t->last[++t->depth] = 0;
}

void eg_thrift_open(struct eg_thrift *t, int id) {
    field(t, id, EG_THRIFT_STRUCT);
    eg_thrift_open_item(t);
}

void eg_thrift_close(struct eg_thrift *t) {
    eg_strbuf_char(t->to, 0);
    t->depth--;
}

void eg_thrift_empty(struct eg_thrift *t, int id) {
    eg_thrift_open(t, id);
    eg_thrift_close(t);
}

void eg_thrift_item_int(struct eg_thrift *t, int64_t value) { eg_strbuf_zigzag(t->to, value); }

void eg_thrift_item_text(struct eg_thrift *t, const char *text) {
    eg_strbuf_varint(t->to, strlen(text));
    eg_strbuf_text(t->to, text);
}
