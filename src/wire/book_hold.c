/* SPDX-License-Identifier: Apache-2.0
 * Data that came before its template: held, within bounds, and given back when it comes. */
#include "wire/book_inside.h"

#include "base/alloc.h"

void book_held_unlink(struct eg_book *book, struct held *h) {
    if (h->entry) {
        struct exporter *x = h->entry->stream->exporter;
        x->held_bytes -= h->cost;
        book->held_bytes[h->trusted] -= h->cost;
    }
    ring_remove(&h->of_entry);
    ring_remove(&h->of_exporter);
    ring_remove(&h->of_all);
}

void book_held_free(struct held *h) {
    eg_free(h->piece.memory);
    eg_free(h);
}

void book_held_count(const struct held *h, enum eg_cause cause, int64_t time_us,
                     struct eg_tally *tally) {
    struct eg_blame blame = {h->piece.source, &h->piece.datagram.exporter, h->key.domain};
    eg_tally_add(tally, cause, &blame, time_us, 1, 0, h->bytes);
}

void book_held_drop(struct eg_book *book, struct held *h, struct eg_tally *tally) {
    struct entry *e = h->entry;
    book_held_unlink(book, h);
    h->entry = NULL;
    if (book->spills) {
        ring_append(&book->spilled, &h->of_all);
    } else {
        book_held_count(h, EG_CAUSE_template_missing, h->piece.datagram.time_us, tally);
        book_held_free(h);
    }
    if (e) book_entry_settle(book, e);
}

void book_held_ripen(struct eg_book *book, struct entry *e) {
    while (!ring_empty(&e->held)) {
        struct held *h = RING_ITEM(e->held.next, struct held, of_entry);
        book_held_unlink(book, h);
        h->entry = NULL;
        ring_append(&book->ripe[e->newest->template->options], &h->of_all);
    }
}

/* The set as a datagram of its own; NULL: no memory. */
static struct held *held_new(const struct eg_book_moment *m, uint16_t id, struct eg_span header,
                             struct eg_span set) {
    struct held *h = eg_calloc(1, sizeof *h);
    uint8_t *memory = h ? eg_malloc(header.size + set.size) : NULL;
    if (!memory) {
        eg_free(h);
        return NULL;
    }
    eg_span_copy(header, 0, memory, header.size);
    eg_span_copy(set, 0, memory + header.size, set.size);
    h->piece = (struct eg_released){m->source, *m->datagram, memory, false};
    h->piece.datagram.payload = eg_span(memory, header.size + set.size);
    h->piece.datagram.length = (uint32_t)(header.size + set.size);
    h->key = m->key;
    h->id = id;
    h->after = book_row_place(m->datagram->row) | (m->place & 0xffff);
    ring_init(&h->of_entry);
    ring_init(&h->of_exporter);
    ring_init(&h->of_all);
    h->bytes = (uint32_t)(header.size + set.size);
    h->cost = h->bytes + (uint32_t)(sizeof *h + sizeof(struct entry));
    return h;
}

static bool too_old(const struct eg_book *book, const struct eg_book_moment *m,
                    const struct held *h) {
    int64_t now = m->datagram->time_us, then = h->piece.datagram.time_us;
    return now != INT64_MIN && then != INT64_MIN && now - then > book->limits.held_us;
}

/* The oldest goes, of the exporter first. False: there is no room at all. */
static bool make_room(struct eg_book *book, const struct eg_book_moment *m, struct exporter *x,
                      uint32_t bytes) {
    struct ring *all = &book->held[x->known];
    uint64_t of_all = book->limits.held_bytes / 4 * (x->known ? 3 : 1);
    if (bytes > book->limits.exporter_held_bytes || bytes > of_all) return false;
    while (!ring_empty(&x->held)) {
        struct held *oldest = RING_ITEM(x->held.next, struct held, of_exporter);
        if (x->held_bytes + bytes <= book->limits.exporter_held_bytes && !too_old(book, m, oldest))
            break;
        book_held_drop(book, oldest, m->tally);
    }
    while (book->held_bytes[x->known] + bytes > of_all && !ring_empty(all))
        book_held_drop(book, RING_ITEM(all->next, struct held, of_all), m->tally);
    return true;
}

