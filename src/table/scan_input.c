/* SPDX-License-Identifier: Apache-2.0
 * One input of a scan: opening it, decoding its units, joining them in order. No locks here: scan_work.c
 * sees to it that a unit is in one call at a time and that joins follow each other. */
#include "table/scan_input.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "table/scan_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME_MAX 4096 /* of what rows call an input */

/* ---- scratch ---- */

void egi_scratch_reset(struct egi_scratch *scratch) {
    eg_free(scratch->rows);
    eg_free(scratch->claimed);
    *scratch = (struct egi_scratch){0};
}

static bool scratch_rows(struct egi_scratch *scratch, size_t rows) {
    if (rows <= scratch->row_room) return true;
    void *grown = eg_realloc(scratch->rows, rows, sizeof *scratch->rows);
    if (!grown) return false;
    scratch->rows = grown;
    scratch->row_room = rows;
    return true;
}

/* Zeroed bits for the rows of a raw batch. */
static uint64_t *scratch_claimed(struct egi_scratch *scratch, uint32_t rows) {
    size_t words = (size_t)rows / 64 + 1; /* a batch may have no rows */
    if (words > scratch->claimed_words) {
        void *grown = eg_realloc(scratch->claimed, words, sizeof *scratch->claimed);
        if (!grown) return NULL;
        scratch->claimed = grown;
        scratch->claimed_words = words;
    }
    memset(scratch->claimed, 0, words * sizeof *scratch->claimed);
    return scratch->claimed;
}

/* ---- outs ---- */

static eg_column_set part_columns(const struct eg_scan_part *part) {
    return part->columns | (part->predicate ? part->predicate->columns : 0);
}

static enum eg_status out_begin(struct eg_out *out, const struct egi_input *input, uint32_t part,
                                uint64_t unit, struct eg_error *err) {
    const struct eg_scan_part *asked = &input->request->parts[part];
    enum eg_table_id also = asked->also_columns ? asked->extract->also : EG_TABLE_COUNT;
    *out = (struct eg_out){.unit = unit};
    if (also != EG_TABLE_COUNT)
        EG_TRY(eg_builder_new(&out->also, eg_table_get(also), also, input->env->batch_rows,
                              asked->also_columns, err));
    return eg_builder_new(&out->rows, eg_table_get(asked->extract->table), asked->extract->table,
                          input->env->batch_rows, part_columns(asked), err);
}

static void out_end(struct eg_out *out) {
    for (uint32_t i = 0; i < out->ready_count; i++) eg_batch_unref(out->ready[i]);
    eg_free(out->ready);
    eg_builder_free(out->rows);
    eg_builder_free(out->also);
    eg_tally_reset(&out->tally);
    *out = (struct eg_out){0};
}

/* The rows of a batch that the part's predicate holds for; takes the batch. */
static enum eg_status batch_select(struct eg_batch **batch, const struct eg_predicate *predicate,
                                   struct egi_scratch *scratch, struct eg_error *err) {
    if (!scratch_rows(scratch, (*batch)->rows))
        return eg_fail(err, EG_E_NOMEM, "no memory to select rows");
    uint32_t held = predicate->select(predicate, *batch, scratch->rows);
    if (held == (*batch)->rows) return EG_OK;
    struct eg_batch *picked = NULL;
    enum eg_status status = held ? eg_batch_pick(&picked, *batch, scratch->rows, held, err) : EG_OK;
    eg_batch_unref(*batch);
    *batch = picked;
    return status;
}

/* Moves what an out has ready to the worker, less what the predicate rejects; all of it is dropped
 * where the unit is muted. */
static enum eg_status out_collect(struct eg_out *out, const struct eg_scan_part *part, bool muted,
                                  struct egi_scratch *scratch, struct egi_batches *ready,
                                  struct eg_error *err) {
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i < out->ready_count; i++) {
        struct eg_batch *batch = out->ready[i];
        if (muted || status < 0) {
            eg_batch_unref(batch);
            continue;
        }
        if (part->predicate && batch->table_id == part->extract->table)
            status = batch_select(&batch, part->predicate, scratch, err);
        if (batch && (status < 0 || !egi_batches_push(ready, batch))) {
            eg_batch_unref(batch);
            if (status >= 0) status = eg_fail(err, EG_E_NOMEM, "no memory for a list of batches");
        }
    }
    out->ready_count = 0;
    return status;
}

