/* SPDX-License-Identifier: Apache-2.0
 * Looking ahead: data whose template comes so late that it cannot be held is decoded with a survey's
 * book, as of the row that brings the template. */
#include "wire/book_inside.h"

bool eg_book_surveys(const struct eg_book *book) { return book->surveys; }

uint64_t eg_book_row(struct eg_book *book, uint64_t row) {
    book_at_set(book, book_row_place(row) >> 16);
    return book_row_place(row) >> 16;
}

enum eg_status eg_book_survey(struct eg_book *book, struct eg_book *from, bool holds,
                              struct eg_error *err) {
    struct eg_strbuf text = {0};
    book->limits = from->limits;
    if (!holds) book->limits.held_bytes = 0;
    book->surveys = true;
    eg_book_enter(book, &book->kept); /* and nobody ever leaves: what was in force stays */
    EG_TRY(eg_book_ports(book, from->apart, from->apart_count, err));
    EG_TRY(eg_book_rules(book, from->rules, from->rule_count, err));
    eg_book_save(from, &text);
    enum eg_status status = text.failed ? eg_fail(err, EG_E_NOMEM, "no memory for templates")
                                        : eg_book_load(book, eg_span(text.text, text.size), err);
    eg_strbuf_reset(&text);
    return status;
}

void eg_book_look_ahead(struct eg_book *book, bool spills, struct eg_book *ahead) {
    pthread_mutex_lock(&book->lock);
    if (ahead && !book->ahead) { /* what waits already need not, but for options */
        for (int known = 0; known < 2; known++)
            while (!ring_empty(&book->held[known]))
                book_held_drop(book, RING_ITEM(book->held[known].next, struct held, of_all), NULL);
    }
    book->spills = spills;
    book->ahead = ahead;
    pthread_mutex_unlock(&book->lock);
}

bool eg_book_spilled(const struct eg_book *book) { return !ring_empty(&book->spilled); }

static const struct eg_book_version *in_force(const struct entry *e, uint64_t place) {
    const struct eg_book_version *v = e->newest;
    while (v && v->from > place) v = v->older;
    return v && atomic_load_explicit(&v->until, memory_order_relaxed) > place ? v : NULL;
}

/* The template that comes next for the set, and the place behind the row that brings it; NULL: none
 * comes, or it is gone again behind that row. */
static const struct eg_template *next_template(struct eg_book *ahead, const struct held *h,
                                               uint64_t *at) {
    const struct eg_template *found = NULL;
    pthread_mutex_lock(&ahead->lock);
    const struct entry *e = book_entry(ahead, book_stream(ahead, &h->key), EG_FACT_TEMPLATE, h->id);
    const struct eg_book_version *next = NULL;
    for (const struct eg_book_version *v = e ? e->newest : NULL; v && v->from > h->after;
         v = v->older)
        next = v;
    if (next) {
        uint64_t row_end = next->from | UINT32_MAX;
        *at = row_end >> 16;
        next = in_force(e, row_end);
    }
    if (next) found = next->template;
    pthread_mutex_unlock(&ahead->lock);
    return found;
}

/* Where it is put aside again it was put aside for good. */
static void hold_again(struct eg_book *book, struct held *h, struct eg_tally *tally) {
    struct eg_book_moment m = {h->key, h->piece.source, book_at(book) << 16 | 0xffff,
                               &h->piece.datagram, tally};
    h->again = true;
    book_held_add(book, &m, h);
}

void book_held_settle(struct eg_book *book, struct held *h, struct eg_tally *tally) {
    uint64_t at = 0;
    const struct eg_template *t = book->ahead ? next_template(book->ahead, h, &at) : NULL;
    if (t && t->options && !h->again) {
        hold_again(book, h, tally);
        return;
    }
    if (t && !t->options) {
        h->piece.datagram.at = at;
        h->piece.ahead = true;
        ring_append(&book->released, &h->of_all);
        book_held_count(h, EG_CAUSE_template_awaited, h->piece.datagram.time_us, tally);
        return;
    }
    book_held_count(h, EG_CAUSE_template_missing, h->piece.datagram.time_us, tally);
    book_held_free(h);
}

void eg_book_spilled_settle(struct eg_book *book, struct eg_tally *tally) {
    pthread_mutex_lock(&book->lock);
    while (!ring_empty(&book->spilled)) {
        struct held *h = RING_ITEM(book->spilled.next, struct held, of_all);
        ring_remove(&h->of_all);
        book_held_settle(book, h, tally);
    }
    pthread_mutex_unlock(&book->lock);
}

void eg_book_credit(struct eg_book *book, struct eg_book *ahead) {
    pthread_mutex_lock(&book->lock);
    pthread_mutex_lock(&ahead->lock);
    for (uint32_t i = 0; ahead->entries.slots && i <= ahead->entries.mask; i++)
        for (struct node *n = ahead->entries.slots[i]; n; n = n->chain) {
            struct entry *from = (struct entry *)(void *)n;
            uint64_t records = atomic_exchange(&from->records, 0);
            struct entry *to = records ? book_entry(book, book_stream(book, &from->stream->key),
                                                    from->kind, from->key)
                                       : NULL;
            if (to) atomic_fetch_add(&to->records, records);
        }
    pthread_mutex_unlock(&ahead->lock);
    pthread_mutex_unlock(&book->lock);
}
