/* SPDX-License-Identifier: Apache-2.0
 * The sink `udp://HOST:PORT`: passes datagrams on to another collector, as they came.
 * They are sent from here, or, with `spoof`, under the address and port of their first sender.
 *
 * UDP promises nothing, and this sink can only tell what its own machine refused to send; that is
 * counted (not_passed_on), and told with each flush. A collector that is away does not stop anything. */
#include "base/alloc.h"
#include "sink/udp_target.h"
#include "table/address.h"
#include "table/stage.h"
#include "wire/datagram_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define BUSY_NS 1000000
#define BUSY_MOST 200 /* naps for one datagram, while the kernel has no room */

struct eg_sink {
    const struct eg_env *env;
    bool spoof;
    int64_t rate;
    struct eg_udp_target target;
    int fd;
    int64_t began_us;                     /* of the stretch that the rate is kept over */
    uint64_t stretch;                     /* datagrams in it */
    uint64_t sent, refused, frames, told; /* `told`: of the refused ones, in the log */
    int failed;                           /* the last errno */
    struct eg_tally tally;                /* of both, since it was asked for */
    /* one call of sendmmsg */
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH][2];
    uint8_t headers[BATCH][EG_DATAGRAM_HEAD];
};

struct udp_options {
    bool spoof;
    int64_t rate, send_buffer;
};
static const struct eg_option options[] = {
    {.name = "spoof",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct udp_options, spoof),
     .help = "Keep the first sender's address and port (needs root or CAP_NET_RAW)."},
    {.name = "rate",
     .type = EG_OPT_INT,
     .offset = offsetof(struct udp_options, rate),
     .preset = "0",
     .min = 0,
     .max = INT64_C(1000000000),
     .value_name = "N",
     .help = "Send at most so many datagrams a second; 0: as fast as they come."},
    {.name = "send-buffer",
     .type = EG_OPT_INT,
     .offset = offsetof(struct udp_options, send_buffer),
     .preset = "4Mi",
     .min = 4096,
     .max = 1 << 30,
     .value_name = "BYTES",
     .help = "Send buffer to ask the kernel for."},
    EG_OPTION_END,
};

/* ---- opening ---- */

static enum eg_status target_find(struct eg_sink *sink, const char *uri, struct eg_error *err) {
    struct eg_error why;
    const char *text = strncmp(uri, "udp://", 6) == 0 ? uri + 6 : uri;
    enum eg_status status = eg_udp_target_find(&sink->target, text, &why);
    if (status == EG_E_USAGE)
        return eg_fail(err, EG_E_USAGE,
                       "'%.100s' names no host to send to (%.300s): it is written udp://HOST:PORT "
                       "or udp://[IPv6]:PORT",
                       uri, why.message);
    return status < 0 ? eg_fail(err, status, "%s", why.message) : status;
}

static enum eg_status target_open(struct eg_sink *sink, const struct udp_options *opts,
                                  struct eg_error *err) {
    int buffer = (int)opts->send_buffer;
    if (opts->spoof)
        EG_TRY(eg_udp_target_raw(&sink->target, &sink->fd, err));
    else
        sink->fd = socket(sink->target.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sink->fd < 0) return eg_fail_errno(err, errno, "cannot make a socket to send");
    setsockopt(sink->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    /* so that refusals come back; where there is no way now, there may be one later */
    if (!opts->spoof)
        (void)!connect(sink->fd, (const struct sockaddr *)&sink->target.address, sink->target.size);
    return EG_OK;
}

static void udp_close(struct eg_sink *sink) {
    if (sink->fd >= 0) close(sink->fd);
    eg_tally_reset(&sink->tally);
    eg_free(sink);
}

static enum eg_status udp_open(const struct eg_env *env, const char *uri, const void *given,
                               struct eg_sink **out, struct eg_error *err) {
    const struct udp_options *opts = given;
    struct eg_sink *sink = eg_calloc(1, sizeof *sink);
    if (!sink) return eg_fail(err, EG_E_NOMEM, "%.100s: no memory", uri);
    sink->env = env;
    sink->spoof = opts->spoof;
    sink->rate = opts->rate;
    sink->fd = -1;
    enum eg_status status = target_find(sink, uri, err);
    if (status == EG_OK) status = target_open(sink, opts, err);
    if (status < 0) {
        udp_close(sink);
        return status;
    }
    *out = sink;
    return EG_OK;
}

/* ---- sending ---- */

static void nap(int64_t ns) {
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&time, NULL);
}

/* Waits as long as the rate asks for. A pause before does not count as credit for more than one
 * call's worth. */
static void rate_keep(struct eg_sink *sink, int count) {
    if (!sink->rate) return;
    int64_t now_us = sink->env->now_us(sink->env->clock);
    int64_t due_us = sink->began_us + (int64_t)(sink->stretch * 1000000 / (uint64_t)sink->rate);
    if (!sink->began_us || now_us - due_us > 100000 || due_us - now_us > 10000000) {
        sink->began_us = due_us = now_us;
        sink->stretch = 0;
    }
    if (due_us > now_us) nap((due_us - now_us) * 1000);
    sink->stretch += (uint64_t)count;
}

static void lost(struct eg_sink *sink, size_t bytes) {
    struct eg_blame blame = {.source = "udp", .domain = -1};
    eg_tally_add(&sink->tally, EG_CAUSE_not_passed_on, &blame, sink->env->now_us(sink->env->clock),
                 0, 1, (int64_t)bytes);
}

