/* SPDX-License-Identifier: Apache-2.0
 * Parquet files in the partitions that the journal does not name: put there by hand, or all of them
 * when the journal was lost. Their footers say what the journal would. */
#ifndef EG_STORE_ADOPT_H
#define EG_STORE_ADOPT_H

#include "store/dataset_own.h"

struct eg_strays {
    size_t count;   /* files that the journal does not name */
    size_t adopted; /* of them, those now in the journal */
    size_t broken;  /* of them, those that cannot be read; *first_broken names one */
    char first_broken[512];
};

/* Counts them; with `adopt`, reads their footers (ranges, and the positions that stand there under
 * "earlgrey") and writes one more file of the journal. The caller holds the lock for upkeep then. */
EG_MUST_CHECK enum eg_status eg_strays(struct eg_dataset *, const struct eg_journal *known,
                                       bool adopt, struct eg_strays *out, struct eg_error *err);

#endif
