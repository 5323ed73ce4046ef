/* SPDX-License-Identifier: Apache-2.0
 * What standard output is, and how text is dressed for it. */
#ifndef EG_CLI_TERMINAL_H
#define EG_CLI_TERMINAL_H

#include "cli/verb.h"
#include "table/encode.h"

bool eg_terminal(void);           /* standard output is one */
uint32_t eg_terminal_lines(void); /* 0: not told */
/* Colours, letters and width as the terminal, the environment and --color say; the width only where
 * the text goes to the terminal itself. The rest is the caller's. */
struct eg_encode_style eg_terminal_style(const struct eg_call *, enum eg_format, bool to_terminal);

#endif
