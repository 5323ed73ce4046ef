/* SPDX-License-Identifier: Apache-2.0
 * The sources `udp` and `tcp`: what a listener receives, as raw batches, out of its spool or, without
 * one, out of its queue. A live stream that goes on where a sink says it ended.
 *
 * A position may vouch for more than was synced only in theory: position() syncs first. Should that
 * fail, it answers all the same: what the sink holds is durable there, and no offset of the spool is
 * ever given out twice (spool.h), so nothing received later can be taken for known. */
#include "base/alloc.h"
#include "source/listener.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>

#define WAIT_US 100000 /* for something to come, before EG_AGAIN */
#define SYNC_WAIT_US 10000000
#define BATCH_BYTES_MAX (8u << 20) /* of payload */

#define LISTEN(field) offsetof(struct eg_udp_options, listen.field)
const struct eg_option eg_udp_option_list[] = {
    {.name = "listen",
     .type = EG_OPT_LIST,
     .offset = LISTEN(endpoints),
     .value_name = "URI",
     .help = "One more endpoint to receive on (udp://ADDRESS:PORT, tcp://ADDRESS:PORT)."},
    {.name = "interface",
     .type = EG_OPT_TEXT,
     .offset = LISTEN(interface),
     .value_name = "NAME",
     .help = "Interface to join multicast groups on."},
    {.name = "workers",
     .type = EG_OPT_INT,
     .offset = LISTEN(workers),
     .preset = "1",
     .min = 1,
     .max = EG_WORKERS_MAX,
     .value_name = "N",
     .help = "Sockets and threads per UDP endpoint; with one, datagrams keep their order."},
    {.name = "receive-buffer",
     .type = EG_OPT_INT,
     .offset = LISTEN(receive_buffer),
     .preset = "32Mi",
     .min = 4096,
     .max = 1 << 30,
     .value_name = "BYTES",
     .help = "Receive buffer to ask the kernel for, per socket."},
    {.name = "allow",
     .type = EG_OPT_LIST,
     .offset = LISTEN(allow),
     .value_name = "PREFIX",
     .help = "Receive only from senders in these prefixes; others are counted."},
    {.name = "spool",
     .type = EG_OPT_TEXT,
     .offset = LISTEN(spool),
     .value_name = "DIR",
     .help =
         "Directory that keeps what was received until it is stored; 'off' keeps it in memory."},
    {.name = "spool-max",
     .type = EG_OPT_INT,
     .offset = LISTEN(spool_max),
     .preset = "16Gi",
     .min = 4 * EG_SPOOL_SEGMENT_LEAST,
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "How large the spool may grow."},
    {.name = "spool-reserve",
     .type = EG_OPT_INT,
     .offset = LISTEN(spool_reserve),
     .preset = "256Mi",
     .min = 1,
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "What the spool leaves free on its disk (a twentieth of the disk at most)."},
    {.name = "spool-segment",
     .type = EG_OPT_INT,
     .offset = LISTEN(spool_segment),
     .preset = "64Mi",
     .min = EG_SPOOL_SEGMENT_LEAST,
     .max = EG_SPOOL_SEGMENT_MOST,
     .value_name = "BYTES",
     .help = "Size of the spool's files."},
    {.name = "sync-interval",
     .type = EG_OPT_DURATION,
     .offset = LISTEN(sync_interval_us),
     .preset = "1s",
     .min = 1000,
     .max = 3600000000,
     .value_name = "TIME",
     .help = "The spool is made durable this often."},
    {.name = "sync-bytes",
     .type = EG_OPT_INT,
     .offset = LISTEN(sync_bytes),
     .preset = "64Mi",
     .min = 1,
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "And after so many bytes."},
    {.name = "queue",
     .type = EG_OPT_INT,
     .offset = LISTEN(queue),
     .preset = "256Mi",
     .min = 2 * EG_BLOCK_BYTES,
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "Memory for what waits to be spooled, or decoded where there is no spool."},
    {.name = "sessions",
     .type = EG_OPT_INT,
     .offset = LISTEN(sessions),
     .preset = "1024",
     .min = 1,
     .max = 65536,
     .value_name = "N",
     .help = "TCP connections at a time."},
    {.name = "sessions-each",
     .type = EG_OPT_INT,
     .offset = LISTEN(sessions_each),
     .preset = "64",
     .min = 1,
     .max = 65536,
     .value_name = "N",
     .help = "TCP connections of one address at a time."},
    {.name = "session-first",
     .type = EG_OPT_DURATION,
     .offset = LISTEN(session_first_us),
     .preset = "60s",
     .min = 1000,
     .max = INT64_MAX,
     .value_name = "TIME",
     .help = "A TCP connection that brought no whole message after so long is closed."},
    {.name = "session-idle",
     .type = EG_OPT_DURATION,
     .offset = LISTEN(session_idle_us),
     .preset = "30m",
     .min = 1000,
     .max = INT64_MAX,
     .value_name = "TIME",
     .help = "A TCP connection on which nothing comes for so long is closed."},
    {.name = "message-max",
     .type = EG_OPT_INT,
     .offset = LISTEN(message_max),
     .preset = "65535",
     .min = 16,
     .max = 65535,
     .value_name = "BYTES",
     .help = "Longest message accepted on a TCP connection."},
    {.name = "tls-cert",
     .type = EG_OPT_TEXT,
     .offset = LISTEN(tls_cert),
     .value_name = "FILE",
     .help = "Certificate (PEM): TCP endpoints then speak TLS."},
    {.name = "tls-key",
     .type = EG_OPT_TEXT,
     .offset = LISTEN(tls_key),
     .value_name = "FILE",
     .help = "Private key of the certificate (PEM)."},
    {.name = "tls-ca",
     .type = EG_OPT_TEXT,
     .offset = LISTEN(tls_ca),
     .value_name = "FILE",
     .help = "Authorities (PEM) that must have signed the certificates of those who connect."},
    EG_OPTION_END,
};

