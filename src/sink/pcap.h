/* SPDX-License-Identifier: Apache-2.0
 * What a run that records wants to know of the sink `pcap:`. */
#ifndef EG_SINK_PCAP_H
#define EG_SINK_PCAP_H

#include "sink/recorder.h"

extern const struct eg_sink_type eg_sink_pcap;

/* What was written, and what was not by cause. The sink's; they go on changing. */
const struct eg_recorder_account *eg_pcap_sink_account(const struct eg_sink *);
const struct eg_tally *eg_pcap_sink_tally(const struct eg_sink *);

#endif
