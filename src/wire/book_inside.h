/* SPDX-License-Identifier: Apache-2.0
 * What the files of the book share: who is in it, what stands where, and what is owed to whom.
 * All of it is held by book->lock, but for what readers may ask of a version they hold. */
#ifndef EG_WIRE_BOOK_INSIDE_H
#define EG_WIRE_BOOK_INSIDE_H

#include "wire/book.h"

#include <pthread.h>
#include <stddef.h>

#define FOREVER UINT64_MAX

/* ---- lists and tables ---- */

struct ring {
    struct ring *next, *before;
};
static inline void ring_init(struct ring *r) { r->next = r->before = r; }
static inline bool ring_empty(const struct ring *r) { return r->next == r; }
static inline void ring_remove(struct ring *r) {
    r->next->before = r->before;
    r->before->next = r->next;
    ring_init(r);
}
static inline void ring_append(struct ring *head, struct ring *r) {
    r->before = head->before;
    r->next = head;
    head->before->next = r;
    head->before = r;
}
/* To the end, where what was used last stands. */
static inline void ring_touch(struct ring *head, struct ring *r) {
    ring_remove(r);
    ring_append(head, r);
}
#define RING_ITEM(ring, type, member) ((type *)(void *)((char *)(ring)-offsetof(type, member)))

/* Chained; every item begins with a node. */
struct node {
    struct node *chain;
    uint64_t hash;
};
struct table {
    struct node **slots;
    uint32_t mask, count;
};
/* Room for one more; false: no memory at all. */
bool table_reserve(struct table *);
void table_add(struct table *, struct node *);
void table_remove(struct table *, struct node *);
static inline struct node *table_first(const struct table *t, uint64_t hash) {
    return t->slots ? t->slots[hash & t->mask] : NULL;
}

/* ---- what stands in it ---- */

enum kept { KEPT_TEMPLATES, KEPT_FACTS, KEPT_KINDS };

struct exporter {
    struct node node;
    struct eg_addr address;
    uint16_t port;
    bool known;
    uint32_t streams;           /* that point here */
    uint32_t templates;         /* in force */
    uint64_t bytes[KEPT_KINDS]; /* of what is in force */
    uint64_t held_bytes;
    int64_t last_us;                 /* when a known one was last heard */
    struct ring pool;                /* unknown, or known ones, the longest silent first */
    struct ring entries[KEPT_KINDS]; /* in force, the least recently used first */
    struct ring held;                /* oldest first */
};

struct stream {
    struct node node;
    struct eg_book_key key;
    const char *source;
    struct exporter *exporter;
    uint32_t entries;  /* that point here */
    uint32_t in_force; /* of them */
    /* What memory did not suffice to learn: EG_FACT_TEMPLATE: nothing; EG_FACT_KINDS: whatever a set
     * of the template short_of_key would have said. */
    enum eg_fact_kind short_of;
    uint64_t short_of_key;
    bool nests; /* has lists, whose records name templates that no learn() looks at */
};

struct entry {
    struct node node;
    struct stream *stream;
    uint64_t key;
    enum eg_fact_kind kind;
    struct eg_book_version *newest; /* NULL: there is none any more, or only held sets */
    uint32_t version_count;
    struct ring recent; /* of its exporter, while in force */
    struct ring held;   /* oldest first */
    int64_t first_us, last_us;
    uint64_t changes;
    atomic_ullong records;
};

struct eg_book_version {
    uint64_t from;
    atomic_ullong until; /* FOREVER while it is in force */
    struct entry *entry;
    struct eg_book_version *older, *newer;
    struct ring retired;
    uint32_t bytes;
    bool used; /* somebody may still decode with it after it was replaced */
    struct eg_template *template;
    int64_t number;
    uint32_t text_size;
    char text[];
};

struct held {
    struct ring of_entry, of_exporter, of_all; /* of_all: ripe, or its class's */
    struct entry *entry;                       /* NULL: ripe */
    struct eg_released piece;
    struct eg_book_key key;
    uint64_t after;       /* where it stood, by the rows of its input */
    uint32_t bytes, cost; /* of the datagram; with what it takes to hold it */
    uint16_t id;          /* of the template */
    bool trusted;         /* of a known exporter, when it came */
    bool again;           /* there was no room for it once before */
};

/* A template that was in force when the joining thread used it last: nothing but that thread ends it,
 * so it is found again without the lock. */
struct used {
    struct eg_book_key key;
    uint16_t id;
    struct entry *entry; /* NULL: there is none */
    uint64_t uses;       /* as book->uses then */
};
enum { USED_SLOTS = 256 };

