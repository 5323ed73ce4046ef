/* SPDX-License-Identifier: Apache-2.0
 * The book: entries and their versions, found by place. */
#include "wire/book_inside.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

/* What a stream takes, and its share of the exporter, while anything of it is in force. */
static const int64_t STREAM_BYTES = sizeof(struct stream) + sizeof(struct exporter);
enum { SLOTS_FIRST = 64, VERSIONS_MAX = 65536 /* of one entry, waiting to be freed */ };

const struct eg_book_limits eg_book_limits_usual = {
    .exporter_templates = 512,
    .exporter_template_bytes = 256 << 10,
    .exporter_fact_bytes = 1 << 20,
    .known_bytes = UINT64_C(256) << 20,
    .unknown_bytes = 16 << 20,
    .exporter_held_bytes = 1 << 20,
    .held_bytes = 64 << 20,
    .held_us = INT64_C(600) * 1000000,
    .retired_bytes = 192 << 20,
};

/* ---- tables ---- */

bool table_reserve(struct table *t) {
    if (t->slots && t->count <= t->mask) return true;
    uint32_t size = t->slots ? (t->mask + 1) * 2 : SLOTS_FIRST;
    struct node **slots = eg_calloc(size, sizeof *slots);
    if (!slots) return t->slots; /* longer chains do as well */
    for (uint32_t i = 0; t->slots && i <= t->mask; i++) {
        for (struct node *n = t->slots[i], *next; n; n = next) {
            next = n->chain;
            n->chain = slots[n->hash & (size - 1)];
            slots[n->hash & (size - 1)] = n;
        }
    }
    eg_free(t->slots);
    t->slots = slots;
    t->mask = size - 1;
    return true;
}

void table_add(struct table *t, struct node *n) {
    n->chain = t->slots[n->hash & t->mask];
    t->slots[n->hash & t->mask] = n;
    t->count++;
}

void table_remove(struct table *t, struct node *n) {
    struct node **at = &t->slots[n->hash & t->mask];
    while (*at != n) at = &(*at)->chain;
    *at = n->chain;
    t->count--;
}

/* ---- finding and making ---- */

static uint64_t stream_hash(const struct eg_book_key *key) {
    return eg_hash64(key, sizeof *key, 0);
}
_Static_assert(sizeof(struct eg_book_key) == 24, "no padding is hashed");

static uint64_t exporter_hash(const struct eg_book_key *key) {
    return eg_hash64(&key->exporter, sizeof key->exporter, key->port);
}

static uint64_t entry_hash(const struct stream *s, enum eg_fact_kind kind, uint64_t key) {
    uint64_t words[2] = {s->node.hash, key};
    return eg_hash64(words, sizeof words, kind);
}

struct stream *book_stream(const struct eg_book *book, const struct eg_book_key *key) {
    uint64_t hash = stream_hash(key);
    for (struct node *n = table_first(&book->streams, hash); n; n = n->chain) {
        struct stream *s = (struct stream *)(void *)n;
        if (n->hash == hash && memcmp(&s->key, key, sizeof *key) == 0) return s;
    }
    return NULL;
}

struct entry *book_entry(const struct eg_book *book, const struct stream *s, enum eg_fact_kind kind,
                         uint64_t key) {
    if (!s) return NULL;
    uint64_t hash = entry_hash(s, kind, key);
    for (struct node *n = table_first(&book->entries, hash); n; n = n->chain) {
        struct entry *e = (struct entry *)(void *)n;
        if (n->hash == hash && e->stream == s && e->kind == kind && e->key == key) return e;
    }
    return NULL;
}

static struct exporter *exporter_find(const struct eg_book *book, const struct eg_book_key *key) {
    uint64_t hash = exporter_hash(key);
    for (struct node *n = table_first(&book->exporters, hash); n; n = n->chain) {
        struct exporter *x = (struct exporter *)(void *)n;
        if (n->hash == hash && x->port == key->port &&
            memcmp(&x->address, &key->exporter, sizeof key->exporter) == 0)
            return x;
    }
    return NULL;
}

