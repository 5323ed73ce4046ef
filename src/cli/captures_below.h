/* SPDX-License-Identifier: Apache-2.0
 * The captures below a directory, for `-r DIR`: found by the rules by which a directory is ingested, in
 * the order of their first packets. */
#ifndef EG_CLI_CAPTURES_BELOW_H
#define EG_CLI_CAPTURES_BELOW_H

#include "cli/verb.h"
#include "source/directory.h"

/* Adds them to `out`; files that are no captures are left out, and said. Errors: EG_E_USAGE for a dataset;
 * EG_E_NOENT where there are none; EG_E_ACCESS, EG_E_IO for a directory or a file that cannot be read;
 * EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_captures_below(const struct eg_call *, const char *directory,
                                               struct eg_paths *out, struct eg_error *err);

/* Puts captures that can be read again into the order of their first packets, whose times `first_ns` gets
 * (INT64_MAX: none); those that cannot be read come last. Of one capture nothing is looked at. */
void eg_captures_sort(const struct eg_call *, char **paths, int64_t *first_ns, size_t count);

#endif
