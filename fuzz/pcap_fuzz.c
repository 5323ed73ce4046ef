/* SPDX-License-Identifier: Apache-2.0
 * pcap's record layer on any bytes: record by record, in runs, and by walking; the three must agree,
 * and nothing outside an exact-size copy of the input may be read. */
#include "wire/pcap.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void frame_check(struct eg_span whole, const struct eg_frame *frame) {
    if (frame->payload.at < whole.at || frame->payload.size > frame->length ||
        frame->payload.at + frame->payload.size > whole.at + whole.size)
        abort();
    uint8_t sum = 0;
    for (size_t i = 0; i < frame->payload.size; i++) sum ^= eg_u8(frame->payload, i);
    __asm__ volatile("" : : "r"(sum));
}

/* Answers where reading one record after the other stops. */
static size_t records_read(const struct eg_pcap *pcap, struct eg_span whole) {
    struct eg_tally tally = {0};
    size_t at = EG_PCAP_HEAD;
    for (;;) {
        struct eg_frame frame;
        struct eg_record_note note;
        enum eg_record record =
            eg_pcap_record(pcap, eg_span_from(whole, at), &frame, &note, &tally);
        if (record != EG_RECORD_FRAME) break;
        frame_check(whole, &frame);
        if (note.size > whole.size - at) abort();
        at += (size_t)note.size;
    }
    eg_tally_reset(&tally);
    return at;
}

static size_t runs_read(const struct eg_pcap *pcap, struct eg_span whole) {
    enum { ROOM = 8 };
    int64_t time[ROOM], length[ROOM], offset[ROOM];
    int32_t link[ROOM];
    struct eg_span payload[ROOM];
    struct eg_pcap_run to = {time, link, length, payload, offset};
    size_t at = EG_PCAP_HEAD;
    for (;;) {
        uint32_t count = eg_pcap_run(pcap, whole, &at, whole.size, 0, &to, ROOM);
        for (uint32_t i = 0; i < count; i++) {
            struct eg_frame frame = {.length = (uint64_t)length[i], .payload = payload[i]};
            frame_check(whole, &frame);
        }
        if (count == ROOM) continue;
        struct eg_frame frame; /* what a run leaves out */
        struct eg_record_note note;
        if (eg_pcap_record(pcap, eg_span_from(whole, at), &frame, &note, NULL) != EG_RECORD_FRAME)
            return at;
        at += (size_t)note.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, bytes, size);
    struct eg_span whole = eg_span(copy, size);
    struct eg_pcap pcap;
    struct eg_error err;
    if (eg_pcap_open(&pcap, whole, &err) == EG_OK) {
        size_t end = records_read(&pcap, whole);
        if (runs_read(&pcap, whole) != end) abort();
        if (eg_pcap_walk(&pcap, whole, EG_PCAP_HEAD, size) != end) abort();
    }
    free(copy);
    return 0;
}
