/* SPDX-License-Identifier: Apache-2.0
 * Stellar's functions on text. Text is bytes here, cased where it is ASCII: lengths and places count
 * bytes, and letters beyond ASCII have no case. */
#include "match/stellar_tree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FILL_MAX 65536

static bool is_blank(uint8_t c) { return c <= ' '; }

static bool give(struct eg_stellar_value *out, struct eg_span text) {
    *out = eg_stellar_text(text);
    return true;
}

/* ---- cases and ends ---- */

static bool cased(const struct eg_stellar_call *c, char first, char last,
                  struct eg_stellar_value *out) {
    struct eg_span text;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_null());
    uint8_t *made = eg_stellar_get(c->run, text.size + 1, 1);
    if (!made) return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = eg_u8(text, i);
        made[i] = byte >= first && byte <= last ? byte ^ 0x20 : byte;
    }
    return give(out, eg_span(made, text.size));
}
static bool to_upper(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return cased(c, 'a', 'z', out);
}
static bool to_lower(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return cased(c, 'A', 'Z', out);
}

static bool trim(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_null());
    size_t begin = 0, end = text.size;
    while (begin < end && is_blank(eg_u8(text, begin))) begin++;
    while (end > begin && is_blank(eg_u8(text, end - 1))) end--;
    return give(out, eg_span_sub(text, begin, end - begin));
}

static bool begins(struct eg_span text, struct eg_span with) {
    return text.size >= with.size && (!with.size || memcmp(text.at, with.at, with.size) == 0);
}
static bool ends(struct eg_span text, struct eg_span with) {
    return text.size >= with.size && begins(eg_span_from(text, text.size - with.size), with);
}

static bool starts_with(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text, with;
    if (!eg_stellar_text_arg(c, 0, &text) || !eg_stellar_text_arg(c, 1, &with))
        return eg_stellar_lacking(c, out, eg_stellar_bool(false));
    *out = eg_stellar_bool(begins(text, with));
    return true;
}
static bool ends_with(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text, with;
    if (!eg_stellar_text_arg(c, 0, &text) || !eg_stellar_text_arg(c, 1, &with))
        return eg_stellar_lacking(c, out, eg_stellar_bool(false));
    *out = eg_stellar_bool(ends(text, with));
    return true;
}

/* The last line end: \r\n, \n or \r. */
static size_t line_end(struct eg_span text) {
    if (text.size == 0) return 0;
    uint8_t last = eg_u8(text, text.size - 1);
    if (last == '\n') return text.size > 1 && eg_u8(text, text.size - 2) == '\r' ? 2 : 1;
    return last == '\r';
}
static bool chomp(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_null());
    return give(out, eg_span_sub(text, 0, text.size - line_end(text)));
}
static bool chop(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_null());
    size_t less = line_end(text) == 2 ? 2 : text.size > 0;
    return give(out, eg_span_sub(text, 0, text.size - less));
}

/* ---- two texts made one ---- */

static bool joined(struct eg_stellar_run *run, struct eg_span a, struct eg_span b,
                   struct eg_stellar_value *out) {
    uint8_t *made = eg_stellar_get(run, a.size + b.size + 1, 1);
    if (!made) return false;
    (void)eg_span_copy(a, 0, made, a.size);
    (void)eg_span_copy(b, 0, made + a.size, b.size);
    return give(out, eg_span(made, a.size + b.size));
}

static bool if_missing(const struct eg_stellar_call *c, bool before, struct eg_stellar_value *out) {
    struct eg_span text, part, other;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_null());
    if (!eg_stellar_text_arg(c, 1, &part)) return eg_stellar_lacking(c, out, c->args[0]);
    bool there = before ? begins(text, part) : ends(text, part);
    if (eg_stellar_text_arg(c, 2, &other))
        there |= before ? begins(text, other) : ends(text, other);
    if (c->run->failed) return false;
    if (there) return give(out, text);
    return before ? joined(c->run, part, text, out) : joined(c->run, text, part, out);
}
static bool append_if_missing(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return if_missing(c, false, out);
}
static bool prepend_if_missing(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return if_missing(c, true, out);
}

static bool filled(const struct eg_stellar_call *c, bool left, struct eg_stellar_value *out) {
    struct eg_span text, fill;
    int64_t wanted;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_null());
    if (!eg_stellar_whole_arg(c, 2, &wanted)) return false;
    if (!eg_stellar_text_arg(c, 1, &fill) || fill.size == 0)
        return eg_stellar_fail(c->run, "%s wants a text to fill with", c->node->function->name);
    if (wanted > FILL_MAX) return eg_stellar_fail(c->run, "a text that is too long");
    if (wanted < 0 || (uint64_t)wanted <= text.size) return give(out, text);
    size_t more = (size_t)wanted - text.size;
    uint8_t *made = eg_stellar_get(c->run, (size_t)wanted, 1);
    if (!made) return false;
    for (size_t i = 0; i < more; i++) made[left ? i : text.size + i] = eg_u8(fill, i % fill.size);
    (void)eg_span_copy(text, 0, made + (left ? more : 0), text.size);
    return give(out, eg_span(made, (size_t)wanted));
}
static bool fill_left(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return filled(c, true, out);
}
static bool fill_right(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    return filled(c, false, out);
}

