/* SPDX-License-Identifier: Apache-2.0
 * Opening, asking and closing a listener. */
#include "source/listener.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "source/sessions.h"
#include "source/sockets.h"
#include "source/spooler.h"

#include <stdio.h>
#include <unistd.h>

#define MIB (INT64_C(1) << 20)
#define WARNINGS_MAX EG_ENDPOINTS_MAX

struct listening {
    struct eg_endpoint endpoint;
    struct eg_session_traffic traffic; /* of UDP only `messages` */
    uint32_t workers;
    int fds[EG_WORKERS_MAX];
    struct eg_receiver *receivers[EG_WORKERS_MAX];
    char name[160];
};

struct eg_listener {
    const struct eg_env *env;
    struct listening *endpoints[EG_ENDPOINTS_MAX];
    uint32_t endpoint_count;
    struct eg_senders allow;
    struct eg_intake *intake;
    struct eg_spool *spool;
    struct eg_spooler *spooler;
    struct eg_tls *tls;
    struct eg_sessions *sessions;
    atomic_bool stop;
    atomic_uint running; /* threads that may still put something into the intake */
    char *warnings[WARNINGS_MAX];
    size_t warning_count;
    char *name;
    struct eg_listener_losses told; /* the reader's thread */
};

static int64_t usual(int64_t given, int64_t preset) { return given > 0 ? given : preset; }

/* ---- sockets ---- */

static enum eg_status warning_add(struct eg_listener *listener, const struct listening *at,
                                  uint64_t wanted, struct eg_error *err) {
    uint64_t got = eg_socket_receive_bytes(at->fds[0]);
    if (got >= wanted) return EG_OK;
    struct eg_strbuf text = {0};
    eg_strbuf_printf(&text,
                     "%s: the kernel grants a receive buffer of %llu KiB, not %llu KiB; bursts may "
                     "be lost. To allow it: sysctl -w net.core.rmem_max=%llu (or run with "
                     "CAP_NET_ADMIN)",
                     at->name, (unsigned long long)got >> 10, (unsigned long long)wanted >> 10,
                     (unsigned long long)wanted);
    char *line = eg_strbuf_take(&text);
    if (!line) return eg_fail(err, EG_E_NOMEM, "no memory to listen on %s", at->name);
    listener->warnings[listener->warning_count++] = line;
    return EG_OK;
}

/* Several sockets share a port only with our own: the first one is bound alone, to see that nobody
 * else has it. */
static enum eg_status port_try(const struct eg_endpoint *endpoint, struct eg_error *err) {
    int fd;
    if (!eg_endpoint_port(endpoint)) return EG_OK;
    EG_TRY(eg_socket_udp(&fd, endpoint, false, 0, err));
    close(fd);
    return EG_OK;
}

static enum eg_status sockets_open(struct eg_listener *listener, struct listening *at,
                                   const struct eg_listener_options *options,
                                   struct eg_error *err) {
    int64_t workers = usual(options->workers, 1);
    if (workers > EG_WORKERS_MAX)
        return eg_fail(err, EG_E_USAGE, "%lld workers are too many: %d at most", (long long)workers,
                       EG_WORKERS_MAX);
    if (at->endpoint.multicast) workers = 1; /* the kernel gives each socket of a group all of it */
    uint64_t buffer = (uint64_t)usual(options->receive_buffer, 32 * MIB);
    if (workers > 1) EG_TRY(port_try(&at->endpoint, err));
    for (; at->workers < (uint32_t)workers; at->workers++) {
        EG_TRY(eg_socket_udp(&at->fds[at->workers], &at->endpoint, workers > 1, buffer, err));
        if (!at->workers) eg_endpoint_port_set(&at->endpoint, eg_socket_port(at->fds[0]));
    }
    return warning_add(listener, at, buffer, err);
}

static enum eg_status tcp_open(struct listening *at, struct eg_error *err) {
    EG_TRY(eg_socket_tcp(&at->fds[0], &at->endpoint, err));
    at->workers = 1;
    eg_endpoint_port_set(&at->endpoint, eg_socket_port(at->fds[0]));
    return EG_OK;
}

static void name_make(struct listening *at) {
    struct eg_addr address;
    uint16_t port;
    char text[EG_ADDR_TEXT];
    eg_sockaddr_split(&at->endpoint.address, &address, &port);
    eg_addr_text(&address, text);
    bool v6 = at->endpoint.address.ss_family == AF_INET6;
    snprintf(at->name, sizeof at->name, "%s://%s%s%s:%u", at->endpoint.tcp ? "tcp" : "udp",
             v6 && !at->endpoint.every ? "[" : "", at->endpoint.every ? "" : text,
             v6 && !at->endpoint.every ? "]" : "", port);
}

