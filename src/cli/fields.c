/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey fields`: the columns of the tables, their meaning, and their names elsewhere. */
#include "cli/terminal.h"
#include "cli/verb.h"
#include "query/analysis.h"
#include "table/encode.h"
#include "table/tally.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct fields_options {
    const char *output;
    bool json, causes, markdown_page;
};

static const struct eg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct fields_options, output),
     .choices = "table|wide|csv|tsv|json|jsonl|markdown",
     .help = "How the answer is written; table on a terminal, else tsv."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct fields_options, json),
     .help = "The same as -o json."},
    {.name = "causes",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct fields_options, causes),
     .help = "The causes of losses instead of columns."},
    {.name = "page",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct fields_options, markdown_page),
     .help = "The page of the documentation, as Markdown."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey fields flows",
                                       "What can be filtered, grouped and shown.",
                                       "earlgrey fields --json",
                                       "The same for programs.",
                                       "earlgrey fields --causes",
                                       "What each cause of loss means.",
                                       NULL};

static const struct eg_column_info field_columns[] = {
    {"table", EG_TYPE_TEXT, "", "", "", ""},   {"name", EG_TYPE_TEXT, "", "", "", ""},
    {"type", EG_TYPE_TEXT, "", "", "", ""},    {"unit", EG_TYPE_TEXT, "", "", "", ""},
    {"null", EG_TYPE_TEXT, "", "", "", ""},    {"elsewhere", EG_TYPE_TEXT, "", "", "", ""},
    {"derived", EG_TYPE_BOOL, "", "", "", ""}, {"meaning", EG_TYPE_TEXT, "", "", "", ""},
};
static const struct eg_table field_table = {"fields", "", field_columns, 8};

static const struct eg_column_info cause_columns[] = {
    {"cause", EG_TYPE_TEXT, "", "", "", ""},
    {"loss", EG_TYPE_BOOL, "", "", "", ""},
    {"meaning", EG_TYPE_TEXT, "", "", "", ""},
};
static const struct eg_table cause_table = {"causes", "", cause_columns, 3};

static void put(struct eg_builder *b, uint32_t col, const char *text) {
    eg_put_text(b, col, text, strlen(text));
}

static void add_field(struct eg_builder *b, enum eg_table_id id, const struct eg_column_info *c,
                      bool derived) {
    put(b, 0, eg_table_name(id));
    put(b, 1, c->name);
    put(b, 2, eg_type_name(c->type));
    put(b, 3, c->unit);
    put(b, 4, c->null_rule);
    put(b, 5, c->elsewhere);
    eg_put_int(b, 6, derived);
    put(b, 7, c->meaning);
    eg_builder_row(b, 1);
}

static void add_fields(struct eg_builder *b, enum eg_table_id id) {
    const struct eg_table *table = eg_table_get(id);
    for (uint32_t i = 0; i < table->count; i++) add_field(b, id, &table->columns[i], false);
    size_t count;
    const struct eg_derived *derived = eg_derived_all(&count);
    for (size_t i = 0; i < count; i++)
        if (derived[i].table == id) add_field(b, id, &derived[i].info, true);
}

static void add_causes(struct eg_builder *b) {
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *cause = eg_cause_info((enum eg_cause)i);
        put(b, 0, cause->name);
        eg_put_int(b, 1, cause->is_loss);
        put(b, 2, cause->meaning);
        eg_builder_row(b, 1);
    }
}

static enum eg_status print(const struct eg_call *call, const struct eg_table *table,
                            struct eg_batch *batch, enum eg_format format, struct eg_error *err) {
    uint32_t columns[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct eg_encode_style style = eg_terminal_style(call, format, true);
    struct eg_encoder *encoder;
    EG_TRY(eg_encoder_new(&encoder, table, columns, table->count, &style, err));
    struct eg_strbuf text = {0};
    eg_encoder_begin(encoder, &text);
    eg_encoder_rows(encoder, batch, &text);
    eg_encoder_end(encoder, &text);
    if (text.text) fwrite(text.text, 1, text.size, stdout);
    eg_strbuf_reset(&text);
    eg_encoder_free(encoder);
    return EG_OK;
}

static void column_line(const struct eg_column_info *c, const char *mark) {
    printf("| `%s` | %s%s | %s | %s | %s | %s |\n", c->name, eg_type_name(c->type), mark, c->unit,
           c->null_rule, c->elsewhere, c->meaning);
}

/* docs/reference/columns.md and losses.md. */
static void columns_page(void) {
    printf("<!-- Made by `make generated` from src/table/columns.def and src/query/derived.c; do "
           "not edit. -->\n"
           "# Tables and columns\n\nText is UTF-8; a timestamp is in microseconds, UTC; null means "
           "unknown and is never written as 0. A *derived* column is not stored: the views of "
           "`earlgrey sql` make it of others, and `top` and `flows` take it as a field.\n");
    size_t count;
    const struct eg_derived *derived = eg_derived_all(&count);
    for (enum eg_table_id id = EG_TABLE_FLOWS; id < EG_TABLE_RAW; id++) {
        const struct eg_table *table = eg_table_get(id);
        printf("\n## %s\n\n%s\n\n| column | type | unit | null when | elsewhere | meaning |\n"
               "|---|---|---|---|---|---|\n",
               table->name, eg_table_meaning(id));
        for (uint32_t i = 0; i < table->count; i++) column_line(&table->columns[i], "");
        for (size_t i = 0; i < count; i++)
            if (derived[i].table == id) column_line(&derived[i].info, ", derived");
    }
}

static void causes_page(void) {
    printf(
        "<!-- Made by `make generated` from src/table/causes.def; do not edit. -->\n"
        "# Causes of loss\n\nEvery input that is seen and not kept is counted under one of "
        "these. A *loss* stands in the table `losses` and in the account of `earlgrey ingest`, and "
        "reports tell of it; a *note* stands in the account only; a *remark* is a note that stands "
        "in the table too, since it says how far an exporter is to be believed.\n\nA *loss, "
        "unseen* is one of whole datagrams that nobody looked into: it is counted in datagrams "
        "(the "
        "column `records` has their number too). The exporter's numbering, where it has one, tells "
        "of "
        "the records in them as `sequence_gap`, as it does of what was lost on the way here. These "
        "are "
        "two measures of one loss: they do not add up.\n\n| cause | kind "
        "| meaning |\n|---|---|---|\n");
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *cause = eg_cause_info((enum eg_cause)i);
        printf("| `%s` | %s | %s |\n", cause->name,
               cause->is_unseen ? "loss, unseen"
               : cause->is_loss ? "loss"
               : cause->is_kept ? "remark"
                                : "note",
               cause->meaning);
    }
}

static enum eg_exit run(struct eg_call *call) {
    const struct fields_options *o = call->options;
    if (o->markdown_page) {
        if (o->causes)
            causes_page();
        else
            columns_page();
        return EG_EXIT_DONE;
    }
    enum eg_format format = o->json         ? EG_FORMAT_JSON
                            : o->output     ? eg_format_by_name(o->output)
                            : eg_terminal() ? EG_FORMAT_TABLE
                                            : EG_FORMAT_TSV;
    const struct eg_table *table = o->causes ? &cause_table : &field_table;
    struct eg_builder *builder;
    struct eg_batch *batch = NULL;
    struct eg_error err;
    if (eg_builder_new(&builder, table, EG_TABLE_COUNT, 1024, EG_COLUMNS_ALL, &err) < 0)
        return eg_complain(call, &err);
    enum eg_status status = EG_OK;
    if (o->causes) add_causes(builder);
    for (enum eg_table_id id = EG_TABLE_FLOWS; !o->causes && id < EG_TABLE_RAW; id++)
        if (!call->word_count || strcmp(call->words[0], eg_table_name(id)) == 0)
            add_fields(builder, id);
    if (builder->rows == 0)
        status = eg_fail(&err, EG_E_USAGE,
                         "there is no table '%s'; there are flows, packets, "
                         "counters and losses",
                         call->words[0]);
    if (status >= 0) status = eg_builder_seal(builder, &batch, &err);
    if (status >= 0) status = print(call, table, batch, format, &err);
    eg_batch_unref(batch);
    eg_builder_free(builder);
    return status < 0 ? eg_complain(call, &err) : EG_EXIT_DONE;
}

const struct eg_verb eg_verb_fields = {
    .name = "fields",
    .summary = "the columns of the tables and what they mean",
    .synopsis = "[TABLE]",
    .description =
        "Lists the columns: name, type, unit, when it is null, the names it has in other "
        "systems (IPFIX element ids, ECS, pmacct, nfdump), and its meaning. Derived columns are "
        "not "
        "stored but made of others.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct fields_options),
    .run = run,
};
