/* SPDX-License-Identifier: Apache-2.0
 * Values from text and back. */
#include "filter/value.h"

#include "base/option.h"
#include "base/timetext.h"
#include "base/utf8.h"
#include "filter/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 128
/* The years 1 to 9999: what RFC 3339 can write. */
#define TIME_FIRST (INT64_C(-62135596800) * EG_SECOND_US)
#define TIME_LAST (INT64_C(253402300800) * EG_SECOND_US - 1)

/* What a value of this field looks like, for errors. */
static const char *expected(const struct eg_field *field) {
    switch (field->type) {
    case EG_TYPE_ADDR:
        return "expected an address such as 10.0.0.1 or 2001:db8::1, or a net such as 10.0.0.0/8";
    case EG_TYPE_MAC: return "expected a MAC address such as 00:1b:21:3c:4d:5e";
    case EG_TYPE_TIME:
        return "expected a time such as '2026-01-02T13:00:00Z', '2026-01-02 13:00' or now-6h";
    case EG_TYPE_BOOL: return "expected true or false";
    case EG_TYPE_F64: return "expected a number such as 1000, 1.5M or 2Gi";
    default: break;
    }
    switch (field->measure) {
    case EG_MEASURE_PORT: return "a port is 0 to 65535, or a name such as https";
    case EG_MEASURE_PROTO: return "a protocol is 0 to 255, or a name such as tcp, udp, icmp6";
    case EG_MEASURE_OCTET: return "expected a number from 0 to 255";
    case EG_MEASURE_VLAN: return "a VLAN is 0 to 4095";
    case EG_MEASURE_MASK: return "a prefix length is 0 to 128";
    case EG_MEASURE_AS: return "an AS number is 0 to 4294967295";
    case EG_MEASURE_FLAGS: return "TCP flags are letters of FSRPAUECN, or 0 to 4095";
    case EG_MEASURE_MICROS: return "expected microseconds, or a duration such as 500ms";
    case EG_MEASURE_DURATION:
        return "expected a duration with its unit, such as 500ms, 10s or 1.5h";
    case EG_MEASURE_NONE: break;
    }
    return "expected a whole number such as 1000, 10k, 2Gi or 0x1f";
}

static int64_t measure_max(enum eg_measure measure) {
    switch (measure) {
    case EG_MEASURE_PORT: return 65535;
    case EG_MEASURE_PROTO:
    case EG_MEASURE_OCTET: return 255;
    case EG_MEASURE_VLAN:
    case EG_MEASURE_FLAGS: return 4095;
    case EG_MEASURE_MASK: return 128;
    case EG_MEASURE_AS: return 4294967295;
    default: return INT64_MAX;
    }
}

/* ---- single values ---- */

int64_t eg_flags_parse(const char *letters, size_t size) {
    static const char names[] = "FSRPAUECN"; /* from bit 0 on */
    int64_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        char letter = (char)(letters[i] >= 'a' && letters[i] <= 'z' ? letters[i] - 32 : letters[i]);
        if (letter == 'X') { /* nfdump: all of the classic six */
            bits |= 0x3f;
            continue;
        }
        const char *found = letter ? strchr(names, letter) : NULL;
        if (!found) return -1;
        bits |= INT64_C(1) << (found - names);
    }
    return size ? bits : -1;
}

static bool hex(int64_t *out, const char *text) {
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return false;
    size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 15 || text[2 + digits]) return false;
    *out = (int64_t)strtoull(text + 2, NULL, 16);
    return true;
}

static bool whole(int64_t *out, const struct eg_field *field, const char *text) {
    size_t size = strlen(text);
    int named = -1;
    switch (field->measure) {
    case EG_MEASURE_PORT: named = eg_service_port(text, size); break;
    case EG_MEASURE_PROTO: named = eg_proto_number(text, size, false); break;
    case EG_MEASURE_FLAGS: named = (int)eg_flags_parse(text, size); break;
    case EG_MEASURE_DURATION:
        if (strcmp(text, "0") != 0 && text[size - 1] >= '0' && text[size - 1] <= '9') return false;
        return eg_duration_parse(out, text, NULL) == EG_OK;
    case EG_MEASURE_MICROS:
        return hex(out, text) || eg_quantity_parse(out, text) ||
               eg_duration_parse(out, text, NULL) == EG_OK;
    default: break;
    }
    if (named >= 0)
        *out = named;
    else if (!hex(out, text) && !eg_quantity_parse(out, text))
        return false;
    int64_t max = measure_max(field->measure);
    return max == INT64_MAX || (*out >= 0 && *out <= max);
}