/* ---- parts ---- */

static bool substring(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text;
    int64_t begin, end;
    if (!eg_stellar_text_arg(c, 0, &text) || c->args[1].kind == EG_VALUE_NULL)
        return eg_stellar_lacking(c, out, eg_stellar_null());
    end = (int64_t)text.size;
    if (!eg_stellar_whole_arg(c, 1, &begin)) return false;
    if (c->count > 2 && c->args[2].kind != EG_VALUE_NULL && !eg_stellar_whole_arg(c, 2, &end))
        return false;
    if (begin < 0 || end < begin || end > (int64_t)text.size)
        return eg_stellar_fail(c->run, "SUBSTRING: %lld to %lld of a text of %zu", (long long)begin,
                               (long long)end, text.size);
    return give(out, eg_span_sub(text, (size_t)begin, (size_t)(end - begin)));
}

/* Where `part` stands in text from `from` on; text.size: nowhere. */
static size_t place(struct eg_span text, struct eg_span part, size_t from) {
    struct eg_span rest = eg_span_from(text, from);
    if (rest.size < part.size || part.size == 0) return text.size;
    const uint8_t *found = memmem(rest.at, rest.size, part.at, part.size);
    return found ? from + (size_t)(found - rest.at) : text.size;
}

static bool count_matches(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text, part;
    int64_t found = 0;
    if (!eg_stellar_text_arg(c, 0, &text) || !eg_stellar_text_arg(c, 1, &part))
        return eg_stellar_lacking(c, out, eg_stellar_whole(0));
    for (size_t at = 0; (at = place(text, part, at)) < text.size; at += part.size) found++;
    *out = eg_stellar_whole(found);
    return true;
}

static bool split(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text, part;
    uint32_t room = 1, count = 0;
    if (!eg_stellar_text_arg(c, 0, &text) || !eg_stellar_text_arg(c, 1, &part))
        return eg_stellar_lacking(c, out, eg_stellar_null());
    if (part.size == 0) return eg_stellar_fail(c->run, "SPLIT at nothing");
    for (size_t at = 0; (at = place(text, part, at)) < text.size; at += part.size) room++;
    struct eg_stellar_value *items = eg_stellar_get(c->run, room, sizeof *items);
    if (!items) return false;
    for (size_t at = 0; count < room; count++) {
        size_t end = place(text, part, at);
        items[count] = eg_stellar_text(eg_span_sub(text, at, end - at));
        at = end + part.size;
    }
    *out = (struct eg_stellar_value){.kind = EG_VALUE_LIST, .count = count, .items = items};
    return true;
}

static bool join(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *list;
    struct eg_span by = {0};
    if (!eg_stellar_list_arg(c, 0, &list)) return eg_stellar_lacking(c, out, eg_stellar_null());
    if (!eg_stellar_text_arg(c, 1, &by) && c->run->failed) return false;
    struct eg_strbuf text = {0};
    for (uint32_t i = 0; i < list->count && text.size <= EG_STELLAR_MEMORY_MAX; i++) {
        if (i) eg_strbuf_add(&text, by.at, by.size);
        if (list->items[i].kind != EG_VALUE_NULL) eg_stellar_write(&list->items[i], true, &text);
    }
    bool good = !text.failed && eg_stellar_keep(c->run, text.text, text.size, out);
    if (text.failed) eg_stellar_fail_bound(c->run, "it takes too much memory");
    eg_strbuf_reset(&text);
    return good;
}

/* ---- asking about a text ---- */

/* A pattern that is no constant; null: *out is NULL. */
static bool regex_make(const struct eg_stellar_call *c, const struct eg_stellar_value *pattern,
                       struct eg_arena *arena, struct eg_regex **out) {
    struct eg_error err;
    *out = NULL;
    if (pattern->kind == EG_VALUE_NULL) return true;
    if (pattern->kind != EG_VALUE_TEXT) return eg_stellar_wrong_value(c, 1, pattern, "text");
    eg_stellar_charge(c->run, 1000);
    enum eg_status status =
        eg_regex_parse(out, (const char *)pattern->text.at, pattern->text.size, arena, &err);
    return status == EG_OK || eg_stellar_wrong_text(c, 1, &err);
}

