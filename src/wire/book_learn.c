/* SPDX-License-Identifier: Apache-2.0
 * What learn() writes into the book: templates, facts, and what goes when memory does not suffice. */
#include "wire/book_inside.h"

#include <string.h>

static void count(const struct eg_book_moment *m, enum eg_cause cause, int64_t records) {
    struct eg_blame blame = {m->source, &m->key.exporter, m->key.domain};
    eg_tally_add(m->tally, cause, &blame, m->datagram->time_us, records, 0, 0);
}

static bool has_lists(const struct eg_template *t) {
    for (uint32_t i = 0; i < t->field_count; i++) {
        const struct eg_element *e = t->fields[i].element;
        if (e && e->type >= EG_ELEMENT_basicList && e->type <= EG_ELEMENT_subTemplateMultiList)
            return true;
    }
    return false;
}

static void entry_seen(struct entry *e, const struct eg_book_moment *m) {
    e->last_us = m->datagram->time_us;
    if (e->first_us == INT64_MIN) e->first_us = e->last_us;
}

/* The stream may go with the last of them. */
static uint32_t forget_all(struct eg_book *book, struct stream *s, uint64_t place, bool options) {
    struct ring *all = &s->exporter->entries[KEPT_TEMPLATES];
    uint32_t ended = 0;
    for (struct ring *r = all->next, *next; r != all; r = next) {
        next = r->next;
        bool last = next == all;
        struct entry *e = RING_ITEM(r, struct entry, recent);
        if (e->stream == s && e->newest->template->options == options) {
            ended++;
            book_entry_end(book, e, place);
        }
        if (last) break;
    }
    return ended;
}

/* Without it rows would be wrong, so there are none until it was learned after all: the stream's
 * templates go, which needs no memory, and only come back then. */
void book_unlearned(struct eg_book *book, const struct eg_book_moment *m, enum eg_fact_kind kind,
                    uint64_t key) {
    struct stream *s = book_stream(book, &m->key);
    if (!s) {
        book->short_of_stream = true;
        book->missed = m->key;
        book->missed_id = key;
        return;
    }
    s->short_of = kind;
    s->short_of_key = key;
    forget_all(book, s, m->place, false);
}

static void learned(struct stream *s, enum eg_fact_kind kind, uint64_t key) {
    if (s->short_of == kind && s->short_of_key == key) s->short_of = EG_FACT_TEMPLATE;
}

void eg_book_unlearned(struct eg_book *book, const struct eg_book_moment *m, uint16_t id) {
    pthread_mutex_lock(&book->lock);
    m->tally->lost++;
    book_unlearned(book, m, EG_FACT_KINDS, id);
    pthread_mutex_unlock(&book->lock);
}

void eg_book_learned(struct eg_book *book, const struct eg_book_moment *m, uint16_t id) {
    pthread_mutex_lock(&book->lock);
    struct stream *s = book_stream(book, &m->key);
    if (s) learned(s, EG_FACT_KINDS, id);
    pthread_mutex_unlock(&book->lock);
}

/* What could not be learned: no version stands for it. */
static void count_unlearned(const struct eg_book_moment *m, enum eg_status why) {
    if (why == EG_E_NOMEM)
        m->tally->lost++;
    else
        count(m, EG_CAUSE_template_refused, 1);
}

static void define(struct eg_book *book, const struct eg_book_moment *m, struct eg_template *t) {
    book_age(book, m);
    struct entry *e = book_entry_new(book, m, EG_FACT_TEMPLATE, t->id);
    if (e && !t->options)
        learned(e->stream, EG_FACT_KINDS, t->id); /* it were rows that were missed */
    if (!e || (e->stream->short_of && !t->options)) {
        if (!e && t->options) book_unlearned(book, m, EG_FACT_KINDS, t->id);
        eg_template_free(t);
        m->tally->lost++;
        if (e) book_entry_end(book, e, m->place);
        return;
    }
    struct exporter *x = e->stream->exporter;
    if (!x->known) ring_touch(&book->pool, &x->pool);
    entry_seen(e, m);
    if (entry_in_force(e)) {
        ring_touch(&x->entries[KEPT_TEMPLATES], &e->recent);
        /* what a survey began with may not have been in force yet */
        bool began = book->surveys && e->newest->from < book_row_place(1);
        if (!began && eg_template_same(e->newest->template, t)) {
            eg_template_free(t);
            return;
        }
        e->changes++;
        count(m, EG_CAUSE_template_changed, 1);
    }
    if (has_lists(t)) e->stream->nests = true;
    book_version_replace(book, e, m->place);
    bool options = t->options;
    uint16_t id = t->id;
    enum eg_status status = book_version_add(book, e, m->place, t, (struct eg_fact){0});
    if (status != EG_OK) {
        if (status == EG_E_NOMEM && options) book_unlearned(book, m, EG_FACT_KINDS, id);
        count_unlearned(m, status);
        book_entry_settle(book, e);
        return;
    }
    book_held_ripen(book, e);
    book_enforce(book, m, e);
}

