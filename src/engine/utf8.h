/* SPDX-License-Identifier: Apache-2.0
 * Texts from outside may be no UTF-8; SQL and Parquet take nothing else. Source: RFC 3629. */
#ifndef EG_ENGINE_UTF8_H
#define EG_ENGINE_UTF8_H

#include "base/cursor.h"
#include "base/strbuf.h"

bool eg_utf8_whole(struct eg_span text);
/* Appends the text; each byte that belongs to no character becomes U+FFFD. */
void eg_utf8_mend(struct eg_span text, struct eg_strbuf *to);

#endif
