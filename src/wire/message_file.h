/* SPDX-License-Identifier: Apache-2.0
 * Files of IPFIX messages, one right behind the other. Source: RFC 5655. */
#ifndef EG_WIRE_MESSAGE_FILE_H
#define EG_WIRE_MESSAGE_FILE_H

#include "wire/capture.h"

/* Whether the bytes begin like such a file: a message header with a date of our time, and behind
 * it, where there is more, a set of templates or of data, or nothing but zeros. */
bool eg_message_file_is(struct eg_span head);
/* The message at the beginning of `have`, which has neither time nor link type: EG_RECORD_FRAME,
 * EG_RECORD_MORE, or EG_RECORD_DAMAGED where no message begins there. */
enum eg_record eg_message_file_next(struct eg_span have, struct eg_frame *,
                                    struct eg_record_note *);

#endif
