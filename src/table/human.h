/* SPDX-License-Identifier: Apache-2.0
 * Numbers as people read them: 1.23 GB, 1.2 Gbit/s, 12,345, by the unit of their column. Source: the
 * SI prefixes (powers of 1000), three significant digits. */
#ifndef EG_TABLE_HUMAN_H
#define EG_TABLE_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define EG_HUMAN_TEXT 48

/* `value` of a column whose unit is "bytes", "bit/s", "packets", "µs", "records", …; NUL-terminated,
 * at most EG_HUMAN_TEXT with it. 0: a unit (or none) that is not scaled; write the plain number. */
size_t eg_human_text(double value, const char *unit, char text[EG_HUMAN_TEXT]);
/* 1234567 -> "1,234,567". */
size_t eg_thousands_text(int64_t value, char text[EG_HUMAN_TEXT]);
/* With two decimals, none where they are zero; 0: too large for that. */
size_t eg_rounded_text(double value, char text[EG_HUMAN_TEXT]);

#endif
