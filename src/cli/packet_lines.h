/* SPDX-License-Identifier: Apache-2.0
 * The packets of a sequence file, a line each, as Metron's inspector prints them. */
#ifndef EG_CLI_PACKET_LINES_H
#define EG_CLI_PACKET_LINES_H

#include "cli/facts.h"

/* Whether the file is one, by its first bytes; what cannot be read is none. */
bool eg_packet_lines_fit(const struct eg_call *, const char *path);
/* What its header and its name say, where it is one. */
void eg_packet_lines_form(const char *path, struct eg_span head, struct eg_facts *);
/* At most `most` records (0: all). Records without a packet are told on standard error, in their
 * place. */
enum eg_exit eg_packet_lines(struct eg_call *, const char *path, uint64_t most);

#endif
