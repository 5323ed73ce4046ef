/* SPDX-License-Identifier: Apache-2.0
 * The catalog: what the journal says, in SQLite, for whoever would rather not read the journal. A
 * cache and nothing else: it says which commits it holds, and one that is missing, old or damaged
 * is passed over by readers and made again by the next writer. */
#ifndef EG_STORE_CATALOG_H
#define EG_STORE_CATALOG_H

#include "store/journal.h"

enum eg_catalog_state {
    EG_CATALOG_FRESH,
    EG_CATALOG_MISSING,
    EG_CATALOG_OLD,        /* commits were made that it does not hold */
    EG_CATALOG_DAMAGED,    /* SQLite cannot read it */
    EG_CATALOG_UNFINISHED, /* a run was killed while it wrote it */
};
const char *eg_catalog_state_name(enum eg_catalog_state);

/* Brings the catalog to the state of the journal, making it anew where that is needed (the log says
 * so). Errors: EG_E_IO, EG_E_ACCESS, EG_E_NOSPACE, EG_E_NOMEM; the dataset is none the worse. */
EG_MUST_CHECK enum eg_status eg_catalog_update(const char *root, const struct eg_journal *,
                                               const struct eg_env *, struct eg_error *err);

/* Reads the files of a table out of a fresh catalog, without writing anything. EG_END: it is not
 * fresh (`state` tells why), and nothing was visited. `state` may be NULL. */
struct eg_catalog_visit {
    enum eg_status (*file)(void *to, const struct eg_journal_file *, struct eg_error *);
    void *to;
};
EG_MUST_CHECK enum eg_status eg_catalog_files(const char *root, enum eg_table_id,
                                              const struct eg_catalog_visit *,
                                              enum eg_catalog_state *state, struct eg_error *err);
/* The same for the registered captures: those of that name (NULL: any), with packets in the range. */
struct eg_catalog_captures {
    const char *name;
    int64_t from_us, to_us;
    enum eg_status (*capture)(void *to, const struct eg_journal_capture *, struct eg_error *);
    void *to;
};
EG_MUST_CHECK enum eg_status
eg_catalog_captures(const char *root, const struct eg_catalog_captures *, struct eg_error *err);
/* Why and when the catalog was last made anew ("" when it never was). */
EG_MUST_CHECK enum eg_status eg_catalog_remade(const char *root, struct eg_strbuf *to,
                                               struct eg_error *err);

#endif
