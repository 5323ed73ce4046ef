/* SPDX-License-Identifier: Apache-2.0
 * Input that can be read only once (standard input, a pipe), kept in a temporary file so that a
 * question may look at it more than once. */
#ifndef EG_CLI_SPOOL_H
#define EG_CLI_SPOOL_H

#include "cli/verb.h"

#define EG_SPOOL_PATH 1024

/* Whether `path` is "-" or anything else that is no regular file. */
bool eg_spool_needed(const char *path);
/* Copies it all; `copy` is the copy's path, which eg_spool_drop removes. Errors: EG_E_NOENT,
 * EG_E_ACCESS, EG_E_NOSPACE, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_spool(const struct eg_env *, const char *path,
                                      char copy[EG_SPOOL_PATH], struct eg_error *err);
void eg_spool_drop(const char *copy); /* "" is fine */

#endif
