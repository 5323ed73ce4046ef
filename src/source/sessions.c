/* SPDX-License-Identifier: Apache-2.0
 * Accepting and serving sessions. Source: epoll(7), accept(2). */
#include "source/sessions.h"

#include "base/alloc.h"
#include "source/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define WAIT_MS 20
#define HELD_NAP_US 2000
#define LOOK_US 500000
#define LOG_US 6000000 /* one line in so long, however many sessions break */

struct eg_sessions {
    struct eg_sessions_options options;
    struct eg_session_listener *listeners;
    struct eg_session *sessions; /* sessions_max of them */
    uint32_t *idle;              /* a stack of those that are free */
    uint32_t idle_count, held_count;
    int poll_fd;
    pthread_t thread;
    struct eg_filler filler;
    int64_t looked_us, said_us;
    uint64_t unsaid;
    pthread_mutex_t lock;
    struct eg_session_bad bad[EG_SESSIONS_BAD_MAX]; /* (lock) not taken yet */
    uint32_t bad_count;
};

/* ---- whose messages were bad ---- */

/* Where there is no room for one more address, only the endpoint's sum has it. */
static void bad_add(struct eg_sessions *s, const struct eg_session_bad *more) {
    uint32_t i = 0;
    while (i < s->bad_count && memcmp(&s->bad[i].peer, &more->peer, sizeof more->peer) != 0) i++;
    if (i == EG_SESSIONS_BAD_MAX) return;
    if (i == s->bad_count) s->bad[s->bad_count++] = (struct eg_session_bad){.peer = more->peer};
    s->bad[i].messages += more->messages;
    s->bad[i].bytes += more->bytes;
}

uint32_t eg_sessions_bad_take(struct eg_sessions *s,
                              struct eg_session_bad out[EG_SESSIONS_BAD_MAX]) {
    pthread_mutex_lock(&s->lock);
    uint32_t count = s->bad_count;
    memcpy(out, s->bad, count * sizeof *out);
    s->bad_count = 0;
    pthread_mutex_unlock(&s->lock);
    return count;
}

void eg_sessions_bad_return(struct eg_sessions *s, const struct eg_session_bad *bad,
                            uint32_t count) {
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < count; i++) bad_add(s, &bad[i]);
    pthread_mutex_unlock(&s->lock);
}

/* ---- telling ---- */

static void say_broken(struct eg_sessions *s, const struct eg_session *session, const char *why) {
    int64_t now_us = eg_tick_us();
    if (s->said_us && now_us - s->said_us < LOG_US) {
        s->unsaid++;
        return;
    }
    char line[EG_SESSION_WHY + 200], peer[EG_ADDR_TEXT], more[60] = "";
    eg_addr_text(&session->peer, peer);
    if (s->unsaid)
        snprintf(more, sizeof more, " (and %llu more before)", (unsigned long long)s->unsaid);
    snprintf(line, sizeof line, "the TCP session of %s port %u was closed: %s%s", peer,
             session->peer_port, why, more);
    s->options.env->log(s->options.env->log_to, 4, line);
    s->said_us = now_us;
    s->unsaid = 0;
}

/* ---- sessions come and go ---- */

static void session_close(struct eg_sessions *s, uint32_t index, bool broken, const char *why) {
    struct eg_session *session = &s->sessions[index];
    if (broken) say_broken(s, session, why);
    if (session->held) s->held_count--;
    const struct eg_session_bad bad = {session->peer, 1, session->used};
    if (eg_session_end(session, broken)) eg_sessions_bad_return(s, &bad, 1);
    s->idle[s->idle_count++] = index;
}

/* Whether the address has as many sessions as one may have. */
static bool crowded(const struct eg_sessions *s, const struct eg_addr *peer) {
    uint32_t count = 0;
    for (uint32_t i = 0; s->options.of_address_max && i < s->options.sessions_max; i++)
        count += s->sessions[i].fd >= 0 && memcmp(&s->sessions[i].peer, peer, sizeof *peer) == 0;
    return s->options.of_address_max && count >= s->options.of_address_max;
}

static void session_accept(struct eg_sessions *s, const struct eg_session_listener *at) {
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    int fd = accept4(at->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) usleep(10000);
        return; /* no descriptor is free, say: the connection waits */
    }
    struct eg_addr peer;
    uint16_t port;
    eg_sockaddr_split(&from, &peer, &port);
    bool allowed = eg_senders_hold(s->options.allow, &peer);
    if (!allowed || !s->idle_count || crowded(s, &peer)) {
        atomic_fetch_add(allowed ? &at->traffic->crowded : &at->traffic->refused, 1);
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    uint32_t index = s->idle[s->idle_count - 1];
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)s->options.listener_count + index};
    if (!eg_session_begin(&s->sessions[index], fd, s->options.tls, &from, eg_socket_port(fd),
                          at->traffic, &s->options.limits)) {
        atomic_fetch_add(&at->traffic->crowded, 1);
        s->sessions[index].fd = -1;
        return;
    }
    s->idle_count--;
    if (epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        session_close(s, index, true, "it could not be watched");
}