struct eg_source {
    const struct eg_env *env;
    const char *blame; /* "udp", "tcp" */
    struct eg_listener *listener;
    bool own; /* opened here, closed here */
    struct eg_builder *builder;
    uint64_t batch_bytes;
    atomic_ullong bytes;            /* of payload given out so far */
    struct eg_spool_reader *reader; /* NULL: there is no spool */
    uint64_t end;                   /* behind the last row put into a batch */
    /* the block that rows are taken from; empty: none */
    struct eg_span block;
    struct eg_buffer *buffer, *kept; /* its memory; the last one that the batch keeps */
    uint64_t block_offset;
    size_t at;
    uint32_t left;                     /* datagrams in it */
    struct eg_spool_damage damage;     /* not told yet */
    struct eg_listener_losses pending; /* told, and not committed yet */
};

/* ---- opening ---- */

static enum eg_status listener_open(struct eg_source *source, const char *uri,
                                    const struct eg_udp_options *options, struct eg_error *err) {
    struct eg_listener_options listen = options->listen;
    size_t count = listen.endpoints.count + 1;
    char **items = eg_calloc(count, sizeof *items);
    char *first = eg_strdup(uri);
    enum eg_status status = EG_OK;
    if (!items || !first) status = eg_fail(err, EG_E_NOMEM, "no memory to listen on %.100s", uri);
    if (status == EG_OK) {
        items[0] = first;
        for (size_t i = 1; i < count; i++) items[i] = listen.endpoints.items[i - 1];
        listen.endpoints = (struct eg_text_list){items, count};
        status = eg_listener_open(&source->listener, source->env, &listen, err);
    }
    eg_free(first);
    eg_free(items);
    if (status == EG_OK) source->own = true;
    return status;
}

/* Without a spool nobody reads the rest of the block again. */
static void block_drop(struct eg_source *source) {
    struct eg_received received;
    size_t at = source->at;
    uint64_t bytes = 0;
    if (!source->left || !source->listener) return;
    while (eg_block_next(source->block, &at, &received)) bytes += received.payload.size;
    eg_intake_lost(eg_listener_intake(source->listener), source->left, bytes);
}

static void udp_close(struct eg_source *source) {
    bool spooled = source->reader != NULL;
    /* What was told to a tally that nobody kept is told again, by the next reader. */
    if (source->listener && !source->own && spooled)
        eg_listener_losses_return(source->listener, &source->pending);
    if (!spooled) block_drop(source);
    if (!spooled) eg_buffer_unref(source->buffer);
    eg_spool_reader_free(source->reader);
    eg_builder_free(source->builder);
    if (source->own) eg_listener_close(source->listener);
    eg_free(source);
}

static enum eg_status source_open(const struct eg_env *env, const char *uri, const void *given,
                                  const char *blame, struct eg_source **out, struct eg_error *err) {
    const struct eg_udp_options *options = given;
    struct eg_source *source = eg_calloc(1, sizeof *source);
    if (!source) return eg_fail(err, EG_E_NOMEM, "no memory to listen on %.100s", uri);
    source->env = env;
    source->blame = blame;
    enum eg_status status = eg_builder_new(&source->builder, eg_table_get(EG_TABLE_RAW),
                                           EG_TABLE_RAW, env->batch_rows, EG_COLUMNS_ALL, err);
    if (status == EG_OK) {
        source->listener = options->listener;
        if (!source->listener) status = listener_open(source, uri, options, err);
    }
    if (status < 0) {
        udp_close(source);
        return status;
    }
    *out = source;
    return EG_OK;
}

