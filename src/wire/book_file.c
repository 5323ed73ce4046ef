/* SPDX-License-Identifier: Apache-2.0
 * The book as text, so that a restart decodes at once; and as a list, for people.
 *
 *   earlgrey-book 1
 *   template VERSION ADDRESS PORT DOMAIN ID SCOPES FIRST LAST CHANGES[/RECORDS] PEN:ID:LENGTH …
 *   fact     VERSION ADDRESS PORT DOMAIN KIND KEY NUMBER TEXT
 *   held     VERSION ADDRESS PORT DOMAIN ID TIME SENT-FROM CAME-TO TRANSPORT HEADER-AND-SET
 *
 * SCOPES is -1 for templates of flows. Addresses and texts are hex digits, "-" for none; times µs,
 * "-" for unknown. RECORDS were decoded by it; books of older versions do not say. What is held stands
 * behind all else, since it waits for templates that are not there.
 * A PEN with an "r" before it is of the other direction (RFC 5103). */
#include "wire/book_inside.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "earlgrey-book 1\n"
enum { ENTERPRISE = 0x8000, CERT_REVERSE = 0x4000 };
enum { PEN_CERT = 6871 };

/* ---- everything in force, in order ---- */

static int entry_order(const void *a, const void *b) {
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    const struct eg_book_key *k = &x->stream->key, *l = &y->stream->key;
    int by = memcmp(&k->exporter, &l->exporter, sizeof k->exporter);
    if (by) return by;
    if (k->port != l->port) return k->port < l->port ? -1 : 1;
    if (k->domain != l->domain) return k->domain < l->domain ? -1 : 1;
    if (k->version != l->version) return k->version < l->version ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* Under the lock; NULL: no memory. */
static const struct entry **entries_in_force(const struct eg_book *book, uint32_t *count) {
    const struct entry **all = eg_calloc((size_t)book->entries.count + 1, sizeof(struct entry *));
    *count = 0;
    for (uint32_t i = 0; all && book->entries.slots && i <= book->entries.mask; i++)
        for (struct node *n = book->entries.slots[i]; n; n = n->chain) {
            const struct entry *e = (const struct entry *)(void *)n;
            if (entry_in_force(e)) all[(*count)++] = e;
        }
    if (all) qsort(all, *count, sizeof *all, entry_order);
    return all;
}

enum eg_status eg_book_list(struct eg_book *book, bool (*see)(void *, const struct eg_book_line *),
                            void *to, struct eg_error *err) {
    pthread_mutex_lock(&book->lock);
    uint32_t count;
    const struct entry **all = entries_in_force(book, &count);
    pthread_mutex_unlock(&book->lock);
    if (!all) return eg_fail(err, EG_E_NOMEM, "no memory to list templates");
    bool more = true;
    for (uint32_t i = 0; more && i < count; i++) {
        const struct entry *e = all[i];
        if (e->kind != EG_FACT_TEMPLATE) continue;
        struct eg_book_line line = {e->stream->key, e->newest->template,      e->first_us,
                                    e->last_us,     atomic_load(&e->records), e->changes};
        more = see(to, &line);
    }
    eg_free(all);
    return EG_OK;
}

/* ---- saving ---- */

static void add_hex(struct eg_strbuf *out, struct eg_span bytes) {
    char digits[512];
    size_t used = 0;
    if (!bytes.size) eg_strbuf_char(out, '-');
    for (size_t i = 0; i < bytes.size; i++) {
        digits[used++] = "0123456789abcdef"[eg_u8(bytes, i) >> 4];
        digits[used++] = "0123456789abcdef"[eg_u8(bytes, i) & 15];
        if (used < sizeof digits && i + 1 < bytes.size) continue;
        eg_strbuf_add(out, digits, used);
        used = 0;
    }
}

static void add_key(struct eg_strbuf *out, const char *what, const struct eg_book_key *k) {
    eg_strbuf_printf(out, "%s %u ", what, k->version);
    add_hex(out, eg_span(k->exporter.bytes, sizeof k->exporter.bytes));
    eg_strbuf_printf(out, " %u %u", k->port, k->domain);
}

static void add_time(struct eg_strbuf *out, int64_t time_us) {
    if (time_us == INT64_MIN)
        eg_strbuf_text(out, " -");
    else
        eg_strbuf_printf(out, " %" PRId64, time_us);
}

static void save_entry(const struct entry *e, struct eg_strbuf *out) {
    const struct eg_book_version *v = e->newest;
    const struct eg_template *t = v->template;
    add_key(out, t ? "template" : "fact", &e->stream->key);
    if (!t) {
        eg_strbuf_printf(out, " %d %" PRIu64 " %" PRId64 " ", (int)e->kind, e->key, v->number);
        add_hex(out, eg_span(v->text, v->text_size));
        eg_strbuf_char(out, '\n');
        return;
    }
    eg_strbuf_printf(out, " %u %d", t->id, t->options ? (int)t->scope_count : -1);
    add_time(out, e->first_us);
    add_time(out, e->last_us);
    eg_strbuf_printf(out, " %" PRIu64, e->changes);
    uint64_t records = atomic_load(&e->records);
    if (records) eg_strbuf_printf(out, "/%" PRIu64, records);
    for (uint32_t i = 0; i < t->field_count; i++) {
        const struct eg_field *f = &t->fields[i];
        eg_strbuf_printf(out, " %s%u:%u:%u", f->reverse ? "r" : "", f->pen, f->id, f->length);
    }
    eg_strbuf_char(out, '\n');
}

void eg_book_save(struct eg_book *book, struct eg_strbuf *out) {
    pthread_mutex_lock(&book->lock);
    uint32_t count;
    const struct entry **all = entries_in_force(book, &count);
    if (all)
        eg_strbuf_text(out, HEAD);
    else
        out->failed = true;
    for (uint32_t i = 0; all && i < count; i++) save_entry(all[i], out);
    pthread_mutex_unlock(&book->lock);
    eg_free(all);
}

/* ---- what the next run begins with ---- */

void eg_book_remember(struct eg_book *book) { book->remembers = true; }

void eg_book_input_begins(struct eg_book *book) {
    if (!book->remembers) return;
    eg_strbuf_clear(&book->begun);
    eg_book_save(book, &book->begun);
    book->inside = true;
}

void eg_book_input_ends(struct eg_book *book) { book->inside = false; }

/* Oldest first, of an exporter: what came before it was known stands in the first ring. */
static void save_held(struct eg_book *book, struct eg_strbuf *out) {
    pthread_mutex_lock(&book->lock);
    for (int known = 0; known < 2; known++)
        for (struct ring *r = book->held[known].next; r != &book->held[known]; r = r->next) {
            const struct held *h = RING_ITEM(r, struct held, of_all);
            const struct eg_datagram *d = &h->piece.datagram;
            add_key(out, "held", &h->key);
            eg_strbuf_printf(out, " %u", h->id);
            add_time(out, d->time_us);
            eg_strbuf_printf(out, " %u %u %u ", d->exporter_port, d->local_port, d->transport);
            add_hex(out, d->payload);
            eg_strbuf_char(out, '\n');
        }
    pthread_mutex_unlock(&book->lock);
}

void eg_book_save_resume(struct eg_book *book, struct eg_strbuf *out) {
    if (!book->inside)
        eg_book_save(book, out), save_held(book, out);
    else if (book->begun.failed)
        out->failed = true;
    else
        eg_strbuf_add(out, book->begun.text, book->begun.size);
}

/* ---- loading ---- */

/* The next word of the line; empty where there is none. */
static struct eg_span word_take(struct eg_span *line) {
    size_t begin = 0;
    while (begin < line->size && eg_u8(*line, begin) == ' ') begin++;
    size_t end = begin;
    while (end < line->size && eg_u8(*line, end) != ' ') end++;
    struct eg_span word = eg_span_sub(*line, begin, end - begin);
    *line = eg_span_from(*line, end);
    return word;
}

/* A decimal number up to `most`; sets *bad for anything else. "-" is `none`. */
static int64_t number_of(struct eg_span word, int64_t most, int64_t none, bool *bad) {
    bool minus = word.size > 1 && eg_u8(word, 0) == '-';
    if (word.size == 1 && eg_u8(word, 0) == '-') return none;
    uint64_t value = 0, top = (uint64_t)most;
    for (size_t i = minus; i < word.size; i++) {
        uint8_t digit = (uint8_t)(eg_u8(word, i) - '0');
        if (digit > 9 || value > (top - digit) / 10) *bad = true;
        value = *bad ? 0 : value * 10 + digit;
    }
    if (!word.size) *bad = true;
    return minus ? -(int64_t)value : (int64_t)value;
}

static uint64_t key_of(struct eg_span word, bool *bad) {
    uint64_t value = 0;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t digit = (uint8_t)(eg_u8(word, i) - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) *bad = true;
        value = value * 10 + digit;
    }
    if (!word.size) *bad = true;
    return value;
}