static void session_serve(struct eg_sessions *s, uint32_t index) {
    struct eg_session *session = &s->sessions[index];
    char why[EG_SESSION_WHY] = "";
    enum eg_session_state state = eg_session_read(session, s->options.env, &s->filler, why);
    bool held = state == EG_SESSION_HELD;
    if (held != session->held) s->held_count += held ? 1 : UINT32_MAX;
    session->held = held;
    if (state == EG_SESSION_OVER || state == EG_SESSION_BROKEN)
        session_close(s, index, state == EG_SESSION_BROKEN, why);
}

static void sessions_look(struct eg_sessions *s) {
    char why[EG_SESSION_WHY];
    s->looked_us = eg_tick_us();
    for (uint32_t i = 0; i < s->options.sessions_max; i++) {
        if (s->sessions[i].fd < 0 || s->sessions[i].held) continue;
        enum eg_session_state state = eg_session_look(&s->sessions[i], why);
        if (state != EG_SESSION_WAITS) session_close(s, i, state == EG_SESSION_BROKEN, why);
    }
}

/* ---- the thread ---- */

static void held_serve(struct eg_sessions *s) {
    if (!eg_filler_ready(&s->filler)) usleep(HELD_NAP_US);
    for (uint32_t i = 0; s->held_count && i < s->options.sessions_max; i++)
        if (s->sessions[i].fd >= 0 && s->sessions[i].held) session_serve(s, i);
}

/* How many sockets had something. */
static int events_serve(struct eg_sessions *s, int wait_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(s->poll_fd, events, EVENTS, wait_ms);
    for (int i = 0; i < count; i++) {
        uint64_t which = events[i].data.u64;
        if (which < s->options.listener_count) {
            session_accept(s, &s->listeners[which]);
            continue;
        }
        uint32_t index = (uint32_t)(which - s->options.listener_count);
        /* It may have been closed, or be waiting for room, since the event was queued. */
        if (s->sessions[index].fd >= 0 && !s->sessions[index].held) session_serve(s, index);
    }
    return count;
}

/* What the sessions still hold, and what is on its way; then they are closed. */
static void sessions_finish(struct eg_sessions *s) {
    int64_t until = eg_tick_us() + EG_FILLER_LAST_US;
    while (eg_tick_us() < until) {
        int count = events_serve(s, s->held_count ? 0 : WAIT_MS);
        if (s->held_count)
            held_serve(s);
        else if (count <= 0)
            break;
    }
    for (uint32_t i = 0; i < s->options.sessions_max; i++)
        if (s->sessions[i].fd >= 0) session_close(s, i, false, "");
    eg_filler_finish(&s->filler, EG_FILLER_FINISH_US);
}

static void *sessions_run(void *argument) {
    struct eg_sessions *s = argument;
    while (!atomic_load_explicit(s->options.stop, memory_order_relaxed)) {
        (void)events_serve(s, s->held_count ? 0 : WAIT_MS);
        if (s->held_count) held_serve(s);
        eg_filler_rest(&s->filler);
        if (eg_tick_us() - s->looked_us >= LOOK_US) sessions_look(s);
    }
    sessions_finish(s);
    s->options.ended(s->options.ended_to);
    return NULL;
}

/* ---- from outside ---- */

static void sessions_release(struct eg_sessions *s) {
    pthread_mutex_destroy(&s->lock);
    if (s->poll_fd >= 0) close(s->poll_fd);
    eg_free(s->listeners);
    eg_free(s->sessions);
    eg_free(s->idle);
    eg_free(s);
}

static enum eg_status listeners_watch(struct eg_sessions *s, struct eg_error *err) {
    s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->poll_fd < 0) return eg_fail_errno(err, errno, "cannot watch sockets");
    for (uint32_t i = 0; i < s->options.listener_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        if (epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->listeners[i].fd, &event) != 0)
            return eg_fail_errno(err, errno, "cannot watch %s", s->listeners[i].name);
    }
    return EG_OK;
}

enum eg_status eg_sessions_start(struct eg_sessions **out,
                                 const struct eg_sessions_options *options, struct eg_error *err) {
    struct eg_sessions *s = eg_calloc(1, sizeof *s);
    if (!s) return eg_fail(err, EG_E_NOMEM, "no memory for TCP sessions");
    s->options = *options;
    s->poll_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    s->listeners = eg_calloc(options->listener_count, sizeof *s->listeners);
    s->sessions = eg_calloc(options->sessions_max, sizeof *s->sessions);
    s->idle = eg_calloc(options->sessions_max, sizeof *s->idle);
    enum eg_status status = EG_OK;
    if (!s->listeners || !s->sessions || !s->idle)
        status = eg_fail(err, EG_E_NOMEM, "no memory for %u TCP sessions", options->sessions_max);
    if (status == EG_OK) {
        memcpy(s->listeners, options->listeners, options->listener_count * sizeof *s->listeners);
        for (uint32_t i = options->sessions_max; i-- > 0;) {
            s->sessions[i].fd = -1;
            s->idle[s->idle_count++] = i;
        }
        eg_filler_init(&s->filler, options->intake);
        status = listeners_watch(s, err);
    }
    int failed = status == EG_OK ? pthread_create(&s->thread, NULL, sessions_run, s) : 0;
    if (failed) status = eg_fail_errno(err, failed, "cannot start the thread of TCP sessions");
    if (status == EG_OK)
        *out = s;
    else
        sessions_release(s);
    return status;
}

void eg_sessions_free(struct eg_sessions *s) {
    if (!s) return;
    pthread_join(s->thread, NULL);
    sessions_release(s);
}