/* Patterns: one, or a list of which one has to match. */
static bool matches_once(const struct eg_stellar_call *c, struct eg_span text,
                         const struct eg_stellar_value *pattern, bool *out) {
    struct eg_arena arena = {0};
    struct eg_regex *regex;
    bool good = regex_make(c, pattern, &arena, &regex);
    eg_stellar_charge(c->run, text.size);
    if (good && regex) *out = eg_regex_match(regex, text);
    eg_arena_reset(&arena);
    return good;
}

static bool regexes_good(const struct eg_stellar_call *c) {
    const struct eg_stellar_value *pattern = &c->args[1];
    struct eg_regex *regex;
    bool good = true, list = pattern->kind == EG_VALUE_LIST;
    if (c->node->regex) return true;
    for (uint32_t i = 0; good && i < (list ? pattern->count : 1); i++) {
        struct eg_arena arena = {0};
        good = regex_make(c, list ? &pattern->items[i] : pattern, &arena, &regex);
        eg_arena_reset(&arena);
    }
    return good;
}

static bool regexp_match(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    const struct eg_stellar_value *pattern = &c->args[1];
    struct eg_span text;
    bool found = false, good = true;
    if (!eg_stellar_text_arg(c, 0, &text))
        return eg_stellar_lacking(c, out, eg_stellar_bool(false));
    if (c->node->regex) {
        eg_stellar_charge(c->run, text.size);
        found = eg_regex_match(c->node->regex, text);
    } else if (pattern->kind == EG_VALUE_LIST) {
        for (uint32_t i = 0; i < pattern->count && good && !found; i++)
            good = matches_once(c, text, &pattern->items[i], &found);
    } else {
        good = matches_once(c, text, pattern, &found);
    }
    *out = eg_stellar_bool(found);
    return good;
}

static bool string_entropy(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_span text;
    uint64_t seen[256] = {0};
    double bits = 0;
    if (!eg_stellar_text_arg(c, 0, &text)) return eg_stellar_lacking(c, out, eg_stellar_real(0));
    for (size_t i = 0; i < text.size; i++) seen[eg_u8(text, i)]++;
    for (size_t i = 0; i < 256; i++) {
        double part = (double)seen[i] / (double)(text.size ? text.size : 1);
        if (seen[i]) bits -= part * log2(part);
    }
    *out = eg_stellar_real(bits + 0.0);
    return true;
}

static bool to_string(const struct eg_stellar_call *c, struct eg_stellar_value *out) {
    struct eg_strbuf text = {0};
    if (c->args[0].kind == EG_VALUE_NULL) return true;
    eg_stellar_write(&c->args[0], true, &text);
    bool good = !text.failed && eg_stellar_keep(c->run, text.text, text.size, out);
    if (text.failed) eg_stellar_fail_bound(c->run, "it takes too much memory");
    eg_strbuf_reset(&text);
    return good;
}

const struct eg_stellar_function eg_stellar_text_functions[] = {
    {"APPEND_IF_MISSING", 2, 3, EG_VALUE_TEXT, append_if_missing, NULL, NULL},
    {"CHOMP", 1, 1, EG_VALUE_TEXT, chomp, NULL, NULL},
    {"CHOP", 1, 1, EG_VALUE_TEXT, chop, NULL, NULL},
    {"COUNT_MATCHES", 2, 2, EG_VALUE_WHOLE, count_matches, NULL, NULL},
    {"ENDS_WITH", 2, 2, EG_VALUE_BOOL, ends_with, NULL, NULL},
    {"FILL_LEFT", 3, 3, EG_VALUE_TEXT, fill_left, NULL, NULL},
    {"FILL_RIGHT", 3, 3, EG_VALUE_TEXT, fill_right, NULL, NULL},
    {"FORMAT", 1, EG_ARGS_ANY, EG_VALUE_TEXT, eg_stellar_format, NULL, NULL},
    {"JOIN", 2, 2, EG_VALUE_TEXT, join, NULL, NULL},
    {"PREPEND_IF_MISSING", 2, 3, EG_VALUE_TEXT, prepend_if_missing, NULL, NULL},
    {"REGEXP_MATCH", 2, 2, EG_VALUE_BOOL, regexp_match, NULL, regexes_good},
    {"SPLIT", 2, 2, EG_VALUE_LIST, split, NULL, NULL},
    {"STARTS_WITH", 2, 2, EG_VALUE_BOOL, starts_with, NULL, NULL},
    {"STRING_ENTROPY", 1, 1, EG_VALUE_REAL, string_entropy, NULL, NULL},
    {"SUBSTRING", 2, 3, EG_VALUE_TEXT, substring, NULL, NULL},
    {"TO_LOWER", 1, 1, EG_VALUE_TEXT, to_lower, NULL, NULL},
    {"TO_STRING", 1, 1, EG_VALUE_TEXT, to_string, NULL, NULL},
    {"TO_UPPER", 1, 1, EG_VALUE_TEXT, to_upper, NULL, NULL},
    {"TRIM", 1, 1, EG_VALUE_TEXT, trim, NULL, NULL},
    {0},
};
