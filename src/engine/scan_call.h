/* SPDX-License-Identifier: Apache-2.0
 * What the table functions over captures share: their parameters, and a scan made of them. */
#ifndef EG_ENGINE_SCAN_CALL_H
#define EG_ENGINE_SCAN_CALL_H

#include "engine/inside.h"
#include "filter/filter.h"

/* What the rows of read_flows are made of. */
enum eg_flows_of {
    EG_FLOWS_AUTO,    /* of each capture its exports; where it holds none, what its packets make */
    EG_FLOWS_EXPORTS, /* exports */
    EG_FLOWS_PACKET,  /* packets, those that carried exports too */
    EG_FLOWS_ALL,     /* exports, and the packets that carried none */
};

/* The arguments of one call, checked. */
struct eg_scan_call {
    struct eg_owner owner; /* DuckDB's plan and the scans hold it */
    struct eg_engine *engine;
    enum eg_table_id table;
    struct eg_path_list paths;
    struct eg_filter *filter; /* NULL: all rows */
    uint16_t *ports;
    uint32_t port_count;
    enum eg_address_form addresses;
    bool keep_going;
    bool notes; /* read_losses: also what is not a loss */
    enum eg_flows_of flows_of;
    struct eg_metering metering;
};

/* (paths, filter := '…', netflow_ports := […], addresses := 'code', keep_going := true,
 * source := 'auto|exports|packet|all', and how packets are metered: idle_us, active_us, one_way,
 * outermost, flow_key := 'vlan,tunnel', payload, flow_memory) */
void eg_scan_call_parameters(duckdb_table_function);
/* Reads the arguments. NULL: the error was given to DuckDB and to the engine. */
struct eg_scan_call *eg_scan_call_bind(duckdb_bind_info, enum eg_table_id);
void eg_scan_call_free(void *call); /* gives back DuckDB's reference */
/* Opens the scan with the call's filter on its first part, and enlists it with the engine. */
EG_MUST_CHECK enum eg_status eg_scan_call_open(struct eg_scan_call *,
                                               const struct eg_scan_part *parts,
                                               uint32_t part_count, struct eg_engine_scan **out,
                                               struct eg_error *err);
/* The same for the rows of flows or packets, with these columns. */
EG_MUST_CHECK enum eg_status eg_scan_call_rows(struct eg_scan_call *, eg_column_set columns,
                                               struct eg_engine_scan **out, struct eg_error *err);
const struct eg_extract_type *eg_scan_extract(enum eg_table_id);
idx_t eg_scan_call_threads(const struct eg_engine *);

#endif
