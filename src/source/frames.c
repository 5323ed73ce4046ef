/* SPDX-License-Identifier: Apache-2.0
 * Frames into the columns of a raw batch: runs of ordinary pcap records straight into the columns'
 * arrays, remarkable ones (an impossible time, a length to clamp) one by one. */
#include "source/frames.h"

enum eg_status eg_frames_builder(struct eg_builder **out, uint32_t rows, struct eg_error *err) {
    return eg_builder_new(out, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, rows, EG_COLUMNS_ALL, err);
}

void eg_frame_put(struct eg_builder *b, const struct eg_frame *frame, uint64_t offset,
                  int32_t interface_name) {
    if (frame->time_ns != EG_FRAME_NO_TIME) eg_put_int(b, EG_COL(RAW, time_ns), frame->time_ns);
    eg_put_int(b, EG_COL(RAW, link_type), frame->link_type);
    eg_put_int(b, EG_COL(RAW, length), (int64_t)frame->length);
    eg_put_view(b, EG_COL(RAW, payload), frame->payload);
    if (interface_name >= 0) eg_put_int(b, EG_COL(RAW, interface), interface_name);
    eg_put_int(b, EG_COL(RAW, offset), (int64_t)offset);
    eg_builder_row(b, 1);
}

void eg_message_put(struct eg_builder *b, const struct eg_frame *message, uint64_t offset) {
    static const struct eg_addr nobody = {{0}};
    eg_put_int(b, EG_COL(RAW, length), (int64_t)message->length);
    eg_put_view(b, EG_COL(RAW, payload), message->payload);
    eg_put_addr(b, EG_COL(RAW, peer), &nobody);
    eg_put_int(b, EG_COL(RAW, transport), 0);
    eg_put_int(b, EG_COL(RAW, offset), (int64_t)offset);
    eg_builder_row(b, 1);
}

/* The slots of all rows that are left; false: no memory (the builder has failed). */
static bool run_open(struct eg_builder *b, struct eg_pcap_run *to) {
    uint32_t room = eg_builder_room(b);
    to->time_ns = eg_builder_slots(b, EG_COL(RAW, time_ns), room);
    to->link_type = eg_builder_slots(b, EG_COL(RAW, link_type), room);
    to->length = eg_builder_slots(b, EG_COL(RAW, length), room);
    to->payload = eg_builder_slots(b, EG_COL(RAW, payload), room);
    to->offset = eg_builder_slots(b, EG_COL(RAW, offset), room);
    return to->time_ns && to->link_type && to->length && to->payload && to->offset;
}

enum eg_record eg_frames_fill(struct eg_builder *b, const struct eg_pcap *pcap, struct eg_span have,
                              size_t *at, size_t until, uint64_t base, struct eg_record_note *note,
                              struct eg_tally *tally) {
    while (*at < until) {
        if (eg_builder_room(b) == 0) return EG_RECORD_FRAME;
        struct eg_pcap_run to;
        if (!run_open(b, &to)) return EG_RECORD_NO_MEMORY;
        eg_builder_row(b, eg_pcap_run(pcap, have, at, until, base, &to, eg_builder_room(b)));
        eg_builder_abandon(b); /* the slots that were not used */
        if (*at >= until || eg_builder_room(b) == 0) continue;
        struct eg_frame frame;
        enum eg_record record = eg_pcap_record(pcap, eg_span_from(have, *at), &frame, note, tally);
        if (record != EG_RECORD_FRAME) return record;
        eg_frame_put(b, &frame, base + *at, -1);
        *at += note->size;
    }
    return EG_RECORD_OTHER;
}

enum eg_status eg_frames_trouble(const char *name, enum eg_record record,
                                 const struct eg_record_note *note, uint64_t place, uint64_t bytes,
                                 int64_t time_us, struct eg_tally *tally, struct eg_error *err) {
    bool cut = record == EG_RECORD_MORE;
    eg_tally_add(tally, cut ? EG_CAUSE_capture_cut : EG_CAUSE_capture_damaged, NULL, time_us, 1,
                 cut ? 1 : 0, (int64_t)bytes);
    enum eg_status status;
    if (cut)
        status = eg_fail(err, EG_E_CUT,
                         "%s is cut: it ends inside the record that begins at byte %llu; all whole "
                         "packets before it were kept",
                         name, (unsigned long long)place);
    else
        status = eg_fail(err, EG_E_CUT,
                         "%s is damaged at byte %llu: %s; the packets before it were kept", name,
                         (unsigned long long)place, note->why);
    if (err) err->position = (int64_t)place;
    return status;
}

enum eg_status eg_frames_shrunk(const char *name, uint64_t place, uint64_t bytes, int64_t time_us,
                                struct eg_tally *tally, struct eg_error *err) {
    eg_tally_add(tally, EG_CAUSE_capture_cut, NULL, time_us, 1, 1, (int64_t)bytes);
    enum eg_status status =
        eg_fail(err, EG_E_CUT,
                "%s became shorter while it was read; the packets before byte %llu were kept", name,
                (unsigned long long)place);
    if (err) err->position = (int64_t)place;
    return status;
}
