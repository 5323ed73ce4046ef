/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey losses`: what was lost, where and why. */
#include "cli/report.h"

struct losses_options {
    struct eg_report_options report;
};

static const struct eg_option options[] = {
    EG_REPORT_ORIGIN_OPTIONS(struct losses_options),
    EG_REPORT_OUTPUT_OPTIONS(struct losses_options),
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey losses -d data", "Everything that was seen and not kept, by cause.",
    "earlgrey losses -r capture.pcap", "The same for a capture.", NULL};

static enum eg_exit question(struct eg_report *report, struct eg_strbuf *sql) {
    struct eg_error err;
    return eg_sql_losses(&report->origin, sql, &err) < 0 ? eg_complain(report->call, &err)
                                                         : EG_EXIT_DONE;
}

static enum eg_exit run(struct eg_call *call) {
    const struct losses_options *o = call->options;
    return eg_report_answer(call, &o->report, EG_TABLE_LOSSES, question);
}

const struct eg_verb eg_verb_losses = {
    .name = "losses",
    .summary = "what was lost, where and why",
    .synopsis = "[FILTER]",
    .description =
        "Shows what was seen and not kept, by cause, source and exporter: sequence gaps, "
        "malformed input, cut captures; and what is to be known of exporters: repeated datagrams, "
        "new numberings, changed templates, refused senders. What has no time (a record with an "
        "impossible date, say) is shown without one, and -t finds it by when it was ingested. "
        "docs/reference/losses.md explains each cause.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct losses_options),
    .run = run,
};
