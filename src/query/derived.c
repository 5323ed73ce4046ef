/* SPDX-License-Identifier: Apache-2.0
 * Columns that come from others, described once: the views of `sql`, the fields of the other questions,
 * and `earlgrey fields` all take them from here. And what a field is that none of them has. */
#include "query/analysis.h"

#include <stdio.h>
#include <string.h>

/* Unsampled rows stay integers; an estimate saturates instead of overflowing. least() passes over
 * nulls, so they are asked for first. */
#define SCALED(column)                                                                             \
    "CASE WHEN coalesce(sampling_rate, 1) = 1 OR " column " IS NULL THEN " column " ELSE "         \
    "CAST(least(CAST(" column " AS DOUBLE) * sampling_rate, 9.2e18) AS BIGINT) END"

/* Of ICMP its type and code stand for the ports. */
#define COMMUNITY_ID                                                                               \
    "community_id(src_ip, dst_ip, CASE WHEN proto IN (1, 58) THEN icmp_type ELSE src_port END, "   \
    "CASE WHEN proto IN (1, 58) THEN icmp_code ELSE dst_port END, proto)"

static const struct eg_derived all[] = {
    {EG_TABLE_FLOWS,
     {"protocol", EG_TYPE_TEXT, "", "proto is null", "", "The name of proto: tcp, udp, …"},
     "protocol_name(proto)"},
    {EG_TABLE_FLOWS,
     {"duration_us", EG_TYPE_I64, "µs", "a time is null", "", "end_time less start_time."},
     "(unix_micros(end_time) - unix_micros(start_time))"},
    {EG_TABLE_FLOWS,
     {"scaled_bytes", EG_TYPE_I64, "bytes", "bytes is null", "",
      "bytes times sampling_rate: an estimate of what passed."},
     SCALED("bytes")},
    {EG_TABLE_FLOWS,
     {"scaled_packets", EG_TYPE_I64, "packets", "packets is null", "",
      "packets times sampling_rate: an estimate of what passed."},
     SCALED("packets")},
    {EG_TABLE_FLOWS,
     {"mean_length", EG_TYPE_F64, "octets", "there are no packets", "",
      "bytes a packet (min_length and max_length are stored)."},
     "bpp(bytes, packets)"},
    {EG_TABLE_FLOWS,
     {"community_id", EG_TYPE_TEXT, "", "an address is null", "",
      "Community ID, version 1, seed 0: the same in both directions, and in other tools."},
     COMMUNITY_ID},
    {EG_TABLE_FLOWS,
     {"flow_id", EG_TYPE_TEXT, "", "never", "",
      "32 hex digits that name the record: `packets --flow` finds its packets by them."},
     "flow_id(start_time, end_time, received_time, src_ip, dst_ip, src_port, dst_port, proto, "
     "packets, bytes, tcp_flags, icmp_type, icmp_code, vlan, in_if, out_if, tunnel_id, exporter, "
     "domain, sequence, source)"},
    {EG_TABLE_PACKETS,
     {"protocol", EG_TYPE_TEXT, "", "proto is null", "", "The name of proto: tcp, udp, …"},
     "protocol_name(proto)"},
    {EG_TABLE_PACKETS,
     {"community_id", EG_TYPE_TEXT, "", "an address is null", "",
      "Community ID, version 1, seed 0: that of the flow."},
     COMMUNITY_ID},
};

const struct eg_derived *eg_derived_all(size_t *count) {
    *count = sizeof all / sizeof *all;
    return all;
}

const struct eg_derived *eg_derived_find(enum eg_table_id table, const char *name) {
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].table == table && strcmp(all[i].info.name, name) == 0) return &all[i];
    return NULL;
}

void eg_sql_counter(const char *column, bool raw, struct eg_strbuf *sql) {
    char name[64];
    snprintf(name, sizeof name, "scaled_%s", column);
    const struct eg_derived *scaled = eg_derived_find(EG_TABLE_FLOWS, name);
    eg_strbuf_text(sql, raw || !scaled ? column : scaled->expression);
}

const char *eg_sql_name(const char *field) {
    return strcmp(field, "offset") == 0 ? "\"offset\"" : field;
}

const char *eg_sql_field(enum eg_table_id id, const char *name, bool *address) {
    const struct eg_derived *derived = eg_derived_find(id, name);
    const struct eg_table *table = eg_table_get(id);
    int column = eg_column_find(table, name);
    if (address) *address = !derived && column >= 0 && table->columns[column].type == EG_TYPE_ADDR;
    if (derived) return derived->expression;
    return column >= 0 ? eg_sql_name(table->columns[column].name) : NULL;
}

enum eg_status eg_sql_unknown_field(enum eg_table_id id, const char *name, const char *const *more,
                                    size_t count, struct eg_error *err) {
    const struct eg_table *table = eg_table_get(id);
    const char *names[EG_COLUMNS_MAX + sizeof all / sizeof *all + 8];
    size_t known = 0;
    if (id == EG_TABLE_FLOWS && eg_sql_field(EG_TABLE_PACKETS, name, NULL))
        return eg_fail(
            err, EG_E_USAGE,
            "flows have no field '%s', packets have it (--packets of top, trend and flows)", name);
    if (id == EG_TABLE_PACKETS && eg_sql_field(EG_TABLE_FLOWS, name, NULL))
        return eg_fail(err, EG_E_USAGE, "packets have no field '%s', flows have it", name);
    for (uint32_t i = 0; i < table->count; i++) names[known++] = table->columns[i].name;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].table == id) names[known++] = all[i].info.name;
    for (size_t i = 0; i < count && i < 8; i++) names[known++] = more[i];
    const char *near = eg_nearest(name, names, known);
    if (near)
        return eg_fail(err, EG_E_USAGE, "unknown field '%s' (did you mean '%s'?)", name, near);
    return eg_fail(err, EG_E_USAGE, "unknown field '%s'; 'earlgrey fields %s' lists them", name,
                   table->name);
}
