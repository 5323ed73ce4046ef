/* SPDX-License-Identifier: Apache-2.0
 * A counter sample of sFlow v5: the counters of one data source at one time, one row of `counters`.
 * Sources: "sFlow Version 5" section 5.4; RFC 2863 (if…), RFC 3635 (dot3…), RFC 1748 (dot5…), RFC
 * 2020 (dot12…), whose names `extra` uses; "sFlow Port Name" (1005).
 *
 * The agent's generic counters have columns; of the others every member goes to `extra` under its
 * name. All ones mean that the agent does not keep the counter. */
#include "table/encode.h"
#include "wire/sflow.h"

/* A member of a record with no column: 4 or 8 bytes. */
struct member {
    const char *name;
    uint8_t size;
};

#define MEMBERS_MAX 18

struct kind {
    uint16_t format; /* of enterprise 0 */
    uint16_t size;   /* of all members */
    struct member members[MEMBERS_MAX];
};

enum { GENERIC = 1, GENERIC_SIZE = 88, PORT_NAME = 1005, SOURCE_INTERFACE = 0 };

static const struct kind kinds[] = {
    {2,
     52,
     {{"dot3StatsAlignmentErrors", 4},
      {"dot3StatsFCSErrors", 4},
      {"dot3StatsSingleCollisionFrames", 4},
      {"dot3StatsMultipleCollisionFrames", 4},
      {"dot3StatsSQETestErrors", 4},
      {"dot3StatsDeferredTransmissions", 4},
      {"dot3StatsLateCollisions", 4},
      {"dot3StatsExcessiveCollisions", 4},
      {"dot3StatsInternalMacTransmitErrors", 4},
      {"dot3StatsCarrierSenseErrors", 4},
      {"dot3StatsFrameTooLongs", 4},
      {"dot3StatsInternalMacReceiveErrors", 4},
      {"dot3StatsSymbolErrors", 4}}},
    {3,
     72,
     {{"dot5StatsLineErrors", 4},
      {"dot5StatsBurstErrors", 4},
      {"dot5StatsACErrors", 4},
      {"dot5StatsAbortTransErrors", 4},
      {"dot5StatsInternalErrors", 4},
      {"dot5StatsLostFrameErrors", 4},
      {"dot5StatsReceiveCongestions", 4},
      {"dot5StatsFrameCopiedErrors", 4},
      {"dot5StatsTokenErrors", 4},
      {"dot5StatsSoftErrors", 4},
      {"dot5StatsHardErrors", 4},
      {"dot5StatsSignalLoss", 4},
      {"dot5StatsTransmitBeacons", 4},
      {"dot5StatsRecoverys", 4},
      {"dot5StatsLobeWires", 4},
      {"dot5StatsRemoves", 4},
      {"dot5StatsSingles", 4},
      {"dot5StatsFreqErrors", 4}}},
    {4,
     80,
     {{"dot12InHighPriorityFrames", 4},
      {"dot12InHighPriorityOctets", 8},
      {"dot12InNormPriorityFrames", 4},
      {"dot12InNormPriorityOctets", 8},
      {"dot12InIPMErrors", 4},
      {"dot12InOversizeFrameErrors", 4},
      {"dot12InDataErrors", 4},
      {"dot12InNullAddressedFrames", 4},
      {"dot12OutHighPriorityFrames", 4},
      {"dot12OutHighPriorityOctets", 8},
      {"dot12TransitionIntoTrainings", 4},
      {"dot12HCInHighPriorityOctets", 8},
      {"dot12HCInNormPriorityOctets", 8},
      {"dot12HCOutHighPriorityOctets", 8}}},
    {5,
     28,
     {{"vlan_id", 4},
      {"vlan_octets", 8},
      {"vlan_ucast_packets", 4},
      {"vlan_multicast_packets", 4},
      {"vlan_broadcast_packets", 4},
      {"vlan_discards", 4}}},
    {1001,
     28,
     {{"cpu_5s", 4}, {"cpu_1m", 4}, {"cpu_5m", 4}, {"total_memory", 8}, {"free_memory", 8}}},
};

/* ---- the generic counters: offsets in the record, and the columns ---- */

static void put_counter(struct eg_builder *row, uint32_t column, struct eg_span generic,
                        size_t offset, size_t size) {
    uint64_t value = size == 8 ? eg_be64(generic, offset) : eg_be32(generic, offset);
    if (value == (size == 8 ? UINT64_MAX : UINT32_MAX)) return;
    eg_put_int(row, column, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void put_generic(struct eg_builder *row, struct eg_span generic) {
    static const struct {
        uint8_t column, offset, size;
    } counters[] = {
        {EG_COL(COUNTERS, if_type), 4, 4},        {EG_COL(COUNTERS, speed), 8, 8},
        {EG_COL(COUNTERS, status), 20, 4},        {EG_COL(COUNTERS, in_bytes), 24, 8},
        {EG_COL(COUNTERS, in_packets), 32, 4},    {EG_COL(COUNTERS, in_multicast), 36, 4},
        {EG_COL(COUNTERS, in_broadcast), 40, 4},  {EG_COL(COUNTERS, in_discards), 44, 4},
        {EG_COL(COUNTERS, in_errors), 48, 4},     {EG_COL(COUNTERS, out_bytes), 56, 8},
        {EG_COL(COUNTERS, out_packets), 64, 4},   {EG_COL(COUNTERS, out_multicast), 68, 4},
        {EG_COL(COUNTERS, out_broadcast), 72, 4}, {EG_COL(COUNTERS, out_discards), 76, 4},
        {EG_COL(COUNTERS, out_errors), 80, 4},
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        put_counter(row, counters[i].column, generic, counters[i].offset, counters[i].size);
}

/* ---- the others ---- */

static void add_value(const struct eg_sflow *s, const char *name, struct eg_span body,
                      size_t offset, size_t size) {
    uint64_t value = size == 8 ? eg_be64(body, offset) : eg_be32(body, offset);
    if (value == (size == 8 ? UINT64_MAX : UINT32_MAX)) return;
    eg_sflow_member(s, name);
    if (value > INT64_MAX)
        eg_strbuf_printf(s->text, "%llu", (unsigned long long)value);
    else
        eg_strbuf_i64(s->text, (int64_t)value);
}

static const struct kind *kind_find(uint32_t format) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].format == format) return &kinds[i];
    return NULL;
}

