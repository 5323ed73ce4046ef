/* SPDX-License-Identifier: Apache-2.0
 * Receiving UDP. Source: recvmmsg(2), socket(7). The kernel's count of what it dropped is one 32-bit
 * number, told twice: with a datagram (SO_RXQ_OVFL: as it stood when that one was queued) and when
 * asked (SO_MEMINFO: as it stands). The later of the two is the truth, so drops behind the last
 * datagram count too, and none counts twice. */
#include "source/receive.h"

#include "base/alloc.h"
#include "base/timetext.h"
#include "source/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define BATCH 128
#define SLOT (65536 + 192) /* the odd end spreads the slots over the processor's caches */
#define CONTROL 128
#define WAIT_US 20000
#define ASK_US 1000000        /* between two looks at SO_MEMINFO */
#define LATE_US 100000        /* when it should end, what is on its way still counts, so long */
#define PACE_BYTES (4u << 20) /* with so much buffer a short nap loses nothing and saves wake-ups */
#define PACE_NS 1000000

struct eg_receiver {
    struct eg_receiver_options options;
    pthread_t thread;
    struct eg_filler filler;
    uint16_t port;
    bool paced;
    uint32_t drops;              /* the kernel's number, as last seen */
    int64_t asked_us, latest_ns; /* time of the last datagram */
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    struct sockaddr_storage senders[BATCH];
    union {
        struct cmsghdr aligned;
        uint8_t bytes[CONTROL];
    } controls[BATCH];
    uint8_t *slots;
};

/* ---- what the kernel says ---- */

static void drops_told(struct eg_receiver *r, uint32_t drops) {
    uint32_t more = drops - r->drops;               /* it wraps */
    if (!more || more >= UINT32_C(1) << 31) return; /* an older number than one seen before */
    r->drops = drops;
    atomic_fetch_add(&r->options.traffic->kernel_drops, more);
}

static void drops_ask(struct eg_receiver *r) {
    uint32_t drops;
    if (eg_socket_drops(r->options.fd, &drops)) drops_told(r, drops);
    r->asked_us = eg_tick_us();
}

/* The datagram's time; the clock's where the kernel gives none. */
static int64_t controls_read(struct eg_receiver *r, struct msghdr *message) {
    int64_t time_ns = 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level != SOL_SOCKET) continue;
        if (at->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(at), sizeof time);
            time_ns = eg_timespec_ns(time);
        } else if (at->cmsg_type == SO_RXQ_OVFL) {
            uint32_t drops;
            memcpy(&drops, CMSG_DATA(at), sizeof drops);
            drops_told(r, drops);
        }
    }
    const struct eg_env *env = r->options.env;
    return time_ns ? time_ns : env->now_us(env->clock) * 1000;
}

/* ---- datagrams ---- */

static void datagrams_take(struct eg_receiver *r, int count) {
    uint64_t bytes = 0, refused = 0, refused_bytes = 0;
    for (int i = 0; i < count; i++) {
        struct mmsghdr *message = &r->messages[i];
        struct eg_received received = {
            .local_port = r->port,
            .transport = IPPROTO_UDP,
            .payload = eg_span(r->pieces[i].iov_base, message->msg_len),
            .time_ns = controls_read(r, &message->msg_hdr),
        };
        r->latest_ns = received.time_ns;
        eg_sockaddr_split(&r->senders[i], &received.peer, &received.peer_port);
        bytes += received.payload.size;
        if (eg_senders_hold(r->options.allow, &received.peer)) {
            (void)eg_filler_put(&r->filler, &received); /* counted where it did not fit */
        } else {
            refused++;
            refused_bytes += received.payload.size;
        }
        message->msg_hdr.msg_namelen = sizeof r->senders[i];
        message->msg_hdr.msg_controllen = CONTROL;
    }
    struct eg_traffic *traffic = r->options.traffic;
    atomic_fetch_add(&traffic->datagrams, (uint64_t)count);
    atomic_fetch_add(&traffic->bytes, bytes);
    if (!refused) return;
    atomic_fetch_add(&traffic->refused, refused);
    atomic_fetch_add(&traffic->refused_bytes, refused_bytes);
}

static void nap(long ns) {
    struct timespec time = {.tv_nsec = ns};
    nanosleep(&time, NULL);
}

/* Whether all was read that came before it should end, and shortly after. */
static bool fed_later(const struct eg_receiver *r, int64_t stop_ns) {
    return r->latest_ns > stop_ns + LATE_US * INT64_C(1000);
}

static void *receiver_run(void *argument) {
    struct eg_receiver *r = argument;
    const struct eg_env *env = r->options.env;
    int64_t stop_us = 0, stop_ns = 0;
    for (;;) {
        bool stop = atomic_load_explicit(r->options.stop, memory_order_relaxed);
        if (stop && !stop_us) {
            stop_us = eg_tick_us();
            stop_ns = env->now_us(env->clock) * 1000;
        }
        /* It waits WAIT_US for the first one, at the end too: what is on its way still counts. */
        int count = recvmmsg(r->options.fd, r->messages, BATCH, MSG_WAITFORONE, NULL);
        if (count > 0) {
            datagrams_take(r, count);
            if (!stop && r->paced && count < BATCH / 2) nap(PACE_NS);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (stop) break;
        } else if (errno != EINTR) {
            nap(10 * PACE_NS); /* an interface that went away, say: it may come back */
            if (stop) break;
        }
        eg_filler_rest(&r->filler);
        int64_t now_us = eg_tick_us();
        if (now_us - r->asked_us >= ASK_US) drops_ask(r);
        if (stop && (fed_later(r, stop_ns) || now_us - stop_us >= EG_FILLER_LAST_US)) break;
    }
    drops_ask(r);
    eg_filler_finish(&r->filler, EG_FILLER_FINISH_US);
    r->options.ended(r->options.ended_to);
    return NULL;
}

/* ---- from outside ---- */

static void messages_init(struct eg_receiver *r) {
    for (int i = 0; i < BATCH; i++) {
        r->pieces[i] = (struct iovec){r->slots + (size_t)i * SLOT, 65536};
        r->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &r->senders[i],
            .msg_namelen = sizeof r->senders[i],
            .msg_iov = &r->pieces[i],
            .msg_iovlen = 1,
            .msg_control = r->controls[i].bytes,
            .msg_controllen = CONTROL,
        };
    }
}

enum eg_status eg_receiver_start(struct eg_receiver **out,
                                 const struct eg_receiver_options *options, struct eg_error *err) {
    struct eg_receiver *r = eg_calloc(1, sizeof *r);
    uint8_t *slots = eg_malloc((size_t)BATCH * SLOT);
    if (!r || !slots) {
        eg_free(r);
        eg_free(slots);
        return eg_fail(err, EG_E_NOMEM, "no memory to receive");
    }
    r->options = *options;
    r->slots = slots;
    r->port = eg_socket_port(options->fd);
    r->paced = eg_socket_receive_bytes(options->fd) >= PACE_BYTES;
    eg_filler_init(&r->filler, options->intake);
    messages_init(r);
    struct timeval wait = {.tv_usec = WAIT_US};
    setsockopt(options->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    int failed = pthread_create(&r->thread, NULL, receiver_run, r);
    if (failed) {
        eg_free(slots);
        eg_free(r);
        return eg_fail_errno(err, failed, "cannot start a thread to receive");
    }
    *out = r;
    return EG_OK;
}

void eg_receiver_free(struct eg_receiver *r) {
    if (!r) return;
    pthread_join(r->thread, NULL);
    eg_free(r->slots);
    eg_free(r);
}
