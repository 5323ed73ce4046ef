/* SPDX-License-Identifier: Apache-2.0
 * Dictionaries being filled: the builder's side of struct eg_dict (batch.h). */
#ifndef EG_TABLE_DICT_H
#define EG_TABLE_DICT_H

#include "table/batch.h"

/* The index of the text in *dict, which is made where it is NULL, and replaced by a larger copy
 * where it is full: batches hold the old one, whose entries never move. -1: no memory. */
int32_t eg_dict_intern(struct eg_dict **dict, const char *text, size_t size);

#endif
