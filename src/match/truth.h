/* SPDX-License-Identifier: Apache-2.0
 * What a question about a frame is answered with. */
#ifndef EG_MATCH_TRUTH_H
#define EG_MATCH_TRUTH_H

enum eg_truth {
    EG_UNTRUE,
    EG_TRUE,
    EG_UNANSWERED, /* there is no answer for this frame; it does not hold */
};

#endif
