/* SPDX-License-Identifier: Apache-2.0
 * Files that were committed and are not there any more, accepted: whoever removed them meant it. */
#ifndef EG_STORE_ACCEPT_H
#define EG_STORE_ACCEPT_H

#include "store/dataset_own.h"

struct eg_accepted {
    size_t files;
    uint64_t rows[EG_TABLE_RAW]; /* of each table */
};

/* Writes down that they are gone, as expiry does; what was read stays known. `known` is the journal, fresh
 * and settled; refresh it afterwards. The caller holds the lock for upkeep, so no hour is being exchanged.
 * Errors: EG_E_ACCESS, EG_E_IO where it cannot be seen whether a file is there; nothing is accepted then. */
EG_MUST_CHECK enum eg_status eg_accept_missing(struct eg_dataset *, const struct eg_journal *known,
                                               struct eg_accepted *out, struct eg_error *err);

#endif