static enum eg_status endpoint_open(struct eg_listener *listener, const char *uri,
                                    const struct eg_listener_options *options,
                                    struct eg_error *err) {
    if (listener->endpoint_count == EG_ENDPOINTS_MAX)
        return eg_fail(err, EG_E_USAGE, "more than %d endpoints to listen on", EG_ENDPOINTS_MAX);
    struct listening *at = eg_calloc(1, sizeof *at);
    if (!at) return eg_fail(err, EG_E_NOMEM, "no memory to listen on %.100s", uri);
    listener->endpoints[listener->endpoint_count++] = at;
    EG_TRY(eg_endpoint_parse(&at->endpoint, uri, options->interface, err));
    name_make(at);
    EG_TRY(at->endpoint.tcp ? tcp_open(at, err) : sockets_open(listener, at, options, err));
    name_make(at); /* with the port the kernel chose */
    return EG_OK;
}

static enum eg_status listener_name(struct eg_listener *listener, struct eg_error *err) {
    struct eg_strbuf text = {0};
    for (uint32_t i = 0; i < listener->endpoint_count; i++) {
        if (i) eg_strbuf_char(&text, ' ');
        eg_strbuf_text(&text, listener->endpoints[i]->name);
    }
    listener->name = eg_strbuf_take(&text);
    return listener->name ? EG_OK : eg_fail(err, EG_E_NOMEM, "no memory to listen");
}

/* ---- where it goes ---- */

static enum eg_status storage_open(struct eg_listener *listener,
                                   const struct eg_listener_options *options,
                                   struct eg_error *err) {
    EG_TRY(eg_intake_new(&listener->intake, (uint64_t)usual(options->queue, 256 * MIB), err));
    if (!options->spool || !*options->spool || strcmp(options->spool, "off") == 0) return EG_OK;
    struct eg_spool_options spool = {
        .directory = options->spool,
        .bytes_max = (uint64_t)usual(options->spool_max, 16384 * MIB),
        .reserve_bytes = (uint64_t)usual(options->spool_reserve, 256 * MIB),
        .segment_bytes = (uint64_t)usual(options->spool_segment, 64 * MIB),
    };
    /* A quarter at most, so that what is read can be given up while more comes. */
    if (spool.segment_bytes > spool.bytes_max / 4) spool.segment_bytes = spool.bytes_max / 4;
    if (spool.segment_bytes > EG_SPOOL_SEGMENT_MOST) spool.segment_bytes = EG_SPOOL_SEGMENT_MOST;
    if (spool.segment_bytes < EG_SPOOL_SEGMENT_LEAST) spool.segment_bytes = EG_SPOOL_SEGMENT_LEAST;
    return eg_spool_open(&listener->spool, listener->env, &spool, err);
}

/* ---- threads ---- */

/* The last one out says that nothing more will come. */
static void thread_ended(void *to) {
    struct eg_listener *listener = to;
    if (atomic_fetch_sub(&listener->running, 1) == 1) eg_intake_close(listener->intake);
}

static enum eg_status receivers_start(struct eg_listener *listener, struct listening *at,
                                      struct eg_error *err) {
    for (uint32_t i = 0; i < at->workers; i++) {
        struct eg_receiver_options options = {
            .env = listener->env,
            .fd = at->fds[i],
            .allow = &listener->allow,
            .traffic = &at->traffic.messages,
            .intake = listener->intake,
            .stop = &listener->stop,
            .ended = thread_ended,
            .ended_to = listener,
        };
        atomic_fetch_add(&listener->running, 1);
        enum eg_status status = eg_receiver_start(&at->receivers[i], &options, err);
        if (status < 0) atomic_fetch_sub(&listener->running, 1);
        EG_TRY(status);
    }
    return EG_OK;
}

static uint32_t at_most(int64_t given, uint32_t most) {
    return given < most ? (uint32_t)given : most;
}

