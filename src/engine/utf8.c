/* SPDX-License-Identifier: Apache-2.0
 * UTF-8: told apart, and mended. Source: RFC 3629 section 4. */
#include "engine/utf8.h"

/* The size of the sequence at the front of `text`, 0 where there is none. */
static size_t sequence_size(struct eg_span text) {
    uint8_t first = eg_u8(text, 0), second = eg_u8(text, 1);
    if (first < 0x80) return 1;
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size > text.size) return 0;
    for (size_t i = 1; i < size; i++)
        if ((eg_u8(text, i) & 0xc0) != 0x80) return 0;
    if (first == 0xe0 && second < 0xa0) return 0; /* longer than need be */
    if (first == 0xed && second > 0x9f) return 0; /* a surrogate */
    if (first == 0xf0 && second < 0x90) return 0;
    if (first == 0xf4 && second > 0x8f) return 0; /* above U+10FFFF */
    return size;
}

bool eg_utf8_whole(struct eg_span text) {
    while (text.size) {
        while (text.size >= 8 && !(eg_be64(text, 0) & UINT64_C(0x8080808080808080)))
            text = eg_span_from(text, 8); /* letters of ASCII */
        if (!text.size) break;
        size_t size = sequence_size(text);
        if (!size) return false;
        text = eg_span_from(text, size);
    }
    return true;
}

void eg_utf8_mend(struct eg_span text, struct eg_strbuf *to) {
    while (text.size) {
        size_t size = sequence_size(text);
        if (size) eg_strbuf_add(to, text.at, size);
        else eg_strbuf_text(to, "\xef\xbf\xbd");
        text = eg_span_from(text, size ? size : 1);
    }
}