/* ---- opening ---- */

static bool has(egi_parts parts, uint32_t part) { return parts >> part & 1; }

static bool holds(const struct egi_input *input, uint32_t part) {
    return input->request->parts[part].extract->holds;
}

/* A part that may claim frames is fed even where its own rows are not wanted. */
static egi_parts parts_fed(const struct eg_scan_request *request, egi_parts wanted) {
    if (!request->claim) return wanted;
    egi_parts fed = wanted;
    for (uint32_t i = 0; i < request->part_count; i++)
        if (wanted >> i && !request->parts[i].extract->holds) fed |= (egi_parts)1 << i;
    return fed;
}

/* Whether packets are rows, too, whose extract counts what is remarkable about frames. */
static bool packets_too(const struct eg_scan_request *request) {
    for (uint32_t i = 0; i < request->part_count; i++)
        if (request->parts[i].extract->table == EG_TABLE_PACKETS) return true;
    return false;
}

static enum eg_status extracts_open(struct egi_input *input, const struct egi_known *known,
                                    struct eg_error *err) {
    const struct eg_scan_request *request = input->request;
    bool twice = !input->plan.live && input->plan.key[0]; /* what has no key is a pipe */
    input->again = (struct eg_again){egi_again_read, input};
    for (uint32_t i = 0; i < request->part_count; i++) {
        struct eg_extract_options options = {
            .columns = part_columns(&request->parts[i]),
            .netflow_ports = request->netflow_ports,
            .netflow_port_count = request->netflow_port_count,
            .input_name = input->plan.live ? NULL : input->file,
            .book = request->book,
            .metering = request->metering,
            .state = &input->states[i],
            .live = input->plan.live,
            .again = twice ? &input->again : NULL,
            .remarks_elsewhere = holds(input, i) && packets_too(request),
        };
        if (!has(input->fed, i)) continue;
        if (holds(input, i)) egi_state_find(input, known, i);
        EG_TRY(request->parts[i].extract->open(input->env, &options, &input->extracts[i], err));
    }
    return EG_OK;
}

static enum eg_status input_plan(struct egi_input *input, const struct egi_known *known,
                                 struct eg_error *err) {
    const struct eg_scan_request *request = input->request;
    EG_TRY(request->source->open(input->env, input->name, request->source_options, &input->source,
                                 err));
    EG_TRY(
        egi_plan_for(input->source, input->name, request, known, input->wanted, &input->plan, err));
    return input->plan.state == EG_PLAN_KNOWN ? EG_END : EG_OK;
}

enum eg_status egi_input_open(struct egi_input **out, const struct eg_env *env,
                              const struct eg_scan_request *request, const struct egi_known *known,
                              size_t index, const struct egi_pass *pass, enum eg_plan_state *state,
                              struct eg_error *err) {
    *out = NULL;
    *state = EG_PLAN_NEW;
    struct egi_input *input = eg_calloc(1, sizeof *input);
    if (!input) return eg_fail(err, EG_E_NOMEM, "%s: no memory", request->inputs[index]);
    input->env = env;
    input->request = request;
    input->index = index;
    input->name = request->inputs[index];
    input->wanted = pass->parts;
    input->counted = pass->counted;
    input->fed = parts_fed(request, pass->parts);
    atomic_init(&input->failed_at, UINT64_MAX);
    enum eg_status status = input_plan(input, known, err);
    *state = input->plan.state;
    if (status < 0) {
        egi_input_free(input);
        return status;
    }
    input->muted = input->plan.resume_offset > 0;
    input->exhausted = input->plan.units == 0;
    *out = input;
    return status;
}

/* Whether rows of `packets` are asked of it, which say where each frame stands. */
static bool gives_packets(const struct egi_input *input) {
    for (uint32_t i = 0; i < input->request->part_count; i++)
        if (has(input->wanted, i) && input->request->parts[i].extract->table == EG_TABLE_PACKETS)
            return true;
    return false;
}

