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

static enum eg_exit run(struct eg_call *call) {
    struct losses_options *o = call->options;
    struct eg_report report;
    enum eg_exit code = eg_report_open(&report, call, &o->report, EG_TABLE_LOSSES);
    struct eg_strbuf sql = {0};
    if (code == EG_EXIT_DONE) {
        struct eg_error err;
        if (eg_sql_losses(&report.origin, &sql, &err) < 0)
            code = eg_complain(call, &err);
        else if (o->report.explain)
            code = eg_report_explain(&report, sql.text);
        else
            code = eg_report_run(&report, EG_SQL_MACROS, sql.text, false);
    }
    eg_strbuf_reset(&sql);
    eg_report_close(&report);
    return code;
}

const struct eg_verb eg_verb_losses = {
    .name = "losses",
    .summary = "what was lost, where and why",
    .synopsis = "[FILTER]",
    .description =
        "Shows what was seen and not kept, by cause, source and exporter: sequence gaps, "
        "malformed input, cut captures. docs/reference/losses.md explains each cause.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct losses_options),
    .run = run,
};
