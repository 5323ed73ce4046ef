/* SPDX-License-Identifier: Apache-2.0
 * Listening: one listener for all addresses of an ingest, which receives and spools however often
 * the pump behind it is run. */
#include "base/strbuf.h"
#include "cli/ingest.h"
#include "sink/udp_target.h"
#include "source/endpoint.h"
#include "source/intake.h"
#include "source/listener.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_WAIT_US 100000
#define DRAIN_WAITS 30 /* for receivers to end */

/* Where what was received is kept until it is stored: as asked for, else in the dataset; nowhere
 * where nothing remembers how far it was read. */
static enum eg_status choose_spool(struct eg_ingest *in, struct eg_group *group,
                                   struct eg_error *err) {
    struct eg_udp_options *o = group->source_options;
    const struct eg_option *list = group->source->options;
    if (in->options->spool) return eg_option_set(list, o, "spool", in->options->spool, err);
    if (o->listen.spool || !in->dataset) return EG_OK;
    struct eg_strbuf path = {0};
    eg_strbuf_printf(&path, "%s/_earlgrey/spool", in->dataset);
    enum eg_status status = path.failed ? eg_fail(err, EG_E_NOMEM, "out of memory")
                                        : eg_option_set(list, o, "spool", path.text, err);
    eg_strbuf_reset(&path);
    return status;
}

/* ---- listening to oneself ---- */

/* Whether what is sent to the target is received by a socket of that endpoint. */
static bool reaches(const struct eg_udp_target *target, const struct eg_endpoint *endpoint) {
    static const struct eg_addr any6, loopback6 = {{[15] = 1}};
    const struct eg_addr any4 = eg_addr_v4(0), loopback4 = eg_addr_v4(0x7f000001);
    struct eg_addr at, to = target->ip;
    uint16_t port;
    eg_sockaddr_split(&endpoint->address, &at, &port);
    bool v4 = eg_addr_is_v4(&to);
    if (endpoint->tcp || port != target->port) return false;
    if (!endpoint->every && v4 != (endpoint->address.ss_family == AF_INET)) return false;
    if (endpoint->every || memcmp(&at, v4 ? &any4 : &any6, sizeof at) == 0)
        return eg_udp_target_here(target);
    if (memcmp(&to, v4 ? &any4 : &any6, sizeof to) == 0) to = v4 ? loopback4 : loopback6;
    return memcmp(&at, &to, sizeof at) == 0;
}

/* What is no target, or nothing to listen on, is told by whoever opens it. */
static enum eg_status loop_find(const struct eg_ingest *in, const char *listens,
                                const char *interface, struct eg_error *err) {
    struct eg_endpoint endpoint;
    struct eg_udp_target target;
    if (eg_endpoint_parse(&endpoint, listens, interface, NULL) < 0) return EG_OK;
    for (size_t i = 0; i < in->options->to.count; i++) {
        const char *to = in->options->to.items[i];
        if (strncmp(to, "udp://", 6) != 0 || eg_udp_target_find(&target, to + 6, NULL) < 0 ||
            !reaches(&target, &endpoint))
            continue;
        return eg_fail(err, EG_E_USAGE,
                       "--to %.200s is where this command itself listens (%.120s): what it passes "
                       "on would come back without end; name another collector or another port",
                       to, endpoint.text);
    }
    return EG_OK;
}

enum eg_status eg_ingest_loops(const struct eg_ingest *in, struct eg_error *err) {
    for (size_t i = 0; i < in->group_count; i++) {
        const struct eg_group *group = &in->groups[i];
        if (group->kind != EG_GROUP_LISTEN) continue;
        const struct eg_listener_options *listen =
            &((const struct eg_udp_options *)group->source_options)->listen;
        EG_TRY(loop_find(in, group->inputs[0], listen->interface, err));
        for (size_t k = 0; k < listen->endpoints.count; k++)
            EG_TRY(loop_find(in, listen->endpoints.items[k], listen->interface, err));
    }
    return EG_OK;
}

/* ---- a listener ---- */

