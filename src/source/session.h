/* SPDX-License-Identifier: Apache-2.0
 * One TCP session of an exporter: bytes into IPFIX messages (RFC 7011, sections 3.1 and 10.4). What
 * comes is framed by the length in each message's header; the first bytes that are no message end
 * the session, since nothing behind them can be trusted. */
#ifndef EG_SOURCE_SESSION_H
#define EG_SOURCE_SESSION_H

#include "source/receive.h"
#include "source/tls.h"

/* What happened on a TCP endpoint. */
struct eg_session_traffic {
    struct eg_traffic messages; /* datagrams: messages */
    atomic_uint open;
    atomic_ullong begun, refused, broken; /* refused: a sender that is not allowed */
    atomic_ullong crowded;                /* turned away, as there were too many */
    atomic_ullong bad, bad_bytes;         /* what ended sessions: not a message, or half of one */
};

/* The same, of one address. */
struct eg_session_bad {
    struct eg_addr peer;
    uint64_t messages, bytes;
};

struct eg_session_limits {
    uint32_t message_max;
    int64_t idle_us;  /* nothing came for so long */
    int64_t first_us; /* nor a first whole message; 0: no bound */
};
#define EG_SESSION_HANDSHAKE_US INT64_C(10000000) /* a handshake takes no longer */
#define EG_SESSION_MESSAGE_US INT64_C(30000000)   /* nor does a message, once it has begun */

struct eg_session {
    int fd; /* -1: there is no session */
    struct eg_tls_session *tls;
    struct eg_addr peer;
    uint16_t peer_port, local_port;
    struct eg_session_traffic *traffic;
    const struct eg_session_limits *limits;
    uint8_t *buffer; /* message_max bytes and the header of the next */
    uint32_t used;
    int64_t active_us, begun_us; /* last byte; first byte of the message (or the session's begin) */
    int64_t opened_us;
    bool spoke; /* a whole message came */
    bool held;  /* the last answer was HELD; kept by whoever serves it */
};

enum eg_session_state {
    EG_SESSION_WAITS,  /* for more bytes */
    EG_SESSION_HELD,   /* for room in the intake, or for its next turn */
    EG_SESSION_OVER,   /* closed by the other side, between messages */
    EG_SESSION_BROKEN, /* `why` says how */
};

#define EG_SESSION_WHY 300

/* Takes `fd`, which does not block; `tls` may be NULL. False: no memory (and fd is closed). */
bool eg_session_begin(struct eg_session *, int fd, struct eg_tls *, const struct sockaddr_storage *,
                      uint16_t local_port, struct eg_session_traffic *,
                      const struct eg_session_limits *);
/* Takes what has come, up to about a mebibyte, and puts whole messages into the filler. */
enum eg_session_state eg_session_read(struct eg_session *, const struct eg_env *,
                                      struct eg_filler *, char why[EG_SESSION_WHY]);
/* Whether it has been silent, or slow, for too long: BROKEN, or OVER where no message was begun. */
enum eg_session_state eg_session_look(struct eg_session *, char why[EG_SESSION_WHY]);
/* Closes it; half a message is counted as bad, and the answer says that something was. */
bool eg_session_end(struct eg_session *, bool broken);

#endif