static enum eg_status sessions_start(struct eg_listener *listener,
                                     const struct eg_listener_options *options,
                                     struct eg_error *err) {
    struct eg_session_listener listeners[EG_ENDPOINTS_MAX];
    struct eg_sessions_options sessions = {
        .env = listener->env,
        .listeners = listeners,
        .allow = &listener->allow,
        .tls = listener->tls,
        .intake = listener->intake,
        .sessions_max = at_most(usual(options->sessions, 1024), 65536),
        .limits = {.message_max = at_most(usual(options->message_max, 65535), 65535),
                   .idle_us = usual(options->session_idle_us, INT64_C(1800000000)),
                   .first_us = usual(options->session_first_us, INT64_C(60000000))},
        .of_address_max = at_most(usual(options->sessions_each, 64), 65536),
        .stop = &listener->stop,
        .ended = thread_ended,
        .ended_to = listener,
    };
    for (uint32_t i = 0; i < listener->endpoint_count; i++) {
        struct listening *at = listener->endpoints[i];
        if (at->endpoint.tcp)
            listeners[sessions.listener_count++] =
                (struct eg_session_listener){at->fds[0], at->name, &at->traffic};
    }
    if (!sessions.listener_count) return EG_OK;
    atomic_fetch_add(&listener->running, 1);
    enum eg_status status = eg_sessions_start(&listener->sessions, &sessions, err);
    if (status < 0) atomic_fetch_sub(&listener->running, 1);
    return status;
}

static enum eg_status tls_open(struct eg_listener *listener,
                               const struct eg_listener_options *options, struct eg_error *err) {
    if (options->tls_cert)
        return eg_tls_new(&listener->tls, options->tls_cert, options->tls_key, options->tls_ca,
                          err);
    if (options->tls_key || options->tls_ca)
        return eg_fail(err, EG_E_USAGE, "tls-key and tls-ca need a tls-cert");
    return EG_OK;
}

static enum eg_status threads_start(struct eg_listener *listener,
                                    const struct eg_listener_options *options,
                                    struct eg_error *err) {
    if (listener->spool) {
        struct eg_spooler_options spooler = {
            .sync_interval_us = usual(options->sync_interval_us, 1000000),
            .sync_bytes = (uint64_t)usual(options->sync_bytes, 64 * MIB),
        };
        EG_TRY(eg_spooler_start(&listener->spooler, listener->env, listener->intake,
                                listener->spool, &spooler, err));
    }
    for (uint32_t i = 0; i < listener->endpoint_count; i++)
        if (!listener->endpoints[i]->endpoint.tcp)
            EG_TRY(receivers_start(listener, listener->endpoints[i], err));
    return sessions_start(listener, options, err);
}

/* ---- opening and closing ---- */

static enum eg_status listener_start(struct eg_listener *listener,
                                     const struct eg_listener_options *options,
                                     struct eg_error *err) {
    if (!options->endpoints.count) return eg_fail(err, EG_E_USAGE, "nothing to listen on");
    EG_TRY(eg_senders_parse(&listener->allow, &options->allow, err));
    EG_TRY(tls_open(listener, options, err));
    for (size_t i = 0; i < options->endpoints.count; i++)
        EG_TRY(endpoint_open(listener, options->endpoints.items[i], options, err));
    EG_TRY(listener_name(listener, err));
    EG_TRY(storage_open(listener, options, err));
    return threads_start(listener, options, err);
}

enum eg_status eg_listener_open(struct eg_listener **out, const struct eg_env *env,
                                const struct eg_listener_options *options, struct eg_error *err) {
    struct eg_listener *listener = eg_calloc(1, sizeof *listener);
    if (!listener) return eg_fail(err, EG_E_NOMEM, "no memory to listen");
    listener->env = env;
    /* One for the opening itself, so that threads that end early do not end the intake. */
    atomic_store(&listener->running, 1);
    enum eg_status status = listener_start(listener, options, err);
    if (status < 0) {
        eg_listener_close(listener);
        return status;
    }
    *out = listener;
    return EG_OK;
}

void eg_listener_drain(struct eg_listener *listener) {
    if (!atomic_exchange(&listener->stop, true) && listener->intake) thread_ended(listener);
}

bool eg_listener_drained(struct eg_listener *listener) {
    return listener->spooler ? eg_spooler_over(listener->spooler)
                             : eg_intake_over(listener->intake);
}

static void listening_free(struct listening *at) {
    for (uint32_t i = 0; i < at->workers; i++) {
        eg_receiver_free(at->receivers[i]);
        close(at->fds[i]);
    }
    eg_free(at);
}

