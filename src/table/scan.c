/* SPDX-License-Identifier: Apache-2.0
 * A scan as its caller has it: opened, held, asked how far it is, ended. Who reads what next is in
 * scan_work.c. */
#include "table/scan_inside.h"

#include "base/alloc.h"

#include <string.h>

/* ---- errors and troubles ---- */

enum eg_status egi_scan_fail(struct eg_scan *scan, enum eg_status status,
                             const struct eg_error *err) {
    if (!atomic_load(&scan->failed)) {
        scan->error = *err;
        scan->error.status = status;
        atomic_store(&scan->failed, true);
    }
    pthread_cond_broadcast(&scan->changed);
    return status;
}

enum eg_status egi_scan_error(struct eg_scan *scan, struct eg_error *err) {
    pthread_mutex_lock(&scan->lock);
    enum eg_status status = scan->error.status;
    if (err) *err = scan->error;
    pthread_mutex_unlock(&scan->lock);
    return status;
}

void egi_scan_trouble(struct eg_scan *scan, size_t index, enum eg_status status,
                      enum eg_plan_state state, bool rest, const char *message) {
    struct eg_error err = {0};
    struct eg_trouble what = {.input = (char *)(uintptr_t)scan->request.inputs[index],
                              .status = status,
                              .state = state,
                              .rest = rest,
                              .message = (char *)(uintptr_t)message};
    if (egi_troubles_note(&scan->troubles, index, &what, &err) < 0)
        egi_scan_fail(scan, EG_E_NOMEM, &err);
}

void egi_scan_source_failed(struct eg_scan *scan, size_t index, enum eg_plan_state state,
                            enum eg_status status, const struct eg_error *why) {
    bool mild = status == EG_E_CUT ||
                (scan->request.keep_going && status != EG_E_CANCELLED && status != EG_E_NOMEM);
    if (mild)
        egi_scan_trouble(scan, index, status, state, false, why->message);
    else
        egi_scan_fail(scan, status, why);
}

/* ---- inputs that are over ---- */

void egi_scan_settle(struct eg_scan *scan) {
    while (scan->inputs && scan->inputs->drained && scan->inputs != scan->current) {
        struct egi_input *input = scan->inputs;
        scan->inputs = input->next;
        eg_tally_merge(&scan->tally, &input->tally);
        egi_input_free(input);
    }
}

/* ---- from outside ---- */

void eg_scan_hold(struct eg_scan *scan, bool hold) {
    pthread_mutex_lock(&scan->lock);
    scan->held = hold;
    if (!hold && scan->current && scan->current->exhausted && scan->current->drained) {
        scan->current = NULL;
        egi_scan_settle(scan);
    }
    pthread_cond_broadcast(&scan->changed);
    pthread_mutex_unlock(&scan->lock);
}

static bool input_over(const struct egi_input *input) { return input->exhausted && input->drained; }

bool eg_scan_over(struct eg_scan *scan) {
    pthread_mutex_lock(&scan->lock);
    bool over = scan->next_input == scan->request.input_count;
    for (struct egi_input *input = scan->inputs; input; input = input->next)
        over = over && input_over(input);
    pthread_mutex_unlock(&scan->lock);
    return over;
}

const char *eg_scan_input(struct eg_scan *scan) {
    pthread_mutex_lock(&scan->lock);
    const char *name = scan->current ? scan->current->name : NULL;
    pthread_mutex_unlock(&scan->lock);
    return name;
}

bool eg_scan_mark(struct eg_scan *scan, const struct eg_extract_type *extract,
                  const struct eg_position *reached, struct eg_position *out) {
    for (uint32_t i = 0; scan->current && i < scan->request.part_count; i++)
        if (scan->request.parts[i].extract == extract)
            return egi_input_mark(scan->current, i, reached, out);
    return false;
}

enum eg_status eg_scan_position(struct eg_scan *scan, struct eg_position *out,
                                struct eg_error *err) {
    struct egi_input *input = scan->current;
    if (!input || input->muted || input->settled == 0) return EG_END;
    uint64_t behind = input->settled, failed = atomic_load(&input->failed_at);
    if (failed < atomic_load(&input->given))
        return eg_fail(err, EG_E_IO,
                       "%s: a read failed before a place that had been read already: nothing of "
                       "this step is kept; run the same command again",
                       input->name);
    if (failed < behind) behind = failed;
    if (behind == 0) return EG_END;
    if (input->ahead) {
        *out = input->before;
        return EG_OK;
    }
    return scan->request.source->position(input->source, behind - 1, out, err);
}

enum eg_status eg_scan_know(struct eg_scan *scan, const struct eg_position *position,
                            struct eg_error *err) {
    return egi_known_add(&scan->known, &scan->request, position, err);
}

enum eg_status eg_scan_commit(struct eg_scan *scan, const struct eg_position *position,
                              struct eg_error *err) {
    struct egi_input *input = scan->current;
    return input ? scan->request.source->commit(input->source, position, err) : EG_OK;
}

void eg_scan_losses(struct eg_scan *scan, struct eg_tally *out) {
    eg_tally_merge(out, &scan->tally);
    eg_tally_reset(&scan->tally);
    for (struct egi_input *input = scan->inputs; input; input = input->next) {
        eg_tally_merge(out, &input->tally);
        eg_tally_reset(&input->tally);
    }
}