enum eg_status egi_input_begin(struct egi_input *input, const struct egi_known *known,
                               bool *refused, struct eg_error *err) {
    const struct eg_scan_request *request = input->request;
    *refused = false;
    char file[FILE_NAME_MAX];
    snprintf(file, sizeof file, "%s", input->name);
    if (request->keep_source && gives_packets(input)) {
        enum eg_status status =
            request->keep_source(request->keep_to, input->source, file, sizeof file, err);
        *refused = status < 0 && status != EG_E_NOENT;
        if (status < 0) return status;
    }
    input->file = eg_utf8_escaped(file); /* rows hold text */
    if (!input->file) return eg_fail(err, EG_E_NOMEM, "%s: no memory", input->name);
    return extracts_open(input, known, err);
}

enum eg_status egi_input_known(struct egi_input *input, char *told, size_t room,
                               struct eg_error *err) {
    const struct eg_scan_request *request = input->request;
    if (!request->keep_known || !input->plan.key[0] || !gives_packets(input)) return EG_OK;
    return request->keep_known(request->keep_to, input->source, told, room, err);
}

bool egi_input_ticks(const struct egi_input *input) {
    for (uint32_t i = 0; i < input->request->part_count; i++)
        if (has(input->wanted, i) && (holds(input, i) || input->request->parts[i].extract->ticks))
            return true;
    return false;
}

bool egi_input_mark(const struct egi_input *input, uint32_t part, const struct eg_position *reached,
                    struct eg_position *out) {
    if (!has(input->wanted, part)) return false;
    *out = *reached;
    snprintf(out->table, sizeof out->table, "%s", input->request->parts[part].extract->position);
    if (!holds(input, part) || (input->exhausted && input->drained)) return true;
    out->cut = false;
    out->offset = input->plan.resume_offset;
    memcpy(out->digest, input->plan.digest, sizeof out->digest);
    return egi_state_text(&input->states[part], reached, out->state);
}

void egi_input_free(struct egi_input *input) {
    if (!input) return;
    struct egi_scratch scratch = {0};
    struct egi_batches nothing = {0};
    struct egi_counts counts = {0};
    input->closing = true;
    for (struct egi_unit *unit = input->pending, *next; unit; unit = next) {
        next = unit->next;
        unit->placed = unit->muted = true; /* its rows have no taker: only its memory matters */
        if (!unit->joined) (void)!egi_unit_join(unit, &scratch, &nothing, &counts, NULL);
        (void)!egi_unit_finish(unit, &scratch, &nothing, &counts, NULL);
        egi_unit_free(unit);
    }
    for (struct egi_unit *unit = input->finished, *next; unit; unit = next) {
        next = unit->next;
        egi_unit_free(unit);
    }
    egi_unit_free(input->ahead);
    egi_batches_reset(&nothing);
    egi_scratch_reset(&scratch);
    for (uint32_t i = 0; i < input->request->part_count; i++)
        if (input->extracts[i]) input->request->parts[i].extract->close(input->extracts[i]);
    if (input->source) input->request->source->close(input->source);
    eg_free(input->file);
    eg_tally_reset(&input->tally);
    eg_tally_reset(&input->end_tally);
    eg_free(input);
}

/* ---- units ---- */

enum eg_status egi_unit_new(struct egi_unit **out, struct egi_input *input, uint64_t number,
                            struct eg_error *err) {
    struct egi_unit *unit = eg_calloc(1, sizeof *unit);
    if (!unit) return eg_fail(err, EG_E_NOMEM, "%s: no memory", input->name);
    unit->input = input;
    unit->number = number;
    *out = unit;
    return EG_OK;
}

void egi_unit_free(struct egi_unit *unit) {
    if (!unit) return;
    for (uint32_t i = 0; i < unit->input->request->part_count; i++) out_end(&unit->outs[i]);
    eg_batch_unref(unit->raw);
    egi_batches_reset(&unit->raws);
    eg_tally_reset(&unit->tally);
    eg_free(unit);
}

static enum eg_status unit_begin(struct egi_unit *unit, struct eg_error *err) {
    const struct eg_scan_request *request = unit->input->request;
    for (uint32_t i = 0; i < request->part_count; i++) {
        if (!has(unit->input->fed, i)) continue;
        EG_TRY(out_begin(&unit->outs[i], unit->input, i, unit->number, err));
        EG_TRY(request->parts[i].extract->begin(unit->input->extracts[i], unit->number,
                                                &unit->parts[i], err));
    }
    unit->begun = true;
    return EG_OK;
}

