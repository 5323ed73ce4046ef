/* SPDX-License-Identifier: Apache-2.0
 * How packets become flows, as options: declared here once, for every verb that meters. */
#ifndef EG_CLI_METERING_H
#define EG_CLI_METERING_H

#include "base/option.h"
#include "table/stage.h"

/* Part of a verb's options; its table names them with EG_METERING_OPTIONS. */
struct eg_metering_options {
    int64_t idle_us, active_us, memory, payload;
    bool one_way, outermost;
    struct eg_text_list key;
};

#define EG_METERING_OPTIONS_FROM(S, field, idle_preset, active_preset, memory_preset)              \
    {.name = "idle",                                                                               \
     .type = EG_OPT_DURATION,                                                                      \
     .offset = offsetof(S, field.idle_us),                                                         \
     .preset = idle_preset,                                                                        \
     .min = 1000,                                                                                  \
     .max = 86400000000,                                                                           \
     .value_name = "TIME",                                                                         \
     .help = "Flows of packets: one ends after so long without a packet."},                        \
        {.name = "active",                                                                         \
         .type = EG_OPT_DURATION,                                                                  \
         .offset = offsetof(S, field.active_us),                                                   \
         .preset = active_preset,                                                                  \
         .min = 1000,                                                                              \
         .max = 86400000000,                                                                       \
         .value_name = "TIME",                                                                     \
         .help = "Flows of packets: one ends after so long in all, and another goes on."},         \
        {.name = "one-way",                                                                        \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = offsetof(S, field.one_way),                                                     \
         .help = "Flows of packets: each direction lives and ends by itself; else the two of a "   \
                 "conversation do so together, and it is known who began."},                       \
        {.name = "flow-key",                                                                       \
         .type = EG_OPT_LIST,                                                                      \
         .offset = offsetof(S, field.key),                                                         \
         .value_name = "vlan,tunnel",                                                              \
         .help = "Flows of packets: what tells flows apart besides addresses, ports and "          \
                 "protocol: the VLAN, the tunnel's id."},                                          \
        {.name = "flow-memory",                                                                    \
         .type = EG_OPT_INT,                                                                       \
         .offset = offsetof(S, field.memory),                                                      \
         .preset = memory_preset,                                                                  \
         .min = 1 << 20,                                                                           \
         .max = INT64_C(1) << 40,                                                                  \
         .value_name = "BYTES",                                                                    \
         .help =                                                                                   \
             "Flows of packets: what their cache may take; beyond that the flow that has been "    \
             "idle the longest is given out early, and counted (flow_emergency)."},                \
        {.name = "outermost",                                                                      \
         .type = EG_OPT_FLAG,                                                                      \
         .offset = offsetof(S, field.outermost),                                                   \
         .help = "Of tunnelled packets the outer addresses count, not the innermost."},            \
    {                                                                                              \
        .name = "payload", .type = EG_OPT_INT, .offset = offsetof(S, field.payload),               \
        .preset = "0", .max = 1024, .value_name = "N",                                             \
        .help = "Flows of packets: keeps the first N bytes of payload (in extra)."                 \
    }

#define EG_METERING_IDLE_TEXT "30s"
#define EG_METERING_ACTIVE_TEXT "5m"
#define EG_METERING_MEMORY_TEXT "256Mi"
#define EG_METERING_OPTIONS(S, field)                                                              \
    EG_METERING_OPTIONS_FROM(S, field, EG_METERING_IDLE_TEXT, EG_METERING_ACTIVE_TEXT,             \
                             EG_METERING_MEMORY_TEXT)
/* Of verbs that meter only where one of them is given: as above, but nothing is preset. */
#define EG_METERING_OPTIONS_ASKED(S, field) EG_METERING_OPTIONS_FROM(S, field, NULL, NULL, NULL)

/* Whether any is given, or preset. */
bool eg_metering_given(const struct eg_metering_options *);
/* Whether any is other than usual. */
bool eg_metering_unusual(const struct eg_metering_options *);
/* Errors: EG_E_USAGE for a flow key that is none. */
EG_MUST_CHECK enum eg_status eg_metering_choose(const struct eg_metering_options *,
                                                struct eg_metering *out, struct eg_error *err);

#endif
