/* SPDX-License-Identifier: Apache-2.0
 * The book: what exporters said of how to read them. docs/internals/templates.md is the page about it.
 *
 * Written by learn(), which runs in the order of the input, one at a time; read by decode(), of many
 * datagrams at once and in any order. So nothing in it changes: an entry has versions, each in force
 * from a place in the input until the next one's, and a reader asks for the version at its
 * datagram's place. Versions that no datagram can ask for any more are freed as the input moves on.
 *
 * One book serves all inputs of a run, so that a capture may begin where another one ended. */
#ifndef EG_WIRE_BOOK_H
#define EG_WIRE_BOOK_H

#include "base/strbuf.h"
#include "table/stage.h"
#include "wire/template.h"

/* ---- what bounds it, and what overrides it ---- */

struct eg_book_limits {
    uint32_t exporter_templates;      /* per exporter; beyond, its least recently used one goes */
    uint64_t exporter_template_bytes; /* the same in bytes */
    uint64_t exporter_fact_bytes;     /* of sampling rates and names, per exporter */
    uint64_t known_bytes;   /* of exporters whose data was read with their templates; beyond, no
                               more exporters become known */
    uint64_t unknown_bytes; /* of all others; beyond, the one that was silent longest goes */
    uint64_t exporter_held_bytes; /* data waiting for templates, per exporter */
    uint64_t held_bytes;          /* of all; unknown exporters have a quarter of it */
    int64_t held_us;              /* for so long, by the clock of the datagrams */
    uint64_t retired_bytes;       /* versions that are kept for datagrams not decoded yet */
    int64_t silent_us; /* a known exporter that was silent for longer is forgotten; 0: never */
};
extern const struct eg_book_limits eg_book_limits_usual;

/* A sampling rate that the user knows better than the exporter. */
struct eg_book_rule {
    struct eg_addr exporter; /* all zero: any */
    int64_t interface;       /* by which packets came in; -1: any */
    int64_t rate;
};

EG_MUST_CHECK enum eg_status eg_book_new(struct eg_book **out, struct eg_error *err);
/* Before the book is used. */
void eg_book_limit(struct eg_book *, const struct eg_book_limits *);
/* Replaces the rules; the first that fits counts. Not while anything is decoded. */
EG_MUST_CHECK enum eg_status eg_book_rules(struct eg_book *, const struct eg_book_rule *,
                                           size_t count, struct eg_error *err);
/* Exporters at these addresses (all zero: at any) are told apart by their port too: a policy, since
 * many change it when they restart. Sessions of TCP always are. Before the book is used. */
EG_MUST_CHECK enum eg_status eg_book_ports(struct eg_book *, const struct eg_addr *exporters,
                                           size_t count, struct eg_error *err);
void eg_book_free(struct eg_book *); /* NULL is fine */

/* ---- places ---- */

/* The next place in the order of the input; never 0. Joining threads only. */
uint64_t eg_book_next(struct eg_book *);
/* Until the matching leave(), datagrams at this place and behind it may be decoded. */
struct eg_book_stay {
    uint64_t at;
    struct eg_book_stay *next, *before;
};
void eg_book_enter(struct eg_book *, struct eg_book_stay *); /* joining threads only */
void eg_book_leave(struct eg_book *, struct eg_book_stay *);

/* A place to the set: `offset` is that of the set in its datagram. */
static inline uint64_t eg_book_place(const struct eg_datagram *d, size_t offset) {
    return d->at << 16 | (offset & 0xffff);
}

/* ---- who ---- */

/* Templates belong to an exporter, a domain, and a protocol. */
struct eg_book_key {
    struct eg_addr exporter;
    uint32_t domain;
    uint16_t port; /* 0 where exporters are not told apart by it */
    uint16_t version;
};
struct eg_book_key eg_book_key(const struct eg_book *, const struct eg_datagram *, uint16_t version,
                               uint32_t domain);
/* The port by which the datagram's exporter is told from others at its address; 0: by none. */
uint16_t eg_book_port(const struct eg_book *, const struct eg_datagram *);

/* ---- facts: what options say, for the flows of their scope ---- */

