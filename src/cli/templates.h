/* SPDX-License-Identifier: Apache-2.0
 * The templates of a book, for people and programs. */
#ifndef EG_CLI_TEMPLATES_H
#define EG_CLI_TEMPLATES_H

#include "cli/verb.h"

#define EG_TEMPLATES_FILE_MAX (512 << 20) /* bytes of a book that an ingest keeps in a file */

#include "wire/book.h"

/* Prints each template with its exporter, its fields and what was decoded with it; as JSON, one
 * object a line. */
EG_MUST_CHECK enum eg_status eg_templates_print(struct eg_book *, bool json, bool gap_before,
                                                struct eg_error *err);

#endif
