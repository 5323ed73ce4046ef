/* SPDX-License-Identifier: Apache-2.0
 * Framing what a session brings. */
#include "source/session.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define HEADER 16u /* of an IPFIX message: version, length, time, sequence, domain */
#define VERSION 10
#define TURN_BYTES (1u << 20) /* then it is another session's turn, and this one's again */

bool eg_session_begin(struct eg_session *session, int fd, struct eg_tls *tls,
                      const struct sockaddr_storage *from, uint16_t local_port,
                      struct eg_session_traffic *traffic, const struct eg_session_limits *limits) {
    struct eg_session s = {.fd = fd,
                           .local_port = local_port,
                           .traffic = traffic,
                           .limits = limits,
                           .buffer = eg_malloc((size_t)limits->message_max + HEADER)};
    eg_sockaddr_split(from, &s.peer, &s.peer_port);
    if (s.buffer && tls) s.tls = eg_tls_session_new(tls, fd);
    if (!s.buffer || (tls && !s.tls)) {
        eg_free(s.buffer);
        close(fd);
        return false;
    }
    s.opened_us = s.active_us = s.begun_us = eg_tick_us();
    atomic_fetch_add(&traffic->begun, 1);
    atomic_fetch_add(&traffic->open, 1);
    *session = s;
    return true;
}

bool eg_session_end(struct eg_session *session, bool broken) {
    struct eg_session_traffic *traffic = session->traffic;
    /* also one that never came to speak, for want of the right certificate, say */
    bool mute = broken && session->tls && !eg_tls_session_shaken(session->tls);
    bool bad = session->used || mute;
    if (bad) {
        atomic_fetch_add(&traffic->bad, 1);
        atomic_fetch_add(&traffic->bad_bytes, session->used);
    }
    if (broken) atomic_fetch_add(&traffic->broken, 1);
    atomic_fetch_sub(&traffic->open, 1);
    eg_tls_session_free(session->tls);
    close(session->fd);
    eg_free(session->buffer);
    *session = (struct eg_session){.fd = -1};
    return bad;
}

/* ---- bytes ---- */

