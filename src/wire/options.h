/* SPDX-License-Identifier: Apache-2.0
 * Options data: what an exporter says of itself, for the flows of a scope.
 * Sources: RFC 3954 section 6.1; RFC 7011 section 3.4.2; RFC 5610; Cisco's sampler, interface, VRF
 * and application tables. */
#ifndef EG_WIRE_OPTIONS_H
#define EG_WIRE_OPTIONS_H

#include "wire/book.h"

/* Takes what the records of an options set say into the book. */
void eg_options_learn(const struct eg_template *, struct eg_span set, struct eg_book *,
                      const struct eg_book_moment *);

#endif
