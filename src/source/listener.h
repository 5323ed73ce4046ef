/* SPDX-License-Identifier: Apache-2.0
 * The listener: sockets, the threads that empty them, and the spool (or the queue) that holds what
 * came. It knows no scan and no pump: they can fail and be run again while it goes on receiving.
 *
 *   sockets ─▶ receivers, sessions ─▶ intake ─▶ spooler ─▶ spool ─▶ source `udp` ─▶ raw batches
 *                                       └───────── without a spool ────────▲ */
#ifndef EG_SOURCE_LISTENER_H
#define EG_SOURCE_LISTENER_H

#include "source/intake.h"
#include "source/sessions.h"
#include "source/spool.h"

#define EG_ENDPOINTS_MAX 32
#define EG_WORKERS_MAX 16

/* Zero and NULL stand for the usual value, as the option list says. */
struct eg_listener_options {
    struct eg_text_list endpoints; /* endpoint.h says how they are written */
    const char *interface;         /* for groups whose endpoint names none */
    int64_t workers;               /* sockets and threads per UDP endpoint; one keeps the order */
    int64_t receive_buffer;        /* bytes a socket */
    struct eg_text_list allow;     /* prefixes of senders; none: everybody */
    const char *spool;             /* directory; NULL or "off": no spool, a queue in memory */
    int64_t spool_max, spool_reserve, spool_segment; /* bytes */
    int64_t sync_interval_us, sync_bytes;
    int64_t queue; /* bytes of memory, with a spool for what it has no room for */
    int64_t sessions, session_idle_us, message_max; /* TCP */
    int64_t session_first_us, sessions_each;        /* the latter: of an address */
    const char *tls_cert, *tls_key, *tls_ca;        /* PEM files; a CA: clients must show theirs */
};

struct eg_listener; /* any thread may ask it for counts; the rest is for one thread at a time */

/* What the source `udp` (and `tcp`) takes. With a `listener`, which is no option, the source reads
 * from that one and leaves it open; else it opens one, for its URI and `listen.endpoints`. */
struct eg_udp_options {
    struct eg_listener_options listen;
    struct eg_listener *listener;
};
extern const struct eg_option eg_udp_option_list[]; /* fills struct eg_udp_options */

/* Listens from now on. `env` outlives the listener; its log is called from several threads.
 * Errors: EG_E_USAGE for what is not understood, EG_E_LOCKED for a port or spool somebody has,
 * EG_E_ACCESS, EG_E_NOENT, EG_E_NOMEM; EG_E_FORMAT for certificates. */
EG_MUST_CHECK enum eg_status eg_listener_open(struct eg_listener **out, const struct eg_env *,
                                              const struct eg_listener_options *,
                                              struct eg_error *err);
/* Begins to end: takes what the sockets still hold, then nothing more; stores and syncs it. Does not
 * wait; eg_listener_drained says when that is done (then nothing is added to the spool or queue). */
void eg_listener_drain(struct eg_listener *);
bool eg_listener_drained(struct eg_listener *);
/* Drains, waits for it, and frees everything. Without a spool, what was not read is gone. */
void eg_listener_close(struct eg_listener *); /* NULL is fine */

/* What was received so far is on the disk (true), or could not be made so within `wait_us`. */
bool eg_listener_sync(struct eg_listener *, int64_t wait_us);

struct eg_spool *eg_listener_spool(struct eg_listener *);   /* NULL: it has none */
struct eg_intake *eg_listener_intake(struct eg_listener *); /* whose consumer is the source then */
const char *eg_listener_name(const struct eg_listener *);   /* its endpoints, as text */
/* What is worth telling the user, one line each (a receive buffer smaller than asked for). */
const char *eg_listener_warning(const struct eg_listener *, size_t index); /* NULL: no more */

struct eg_endpoint_counts {
    const char *name; /* "udp://[::]:2055"; the listener's */
    uint16_t port;    /* in effect, where 0 was asked for */
    bool tcp;
    uint64_t datagrams, bytes;       /* UDP datagrams or TCP messages, refused ones included */
    uint64_t refused, refused_bytes; /* from senders that are not allowed */
    uint64_t kernel_drops;           /* datagrams */
    uint64_t receive_buffer;         /* bytes in effect, a socket */
    uint32_t sockets;
    uint32_t sessions;                         /* open now */
    uint64_t sessions_begun, sessions_refused; /* of senders that are not allowed */
    uint64_t sessions_crowded;                 /* too many, of all or of the address */
    uint64_t sessions_broken;                  /* closed for what came or did not come */
    uint64_t messages_bad, messages_bad_bytes; /* what ended sessions: no message, or half of one */
};
struct eg_listener_counts {
    struct eg_endpoint_counts endpoints[EG_ENDPOINTS_MAX];
    uint32_t endpoint_count;
    uint64_t datagrams, bytes, refused, refused_bytes, kernel_drops; /* sums */
    uint64_t sessions_refused, sessions_crowded;
    uint64_t queue_dropped, queue_dropped_bytes; /* the reader was too slow for the queue */
    uint64_t spool_dropped, spool_dropped_bytes; /* the spool had no room for too long */
    uint64_t messages_bad, messages_bad_bytes; /* what ended sessions: no message, or half of one */
    uint64_t queued_bytes;                     /* waiting in memory */
    bool spool_stuck;                          /* the spool has no room now */
    struct eg_spool_state spool;               /* all zero without one */
};
void eg_listener_counts(struct eg_listener *, struct eg_listener_counts *out);

/* What was lost since the last call, for the tally of whoever reads; and back, when what was taken
 * was not kept after all, so that the next one is told. */
struct eg_listener_losses {
    uint64_t kernel_drops, refused, refused_bytes;
    uint64_t queue_dropped, queue_dropped_bytes, spool_dropped, spool_dropped_bytes;
    uint64_t messages_bad, messages_bad_bytes, sessions_refused, sessions_crowded;
    struct eg_session_bad bad[EG_SESSIONS_BAD_MAX]; /* of the bad messages: whose they were */
    uint32_t bad_count;
};
/* Adds the later ones; of the addresses as many as there is room for. */
void eg_listener_losses_add(struct eg_listener_losses *, const struct eg_listener_losses *more);
void eg_listener_losses_take(struct eg_listener *, struct eg_listener_losses *out);
void eg_listener_losses_return(struct eg_listener *, const struct eg_listener_losses *);
/* The same by cause; `source`: static, "udp" or "tcp". */
void eg_listener_losses_count(const struct eg_listener_losses *, const char *source, int64_t now_us,
                              struct eg_tally *);

#endif
