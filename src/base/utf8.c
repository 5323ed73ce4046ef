/* SPDX-License-Identifier: Apache-2.0
 * UTF-8. */
#include "base/utf8.h"

#include "base/alloc.h"

int32_t eg_utf8_next(struct eg_span s, size_t *size) {
    uint32_t first = eg_u8(s, 0);
    size_t more = first < 0x80                     ? 0
                  : first >= 0xc2 && first <= 0xdf ? 1
                  : (first & 0xf0) == 0xe0         ? 2
                  : first >= 0xf0 && first <= 0xf4 ? 3
                                                   : 9;
    *size = 1;
    if (more == 0) return (int32_t)first;
    if (more == 9) return -1;
    uint32_t point = first & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        uint32_t next = eg_u8(s, i); /* 0 behind the end: no continuation */
        if ((next & 0xc0) != 0x80) return -1;
        point = point << 6 | (next & 0x3f);
    }
    bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return -1;
    *size = more + 1;
    return (int32_t)point;
}

/* ASCII at the start of `s`, eight bytes at a time. */
static size_t ascii(struct eg_span s) {
    size_t at = 0;
    for (; eg_span_has(s, at, 8); at += 8) {
        uint64_t eight;
        memcpy(&eight, s.at + at, 8);
        if (eight & UINT64_C(0x8080808080808080)) break;
    }
    while (at < s.size && s.at[at] < 0x80) at++;
    return at;
}

size_t eg_utf8_good(struct eg_span s) {
    size_t at = 0, size;
    for (;;) {
        at += ascii(eg_span_from(s, at));
        if (at == s.size || eg_utf8_next(eg_span_from(s, at), &size) < 0) return at;
        at += size;
    }
}

void eg_utf8_repair(struct eg_span s, struct eg_strbuf *to) {
    for (;;) {
        size_t good = eg_utf8_good(s);
        eg_strbuf_add(to, s.at, good);
        if (good == s.size) return;
        eg_strbuf_text(to, EG_UTF8_REPLACEMENT);
        s = eg_span_from(s, good + 1);
    }
}

void eg_utf8_escape(struct eg_span s, struct eg_strbuf *to) {
    size_t size;
    if (eg_utf8_good(s) == s.size) {
        eg_strbuf_add(to, s.at, s.size);
        return;
    }
    for (; s.size; s = eg_span_from(s, size)) {
        int32_t point = eg_utf8_next(s, &size);
        if (point < 0 || point == '%')
            eg_strbuf_printf(to, "%%%02X", eg_u8(s, 0));
        else
            eg_strbuf_add(to, s.at, size);
    }
}

char *eg_utf8_escaped(const char *text) {
    struct eg_span s = eg_span(text, strlen(text));
    if (eg_utf8_good(s) == s.size) return eg_strdup(text);
    struct eg_strbuf escaped = {0};
    eg_utf8_escape(s, &escaped);
    return eg_strbuf_take(&escaped);
}

bool eg_utf8_unescape(struct eg_span s, struct eg_strbuf *to) {
    for (size_t size = 1; s.size; s = eg_span_from(s, size)) {
        bool escaped = eg_u8(s, 0) == '%';
        int high = eg_hex_value(eg_u8(s, 1)), low = eg_hex_value(eg_u8(s, 2));
        if (escaped && (high < 0 || low < 0)) return false;
        size = escaped ? 3 : 1;
        eg_strbuf_char(to, (char)(escaped ? high << 4 | low : eg_u8(s, 0)));
    }
    return true;
}
