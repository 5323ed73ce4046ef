/* SPDX-License-Identifier: Apache-2.0
 * The book of a group that goes on: kept in the dataset, so that a restart decodes at once, and ruled
 * by what the user knows better than the exporters. */
#include "base/alloc.h"
#include "base/durable.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "cli/config_file.h"
#include "cli/ingest.h"
#include "cli/ingest_book_near.h"
#include "cli/templates.h"
#include "store/dataset.h"
#include "table/address.h"
#include "wire/book.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- rules: EXPORTER[/INTERFACE]=RATE ---- */

static enum eg_status rule_read(struct eg_book_rule *rule, const char *text, struct eg_error *err) {
    char who[64];
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : 0;
    *rule = (struct eg_book_rule){.interface = -1};
    bool right =
        equals && size < sizeof who && eg_quantity_parse(&rule->rate, equals + 1) && rule->rate > 0;
    if (right) {
        memcpy(who, text, size);
        who[size] = 0;
        char *slash = strchr(who, '/'), *end = NULL;
        if (slash) {
            *slash++ = 0;
            rule->interface = strtoll(slash, &end, 10);
            right = end != slash && !*end && rule->interface >= 0;
        }
        right =
            right && (strcmp(who, "*") == 0 || eg_addr_parse(&rule->exporter, who, strlen(who)));
    }
    if (right) return EG_OK;
    return eg_fail(err, EG_E_USAGE,
                   "--sampling takes EXPORTER=RATE or EXPORTER/INTERFACE=RATE (192.0.2.1/5=1000, "
                   "*=100), not '%.100s'",
                   text);
}

enum eg_status eg_ingest_rules(struct eg_book *book, const struct eg_text_list *words,
                               struct eg_error *err) {
    struct eg_book_rule *rules = eg_calloc(words->count + 1, sizeof *rules);
    if (!rules) return eg_fail(err, EG_E_NOMEM, "out of memory");
    enum eg_status status = EG_OK;
    for (size_t i = 0; i < words->count && status >= 0; i++)
        status = rule_read(&rules[i], words->items[i], err);
    if (status >= 0) status = eg_book_rules(book, rules, words->count, err);
    eg_free(rules);
    return status;
}

enum eg_status eg_ingest_ports_apart(struct eg_book *book, const struct eg_text_list *words,
                                     struct eg_error *err) {
    struct eg_addr *exporters = eg_calloc(words->count + 1, sizeof *exporters);
    if (!exporters) return eg_fail(err, EG_E_NOMEM, "out of memory");
    enum eg_status status = EG_OK;
    for (size_t i = 0; i < words->count && status >= 0; i++) {
        const char *word = words->items[i];
        if (strcmp(word, "*") != 0 && !eg_addr_parse(&exporters[i], word, strlen(word)))
            status = eg_fail(err, EG_E_USAGE,
                             "--exporter-ports takes an address or *, not '%.100s'", word);
    }
    if (status >= 0) status = eg_book_ports(book, exporters, words->count, err);
    eg_free(exporters);
    return status;
}

void eg_ingest_reload(const struct eg_ingest *in, struct eg_book *book) {
    struct eg_settings settings = {0};
    struct eg_ingest_options fresh = {0};
    struct eg_error err;
    const struct eg_verb *verb = in->call->verb;
    enum eg_status status = eg_options_preset(verb->options, &fresh, &err);
    if (status >= 0) status = eg_settings_read(&settings, in->call->common->config, &err);
    if (status >= 0) status = eg_settings_apply(&settings, verb, &fresh, 0, &err);
    /* then no configuration has a say in the rates */
    bool given = eg_call_given(in->call, "sampling");
    const struct eg_text_list *words = given ? &in->options->sampling : &fresh.sampling;
    if (status >= 0) status = eg_ingest_rules(book, words, &err);
    if (status < 0) {
        eg_error_prefix(&err, "the configuration stays as it was");
        eg_say(in->call, err.message);
    } else {
        eg_note(in->call, "earlgrey: the configuration was read again: %zu sampling rates%s",
                words->count, given ? ", those of the command line" : "");
    }
    eg_options_reset(verb->options, &fresh);
    eg_settings_reset(&settings);
}

/* ---- keeping it ---- */

bool eg_ingest_book_stays(const struct eg_ingest *in, const struct eg_group *group) {
    return in->dataset && (in->live || eg_ingest_takes_turns(group));
}