static enum eg_status udp_open(const struct eg_env *env, const char *uri, const void *options,
                               struct eg_source **out, struct eg_error *err) {
    return source_open(env, uri, options, "udp", out, err);
}

static enum eg_status tcp_open(const struct eg_env *env, const char *uri, const void *options,
                               struct eg_source **out, struct eg_error *err) {
    return source_open(env, uri, options, "tcp", out, err);
}

static enum eg_status udp_plan(struct eg_source *source, const struct eg_position *known,
                               size_t known_count, struct eg_plan *out, struct eg_error *err) {
    struct eg_plan plan = {
        .state = EG_PLAN_NEW, .units = EG_UNITS_STREAM, .live = true, .bytes_read = &source->bytes};
    struct eg_spool *spool = eg_listener_spool(source->listener);
    if (spool) {
        snprintf(plan.key, sizeof plan.key, "%s", eg_spool_key(spool));
        for (size_t i = 0; i < known_count; i++) {
            if (strcmp(known[i].key, plan.key) != 0) continue;
            plan.state = EG_PLAN_GROWN;
            if (known[i].offset > plan.resume_offset) plan.resume_offset = known[i].offset;
        }
        EG_TRY(eg_spool_reader_new(&source->reader, spool, plan.resume_offset, err));
        source->end = plan.resume_offset;
    }
    *out = plan;
    return EG_OK;
}

/* ---- losses ---- */

static void loss_tell(const struct eg_source *source, enum eg_cause cause, uint64_t datagrams,
                      uint64_t bytes, struct eg_tally *tally) {
    if (!datagrams && !bytes) return;
    struct eg_blame blame = {.source = source->blame, .domain = -1};
    int64_t now_us = source->env->now_us(source->env->clock);
    eg_tally_add(tally, cause, &blame, now_us, (int64_t)datagrams, (int64_t)datagrams,
                 (int64_t)bytes);
}

static void losses_tell(struct eg_source *source, struct eg_tally *tally) {
    struct eg_listener_losses fresh;
    int64_t now_us = source->env->now_us(source->env->clock);
    eg_listener_losses_take(source->listener, &fresh);
    eg_listener_losses_count(&fresh, source->blame, now_us, tally);
    eg_listener_losses_add(&source->pending, &fresh);
    /* How many datagrams a damaged place held is not known before the next whole block; where it
     * stays unknown, the place counts for one. */
    uint64_t lost = source->damage.datagrams;
    if (lost < source->damage.places) lost = source->damage.places;
    loss_tell(source, EG_CAUSE_spool_damaged, lost, source->damage.bytes, tally);
    source->damage = (struct eg_spool_damage){0};
}

/* ---- reading ---- */

static enum eg_status spool_block(struct eg_source *source, bool wait, struct eg_error *err) {
    struct eg_spool_piece piece;
    enum eg_status status = eg_spool_read(source->reader, &piece, &source->damage, err);
    if (status == EG_AGAIN && wait) {
        eg_spool_reader_wait(source->reader, WAIT_US);
        status = eg_spool_read(source->reader, &piece, &source->damage, err);
    }
    if (status != EG_OK) return status;
    source->block = piece.block;
    source->buffer = piece.buffer;
    source->block_offset = piece.head.offset;
    source->left = piece.head.count;
    source->at = EG_BLOCK_HEAD;
    return EG_OK;
}

static enum eg_status queue_block(struct eg_source *source, bool wait) {
    struct eg_block block;
    source->block_offset += source->block.size;
    eg_buffer_unref(source->buffer);
    source->buffer = NULL;
    source->block = eg_span(NULL, 0);
    if (!eg_intake_take(eg_listener_intake(source->listener), &block, wait ? WAIT_US : 0))
        return EG_AGAIN;
    source->block = eg_span(block.buffer->bytes, block.size);
    source->buffer = block.buffer;
    source->left = block.count;
    source->at = EG_BLOCK_HEAD;
    return EG_OK;
}

static void row_put(struct eg_source *source, const struct eg_received *received, uint64_t offset) {
    struct eg_builder *b = source->builder;
    eg_put_int(b, EG_COL(RAW, time_ns), received->time_ns);
    eg_put_int(b, EG_COL(RAW, length), (int64_t)received->payload.size);
    eg_put_view(b, EG_COL(RAW, payload), received->payload);
    eg_put_addr(b, EG_COL(RAW, peer), &received->peer);
    eg_put_int(b, EG_COL(RAW, peer_port), received->peer_port);
    eg_put_int(b, EG_COL(RAW, local_port), received->local_port);
    eg_put_int(b, EG_COL(RAW, transport), received->transport);
    eg_put_int(b, EG_COL(RAW, offset), (int64_t)offset);
    eg_builder_row(b, 1);
    source->batch_bytes += received->payload.size;
}

