/* SPDX-License-Identifier: Apache-2.0
 * The sink `null:`: takes everything, keeps nothing. What it is for: measuring a source alone, and
 * being copied. A sink is these six functions and the table at the end; to make a new one, copy
 * this file, rename it, and add its line to src/registry.def. The contract is in table/stage.h.
 *
 *   open ─▶ write, write, … ─▶ flush ─▶ write, … ─▶ flush ─▶ close
 *
 * Calls on one sink are never concurrent. A function that fails fills `err` with one line that
 * names the thing, the place and the remedy, and sets err->retriable where the same call may
 * succeed a moment later: the pump then calls again. */
#include "base/alloc.h"
#include "table/stage.h"

#include <stddef.h>

/* Everything a sink remembers stands in its own struct: no statics. */
struct eg_sink {
    uint64_t rows; /* written */
    uint64_t rows_max;
};

/* Options come from the URI's query ("null:?fail-after=1000"), already checked against this table;
 * help, man page and documentation are printed from it. */
struct null_options {
    int64_t fail_after;
};
static const struct eg_option options[] = {
    {.name = "fail-after",
     .type = EG_OPT_INT,
     .offset = offsetof(struct null_options, fail_after),
     .value_name = "ROWS",
     .help = "Fail once this many rows were written, to try what happens."},
    EG_OPTION_END,
};
_Static_assert(sizeof(((struct null_options *)0)->fail_after) == sizeof(int64_t), "see option.h");

/* Opening may block, but changes nothing outside yet. */
static enum eg_status null_open(const struct eg_env *env, const char *uri, const void *given,
                                struct eg_sink **out, struct eg_error *err) {
    const struct null_options *opts = given;
    (void)env; /* the clock, the log, cancellation */
    (void)uri; /* what the user wrote: "null:" */
    struct eg_sink *sink = eg_calloc(1, sizeof *sink);
    if (!sink) return eg_fail(err, EG_E_NOMEM, "null: no memory");
    sink->rows_max = opts->fail_after > 0 ? (uint64_t)opts->fail_after : UINT64_MAX;
    *out = sink;
    return EG_OK;
}

/* The batch is borrowed: eg_batch_ref keeps it beyond the call. batch->table_id tells the table;
 * rows of tables that a sink has no place for are passed over, not refused. */
static enum eg_status null_write(struct eg_sink *sink, struct eg_batch *batch,
                                 struct eg_error *err) {
    if (batch->rows > sink->rows_max - sink->rows)
        return eg_fail(err, EG_E_NOSPACE,
                       "null: %llu rows were written, as many as fail-after allows",
                       (unsigned long long)sink->rows);
    sink->rows += batch->rows;
    return EG_OK;
}

static void null_close(struct eg_sink *sink) { eg_free(sink); }

const struct eg_sink_type eg_sink_null = {
    .abi = EG_STAGE_ABI,
    .name = "null",
    .help = "Takes everything and keeps nothing.",
    .options = options,
    .options_size = sizeof(struct null_options),
    .takes = EG_TAKES_BATCH, /* EG_TAKES_RECORDS: text, from the encoder the user chose */
    .open = null_open,
    .write = null_write,
    /* The barrier: a sink that keeps rows answers EG_OK only once they are durable, together with
     * the positions it is given. Nothing is kept here, so there is nothing to do. */
    .flush = eg_sink_flush_nop,
    /* Where reading should go on; one that remembers no positions says so. */
    .positions = eg_sink_positions_none,
    .losses = eg_sink_losses_none,
    .close = null_close,
};