static bool real(double *out, const char *text) {
    int64_t number;
    if (eg_quantity_parse(&number, text)) {
        *out = (double)number;
        return true;
    }
    if (text[strspn(text, "0123456789.eE+-")]) return false;
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

/* "10", "10.1", "172.16/12" and "10.0.0.0/8" -> the last of these forms. */
static bool net(struct eg_item *out, const char *text) {
    char whole_text[WORD_MAX + 16];
    size_t digits = strcspn(text, "/"), dots = 0;
    for (size_t i = 0; i < digits; i++) dots += text[i] == '.';
    if (digits == 0 || dots >= 3 || text[strspn(text, "0123456789./")]) return false;
    const char *slash = text[digits] ? text + digits : "";
    char own[8];
    snprintf(own, sizeof own, "/%zu", 8 * (dots + 1));
    static const char *const rest[] = {".0.0.0", ".0.0", ".0"};
    snprintf(whole_text, sizeof whole_text, "%.*s%s%s", (int)digits, text, rest[dots],
             *slash ? slash : own);
    return eg_prefix_parse(&out->low.addr, &out->bits, whole_text, strlen(whole_text));
}

static bool truth(int64_t *out, const char *text) {
    *out = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static bool single(struct eg_item *out, const struct eg_field *field, const char *text, bool by_net,
                   int64_t now_us) {
    struct eg_value *value = &out->low;
    bool good = false;
    out->bits = 128;
    switch (field->type) {
    case EG_TYPE_ADDR:
        good = eg_prefix_parse(&value->addr, &out->bits, text, strlen(text)) ||
               (by_net && net(out, text));
        break;
    case EG_TYPE_MAC: good = eg_mac_parse(&value->number, text, strlen(text)); break;
    case EG_TYPE_TIME:
        good = eg_time_parse(&value->number, text, now_us, NULL) == EG_OK &&
               value->number >= TIME_FIRST && value->number <= TIME_LAST;
        break;
    case EG_TYPE_BOOL: good = truth(&value->number, text); break;
    case EG_TYPE_F64: good = real(&value->real, text); break;
    default: good = *text && whole(&value->number, field, text);
    }
    out->high = out->low;
    return good;
}

/* "80-443": at the first '-' where both sides are values. */
static bool joined(struct eg_item *out, const struct eg_field *field, char *text) {
    for (char *dash = text[0] ? strchr(text + 1, '-') : NULL; dash; dash = strchr(dash + 1, '-')) {
        struct eg_item high = {.bits = 128};
        *dash = 0;
        bool good = single(out, field, text, false, 0) && single(&high, field, dash + 1, false, 0);
        *dash = '-';
        if (!good) continue;
        out->high = high.low;
        out->range = true;
        return true;
    }
    return false;
}

/* ---- texts ---- */

/* The text between the quotes, those inside single again. */
static char *unquoted(const struct eg_token *token, struct eg_arena *arena, size_t *size) {
    char *copy = eg_arena_get(arena, token->size + 1, 1);
    if (!copy) return NULL;
    char quote = token->kind == EG_TOKEN_QUOTED ? token->at[-1] : 0;
    *size = 0;
    for (size_t i = 0; i < token->size; i++) {
        copy[(*size)++] = token->at[i];
        if (quote && token->at[i] == quote) i++;
    }
    return copy;
}

static enum eg_status text_value(struct eg_item *out, const struct eg_token *token,
                                 struct eg_arena *arena, struct eg_error *err) {
    size_t size;
    char *copy = unquoted(token, arena, &size);
    if (!copy) return eg_fail(err, EG_E_NOMEM, "no memory for a filter");
    if (eg_utf8_good(eg_span(copy, size)) != size)
        return eg_fail(err, EG_E_USAGE, "the text is not UTF-8");
    out->low.text = copy;
    out->low.size = size;
    out->high = out->low;
    return EG_OK;
}

enum eg_status eg_value_parse(struct eg_item *out, const struct eg_field *field,
                              const struct eg_token *token, bool by_net, int64_t now_us,
                              struct eg_arena *arena, struct eg_error *err) {
    *out = (struct eg_item){.bits = 128};
    if (eg_type_is_text(field->type)) return text_value(out, token, arena, err);
    if (field->type == EG_TYPE_BIN || field->type == EG_TYPE_VIEW)
        return eg_fail(err, EG_E_USAGE, "%s holds bytes, which cannot be compared", field->name);
    char text[WORD_MAX];
    bool good = token->size < sizeof text;
    if (good) {
        memcpy(text, token->at, token->size);
        text[token->size] = 0;
        good = single(out, field, text, by_net, now_us) ||
               (eg_type_is_whole(field->type) && joined(out, field, text));
    }
    if (good && out->range && out->high.number < out->low.number)
        return eg_fail(err, EG_E_USAGE, "the range %.80s runs backwards", text);
    if (good) return EG_OK;
    return eg_fail(err, EG_E_USAGE, "'%.*s' does not fit %s: %s",
                   (int)(token->size < 80 ? token->size : 80), token->at, field->name,
                   expected(field));
}

bool eg_value_has_order(const struct eg_field *field) {
    return field->type == EG_TYPE_TIME || field->type == EG_TYPE_F64 ||
           eg_type_is_whole(field->type);
}

/* ---- back to text ---- */

void eg_real_text(double value, struct eg_strbuf *to) {
    char text[40];
    for (int digits = 0; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    eg_strbuf_text(to, text);
}

/* The same for people: an exponent only where it helps. */
static void plain_real_text(double value, struct eg_strbuf *to) {
    if (value == 0 || (fabs(value) < 1e15 && value == floor(value))) {
        eg_strbuf_i64(to, (int64_t)value);
        return;
    }
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    eg_strbuf_text(to, text);
}

void eg_quoted_text(const char *text, size_t size, char quote, struct eg_strbuf *to) {
    eg_strbuf_char(to, quote);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == quote) eg_strbuf_char(to, quote);
        eg_strbuf_char(to, text[i]);
    }
    eg_strbuf_char(to, quote);
}

void eg_prefix_text(const struct eg_item *item, struct eg_strbuf *to) {
    char text[EG_ADDR_TEXT];
    eg_strbuf_add(to, text, eg_addr_text(&item->low.addr, text));
    eg_strbuf_char(to, '/');
    eg_strbuf_i64(to, eg_item_is_v4(item) ? item->bits - 96 : item->bits);
}

void eg_value_text(const struct eg_field *field, const struct eg_value *value,
                   struct eg_strbuf *to) {
    char text[64];
    switch (field->type) {
    case EG_TYPE_ADDR: eg_strbuf_add(to, text, eg_addr_text(&value->addr, text)); return;
    case EG_TYPE_MAC: eg_strbuf_add(to, text, eg_mac_text(value->number, text)); return;
    case EG_TYPE_TIME:
        eg_time_text(value->number, text);
        eg_quoted_text(text, strlen(text), '\'', to);
        return;
    case EG_TYPE_BOOL: eg_strbuf_text(to, value->number ? "true" : "false"); return;
    case EG_TYPE_F64: plain_real_text(value->real, to); return;
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME: eg_quoted_text(value->text, value->size, '\'', to); return;
    default: break;
    }
    if (field->measure == EG_MEASURE_DURATION)
        eg_strbuf_add(to, text, eg_duration_text(value->number, text));
    else
        eg_strbuf_i64(to, value->number);
}

void eg_item_text(const struct eg_field *field, const struct eg_item *item, struct eg_strbuf *to) {
    if (field->type == EG_TYPE_ADDR && item->bits < 128) {
        eg_prefix_text(item, to);
        return;
    }
    eg_value_text(field, &item->low, to);
    if (!item->range) return;
    eg_strbuf_text(to, "..");
    eg_value_text(field, &item->high, to);
}