/* The unit's tally goes along with the outs while they are written, so that counts stand in the
 * order of the input; the counts of a part that is fed for its claims only are its own. */
static void tally_lend(struct eg_tally *tally, struct eg_out *out, bool wanted) {
    if (!wanted) return;
    out->tally = *tally;
    *tally = (struct eg_tally){0};
}
static void tally_return(struct eg_tally *tally, struct eg_out *out, bool wanted) {
    if (!wanted) return;
    *tally = out->tally;
    out->tally = (struct eg_tally){0};
}

/* Whether the unit is already known is told by where its first row stands. */
static void unit_place(struct egi_unit *unit, const struct eg_batch *raw) {
    uint64_t resume = unit->input->plan.resume_offset;
    const uint32_t col = EG_COL(RAW, offset);
    if (unit->placed || raw->rows == 0) return;
    unit->placed = true;
    unit->muted = resume && eg_batch_valid(raw, col, 0) &&
                  (uint64_t)eg_col_i64(&raw->columns[col])[0] < resume;
}

/* What an extract that holds rows back was not fed it does not give: all of its rows are new, in
 * whatever unit they come. */
static bool part_muted(const struct egi_unit *unit, uint32_t part) {
    return !has(unit->input->wanted, part) || (unit->muted && !holds(unit->input, part));
}

/* Whether the part's counts go with the unit's, which count where it is not muted. */
static bool counts_along(const struct egi_unit *unit, uint32_t part) {
    return has(unit->input->wanted, part) && !(unit->muted && holds(unit->input, part));
}

static void datagrams_count(struct egi_counts *counts, const struct egi_unit *unit, uint64_t more) {
    counts->datagrams += more;
    if (unit->muted) counts->known_datagrams += more;
}

static void others_count(struct egi_counts *counts, const struct eg_batch *raw,
                         const uint64_t *claimed) {
    for (uint32_t row = 0; row < raw->rows; row++) {
        if (claimed && eg_bit(claimed, row)) continue;
        if (!eg_batch_valid(raw, EG_COL(RAW, link_type), row)) continue; /* a datagram */
        counts->others++;
        counts->other_bytes += (uint64_t)eg_col_int(&raw->columns[EG_COL(RAW, length)], row);
    }
}

static enum eg_status unit_feed(struct egi_unit *unit, struct eg_batch *raw,
                                struct egi_scratch *scratch, struct egi_batches *ready,
                                struct egi_counts *counts, struct eg_error *err) {
    const struct eg_scan_request *request = unit->input->request;
    uint64_t *claimed = NULL;
    if (request->raw && raw->rows && !unit->muted &&
        !egi_batches_push(&unit->raws, eg_batch_ref(raw))) {
        eg_batch_unref(raw);
        return eg_fail(err, EG_E_NOMEM, "%s: no memory", unit->input->name);
    }
    if (request->claim && !(claimed = scratch_claimed(scratch, raw->rows)))
        return eg_fail(err, EG_E_NOMEM, "%s: no memory", unit->input->name);
    for (uint32_t i = 0; i < request->part_count; i++) {
        struct eg_out *out = &unit->outs[i];
        bool along = counts_along(unit, i);
        if (!unit->parts[i] || (unit->muted && holds(unit->input, i))) continue;
        uint64_t datagrams = out->datagrams;
        tally_lend(&unit->tally, out, along);
        enum eg_status status =
            request->parts[i].extract->feed(unit->parts[i], raw, claimed, out, err);
        tally_return(&unit->tally, out, along);
        datagrams_count(counts, unit, out->datagrams - datagrams);
        if (status < 0) return status;
        EG_TRY(out_collect(out, &request->parts[i], part_muted(unit, i), scratch, ready, err));
    }
    if (request->count_others && !unit->muted) others_count(counts, raw, claimed);
    return EG_OK;
}

