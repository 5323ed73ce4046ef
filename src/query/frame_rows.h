/* SPDX-License-Identifier: Apache-2.0
 * Which frames a question selects, without an index: times, a filter on the packets that they are, and
 * tests of their bytes. One thread; each has its own. */
#ifndef EG_QUERY_FRAME_ROWS_H
#define EG_QUERY_FRAME_ROWS_H

#include "filter/filter.h"
#include "match/frame_test.h"

struct eg_frame_question {
    const struct eg_filter *filter;     /* on packets; NULL: all */
    int64_t from_us, to_us;             /* INT64_MIN/MAX: open */
    bool both;                          /* also with source and destination exchanged */
    bool outermost;                     /* of tunnelled packets the outer addresses count */
    struct eg_frame_test *const *tests; /* all of them must hold */
    size_t test_count;
    const char *input_name; /* what the column `file` says; NULL: nothing */
};

struct eg_frame_rows;
/* The question is copied; what it points to outlives this. Errors: EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_frame_rows_new(struct eg_frame_rows **out, const struct eg_env *,
                                               const struct eg_frame_question *,
                                               struct eg_error *err);
void eg_frame_rows_free(struct eg_frame_rows *); /* NULL is fine */

/* The rows of a raw batch that are selected, in their order; `rows` has room for all of them. */
EG_MUST_CHECK enum eg_status eg_frame_rows_select(struct eg_frame_rows *, struct eg_batch *raw,
                                                  uint32_t *rows, uint32_t *count,
                                                  struct eg_error *err);
/* The same of one frame. */
EG_MUST_CHECK enum eg_status eg_frame_rows_holds(struct eg_frame_rows *, const struct eg_frame *,
                                                 bool *holds, struct eg_error *err);
/* A row of a raw batch as a frame; datagrams and messages are none. */
bool eg_frame_of_row(const struct eg_batch *raw, uint32_t row, struct eg_frame *out);

/* ---- for the files of this room ---- */

/* The column that has this one's place where a packet is seen from the other end; most have their own. */
uint32_t eg_packet_column_other_end(uint32_t col);
/* A batch of packets seen from the other end: the same values under exchanged names, in `columns`
 * (EG_COLUMNS_MAX). */
struct eg_batch eg_packets_other_end(const struct eg_batch *, struct eg_column *columns);

#endif
