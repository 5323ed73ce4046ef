/* SPDX-License-Identifier: Apache-2.0
 * The step from one input of a scan to the next: planned (once for each place that its parts are known
 * to), claimed against others, planned again where that brought news, opened. */
#include "table/scan_inside.h"

#include "base/alloc.h"

#define TOLD_MAX 2048 /* of an input that is known */

static enum eg_status pass_open_now(struct eg_scan *scan, struct egi_input **input,
                                    enum eg_plan_state *state, struct eg_error *err) {
    if (scan->pass == scan->pass_count) {
        scan->pass_count = egi_input_passes(&scan->env, &scan->request, &scan->known,
                                            scan->next_input, scan->passes);
        scan->pass = 0;
    }
    return egi_input_open(input, &scan->env, &scan->request, &scan->known, scan->next_input,
                          &scan->passes[scan->pass++], state, err);
}

/* Plans the next pass over the input at next_input, and opens it for that. */
static enum eg_status pass_open(struct eg_scan *scan, struct egi_input **input,
                                enum eg_plan_state *state, struct eg_error *err) {
    bool first = scan->pass == scan->pass_count;
    *input = NULL;
    *state = EG_PLAN_NEW;
    if (!first) EG_TRY(egi_known_settle(&scan->known, &scan->request, err));
    enum eg_status status = pass_open_now(scan, input, state, err);
    if (!first || status < 0 || !(*input)->plan.key[0] || /* a pipe cannot be opened again */
        !egi_known_waits(&scan->known, (*input)->plan.key))
        return status;
    egi_input_free(*input);
    *input = NULL;
    scan->pass = scan->pass_count = 0;
    EG_TRY(egi_known_settle(&scan->known, &scan->request, err));
    return pass_open_now(scan, input, state, err);
}

/* Asks for the input before its first pass, and plans it again where that brings news. Answers as
 * pass_open; `refused`: it is the claim that failed. */
static enum eg_status input_claim(struct eg_scan *scan, struct egi_input **input,
                                  enum eg_plan_state *state, bool *refused, struct eg_error *err) {
    const struct eg_scan_request *request = &scan->request;
    const struct eg_plan *plan = &(*input)->plan;
    struct eg_position *news = NULL;
    size_t count = 0;
    enum eg_status status =
        request->claim_source(request->claim_to, plan->key, plan->lock[0] ? plan->lock : plan->key,
                              (*input)->name, &news, &count, err);
    for (size_t i = 0; i < count && status >= 0; i++)
        status = egi_known_add(&scan->known, request, &news[i], err);
    if (status >= 0 && count) status = egi_known_settle(&scan->known, request, err);
    eg_free(news);
    *refused = status < 0;
    if (status < 0 || !count) return status;
    egi_input_free(*input);
    scan->pass = scan->pass_count = 0;
    return pass_open(scan, input, state, err);
}

void egi_scan_begin(struct eg_scan *scan) {
    size_t index = scan->next_input;
    struct egi_input *input;
    enum eg_plan_state state;
    struct eg_error err = {0};
    bool refused = false;
    char told[TOLD_MAX] = "";
    scan->reading = true;
    pthread_mutex_unlock(&scan->lock);
    enum eg_status status = pass_open(scan, &input, &state, &err);
    if (status == EG_OK && scan->request.claim_source && input->plan.key[0] && scan->pass == 1)
        status = input_claim(scan, &input, &state, &refused, &err);
    if (status == EG_OK) status = egi_input_begin(input, &scan->known, &refused, &err);
    if (status == EG_END) {
        enum eg_status kept = egi_input_known(input, told, sizeof told, &err);
        refused = kept < 0;
        if (refused) status = kept;
    }
    pthread_mutex_lock(&scan->lock);
    scan->reading = false;
    pthread_cond_broadcast(&scan->changed);
    if (scan->pass == scan->pass_count) scan->next_input++;
    scan->current = NULL;
    egi_scan_settle(scan);
    if (status < 0) {
        if (refused)
            egi_scan_fail(scan, status, &err);
        else
            egi_scan_source_failed(scan, index, state, status, &err);
        egi_input_free(input);
        return;
    }
    const char *warning = input->plan.warning;
    if (status == EG_END && !warning) {
        if (input->plan.like[0])
            eg_fail(&err, EG_OK, "%s: already ingested, it is the beginning of %s%s", input->name,
                    input->plan.like, told);
        else
            eg_fail(&err, EG_OK, "%s: already ingested, nothing in it is new%s", input->name, told);
        warning = err.message;
    }
    if (warning) egi_scan_trouble(scan, index, EG_OK, state, input->plan.rest, warning);
    if (status == EG_END) {
        egi_input_free(input);
        return;
    }
    egi_scan_add(&scan->bytes_total, input->plan.bytes);
    if (input->plan.resume_offset <= input->plan.bytes) /* else it is packed: nobody can tell */
        egi_scan_add(&scan->known_bytes, input->plan.resume_offset);
    scan->current = input;
    struct egi_input **at = &scan->inputs;
    while (*at) at = &(*at)->next;
    *at = input;
}
