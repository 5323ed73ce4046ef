/* SPDX-License-Identifier: Apache-2.0
 * Where an input is taken up: how often it must be read, each part from where its rows are known, and
 * what an earlier run had given out of a part that holds rows back. */
#include "base/alloc.h"
#include "table/scan_input.h"
#include "table/scan_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has(egi_parts parts, uint32_t part) { return parts >> part & 1; }

static enum eg_status places_plan(struct eg_source *source, const struct eg_scan_request *request,
                                  const struct egi_known *known, egi_parts parts,
                                  struct eg_plan *out, struct eg_error *err) {
    if (!known->differ) return request->source->plan(source, known->places, known->count, out, err);
    struct eg_position *places = eg_calloc(known->count, sizeof *places);
    size_t count = 0;
    if (!places) return eg_fail(err, EG_E_NOMEM, "no memory for positions");
    for (size_t i = 0; i < known->count; i++)
        if ((known->parts[i] & parts) == parts) places[count++] = known->places[i];
    enum eg_status status = request->source->plan(source, places, count, out, err);
    eg_free(places);
    return status;
}

/* A shorter copy of what is known ends before the place that is known of it, so that its digest is not
 * met; who kept that capture can compare them. */
static enum eg_status beginning_find(const char *name, const struct eg_scan_request *request,
                                     const struct egi_known *known, egi_parts parts,
                                     struct eg_plan *plan, struct eg_error *err) {
    for (size_t i = 0; i < known->count; i++) {
        const struct eg_position *place = &known->places[i];
        if ((known->parts[i] & parts) != parts || place->offset <= plan->ends ||
            strcmp(place->key, plan->key) != 0)
            continue;
        enum eg_status status =
            request->known_begins(request->claim_to, name, plan->ends, place, err);
        if (status == EG_END) continue;
        if (status < 0) return status;
        plan->state = EG_PLAN_KNOWN;
        plan->warning = NULL;
        snprintf(plan->like, sizeof plan->like, "%s", place->name);
        break;
    }
    return EG_OK;
}

enum eg_status egi_plan_for(struct eg_source *source, const char *name,
                            const struct eg_scan_request *request, const struct egi_known *known,
                            egi_parts parts, struct eg_plan *out, struct eg_error *err) {
    EG_TRY(places_plan(source, request, known, parts, out, err));
    if (!out->ends || out->state == EG_PLAN_KNOWN || !request->known_begins) return EG_OK;
    return beginning_find(name, request, known, parts, out, err);
}

/* How far the part's table is known: UINT64_MAX wholly, 0 not at all. */
static uint64_t known_until(const struct eg_env *env, const struct eg_scan_request *request,
                            const struct egi_known *known, size_t index, uint32_t part) {
    struct eg_source *source;
    struct eg_plan plan = {.resume_offset = 0};
    enum eg_status status =
        request->source->open(env, request->inputs[index], request->source_options, &source, NULL);
    if (status < 0) return 0; /* opening it in earnest will tell */
    status = egi_plan_for(source, request->inputs[index], request, known, (egi_parts)1 << part,
                          &plan, NULL);
    request->source->close(source);
    if (status < 0) return 0;
    return plan.state == EG_PLAN_KNOWN ? UINT64_MAX : plan.resume_offset;
}

uint32_t egi_input_passes(const struct eg_env *env, const struct eg_scan_request *request,
                          const struct egi_known *known, size_t index,
                          struct egi_pass passes[EG_SCAN_PARTS_MAX]) {
    egi_parts all = egi_parts_all(request);
    if (request->input_parts) all &= request->input_parts[index];
    passes[0] = (struct egi_pass){.parts = all};
    if (!known->differ) return 1;
    uint64_t until[EG_SCAN_PARTS_MAX], furthest = 0;
    bool whole = true;
    for (uint32_t part = 0; part < request->part_count; part++) {
        until[part] = has(all, part) ? known_until(env, request, known, index, part) : UINT64_MAX;
        whole = whole && until[part] == UINT64_MAX;
        if (until[part] > furthest) furthest = until[part];
    }
    if (whole) return 1;
    uint32_t count = 0;
    for (uint32_t part = 0; part < request->part_count; part++) {
        uint32_t same = 0;
        while (same < count && until[__builtin_ctz(passes[same].parts)] != until[part]) same++;
        if (until[part] == UINT64_MAX) continue;
        if (same == count) passes[count++] = (struct egi_pass){.counted = until[part] < furthest};
        passes[same].parts |= (egi_parts)1 << part;
    }
    return count;
}

/* Whether the input begins with what was read when a position's state was so. */
static bool state_fits(const struct egi_input *input, struct eg_position *reached) {
    struct eg_source *source;
    struct eg_plan plan = {.resume_offset = 0};
    const struct eg_scan_request *request = input->request;
    memcpy(reached->key, input->plan.key, sizeof reached->key);
    if (request->source->open(input->env, input->name, request->source_options, &source, NULL) < 0)
        return false;
    enum eg_status status = request->source->plan(source, reached, 1, &plan, NULL);
    request->source->close(source);
    return status >= 0 && plan.resume_offset == reached->offset;
}

void egi_state_find(struct egi_input *input, const struct egi_known *known, uint32_t part) {
    struct eg_extract_state *latest = &input->states[part], state;
    struct eg_position reached;
    for (size_t i = 0; input->plan.key[0] && i < known->count; i++) {
        const struct eg_position *place = &known->places[i];
        if (!place->state[0] || !has(known->parts[i], part) ||
            place->offset != input->plan.resume_offset ||
            strcmp(place->digest, input->plan.digest) != 0 ||
            (!place->offset && strcmp(place->key, input->plan.key) != 0))
            continue;
        if (egi_state_read(place->state, &state, &reached) && egi_state_later(&state, latest) &&
            state_fits(input, &reached))
            *latest = state;
    }
}
