/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions: text → instructions → a set of states stepped over the text.
 *
 * An atom is compiled as it is parsed. A counted repeat compiles its atom again, from the same
 * text, as often as it is wanted; the limit of states bounds that. */
#include "filter/regex.h"

#include "base/alloc.h"
#include "filter/regex_code.h"
#include "filter/tree.h"

#include <string.h>

struct compiler {
    struct eg_regex *re;
    const uint8_t *text;
    size_t size, at;
    uint32_t states; /* characters and anchors: what RE2 counts too */
    unsigned depth;
    struct eg_strbuf portable;
    bool writing; /* the portable text is written the first time an atom is read only */
    size_t wrong_at;
    const char *wrong;
};

static bool fail(struct compiler *c, size_t at, const char *wrong) {
    if (!c->wrong) {
        c->wrong = wrong;
        c->wrong_at = at;
    }
    return false;
}

static int peek(const struct compiler *c) { return c->at < c->size ? c->text[c->at] : -1; }

static void put(struct compiler *c, const char *text) {
    if (c->writing) eg_strbuf_text(&c->portable, text);
}

/* ---- instructions ---- */

static struct eg_inst *emit(struct compiler *c, enum eg_op op) {
    if (c->re->inst_count >= EG_REGEX_INSTS_MAX) {
        fail(c, c->at, "the expression is too large");
        return NULL;
    }
    struct eg_inst *inst = &c->re->insts[c->re->inst_count++];
    *inst = (struct eg_inst){.op = op};
    return inst;
}

static struct eg_inst *emit_state(struct compiler *c, enum eg_op op) {
    if (++c->states > EG_REGEX_STATES_MAX) {
        fail(c, c->at, "the expression is too large");
        return NULL;
    }
    return emit(c, op);
}

static bool add_range(struct compiler *c, struct eg_inst *set, uint32_t low, uint32_t high) {
    if (c->re->range_count >= EG_REGEX_RANGES_MAX)
        return fail(c, c->at, "the expression is too large");
    c->re->ranges[c->re->range_count++] = (struct eg_range){low, high};
    set->count++;
    return true;
}

/* Makes room for one instruction at `from`, moving what follows it; jumps inside move along. */
static bool insert(struct compiler *c, uint32_t from, enum eg_op op) {
    if (!emit(c, op)) return false;
    struct eg_inst *insts = c->re->insts;
    uint32_t last = c->re->inst_count - 1;
    memmove(insts + from + 1, insts + from, (last - from) * sizeof *insts);
    insts[from] = (struct eg_inst){.op = op};
    for (uint32_t i = from + 1; i <= last; i++) {
        if (insts[i].op != EG_OP_SPLIT && insts[i].op != EG_OP_JUMP) continue;
        if (insts[i].x >= from) insts[i].x++;
        if (insts[i].op == EG_OP_SPLIT && insts[i].y >= from) insts[i].y++;
    }
    return true;
}

/* ---- portable text ---- */

static void put_char(struct compiler *c, uint32_t ch) {
    if (!c->writing) return;
    char text[5] = {0};
    if (ch < 0x80) {
        if (ch < 0x20 || ch == 0x7f) {
            eg_strbuf_printf(&c->portable, "\\x%02x", ch);
            return;
        }
        if (strchr("\\.[]{}()*+?^$|-&~#\"'", (int)ch)) eg_strbuf_char(&c->portable, '\\');
        text[0] = (char)ch;
    } else if (ch < 0x800) {
        text[0] = (char)(0xc0 | ch >> 6);
        text[1] = (char)(0x80 | (ch & 0x3f));
    } else if (ch < 0x10000) {
        text[0] = (char)(0xe0 | ch >> 12);
        text[1] = (char)(0x80 | (ch >> 6 & 0x3f));
        text[2] = (char)(0x80 | (ch & 0x3f));
    } else {
        text[0] = (char)(0xf0 | ch >> 18);
        text[1] = (char)(0x80 | (ch >> 12 & 0x3f));
        text[2] = (char)(0x80 | (ch >> 6 & 0x3f));
        text[3] = (char)(0x80 | (ch & 0x3f));
    }
    eg_strbuf_text(&c->portable, text);
}

