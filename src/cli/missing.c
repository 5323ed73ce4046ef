/* SPDX-License-Identifier: Apache-2.0
 * The sums of `losses` by cause, in words. */
#include "cli/missing.h"

#include <string.h>

/* The table has remarks too; a cause that a later version has is taken for a loss. */
static struct eg_cause_info cause_named(struct eg_span cause) {
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *info = eg_cause_info((enum eg_cause)i);
        if (eg_span_is(cause, info->name)) return *info;
    }
    return (struct eg_cause_info){.is_loss = true};
}

void eg_missing_amount(long long records, long long packets, const struct eg_cause_info *info,
                       struct eg_span name, struct eg_strbuf *lines) {
    /* datagrams that nobody saw and the records in them are two measures of one thing */
    bool unseen = info->is_unseen && records;
    const char *kind = unseen ? "datagrams" : records ? "records" : "packets";
    eg_strbuf_printf(lines, "%lld %s (%.*s%s)\n", records ? records : packets, kind, (int)name.size,
                     (const char *)name.at,
                     unseen ? "; the records in them are told as sequence_gap where exporters "
                              "number them"
                            : "");
}

/* Of the rows in quarantine both kinds are told: flows and packets are left out alike. */
static void line_put(const struct eg_batch *batch, uint32_t row, enum eg_missing about,
                     struct eg_strbuf *lines) {
    const char *what = about == EG_MISSING_ANY ? "dataset" : "answer";
    struct eg_span cause = eg_col_text(&batch->columns[0], row);
    struct eg_cause_info info = cause_named(cause);
    long long amounts[2] = {0, 0};
    for (uint32_t i = 0; i < 2; i++)
        if (eg_batch_valid(batch, i + 1, row)) amounts[i] = eg_col_int(&batch->columns[i + 1], row);
    if (about == EG_MISSING_PACKETS && amounts[1]) amounts[0] = 0;
    if (!info.is_loss || (!amounts[0] && !amounts[1])) return;
    eg_strbuf_printf(lines, "not in the %s: ", what);
    if (amounts[0] && amounts[1] && eg_span_is(cause, "quarantined"))
        eg_strbuf_printf(lines, "%lld flows, %lld packets (quarantined)\n", amounts[0], amounts[1]);
    else
        eg_missing_amount(amounts[0], amounts[1], &info, cause, lines);
}

void eg_missing_lines(const struct eg_report *report, struct eg_engine *engine,
                      enum eg_missing about, struct eg_strbuf *lines) {
    struct eg_origin origin = report->origin;
    struct eg_strbuf sql = {0};
    struct eg_error err;
    struct eg_result *result = NULL;
    struct eg_batch *batch = NULL;
    origin.filter = NULL;
    eg_strbuf_text(&sql, "SELECT cause, CAST(sum(records) AS BIGINT), CAST(sum(packets) AS BIGINT) "
                         "FROM (");
    enum eg_status status = eg_sql_losses(&origin, &sql, &err);
    eg_strbuf_text(&sql, ") AS l");
    if (about == EG_MISSING_PACKETS)
        eg_strbuf_text(&sql, " WHERE coalesce(source, 'packet') = 'packet' AND cause <> "
                             "'quarantined'");
    eg_strbuf_text(&sql, " GROUP BY cause ORDER BY cause");
    if (status >= 0 && eg_engine_query(engine, sql.text, &result, &err) >= 0) {
        while (eg_result_next(result, &batch, &err) == EG_OK) {
            for (uint32_t row = 0; row < batch->rows; row++) line_put(batch, row, about, lines);
            eg_batch_unref(batch);
        }
        eg_result_free(result);
    }
    eg_strbuf_reset(&sql);
}

void eg_missing_say(const struct eg_report *report, const struct eg_strbuf *lines) {
    const char *line = lines->failed ? NULL : lines->text;
    for (const char *end; line && (end = strchr(line, '\n')); line = end + 1)
        eg_note(report->call, "earlgrey: %.*s", (int)(end - line), line);
}

void eg_missing_tell(const struct eg_report *report, struct eg_engine *engine,
                     enum eg_missing about) {
    struct eg_strbuf lines = {0};
    if (report->call->common->quiet) return;
    eg_missing_lines(report, engine, about, &lines);
    eg_missing_say(report, &lines);
    eg_strbuf_reset(&lines);
}

void eg_missing_quarantine(const struct eg_report *report) {
    struct eg_dataset *dataset = report->origin.dataset;
    struct eg_error err;
    uint64_t rows = 0;
    if (!dataset || eg_dataset_quarantined(dataset, EG_TABLE_PACKETS, &rows, &err) < 0 || !rows)
        return;
    eg_note(report->call,
            "earlgrey: not in the answer: %llu packets (quarantined: their times cannot be; "
            "packets -r finds them)",
            (unsigned long long)rows);
}

enum eg_exit eg_packets_indexed(const struct eg_report *report) {
    struct eg_dataset *dataset = report->origin.dataset;
    struct eg_error err;
    uint64_t rows = 0;
    if (!dataset) return EG_EXIT_DONE;
    enum eg_status status = eg_dataset_removed(dataset, EG_TABLE_PACKETS, &rows, &err);
    if (status >= 0 && rows)
        status =
            eg_fail(&err, EG_E_IO,
                    "the index of %s is gone (%s/packets, %llu rows): put it back from a "
                    "backup, or ingest the captures into a new dataset; where it was removed on "
                    "purpose, earlgrey doctor --accept-missing",
                    report->options->dataset, report->options->dataset, (unsigned long long)rows);
    return status < 0 ? eg_complain(report->call, &err) : EG_EXIT_DONE;
}

void eg_missing_look(struct eg_report *report, enum eg_missing about) {
    const struct eg_origin *origin = &report->origin;
    struct eg_dataset_file *files = NULL;
    struct eg_engine *engine = NULL;
    struct eg_error err;
    size_t count = 0;
    if (!origin->dataset || report->call->common->quiet ||
        eg_dataset_files(origin->dataset, EG_TABLE_LOSSES, origin->from_us, origin->to_us, &files,
                         &count, &err) < 0)
        return;
    eg_dataset_files_free(files, count);
    if (!count || eg_report_engine(report, NULL, false, &engine, &err) < 0) return;
    eg_missing_tell(report, engine, about);
    eg_engine_close(engine);
}