/* Hex digits to bytes; how many. */
static size_t bytes_of(struct eg_span word, uint8_t *to, size_t room, bool *bad) {
    if (word.size == 1 && eg_u8(word, 0) == '-') return 0;
    if (word.size % 2 || word.size / 2 > room) *bad = true;
    size_t count = *bad ? 0 : word.size / 2;
    for (size_t i = 0; i < word.size && i / 2 < count; i++) {
        uint8_t c = eg_u8(word, i);
        uint8_t digit = c >= '0' && c <= '9'   ? (uint8_t)(c - '0')
                        : c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10)
                                               : 255;
        if (digit > 15) *bad = true;
        to[i / 2] = (uint8_t)(i % 2 ? to[i / 2] | digit : digit << 4);
    }
    return count;
}

struct loading {
    struct eg_book *book;
    struct eg_datagram datagram;
    struct eg_tally tally;
    struct eg_book_moment moment;
    struct eg_strbuf record; /* a template as an exporter would send it */
};

static void add_be(struct eg_strbuf *to, uint64_t value, uint32_t width) {
    for (uint32_t i = width; i-- > 0;) eg_strbuf_char(to, (char)(uint8_t)(value >> 8 * i));
}

/* "r"PEN:ID:LENGTH as a field of a template record. */
static void field_take(struct loading *l, struct eg_span word, bool ipfix, bool *bad) {
    bool reverse = word.size && eg_u8(word, 0) == 'r';
    word = eg_span_from(word, reverse);
    int64_t numbers[3] = {0};
    for (int i = 0; i < 3; i++) {
        size_t end = 0;
        while (end < word.size && eg_u8(word, end) != ':') end++;
        if ((end == word.size) != (i == 2)) *bad = true;
        numbers[i] = number_of(eg_span_sub(word, 0, end), i ? UINT16_MAX : UINT32_MAX, -1, bad);
        if (numbers[i] < 0) *bad = true;
        word = eg_span_from(word, end + 1);
    }
    uint32_t pen = (uint32_t)numbers[0];
    uint16_t id = (uint16_t)numbers[1];
    if (reverse && pen == 0) pen = EG_PEN_REVERSE;
    if (reverse && pen == PEN_CERT) id |= CERT_REVERSE;
    if (ipfix && id & ENTERPRISE) *bad = true;
    add_be(&l->record, pen && ipfix ? id | ENTERPRISE : id, 2);
    add_be(&l->record, (uint64_t)numbers[2], 2);
    if (pen && ipfix) add_be(&l->record, pen, 4);
}