void eg_book_define(struct eg_book *book, const struct eg_book_moment *m, struct eg_template *t) {
    pthread_mutex_lock(&book->lock);
    define(book, m, t);
    pthread_mutex_unlock(&book->lock);
}

bool eg_book_forget(struct eg_book *book, const struct eg_book_moment *m, uint16_t id) {
    pthread_mutex_lock(&book->lock);
    struct entry *e = book_entry(book, book_stream(book, &m->key), EG_FACT_TEMPLATE, id);
    bool there = e && entry_in_force(e);
    if (there) book_entry_end(book, e, m->place);
    pthread_mutex_unlock(&book->lock);
    return there;
}

uint32_t eg_book_forget_all(struct eg_book *book, const struct eg_book_moment *m, bool options) {
    pthread_mutex_lock(&book->lock);
    struct stream *s = book_stream(book, &m->key);
    uint32_t ended = s ? forget_all(book, s, m->place, options) : 0;
    pthread_mutex_unlock(&book->lock);
    return ended;
}

/* Where what was used of that stream and id is kept. */
static struct used *used_slot(struct eg_book *book, const struct eg_book_key *key, uint16_t id) {
    struct eg_span address = eg_span(key->exporter.bytes, sizeof key->exporter.bytes);
    uint64_t mixed = (eg_be64(address, 0) ^ eg_be64(address, 8) ^ (uint64_t)id << 48 ^
                      (uint64_t)key->domain << 16 ^ key->port) *
                     UINT64_C(0x9e3779b97f4a7c15);
    return &book->used[mixed >> 56];
}
_Static_assert(USED_SLOTS == 256, "eight bits of the mixed number");

const struct eg_template *eg_book_use(struct eg_book *book, const struct eg_book_moment *m,
                                      uint16_t id) {
    const struct eg_template *found = NULL;
    struct used *slot = used_slot(book, &m->key, id);
    if (slot->entry && slot->uses == book->uses && slot->id == id &&
        memcmp(&slot->key, &m->key, sizeof m->key) == 0) {
        struct entry *used = slot->entry;
        struct exporter *of = used->stream->exporter;
        if (of->known) {
            book_heard(book, of, m->datagram->time_us);
            ring_touch(&of->entries[KEPT_TEMPLATES], &used->recent);
            return used->newest->template;
        }
    }
    pthread_mutex_lock(&book->lock);
    struct entry *e = book_entry(book, book_stream(book, &m->key), EG_FACT_TEMPLATE, id);
    if (e && entry_in_force(e)) {
        struct exporter *x = e->stream->exporter;
        ring_touch(&x->entries[KEPT_TEMPLATES], &e->recent);
        if (!x->known) book_trust(book, x);
        if (x->known) book_heard(book, x, m->datagram->time_us);
        e->newest->used = true;
        found = e->newest->template;
        *slot = (struct used){m->key, id, e, book->uses};
    }
    pthread_mutex_unlock(&book->lock);
    return found;
}

static void learn_fact(struct eg_book *book, const struct eg_book_moment *m, enum eg_fact_kind kind,
                       uint64_t key, struct eg_fact fact) {
    struct entry *e = book_entry_new(book, m, kind, key);
    if (!e) {
        book_unlearned(book, m, kind, key);
        m->tally->lost++;
        return;
    }
    struct stream *s = e->stream;
    entry_seen(e, m);
    if (entry_in_force(e)) {
        const struct eg_book_version *v = e->newest;
        ring_touch(&s->exporter->entries[KEPT_FACTS], &e->recent);
        if (v->number == fact.number && v->text_size == fact.text.size &&
            (!v->text_size || memcmp(v->text, fact.text.at, v->text_size) == 0))
            return;
    }
    atomic_fetch_add_explicit(&book->changes, 1, memory_order_release);
    atomic_fetch_or_explicit(&book->kinds, 1u << kind, memory_order_release);
    book_version_replace(book, e, m->place);
    enum eg_status status = book_version_add(book, e, m->place, NULL, fact);
    if (status == EG_OK) {
        learned(s, kind, key);
        book_enforce(book, m, e);
        return;
    }
    if (status == EG_E_NOMEM) book_unlearned(book, m, kind, key);
    count_unlearned(m, status);
    book_entry_settle(book, e);
}

void eg_book_learn(struct eg_book *book, const struct eg_book_moment *m, enum eg_fact_kind kind,
                   uint64_t key, struct eg_fact fact) {
    if (fact.text.size > EG_FACT_TEXT_MAX) fact.text.size = EG_FACT_TEXT_MAX;
    pthread_mutex_lock(&book->lock);
    learn_fact(book, m, kind, key, fact);
    pthread_mutex_unlock(&book->lock);
}
