/* SPDX-License-Identifier: Apache-2.0
 * The parts of the sFlow v5 decoder to each other; docs/internals/sflow.md is the page about it.
 *
 *   sflow.c            datagram ─▶ samples; the probe
 *   sflow_flow.c       flow sample ─▶ its records ─▶ the columns of one row of `flows`
 *   sflow_extra.c      what has no column ─▶ JSON
 *   sflow_counters.c   counter sample ─▶ one row of `counters`
 *
 * Nothing is kept from sample to sample but memory for texts. */
#ifndef EG_WIRE_SFLOW_H
#define EG_WIRE_SFLOW_H

#include "base/strbuf.h"
#include "table/stage.h"
#include "wire/dissect.h"

/* The datagram at hand. */
struct eg_sflow {
    const struct eg_datagram *datagram;
    struct eg_out *out;
    struct eg_strbuf *text; /* memory of `extra`; empty between rows */
    int64_t domain;         /* sub-agent */
    uint32_t sequence;      /* of the datagram */
    struct eg_addr agent;   /* as the datagram says */
    bool relayed;           /* the agent is not the sender */
};

/* Counts a cause against the datagram's sender and sub-agent. */
void eg_sflow_count(const struct eg_sflow *, enum eg_cause, int64_t records, int64_t packets,
                    int64_t bytes);
/* The next of the records of a sample; false: there is none, or it ends beyond the sample (counted
 * as record_cut, once: nothing is left then). */
bool eg_sflow_record(const struct eg_sflow *, struct eg_cursor *, uint32_t *format,
                     struct eg_span *body);
/* What is left behind the last record of a sample, and records that were claimed and are not there. */
void eg_sflow_records_end(const struct eg_sflow *, const struct eg_cursor *, uint32_t missing);
/* Adds an XDR address (type, then 0, 4 or 16 bytes); false: a type that is none, or cut. *out is all
 * zero where the address is not known. */
bool eg_sflow_take_address(struct eg_cursor *, struct eg_addr *out);
/* A text of XDR: its length, its bytes, padding. Empty where it is cut. */
struct eg_span eg_sflow_take_text(struct eg_cursor *);
/* Begins a member of the row's `extra`. */
void eg_sflow_member(const struct eg_sflow *, const char *name);
/* Members that rows of all kinds have. */
void eg_sflow_extra_begin(const struct eg_sflow *);
/* Puts the text, if there is any, into the column, and forgets it. */
void eg_sflow_extra_end(const struct eg_sflow *, struct eg_builder *, uint32_t column);

/* The samples; `sample` is what its length says. */
void eg_sflow_flow_sample(const struct eg_sflow *, struct eg_span sample, bool expanded);
void eg_sflow_counter_sample(const struct eg_sflow *, struct eg_span sample, bool expanded);

/* ---- flow samples ---- */

/* Records that are decoded. Of several of one kind in a sample the first counts. */
enum eg_sflow_kind {
    EG_SFLOW_HEADER,
    EG_SFLOW_ETHERNET,
    EG_SFLOW_IPV4,
    EG_SFLOW_IPV6,
    EG_SFLOW_SWITCH,
    EG_SFLOW_ROUTER,
    EG_SFLOW_GATEWAY,
    EG_SFLOW_USER,
    EG_SFLOW_URL,
    EG_SFLOW_MPLS,
    EG_SFLOW_NAT,
    EG_SFLOW_MPLS_TUNNEL,
    EG_SFLOW_MPLS_VC,
    EG_SFLOW_MPLS_FTN,
    EG_SFLOW_MPLS_FEC,
    EG_SFLOW_VLAN_TUNNEL,
    EG_SFLOW_NAT_PORT,
    EG_SFLOW_TUNNEL4_OUT,
    EG_SFLOW_TUNNEL4_IN,
    EG_SFLOW_TUNNEL6_OUT,
    EG_SFLOW_TUNNEL6_IN,
    EG_SFLOW_INNER_OUT,
    EG_SFLOW_INNER_IN,
    EG_SFLOW_VNI_OUT,
    EG_SFLOW_VNI_IN,
    EG_SFLOW_KINDS,
};

/* An interface: 0 a single one, 1 the packet was discarded (the value says why), 2 several (how
 * many). */
struct eg_sflow_interface {
    uint32_t format, value;
};

/* What a gateway record says; the lists are left where they stand. */
struct eg_sflow_gateway {
    struct eg_addr next_hop;
    uint32_t as, src_as, src_peer_as, last_as; /* last_as: of the path; 0: it is empty */
    struct eg_cursor path;                     /* behind its count of segments */
    uint32_t segments;
    struct eg_span communities;
    uint32_t local_pref;
};

struct eg_sflow_flow {
    uint32_t source_type, source_index, rate;
    struct eg_sflow_interface in, out;
    struct eg_span records[EG_SFLOW_KINDS]; /* empty: it has none */
    bool has_gateway;
    struct eg_sflow_gateway gateway;
    struct eg_addr next_hop; /* as put into the row; all zero: none */
    int32_t vlan;            /* the same; -1: none */
    bool labels;             /* mpls_labels has been put */
};

/* The members of `extra` of a flow. */
void eg_sflow_flow_extra(const struct eg_sflow *, const struct eg_sflow_flow *);

#endif
