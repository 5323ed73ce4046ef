/* SPDX-License-Identifier: Apache-2.0
 * A text that grows. */
#include "base/strbuf.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void eg_strbuf_reset(struct eg_strbuf *buf) {
    eg_free(buf->text);
    *buf = (struct eg_strbuf){0};
}

void eg_strbuf_clear(struct eg_strbuf *buf) {
    buf->size = 0;
    buf->failed = false;
    if (buf->text) buf->text[0] = 0;
}

bool eg_strbuf_reserve(struct eg_strbuf *buf, size_t more) {
    if (buf->failed) return false;
    if (more < buf->room - buf->size && buf->room) return true;
    size_t room = buf->room ? buf->room : 64;
    while (room - buf->size <= more) {
        if (room > SIZE_MAX / 2) {
            buf->failed = true;
            return false;
        }
        room *= 2;
    }
    char *text = eg_realloc(buf->text, room, 1);
    if (!text) {
        buf->failed = true;
        return false;
    }
    buf->text = text;
    buf->room = room;
    return true;
}

void eg_strbuf_add(struct eg_strbuf *buf, const void *bytes, size_t size) {
    if (!eg_strbuf_reserve(buf, size)) return;
    if (size) memcpy(buf->text + buf->size, bytes, size);
    buf->size += size;
    buf->text[buf->size] = 0;
}

void eg_strbuf_text(struct eg_strbuf *buf, const char *text) {
    eg_strbuf_add(buf, text, strlen(text));
}

void eg_strbuf_char(struct eg_strbuf *buf, char c) { eg_strbuf_add(buf, &c, 1); }

void eg_strbuf_i64(struct eg_strbuf *buf, int64_t value) {
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) *--at = '-';
    eg_strbuf_add(buf, at, (size_t)(digits + sizeof digits - at));
}

void eg_strbuf_printf(struct eg_strbuf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size >= 0 && eg_strbuf_reserve(buf, (size_t)size + 1)) {
        vsnprintf(buf->text + buf->size, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

char *eg_strbuf_take(struct eg_strbuf *buf) {
    if (buf->failed || !eg_strbuf_reserve(buf, 0)) {
        eg_strbuf_reset(buf);
        return NULL;
    }
    if (!buf->size) buf->text[0] = 0;
    char *text = buf->text;
    *buf = (struct eg_strbuf){0};
    return text;
}

void eg_strbuf_varint(struct eg_strbuf *buf, uint64_t value) {
    char bytes[10];
    size_t size = 0;
    do {
        bytes[size++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    eg_strbuf_add(buf, bytes, size);
}

void eg_strbuf_zigzag(struct eg_strbuf *buf, int64_t value) {
    eg_strbuf_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}
