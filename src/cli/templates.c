/* SPDX-License-Identifier: Apache-2.0
 * The templates of a book. */
#include "cli/templates.h"

#include "cli/facts.h"
#include "table/address.h"

#include <stdio.h>
#include <string.h>

struct printing {
    bool json, gap;
};

/* The fields as "name(length)", v for a variable one. */
static void tell_fields(struct eg_facts *facts, const char *name, const struct eg_field *f,
                        uint32_t count) {
    struct eg_strbuf text = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (i) eg_strbuf_text(&text, ", ");
        if (f[i].reverse) eg_strbuf_text(&text, "reverse ");
        if (f[i].element)
            eg_strbuf_text(&text, f[i].element->name);
        else
            eg_strbuf_printf(&text, "%u:%u", f[i].pen, f[i].id);
        if (f[i].length == EG_FIELD_VARIABLE)
            eg_strbuf_text(&text, "(v)");
        else
            eg_strbuf_printf(&text, "(%u)", f[i].length);
    }
    eg_facts_text(facts, name, text.text ? text.text : "");
    eg_strbuf_reset(&text);
}

static bool print_line(void *to, const struct eg_book_line *line) {
    struct printing *p = to;
    static const struct eg_addr none = {{0}};
    const struct eg_template *t = line->template;
    struct eg_facts facts = {.json = p->json};
    char exporter[EG_ADDR_TEXT] = "";
    if (memcmp(&line->key.exporter, &none, sizeof none) != 0)
        eg_addr_text(&line->key.exporter, exporter);
    eg_facts_text(&facts, "exporter", exporter);
    if (line->key.port) eg_facts_int(&facts, "port", line->key.port);
    eg_facts_int(&facts, "domain", line->key.domain);
    eg_facts_text(&facts, "source", line->key.version == 9 ? "netflow9" : "ipfix");
    eg_facts_int(&facts, "template", t->id);
    eg_facts_text(&facts, "of", t->options ? "options" : "flows");
    if (t->scope_count) tell_fields(&facts, "scope", t->fields, t->scope_count);
    tell_fields(&facts, "fields", t->fields + t->scope_count,
                (uint32_t)t->field_count - t->scope_count);
    if (line->first_us != INT64_MIN) eg_facts_time(&facts, "first", line->first_us);
    if (line->last_us != INT64_MIN) eg_facts_time(&facts, "last", line->last_us);
    eg_facts_int(&facts, "records", (int64_t)line->records);
    eg_facts_int(&facts, "changes", (int64_t)line->changes);
    eg_facts_print(&facts, p->gap);
    p->gap = true;
    eg_facts_reset(&facts);
    return true;
}

enum eg_status eg_templates_print(struct eg_book *book, bool json, bool gap_before,
                                  struct eg_error *err) {
    struct printing p = {json, gap_before};
    return eg_book_list(book, print_line, &p, err);
}
