/* SPDX-License-Identifier: Apache-2.0
 * Who may keep how much in the book: no exporter can make another one forget.
 *
 * Exporters whose data was read with their templates are known. Each has its quota, and loses its
 * own least recently used entry beyond it. The others share a pool; beyond its limit the one that
 * was silent longest is forgotten whole, so that a flood of new senders only drowns new senders. */
#include "wire/book_inside.h"

#include "base/alloc.h"

static uint64_t bytes_of(const struct exporter *x) {
    return x->bytes[KEPT_TEMPLATES] + x->bytes[KEPT_FACTS];
}

void book_charge(struct eg_book *book, struct exporter *x, enum kept kept, int64_t bytes) {
    x->bytes[kept] += (uint64_t)bytes;
    uint64_t *sum = x->known ? &book->known_bytes : &book->unknown_bytes;
    *sum += (uint64_t)bytes;
}

void book_trust(struct eg_book *book, struct exporter *x) {
    if (x->known || book->known_bytes + bytes_of(x) > book->limits.known_bytes) return;
    book->unknown_bytes -= bytes_of(x);
    book->known_bytes += bytes_of(x);
    x->known = true;
    book->known_count++;
    ring_remove(&x->pool);
    ring_append(&book->known, &x->pool);
}

static void count(const struct eg_book_moment *m, const struct stream *s, enum eg_cause cause) {
    struct eg_blame blame = {s->source, &s->key.exporter, s->key.domain};
    eg_tally_add(m->tally, cause, &blame, m->datagram->time_us, 1, 0, 0);
}

/* The entry goes, and all that waits for it. */
static void evict(struct eg_book *book, const struct eg_book_moment *m, struct entry *e) {
    if (e->kind == EG_FACT_TEMPLATE)
        count(m, e->stream, EG_CAUSE_template_refused);
    else
        atomic_fetch_add_explicit(&book->changes, 1, memory_order_release);
    book_entry_end(book, e, m->place);
}

/* The exporter's least recently used entry of that kind; false: it has none to give. */
static bool evict_one(struct eg_book *book, const struct eg_book_moment *m, struct exporter *x,
                      enum kept kept) {
    if (ring_empty(&x->entries[kept])) return false;
    evict(book, m, RING_ITEM(x->entries[kept].next, struct entry, recent));
    return true;
}

static void evict_exporter(struct eg_book *book, const struct eg_book_moment *m,
                           struct exporter *x) {
    x->streams++; /* stays until all of it is gone */
    while (!ring_empty(&x->held))
        book_held_drop(book, RING_ITEM(x->held.next, struct held, of_exporter), m->tally);
    while (evict_one(book, m, x, KEPT_TEMPLATES) || evict_one(book, m, x, KEPT_FACTS)) {
    }
    ring_remove(&x->pool);
    if (--x->streams) return; /* versions that are still asked for point to it */
    table_remove(&book->exporters, &x->node);
    eg_free(x);
}

/* Its templates and facts end; it may come again as a stranger. */
static void forget(struct eg_book *book, const struct eg_book_moment *m, struct exporter *x) {
    x->streams++; /* stays until all of it is gone */
    while (!ring_empty(&x->held))
        book_held_drop(book, RING_ITEM(x->held.next, struct held, of_exporter), m->tally);
    for (int kept = 0; kept < KEPT_KINDS; kept++)
        while (!ring_empty(&x->entries[kept])) {
            atomic_fetch_add_explicit(&book->changes, 1, memory_order_release);
            book_entry_end(book, RING_ITEM(x->entries[kept].next, struct entry, recent), m->place);
        }
    x->known = false;
    book->known_count--;
    ring_remove(&x->pool);
    ring_append(&book->pool, &x->pool);
    if (--x->streams) return; /* versions that are still asked for point to it */
    ring_remove(&x->pool);
    table_remove(&book->exporters, &x->node);
    eg_free(x);
}

void book_age(struct eg_book *book, const struct eg_book_moment *m) {
    int64_t now = m->datagram->time_us, limit = book->limits.silent_us;
    while (limit && now != INT64_MIN && !ring_empty(&book->known)) {
        struct exporter *x = RING_ITEM(book->known.next, struct exporter, pool);
        bool old = x->last_us != INT64_MIN && now - limit > x->last_us;
        if (!old) return;
        forget(book, m, x);
    }
}

void book_enforce(struct eg_book *book, const struct eg_book_moment *m, struct entry *newest) {
    struct exporter *x = newest->stream->exporter;
    const struct eg_book_limits *l = &book->limits;
    bool own = kept_as(newest->kind) == KEPT_TEMPLATES;
    x->streams++; /* stays while we look at it */
    while (own && (x->templates > l->exporter_templates ||
                   x->bytes[KEPT_TEMPLATES] > l->exporter_template_bytes))
        if (!evict_one(book, m, x, KEPT_TEMPLATES)) break;
    while (!own && x->bytes[KEPT_FACTS] > l->exporter_fact_bytes)
        if (!evict_one(book, m, x, KEPT_FACTS)) break;
    while (x->known && book->known_bytes > l->known_bytes)
        if (!evict_one(book, m, x, own ? KEPT_TEMPLATES : KEPT_FACTS)) break;
    while (book->unknown_bytes > l->unknown_bytes && !ring_empty(&book->pool)) {
        struct exporter *silent = RING_ITEM(book->pool.next, struct exporter, pool);
        evict_exporter(book, m, silent);
    }
    if (--x->streams) return;
    book->known_count -= x->known;
    ring_remove(&x->pool);
    table_remove(&book->exporters, &x->node);
    eg_free(x);
}