/* The system tells of refusals one at a time: there may be more. */
static void refused_count(struct eg_sink *sink) {
    sink->failed = ECONNREFUSED;
    sink->refused++;
    if (sink->sent) sink->sent--;
    lost(sink, 0);
}

static void udp_losses(struct eg_sink *sink, struct eg_tally *tally) {
    eg_tally_merge(tally, &sink->tally);
    eg_tally_reset(&sink->tally);
}

/* What cannot be sent is passed over, after a while where the kernel has only no room. */
static void messages_send(struct eg_sink *sink, int count) {
    rate_keep(sink, count);
    int done = 0, busy = 0;
    while (done < count) {
        int sent = sendmmsg(sink->fd, sink->messages + done, (unsigned)(count - done), 0);
        if (sent > 0) {
            sink->sent += (uint64_t)sent;
            done += sent;
            busy = 0;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == ECONNREFUSED) { /* of an earlier one, which nobody took; this was not sent */
            refused_count(sink);
            continue;
        }
        bool full = errno == ENOBUFS || errno == EAGAIN || errno == ENOMEM;
        if (full && busy++ < BUSY_MOST && !eg_env_cancelled(sink->env)) {
            nap(BUSY_NS);
            continue;
        }
        sink->failed = errno;
        sink->refused++;
        lost(sink, sink->messages[done].msg_hdr.msg_iov[sink->spoof].iov_len);
        done++;
        busy = 0;
    }
}

/* Puts a row into slot `count`; false: it cannot be sent. */
static bool message_put(struct eg_sink *sink, const struct eg_batch *raw, uint32_t row, int count) {
    const struct eg_udp_target *target = &sink->target;
    struct eg_span payload = eg_col_view(&raw->columns[EG_COL(RAW, payload)])[row];
    struct iovec *pieces = sink->pieces[count];
    size_t used = 0;
    if (sink->spoof) {
        if (!eg_batch_valid(raw, EG_COL(RAW, peer), row)) return false;
        const struct eg_addr *from = &eg_col_addr(&raw->columns[EG_COL(RAW, peer)])[row];
        int64_t port = eg_batch_valid(raw, EG_COL(RAW, peer_port), row)
                           ? eg_col_int(&raw->columns[EG_COL(RAW, peer_port)], row)
                           : 0;
        struct eg_udp_ends ends = {*from, target->ip, (uint16_t)port, target->port};
        if (eg_addr_is_v4(from) != eg_addr_is_v4(&target->ip)) return false;
        size_t size = eg_datagram_head(sink->headers[count], &ends, payload, true);
        if (!size) return false;
        pieces[used++] = (struct iovec){sink->headers[count], size};
    }
    pieces[used++] = (struct iovec){(void *)(uintptr_t)payload.at, payload.size};
    sink->messages[count].msg_hdr = (struct msghdr){
        .msg_name = (void *)(uintptr_t)&target->address,
        .msg_namelen = target->size,
        .msg_iov = pieces,
        .msg_iovlen = used,
    };
    return true;
}

/* Borrows the batch; returns when the kernel has all of it. */
static enum eg_status udp_write(struct eg_sink *sink, struct eg_batch *raw, struct eg_error *err) {
    EG_ASSERT(raw->table_id == EG_TABLE_RAW);
    int count = 0;
    for (uint32_t row = 0; row < raw->rows; row++) {
        if (eg_batch_valid(raw, EG_COL(RAW, link_type), row)) {
            sink->frames++; /* of a capture: no datagram yet */
            lost(sink, eg_col_view(&raw->columns[EG_COL(RAW, payload)])[row].size);
        } else if (!message_put(sink, raw, row, count)) {
            sink->failed = EAFNOSUPPORT;
            sink->refused++;
            lost(sink, eg_col_view(&raw->columns[EG_COL(RAW, payload)])[row].size);
        } else if (++count == BATCH) {
            messages_send(sink, count);
            count = 0;
        }
        if (eg_env_cancelled(sink->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    }
    if (count) messages_send(sink, count);
    return EG_OK;
}

/* Nothing can be made durable; what could not be sent is told. */
static enum eg_status udp_flush(struct eg_sink *sink, const struct eg_position *positions,
                                size_t count, struct eg_error *err) {
    (void)positions;
    (void)count;
    (void)err;
    int failed = 0;
    socklen_t size = sizeof failed;
    if (getsockopt(sink->fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == ECONNREFUSED)
        refused_count(sink);
    uint64_t lost = sink->refused + sink->frames;
    if (lost == sink->told) return EG_OK;
    char line[300], why[100] = "frames of captures are no datagrams";
    char text[100];
    if (sink->failed) snprintf(why, sizeof why, "%s", strerror_r(sink->failed, text, sizeof text));
    snprintf(line, sizeof line, "udp: %llu datagrams were not passed on (%s); %llu were",
             (unsigned long long)(lost - sink->told), why, (unsigned long long)sink->sent);
    sink->env->log(sink->env->log_to, 4, line);
    sink->told = lost;
    return EG_OK;
}

const struct eg_sink_type eg_sink_udp = {
    .abi = EG_STAGE_ABI,
    .name = "udp",
    .help = "Passes datagrams on, as they came, to another collector: udp://HOST:PORT.",
    .options = options,
    .options_size = sizeof(struct udp_options),
    .takes = EG_TAKES_RAW,
    .open = udp_open,
    .write = udp_write,
    .flush = udp_flush,
    .positions = eg_sink_positions_none,
    .losses = udp_losses,
    .close = udp_close,
};
