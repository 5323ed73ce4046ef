/* SPDX-License-Identifier: Apache-2.0
 * Books of other commands that read the same files: a capture that one command began (a directory, a list
 * of files) and another one takes up is read with what was learned then. */
#ifndef EG_CLI_INGEST_BOOK_NEAR_H
#define EG_CLI_INGEST_BOOK_NEAR_H

#include "base/strbuf.h"

/* A line for each input, of which the kept book is; as many as fit its beginning. */
void eg_book_inputs_put(struct eg_strbuf *to, char *const *inputs, size_t count);

struct eg_near_books {
    char **paths; /* the oldest first */
    size_t count;
};
/* The books in `folder` that have an input in common with these, or a directory above or below one of
 * them. */
EG_MUST_CHECK enum eg_status eg_near_books_find(struct eg_near_books *out, const char *folder,
                                                char *const *inputs, size_t count,
                                                struct eg_error *err);
void eg_near_books_reset(struct eg_near_books *);

#endif
