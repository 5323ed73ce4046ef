/* SPDX-License-Identifier: Apache-2.0
 * Frames of interfaces, kept as they come: one capture for each interface and link type, a new one each
 * hour. Their packets' rows and their bytes become durable with the same commit. */
#ifndef EG_STORE_CAPTURE_LIVE_H
#define EG_STORE_CAPTURE_LIVE_H

#include "store/capture_keeper.h"
#include "wire/capture.h"

#define EG_LIVE_ROTATE_US INT64_C(3600000000)
#define EG_LIVE_BYTES_MAX (UINT64_C(1) << 30) /* of one capture */

struct eg_live;
EG_MUST_CHECK enum eg_status eg_live_new(struct eg_live **out, struct eg_keeper *,
                                         const struct eg_env *, struct eg_error *err);
void eg_live_free(struct eg_live *); /* before the keeper; NULL is fine */
/* As struct eg_iface_keeper has it. */
const char *eg_live_frame(void *live, const struct eg_frame *, const char *interface,
                          uint64_t *offset);
/* Everything kept so far belongs to the next commit. Errors: why a frame could not be kept since the
 * last call. */
EG_MUST_CHECK enum eg_status eg_live_settle(struct eg_live *, struct eg_error *err);

#endif
