/* SPDX-License-Identifier: Apache-2.0
 * Options set from text by the table that declares them. */
#include "base/option.h"

#include "base/alloc.h"
#include "base/timetext.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the nearest word ---- */

#define WORD_MAX 64
#define OPTION_NAMES 300 /* bytes for all names in a message */

static int least(int a, int b) { return a < b ? a : b; }

static bool same_letter(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, deletions, exchanges and swaps of neighbours that turn `a` into `b` (optimal string
 * alignment); more than WORD_MAX where one of them is too long to be a mistyped word. */
static int word_distance(const char *a, const char *b) {
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) return WORD_MAX + 1;
    int rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= a_size; i++) {
        int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_size; j++) {
            int cost = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
            row[j] = least(least(row[j - 1], up[j]) + 1, up[j - 1] + cost);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

struct nearest {
    const char *word, *found;
    int distance; /* of `found`; at first the largest that still counts, and one */
};

static struct nearest nearest_to(const char *word) {
    size_t size = strlen(word);
    int limit = size < 2 || size > WORD_MAX ? 0 : size < 6 ? 1 : (int)(size / 3);
    return (struct nearest){word, NULL, limit + 1};
}

static void nearest_try(struct nearest *n, const char *candidate) {
    int distance = word_distance(n->word, candidate);
    if (distance >= n->distance) return;
    n->distance = distance;
    n->found = candidate;
}

const char *eg_nearest(const char *word, const char *const *candidates, size_t count) {
    struct nearest n = nearest_to(word);
    for (size_t i = 0; i < count; i++) nearest_try(&n, candidates[i]);
    return n.found;
}

/* ---- quantities ---- */

/* What a suffix multiplies by: k, M, … by thousands, Ki, Mi, … by 1024, any case, a B may follow;
 * 0: not a suffix. */
static int64_t suffix_factor(const char *text) {
    static const char letters[] = "kmgtpe";
    if (!*text) return 1;
    const char *letter = strchr(letters, tolower((unsigned char)*text));
    if (!letter) return strcasecmp(text, "b") == 0 ? 1 : 0;
    text++;
    bool binary = *text == 'i';
    text += binary;
    if (*text == 'B' || *text == 'b') text++;
    if (*text) return 0;
    int64_t factor = 1;
    for (const char *at = letters; at <= letter; at++) factor *= binary ? 1024 : 1000;
    return factor;
}

bool eg_quantity_parse(int64_t *out, const char *text) {
    bool negative = *text == '-';
    text += negative;
    __int128 whole = 0, part = 0, part_of = 1;
    if (!isdigit((unsigned char)*text)) return false;
    for (; isdigit((unsigned char)*text); text++) {
        whole = whole * 10 + (*text - '0');
        if (whole > INT64_MAX) return false;
    }
    if (*text == '.') {
        text++;
        if (!isdigit((unsigned char)*text)) return false;
        for (; isdigit((unsigned char)*text); text++) {
            if (part_of >= 1000000000000000000) continue; /* below what any suffix brings up */
            part = part * 10 + (*text - '0');
            part_of *= 10;
        }
    }
    int64_t factor = suffix_factor(text);
    if (!factor) return false;
    if (factor == 1 && part) return false; /* half a packet */
    __int128 value = whole * factor + part * factor / part_of;
    if (value > INT64_MAX) return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

void eg_quantity_text(int64_t value, char text[24]) {
    static const char units[] = "MGTPE";
    const char *unit = units;
    if (!value || value % (1 << 20)) {
        snprintf(text, 24, "%" PRId64, value);
        return;
    }
    for (value /= 1 << 20; value % 1024 == 0; value /= 1024) unit++;
    snprintf(text, 24, "%" PRId64 "%ci", value, *unit);
}

/* ---- setting ---- */

static void *place_of(const struct eg_option *option, void *to) {
    return (char *)to + option->offset;
}

/* A secret is not repeated in an error text, which may end up in a log. */
static const char *shown(const struct eg_option *option, const char *text) {
    return option->secret ? "(secret)" : text;
}

static enum eg_status no_memory(const struct eg_option *option, struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "option %s: no memory for its value", option->name);
}

static enum eg_status set_flag(const struct eg_option *option, bool *place, const char *text,
                               struct eg_error *err) {
    static const char *const on[] = {"true", "yes", "on", "1"};
    static const char *const off[] = {"false", "no", "off", "0"};
    if (!text) {
        *place = true;
        return EG_OK;
    }
    for (size_t i = 0; i < sizeof on / sizeof *on; i++) {
        bool is_on = strcasecmp(text, on[i]) == 0;
        if (!is_on && strcasecmp(text, off[i]) != 0) continue;
        *place = is_on;
        return EG_OK;
    }
    return eg_fail(err, EG_E_USAGE, "option %s: \"%.100s\" is neither true nor false", option->name,
                   shown(option, text));
}

#define AMOUNT_TEXT 40
#define NO_BOUND (INT64_MAX / 2) /* what a table says is as good as none */

static bool in_bytes(const struct eg_option *option) {
    return option->value_name && strcmp(option->value_name, "BYTES") == 0;
}

static void amount_text(const struct eg_option *option, int64_t value, char text[AMOUNT_TEXT]) {
    if (option->type == EG_OPT_DURATION)
        eg_duration_text(value, text);
    else if (in_bytes(option) && value && value % 1024 == 0 && value % (1 << 20))
        snprintf(text, AMOUNT_TEXT, "%" PRId64 "Ki", value / 1024);
    else
        eg_quantity_text(value, text);
}

/* A value that is outside of what the option takes. */
static enum eg_status out_of_range(const struct eg_option *option, int64_t value, const char *text,
                                   struct eg_error *err) {
    bool time = option->type == EG_OPT_DURATION, little = value < option->min;
    bool open = little && option->max >= NO_BOUND;
    char min[AMOUNT_TEXT], max[AMOUNT_TEXT];
    amount_text(option, option->min, min);
    amount_text(option, option->max, max);
    return eg_fail(err, EG_E_USAGE, "option %s: \"%.100s\" is too %s: write %s%s%s%s", option->name,
                   shown(option, text),
                   time     ? little ? "short" : "long"
                   : little ? "small"
                            : "large",
                   min, open ? " or more" : " to ", open ? "" : max,
                   in_bytes(option) ? " (bytes)" : "");
}

static enum eg_status set_int(const struct eg_option *option, int64_t *place, const char *text,
                              struct eg_error *err) {
    int64_t value;
    if (!eg_quantity_parse(&value, text))
        return eg_fail(err, EG_E_USAGE,
                       "option %s: \"%.100s\" is not a whole number; write 10, 10k, 1.5M or 2Gi",
                       option->name, shown(option, text));
    if ((option->min || option->max) && (value < option->min || value > option->max))
        return out_of_range(option, value, text, err);
    *place = value;
    return EG_OK;
}

static enum eg_status set_duration(const struct eg_option *option, int64_t *place, const char *text,
                                   struct eg_error *err) {
    int64_t value;
    enum eg_status status = eg_duration_parse(&value, text, err);
    if (status < 0) {
        eg_error_prefix(err, "option %s", option->name);
        return status;
    }
    if ((option->min || option->max) && (value < option->min || value > option->max))
        return out_of_range(option, value, text, err);
    *place = value;
    return EG_OK;
}

static enum eg_status set_text(const struct eg_option *option, char **place, const char *text,
                               struct eg_error *err) {
    char *copy = eg_strdup(text);
    if (!copy) return no_memory(option, err);
    eg_free(*place);
    *place = copy;
    return EG_OK;
}

/* "table|wide|csv" as one word at a time, cut to what any choice needs. */
static const char *choice_next(const char *at, char word[WORD_MAX + 1]) {
    size_t size = strcspn(at, "|");
    size_t kept = size < WORD_MAX ? size : WORD_MAX;
    memcpy(word, at, kept);
    word[kept] = 0;
    return at[size] ? at + size + 1 : at + size;
}

static enum eg_status set_choice(const struct eg_option *option, char **place, const char *text,
                                 struct eg_error *err) {
    char word[WORD_MAX + 1], near[WORD_MAX + 1] = "";
    struct nearest n = nearest_to(text);
    for (const char *at = option->choices; *at;) {
        at = choice_next(at, word);
        if (strcmp(word, text) == 0) return set_text(option, place, text, err);
        n.found = NULL;
        nearest_try(&n, word);
        if (n.found) memcpy(near, word, sizeof near);
    }
    return eg_fail(err, EG_E_USAGE, "option %s: \"%.100s\" is not one of %s%s%s%s", option->name,
                   shown(option, text), option->choices, *near ? "; did you mean \"" : "", near,
                   *near ? "\"?" : "");
}

static enum eg_status list_add(const struct eg_option *option, struct eg_text_list *list,
                               const char *text, size_t size, struct eg_error *err) {
    char **items = eg_realloc(list->items, list->count + 1, sizeof *items);
    if (!items) return no_memory(option, err);
    list->items = items;
    if (!(items[list->count] = eg_strndup(text, size))) return no_memory(option, err);
    list->count++;
    return EG_OK;
}

static enum eg_status set_list(const struct eg_option *option, struct eg_text_list *list,
                               const char *text, struct eg_error *err) {
    for (;;) {
        size_t size = strcspn(text, ",");
        if (size == 0)
            return eg_fail(err, EG_E_USAGE,
                           "option %s: an item of the list is empty; write a or a,b,c",
                           option->name);
        EG_TRY(list_add(option, list, text, size, err));
        if (!text[size]) return EG_OK;
        text += size + 1;
    }
}

static enum eg_status set(const struct eg_option *option, void *to, const char *text,
                          struct eg_error *err) {
    void *place = place_of(option, to);
    if (!text && option->type != EG_OPT_FLAG)
        return eg_fail(err, EG_E_USAGE, "option %s needs a value: %s", option->name,
                       option->choices      ? option->choices
                       : option->value_name ? option->value_name
                                            : "TEXT");
    switch (option->type) {
    case EG_OPT_FLAG: return set_flag(option, place, text, err);
    case EG_OPT_INT: return set_int(option, place, text, err);
    case EG_OPT_DURATION: return set_duration(option, place, text, err);
    case EG_OPT_TEXT: return set_text(option, place, text, err);
    case EG_OPT_CHOICE: return set_choice(option, place, text, err);
    case EG_OPT_LIST: return set_list(option, place, text, err);
    }
    return EG_OK;
}

/* ---- tables of options ---- */

const struct eg_option *eg_option_find(const struct eg_option *options, const char *name) {
    for (; options->name; options++)
        if (strcmp(options->name, name) == 0) return options;
    return NULL;
}

/* "a, b and c": as many of them as there is room for. */
static void names_of(const struct eg_option *options, char to[OPTION_NAMES]) {
    size_t size = 0;
    for (const struct eg_option *o = options; o->name; o++) {
        const char *between = !size ? "" : o[1].name ? ", " : " and ";
        size_t more = strlen(between) + strlen(o->name);
        if (size + more + sizeof ", …" > OPTION_NAMES) {
            memcpy(to + size, ", …", sizeof ", …");
            return;
        }
        size += (size_t)snprintf(to + size, OPTION_NAMES - size, "%s%s", between, o->name);
    }
}

enum eg_status eg_option_set(const struct eg_option *options, void *to, const char *name,
                             const char *text, struct eg_error *err) {
    const struct eg_option *option = eg_option_find(options, name);
    if (!option) {
        struct nearest n = nearest_to(name);
        for (const struct eg_option *at = options; at->name; at++) nearest_try(&n, at->name);
        char all[OPTION_NAMES] = "";
        names_of(options, all);
        return eg_fail(err, EG_E_USAGE, "there is no option \"%.100s\"%s%s%s%s%s", name,
                       n.found ? "; did you mean \"" : "", n.found ? n.found : "",
                       n.found ? "\"?" : "",
                       !*all     ? ""
                       : n.found ? " There are "
                                 : "; there are ",
                       all);
    }
    if (option->unavailable)
        return eg_fail(err, EG_E_USAGE, "option %s is not in this build: %s", option->name,
                       option->unavailable);
    return set(option, to, text, err);
}

enum eg_status eg_options_preset(const struct eg_option *options, void *to, struct eg_error *err) {
    for (const struct eg_option *option = options; option->name; option++) {
        if (!option->preset) continue;
        enum eg_status status = set(option, to, option->preset, err);
        if (status < 0) { /* a preset the table itself refuses is a programmer's error */
            EG_ASSERT(status == EG_E_NOMEM);
            eg_options_reset(options, to);
            return status;
        }
    }
    return EG_OK;
}

void eg_options_reset(const struct eg_option *options, void *from) {
    for (const struct eg_option *option = options; option->name; option++) {
        void *place = place_of(option, from);
        switch (option->type) {
        case EG_OPT_TEXT:
        case EG_OPT_CHOICE:
            eg_free(*(char **)place);
            *(char **)place = NULL;
            break;
        case EG_OPT_LIST: {
            struct eg_text_list *list = place;
            for (size_t i = 0; i < list->count; i++) eg_free(list->items[i]);
            eg_free(list->items);
            *list = (struct eg_text_list){0};
            break;
        }
        case EG_OPT_FLAG: *(bool *)place = false; break;
        case EG_OPT_INT:
        case EG_OPT_DURATION: *(int64_t *)place = 0; break;
        }
    }
}
