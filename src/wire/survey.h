/* SPDX-License-Identifier: Apache-2.0
 * A survey: an input read once more, only to learn which templates and options come later. */
#ifndef EG_WIRE_SURVEY_H
#define EG_WIRE_SURVEY_H

#include "wire/book.h"

/* Reads the input of an extract `as` those options, whose `again` is there. What is in force in
 * `book` is so before its first row. NULL: there was no memory, and nothing is known. */
struct eg_book *eg_survey(const struct eg_env *, const struct eg_extract_options *as,
                          struct eg_book *book);

#endif