/* DATASET/_earlgrey/templates/NAME, of what the group reads. */
static bool book_path(const struct eg_ingest *in, const struct eg_group *group, bool make,
                      struct eg_strbuf *to) {
    uint64_t name = 0;
    for (size_t i = 0; group->kind != EG_GROUP_LISTEN && i < group->count; i++)
        name = eg_hash64(group->inputs[i], strlen(group->inputs[i]), name);
    eg_strbuf_printf(to, "%s/_earlgrey/templates", in->dataset);
    struct eg_error err;
    if (to->failed || (make && eg_dir_make(to->text, &err) < 0)) return false;
    if (group->kind == EG_GROUP_LISTEN)
        eg_strbuf_text(to, "/listener");
    else
        eg_strbuf_printf(to, "/%016" PRIx64, name);
    return !to->failed;
}

/* The line that says of which position it is. */
static void position_line(const struct eg_position *p, struct eg_strbuf *to) {
    eg_strbuf_printf(to, "# %s %s %" PRIu64 " %s %s\n", p->key, p->table, p->offset, p->digest,
                     p->state);
}

/* Whether the position in the last line of what was about to be kept became durable. */
static bool position_reached(const struct eg_ingest *in, const char *text) {
    struct eg_dataset *dataset;
    struct eg_position *all = NULL;
    size_t count = 0;
    struct eg_error err;
    const char *line = strstr(text, "\n# ");
    /* what a writer that was killed had decided is completed first */
    if (!line || eg_dataset_open(&dataset, in->dataset, EG_DATASET_WRITE, &in->call->env, &err) < 0)
        return false;
    bool reached = false;
    struct eg_strbuf words = {0};
    if (eg_dataset_positions(dataset, &all, &count, &err) < 0) count = 0;
    for (size_t i = 0; i < count && !reached; i++) {
        eg_strbuf_clear(&words);
        position_line(&all[i], &words);
        reached = !words.failed && strcmp(words.text, line + 1) == 0;
    }
    eg_strbuf_reset(&words);
    eg_free(all);
    eg_dataset_close(dataset);
    return reached;
}

/* Where the run before this one was killed around a flush: which book is that of the position. */
static void book_settle(const struct eg_ingest *in, const char *path) {
    struct eg_strbuf next = {0};
    struct eg_error err;
    char *text = NULL;
    size_t size;
    eg_strbuf_printf(&next, "%s.next", path);
    if (!next.failed && eg_file_read(&text, &size, next.text, EG_TEMPLATES_FILE_MAX, &err) >= 0) {
        if (!position_reached(in, text))
            unlink(next.text);
        else if (eg_file_rename(next.text, path, &err) < 0)
            eg_note(in->call, "earlgrey: templates of the last run are not used: %s", err.message);
    }
    eg_free(text);
    eg_strbuf_reset(&next);
}

static bool book_take(const struct eg_ingest *in, const char *path, struct eg_book *book) {
    struct eg_error err;
    char *text = NULL;
    size_t size;
    enum eg_status status = eg_file_read(&text, &size, path, EG_TEMPLATES_FILE_MAX, &err);
    bool there = status >= 0;
    if (there) status = eg_book_load(book, eg_span(text, size), &err);
    if (status < 0 && status != EG_E_NOENT)
        eg_note(in->call, "earlgrey: templates of the last run are not used: %s", err.message);
    eg_free(text);
    return there;
}

/* The book of another command: what waits for its flush counts where that was reached. It is not ours to
 * settle, since the command may be running. */
static void book_of_others(const struct eg_ingest *in, const char *path, struct eg_book *book) {
    struct eg_strbuf next = {0};
    struct eg_error err;
    char *text = NULL;
    size_t size;
    eg_strbuf_printf(&next, "%s.next", path);
    bool waits =
        !next.failed && eg_file_read(&text, &size, next.text, EG_TEMPLATES_FILE_MAX, &err) >= 0;
    (void)book_take(in, waits && position_reached(in, text) ? next.text : path, book);
    eg_free(text);
    eg_strbuf_reset(&next);
}

