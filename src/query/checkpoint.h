/* SPDX-License-Identifier: Apache-2.0
 * What a watch has done so far, in a JSON file that is replaced whole: enough to go on after a kill
 * at any moment as if there had been none. */
#ifndef EG_QUERY_CHECKPOINT_H
#define EG_QUERY_CHECKPOINT_H

#include "query/row_digests.h"
#include "query/watermark.h"

struct eg_checkpoint {
    char *asked;     /* what is watched, in words: mode, question, dataset */
    int64_t trigger; /* how many there were */
    int64_t put_out; /* rows, in all */
    bool from_packets;
    struct eg_watermark mark;
    int64_t length;  /* of the output file that this vouches for */
    char tail[33];   /* digest of its last bytes, at most EG_CHECKPOINT_TAIL; "" for none */
    char answer[33]; /* digest of the last whole answer; "" for none */
    struct eg_row_digests rows; /* of the last answer, sorted */
};
#define EG_CHECKPOINT_TAIL 4096

void eg_checkpoint_reset(struct eg_checkpoint *);
/* EG_END: there is none. Errors: EG_E_FORMAT (damaged, or of a later version), EG_E_ACCESS, … */
EG_MUST_CHECK enum eg_status eg_checkpoint_read(struct eg_checkpoint *out, const char *path,
                                                struct eg_error *err);
/* Durable when it answers EG_OK; on failure the old one is still there. */
EG_MUST_CHECK enum eg_status eg_checkpoint_write(const struct eg_checkpoint *, const char *path,
                                                 struct eg_error *err);

#endif