void eg_listener_close(struct eg_listener *listener) {
    if (!listener) return;
    eg_listener_drain(listener);
    eg_sessions_free(listener->sessions);
    eg_tls_free(listener->tls);
    for (uint32_t i = 0; i < listener->endpoint_count; i++) listening_free(listener->endpoints[i]);
    eg_spooler_free(listener->spooler);
    eg_spool_close(listener->spool);
    eg_intake_free(listener->intake);
    eg_senders_reset(&listener->allow);
    for (size_t i = 0; i < listener->warning_count; i++) eg_free(listener->warnings[i]);
    eg_free(listener->name);
    eg_free(listener);
}

/* ---- asking ---- */

bool eg_listener_sync(struct eg_listener *listener, int64_t wait_us) {
    return !listener->spooler || eg_spooler_sync(listener->spooler, wait_us);
}

struct eg_spool *eg_listener_spool(struct eg_listener *listener) {
    return listener->spool;
}

struct eg_intake *eg_listener_intake(struct eg_listener *listener) {
    return listener->intake;
}

const char *eg_listener_name(const struct eg_listener *listener) { return listener->name; }

const char *eg_listener_warning(const struct eg_listener *listener, size_t index) {
    return index < listener->warning_count ? listener->warnings[index] : NULL;
}

static void endpoint_counts(struct listening *at, struct eg_endpoint_counts *out) {
    struct eg_session_traffic *traffic = &at->traffic;
    *out = (struct eg_endpoint_counts){
        .name = at->name,
        .port = eg_endpoint_port(&at->endpoint),
        .tcp = at->endpoint.tcp,
        .datagrams = atomic_load(&traffic->messages.datagrams),
        .bytes = atomic_load(&traffic->messages.bytes),
        .refused = atomic_load(&traffic->messages.refused),
        .refused_bytes = atomic_load(&traffic->messages.refused_bytes),
        .kernel_drops = atomic_load(&traffic->messages.kernel_drops),
        .receive_buffer = eg_socket_receive_bytes(at->fds[0]),
        .sockets = at->workers,
        .sessions = atomic_load(&traffic->open),
        .sessions_begun = atomic_load(&traffic->begun),
        .sessions_refused = atomic_load(&traffic->refused),
        .sessions_crowded = atomic_load(&traffic->crowded),
        .sessions_broken = atomic_load(&traffic->broken),
        .messages_bad = atomic_load(&traffic->bad),
        .messages_bad_bytes = atomic_load(&traffic->bad_bytes),
    };
}

void eg_listener_counts(struct eg_listener *listener, struct eg_listener_counts *out) {
    *out = (struct eg_listener_counts){.endpoint_count = listener->endpoint_count};
    for (uint32_t i = 0; i < listener->endpoint_count; i++) {
        struct eg_endpoint_counts *one = &out->endpoints[i];
        endpoint_counts(listener->endpoints[i], one);
        out->datagrams += one->datagrams;
        out->bytes += one->bytes;
        out->refused += one->refused;
        out->refused_bytes += one->refused_bytes;
        out->kernel_drops += one->kernel_drops;
        out->sessions_refused += one->sessions_refused;
        out->sessions_crowded += one->sessions_crowded;
        out->messages_bad += one->messages_bad;
        out->messages_bad_bytes += one->messages_bad_bytes;
    }
    struct eg_intake_counts intake;
    eg_intake_counts(listener->intake, &intake);
    out->queue_dropped = intake.queue_dropped;
    out->queue_dropped_bytes = intake.queue_dropped_bytes;
    out->spool_dropped = intake.spool_dropped;
    out->spool_dropped_bytes = intake.spool_dropped_bytes;
    out->queued_bytes = intake.queued_bytes;
    if (!listener->spool) return;
    out->spool_stuck = eg_spooler_stuck(listener->spooler);
    eg_spool_state(listener->spool, &out->spool);
}

static void losses_sub(struct eg_listener_losses *from, const struct eg_listener_losses *less) {
    from->kernel_drops -= less->kernel_drops;
    from->refused -= less->refused;
    from->refused_bytes -= less->refused_bytes;
    from->queue_dropped -= less->queue_dropped;
    from->queue_dropped_bytes -= less->queue_dropped_bytes;
    from->spool_dropped -= less->spool_dropped;
    from->spool_dropped_bytes -= less->spool_dropped_bytes;
    from->sessions_refused -= less->sessions_refused;
    from->sessions_crowded -= less->sessions_crowded;
    from->messages_bad -= less->messages_bad;
    from->messages_bad_bytes -= less->messages_bad_bytes;
}

