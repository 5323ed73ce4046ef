/* SPDX-License-Identifier: Apache-2.0
 * pcapng's record layer on any bytes, given block by block in heap copies of exactly the size that
 * was asked for. */
#include "wire/pcapng.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void frame_check(const struct eg_pcapng *ng, struct eg_span have,
                        const struct eg_frame *frame) {
    if (frame->payload.size > EG_FRAME_BYTES_MAX || frame->payload.size > frame->length ||
        frame->payload.at < have.at ||
        frame->payload.at + frame->payload.size > have.at + have.size ||
        (uint32_t)frame->interface >= ng->count)
        abort();
    const char *name = ng->interfaces[frame->interface].name;
    if (name && strlen(name) > EG_PCAPNG_NAME_MAX) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct eg_pcapng ng = {0};
    struct eg_tally tally = {0};
    size_t at = 0;
    uint64_t want = 12;
    for (;;) {
        size_t left = size - at, given = want < left ? (size_t)want : left;
        uint8_t *copy = malloc(given ? given : 1);
        if (!copy) break;
        if (given) memcpy(copy, bytes + at, given);
        struct eg_span have = eg_span(copy, given);
        struct eg_frame frame;
        struct eg_record_note note;
        enum eg_record record = eg_pcapng_block(&ng, have, &frame, &note, &tally);
        if (record == EG_RECORD_FRAME) frame_check(&ng, have, &frame);
        if (record == EG_RECORD_DAMAGED && !note.why) abort();
        (void)eg_pcapng_block_follows(have, given < left);
        free(copy);
        if (record == EG_RECORD_MORE) {
            if (note.size <= given || note.size > left) break; /* it must ask for more */
            want = note.size;
            continue;
        }
        if (record != EG_RECORD_FRAME && record != EG_RECORD_OTHER) break;
        if (note.size == 0) abort(); /* no progress */
        if (note.size > left) break;
        at += (size_t)note.size;
        want = 12;
    }
    eg_tally_reset(&tally);
    eg_pcapng_reset(&ng);
    return 0;
}
