/* SPDX-License-Identifier: Apache-2.0
 * A text that grows. Failure sticks: after an allocation failed every append is a no-op, `failed`
 * says so, and eg_strbuf_take answers NULL, so callers check once at the end. */
#ifndef EG_BASE_STRBUF_H
#define EG_BASE_STRBUF_H

#include "base/status.h"

struct eg_strbuf {
    char *text; /* NUL-terminated whenever it is not NULL */
    size_t size, room;
    bool failed;
};

void eg_strbuf_reset(struct eg_strbuf *); /* frees; ready for use again */
void eg_strbuf_clear(struct eg_strbuf *); /* empties, keeps the memory */
bool eg_strbuf_reserve(struct eg_strbuf *, size_t more); /* room for `more` bytes behind `size` */
void eg_strbuf_add(struct eg_strbuf *, const void *bytes, size_t size);
void eg_strbuf_text(struct eg_strbuf *, const char *text);
void eg_strbuf_char(struct eg_strbuf *, char c);
void eg_strbuf_i64(struct eg_strbuf *, int64_t value);
void eg_strbuf_varint(struct eg_strbuf *, uint64_t value); /* as eg_take_varint reads it */
void eg_strbuf_zigzag(struct eg_strbuf *, int64_t value); /* the same, the sign in the lowest bit */
void eg_strbuf_printf(struct eg_strbuf *, const char *format, ...) EG_PRINTF(2, 3);
/* Hands the text over (free it with eg_free) and leaves the buffer empty; NULL when it failed. */
char *eg_strbuf_take(struct eg_strbuf *);

#endif