void eg_listener_losses_add(struct eg_listener_losses *to, const struct eg_listener_losses *more) {
    to->kernel_drops += more->kernel_drops;
    to->refused += more->refused;
    to->refused_bytes += more->refused_bytes;
    to->queue_dropped += more->queue_dropped;
    to->queue_dropped_bytes += more->queue_dropped_bytes;
    to->spool_dropped += more->spool_dropped;
    to->spool_dropped_bytes += more->spool_dropped_bytes;
    to->sessions_refused += more->sessions_refused;
    to->sessions_crowded += more->sessions_crowded;
    to->messages_bad += more->messages_bad;
    to->messages_bad_bytes += more->messages_bad_bytes;
    for (uint32_t i = 0; i < more->bad_count && to->bad_count < EG_SESSIONS_BAD_MAX; i++)
        to->bad[to->bad_count++] = more->bad[i];
}

/* Whose messages were bad is asked before how many were: so there are no more of them than that. */
void eg_listener_losses_take(struct eg_listener *listener, struct eg_listener_losses *out) {
    struct eg_listener_counts now;
    struct eg_session_bad bad[EG_SESSIONS_BAD_MAX];
    uint32_t bad_count = listener->sessions ? eg_sessions_bad_take(listener->sessions, bad) : 0;
    eg_listener_counts(listener, &now);
    struct eg_listener_losses all = {
        .kernel_drops = now.kernel_drops,
        .refused = now.refused,
        .refused_bytes = now.refused_bytes,
        .queue_dropped = now.queue_dropped,
        .queue_dropped_bytes = now.queue_dropped_bytes,
        .spool_dropped = now.spool_dropped,
        .spool_dropped_bytes = now.spool_dropped_bytes,
        .messages_bad = now.messages_bad,
        .messages_bad_bytes = now.messages_bad_bytes,
        .sessions_refused = now.sessions_refused,
        .sessions_crowded = now.sessions_crowded,
    };
    *out = all;
    losses_sub(out, &listener->told);
    listener->told = all;
    memcpy(out->bad, bad, bad_count * sizeof *bad);
    out->bad_count = bad_count;
}

static void loss_of(const struct eg_addr *exporter, enum eg_cause cause, const char *source,
                    uint64_t datagrams, uint64_t bytes, int64_t now_us, struct eg_tally *tally) {
    if (!datagrams && !bytes) return;
    /* one listener may serve both */
    bool tcp = cause == EG_CAUSE_stream_broken || cause == EG_CAUSE_session_refused;
    struct eg_blame blame = {.source = tcp ? "tcp" : source, .exporter = exporter, .domain = -1};
    eg_tally_add(tally, cause, &blame, now_us, (int64_t)datagrams, (int64_t)datagrams,
                 (int64_t)bytes);
}

static void loss_count(enum eg_cause cause, const char *source, uint64_t datagrams, uint64_t bytes,
                       int64_t now_us, struct eg_tally *tally) {
    loss_of(NULL, cause, source, datagrams, bytes, now_us, tally);
}

void eg_listener_losses_count(const struct eg_listener_losses *l, const char *source,
                              int64_t now_us, struct eg_tally *tally) {
    uint64_t bad = l->messages_bad, bad_bytes = l->messages_bad_bytes;
    for (uint32_t i = 0; i < l->bad_count; i++) {
        const struct eg_session_bad *one = &l->bad[i];
        loss_of(&one->peer, EG_CAUSE_stream_broken, source, one->messages, one->bytes, now_us,
                tally);
        bad -= one->messages < bad ? one->messages : bad;
        bad_bytes -= one->bytes < bad_bytes ? one->bytes : bad_bytes;
    }
    loss_count(EG_CAUSE_socket_drop, source, l->kernel_drops, 0, now_us, tally);
    loss_count(EG_CAUSE_source_refused, source, l->refused + l->sessions_refused, l->refused_bytes,
               now_us, tally);
    loss_count(EG_CAUSE_session_refused, source, l->sessions_crowded, 0, now_us, tally);
    loss_count(EG_CAUSE_queue_full, source, l->queue_dropped, l->queue_dropped_bytes, now_us,
               tally);
    loss_count(EG_CAUSE_spool_full, source, l->spool_dropped, l->spool_dropped_bytes, now_us,
               tally);
    loss_count(EG_CAUSE_stream_broken, source, bad, bad_bytes, now_us, tally);
}

void eg_listener_losses_return(struct eg_listener *listener,
                               const struct eg_listener_losses *losses) {
    losses_sub(&listener->told, losses);
    if (listener->sessions)
        eg_sessions_bad_return(listener->sessions, losses->bad, losses->bad_count);
}
