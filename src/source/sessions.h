/* SPDX-License-Identifier: Apache-2.0
 * The thread that accepts TCP sessions and reads from all of them, in turn. It never drops: while
 * the intake has no room it does not read, and TCP makes the exporters wait. */
#ifndef EG_SOURCE_SESSIONS_H
#define EG_SOURCE_SESSIONS_H

#include "source/session.h"

struct eg_sessions;

struct eg_session_listener {
    int fd; /* of eg_socket_tcp; stays the caller's */
    const char *name;
    struct eg_session_traffic *traffic;
};

struct eg_sessions_options {
    const struct eg_env *env;
    const struct eg_session_listener *listeners; /* copied */
    uint32_t listener_count;
    const struct eg_senders *allow;
    struct eg_tls *tls; /* NULL: none */
    struct eg_intake *intake;
    uint32_t sessions_max;
    uint32_t of_address_max; /* of them; 0: all */
    struct eg_session_limits limits;
    const atomic_bool *stop; /* set: takes what the sessions still hold, closes them, and ends */
    void (*ended)(void *to); /* called last, from the thread */
    void *ended_to;
};

EG_MUST_CHECK enum eg_status eg_sessions_start(struct eg_sessions **out,
                                               const struct eg_sessions_options *,
                                               struct eg_error *err);
/* Whose messages were bad since the last call, of as many addresses as there is room for; and back, where
 * that was not kept after all. Any thread. */
#define EG_SESSIONS_BAD_MAX 32
uint32_t eg_sessions_bad_take(struct eg_sessions *, struct eg_session_bad out[EG_SESSIONS_BAD_MAX]);
void eg_sessions_bad_return(struct eg_sessions *, const struct eg_session_bad *, uint32_t count);
void eg_sessions_free(struct eg_sessions *); /* *stop set before; waits. NULL is fine */

#endif
