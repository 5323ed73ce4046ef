/* SPDX-License-Identifier: Apache-2.0
 * A capture read in order, each frame rewritten, and written to a file that has its name only when
 * it is whole. */
#include "base/alloc.h"
#include "cli/anonymize.h"
#include "cli/capture_name.h"
#include "cli/progress.h"
#include "sink/packet_file.h"
#include "table/in_order.h"

#include <stdio.h>
#include <string.h>

struct rewriting {
    const struct eg_anonymizer *by;
    struct eg_anonymize_account *account;
    struct eg_progress *progress;
    struct eg_packet_file *file;
    struct eg_tally tally;
    uint8_t *frame; /* EG_FRAME_BYTES_MAX bytes */
};

static void emptied_count(struct eg_anonymize_account *account, int32_t link_type) {
    size_t i = 0;
    account->emptied++;
    while (i < account->link_count && account->links[i].link_type != link_type) i++;
    if (i == sizeof account->links / sizeof *account->links) return;
    if (i == account->link_count)
        account->links[account->link_count++] = (struct eg_emptied_link){link_type, 0};
    account->links[i].frames++;
}

static enum eg_status frame_write(struct rewriting *r, const struct eg_batch *batch, uint32_t row,
                                  struct eg_error *err) {
    const struct eg_column *c = batch->columns;
    if (!eg_batch_valid(batch, EG_COL(RAW, link_type), row)) return EG_OK; /* no frame */
    struct eg_span payload = eg_col_view(&c[EG_COL(RAW, payload)])[row];
    int64_t length = eg_col_int(&c[EG_COL(RAW, length)], row);
    int32_t link_type = (int32_t)eg_col_int(&c[EG_COL(RAW, link_type)], row);
    struct eg_span interface = eg_batch_valid(batch, EG_COL(RAW, interface), row)
                                   ? eg_col_text(&c[EG_COL(RAW, interface)], row)
                                   : eg_span(NULL, 0);
    uint32_t size = payload.size > EG_FRAME_BYTES_MAX ? EG_FRAME_BYTES_MAX : (uint32_t)payload.size;
    (void)eg_span_copy(payload, 0, r->frame, size);
    uint32_t wire = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    uint32_t left = eg_anonymize(r->by, (uint32_t)link_type, r->frame, size, wire, &r->tally);
    r->account->frames++;
    r->account->bytes += payload.size;
    r->account->shortened += left && left < size;
    if (!left && size) emptied_count(r->account, link_type);
    struct eg_frame frame = {.time_ns = EG_FRAME_NO_TIME,
                             .link_type = link_type,
                             .interface = -1,
                             .length = (uint64_t)length,
                             .payload = eg_span(r->frame, left)};
    if (eg_batch_valid(batch, EG_COL(RAW, time_ns), row))
        frame.time_ns = eg_col_int(&c[EG_COL(RAW, time_ns)], row);
    return eg_packet_file_put(r->file, &frame, interface, err);
}

static enum eg_status batch_write(void *to, struct eg_batch *batch, struct eg_error *err) {
    struct rewriting *r = to;
    for (uint32_t row = 0; batch && row < batch->rows; row++) {
        enum eg_status status = frame_write(r, batch, row, err);
        if (status != EG_OK) return status;
    }
    struct eg_scan_progress seen = {.bytes_done = r->account->bytes, .frames = r->account->frames};
    if (r->progress) eg_progress_draw(r->progress, &seen);
    return EG_OK;
}

static enum eg_status rewrite(struct rewriting *r, const struct eg_env *env, const char *from,
                              struct eg_error *err) {
    struct eg_in_order how = {.source = eg_registry_find(EG_STAGE_source, "file")->type,
                              .uri = from,
                              .take = batch_write,
                              .to = r};
    enum eg_status status = eg_in_order(env, &how, &r->tally, err);
    r->account->damaged =
        (uint64_t)eg_tally_sum(&r->tally, EG_CAUSE_capture_damaged).records +
        (uint64_t)eg_tally_sum(&r->tally, EG_CAUSE_capture_interface_unknown).records;
    r->account->cut = eg_tally_sum(&r->tally, EG_CAUSE_capture_cut).records > 0;
    if (status < 0 && status != EG_E_CUT) return status;
    if (status == EG_E_CUT && err) /* all whole packets were written */
        snprintf(r->account->trouble, sizeof r->account->trouble, "%s", err->message);
    return eg_packet_file_finish(r->file, err);
}

enum eg_status eg_anonymize_capture(const struct eg_call *call, const struct eg_anonymizer *by,
                                    const char *from, const struct eg_packet_file_options *to,
                                    struct eg_anonymize_account *account, struct eg_error *err) {
    struct eg_anonymizer counting = *by;
    struct rewriting r = {
        .by = &counting, .account = account, .frame = eg_malloc(EG_FRAME_BYTES_MAX)};
    counting.options_blanked = &account->options_blanked;
    *account = (struct eg_anonymize_account){0};
    enum eg_status status = r.frame ? eg_capture_name_check(to->path, err)
                                    : eg_fail(err, EG_E_NOMEM, "no memory to rewrite %s", from);
    if (status >= 0) status = eg_packet_file_open(&r.file, to, err);
    if (status >= 0) r.progress = eg_progress_manual(call);
    if (status >= 0) status = rewrite(&r, &call->env, from, err);
    eg_progress_stop(r.progress);
    eg_packet_file_free(r.file);
    eg_tally_reset(&r.tally);
    eg_free(r.frame);
    return status;
}
