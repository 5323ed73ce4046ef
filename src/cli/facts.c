/* SPDX-License-Identifier: Apache-2.0
 * Named facts about one thing. */
#include "cli/facts.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "base/utf8.h"
#include "table/encode.h"
#include "table/encoding.h"

#include <stdio.h>
#include <string.h>

static void name_of(struct eg_facts *facts, const char *name) {
    if (!facts->json) {
        eg_strbuf_printf(&facts->text, "%-20s ", name);
        return;
    }
    eg_strbuf_char(&facts->text, facts->text.size ? ',' : '{');
    eg_encode_json_text(name, strlen(name), &facts->text);
    eg_strbuf_char(&facts->text, ':');
}

static void end(struct eg_facts *facts) {
    if (!facts->json) eg_strbuf_char(&facts->text, '\n');
}

void eg_facts_text(struct eg_facts *facts, const char *name, const char *value) {
    name_of(facts, name);
    if (facts->json)
        eg_encode_json_text(value, strlen(value), &facts->text);
    else
        eg_add_plain(&facts->text, eg_span(value, strlen(value)));
    end(facts);
}

void eg_facts_path(struct eg_facts *facts, const char *name, const char *path) {
    char *escaped = eg_utf8_escaped(path);
    eg_facts_text(facts, name, escaped ? escaped : "");
    if (!escaped) facts->text.failed = true;
    eg_free(escaped);
}

void eg_facts_int(struct eg_facts *facts, const char *name, int64_t value) {
    name_of(facts, name);
    eg_strbuf_i64(&facts->text, value);
    end(facts);
}

void eg_facts_time(struct eg_facts *facts, const char *name, int64_t time_us) {
    char text[40];
    eg_time_text(time_us, text);
    eg_facts_text(facts, name, text);
}

void eg_facts_value(struct eg_facts *facts, const char *name, const struct eg_batch *batch,
                    uint32_t col, uint32_t row) {
    struct eg_strbuf value = {0};
    enum eg_type type = batch->columns[col].type;
    bool number = type == EG_TYPE_I16 || type == EG_TYPE_I32 || type == EG_TYPE_I64;
    eg_encode_value(batch, col, row, &value);
    if (number && value.size) {
        name_of(facts, name);
        eg_strbuf_text(&facts->text, value.text);
        end(facts);
    } else {
        eg_facts_text(facts, name, value.text ? value.text : "");
    }
    eg_strbuf_reset(&value);
}

void eg_facts_print(struct eg_facts *facts, bool gap_before) {
    if (facts->json)
        eg_strbuf_text(&facts->text, "}\n");
    else if (gap_before)
        putchar('\n');
    if (facts->text.text) fwrite(facts->text.text, 1, facts->text.size, stdout);
}

void eg_facts_reset(struct eg_facts *facts) { eg_strbuf_reset(&facts->text); }
