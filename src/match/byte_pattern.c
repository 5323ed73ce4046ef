/* SPDX-License-Identifier: Apache-2.0
 * A pattern's text as a row of sets. Source: the sequence syntax of byteseek's documentation
 * (net.byteseek 2.0), with its repeats of a fixed number only. */
#include "match/byte_pattern.h"

#include "base/alloc.h"
#include "filter/tree.h"
#include "match/byte_search.h"

struct reader {
    const char *text;
    size_t size, at;
    struct eg_byte_set *sets;
    uint32_t count, room;
    unsigned depth;
    bool no_memory;
    size_t wrong_at;
    const char *wrong;
};

static bool fail(struct reader *r, size_t at, const char *wrong) {
    if (!r->wrong) {
        r->wrong = wrong;
        r->wrong_at = at;
    }
    return false;
}

static int peek(const struct reader *r) {
    return r->at < r->size ? (unsigned char)r->text[r->at] : -1;
}

static bool is_blank(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_blanks(struct reader *r) {
    for (;;) {
        int c = peek(r);
        if (c == '#')
            while (peek(r) >= 0 && peek(r) != '\n') r->at++;
        else if (is_blank(c))
            r->at++;
        else
            return;
    }
}

/* ---- sets ---- */

static void set_add(struct eg_byte_set *set, unsigned byte) {
    set->bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
}
static void set_range(struct eg_byte_set *set, unsigned low, unsigned high) {
    for (unsigned b = low; b <= high; b++) set_add(set, b);
}
static void set_invert(struct eg_byte_set *set) {
    for (int i = 0; i < 4; i++) set->bits[i] = ~set->bits[i];
}
static void set_join(struct eg_byte_set *set, const struct eg_byte_set *other) {
    for (int i = 0; i < 4; i++) set->bits[i] |= other->bits[i];
}
static void set_letter(struct eg_byte_set *set, int c, bool either_case) {
    set_add(set, (unsigned)c);
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (either_case && letter) set_add(set, (unsigned)c ^ 0x20);
}

static bool put(struct reader *r, size_t at, const struct eg_byte_set *set) {
    if (r->count >= EG_PATTERN_MAX) return fail(r, at, "the pattern is longer than 4096 bytes");
    if (r->count >= r->room) {
        uint32_t room = r->room ? 2 * r->room : 16;
        void *grown = eg_realloc(r->sets, room, sizeof *r->sets);
        if (!grown) {
            r->no_memory = true;
            return fail(r, at, "no memory");
        }
        r->sets = grown;
        r->room = room;
    }
    r->sets[r->count++] = *set;
    return true;
}

/* ---- single bytes ---- */

static bool hex_pair(struct reader *r, unsigned *out) {
    int high = eg_hex_value(peek(r));
    int low = r->at + 1 < r->size ? eg_hex_value((unsigned char)r->text[r->at + 1]) : -1;
    if (high < 0) return fail(r, r->at, "expected two hex digits");
    if (low < 0) return fail(r, r->at, "a byte has two hex digits");
    r->at += 2;
    *out = (unsigned)high << 4 | (unsigned)low;
    return true;
}

/* \t … : one byte; -1: another letter. */
static int short_byte(int letter) {
    switch (letter) {
    case 't': return 0x09;
    case 'n': return 0x0a;
    case 'v': return 0x0b;
    case 'f': return 0x0c;
    case 'r': return 0x0d;
    case 'e': return 0x1e; /* as the original has it, though ESC is 1b */
    default: return -1;
    }
}

/* \d … and, in capitals, what they are not. */
static bool short_set(struct eg_byte_set *set, int letter) {
    int small = letter | 0x20;
    switch (small) {
    case 'd': set_range(set, '0', '9'); break;
    case 'l': set_range(set, 'a', 'z'); break;
    case 'u': set_range(set, 'A', 'Z'); break;
    case 'i': set_range(set, 0, 0x7f); break;
    case 's':
        set_range(set, 0x09, 0x0a);
        set_add(set, 0x0d);
        set_add(set, ' ');
        break;
    case 'w':
        set_range(set, '0', '9');
        set_range(set, 'a', 'z');
        set_range(set, 'A', 'Z');
        set_add(set, '_');
        break;
    default: return false;
    }
    if (letter != small) set_invert(set);
    return true;
}

/* The text between quotes, which r->at stands before. */
static bool quoted(struct reader *r, size_t *begin, size_t *size) {
    size_t open = r->at;
    int quote = peek(r);
    for (r->at++; peek(r) != quote; r->at++) {
        if (peek(r) < 0) return fail(r, open, "the quote is not closed");
        if (peek(r) >= 0x80) return fail(r, r->at, "write what is no ASCII in hex");
    }
    *begin = open + 1;
    *size = r->at - open - 1;
    r->at++;
    return *size > 0 || fail(r, open, "an empty text");
}

/* One byte that a range can begin or end with: hex, a quoted letter, \t. */
static bool one_byte(struct reader *r, unsigned *out) {
    size_t at = r->at, begin, size;
    if (peek(r) == '\'') {
        if (!quoted(r, &begin, &size)) return false;
        *out = (unsigned char)r->text[begin];
        return size == 1 || fail(r, at, "a range goes from one byte to another");
    }
    if (peek(r) == '\\') {
        int byte = r->at + 1 < r->size ? short_byte(r->text[r->at + 1]) : -1;
        if (byte < 0) return fail(r, at, "a range goes from one byte to another");
        r->at += 2;
        *out = (unsigned)byte;
        return true;
    }
    return hex_pair(r, out);
}

/* Behind one byte: "-" and another, or nothing. */
static bool range_rest(struct reader *r, size_t at, unsigned low, struct eg_byte_set *set) {
    size_t behind = r->at;
    unsigned high;
    skip_blanks(r);
    if (peek(r) != '-') {
        r->at = behind;
        set_add(set, low);
        return true;
    }
    r->at++;
    skip_blanks(r);
    if (!one_byte(r, &high)) return false;
    if (high < low) return fail(r, at, "a range that runs backwards");
    set_range(set, low, high);
    return true;
}

static bool shorthand(struct reader *r, struct eg_byte_set *set) {
    size_t at = r->at;
    int letter = r->at + 1 < r->size ? (unsigned char)r->text[r->at + 1] : -1;
    int byte = short_byte(letter);
    if (byte >= 0) {
        r->at += 2;
        return range_rest(r, at, (unsigned)byte, set);
    }
    if (letter < 0 || !short_set(set, letter))
        return fail(
            r, at,
            "there are \\t \\n \\v \\f \\r \\e \\d \\l \\u \\i \\s \\w, and the last six in "
            "capitals");
    r->at += 2;
    return true;
}

/* &m, ~m */
static bool bit_mask(struct reader *r, struct eg_byte_set *set) {
    bool every = peek(r) == '&';
    unsigned mask;
    r->at++;
    skip_blanks(r);
    if (!hex_pair(r, &mask)) return false;
    for (unsigned b = 0; b < 256; b++)
        if (every ? (b & mask) == mask : (b & mask) != 0) set_add(set, b);
    return true;
}

static const char *outside(int c) {
    switch (c) {
    case '*':
    case '+':
    case '?': return "a pattern has one fixed length: repeats are {n} only";
    case '|': return "alternatives are not supported: ask for each, or use a set [ ]";
    case '{': return "a repeat with nothing before it";
    case ')': return "a ) that closes nothing";
    case ']': return "a ] that closes nothing";
    case '-': return "a range goes from one byte to another";
    case -1: return "expected a byte";
    default: return "expected hex bytes, 'text', ., [ ], ( ), ^, &, ~ or a \\ shorthand";
    }
}

static bool one_set(struct reader *r, struct eg_byte_set *set);

/* Quotes where one byte is wanted: 'a', 'a'-'z', `a`; inside [ ] all of a text's bytes. */
static bool quoted_set(struct reader *r, bool inside, struct eg_byte_set *set) {
    size_t at = r->at, begin, size;
    bool either_case = peek(r) == '`';
    if (!quoted(r, &begin, &size)) return false;
    if (size > 1 && !inside) return fail(r, at, "^ takes one byte, not a text");
    if (size == 1 && !either_case) return range_rest(r, at, (unsigned char)r->text[begin], set);
    for (size_t i = 0; i < size; i++) set_letter(set, r->text[begin + i], either_case);
    return true;
}

static bool bracket(struct reader *r, struct eg_byte_set *set) {
    size_t open = r->at++;
    bool any = false;
    if (++r->depth > EG_PATTERN_DEPTH_MAX) return fail(r, open, "brackets nested too deep");
    for (skip_blanks(r); peek(r) != ']'; skip_blanks(r), any = true) {
        struct eg_byte_set one = {{0}};
        if (peek(r) < 0) return fail(r, open, "the [ is not closed");
        bool good =
            peek(r) == '\'' || peek(r) == '`' ? quoted_set(r, true, &one) : one_set(r, &one);
        if (!good) return false;
        set_join(set, &one);
    }
    if (!any) return fail(r, open, "an empty [ ]");
    r->at++;
    r->depth--;
    return true;
}

/* Whatever stands for one byte, with any number of ^ before it. */
static bool one_set(struct reader *r, struct eg_byte_set *set) {
    bool inverted = false, good;
    for (; peek(r) == '^'; skip_blanks(r)) {
        inverted = !inverted;
        r->at++;
    }
    size_t at = r->at;
    unsigned byte;
    switch (peek(r)) {
    case '.':
        r->at++;
        set_range(set, 0, 255);
        good = true;
        break;
    case '[': good = bracket(r, set); break;
    case '&':
    case '~': good = bit_mask(r, set); break;
    case '\\': good = shorthand(r, set); break;
    case '\'':
    case '`': good = quoted_set(r, false, set); break;
    default:
        if (eg_hex_value(peek(r)) < 0) return fail(r, at, outside(peek(r)));
        good = hex_pair(r, &byte) && range_rest(r, at, byte, set);
    }
    if (good && inverted) set_invert(set);
    return good;
}

/* ---- sequences ---- */

static bool sequence(struct reader *r);

static bool group(struct reader *r) {
    size_t open = r->at++;
    if (++r->depth > EG_PATTERN_DEPTH_MAX) return fail(r, open, "brackets nested too deep");
    uint32_t before = r->count;
    if (!sequence(r)) return false;
    if (peek(r) != ')') return fail(r, open, "the ( is not closed");
    if (r->count == before) return fail(r, open, "an empty ( )");
    r->at++;
    r->depth--;
    return true;
}

/* A text, unless it is the beginning of a range ('a'-'z'). */
static bool text(struct reader *r) {
    size_t at = r->at, begin, size;
    bool either_case = peek(r) == '`';
    struct eg_byte_set set = {{0}};
    if (!quoted(r, &begin, &size)) return false;
    if (size == 1 && !either_case)
        return range_rest(r, at, (unsigned char)r->text[begin], &set) && put(r, at, &set);
    for (size_t i = 0; i < size; i++) {
        set = (struct eg_byte_set){{0}};
        set_letter(&set, r->text[begin + i], either_case);
        if (!put(r, begin + i, &set)) return false;
    }
    return true;
}

/* {n}, where one stands: what was put since `before` is put n - 1 times more. */
static bool repeats(struct reader *r, uint32_t before) {
    size_t open = r->at++;
    uint32_t times = 0, length = r->count - before;
    skip_blanks(r);
    if (!(peek(r) >= '0' && peek(r) <= '9')) return fail(r, open, "expected {n}");
    for (; peek(r) >= '0' && peek(r) <= '9' && times <= EG_PATTERN_MAX; r->at++)
        times = 10 * times + (uint32_t)(peek(r) - '0');
    skip_blanks(r);
    if (peek(r) == ',' || peek(r) == '-' || peek(r) == '*')
        return fail(r, r->at, "a pattern has one fixed length: repeats are {n} only");
    if (times > EG_PATTERN_MAX) return fail(r, open, "the pattern is longer than 4096 bytes");
    if (peek(r) != '}') return fail(r, open, "expected {n}");
    if (times == 0) return fail(r, open, "a repeat of nothing");
    r->at++;
    for (uint32_t i = 1; i < times; i++)
        for (uint32_t k = 0; k < length; k++) {
            struct eg_byte_set set = r->sets[before + k]; /* `sets` may move */
            if (!put(r, open, &set)) return false;
        }
    return true;
}

static bool sequence(struct reader *r) {
    for (skip_blanks(r); peek(r) >= 0 && peek(r) != ')'; skip_blanks(r)) {
        uint32_t before = r->count;
        size_t at = r->at;
        struct eg_byte_set set = {{0}};
        bool good;
        if (peek(r) == '(')
            good = group(r);
        else if (peek(r) == '\'' || peek(r) == '`')
            good = text(r);
        else
            good = one_set(r, &set) && put(r, at, &set);
        if (!good) return false;
        for (skip_blanks(r); peek(r) == '{'; skip_blanks(r))
            if (!repeats(r, before)) return false;
    }
    return true;
}

enum eg_status eg_byte_pattern_parse(struct eg_byte_pattern **out, const char *pattern, size_t size,
                                     struct eg_arena *arena, struct eg_error *err) {
    struct reader r = {.text = pattern, .size = size};
    bool good = sequence(&r);
    if (good && r.at < size) good = fail(&r, r.at, outside(peek(&r)));
    if (good && r.count == 0) good = fail(&r, 0, "it is empty");
    enum eg_status status = r.no_memory ? EG_E_NOMEM : good ? EG_OK : EG_E_USAGE;
    if (status == EG_E_USAGE) {
        eg_fail(err, status, "in the byte pattern: %s", r.wrong);
        if (err) err->position = (int64_t)r.wrong_at;
    }
    if (status == EG_OK) {
        struct eg_byte_pattern *made = eg_arena_get(arena, 1, sizeof *made);
        struct eg_byte_set *sets = eg_arena_get(arena, r.count, sizeof *sets);
        if (made && sets) {
            memcpy(sets, r.sets, r.count * sizeof *sets);
            made->sets = sets;
            made->length = r.count;
            eg_byte_pattern_settle(made);
            *out = made;
        } else {
            status = EG_E_NOMEM;
        }
    }
    if (status == EG_E_NOMEM) eg_fail(err, status, "no memory for a byte pattern");
    eg_free(r.sets);
    return status;
}