/* The books of this and of other commands that read the same files, so that the latest wins. */
static void books_near(const struct eg_ingest *in, const struct eg_group *group, const char *own,
                       struct eg_book *book) {
    struct eg_strbuf folder = {0};
    struct eg_near_books books = {0};
    struct eg_error err;
    eg_strbuf_printf(&folder, "%s/_earlgrey/templates", in->dataset);
    if (!folder.failed &&
        eg_near_books_find(&books, folder.text, group->inputs, group->count, &err) < 0)
        eg_note(in->call, "earlgrey: templates of other runs are not used: %s", err.message);
    bool among = false;
    for (size_t i = 0; i < books.count; i++) among = among || strcmp(books.paths[i], own) == 0;
    if (!among) (void)book_take(in, own, book); /* of a version that named no inputs */
    for (size_t i = 0; i < books.count; i++)
        if (strcmp(books.paths[i], own) == 0)
            (void)book_take(in, own, book);
        else
            book_of_others(in, books.paths[i], book);
    eg_near_books_reset(&books);
    eg_strbuf_reset(&folder);
}

void eg_ingest_book_restore(const struct eg_ingest *in, const struct eg_group *group,
                            struct eg_book *book, struct eg_ingest_kept *kept) {
    struct eg_strbuf path = {0};
    *kept = (struct eg_ingest_kept){0};
    if (book_path(in, group, false, &path)) {
        book_settle(in, path.text);
        kept->there = access(path.text, F_OK) == 0;
        if (eg_ingest_takes_turns(group))
            books_near(in, group, path.text, book);
        else
            (void)book_take(in, path.text, book);
        kept->holds = eg_book_usage(book).held_bytes > 0;
    }
    eg_strbuf_reset(&path);
}

static enum eg_status next_write(const struct eg_ingest *in, const struct eg_group *group,
                                 const struct eg_strbuf *text, struct eg_error *err) {
    struct eg_strbuf path = {0};
    enum eg_status status = EG_OK;
    bool there = book_path(in, group, true, &path);
    eg_strbuf_text(&path, ".next");
    if (text->failed || path.failed)
        status = eg_fail(err, EG_E_NOMEM, "no memory to keep what was learned");
    else if (!there)
        status = eg_fail(err, EG_E_IO, "cannot make the folder of %s", path.text);
    else
        status = eg_file_replace(path.text, text->text, text->size, err);
    eg_strbuf_reset(&path);
    return status;
}

/* The book with whose it is, behind its first line, and of which position, at its end. */
static void whole_put(const struct eg_group *group, const struct eg_strbuf *text,
                      const struct eg_position *position, struct eg_strbuf *to) {
    to->failed = text->failed;
    if (text->failed) return;
    size_t head = (size_t)(strchr(text->text, '\n') + 1 - text->text);
    eg_strbuf_add(to, text->text, head);
    if (eg_ingest_takes_turns(group)) eg_book_inputs_put(to, group->inputs, group->count);
    eg_strbuf_add(to, text->text + head, text->size - head);
    if (position) position_line(position, to);
}

enum eg_status eg_ingest_book_ready(const struct eg_ingest *in, const struct eg_group *group,
                                    struct eg_book *book, const struct eg_position *positions,
                                    size_t count, struct eg_ingest_kept *kept,
                                    struct eg_error *err) {
    struct eg_strbuf text = {0};
    enum eg_status status = EG_OK;
    kept->waits = false;
    eg_book_save_resume(book, &text);
    bool empty = !text.failed && strchr(text.text, '\n') + 1 == text.text + text.size;
    kept->next = text.failed ? 0 : eg_hash64(text.text, text.size, 0);
    kept->next_holds = eg_book_usage(book).held_bytes > 0;
    if (text.failed || (kept->next != kept->digest && (kept->there || !empty))) {
        struct eg_strbuf whole = {0};
        whole_put(group, &text, count ? &positions[count - 1] : NULL, &whole);
        status = next_write(in, group, &whole, err);
        kept->waits = status >= 0;
        eg_strbuf_reset(&whole);
    }
    eg_strbuf_reset(&text);
    return status < 0 && (kept->holds || kept->next_holds) ? status : EG_OK;
}

void eg_ingest_book_keep(const struct eg_ingest *in, const struct eg_group *group,
                         struct eg_ingest_kept *kept) {
    struct eg_strbuf path = {0}, next = {0};
    struct eg_error err;
    if (kept->waits && book_path(in, group, false, &path)) {
        eg_strbuf_printf(&next, "%s.next", path.text);
        if (!next.failed && eg_file_rename(next.text, path.text, &err) >= 0)
            *kept = (struct eg_ingest_kept){
                .digest = kept->next, .there = true, .holds = kept->next_holds};
    }
    kept->waits = false;
    eg_strbuf_reset(&next);
    eg_strbuf_reset(&path);
}