static struct exporter *exporter_new(struct eg_book *book, const struct eg_book_key *key) {
    struct exporter *x = exporter_find(book, key);
    if (x) return x;
    if (!table_reserve(&book->exporters)) return NULL;
    x = eg_calloc(1, sizeof *x);
    if (!x) return NULL;
    x->node.hash = exporter_hash(key);
    x->address = key->exporter;
    x->port = key->port;
    x->last_us = INT64_MIN;
    ring_append(&book->pool, &x->pool);
    for (int i = 0; i < KEPT_KINDS; i++) ring_init(&x->entries[i]);
    ring_init(&x->held);
    table_add(&book->exporters, &x->node);
    return x;
}

static void exporter_settle(struct eg_book *book, struct exporter *x) {
    if (x->streams) return;
    book->known_count -= x->known;
    ring_remove(&x->pool);
    table_remove(&book->exporters, &x->node);
    eg_free(x);
}

static void stream_settle(struct eg_book *book, struct stream *s) {
    if (s->entries) return;
    struct exporter *x = s->exporter;
    table_remove(&book->streams, &s->node);
    eg_free(s);
    x->streams--;
    exporter_settle(book, x);
}

static struct stream *stream_new(struct eg_book *book, const struct eg_book_moment *m) {
    struct stream *s = book_stream(book, &m->key);
    if (s) return s;
    struct exporter *x = exporter_new(book, &m->key);
    if (!x) return NULL;
    s = table_reserve(&book->streams) ? eg_calloc(1, sizeof *s) : NULL;
    if (!s) {
        exporter_settle(book, x);
        return NULL;
    }
    *s = (struct stream){
        .node.hash = stream_hash(&m->key), .key = m->key, .source = m->source, .exporter = x};
    if (book->short_of_stream && memcmp(&book->missed, &m->key, sizeof m->key) == 0) {
        book->short_of_stream = false;
        s->short_of = EG_FACT_KINDS;
        s->short_of_key = book->missed_id;
    }
    x->streams++;
    table_add(&book->streams, &s->node);
    return s;
}

struct entry *book_entry_new(struct eg_book *book, const struct eg_book_moment *m,
                             enum eg_fact_kind kind, uint64_t key) {
    struct stream *s = stream_new(book, m);
    struct entry *e = book_entry(book, s, kind, key);
    if (e || !s) return e;
    e = table_reserve(&book->entries) ? eg_calloc(1, sizeof *e) : NULL;
    if (!e) {
        stream_settle(book, s);
        return NULL;
    }
    e->node.hash = entry_hash(s, kind, key);
    e->stream = s;
    e->kind = kind;
    e->key = key;
    e->first_us = e->last_us = INT64_MIN;
    ring_init(&e->recent);
    ring_init(&e->held);
    atomic_init(&e->records, 0);
    s->entries++;
    table_add(&book->entries, &e->node);
    return e;
}

void book_entry_settle(struct eg_book *book, struct entry *e) {
    if (e->newest || !ring_empty(&e->held)) return;
    struct stream *s = e->stream;
    ring_remove(&e->recent);
    table_remove(&book->entries, &e->node);
    eg_free(e);
    s->entries--;
    stream_settle(book, s);
}

/* ---- versions ---- */

static void version_free(struct eg_book_version *v) {
    eg_template_free(v->template);
    eg_free(v);
}

/* Out of its entry, which may go with it. */
static void version_remove(struct eg_book *book, struct eg_book_version *v) {
    struct entry *e = v->entry;
    if (v->newer)
        v->newer->older = v->older;
    else
        e->newest = v->older;
    if (v->older) v->older->newer = v->newer;
    e->version_count--;
    version_free(v);
    book_entry_settle(book, e);
}

