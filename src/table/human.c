/* SPDX-License-Identifier: Apache-2.0
 * Numbers as people read them. */
#include "table/human.h"

#include "table/encoding.h"

#include <math.h>
#include <string.h>

size_t eg_thousands_text(int64_t value, char text[EG_HUMAN_TEXT]) {
    char plain[24];
    size_t size = (size_t)(eg_write_i64(plain, value) - plain), used = 0;
    for (size_t i = 0; i < size; i++) {
        size_t left = size - i;
        if (i && left % 3 == 0 && plain[i - 1] != '-') text[used++] = ',';
        text[used++] = plain[i];
    }
    text[used] = 0;
    return used;
}

/* With so many decimals, without printf, whose point depends on the locale. */
static char *write_decimals(char *at, double value, int decimals) {
    int64_t scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
    int64_t rounded = llround(fabs(value) * (double)scale);
    if (value < 0 && rounded) *at++ = '-';
    at = eg_write_i64(at, rounded / scale);
    if (!decimals) return at;
    *at++ = '.';
    if (decimals == 2) *at++ = (char)('0' + rounded % scale / 10);
    *at++ = (char)('0' + rounded % 10);
    return at;
}

size_t eg_rounded_text(double value, char text[EG_HUMAN_TEXT]) {
    if (!(fabs(value) < 1e15)) return 0;
    char *end = write_decimals(text, value, value == floor(value) ? 0 : 2);
    *end = 0;
    return (size_t)(end - text);
}

/* "1.23 G" and the word; below 1000 a whole number stays whole. */
static char *write_scaled(char *at, double value, const char *word) {
    static const char prefixes[] = " kMGTPEZY";
    size_t prefix = 0;
    while (fabs(value) >= (prefix ? 999.5 : 1000) && prefixes[prefix + 1]) {
        value /= 1000;
        prefix++;
    }
    double size = fabs(value);
    bool whole = !prefix && value == floor(value);
    at = write_decimals(at, value, whole || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
    if (!prefix && !*word) return at;
    *at++ = ' ';
    if (prefix) *at++ = prefixes[prefix];
    size_t word_size = strlen(word);
    memcpy(at, word, word_size);
    return at + word_size;
}

static char *write_duration(char *at, double us) {
    static const struct {
        const char *name;
        double us;
    } steps[] = {{"d", 86400e6}, {"h", 3600e6}, {"min", 60e6}, {"s", 1e6}, {"ms", 1e3}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        double value = us / steps[i].us;
        if (fabs(value) < 1) continue;
        at = write_decimals(at, value, fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2);
        *at++ = ' ';
        memcpy(at, steps[i].name, strlen(steps[i].name));
        return at + strlen(steps[i].name);
    }
    at = write_decimals(at, us, us == floor(us) ? 0 : 1);
    memcpy(at, " µs", 4);
    return at + 4;
}

size_t eg_human_text(double value, const char *unit, char text[EG_HUMAN_TEXT]) {
    static const struct {
        const char *unit, *word;
    } scaled[] = {{"bytes", "B"},     {"bytes/s", "B/s"}, {"bit", "bit"},
                  {"bit/s", "bit/s"}, {"packets", ""},    {"packets/s", "pkt/s"}};
    static const char *const counted[] = {"records", "flows", "rows", "datagrams", "files"};
    if (!isfinite(value)) return 0;
    char *at = NULL;
    for (size_t i = 0; i < sizeof scaled / sizeof *scaled; i++)
        if (strcmp(unit, scaled[i].unit) == 0) at = write_scaled(text, value, scaled[i].word);
    if (strcmp(unit, "µs") == 0) at = write_duration(text, value);
    if (strcmp(unit, "%") == 0) {
        at = write_decimals(text, value, 1);
        memcpy(at, " %", 2);
        at += 2;
    }
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        if (strcmp(unit, counted[i]) == 0 && value == floor(value) && fabs(value) < 9e15)
            return eg_thousands_text((int64_t)value, text);
    if (!at) return 0;
    *at = 0;
    return (size_t)(at - text);
}
