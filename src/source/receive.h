/* SPDX-License-Identifier: Apache-2.0
 * One thread that receives from one UDP socket: many datagrams a system call, counted, senders
 * checked, put into the intake. */
#ifndef EG_SOURCE_RECEIVE_H
#define EG_SOURCE_RECEIVE_H

#include "source/endpoint.h"
#include "source/intake.h"
#include "table/stage.h"

/* What happened on an endpoint; every worker adds, anybody reads. */
struct eg_traffic {
    atomic_ullong datagrams, bytes; /* that came out of the sockets, refused ones included */
    atomic_ullong refused, refused_bytes;
    atomic_ullong kernel_drops;
};

struct eg_receiver;

struct eg_receiver_options {
    const struct eg_env *env;
    int fd; /* a socket of eg_socket_udp; stays the caller's */
    const struct eg_senders *allow;
    struct eg_traffic *traffic;
    struct eg_intake *intake;
    const atomic_bool *stop; /* set: takes what the socket still holds, then ends */
    void (*ended)(void *to); /* called last, from the thread */
    void *ended_to;
};

EG_MUST_CHECK enum eg_status eg_receiver_start(struct eg_receiver **out,
                                               const struct eg_receiver_options *,
                                               struct eg_error *err);
void eg_receiver_free(struct eg_receiver *); /* *stop set before; waits. NULL is fine */

#endif
