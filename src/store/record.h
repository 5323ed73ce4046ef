/* SPDX-License-Identifier: Apache-2.0
 * One more file of the journal that is no commit: what was adopted, accepted or let go. */
#ifndef EG_STORE_RECORD_H
#define EG_STORE_RECORD_H

#include "store/dataset_own.h"

/* Writes it as COMMIT.done, durable. The caller holds the lock for upkeep. */
EG_MUST_CHECK enum eg_status eg_record_write(struct eg_dataset *, const struct eg_journal *record,
                                             struct eg_error *err);
/* What the dataset's journal says of positions and captures once more, beside it: those that stood in
 * files that go would be lost with the journal, and the rest of their sources be read again. On a full
 * disk nothing is written, and that is no error: the journal has them all the same. */
EG_MUST_CHECK enum eg_status eg_record_positions(struct eg_dataset *, const struct eg_journal *,
                                                 struct eg_error *err);

#endif
