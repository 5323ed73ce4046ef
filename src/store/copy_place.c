/* SPDX-License-Identifier: Apache-2.0
 * Names of copies: the day, what is left of the original's name, the mark, the ending. */
#include "store/copy_place.h"

#include "base/timetext.h"
#include "store/layout.h"

#include <stdio.h>
#include <string.h>

#define STEM_MAX 120 /* bytes of a copy's name that are the original's */

/* What stands behind the last slash, without the ending of a packed file, in characters that need no
 * quoting. */
static void stem_make(char stem[STEM_MAX], const char *name) {
    static const char *const packed[] = {".gz", ".zst", ".lz4", ".xz"};
    const char *slash = strrchr(name, '/');
    snprintf(stem, STEM_MAX, "%s", slash ? slash + 1 : name);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        if (eg_layout_ends(stem, packed[i]) && strlen(stem) > strlen(packed[i])) {
            stem[strlen(stem) - strlen(packed[i])] = 0;
            break;
        }
    for (char *c = stem; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || strchr("-+=@", *c) ||
                     (c != stem && strchr("._", *c));
        if (!plain) *c = '-';
    }
    if (!stem[0]) snprintf(stem, STEM_MAX, "capture");
}

void eg_copy_place(struct eg_strbuf *to, const struct eg_file_facts *facts, uint64_t mark,
                   bool packed) {
    char stem[STEM_MAX];
    stem_make(stem, facts->name);
    const char *dot = strrchr(stem, '.');
    bool ending = dot && dot != stem && strlen(dot) <= 9;
    eg_strbuf_text(to, EG_LAYOUT_CAPTURES "/");
    if (eg_layout_has_hour(facts->first_us)) {
        struct eg_civil day = eg_time_civil(facts->first_us);
        eg_strbuf_printf(to, "%04d-%02d-%02d/", (int)day.year, day.month, day.day);
    } else {
        eg_strbuf_text(to, "undated/");
    }
    eg_strbuf_printf(to, "%.*s-%08x", ending ? (int)(dot - stem) : STEM_MAX, stem,
                     (unsigned)(mark & UINT32_MAX));
    eg_strbuf_text(to, ending ? dot : facts->ending);
    if (packed) eg_strbuf_text(to, ".zst");
}