static uint32_t words_in(struct eg_span line) {
    uint32_t count = 0;
    while (word_take(&line).size) count++;
    return count;
}

/* What stands before the first such byte, and what behind it; that is empty where there is none. */
static void split_at(struct eg_span word, uint8_t byte, struct eg_span *before,
                     struct eg_span *behind) {
    size_t end = 0;
    while (end < word.size && eg_u8(word, end) != byte) end++;
    *before = eg_span_sub(word, 0, end);
    *behind = eg_span_from(word, end < word.size ? end + 1 : end);
}

static enum eg_status load_template(struct loading *l, struct eg_span line, bool *bad) {
    uint16_t id = (uint16_t)number_of(word_take(&line), UINT16_MAX, 0, bad);
    int64_t scopes = number_of(word_take(&line), UINT16_MAX, 0, bad);
    int64_t first_us = number_of(word_take(&line), INT64_MAX, INT64_MIN, bad);
    int64_t last_us = number_of(word_take(&line), INT64_MAX, INT64_MIN, bad);
    struct eg_span changes_word = word_take(&line), records_word;
    split_at(changes_word, '/', &changes_word, &records_word);
    uint64_t changes = key_of(changes_word, bad);
    uint64_t records = records_word.size ? key_of(records_word, bad) : 0;
    bool ipfix = l->moment.key.version == 10, options = scopes >= 0;
    uint32_t count = words_in(line);
    eg_strbuf_clear(&l->record);
    add_be(&l->record, id, 2);
    if (options && !ipfix)
        add_be(&l->record, (uint64_t)scopes * 4, 2),
            add_be(&l->record, (count - (uint64_t)scopes) * 4, 2);
    else
        add_be(&l->record, count, 2);
    if (options && ipfix) add_be(&l->record, (uint64_t)scopes, 2);
    for (uint32_t i = 0; i < count; i++) field_take(l, word_take(&line), ipfix, bad);
    if (*bad) return EG_OK;
    if (l->record.failed) return EG_E_NOMEM;
    struct eg_cursor c = eg_cursor(l->record.text, l->record.size);
    struct eg_template *t;
    enum eg_template_found found =
        eg_template_take(&c, ipfix ? EG_DIALECT_IPFIX : EG_DIALECT_NETFLOW9, options, &id, &t);
    if (found == EG_TEMPLATE_SHORT_OF_MEMORY) return EG_E_NOMEM;
    if (found != EG_TEMPLATE_DEFINED) {
        *bad = true;
        return EG_OK;
    }
    l->datagram.time_us = last_us;
    eg_book_define(l->book, &l->moment, t);
    eg_book_use(l->book, &l->moment, id); /* it was known before */
    struct entry *e =
        book_entry(l->book, book_stream(l->book, &l->moment.key), EG_FACT_TEMPLATE, id);
    if (!e) return l->tally.lost ? EG_E_NOMEM : EG_OK; /* beyond a quota */
    e->first_us = first_us;
    e->changes = changes;
    atomic_store(&e->records, records);
    return EG_OK;
}

