/* SPDX-License-Identifier: Apache-2.0
 * Batches as an Arrow IPC stream, for files and pipes: schema, record batches, end; in the text
 * style (EG_ARROW_TEXT), little-endian, not compressed.
 * Source: Arrow columnar format, "Serialization and Interprocess Communication", metadata V5. */
#ifndef EG_TABLE_ARROW_IPC_H
#define EG_TABLE_ARROW_IPC_H

#include "base/strbuf.h"
#include "table/batch.h"

/* Each adds to `to`, whose failure it reports too. The set must be the same in all calls. */
EG_MUST_CHECK enum eg_status eg_arrow_ipc_begin(const struct eg_table *, eg_column_set,
                                                struct eg_strbuf *to, struct eg_error *err);
EG_MUST_CHECK enum eg_status eg_arrow_ipc_batch(struct eg_batch *, eg_column_set,
                                                struct eg_strbuf *to, struct eg_error *err);
void eg_arrow_ipc_end(struct eg_strbuf *to);

#endif
