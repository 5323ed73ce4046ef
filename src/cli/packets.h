/* SPDX-License-Identifier: Apache-2.0
 * What `packets` in all its forms, and `flows --packets`, come down to: which packets, and where to. */
#ifndef EG_CLI_PACKETS_H
#define EG_CLI_PACKETS_H

#include "cli/report.h"
#include "query/retrieval.h"
#include "sink/packet_file.h"
#include "sink/packet_order.h"

/* For the receipt: the question about flows whose packets are wanted. */
struct eg_flows_asked {
    const struct eg_origin *origin;
    const char *sort;
    int64_t number;
    bool both;
    size_t found; /* EG_FLOWS_FEW: at least so many */
};

/* What is asked of the bytes of a frame, and how captures are written; NULL and 0: nothing. */
struct eg_packets_ask {
    const char *bpf, *bytes, *bytes_on, *stellar;
    const char *geo, *asn;              /* files of databases, for Stellar */
    const char *condition;              /* SQL on the rows of `packets`, made of flows */
    const char *flow;                   /* for the receipt: the flow that was asked for */
    const struct eg_flows_asked *flows; /* likewise; NULL: nobody asked for flows */
    bool exported; /* the flows that `condition` is made of were not metered here */
    bool both, outermost;
    int64_t count;
    /* of the capture */
    const char *path;          /* NULL: rows */
    const char *format;        /* "pcap", "pcapng"; NULL: as the path ends */
    const char *format_option; /* that it is told by; NULL: --format */
    int64_t records;
    bool replace, unsynced;
    const char *receipt;                                   /* a path, or "-" */
    enum { EG_PDML_NONE, EG_PDML_XML, EG_PDML_JSON } pdml; /* taken apart by tshark, into `path` */
};

extern const struct eg_verb *const eg_packets_forms[]; /* packets_metron.c */

/* One job, from the questions to what was written. */
struct eg_packets_job {
    struct eg_report *report;
    const struct eg_packets_ask *ask;
    struct eg_frame_test *tests[3];
    size_t test_count;
    struct eg_mmdb *places, *as_numbers; /* that they ask */
    struct eg_packets_request request;
    struct eg_retrieved account;
    struct eg_packet_file *file;
    struct eg_progress *progress;
    struct eg_packet_order *order; /* they are put into; NULL: they come as they are read */
    bool again;                    /* reading can begin anew, for them to be put into order */
    uint64_t late;                 /* packets behind later ones */
    int64_t last_ns;               /* the latest time so far */
    int64_t began_us, ended_us;
};

/* Runs what is asked for of a report that is open; tells of its own failures. */
enum eg_exit eg_packets_run(struct eg_report *, const struct eg_packets_ask *);

/* All packets of a job into its file, which is a stream: of several captures in the order of time, too. Errors
 * as below. */
EG_MUST_CHECK enum eg_status eg_packets_stream(struct eg_packets_job *, struct eg_error *);
/* All packets of a job to `put`: by an index in the order of time; captures that are read as they stand, the
 * one that begins first before the others, so long as no packet is earlier than one before it (`late`). Where
 * reading can begin anew that ends it: what was put is void then. EG_E_IO: there are some, but of none the bytes were kept. */
EG_MUST_CHECK enum eg_status
eg_packets_retrieve(struct eg_packets_job *,
                    enum eg_status (*put)(void *, const struct eg_found *, struct eg_error *),
                    void *put_to, struct eg_error *err);
/* Says how many packets the bytes were not kept of; EG_EXIT_PARTIAL where there are any. */
enum eg_exit eg_packets_not_kept(const struct eg_packets_job *);
/* Says what of a capture could not be read, likewise; and what a question had no answer for: EG_EXIT_PARTIAL
 * where it had none for any packet. */
enum eg_exit eg_packets_damaged(const struct eg_packets_job *);
enum eg_exit eg_packets_unanswered(const struct eg_packets_job *);
/* Says how many packets of a stream are not in the order of time. */
void eg_packets_late(const struct eg_packets_job *);
/* The packets of a job, taken apart. */
enum eg_exit eg_packets_pdml(struct eg_packets_job *);

/* Whether -w, -o and --json mean rows; else -w is a capture. */
bool eg_packets_rows_wanted(const struct eg_report_options *);

/* EG_E_USAGE where something is there, unless `replace`; a device and "-" are free. */
EG_MUST_CHECK enum eg_status eg_packets_place_free(const char *path, bool replace,
                                                   struct eg_error *err);
/* EG_E_USAGE where the capture or the receipt would be written over what is read, over each other, or over
 * an existing file unasked. */
EG_MUST_CHECK enum eg_status eg_packets_outputs_check(const struct eg_packets_job *,
                                                      struct eg_error *err);
/* Writes the receipt of a job that is done. */
enum eg_exit eg_packets_receipt(const struct eg_packets_job *);

/* The condition that packets belong to the flows that `flows` (SQL, with EG_FLOW_KEY_FIELDS) gives out of
 * the report's origin; `packets` gets the times that they lie in. */
struct eg_flows_found {
    size_t count;  /* 0: there are none; EG_FLOWS_FEW: at least so many */
    bool exported; /* none of those was metered here */
};
#define EG_FLOWS_FEW 65
enum eg_exit eg_packets_of_flows(struct eg_report *, const char *flows, bool both,
                                 struct eg_origin *packets, struct eg_strbuf *condition,
                                 struct eg_flows_found *found);

#endif
