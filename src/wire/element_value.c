/* SPDX-License-Identifier: Apache-2.0
 * One value of an information element, read by its abstract type.
 * Source: RFC 7011 section 6. */
#include "wire/element_value.h"

#include "base/timetext.h"
#include "table/address.h"
#include "table/encoding.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const int64_t YEAR_10000_US = 253402300800 * EG_SECOND_US; /* RFC 3339 ends before it */
static const int64_t NTP_EPOCH_S = -2208988800;                   /* 1900-01-01 */

bool eg_element_fits(enum eg_element_type type, size_t size) {
    switch (type) {
    case EG_ELEMENT_unsigned8:
    case EG_ELEMENT_unsigned16:
    case EG_ELEMENT_unsigned32:
    case EG_ELEMENT_unsigned64:
    case EG_ELEMENT_signed8:
    case EG_ELEMENT_signed16:
    case EG_ELEMENT_signed32:
    case EG_ELEMENT_signed64: return size >= 1 && size <= 8;
    case EG_ELEMENT_unsigned256: return size >= 1 && size <= 32;
    case EG_ELEMENT_float32: return size == 4;
    case EG_ELEMENT_float64: return size == 4 || size == 8;
    case EG_ELEMENT_boolean: return size == 1;
    case EG_ELEMENT_macAddress: return size == 6;
    case EG_ELEMENT_dateTimeSeconds: return size == 4;
    case EG_ELEMENT_dateTimeMilliseconds:
    case EG_ELEMENT_dateTimeMicroseconds:
    case EG_ELEMENT_dateTimeNanoseconds: return size == 8;
    case EG_ELEMENT_ipv4Address: return size == 4;
    case EG_ELEMENT_ipv6Address: return size == 16;
    default: return true;
    }
}

uint64_t eg_element_unsigned(struct eg_span value) {
    if (value.size > 8) return 0;
    uint64_t all = 0;
    for (size_t i = 0; i < value.size; i++) all = all << 8 | eg_u8(value, i);
    return all;
}

int64_t eg_element_signed(struct eg_span value) {
    if (value.size < 1 || value.size > 8) return 0;
    unsigned spare = 64 - 8 * (unsigned)value.size;
    return (int64_t)(eg_element_unsigned(value) << spare) >> spare;
}

/* NTP time stamps: seconds, and a fraction in units of 2^-32 s. What was microseconds comes back
 * exactly only when rounded to the nearest: exporters cut the fraction off, and of
 * dateTimeMicroseconds the low 11 bits mean nothing. */
static int64_t ntp_us(struct eg_span value, bool nanoseconds) {
    uint64_t fraction = eg_be32(value, 4), half = UINT64_C(1) << 31;
    int64_t us = nanoseconds ? (int64_t)((fraction * 1000000000 + half) >> 32) / 1000
                             : (int64_t)(((fraction & ~UINT64_C(0x7ff)) * 1000000 + half) >> 32);
    return (eg_be32(value, 0) + NTP_EPOCH_S) * EG_SECOND_US + us;
}

int64_t eg_element_time_us(enum eg_element_type type, struct eg_span value) {
    if (!eg_element_fits(type, value.size)) return 0;
    uint64_t ms = eg_be64(value, 0);
    switch (type) {
    case EG_ELEMENT_dateTimeSeconds: return eg_be32(value, 0) * EG_SECOND_US;
    case EG_ELEMENT_dateTimeMilliseconds:
        return ms > INT64_MAX / 1000 ? INT64_MAX : (int64_t)ms * 1000;
    case EG_ELEMENT_dateTimeMicroseconds: return ntp_us(value, false);
    case EG_ELEMENT_dateTimeNanoseconds: return ntp_us(value, true);
    default: return 0;
    }
}

