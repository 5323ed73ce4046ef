/* SPDX-License-Identifier: Apache-2.0
 * Help, man pages and completions, printed from the verbs' tables. */
#ifndef EG_CLI_HELP_H
#define EG_CLI_HELP_H

#include "cli/verb.h"

#include <stdio.h>

void eg_help_overview(FILE *);
void eg_help_verb(const struct eg_verb *, FILE *);     /* one screen */
void eg_help_man(const struct eg_verb *, FILE *);      /* mdoc(7) source; NULL: the overview page */
void eg_help_markdown(const struct eg_verb *, FILE *); /* for docs/reference */
enum eg_status eg_completion(const char *shell, FILE *, struct eg_error *);

#endif