static enum eg_status load_fact(struct loading *l, struct eg_span line, bool *bad) {
    int64_t kind = number_of(word_take(&line), EG_FACT_KINDS - 1, 0, bad);
    uint64_t key = key_of(word_take(&line), bad);
    int64_t number = number_of(word_take(&line), INT64_MAX, 0, bad);
    uint8_t text[EG_FACT_TEXT_MAX];
    size_t size = bytes_of(word_take(&line), text, sizeof text, bad);
    if (kind <= EG_FACT_TEMPLATE || word_take(&line).size) *bad = true;
    if (*bad) return EG_OK;
    eg_book_learn(l->book, &l->moment, (enum eg_fact_kind)kind, key,
                  (struct eg_fact){number, eg_span(text, size)});
    return l->tally.lost ? EG_E_NOMEM : EG_OK;
}

static enum eg_status load_held(struct loading *l, struct eg_span line, bool *bad) {
    struct eg_datagram *d = &l->datagram;
    uint16_t id = (uint16_t)number_of(word_take(&line), UINT16_MAX, 0, bad);
    d->time_us = number_of(word_take(&line), INT64_MAX, INT64_MIN, bad);
    d->exporter_port = (uint16_t)number_of(word_take(&line), UINT16_MAX, 0, bad);
    d->local_port = (uint16_t)number_of(word_take(&line), UINT16_MAX, 0, bad);
    d->transport = (uint8_t)number_of(word_take(&line), UINT8_MAX, 0, bad);
    struct eg_span word = word_take(&line);
    size_t header = l->moment.key.version == 9 ? 20 : 16, size = word.size / 2;
    if (id < 256 || size < header + 4 || size > UINT16_MAX || word_take(&line).size) *bad = true;
    uint8_t *bytes = *bad ? NULL : eg_malloc(size);
    if (!bytes) return *bad ? EG_OK : EG_E_NOMEM;
    bytes_of(word, bytes, size, bad);
    if (!*bad)
        eg_book_hold(l->book, &l->moment, id, eg_span(bytes, header),
                     eg_span(bytes + header, size - header));
    eg_free(bytes);
    return l->tally.lost ? EG_E_NOMEM : EG_OK;
}

static enum eg_status load_line(struct loading *l, struct eg_span line, bool *bad) {
    struct eg_span what = word_take(&line);
    struct eg_book_key *k = &l->moment.key;
    *k = (struct eg_book_key){.version = (uint16_t)number_of(word_take(&line), 10, 0, bad)};
    struct eg_span address = word_take(&line);
    if (bytes_of(address, k->exporter.bytes, sizeof k->exporter.bytes, bad) != 16) *bad = true;
    k->port = (uint16_t)number_of(word_take(&line), UINT16_MAX, 0, bad);
    k->domain = (uint32_t)number_of(word_take(&line), UINT32_MAX, 0, bad);
    if (k->version != 9 && k->version != 10) *bad = true;
    if (*bad) return EG_OK;
    l->moment.source = k->version == 9 ? "netflow9" : "ipfix";
    l->datagram.exporter = k->exporter;
    if (eg_span_is(what, "template")) return load_template(l, line, bad);
    if (eg_span_is(what, "fact")) return load_fact(l, line, bad);
    if (eg_span_is(what, "held")) return load_held(l, line, bad);
    *bad = true;
    return EG_OK;
}

enum eg_status eg_book_load(struct eg_book *book, struct eg_span text, struct eg_error *err) {
    struct loading l = {.book = book};
    l.moment.datagram = &l.datagram;
    l.moment.tally = &l.tally;
    size_t number = 1;
    bool bad = text.size < strlen(HEAD) || memcmp(text.at, HEAD, strlen(HEAD)) != 0;
    struct eg_span rest = eg_span_from(text, bad ? text.size : strlen(HEAD));
    enum eg_status status = EG_OK;
    while (!bad && status == EG_OK && rest.size) {
        size_t end = 0;
        while (end < rest.size && eg_u8(rest, end) != '\n') end++;
        number++;
        if (eg_u8(rest, 0) != '#') status = load_line(&l, eg_span_sub(rest, 0, end), &bad);
        rest = eg_span_from(rest, end + 1);
    }
    eg_strbuf_reset(&l.record);
    eg_tally_reset(&l.tally);
    if (status < 0) return eg_fail(err, status, "no memory for saved templates");
    if (!bad) return EG_OK;
    status = eg_fail(err, EG_E_FORMAT, "line %zu of the saved templates cannot be read", number);
    if (err) err->position = (int64_t)number;
    return status;
}