static double float_of(struct eg_span value) {
    if (value.size == 4) {
        uint32_t bits = eg_be32(value, 0);
        float narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        return narrow;
    }
    uint64_t bits = eg_be64(value, 0);
    double wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* ---- JSON ---- */

static void add_hex(struct eg_span value, struct eg_strbuf *out) {
    eg_strbuf_char(out, '"');
    eg_add_hex(out, value);
    eg_strbuf_char(out, '"');
}

static void add_quoted(const char *text, struct eg_strbuf *out) {
    eg_strbuf_char(out, '"');
    eg_strbuf_text(out, text);
    eg_strbuf_char(out, '"');
}

static void add_unsigned(struct eg_span value, struct eg_strbuf *out) {
    uint64_t number = eg_element_unsigned(value);
    if (number <= INT64_MAX)
        eg_strbuf_i64(out, (int64_t)number);
    else
        eg_strbuf_printf(out, "%" PRIu64, number);
}

static void add_float(struct eg_span value, struct eg_strbuf *out) {
    double number = float_of(value);
    if (!isfinite(number)) {
        eg_strbuf_text(out, "null");
        return;
    }
    char text[EG_VALUE_TEXT];
    eg_strbuf_add(out, text, (size_t)(eg_write_f64(text, number) - text));
}

static void add_time(enum eg_element_type type, struct eg_span value, struct eg_strbuf *out) {
    int64_t time_us = eg_element_time_us(type, value);
    char text[40];
    if (time_us >= YEAR_10000_US) {
        add_hex(value, out);
        return;
    }
    eg_time_text(time_us, text);
    add_quoted(text, out);
}

static void add_address(struct eg_span value, struct eg_strbuf *out) {
    struct eg_addr address = eg_addr_v4(eg_be32(value, 0));
    if (value.size == sizeof address.bytes)
        eg_span_copy(value, 0, address.bytes, sizeof address.bytes);
    char text[EG_ADDR_TEXT];
    eg_addr_text(&address, text);
    add_quoted(text, out);
}

static void add_string(struct eg_span value, struct eg_strbuf *out) {
    while (value.size && eg_u8(value, value.size - 1) == 0) value.size--;
    eg_encode_json_text((const char *)value.at, value.size, out);
}

static void add_unsigned256(struct eg_span value, struct eg_strbuf *out) {
    struct eg_span rest = value;
    while (rest.size > 8 && eg_u8(rest, 0) == 0) rest = eg_span_from(rest, 1);
    if (rest.size <= 8)
        add_unsigned(rest, out);
    else
        add_hex(value, out);
}

static void add_mac(struct eg_span value, struct eg_strbuf *out) {
    char text[EG_MAC_TEXT];
    eg_mac_text((int64_t)eg_element_unsigned(value), text);
    add_quoted(text, out);
}

void eg_element_json(const struct eg_element *element, struct eg_span value,
                     struct eg_strbuf *out) {
    enum eg_element_type type = element->type;
    if (!eg_element_fits(type, value.size)) {
        if (value.size)
            add_hex(value, out);
        else
            eg_strbuf_text(out, "null");
        return;
    }
    switch (type) {
    case EG_ELEMENT_unsigned8:
    case EG_ELEMENT_unsigned16:
    case EG_ELEMENT_unsigned32:
    case EG_ELEMENT_unsigned64: add_unsigned(value, out); return;
    case EG_ELEMENT_signed8:
    case EG_ELEMENT_signed16:
    case EG_ELEMENT_signed32:
    case EG_ELEMENT_signed64: eg_strbuf_i64(out, eg_element_signed(value)); return;
    case EG_ELEMENT_unsigned256: add_unsigned256(value, out); return;
    case EG_ELEMENT_float32:
    case EG_ELEMENT_float64: add_float(value, out); return;
    case EG_ELEMENT_macAddress: add_mac(value, out); return;
    case EG_ELEMENT_string: add_string(value, out); return;
    case EG_ELEMENT_dateTimeSeconds:
    case EG_ELEMENT_dateTimeMilliseconds:
    case EG_ELEMENT_dateTimeMicroseconds:
    case EG_ELEMENT_dateTimeNanoseconds: add_time(type, value, out); return;
    case EG_ELEMENT_ipv4Address:
    case EG_ELEMENT_ipv6Address: add_address(value, out); return;
    case EG_ELEMENT_boolean:
        if (eg_u8(value, 0) == 1)
            eg_strbuf_text(out, "true");
        else if (eg_u8(value, 0) == 2)
            eg_strbuf_text(out, "false");
        else
            add_hex(value, out);
        return;
    default: add_hex(value, out); return;
    }
}