/* Without freeing the entry. */
static void version_end(struct eg_book *book, struct entry *e, uint64_t place) {
    struct eg_book_version *v = e->newest;
    if (!entry_in_force(e)) return;
    struct exporter *x = e->stream->exporter;
    if (e->kind == EG_FACT_TEMPLATE) {
        book->uses++;
        x->templates--;
        book->template_count--;
    }
    ring_remove(&e->recent);
    book_charge(book, x, kept_as(e->kind), -(int64_t)v->bytes);
    if (--e->stream->in_force == 0) book_charge(book, x, KEPT_TEMPLATES, -STREAM_BYTES);
    atomic_store_explicit(&v->until, place, memory_order_release);
    book->retired_bytes += v->bytes;
    ring_append(&book->retired, &v->retired);
}

/* Frees ended versions that nobody can ask for. */
static void versions_free(struct eg_book *book) {
    uint64_t at = ring_empty(&book->retired)         ? 0
                  : book->stays.next != &book->stays ? book->stays.next->at
                                                     : book_at(book) + 1;
    while (!ring_empty(&book->retired)) {
        struct eg_book_version *v = RING_ITEM(book->retired.next, struct eg_book_version, retired);
        if (atomic_load_explicit(&v->until, memory_order_relaxed) > at << 16) break;
        ring_remove(&v->retired);
        book->retired_bytes -= v->bytes;
        version_remove(book, v);
    }
}

/* Ends the version in force; one that nobody used goes at once. */
void book_version_replace(struct eg_book *book, struct entry *e, uint64_t place) {
    struct eg_book_version *v = e->newest;
    if (!entry_in_force(e)) return;
    version_end(book, e, place);
    if (v->used) return;
    ring_remove(&v->retired);
    book->retired_bytes -= v->bytes;
    e->newest = v->older;
    if (v->older) v->older->newer = NULL;
    e->version_count--;
    version_free(v);
}

void book_entry_end(struct eg_book *book, struct entry *e, uint64_t place) {
    book_version_replace(book, e, place);
    book_entry_settle(book, e);
}

/* Puts a version in force; takes `t`. EG_END: too many wait already. */
enum eg_status book_version_add(struct eg_book *book, struct entry *e, uint64_t place,
                                struct eg_template *t, struct eg_fact fact) {
    struct eg_book_version *v = NULL;
    uint32_t bytes = (uint32_t)(sizeof *e + sizeof *v + fact.text.size + (t ? t->bytes : 0));
    bool room = !book->full && e->version_count < VERSIONS_MAX &&
                book->retired_bytes + bytes <= book->limits.retired_bytes;
    if (room) v = eg_calloc(1, sizeof *v + fact.text.size + 1);
    if (!v) {
        book->full = book->surveys; /* what came later would pass for what comes next */
        eg_template_free(t);
        return room ? EG_E_NOMEM : EG_END;
    }
    v->from = place;
    atomic_init(&v->until, FOREVER);
    v->entry = e;
    v->older = e->newest;
    v->bytes = bytes;
    v->template = t;
    v->used = !t || e->stream->nests || book->surveys;
    v->number = fact.number;
    v->text_size = (uint32_t)fact.text.size;
    if (fact.text.size) eg_span_copy(fact.text, 0, v->text, fact.text.size);
    ring_init(&v->retired);
    if (e->newest) e->newest->newer = v;
    e->newest = v;
    e->version_count++;
    struct exporter *x = e->stream->exporter;
    ring_append(&x->entries[kept_as(e->kind)], &e->recent);
    book_charge(book, x, kept_as(e->kind), v->bytes);
    if (e->stream->in_force++ == 0) book_charge(book, x, KEPT_TEMPLATES, STREAM_BYTES);
    if (t) {
        book->uses++;
        x->templates++;
        book->template_count++;
    }
    return EG_OK;
}

/* ---- reading ---- */