enum eg_fact_kind {
    EG_FACT_TEMPLATE,       /* not a fact, but kept like one */
    EG_FACT_RATE,           /* of the whole exporter or domain; key 0 */
    EG_FACT_SAMPLER_RATE,   /* by selector; 0: it has none */
    EG_FACT_ANY_SAMPLER,    /* key 0: the rate that all its samplers have; 0: they differ */
    EG_FACT_INTERFACE_RATE, /* by interface */
    EG_FACT_INTERFACE_NAME,
    EG_FACT_INTERFACE_TEXT,
    EG_FACT_VRF,
    EG_FACT_APPLICATION, /* by its id, eg_book_bytes_key */
    EG_FACT_TYPING,      /* by pen and id: number = type, text = name (RFC 5610) */
    EG_FACT_BOOT,        /* key 0: when sysUptime was 0, µs */
    EG_FACT_KINDS,
};
#define EG_FACT_TEXT_MAX 255
struct eg_fact {
    int64_t number;
    struct eg_span text;
};
/* A key for a value of any length. */
uint64_t eg_book_bytes_key(struct eg_span value);
static inline uint64_t eg_book_typing_key(uint32_t pen, uint16_t id) {
    return (uint64_t)pen << 16 | id;
}

/* ---- reading: from any thread, while the reader's place is between enter() and leave() ---- */

struct eg_book_version; /* of one entry */
/* The version of an entry in force at a place, or NULL. What it holds lives until leave(). *until:
 * from where on another one may be. */
const struct eg_book_version *eg_book_find(struct eg_book *, const struct eg_book_key *,
                                           enum eg_fact_kind, uint64_t key, uint64_t place,
                                           uint64_t *until);
/* Whether a version that was found is in force at this other place. */
bool eg_book_holds(const struct eg_book_version *, uint64_t place);
const struct eg_template *eg_book_template(const struct eg_book_version *);
struct eg_fact eg_book_fact(const struct eg_book_version *);
/* Counts records that were decoded with a template. */
void eg_book_decoded(const struct eg_book_version *, uint64_t records);
/* Moves on with every change of any fact: while it stands still, what is missing stays missing. */
uint64_t eg_book_changes(const struct eg_book *);
/* Whether any fact of that kind was ever learned. */
bool eg_book_has(const struct eg_book *, enum eg_fact_kind);
/* The rate that a rule gives; 0: none does. */
int64_t eg_book_rule_rate(const struct eg_book *, const struct eg_addr *exporter, int64_t in_if);
bool eg_book_has_rules(const struct eg_book *);

/* ---- writing: learn() only ---- */

/* Where and when something is learned, and who counts. */
struct eg_book_moment {
    struct eg_book_key key;
    const char *source; /* the decoder's name */
    uint64_t place;
    const struct eg_datagram *datagram;
    struct eg_tally *tally;
};
/* Takes the template, which is the book's from now on. Sets that waited for it become ripe. */
void eg_book_define(struct eg_book *, const struct eg_book_moment *, struct eg_template *);
/* No template of that id is in force any more; false: none was. */
bool eg_book_forget(struct eg_book *, const struct eg_book_moment *, uint16_t id);
/* The same for all of the stream, of options or of flows; how many there were. */
uint32_t eg_book_forget_all(struct eg_book *, const struct eg_book_moment *, bool options);
/* The template now in force, which is marked as used; NULL: there is none. */
const struct eg_template *eg_book_use(struct eg_book *, const struct eg_book_moment *, uint16_t id);
void eg_book_learn(struct eg_book *, const struct eg_book_moment *, enum eg_fact_kind, uint64_t key,
                   struct eg_fact);
/* Memory did not suffice for that template, which may be of options: until their records were
 * learned the stream has no rows, since they might be wrong. */
void eg_book_unlearned(struct eg_book *, const struct eg_book_moment *, uint16_t id);
/* All that a set of that options template said was learned. */
void eg_book_learned(struct eg_book *, const struct eg_book_moment *, uint16_t id);
/* Holds a set until its template comes: `header` and `set` become a datagram of their own. */
void eg_book_hold(struct eg_book *, const struct eg_book_moment *, uint16_t id,
                  struct eg_span header, struct eg_span set);
