/* SPDX-License-Identifier: Apache-2.0
 * SQL macros: what plain SQL says as fast as C would. */
#include "engine/inside.h"

/* Rates of a flow without duration are null: one packet has no rate. */
static const char macros[] =
    "CREATE MACRO duration(start_time, end_time) AS"
    " CAST(epoch_us(end_time) - epoch_us(start_time) AS DOUBLE) / 1000000;"
    "CREATE MACRO bps(bytes, start_time, end_time) AS"
    " CAST(bytes AS DOUBLE) * 8 / nullif(duration(start_time, end_time), 0);"
    "CREATE MACRO pps(packets, start_time, end_time) AS"
    " CAST(packets AS DOUBLE) / nullif(duration(start_time, end_time), 0);"
    "CREATE MACRO bpp(bytes, packets) AS CAST(bytes AS DOUBLE) / nullif(packets, 0);";

enum eg_status eg_register_macros(struct eg_engine *engine, struct eg_error *err) {
    return eg_engine_run(engine, macros, err);
}