static bool batch_full(const struct eg_source *source) {
    return eg_builder_room(source->builder) == 0 || source->batch_bytes >= BATCH_BYTES_MAX;
}

/* Rows of the block until it is used up or the batch full. */
static void rows_put(struct eg_source *source) {
    if (source->kept != source->buffer) {
        eg_builder_keep(source->builder, &source->buffer->owner);
        source->kept = source->buffer;
    }
    struct eg_received received;
    while (source->left && !batch_full(source)) {
        uint64_t offset = source->block_offset + source->at;
        if (!eg_block_next(source->block, &source->at, &received)) {
            source->damage.datagrams += source->left; /* sealed whole, but it is not */
            source->left = 0;
            break;
        }
        source->left--;
        /* A batch, and so a position, may end inside a block. */
        if (offset >= source->end) row_put(source, &received, offset);
    }
    uint64_t end = source->block_offset + (source->left ? source->at : source->block.size);
    if (end > source->end) source->end = end;
}

static enum eg_status rows_read(struct eg_source *source, struct eg_error *err) {
    while (!batch_full(source)) {
        if (!source->left) {
            bool wait = source->builder->rows == 0;
            enum eg_status status =
                source->reader ? spool_block(source, wait, err) : queue_block(source, wait);
            if (status != EG_OK) return status;
        }
        rows_put(source);
    }
    return EG_OK;
}

static enum eg_status udp_next(struct eg_source *source, uint64_t unit, struct eg_batch **out,
                               struct eg_tally *tally, struct eg_error *err) {
    *out = NULL;
    if (eg_env_cancelled(source->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    if (eg_env_draining(source->env)) eg_listener_drain(source->listener);
    bool drained = eg_listener_drained(source->listener); /* asked before looking for the last */
    EG_TRY(rows_read(source, err));
    losses_tell(source, tally);
    if (!source->builder->rows) return drained ? EG_END : EG_AGAIN;
    atomic_fetch_add(&source->bytes, source->batch_bytes);
    source->batch_bytes = 0;
    source->kept = NULL;
    uint32_t rows = source->builder->rows;
    enum eg_status status = eg_builder_seal(source->builder, out, err);
    if (status < 0) loss_tell(source, EG_CAUSE_no_memory, rows, 0, tally);
    if (status == EG_OK) (*out)->unit = unit;
    return status;
}

/* ---- how far ---- */

static enum eg_status udp_position(struct eg_source *source, uint64_t last, struct eg_position *out,
                                   struct eg_error *err) {
    (void)last; /* a stream: behind everything given out */
    (void)err;
    struct eg_position position = {.offset = 0};
    if (source->reader) {
        struct eg_spool *spool = eg_listener_spool(source->listener);
        struct eg_spool_state state;
        eg_spool_state(spool, &state);
        if (state.synced < source->end) (void)eg_listener_sync(source->listener, SYNC_WAIT_US);
        snprintf(position.key, sizeof position.key, "%s", eg_spool_key(spool));
        position.offset = source->end;
    }
    snprintf(position.name, sizeof position.name, "%s", eg_listener_name(source->listener));
    *out = position;
    return EG_OK;
}

static enum eg_status udp_commit(struct eg_source *source, const struct eg_position *position,
                                 struct eg_error *err) {
    (void)err;
    struct eg_spool *spool = eg_listener_spool(source->listener);
    source->pending = (struct eg_listener_losses){0};
    if (spool && strcmp(position->key, eg_spool_key(spool)) == 0)
        eg_spool_forget(spool, position->offset);
    return EG_OK;
}

const struct eg_source_type eg_source_udp = {
    .abi = EG_STAGE_ABI,
    .name = "udp",
    .help = "flow exports received over UDP: udp://ADDRESS:PORT",
    .options = eg_udp_option_list,
    .options_size = sizeof(struct eg_udp_options),
    .open = udp_open,
    .plan = udp_plan,
    .next = udp_next,
    .position = udp_position,
    .commit = udp_commit,
    .close = udp_close,
};

const struct eg_source_type eg_source_tcp = {
    .abi = EG_STAGE_ABI,
    .name = "tcp",
    .help = "IPFIX received over TCP, with TLS where a certificate is given: tcp://ADDRESS:PORT",
    .options = eg_udp_option_list,
    .options_size = sizeof(struct eg_udp_options),
    .open = tcp_open,
    .plan = udp_plan,
    .next = udp_next,
    .position = udp_position,
    .commit = udp_commit,
    .close = udp_close,
};