/* One read: OK and *got bytes, AGAIN, OVER, CUT, BAD. */
static enum eg_tls_answer bytes_read(struct eg_session *session, size_t *got) {
    uint8_t *to = session->buffer + session->used;
    size_t room = session->limits->message_max + HEADER - session->used;
    if (session->tls) return eg_tls_session_read(session->tls, to, room, got);
    ssize_t count;
    do count = recv(session->fd, to, room, 0);
    while (count < 0 && errno == EINTR);
    if (count == 0) return EG_TLS_OVER;
    if (count < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? EG_TLS_AGAIN
               : errno == ECONNRESET                   ? EG_TLS_CUT
                                                       : EG_TLS_BAD;
    *got = (size_t)count;
    return EG_TLS_OK;
}

/* ---- messages ---- */

static void message_put(struct eg_session *session, const struct eg_env *env,
                        struct eg_filler *filler, struct eg_span message) {
    struct eg_received received = {
        .time_ns = env->now_us(env->clock) * 1000,
        .peer = session->peer,
        .peer_port = session->peer_port,
        .local_port = session->local_port,
        .transport = IPPROTO_TCP,
        .payload = message,
    };
    (void)eg_filler_put(filler, &received); /* eg_filler_ready made room; else it is counted */
    atomic_fetch_add(&session->traffic->messages.datagrams, 1);
    atomic_fetch_add(&session->traffic->messages.bytes, message.size);
}

/* Takes whole messages out of the buffer and moves what is left to its beginning. */
static enum eg_session_state messages_take(struct eg_session *session, const struct eg_env *env,
                                           struct eg_filler *filler, char why[EG_SESSION_WHY]) {
    struct eg_span have = eg_span(session->buffer, session->used), rest = have;
    enum eg_session_state state = EG_SESSION_WAITS;
    while (rest.size >= 4) {
        unsigned version = eg_be16(rest, 0), length = eg_be16(rest, 2);
        if (version != VERSION || length < HEADER || length > session->limits->message_max) {
            if (version != VERSION)
                snprintf(why, EG_SESSION_WHY, "what it sends is no IPFIX (version %u)", version);
            else
                snprintf(why, EG_SESSION_WHY, "a message of %u bytes cannot be (16 to %u)", length,
                         session->limits->message_max);
            state = EG_SESSION_BROKEN;
            break;
        }
        if (rest.size < length) break;
        if (!eg_filler_ready(filler)) {
            state = EG_SESSION_HELD;
            break;
        }
        message_put(session, env, filler, eg_span_sub(rest, 0, length));
        rest = eg_span_from(rest, length);
    }
    if (rest.size < have.size) session->begun_us = eg_tick_us(), session->spoke = true;
    memmove(session->buffer, rest.at, rest.size);
    session->used = (uint32_t)rest.size;
    return state;
}

enum eg_session_state eg_session_read(struct eg_session *session, const struct eg_env *env,
                                      struct eg_filler *filler, char why[EG_SESSION_WHY]) {
    enum eg_session_state state = messages_take(session, env, filler, why);
    for (size_t taken = 0; state == EG_SESSION_WAITS;) {
        size_t got = 0;
        if (taken >= TURN_BYTES) { /* TLS may hold bytes that no poll tells of */
            state = EG_SESSION_HELD;
            break;
        }
        switch (bytes_read(session, &got)) {
        case EG_TLS_AGAIN: return EG_SESSION_WAITS;
        case EG_TLS_OVER:
            if (!session->used) return EG_SESSION_OVER;
            snprintf(why, EG_SESSION_WHY, "it was closed in the middle of a message");
            return EG_SESSION_BROKEN;
        case EG_TLS_CUT:
            /* Many just close a TLS connection; were it cut by somebody, the sequence numbers of
             * IPFIX tell what is missing. */
            if (!session->used && session->tls && eg_tls_session_shaken(session->tls))
                return EG_SESSION_OVER;
            snprintf(why, EG_SESSION_WHY, "the connection was lost");
            return EG_SESSION_BROKEN;
        case EG_TLS_BAD:
            if (session->tls)
                snprintf(why, EG_SESSION_WHY, "TLS: %s", eg_tls_session_why(session->tls));
            else
                snprintf(why, EG_SESSION_WHY, "%s", "the connection failed");
            return EG_SESSION_BROKEN;
        case EG_TLS_OK: break;
        }
        session->active_us = eg_tick_us();
        if (!session->used) session->begun_us = session->active_us;
        session->used += (uint32_t)got;
        taken += got;
        state = messages_take(session, env, filler, why);
    }
    if (state == EG_SESSION_HELD) session->active_us = session->begun_us = eg_tick_us();
    return state;
}

enum eg_session_state eg_session_look(struct eg_session *session, char why[EG_SESSION_WHY]) {
    int64_t now_us = eg_tick_us();
    if (session->tls && !eg_tls_session_shaken(session->tls)) {
        if (now_us - session->begun_us < EG_SESSION_HANDSHAKE_US) return EG_SESSION_WAITS;
        snprintf(why, EG_SESSION_WHY, "TLS: the handshake did not end in time");
        return EG_SESSION_BROKEN;
    }
    int64_t first_us = session->limits->first_us;
    if (first_us && !session->spoke && now_us - session->opened_us >= first_us) {
        snprintf(why, EG_SESSION_WHY, "no message came in time");
        return EG_SESSION_BROKEN;
    }
    if (session->used && now_us - session->begun_us >= EG_SESSION_MESSAGE_US) {
        snprintf(why, EG_SESSION_WHY, "a message did not end in time");
        return EG_SESSION_BROKEN;
    }
    if (now_us - session->active_us < session->limits->idle_us) return EG_SESSION_WAITS;
    snprintf(why, EG_SESSION_WHY, "nothing came for too long");
    return session->used ? EG_SESSION_BROKEN : EG_SESSION_OVER;
}
