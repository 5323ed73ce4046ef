/* SPDX-License-Identifier: Apache-2.0
 * A dataset copied with every address mapped by a key: for giving it away. */
#ifndef EG_STORE_MAPPED_COPY_H
#define EG_STORE_MAPPED_COPY_H

#include "engine/engine.h"
#include "store/dataset.h"

struct eg_mapped_copy {
    struct eg_address_map *map;
    void (*progress)(void *to, uint64_t bytes_done, uint64_t bytes_total); /* after each file */
    void *progress_to;
    uint64_t files, rows[EG_TABLE_COUNT]; /* filled */
    uint64_t quarantined;                 /* of these rows; they are in quarantine there, too */
};

/* Copies all tables of the dataset at `from` to one at `to` that holds no rows or is made, in one
 * commit: all of it is there afterwards, or nothing. Addresses and MACs are mapped; `extra`, and of packets
 * the file and offset, are left out, since they name hosts in words of their own. Errors: EG_E_USAGE (`to` holds rows), EG_E_CANCELLED, those of datasets and of
 * the engine. */
EG_MUST_CHECK enum eg_status eg_dataset_mapped_copy(struct eg_mapped_copy *, const char *from,
                                                    const char *to, const struct eg_env *,
                                                    struct eg_error *err);

#endif