static void add_members(const struct eg_sflow *s, const struct kind *kind, struct eg_span body) {
    size_t at = 0;
    for (uint32_t i = 0; i < MEMBERS_MAX && kind->members[i].name; i++) {
        add_value(s, kind->members[i].name, body, at, kind->members[i].size);
        at += kind->members[i].size;
    }
}

static void add_generic(const struct eg_sflow *s, struct eg_span generic) {
    add_value(s, "ifDirection", generic, 16, 4);
    add_value(s, "ifInUnknownProtos", generic, 52, 4);
    add_value(s, "ifPromiscuousMode", generic, 84, 4);
}

/* ---- the sample ---- */

struct sample {
    uint32_t source_type, source_index;
    struct eg_span generic, port_name;
    struct eg_span others[sizeof kinds / sizeof *kinds];
    bool any;
};

/* A record of a known kind goes where it belongs; false: it is of another kind, or a second one. */
static bool sample_keep(struct sample *sample, uint32_t format, struct eg_span body,
                        uint32_t *size) {
    const struct kind *kind = kind_find(format);
    struct eg_span *place = format == GENERIC     ? &sample->generic
                            : format == PORT_NAME ? &sample->port_name
                            : kind                ? &sample->others[kind - kinds]
                                                  : NULL;
    if (!place || place->size) return false;
    *size = format == GENERIC ? GENERIC_SIZE : kind ? kind->size : 4;
    if (body.size >= *size) *place = body;
    sample->any |= body.size >= *size;
    return true;
}

static void find_records(const struct eg_sflow *s, struct eg_cursor *c, struct sample *sample) {
    uint32_t claimed = eg_take_be32(c), done = 0, format;
    for (struct eg_span body; done < claimed && eg_sflow_record(s, c, &format, &body); done++) {
        uint32_t size;
        if (!sample_keep(sample, format, body, &size))
            eg_sflow_count(s, EG_CAUSE_sample_unknown, 1, 1, 0);
        else if (body.size < size)
            eg_sflow_count(s, EG_CAUSE_record_cut, 1, 1, 0);
        else if (body.size > size && format != PORT_NAME)
            eg_sflow_count(s, EG_CAUSE_trailing_bytes, 0, 1, (int64_t)body.size - size);
    }
    eg_sflow_records_end(s, c, claimed - done);
}

static void put_extra(const struct eg_sflow *s, const struct sample *sample) {
    struct eg_builder *row = s->out->also;
    if (!eg_builder_wants(row, EG_COL(COUNTERS, extra))) return;
    eg_sflow_extra_begin(s);
    if (sample->source_type != SOURCE_INTERFACE) { /* a VLAN, or a physical entity */
        eg_sflow_member(s, "source_type");
        eg_strbuf_i64(s->text, sample->source_type);
        eg_sflow_member(s, "source_index");
        eg_strbuf_i64(s->text, sample->source_index);
    }
    struct eg_cursor c = eg_cursor_of(sample->port_name);
    struct eg_span name = eg_sflow_take_text(&c);
    if (name.size) {
        eg_sflow_member(s, "port_name");
        eg_encode_json_text((const char *)name.at, name.size, s->text);
    }
    if (sample->generic.size) add_generic(s, sample->generic);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (sample->others[i].size) add_members(s, &kinds[i], sample->others[i]);
    eg_sflow_extra_end(s, row, EG_COL(COUNTERS, extra));
}

void eg_sflow_counter_sample(const struct eg_sflow *s, struct eg_span bytes, bool expanded) {
    struct eg_cursor c = eg_cursor_of(bytes);
    eg_skip(&c, 4); /* the sample's own number, of its data source */
    uint32_t source = eg_take_be32(&c);
    struct sample sample = {.source_type = expanded ? source : source >> 24};
    sample.source_index = expanded ? eg_take_be32(&c) : source & 0xffffff;
    if (c.cut || eg_cursor_left(&c) < 4) {
        eg_sflow_count(s, EG_CAUSE_set_length_bad, 1, 1, 0);
        return;
    }
    find_records(s, &c, &sample);
    if (!sample.any || !eg_out_also(s->out)) return;
    struct eg_builder *row = s->out->also;
    const struct eg_datagram *d = s->datagram;
    if (d->time_us != INT64_MIN) eg_put_int(row, EG_COL(COUNTERS, time), d->time_us);
    eg_put_addr(row, EG_COL(COUNTERS, exporter), &d->exporter);
    eg_put_int(row, EG_COL(COUNTERS, domain), s->domain);
    if (sample.generic.size)
        eg_put_int(row, EG_COL(COUNTERS, interface), eg_be32(sample.generic, 0));
    else if (sample.source_type == SOURCE_INTERFACE)
        eg_put_int(row, EG_COL(COUNTERS, interface), sample.source_index);
    if (sample.generic.size) put_generic(row, sample.generic);
    eg_put_name(row, EG_COL(COUNTERS, source), "sflow", 5);
    put_extra(s, &sample);
    eg_builder_row(row, 1);
}
