/* SPDX-License-Identifier: Apache-2.0
 * Thrift's compact protocol, the reading half. */
#include "engine/parquet_thrift_read.h"

enum { TRUE = 1, FALSE = 2, BYTE = 3, I16 = 4, I32 = 5, I64 = 6, DOUBLE = 7, BINARY = 8 };
enum { LIST = 9, SET = 10, MAP = 11, STRUCT = 12 };

#define DEPTH_MAX 16

static void give_up(struct eg_cursor *c) {
    c->cut = true;
    c->at = c->end;
}

int64_t eg_thrift_read_int(struct eg_cursor *c) {
    uint64_t value = eg_take_varint(c);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

struct eg_span eg_thrift_read_binary(struct eg_cursor *c) {
    return eg_take(c, eg_take_varint(c));
}

bool eg_thrift_next(struct eg_cursor *c, struct eg_thrift_field *field) {
    uint8_t head = eg_take_u8(c);
    field->type = head & 0x0f;
    if (!field->type) return false;
    int64_t id = head >> 4 ? field->id + (head >> 4) : eg_thrift_read_int(c);
    if (id < INT16_MIN || id > INT16_MAX) give_up(c);
    field->id = (int32_t)(id & 0xffff);
    return !c->cut;
}

uint32_t eg_thrift_read_list(struct eg_cursor *c, int *type) {
    uint8_t head = eg_take_u8(c);
    *type = head & 0x0f;
    uint64_t count = head >> 4 == 15 ? eg_take_varint(c) : (uint64_t)(head >> 4);
    if (count > eg_cursor_left(c)) { /* every item takes a byte at least */
        give_up(c);
        return 0;
    }
    return (uint32_t)count;
}

static void pass(struct eg_cursor *c, int type, int depth);

static void pass_items(struct eg_cursor *c, uint32_t count, const int types[2], int depth) {
    for (uint32_t i = 0; i < count && !c->cut; i++)
        for (int k = 0; k < 2 && types[k]; k++)
            if (types[k] == TRUE || types[k] == FALSE)
                eg_skip(c, 1);
            else
                pass(c, types[k], depth);
}

static void pass_map(struct eg_cursor *c, int depth) {
    uint64_t count = eg_take_varint(c);
    if (!count) return;
    uint8_t types = eg_take_u8(c);
    if (count > eg_cursor_left(c) || !(types >> 4) || !(types & 15)) {
        give_up(c);
        return;
    }
    pass_items(c, (uint32_t)count, (const int[]){types >> 4, types & 15}, depth);
}

static void pass_struct(struct eg_cursor *c, int depth) {
    struct eg_thrift_field field = {0};
    while (eg_thrift_next(c, &field)) pass(c, field.type, depth);
}

static void pass(struct eg_cursor *c, int type, int depth) {
    if (depth == DEPTH_MAX) {
        give_up(c);
        return;
    }
    int item;
    switch (type) {
    case TRUE:
    case FALSE: return; /* the type is the value */
    case BYTE: eg_skip(c, 1); return;
    case I16:
    case I32:
    case I64: (void)eg_take_varint(c); return;
    case DOUBLE: eg_skip(c, 8); return;
    case BINARY: (void)eg_thrift_read_binary(c); return;
    case LIST:
    case SET: {
        uint32_t count = eg_thrift_read_list(c, &item);
        if (count && !item) give_up(c);
        pass_items(c, count, (const int[]){item, 0}, depth + 1);
        return;
    }
    case MAP: pass_map(c, depth + 1); return;
    case STRUCT: pass_struct(c, depth + 1); return;
    default: give_up(c);
    }
}

void eg_thrift_pass(struct eg_cursor *c, int type) { pass(c, type, 0); }