static enum eg_status unit_seal(struct egi_unit *unit, struct egi_scratch *scratch,
                                struct egi_batches *ready, struct eg_error *err) {
    const struct eg_scan_request *request = unit->input->request;
    for (uint32_t i = 0; i < request->part_count; i++) {
        struct eg_out *out = &unit->outs[i];
        bool along = counts_along(unit, i);
        if (!unit->parts[i]) continue;
        tally_lend(&unit->tally, out, along);
        eg_out_seal(out);
        tally_return(&unit->tally, out, along);
        EG_TRY(out_collect(out, &request->parts[i], part_muted(unit, i), scratch, ready, err));
    }
    return EG_OK;
}

/* The next raw batch; what the source answers is kept apart from what decoding answers. */
static enum eg_status unit_read(struct egi_unit *unit, struct eg_batch **raw,
                                enum eg_status *source, struct eg_error *err) {
    struct egi_input *input = unit->input;
    *raw = unit->raw; /* a stream's was read when the unit was taken */
    unit->raw = NULL;
    *source = *raw ? EG_OK : EG_END;
    if (!unit->begun) EG_TRY(unit_begin(unit, err));
    /* behind a unit that could not be read nothing can be vouched for */
    if (unit->number > atomic_load_explicit(&input->failed_at, memory_order_relaxed)) {
        unit->placed = unit->muted = true;
        *source = EG_END;
    } else if (input->plan.units != EG_UNITS_STREAM) {
        struct eg_tally counted = {0};
        *source = input->request->source->next(input->source, unit->number, raw,
                                               input->counted ? &counted : &unit->tally, err);
        eg_tally_reset(&counted);
        if (*source != EG_OK) *raw = NULL;
    }
    return EG_OK;
}

static void given_note(struct egi_unit *unit) {
    unsigned long long before = atomic_load(&unit->input->given);
    while (before <= unit->number &&
           !atomic_compare_exchange_weak(&unit->input->given, &before, unit->number + 1)) {
    }
}

enum eg_status egi_unit_step(struct egi_unit *unit, struct egi_scratch *scratch,
                             struct egi_batches *ready, struct egi_counts *counts, bool *of_source,
                             struct eg_error *err) {
    struct eg_batch *raw;
    enum eg_status source;
    *of_source = false;
    enum eg_status status = unit_read(unit, &raw, &source, err);
    if (status >= 0 && source == EG_OK && raw) {
        unit_place(unit, raw);
        if (!unit->muted && raw->rows) given_note(unit);
        counts->frames += raw->rows;
        if (unit->muted) counts->known_frames += raw->rows;
        status = unit_feed(unit, raw, scratch, ready, counts, err);
        eg_batch_unref(raw);
        return status;
    }
    eg_batch_unref(raw);
    if (status < 0) return status;
    EG_TRY(unit_seal(unit, scratch, ready, source < 0 ? NULL : err));
    *of_source = source < 0;
    return *of_source ? source : EG_END;
}

void egi_unit_pend(struct egi_unit *unit) {
    struct egi_unit **at = &unit->input->pending;
    while (*at && (*at)->number < unit->number) at = &(*at)->next;
    unit->next = *at;
    *at = unit;
}

/* What is done to each part of a unit in its join, and again in its finish. */
typedef enum eg_status (*part_step)(struct egi_unit *, uint32_t part, struct eg_out *,
                                    struct eg_error *);

static enum eg_status part_join(struct egi_unit *unit, uint32_t part, struct eg_out *out,
                                struct eg_error *err) {
    struct egi_input *input = unit->input;
    return input->request->parts[part].extract->join(input->extracts[part], unit->parts[part], out,
                                                     err);
}

static enum eg_status part_finish(struct egi_unit *unit, uint32_t part, struct eg_out *out,
                                  struct eg_error *err) {
    struct eg_extract_unit *own = unit->parts[part];
    unit->parts[part] = NULL;
    enum eg_status status = unit->input->request->parts[part].extract->finish(own, out, err);
    if (status >= 0) eg_out_seal(out);
    return status;
}