void eg_ingest_listen_tell(const struct eg_ingest *in, const struct eg_group *group) {
    const struct eg_call *call = in->call;
    const struct eg_udp_options *o = group->source_options;
    struct eg_listener_counts c;
    if (group->kind != EG_GROUP_LISTEN || !o->listener) return;
    eg_listener_counts(o->listener, &c);
    for (uint32_t i = 0; i < c.endpoint_count; i++) {
        const struct eg_endpoint_counts *e = &c.endpoints[i];
        char sessions[96] = "";
        if (e->tcp)
            snprintf(sessions, sizeof sessions, ", %llu sessions, %llu turned away, %llu broken",
                     (unsigned long long)e->sessions_begun,
                     (unsigned long long)(e->sessions_refused + e->sessions_crowded),
                     (unsigned long long)e->sessions_broken);
        eg_note(
            call,
            "earlgrey: %s: %llu datagrams, %llu bytes, %llu dropped by the kernel, %llu refused%s",
            e->name, (unsigned long long)e->datagrams, (unsigned long long)e->bytes,
            (unsigned long long)e->kernel_drops, (unsigned long long)e->refused, sessions);
    }
}

/* Without a spool, what waits in the queue is for nobody. */
static void queue_drop(struct eg_listener *listener) {
    struct eg_intake *intake = eg_listener_intake(listener);
    struct eg_block block;
    for (int idle = 0; idle < DRAIN_WAITS && !eg_intake_over(intake);)
        if (eg_intake_take(intake, &block, DRAIN_WAIT_US))
            eg_intake_drop(intake, &block);
        else
            idle++;
}

/* Where not all that came was stored: what becomes of it. What the spool had no room for, or nobody took
 * from the queue, is in no table, so at least the account has it. */
static void end_tell(struct eg_ingest *in, const struct eg_group *group,
                     struct eg_listener *listener) {
    const struct eg_env *env = &in->call->env;
    const char *ended = eg_env_cancelled(env) ? "ended without waiting: " : "";
    const struct eg_udp_options *o = group->source_options;
    bool spooled = eg_listener_spool(listener) != NULL;
    if (spooled && o->listen.spool && access(o->listen.spool, F_OK) != 0)
        return; /* somebody removed it */
    const struct timespec nap = {.tv_nsec = 10000000};
    eg_listener_drain(listener);
    if (!spooled) queue_drop(listener);
    while (spooled && !eg_listener_drained(listener))
        nanosleep(&nap, NULL); /* spooler.h bounds it */
    struct eg_listener_losses rest;
    eg_listener_losses_take(listener, &rest);
    pthread_mutex_lock(&in->lock);
    eg_listener_losses_count(&rest, group->source->name, env->now_us(env->clock),
                             &in->account.tally);
    pthread_mutex_unlock(&in->lock);
    char but[128] = "";
    if (rest.spool_dropped)
        snprintf(but, sizeof but, ", but for %llu datagrams that it had no room for (spool_full)",
                 (unsigned long long)rest.spool_dropped);
    eg_note(in->call,
            spooled ? "earlgrey: %swhat was received and is not stored yet is in the spool, and is "
                      "stored by the next run%s"
                    : "earlgrey: %swhat was received and is not stored yet is lost, since there is "
                      "no spool%s",
            ended, but);
}

enum eg_status eg_ingest_listen(struct eg_ingest *in, struct eg_group *group,
                                const struct eg_env *env,
                                enum eg_status (*run)(void *, struct eg_error *), void *to,
                                struct eg_error *err) {
    struct eg_udp_options *o = group->source_options;
    struct eg_listener *listener;
    EG_TRY(choose_spool(in, group, err));
    EG_TRY(eg_option_set(group->source->options, o, "listen", group->inputs[0], err));
    EG_TRY(eg_listener_open(&listener, env, &o->listen, err));
    for (size_t i = 0; eg_listener_warning(listener, i); i++)
        eg_note(in->call, "earlgrey: %s", eg_listener_warning(listener, i));
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    for (uint32_t i = 0; i < counts.endpoint_count; i++)
        eg_note(in->call, "earlgrey: listening on %s, port %u%s", counts.endpoints[i].name,
                counts.endpoints[i].port, counts.endpoints[i].tcp ? " (IPFIX sessions)" : "");
    pthread_mutex_lock(&in->lock);
    o->listener = listener;
    pthread_mutex_unlock(&in->lock);
    enum eg_status status = run(to, err);
    if (status < 0) end_tell(in, group, listener);
    pthread_mutex_lock(&in->lock);
    eg_ingest_listen_tell(in, group);
    o->listener = NULL;
    pthread_mutex_unlock(&in->lock);
    eg_listener_close(listener);
    return status;
}