struct eg_book {
    pthread_mutex_t lock;
    struct eg_book_limits limits;
    struct eg_book_rule *rules;
    size_t rule_count;
    struct eg_addr *apart; /* exporters at these are told apart by their port */
    size_t apart_count;
    atomic_ullong at;             /* written by the joining thread */
    struct used used[USED_SLOTS]; /* the joining thread's; so is the next */
    uint64_t uses;                /* moves on whenever a template comes or goes */
    struct eg_book_stay stays;
    struct table exporters, streams, entries;
    struct ring pool, known;
    struct ring retired; /* in the order of their `until` */
    struct ring held[2]; /* of unknown and known exporters */
    struct ring ripe[2]; /* of flows, of options */
    struct ring released, spilled;
    struct eg_book *ahead; /* what comes; NULL: nobody looked */
    bool spills;           /* what cannot be held any longer is put aside */
    struct eg_book_stay kept;
    bool surveys; /* keeps every version, at places that are rows */
    bool full;    /* it could not, once */
    uint64_t known_bytes, unknown_bytes, retired_bytes, held_bytes[2];
    uint32_t known_count, template_count;
    bool short_of_stream; /* and not even of it could be noted that it is short of `missed_id` */
    struct eg_book_key missed;
    uint64_t missed_id;
    atomic_ullong changes;
    atomic_uint kinds; /* of facts that were ever learned */
    /* of the input at hand, where all of it may be read again; the joining thread's */
    bool remembers, inside;
    struct eg_strbuf begun; /* what was in force where it began */
};

/* ---- book.c ---- */

struct stream *book_stream(const struct eg_book *, const struct eg_book_key *);
struct entry *book_entry(const struct eg_book *, const struct stream *, enum eg_fact_kind,
                         uint64_t key);
/* Finds or makes it, without a version; NULL: no memory. */
struct entry *book_entry_new(struct eg_book *, const struct eg_book_moment *, enum eg_fact_kind,
                             uint64_t key);
/* Frees the entry where nothing keeps it, and whom nothing keeps then. */
void book_entry_settle(struct eg_book *, struct entry *);
static inline bool entry_in_force(const struct entry *e) {
    return e->newest && atomic_load_explicit(&e->newest->until, memory_order_relaxed) == FOREVER;
}
/* The version in force is so no more from `place` on. */
void book_entry_end(struct eg_book *, struct entry *, uint64_t place);

/* Ends the version in force; one that nobody used goes at once. */
void book_version_replace(struct eg_book *, struct entry *, uint64_t place);
/* Puts a version in force; takes the template. EG_END: too many wait already; EG_E_NOMEM. */
enum eg_status book_version_add(struct eg_book *, struct entry *, uint64_t place,
                                struct eg_template *, struct eg_fact);

/* The place that was given out last. */
static inline uint64_t book_at(const struct eg_book *book) {
    return atomic_load_explicit((atomic_ullong *)(uintptr_t)&book->at, memory_order_relaxed);
}
static inline void book_at_set(struct eg_book *book, uint64_t at) {
    atomic_store_explicit(&book->at, at, memory_order_relaxed);
}

/* ---- book_learn.c ---- */

/* Something could not be learned for lack of memory: the stream has no rows until it is. */
void book_unlearned(struct eg_book *, const struct eg_book_moment *, enum eg_fact_kind,
                    uint64_t key);

/* ---- book_quota.c ---- */

static inline enum kept kept_as(enum eg_fact_kind kind) {
    return kind == EG_FACT_TEMPLATE ? KEPT_TEMPLATES : KEPT_FACTS;
}
void book_charge(struct eg_book *, struct exporter *, enum kept, int64_t bytes);
/* Makes the exporter known, where there is room. */
void book_trust(struct eg_book *, struct exporter *);
/* A known exporter was heard. */
static inline void book_heard(struct eg_book *book, struct exporter *x, int64_t time_us) {
    x->last_us = time_us;
    ring_touch(&book->known, &x->pool);
}
/* Forgets known exporters that were silent for too long. */
void book_age(struct eg_book *, const struct eg_book_moment *);
/* Frees what stands beyond the limits, `newest` last. */
void book_enforce(struct eg_book *, const struct eg_book_moment *, struct entry *newest);

/* ---- book_ahead.c ---- */

/* Where a row stands in a survey: 2^32 of them. Sets come behind it, and behind those what waited for
 * its templates. */
static inline uint64_t book_row_place(uint64_t row) {
    return row > UINT32_MAX ? UINT64_MAX << 16 : row << 32;
}

/* Gives back, holds or counts what nobody holds; takes it. */
void book_held_settle(struct eg_book *, struct held *, struct eg_tally *);

/* ---- book_hold.c ---- */

void book_held_drop(struct eg_book *, struct held *, struct eg_tally *);
void book_held_ripen(struct eg_book *, struct entry *);
void book_held_free_all(struct eg_book *);
/* Holds it, with what may have to go for it; takes it. */
void book_held_add(struct eg_book *, const struct eg_book_moment *, struct held *);
/* Out of all rings: nobody's. */
void book_held_unlink(struct eg_book *, struct held *);
void book_held_free(struct held *);
void book_held_count(const struct held *, enum eg_cause, int64_t time_us, struct eg_tally *);

#endif