/* Takes the step in every part, also behind one that failed; answers the first failure. */
static enum eg_status parts_step(struct egi_unit *unit, part_step step, struct egi_scratch *scratch,
                                 struct egi_batches *ready, struct egi_counts *counts,
                                 struct eg_error *err) {
    const struct eg_scan_request *request = unit->input->request;
    enum eg_status status = EG_OK;
    for (uint32_t i = 0; i < request->part_count; i++) {
        struct eg_out *out = &unit->outs[i];
        bool along = counts_along(unit, i);
        if (!unit->parts[i]) continue;
        uint64_t datagrams = out->datagrams;
        tally_lend(&unit->tally, out, along);
        enum eg_status part = step(unit, i, out, status < 0 ? NULL : err);
        tally_return(&unit->tally, out, along);
        datagrams_count(counts, unit, out->datagrams - datagrams);
        if (part >= 0 && status >= 0)
            part = out_collect(out, &request->parts[i], part_muted(unit, i), scratch, ready, err);
        if (part < 0 && status >= 0) status = part;
    }
    return status;
}

/* Hands the raw batches to whoever wants them. */
static enum eg_status raws_give(struct egi_unit *unit, struct eg_error *err) {
    const struct eg_scan_request *request = unit->input->request;
    enum eg_status status = EG_OK;
    for (struct eg_batch *raw; (raw = egi_batches_pop(&unit->raws)); eg_batch_unref(raw))
        if (status >= 0 && !unit->muted) status = request->raw(request->raw_to, raw, err);
    return status;
}

enum eg_status egi_unit_join(struct egi_unit *unit, struct egi_scratch *scratch,
                             struct egi_batches *ready, struct egi_counts *counts,
                             struct eg_error *err) {
    if (!unit->placed)
        unit->muted = unit->input->muted; /* no row in it: it stands with the one before */
    else if (!unit->muted)
        unit->input->muted = false;
    unit->joined = true;
    enum eg_status status = raws_give(unit, err);
    enum eg_status joined = parts_step(unit, part_join, scratch, ready, counts, err);
    return status < 0 ? status : joined;
}

enum eg_status egi_unit_finish(struct egi_unit *unit, struct egi_scratch *scratch,
                               struct egi_batches *ready, struct egi_counts *counts,
                               struct eg_error *err) {
    return parts_step(unit, part_finish, scratch, ready, counts, err);
}

void egi_unit_settle(struct egi_unit *unit) {
    struct egi_input *input = unit->input;
    struct egi_unit **at = &input->finished;
    while (*at && (*at)->number < unit->number) at = &(*at)->next;
    unit->next = *at;
    *at = unit;
    while ((unit = input->finished) && unit->number == input->settled) {
        input->finished = unit->next;
        input->settled++;
        if (!unit->muted) eg_tally_merge(&input->tally, &unit->tally);
        for (uint32_t i = 0; i < input->request->part_count && unit->muted; i++)
            if (has(input->wanted, i) && holds(input, i))
                eg_tally_merge(&input->tally, &unit->outs[i].tally);
        egi_unit_free(unit);
    }
}

enum eg_status egi_input_drain(struct egi_input *input, struct egi_scratch *scratch,
                               struct egi_batches *ready, struct egi_counts *counts,
                               struct eg_error *err) {
    const struct eg_scan_request *request = input->request;
    struct eg_tally tally = input->end_tally; /* lent to the outs, as in a unit */
    input->end_tally = (struct eg_tally){0};
    enum eg_status status = EG_OK;
    for (; input->draining < request->part_count && status == EG_OK; input->draining++) {
        uint32_t i = input->draining;
        struct eg_out out;
        if (!has(input->wanted, i)) continue; /* there is nothing left that it could claim */
        status = out_begin(&out, input, i, input->taken, err);
        if (status >= 0) {
            tally_lend(&tally, &out, true);
            status = request->parts[i].extract->join(input->extracts[i], NULL, &out, err);
            if (status >= 0) eg_out_seal(&out);
            tally_return(&tally, &out, true);
            counts->datagrams += out.datagrams;
            if (input->muted) counts->known_datagrams += out.datagrams;
        }
        bool again = status == EG_AGAIN;
        if (status >= 0)
            status = out_collect(&out, &request->parts[i], input->muted, scratch, ready, err);
        out_end(&out);
        if (again && status >= 0) {
            status = EG_AGAIN;
            break;
        }
    }
    if (!input->muted) eg_tally_merge(&input->tally, &tally);
    eg_tally_reset(&tally);
    return status;
}