const struct eg_book_version *eg_book_find(struct eg_book *book, const struct eg_book_key *key,
                                           enum eg_fact_kind kind, uint64_t of, uint64_t place,
                                           uint64_t *until) {
    *until = FOREVER;
    pthread_mutex_lock(&book->lock);
    struct entry *e = book_entry(book, book_stream(book, key), kind, of);
    struct eg_book_version *v = e ? e->newest : NULL;
    for (; v && v->from > place; v = v->older) *until = v->from;
    if (v && atomic_load_explicit(&v->until, memory_order_relaxed) <= place) v = NULL;
    if (v) v->used = true;
    pthread_mutex_unlock(&book->lock);
    return v;
}

bool eg_book_holds(const struct eg_book_version *v, uint64_t place) {
    return v->from <= place && place < atomic_load_explicit(&v->until, memory_order_acquire);
}

const struct eg_template *eg_book_template(const struct eg_book_version *v) { return v->template; }

struct eg_fact eg_book_fact(const struct eg_book_version *v) {
    return (struct eg_fact){v->number, eg_span(v->text, v->text_size)};
}

void eg_book_decoded(const struct eg_book_version *v, uint64_t records) {
    atomic_fetch_add_explicit(&v->entry->records, records, memory_order_relaxed);
}

uint64_t eg_book_changes(const struct eg_book *book) {
    return atomic_load_explicit(&book->changes, memory_order_acquire);
}

bool eg_book_has(const struct eg_book *book, enum eg_fact_kind kind) {
    return atomic_load_explicit(&book->kinds, memory_order_acquire) >> kind & 1;
}

uint64_t eg_book_bytes_key(struct eg_span value) {
    uint64_t number = 0;
    if (value.size > 7) return eg_hash64(value.at, value.size, value.size) | UINT64_C(1) << 63;
    for (size_t i = 0; i < value.size; i++) number = number << 8 | eg_u8(value, i);
    return number | (uint64_t)value.size << 56;
}

/* What the user wrote of an exporter: its address, or all zero for any. */
static bool is_meant(const struct eg_addr *meant, const struct eg_addr *exporter) {
    static const struct eg_addr any = {{0}};
    return memcmp(meant, &any, sizeof any) == 0 || memcmp(meant, exporter, sizeof *exporter) == 0;
}

uint16_t eg_book_port(const struct eg_book *book, const struct eg_datagram *d) {
    bool apart = d->transport == 6;
    for (size_t i = 0; i < book->apart_count && !apart; i++)
        apart = is_meant(&book->apart[i], &d->exporter);
    return apart ? d->exporter_port : 0;
}

struct eg_book_key eg_book_key(const struct eg_book *book, const struct eg_datagram *d,
                               uint16_t version, uint32_t domain) {
    return (struct eg_book_key){d->exporter, domain, eg_book_port(book, d), version};
}

int64_t eg_book_rule_rate(const struct eg_book *book, const struct eg_addr *exporter,
                          int64_t in_if) {
    for (size_t i = 0; i < book->rule_count; i++) {
        const struct eg_book_rule *r = &book->rules[i];
        if (!is_meant(&r->exporter, exporter)) continue;
        if (r->interface < 0 || r->interface == in_if) return r->rate;
    }
    return 0;
}

bool eg_book_has_rules(const struct eg_book *book) { return book->rule_count > 0; }

/* ---- places, opening and closing ---- */

uint64_t eg_book_next(struct eg_book *book) {
    book_at_set(book, book_at(book) + 1);
    return book_at(book);
}

void eg_book_enter(struct eg_book *book, struct eg_book_stay *stay) {
    pthread_mutex_lock(&book->lock);
    *stay = (struct eg_book_stay){book_at(book) + 1, &book->stays, book->stays.before};
    book->stays.before->next = stay;
    book->stays.before = stay;
    pthread_mutex_unlock(&book->lock);
}

void eg_book_leave(struct eg_book *book, struct eg_book_stay *stay) {
    pthread_mutex_lock(&book->lock);
    if (stay->next) { /* its neighbours may be leaving too */
        stay->next->before = stay->before;
        stay->before->next = stay->next;
        stay->next = stay->before = NULL;
        versions_free(book);
    }
    pthread_mutex_unlock(&book->lock);
}

