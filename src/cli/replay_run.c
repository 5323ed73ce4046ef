/* SPDX-License-Identifier: Apache-2.0
 * Replaying: the packets of files, each when it is due. */
#include "base/alloc.h"
#include "base/timetext.h"
#include "cli/progress.h"
#include "cli/replay.h"
#include "table/in_order.h"
#include "wire/dissect.h"
#include "wire/probes.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAP_NS (EG_SECOND_NS / 10) /* at most, so that an interruption is seen */

struct replay {
    struct eg_call *call;
    struct eg_replay_plan *plan;
    struct eg_replay_account *account;
    struct eg_progress *progress;
    struct eg_datagrams *datagrams; /* of the current file */
    struct eg_probes probes;
    struct eg_exporters known; /* that certainly are some */
    int64_t started_ns;        /* of this loop */
    int64_t begun_ns;
    const char *file;
    uint64_t number; /* of the packet in it, from 1 */
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return eg_timespec_ns(now);
}

static void progress_tell(struct replay *r) {
    struct eg_scan_progress seen = {.bytes_done = r->account->bytes, .frames = r->account->sent};
    if (r->progress) eg_progress_draw(r->progress, &seen);
}

/* Waits until `due_ns` after the loop's start. */
static enum eg_status wait_until(struct replay *r, int64_t due_ns, struct eg_error *err) {
    for (;;) {
        if (eg_env_cancelled(&r->call->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
        int64_t now = now_ns(), until = r->started_ns + due_ns;
        if (until <= now) return EG_OK;
        if (until > now + NAP_NS) until = now + NAP_NS;
        progress_tell(r);
        struct timespec to = {(time_t)(until / EG_SECOND_NS), (long)(until % EG_SECOND_NS)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &to, NULL);
    }
}

/* What sending answered about this one alone. */
static enum eg_status outcome_note(struct replay *r, enum eg_status status, size_t size,
                                   const struct eg_error *why, struct eg_error *err) {
    struct eg_replay_account *a = r->account;
    if (status >= 0) {
        a->sent++;
        a->bytes += size;
        return EG_OK;
    }
    if (status != EG_E_USAGE && status != EG_E_IO) {
        if (err) *err = *why;
        return status;
    }
    if (!a->unsendable && !a->failed) a->first_failure = *why;
    if (status == EG_E_USAGE)
        a->unsendable++;
    else
        a->failed++;
    return EG_OK;
}

static bool port_asked(const struct eg_ports *ports, uint16_t port) {
    for (uint32_t i = 0; i < ports->count; i++)
        if (ports->list[i] == port) return true;
    return false;
}

static bool is_export(struct replay *r, const struct eg_datagram *d) {
    uint32_t decoder;
    return eg_probes_believe(eg_probes_ask(&r->probes, d, &decoder), d, false, &r->known);
}

static enum eg_status datagram_send(struct replay *r, const struct eg_batch *batch, uint32_t row,
                                    struct eg_error *err) {
    struct eg_datagram d;
    const struct eg_ports *ports = &r->plan->ports;
    enum eg_datagram_found found = eg_datagrams_take(r->datagrams, batch, row, &d);
    if (found == EG_DATAGRAM_WAIT) return EG_OK;
    bool wanted = found != EG_DATAGRAM_NONE &&
                  (ports->count ? port_asked(ports, d.local_port) : is_export(r, &d));
    if (!wanted || found == EG_DATAGRAM_CUT) {
        r->account->other += !wanted;
        r->account->cut += wanted;
        return EG_OK;
    }
    int64_t time_ns = INT64_MIN;
    if (eg_batch_valid(batch, EG_COL(RAW, time_ns), row))
        time_ns = eg_col_int(&batch->columns[EG_COL(RAW, time_ns)], row);
    EG_TRY(wait_until(r, eg_pace_due(&r->plan->pace, time_ns, d.payload.size), err));
    struct eg_sender_exporter from = {d.exporter, d.exporter_port};
    struct eg_error why = {0};
    enum eg_status status = eg_sender_send(r->plan->datagrams, &from, d.payload, &why);
    return outcome_note(r, status, d.payload.size, &why, err);
}

static void misfit_note(const struct replay *r, struct eg_replay_misfits *kind, size_t bytes) {
    if (!kind->count++) *kind = (struct eg_replay_misfits){1, r->file, r->number, bytes};
}

static enum eg_status frame_send(struct replay *r, const struct eg_batch *batch, uint32_t row,
                                 struct eg_error *err) {
    const struct eg_column *c = batch->columns;
    struct eg_span frame = eg_col_view(&c[EG_COL(RAW, payload)])[row];
    bool ethernet = eg_batch_valid(batch, EG_COL(RAW, link_type), row) &&
                    eg_col_int(&c[EG_COL(RAW, link_type)], row) == EG_LINK_ETHERNET;
    if (!ethernet || eg_col_int(&c[EG_COL(RAW, length)], row) > (int64_t)frame.size) {
        if (!ethernet) misfit_note(r, &r->account->strange, frame.size);
        r->account->cut += ethernet;
        return EG_OK;
    }
    int64_t time_ns = INT64_MIN;
    if (eg_batch_valid(batch, EG_COL(RAW, time_ns), row))
        time_ns = eg_col_int(&c[EG_COL(RAW, time_ns)], row);
    EG_TRY(wait_until(r, eg_pace_due(&r->plan->pace, time_ns, frame.size), err));
    struct eg_error why = {0};
    enum eg_status status = eg_frame_sender_send(r->plan->frames, frame, &why);
    if (status == EG_E_USAGE) {
        misfit_note(r, &r->account->large, frame.size);
        return EG_OK;
    }
    return outcome_note(r, status, frame.size, &why, err);
}

static bool enough(const struct replay *r) {
    return r->plan->count_max && r->account->sent >= r->plan->count_max;
}

static enum eg_status batch_send(void *to, struct eg_batch *batch, struct eg_error *err) {
    struct replay *r = to;
    for (uint32_t row = 0; batch && row < batch->rows && !enough(r); row++) {
        r->number++;
        EG_TRY(r->plan->frames ? frame_send(r, batch, row, err)
                               : datagram_send(r, batch, row, err));
    }
    progress_tell(r);
    return enough(r) ? EG_END : EG_OK;
}

/* What was captured first is sent first. */
static enum eg_status file_send(struct replay *r, const char *path, struct eg_error *err) {
    struct eg_in_order how = {.source = eg_registry_find(EG_STAGE_source, "file")->type,
                              .uri = path,
                              .take = batch_send,
                              .to = r};
    struct eg_tally tally = {0};
    r->file = path;
    r->number = 0;
    r->datagrams = eg_datagrams_new();
    if (!r->datagrams) return eg_fail(err, EG_E_NOMEM, "no memory to read %s", path);
    enum eg_status status = eg_in_order(&r->call->env, &how, &tally, err);
    eg_tally_reset(&tally);
    if (!enough(r)) r->account->fragments += eg_datagrams_lost(r->datagrams);
    eg_datagrams_free(r->datagrams);
    if (status != EG_E_CUT) return status;
    if (err) eg_say(r->call, err->message);
    r->account->inputs_cut++;
    return EG_OK;
}

enum eg_status eg_replay_run(struct eg_call *call, char *const *files, size_t file_count,
                             struct eg_replay_plan *plan, struct eg_replay_account *account,
                             struct eg_error *err) {
    struct replay r = {.call = call, .plan = plan, .account = account, .begun_ns = now_ns()};
    r.probes = eg_probes_all();
    r.progress = eg_progress_manual(call);
    enum eg_status status = EG_OK;
    for (int64_t loop = 0; loop < plan->loops && status >= 0 && !enough(&r); loop++) {
        uint64_t before = account->sent;
        /* each loop has the times of the first; a steady rate goes on through all of them */
        if (loop == 0 || plan->pace.kind == EG_PACE_ORIGINAL) r.started_ns = now_ns();
        plan->pace.begun = false;
        for (size_t i = 0; i < file_count && status >= 0 && !enough(&r); i++)
            status = file_send(&r, files[i], err);
        if (account->sent == before) break; /* nothing to send, however often */
    }
    account->seconds = (double)(now_ns() - r.begun_ns) / (double)EG_SECOND_NS;
    if (plan->datagrams) {
        account->exporters = eg_sender_exporters(plan->datagrams);
        account->refusals = eg_sender_refusals(plan->datagrams);
    }
    eg_progress_stop(r.progress);
    eg_exporters_reset(&r.known);
    return status;
}
