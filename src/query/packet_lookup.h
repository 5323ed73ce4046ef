/* SPDX-License-Identifier: Apache-2.0
 * Where the packets are that a question selects, out of a dataset's files, without the SQL engine: for
 * questions that name addresses, or a time, and so concern few rows. */
#ifndef EG_QUERY_PACKET_LOOKUP_H
#define EG_QUERY_PACKET_LOOKUP_H

#include "query/analysis.h"

/* Packets found, by rows of batches of the table `packets` with time, time_ns, file, offset, captured and
 * interface, in the order that eg_sql_packet_places has. */
struct eg_packet_places {
    struct eg_batch **batches;
    size_t batch_count, batch_room;
    struct eg_packet_place {
        uint32_t batch, row;
    } * order;
    size_t count;
};
void eg_packet_places_reset(struct eg_packet_places *);

/* The same places as eg_sql_packet_places selects. EG_END: that is no such question, or its answer is
 * large, or there is a file that is damaged, not as our own writer makes it, or went away meanwhile: ask
 * the engine, which also has the words for it. Errors: EG_E_NOMEM, EG_E_CANCELLED. */
EG_MUST_CHECK enum eg_status eg_packet_lookup(const struct eg_env *,
                                              const struct eg_packets_request *, uint32_t threads,
                                              struct eg_packet_places *out, struct eg_error *err);

#endif
