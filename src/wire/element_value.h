/* SPDX-License-Identifier: Apache-2.0
 * One value of an information element, read by its abstract type.
 * Source: RFC 7011 section 6 (encoding, reduced size), RFC 7373 (text of values). */
#ifndef EG_WIRE_ELEMENT_VALUE_H
#define EG_WIRE_ELEMENT_VALUE_H

#include "base/cursor.h"
#include "base/strbuf.h"
#include "wire/elements.h"

/* Whether a value of that type can be so long: integers 1 to 8 bytes (reduced size; longer than the
 * type is read all the same), float32 4, float64 4 or 8, boolean 1, MAC 6, dateTimeSeconds 4,
 * the other times 8, addresses 4 and 16, unsigned256 1 to 32, octetArray, string and lists any. */
bool eg_element_fits(enum eg_element_type, size_t size);

/* The readers want a size that fits the type; else they give 0. */
uint64_t eg_element_unsigned(struct eg_span value); /* 1 to 8 bytes */
int64_t eg_element_signed(struct eg_span value);    /* the same, with its sign */
/* dateTime…: µs since 1970. NTP's seconds count from 1900 (era 0). */
int64_t eg_element_time_us(enum eg_element_type, struct eg_span value);

/* Adds the value as JSON: integers as numbers (beyond 2^53 too), floats (NaN and infinities null),
 * true and false, MACs and addresses as canonical text, times as RFC 3339 with 6 digits, strings
 * with U+FFFD for what is not UTF-8 and without the NULs at the end, octetArray and lists as
 * lower-case hex in quotes. What does not fit its type is hex too: a length that cannot be, a boolean
 * that is neither 1 nor 2, a time after the year 9999, an unsigned256 beyond 64 bits. No bytes at all
 * are null, of a string or octetArray "". Appends to `out`, where a failed allocation shows. */
void eg_element_json(const struct eg_element *, struct eg_span value, struct eg_strbuf *out);

#endif
