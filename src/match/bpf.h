/* SPDX-License-Identifier: Apache-2.0
 * A BPF expression (pcap-filter(7)) as libpcap understands it, compiled for each link type when the
 * first frame of that link type comes. */
#ifndef EG_MATCH_BPF_H
#define EG_MATCH_BPF_H

#include "base/status.h"
#include "match/truth.h"
#include "wire/capture.h"

#define EG_BPF_LINKS_MAX 32 /* link types that one question is compiled for */

struct eg_bpf;

/* Checks the expression: it must mean something for Ethernet, or for one of the other common link
 * types. Errors: EG_E_USAGE with libpcap's text; EG_E_NOMEM. */
EG_MUST_CHECK enum eg_status eg_bpf_parse(struct eg_bpf **out, const char *text,
                                          struct eg_error *err);
void eg_bpf_free(struct eg_bpf *);

/* EG_UNANSWERED: it means nothing for the frame's link type; *why (static while `bpf` lives) says
 * so. Threads: any number at once. */
enum eg_truth eg_bpf_ask(struct eg_bpf *, const struct eg_frame *, const char **why);

#endif
