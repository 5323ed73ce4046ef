/* SPDX-License-Identifier: Apache-2.0
 * The pump's side of one sink: one caller at a time, another try where the sink asks for it, and
 * an encoder before sinks that take records. Internal to pump.c. */
#ifndef EG_TABLE_OUTLET_H
#define EG_TABLE_OUTLET_H

#include "table/encode.h"
#include "table/pump.h"

#include <pthread.h>

struct egi_outlet {
    const struct eg_env *env;
    const struct eg_pump_sink *to;
    pthread_mutex_t lock;
    enum eg_format format;
    struct eg_encoder *encoders[EG_TABLE_COUNT]; /* of the tables asked for */
    bool begun[EG_TABLE_COUNT];
    struct eg_strbuf text;
    struct eg_builder *records;
};

/* Errors: EG_E_USAGE for a format there is not, or one that cannot hold the tables asked for. On
 * failure, too, egi_outlet_reset frees what there is. */
EG_MUST_CHECK enum eg_status egi_outlet_init(struct egi_outlet *, const struct eg_env *,
                                             const struct eg_pump_sink *,
                                             const struct eg_scan_request *, struct eg_error *);
void egi_outlet_reset(struct egi_outlet *);
/* Any thread. Waits while the sink asks to be called again, up to about a second and a half. */
EG_MUST_CHECK enum eg_status egi_outlet_write(struct egi_outlet *, struct eg_batch *,
                                              struct eg_error *);
/* The end of the document. */
EG_MUST_CHECK enum eg_status egi_outlet_finish(struct egi_outlet *, struct eg_error *);

#endif
