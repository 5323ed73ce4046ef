/* SPDX-License-Identifier: Apache-2.0
 * Files of IPFIX messages. */
#include "wire/message_file.h"

#include "wire/export_clock.h"

enum { HEADER = 16, SET = 4, VERSION = 10, TEMPLATES = 2, OPTIONS = 3, DATA_FROM = 256 };

bool eg_message_file_is(struct eg_span head) {
    uint32_t length = eg_be16(head, 2), id = eg_be16(head, HEADER), set = eg_be16(head, HEADER + 2);
    if (head.size < HEADER || eg_be16(head, 0) != VERSION || length < HEADER) return false;
    if (!eg_time_plausible(eg_be32(head, 4) * EG_SECOND_US)) return false;
    if (length < HEADER + SET) return length == HEADER;
    if (head.size < HEADER + SET) return true; /* it is cut, but what there is looks like one */
    if (id == 0 && set == 0) return true;
    return (id == TEMPLATES || id == OPTIONS || id >= DATA_FROM) && set >= SET;
}

enum eg_record eg_message_file_next(struct eg_span have, struct eg_frame *frame,
                                    struct eg_record_note *note) {
    note->size = 4;
    if (have.size < 4) return EG_RECORD_MORE;
    uint32_t length = eg_be16(have, 2);
    note->why = "no IPFIX message begins there";
    if (eg_be16(have, 0) != VERSION || length < HEADER) return EG_RECORD_DAMAGED;
    note->size = length;
    if (have.size < length) return EG_RECORD_MORE;
    *frame = (struct eg_frame){.time_ns = EG_FRAME_NO_TIME,
                               .interface = -1,
                               .length = length,
                               .payload = eg_span_sub(have, 0, length)};
    return EG_RECORD_FRAME;
}
