/* SPDX-License-Identifier: Apache-2.0
 * The command line: GNU conventions over the option tables (long and short names, bundled short
 * ones, `--` ends options, options and words may be mixed). */
#ifndef EG_CLI_ARGS_H
#define EG_CLI_ARGS_H

#include "cli/verb.h"

/* Reads argv[0..argc) (without program and verb) into call->options, call->given and `common`. Words are
 * put into call->words (room for argc).
 * Errors: EG_E_USAGE with a suggestion for an unknown option. */
EG_MUST_CHECK enum eg_status eg_args_read(struct eg_call *, struct eg_common_options *common,
                                          int argc, char **argv, struct eg_error *err);

#endif