void eg_scan_stop(struct eg_scan *scan, const struct eg_error *err) {
    pthread_mutex_lock(&scan->lock);
    egi_scan_fail(scan, err->status < 0 ? err->status : EG_E_CANCELLED, err);
    pthread_mutex_unlock(&scan->lock);
}

const struct eg_tally *eg_scan_tally(struct eg_scan *scan) {
    for (struct egi_input *input = scan->inputs; input; input = input->next) {
        eg_tally_merge(&scan->tally, &input->tally);
        eg_tally_reset(&input->tally);
    }
    return &scan->tally;
}

const struct eg_trouble *eg_scan_troubles(struct eg_scan *scan, size_t *count) {
    *count = scan->troubles.count;
    return scan->troubles.items;
}

struct eg_scan_progress eg_scan_progress(const struct eg_scan *scan) {
    struct eg_scan_progress seen = {egi_scan_seen(&scan->bytes_done),
                                    egi_scan_seen(&scan->bytes_total),
                                    egi_scan_seen(&scan->frames),
                                    egi_scan_seen(&scan->datagrams),
                                    {0},
                                    egi_scan_seen(&scan->known_bytes),
                                    egi_scan_seen(&scan->known_frames),
                                    egi_scan_seen(&scan->known_datagrams),
                                    egi_scan_seen(&scan->others),
                                    egi_scan_seen(&scan->other_bytes)};
    for (int i = 0; i < EG_TABLE_COUNT; i++) seen.rows[i] = egi_scan_seen(&scan->rows[i]);
    return seen;
}

/* ---- opening ---- */

static void *copy_of(const void *from, size_t count, size_t size) {
    void *copy = eg_calloc(count ? count : 1, size);
    if (copy && count) memcpy(copy, from, count * size);
    return copy;
}

static int part_order(const struct eg_scan_part *part) {
    return (int)part->extract->table * 2 + part->extract->holds;
}

static bool request_copy(struct eg_scan_request *to, const struct eg_scan_request *from) {
    *to = *from;
    char **inputs = eg_calloc(from->input_count + 1, sizeof(char *));
    to->inputs = (const char *const *)inputs;
    to->netflow_ports =
        copy_of(from->netflow_ports, from->netflow_port_count, sizeof *from->netflow_ports);
    to->known = NULL;
    if (from->input_parts)
        to->input_parts = copy_of(from->input_parts, from->input_count, sizeof *from->input_parts);
    bool whole = inputs && to->netflow_ports && (to->input_parts || !from->input_parts);
    for (size_t i = 0; whole && i < from->input_count; i++)
        whole = (inputs[i] = eg_strdup(from->inputs[i])) != NULL;
    /* a frame that held an export is claimed before its packet is looked at */
    for (uint32_t i = 1; i < to->part_count; i++)
        for (uint32_t k = i; k; k--) {
            struct eg_scan_part before = to->parts[k - 1];
            if (part_order(&to->parts[k]) >= part_order(&before)) break;
            to->parts[k - 1] = to->parts[k];
            to->parts[k] = before;
        }
    return whole;
}

static void request_reset(struct eg_scan_request *request) {
    for (size_t i = 0; request->inputs && i < request->input_count; i++)
        eg_free((void *)(uintptr_t)request->inputs[i]);
    eg_free((void *)(uintptr_t)request->inputs);
    eg_free((void *)(uintptr_t)request->netflow_ports);
    eg_free((void *)(uintptr_t)request->input_parts);
}

enum eg_status eg_scan_open(struct eg_scan **out, const struct eg_env *env,
                            const struct eg_scan_request *request, struct eg_error *err) {
    EG_ASSERT(request->part_count > 0 && request->part_count <= EG_SCAN_PARTS_MAX);
    EG_ASSERT(request->source->abi == EG_STAGE_ABI);
    struct eg_scan *scan = eg_calloc(1, sizeof *scan);
    if (!scan) return eg_fail(err, EG_E_NOMEM, "no memory for a scan");
    scan->env = *env;
    if (scan->env.batch_rows == 0) scan->env.batch_rows = EG_BATCH_ROWS;
    pthread_mutex_init(&scan->lock, NULL);
    pthread_cond_init(&scan->changed, NULL);
    if (!request_copy(&scan->request, request) ||
        egi_known_init(&scan->known, &scan->request, request->known, request->known_count, NULL) <
            0) {
        eg_scan_free(scan);
        return eg_fail(err, EG_E_NOMEM, "no memory for a scan");
    }
    if (request->input_count) {
        pthread_mutex_lock(&scan->lock);
        egi_scan_begin(scan);
        pthread_mutex_unlock(&scan->lock);
    }
    if (atomic_load(&scan->failed)) {
        enum eg_status status = egi_scan_error(scan, err);
        eg_scan_free(scan);
        return status;
    }
    *out = scan;
    return EG_OK;
}

void eg_scan_free(struct eg_scan *scan) {
    if (!scan) return;
    EG_ASSERT(scan->workers == 0);
    struct egi_unit *unit;
    while ((unit = egi_scan_unpark(&scan->parked))) egi_unit_pend(unit); /* freed with its input */
    while (scan->inputs) {
        struct egi_input *input = scan->inputs;
        scan->inputs = input->next;
        egi_input_free(input);
    }
    egi_troubles_reset(&scan->troubles);
    eg_tally_reset(&scan->tally);
    egi_known_reset(&scan->known);
    request_reset(&scan->request);
    pthread_cond_destroy(&scan->changed);
    pthread_mutex_destroy(&scan->lock);
    eg_free(scan);
}
