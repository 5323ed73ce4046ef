/* SPDX-License-Identifier: Apache-2.0
 * UTF-8: what is, what is not, and how to make it so. Source: RFC 3629. */
#ifndef EG_BASE_UTF8_H
#define EG_BASE_UTF8_H

#include "base/cursor.h"
#include "base/strbuf.h"

#define EG_UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The code point at the start of `s`, its bytes in *size; -1, and 1, for what is not UTF-8. */
int32_t eg_utf8_next(struct eg_span s, size_t *size);
/* How many bytes at the start of `s` are whole UTF-8 characters; s.size: all of it. */
size_t eg_utf8_good(struct eg_span s);
/* Adds `s` with U+FFFD for every byte that is no part of a character. */
void eg_utf8_repair(struct eg_span s, struct eg_strbuf *to);
/* Adds `s` as it is, if it is UTF-8; else with %XX for every byte that is no part of a character, and for
 * every percent sign, so that eg_utf8_unescape (of that alone) gives the bytes back. */
void eg_utf8_escape(struct eg_span s, struct eg_strbuf *to);
/* The same as a text of its own, as rows, JSON and lists name a file. Free with eg_free; NULL: no memory. */
char *eg_utf8_escaped(const char *text);
/* False: a percent sign that two hex digits do not follow. */
bool eg_utf8_unescape(struct eg_span s, struct eg_strbuf *to);

#endif