void book_held_add(struct eg_book *book, const struct eg_book_moment *m, struct held *h) {
    struct entry *e = book_entry_new(book, m, EG_FACT_TEMPLATE, h->id);
    if (!e || e->stream->short_of) {
        if (!e) book_unlearned(book, m, EG_FACT_KINDS, h->id); /* it may have been of options */
        m->tally->lost++;
        book_held_free(h);
        if (e) book_entry_settle(book, e);
        return;
    }
    struct exporter *x = e->stream->exporter;
    if (!x->known) ring_touch(&book->pool, &x->pool);
    /* Linked first, so that making room does not free what it hangs on. */
    h->entry = e;
    ring_append(&e->held, &h->of_entry);
    bool room = make_room(book, m, x, h->cost);
    h->trusted = x->known;
    x->held_bytes += h->cost;
    book->held_bytes[h->trusted] += h->cost;
    ring_append(&x->held, &h->of_exporter);
    ring_append(&book->held[h->trusted], &h->of_all);
    if (!room) {
        book_held_drop(book, h, m->tally);
        return;
    }
    book_enforce(book, m, e);
}

void eg_book_hold(struct eg_book *book, const struct eg_book_moment *m, uint16_t id,
                  struct eg_span header, struct eg_span set) {
    struct held *h = held_new(m, id, header, set);
    pthread_mutex_lock(&book->lock);
    if (h && book->ahead) {
        book_held_settle(book, h, m->tally);
    } else if (h) {
        book_held_add(book, m, h);
    } else {
        book_unlearned(book, m, EG_FACT_KINDS, id);
        m->tally->lost++;
    }
    pthread_mutex_unlock(&book->lock);
}

/* What is of options first: the others are decoded with what they say. */
bool eg_book_ripe(struct eg_book *book, struct eg_datagram *out) {
    pthread_mutex_lock(&book->lock);
    struct ring *ripe = &book->ripe[!ring_empty(&book->ripe[1])];
    bool there = !ring_empty(ripe);
    if (there) {
        struct held *h = RING_ITEM(ripe->next, struct held, of_all);
        /* of a survey they stay in their row */
        if (!book->surveys || (book_at(book) & 0xffff) < 0xffff)
            book_at_set(book, book_at(book) + 1);
        h->piece.datagram.at = book_at(book);
        ring_remove(&h->of_all);
        ring_append(&book->released, &h->of_all);
        *out = h->piece.datagram;
    }
    pthread_mutex_unlock(&book->lock);
    return there;
}

bool eg_book_release(struct eg_book *book, struct eg_released *out) {
    pthread_mutex_lock(&book->lock);
    bool there = !ring_empty(&book->released);
    if (there) {
        struct held *h = RING_ITEM(book->released.next, struct held, of_all);
        ring_remove(&h->of_all);
        *out = h->piece;
        eg_free(h);
    }
    pthread_mutex_unlock(&book->lock);
    return there;
}

void eg_book_drain(struct eg_book *book, struct eg_tally *tally) {
    pthread_mutex_lock(&book->lock);
    book->spills = false; /* nothing comes any more */
    for (int known = 0; known < 2; known++)
        while (!ring_empty(&book->held[known]))
            book_held_drop(book, RING_ITEM(book->held[known].next, struct held, of_all), tally);
    pthread_mutex_unlock(&book->lock);
}

void book_held_free_all(struct eg_book *book) {
    struct ring *const rings[] = {&book->held[0], &book->held[1],  &book->ripe[0],
                                  &book->ripe[1], &book->released, &book->spilled};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        while (!ring_empty(rings[i])) {
            struct held *h = RING_ITEM(rings[i]->next, struct held, of_all);
            book_held_unlink(book, h);
            book_held_free(h);
        }
}