static void put_set(struct compiler *c, const struct eg_inst *set) {
    if (!c->writing) return;
    eg_strbuf_text(&c->portable, set->inverted ? "[^" : "[");
    for (uint32_t i = 0; i < set->count; i++) {
        const struct eg_range *range = &c->re->ranges[set->first + i];
        put_char(c, range->low);
        if (range->high == range->low) continue;
        eg_strbuf_char(&c->portable, '-');
        put_char(c, range->high);
    }
    eg_strbuf_char(&c->portable, ']');
}

/* ---- atoms ---- */

/* d, w, s: the ASCII sets both engines mean by them. */
static const char *shorthand(int letter) {
    switch (letter) {
    case 'd':
    case 'D': return "09";
    case 'w':
    case 'W': return "09AZ__az";
    case 's':
    case 'S': return "\t\n\f\r  ";
    default: return NULL;
    }
}

static const char *posix_class(const char *name, size_t size) {
    static const struct {
        const char *name, *pairs;
    } classes[] = {
        {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"blank", "\t\t  "},
        {"digit", "09"},     {"lower", "az"},   {"punct", "!/:@[`{~"},
        {"space", "\t\r  "}, {"upper", "AZ"},   {"xdigit", "09AFaf"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strlen(classes[i].name) == size && memcmp(classes[i].name, name, size) == 0)
            return classes[i].pairs;
    return NULL;
}

static bool add_pairs(struct compiler *c, struct eg_inst *set, const char *pairs) {
    for (; *pairs; pairs += 2)
        if (!add_range(c, set, (uint8_t)pairs[0], (uint8_t)pairs[1])) return false;
    return true;
}

/* Behind a backslash: a sign that stands for itself, or \n \t \r \f. False: neither. */
static bool escaped(struct compiler *c, uint32_t *out) {
    int ch = peek(c);
    if (ch < 0) return fail(c, c->at - 1, "a backslash at the end");
    c->at++;
    switch (ch) {
    case 'n': *out = '\n'; return true;
    case 't': *out = '\t'; return true;
    case 'r': *out = '\r'; return true;
    case 'f': *out = '\f'; return true;
    default: break;
    }
    bool sign = ch < 0x80 && ch > ' ' && ch != 0x7f && !(ch >= '0' && ch <= '9') &&
                !(ch >= 'A' && ch <= 'Z') && !(ch >= 'a' && ch <= 'z');
    if (!sign)
        return fail(c, c->at - 2,
                    "an escape that means nothing here (\\d \\w \\s \\n \\t, or a sign)");
    *out = (uint32_t)ch;
    return true;
}

/* One end of a range inside brackets. */
static bool bracket_char(struct compiler *c, uint32_t *out) {
    if (peek(c) == '\\') {
        c->at++;
        return escaped(c, out);
    }
    if (peek(c) == '[' || peek(c) == '&' || peek(c) == '^')
        return fail(
            c, c->at,
            "inside [ ] write \\[, \\& and \\^: the engines read the bare ones differently");
    *out = eg_regex_char(c->text, c->size, &c->at);
    return true;
}

static bool bracket_class(struct compiler *c, struct eg_inst *set) {
    size_t begin = c->at + 2, end = begin;
    while (end + 1 < c->size && c->text[end] != ':') end++;
    if (end + 1 >= c->size || c->text[end + 1] != ']')
        return fail(c, c->at, "a class such as [:digit:] is not closed");
    const char *pairs = posix_class((const char *)c->text + begin, end - begin);
    if (!pairs)
        return fail(
            c, c->at,
            "an unknown class; there are alnum alpha blank digit lower punct space upper xdigit");
    c->at = end + 2;
    return add_pairs(c, set, pairs);
}

static bool bracket_item(struct compiler *c, struct eg_inst *set) {
    size_t begin = c->at;
    if (peek(c) == '[' && c->at + 1 < c->size && c->text[c->at + 1] == ':')
        return bracket_class(c, set);
    if (peek(c) == '\\' && c->at + 1 < c->size && strchr("dws", c->text[c->at + 1])) {
        c->at += 2;
        return add_pairs(c, set, shorthand(c->text[c->at - 1]));
    }
    if (peek(c) == '-' && !(c->at + 1 < c->size && c->text[c->at + 1] == ']') && set->count)
        return fail(c, c->at, "a '-' that joins nothing; write \\-");
    uint32_t low, high;
    if (!bracket_char(c, &low)) return false;
    high = low;
    if (peek(c) == '-' && c->at + 1 < c->size && c->text[c->at + 1] != ']') {
        c->at++;
        if (!bracket_char(c, &high)) return false;
        if (high < low) return fail(c, begin, "a range that runs backwards");
    }
    return add_range(c, set, low, high);
}

static bool bracket(struct compiler *c) {
    size_t begin = c->at++;
    struct eg_inst *set = emit_state(c, EG_OP_SET);
    if (!set) return false;
    set->first = c->re->range_count;
    if (peek(c) == '^') {
        set->inverted = true;
        c->at++;
    }
    if (peek(c) == ']') return fail(c, c->at, "an empty [ ]; a ] inside is written \\]");
    while (peek(c) != ']') {
        if (peek(c) < 0) return fail(c, begin, "the [ is not closed");
        if (!bracket_item(c, set)) return false;
    }
    c->at++;
    put_set(c, set);
    return true;
}

static bool one_char(struct compiler *c, uint32_t ch) {
    struct eg_inst *set = emit_state(c, EG_OP_SET);
    if (!set) return false;
    set->first = c->re->range_count;
    put_char(c, ch);
    return add_range(c, set, ch, ch);
}

static bool class_of(struct compiler *c, const char *pairs, bool inverted) {
    struct eg_inst *set = emit_state(c, EG_OP_SET);
    if (!set) return false;
    set->first = c->re->range_count;
    set->inverted = inverted;
    if (!add_pairs(c, set, pairs)) return false;
    put_set(c, set);
    return true;
}

static bool alternatives(struct compiler *c);

static bool group(struct compiler *c) {
    size_t begin = c->at++;
    if (peek(c) == '?') return fail(c, begin, "(? ) groups are not supported");
    if (c->depth >= 32) return fail(c, begin, "groups nested too deep");
    c->depth++;
    put(c, "(?:");
    if (!alternatives(c)) return false;
    if (peek(c) != ')') return fail(c, begin, "the ( is not closed");
    put(c, ")");
    c->at++;
    c->depth--;
    return true;
}

static bool atom(struct compiler *c, bool *anchor) {
    int ch = peek(c);
    *anchor = false;
    switch (ch) {
    case '(': return group(c);
    case '[': return bracket(c);
    case '.': c->at++; return class_of(c, "\n\n", true);
    case '^':
    case '$':
        c->at++;
        *anchor = true;
        put(c, ch == '^' ? "^" : "\\z");
        return emit_state(c, ch == '^' ? EG_OP_BEGIN : EG_OP_END) != NULL;
    case '*':
    case '+':
    case '?':
    case '{': return fail(c, c->at, "a repeat with nothing before it");
    case ']':
    case '}': return fail(c, c->at, "write \\] and \\}");
    case '\\': {
        int next = c->at + 1 < c->size ? c->text[c->at + 1] : 0;
        const char *pairs = shorthand(next);
        c->at += pairs ? 2 : 1;
        if (pairs) return class_of(c, pairs, next < 'a');
        uint32_t sign;
        return escaped(c, &sign) && one_char(c, sign);
    }
    default: return one_char(c, eg_regex_char(c->text, c->size, &c->at));
    }
}

/* ---- repeats ---- */

struct repeat {
    uint32_t least, most; /* most UINT32_MAX: no end */
};

static bool count(struct compiler *c, uint32_t *out) {
    size_t begin = c->at;
    uint32_t value = 0;
    while (peek(c) >= '0' && peek(c) <= '9' && value <= EG_REGEX_STATES_MAX)
        value = value * 10 + (uint32_t)(c->text[c->at++] - '0');
    *out = value;
    if (c->at == begin) return false;
    return value <= EG_REGEX_STATES_MAX ? true : fail(c, begin, "a repeat of more than 1000");
}

/* Reads * + ? {m} {m,} {m,n}; false with nothing wrong: there is none. */
static bool repeat_of(struct compiler *c, struct repeat *out) {
    size_t begin = c->at;
    switch (peek(c)) {
    case '*':
        *out = (struct repeat){0, UINT32_MAX};
        c->at++;
        return true;
    case '+':
        *out = (struct repeat){1, UINT32_MAX};
        c->at++;
        return true;
    case '?':
        *out = (struct repeat){0, 1};
        c->at++;
        return true;
    case '{': break;
    default: return false;
    }
    c->at++;
    if (!count(c, &out->least)) return fail(c, begin, "expected {m}, {m,} or {m,n}");
    out->most = out->least;
    if (peek(c) == ',') {
        c->at++;
        if (peek(c) == '}')
            out->most = UINT32_MAX;
        else if (!count(c, &out->most))
            return fail(c, begin, "expected {m}, {m,} or {m,n}");
    }
    if (peek(c) != '}') return fail(c, begin, "expected {m}, {m,} or {m,n}");
    c->at++;
    if (out->most < out->least || out->most == 0)
        return fail(c, begin, "a repeat that can never be");
    return true;
}

/* The atom in [from, end of the instructions) may be left out, and repeated when `loops`. */
static bool make_optional(struct compiler *c, uint32_t from, bool loops) {
    if (!insert(c, from, EG_OP_SPLIT)) return false;
    if (loops) {
        struct eg_inst *jump = emit(c, EG_OP_JUMP);
        if (!jump) return false;
        jump->x = (uint16_t)from;
    }
    c->re->insts[from].x = (uint16_t)(from + 1);
    c->re->insts[from].y = (uint16_t)c->re->inst_count;
    return true;
}

/* Compiles the atom at `begin` once more. */
static bool again(struct compiler *c, size_t begin) {
    bool anchor, writing = c->writing;
    size_t at = c->at;
    c->at = begin;
    c->writing = false;
    bool good = atom(c, &anchor);
    c->writing = writing;
    c->at = at;
    return good;
}

static bool repeated(struct compiler *c, size_t begin, uint32_t from, struct repeat times) {
    bool endless = times.most == UINT32_MAX;
    if (times.least == 0 && !make_optional(c, from, endless)) return false;
    uint32_t last = from;
    for (uint32_t i = 1; i < times.least; i++) {
        last = c->re->inst_count;
        if (!again(c, begin)) return false;
    }
    if (endless && times.least > 0) {
        struct eg_inst *split = emit(c, EG_OP_SPLIT);
        if (!split) return false;
        split->x = (uint16_t)last;
        split->y = (uint16_t)c->re->inst_count;
        return true;
    }
    for (uint32_t i = times.least ? times.least : 1; !endless && i < times.most; i++) {
        uint32_t at = c->re->inst_count;
        if (!again(c, begin) || !make_optional(c, at, false)) return false;
    }
    return true;
}

static bool piece(struct compiler *c) {
    size_t begin = c->at;
    uint32_t from = c->re->inst_count;
    bool anchor;
    if (!atom(c, &anchor)) return false;
    struct repeat times;
    size_t sign = c->at;
    if (!repeat_of(c, &times)) return c->wrong == NULL;
    if (anchor) return fail(c, sign, "a repeat of ^ or $");
    if (c->writing) eg_strbuf_add(&c->portable, (const char *)c->text + sign, c->at - sign);
    int next = peek(c);
    if (next == '*' || next == '+' || next == '?' || next == '{')
        return fail(c, c->at, "a repeat of a repeat; use ( )");
    if (repeated(c, begin, from, times)) return true;
    c->wrong_at = sign; /* the repeat is what is too much, not the piece it repeats */
    return false;
}

static bool sequence(struct compiler *c) {
    if (peek(c) < 0 || peek(c) == '|' || peek(c) == ')')
        return fail(c, c->at, "expected something to match");
    while (peek(c) >= 0 && peek(c) != '|' && peek(c) != ')')
        if (!piece(c)) return false;
    return true;
}

static bool alternatives(struct compiler *c) {
    uint32_t from = c->re->inst_count;
    if (!sequence(c)) return false;
    if (peek(c) != '|') return true;
    c->at++;
    put(c, "|");
    /* split → first → jump over the rest; the rest */
    if (!insert(c, from, EG_OP_SPLIT)) return false;
    uint32_t jump = c->re->inst_count;
    if (!emit(c, EG_OP_JUMP)) return false;
    c->re->insts[from].x = (uint16_t)(from + 1);
    c->re->insts[from].y = (uint16_t)c->re->inst_count;
    if (c->depth >= 200) return fail(c, c->at, "too many alternatives");
    c->depth++;
    if (!alternatives(c)) return false;
    c->depth--;
    c->re->insts[jump].x = (uint16_t)c->re->inst_count;
    return true;
}

static enum eg_status compile(struct compiler *c, struct eg_error *err) {
    bool good = alternatives(c);
    if (good && c->at < c->size) good = fail(c, c->at, "a ) that closes nothing");
    if (good) good = emit(c, EG_OP_FOUND) != NULL;
    if (good) return EG_OK;
    eg_fail(err, EG_E_USAGE, "in the expression: %s", c->wrong);
    if (err) err->position = (int64_t)c->wrong_at;
    return EG_E_USAGE;
}

/* Copies what was compiled out of the scratch memory, in the size it has. */
static enum eg_status keep(const struct compiler *c, struct eg_arena *arena, struct eg_regex **out,
                           struct eg_error *err) {
    const struct eg_regex *made = c->re;
    struct eg_regex *re = eg_arena_get(arena, 1, sizeof *re);
    struct eg_inst *insts = eg_arena_get(arena, made->inst_count, sizeof *insts);
    struct eg_range *ranges = eg_arena_get(arena, made->range_count + 1, sizeof *ranges);
    char *portable = eg_arena_get(arena, c->portable.size + 1, 1);
    char *source = eg_arena_get(arena, c->size + 1, 1);
    if (!re || !insts || !ranges || !portable || !source || c->portable.failed)
        return eg_fail(err, EG_E_NOMEM, "no memory for an expression");
    memcpy(insts, made->insts, made->inst_count * sizeof *insts);
    memcpy(ranges, made->ranges, made->range_count * sizeof *ranges);
    memcpy(portable, c->portable.text, c->portable.size);
    memcpy(source, c->text, c->size);
    *re = (struct eg_regex){.source = eg_span(source, c->size),
                            .insts = insts,
                            .inst_count = made->inst_count,
                            .ranges = ranges,
                            .range_count = made->range_count,
                            .portable = portable,
                            .portable_size = c->portable.size};
    *out = re;
    return EG_OK;
}

enum eg_status eg_regex_parse(struct eg_regex **out, const char *text, size_t size,
                              struct eg_arena *arena, struct eg_error *err) {
    struct eg_regex scratch = {.insts = eg_calloc(EG_REGEX_INSTS_MAX, sizeof(struct eg_inst)),
                               .ranges = eg_calloc(EG_REGEX_RANGES_MAX, sizeof(struct eg_range))};
    struct compiler c = {
        .re = &scratch, .text = (const uint8_t *)text, .size = size, .writing = true};
    enum eg_status status = EG_E_NOMEM;
    if (scratch.insts && scratch.ranges)
        status = compile(&c, err);
    else
        eg_fail(err, EG_E_NOMEM, "no memory for an expression");
    if (status == EG_OK) status = keep(&c, arena, out, err);
    eg_strbuf_reset(&c.portable);
    eg_free(scratch.insts);
    eg_free(scratch.ranges);
    return status;
}

struct eg_span eg_regex_source(const struct eg_regex *re) {
    return re->source;
}

void eg_regex_portable(const struct eg_regex *re, struct eg_strbuf *to) {
    eg_strbuf_add(to, re->portable, re->portable_size);
}
