/* SPDX-License-Identifier: Apache-2.0
 * Reading Thrift's compact protocol, of any bytes: nothing is believed but what is there.
 * Source: the Thrift compact protocol specification. */
#ifndef EG_ENGINE_PARQUET_THRIFT_READ_H
#define EG_ENGINE_PARQUET_THRIFT_READ_H

#include "base/cursor.h"

/* A field of a struct. Zero-initialise one for each struct, and hand it to eg_thrift_next again and
 * again. */
struct eg_thrift_field {
    int32_t id;
    int type; /* enum eg_thrift_type, 1 and 2: true and false, …; what none of our structs has, too */
};
/* The next field of the struct; false: that was all, or the bytes end (then the cursor is cut). Its value
 * must be read, or passed over. */
bool eg_thrift_next(struct eg_cursor *, struct eg_thrift_field *);
int64_t eg_thrift_read_int(struct eg_cursor *);           /* I16, I32, I64 */
struct eg_span eg_thrift_read_binary(struct eg_cursor *); /* texts too */
/* The head of a list: how many items of which type follow. */
uint32_t eg_thrift_read_list(struct eg_cursor *, int *type);
void eg_thrift_pass(struct eg_cursor *, int type); /* a value of that type */

#endif
