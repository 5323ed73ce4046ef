/* SPDX-License-Identifier: Apache-2.0
 * What to say to a file that is not a capture. */
#ifndef EG_SOURCE_REFUSAL_H
#define EG_SOURCE_REFUSAL_H

#include "source/unpack.h"

/* EG_E_FORMAT: "NAME is not a capture: it begins with 50 4b 03 04 (zip); …". `head` are the first
 * bytes, uncompressed; `packing` is what they were packed in. */
enum eg_status eg_refuse(struct eg_error *err, const char *name, enum eg_packing packing,
                         struct eg_span head);

#endif
