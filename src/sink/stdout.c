/* SPDX-License-Identifier: Apache-2.0
 * The sink `-`: records as text to standard output, one behind the other. A reader that goes away
 * (`… | head`) ends the run quietly: it is EG_E_CANCELLED, not a failure of writing. */
#include "base/alloc.h"
#include "table/encode.h"
#include "table/stage.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

struct eg_sink {
    const struct eg_env *env;
    size_t size;
    char buffer[BUFFER_BYTES];
};

/* The encoder stands in the pump and is made from these (struct eg_pump_sink). */
struct stdout_options {
    const char *format;
    bool bare;
};
static const struct eg_option options[] = {
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct stdout_options, format),
     .preset = "jsonl",
     .choices = "table|wide|csv|tsv|json|jsonl|markdown",
     .value_name = "FORMAT",
     .help = "How rows are written."},
    {.name = "bare",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct stdout_options, bare),
     .help = "Write no header line (csv, tsv, table)."},
    EG_OPTION_END,
};

static enum eg_status stdout_open(const struct eg_env *env, const char *uri, const void *given,
                                  struct eg_sink **out, struct eg_error *err) {
    (void)uri;
    (void)given;
    struct eg_sink *sink = eg_calloc(1, sizeof *sink);
    if (!sink) return eg_fail(err, EG_E_NOMEM, "standard output: no memory");
    sink->env = env;
    *out = sink;
    return EG_OK;
}

static enum eg_status write_out(struct eg_sink *sink, const char *bytes, size_t size,
                                struct eg_error *err) {
    while (size) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (errno == EPIPE) {
            return eg_fail(err, EG_E_CANCELLED, "standard output was closed by its reader");
        } else if (errno == EAGAIN) { /* somebody made it non-blocking */
            struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&out, 1, 100);
            if (eg_env_cancelled(sink->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        } else if (errno != EINTR) {
            return eg_fail_errno(err, errno, "cannot write to standard output");
        }
    }
    return EG_OK;
}

static enum eg_status buffer_out(struct eg_sink *sink, struct eg_error *err) {
    size_t size = sink->size;
    sink->size = 0;
    return write_out(sink, sink->buffer, size, err);
}

static enum eg_status stdout_write(struct eg_sink *sink, struct eg_batch *batch,
                                   struct eg_error *err) {
    EG_ASSERT(batch->table == &eg_records_table);
    for (uint32_t row = 0; row < batch->rows; row++) {
        struct eg_span record = eg_col_text(&batch->columns[0], row);
        if (record.size > BUFFER_BYTES - sink->size) EG_TRY(buffer_out(sink, err));
        if (record.size > BUFFER_BYTES) {
            EG_TRY(write_out(sink, (const char *)record.at, record.size, err));
            continue;
        }
        eg_span_copy(record, 0, sink->buffer + sink->size, record.size);
        sink->size += record.size;
    }
    return EG_OK;
}

static enum eg_status stdout_flush(struct eg_sink *sink, const struct eg_position *positions,
                                   size_t count, struct eg_error *err) {
    (void)positions; /* nothing to keep them in */
    (void)count;
    return buffer_out(sink, err);
}

static void stdout_close(struct eg_sink *sink) { eg_free(sink); }

const struct eg_sink_type eg_sink_stdout = {
    .abi = EG_STAGE_ABI,
    .name = "stdout",
    .help = "Writes rows to standard output (also written as '-').",
    .options = options,
    .options_size = sizeof(struct stdout_options),
    .takes = EG_TAKES_RECORDS,
    .open = stdout_open,
    .write = stdout_write,
    .flush = stdout_flush,
    .positions = eg_sink_positions_none,
    .losses = eg_sink_losses_none,
    .close = stdout_close,
};