/* The next set whose template came since; its datagram has a place of its own. At the end of a
 * learn(): each is given to release(), but the learner sees it first, since it may be of options.
 * False: there is none. */
struct eg_released;
bool eg_book_ripe(struct eg_book *, struct eg_datagram *out);

/* ---- what had to wait ---- */

/* A piece of a datagram that had to wait: a datagram of its own, of header and sets. */
struct eg_released {
    const char *source; /* the decoder's name */
    struct eg_datagram datagram;
    void *memory; /* holds the payload; eg_free it */
    bool ahead;   /* to be decoded with the book of what comes: its place is one of that book */
};
/* Pieces whose template came with the last learn(); false: there is none (any more). */
bool eg_book_release(struct eg_book *, struct eg_released *);
/* The input is over: what still waits is counted as template_missing. */
void eg_book_drain(struct eg_book *, struct eg_tally *);

/* ---- looking ahead: inputs that can be read twice (wire/survey.h) ---- */

/* Makes the book, which nobody uses yet, one of a survey: it begins with what is in force in `from`,
 * and with its limits and rules; it keeps every version, until it is full; its places are rows of the
 * input, told by eg_book_row instead of eg_book_next. Unless it `holds`, no data waits in it. */
EG_MUST_CHECK enum eg_status eg_book_survey(struct eg_book *, struct eg_book *from, bool holds,
                                            struct eg_error *err);
bool eg_book_surveys(const struct eg_book *);
uint64_t eg_book_row(struct eg_book *, uint64_t row);
/* While it `spills`, what cannot be held any longer is put aside and not counted. `ahead`, of a
 * survey of the input, knows what comes; NULL: nobody looked. Joining threads only, all of these. */
void eg_book_look_ahead(struct eg_book *, bool spills, struct eg_book *ahead);
bool eg_book_spilled(const struct eg_book *);
/* What was put aside goes to release() where its template comes later, to be decoded as it would be
 * then; sets of options wait once more; the rest is counted as template_missing. */
void eg_book_spilled_settle(struct eg_book *, struct eg_tally *);
/* Records that were decoded ahead become those of the book's own templates. */
void eg_book_credit(struct eg_book *, struct eg_book *ahead);

/* ---- looking at it, and keeping it ---- */

struct eg_book_line {
    struct eg_book_key key;
    const struct eg_template *template;
    int64_t first_us, last_us; /* when it was defined, and last so; INT64_MIN: unknown */
    uint64_t records, changes;
};
/* All templates now in force, by exporter, domain, version and id. `see` false ends it. Not while
 * anything is learned. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_book_list(struct eg_book *,
                                          bool (*see)(void *, const struct eg_book_line *), void *,
                                          struct eg_error *err);
/* Templates and facts now in force, as lines of text; `out` fails where memory does. */
void eg_book_save(struct eg_book *, struct eg_strbuf *out);
/* From here on the book also keeps, as text, what was in force where the input at hand began: a run that
 * takes that input up in the middle reads it from its beginning, and must know then what was known then.
 * Before it is used. */
void eg_book_remember(struct eg_book *);
/* An input that can be read again begins, or ends. Joining threads only. */
void eg_book_input_begins(struct eg_book *);
void eg_book_input_ends(struct eg_book *);
/* What the next run must begin with, as saved text: what was in force where the input at hand began, else
 * what is now, with the data that waits. */
void eg_book_save_resume(struct eg_book *, struct eg_strbuf *out);
/* An empty book with the limits, rules and habits of another one. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_book_alike(struct eg_book **out, const struct eg_book *like,
                                           struct eg_error *err);
/* Takes what was saved into a book that nobody uses yet, within its limits; lines that begin with # are
 * passed over. Errors: EG_E_FORMAT
 * (err->position: the line; those before it were taken), EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_book_load(struct eg_book *, struct eg_span text,
                                          struct eg_error *err);
struct eg_book_usage {
    uint64_t known_bytes, unknown_bytes, held_bytes, retired_bytes;
    uint32_t exporters, known_exporters, templates;
};
struct eg_book_usage eg_book_usage(struct eg_book *);

#endif
