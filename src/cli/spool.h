/* SPDX-License-Identifier: Apache-2.0
 * Input that can be read only once (standard input, a pipe), kept in a temporary file so that a
 * question may look at it more than once. */
#ifndef EG_CLI_SPOOL_H
#define EG_CLI_SPOOL_H

#include "cli/verb.h"

struct eg_spool {
    char path[1024];  /* "": nothing is kept */
    const char *name; /* of what is kept, in messages */
    int lock; /* of the copy, while it is in use: what a kill leaves, the next copy removes */
};

/* Whether `path` is "-" or anything else that is no regular file. */
bool eg_spool_needed(const char *path);
/* Copies it all, unless its first bytes are no capture's. Errors: EG_E_NOENT, EG_E_ACCESS, EG_E_FORMAT,
 * EG_E_NOSPACE, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_spool_keep(struct eg_spool *, const struct eg_env *,
                                           const char *path, struct eg_error *err);
void eg_spool_drop(struct eg_spool *); /* where nothing is kept, nothing happens */

#endif