enum eg_status eg_book_new(struct eg_book **out, struct eg_error *err) {
    struct eg_book *book = eg_calloc(1, sizeof *book);
    if (!book) return eg_fail(err, EG_E_NOMEM, "no memory for templates");
    pthread_mutex_init(&book->lock, NULL);
    book->limits = eg_book_limits_usual;
    book->stays.next = book->stays.before = &book->stays;
    ring_init(&book->pool);
    ring_init(&book->known);
    ring_init(&book->retired);
    ring_init(&book->held[0]);
    ring_init(&book->held[1]);
    ring_init(&book->ripe[0]);
    ring_init(&book->ripe[1]);
    ring_init(&book->spilled);
    ring_init(&book->released);
    atomic_init(&book->at, 0);
    atomic_init(&book->changes, 0);
    atomic_init(&book->kinds, 0);
    *out = book;
    return EG_OK;
}

void eg_book_limit(struct eg_book *book, const struct eg_book_limits *limits) {
    book->limits = *limits;
}

enum eg_status eg_book_alike(struct eg_book **out, const struct eg_book *like,
                             struct eg_error *err) {
    struct eg_book *book;
    EG_TRY(eg_book_new(&book, err));
    book->limits = like->limits;
    book->remembers = like->remembers;
    enum eg_status status = eg_book_ports(book, like->apart, like->apart_count, err);
    if (status >= 0) status = eg_book_rules(book, like->rules, like->rule_count, err);
    if (status >= 0)
        *out = book;
    else
        eg_book_free(book);
    return status;
}

enum eg_status eg_book_ports(struct eg_book *book, const struct eg_addr *exporters, size_t count,
                             struct eg_error *err) {
    struct eg_addr *copy = count ? eg_calloc(count, sizeof *copy) : NULL;
    if (count && !copy) return eg_fail(err, EG_E_NOMEM, "no memory for exporters");
    for (size_t i = 0; i < count; i++) copy[i] = exporters[i];
    eg_free(book->apart);
    book->apart = copy;
    book->apart_count = count;
    return EG_OK;
}

enum eg_status eg_book_rules(struct eg_book *book, const struct eg_book_rule *rules, size_t count_,
                             struct eg_error *err) {
    struct eg_book_rule *copy = count_ ? eg_calloc(count_, sizeof *copy) : NULL;
    if (count_ && !copy) return eg_fail(err, EG_E_NOMEM, "no memory for sampling rates");
    for (size_t i = 0; i < count_; i++) copy[i] = rules[i];
    eg_free(book->rules);
    book->rules = copy;
    book->rule_count = count_;
    return EG_OK;
}

static void table_free(struct table *t) {
    for (uint32_t i = 0; t->slots && i <= t->mask; i++)
        for (struct node *n = t->slots[i], *next; n; n = next) {
            next = n->chain;
            eg_free(n);
        }
    eg_free(t->slots);
}

void eg_book_free(struct eg_book *book) {
    if (!book) return;
    book_held_free_all(book);
    for (uint32_t i = 0; book->entries.slots && i <= book->entries.mask; i++)
        for (struct node *n = book->entries.slots[i]; n; n = n->chain) {
            struct entry *e = (struct entry *)(void *)n;
            for (struct eg_book_version *v = e->newest, *older; v; v = older) {
                older = v->older;
                version_free(v);
            }
        }
    table_free(&book->entries);
    table_free(&book->streams);
    table_free(&book->exporters);
    eg_strbuf_reset(&book->begun);
    pthread_mutex_destroy(&book->lock);
    eg_free(book->rules);
    eg_free(book->apart);
    eg_free(book);
}

struct eg_book_usage eg_book_usage(struct eg_book *book) {
    pthread_mutex_lock(&book->lock);
    struct eg_book_usage u = {
        book->known_bytes,   book->unknown_bytes,   book->held_bytes[0] + book->held_bytes[1],
        book->retired_bytes, book->exporters.count, book->known_count,
        book->template_count};
    pthread_mutex_unlock(&book->lock);
    return u;
}
