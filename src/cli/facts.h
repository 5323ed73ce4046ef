/* SPDX-License-Identifier: Apache-2.0
 * Named facts about one thing, printed as aligned lines or as one JSON object. */
#ifndef EG_CLI_FACTS_H
#define EG_CLI_FACTS_H

#include "cli/verb.h"

#include "base/strbuf.h"

struct eg_facts {
    bool json;
    struct eg_strbuf text;
};

void eg_facts_text(struct eg_facts *, const char *name, const char *value);
/* A file's name, escaped where it is no text (base/utf8.h). */
void eg_facts_path(struct eg_facts *, const char *name, const char *path);
void eg_facts_int(struct eg_facts *, const char *name, int64_t value);
void eg_facts_time(struct eg_facts *, const char *name, int64_t time_us);
void eg_facts_value(struct eg_facts *, const char *name, const struct eg_batch *, uint32_t col,
                    uint32_t row);
void eg_facts_print(struct eg_facts *, bool gap_before);
void eg_facts_reset(struct eg_facts *);

#endif
