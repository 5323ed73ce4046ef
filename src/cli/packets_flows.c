/* SPDX-License-Identifier: Apache-2.0
 * From flows to their packets. A few flows are asked for first, so that the index is asked by values that
 * statistics and Bloom filters know; of many, the engine joins them. */
#include "cli/packets.h"

#include <stdio.h>
#include <string.h>

enum {
    AT_SRC_IP,
    AT_DST_IP,
    AT_SRC_PORT,
    AT_DST_PORT,
    AT_PROTO,
    AT_START,
    AT_END,
    AT_SOURCE,
    AT_SRC_MAC,
    AT_DST_MAC
};

#define MARGIN_US 1000000 /* of what an exporter's clock says */

/* Flows on their way into SQL. */
struct few {
    struct eg_strbuf rows;      /* "(…), (…)" */
    struct eg_strbuf addresses; /* "'…', '…'" */
    bool nameless;              /* one has no addresses */
    bool metered;               /* one was metered here */
    int64_t from_us, to_us;
    size_t count;
};

static void text_or_null(const struct eg_batch *batch, uint32_t col, uint32_t row,
                         struct eg_strbuf *to) {
    struct eg_strbuf text = {0};
    if (eg_batch_valid(batch, col, row)) {
        struct eg_span value = eg_col_text(&batch->columns[col], row);
        eg_strbuf_add(&text, value.at, value.size);
        eg_sql_quote(text.text ? text.text : "", to);
    } else {
        eg_strbuf_text(to, "CAST(NULL AS VARCHAR)");
    }
    eg_strbuf_reset(&text);
}

static void number_or_null(const struct eg_batch *batch, uint32_t col, uint32_t row,
                           const char *type, struct eg_strbuf *to) {
    if (eg_batch_valid(batch, col, row))
        eg_strbuf_printf(to, "CAST(%lld AS %s)", (long long)eg_col_int(&batch->columns[col], row),
                         type);
    else
        eg_strbuf_printf(to, "CAST(NULL AS %s)", type);
}

static void few_add(struct few *f, const struct eg_batch *batch, uint32_t row) {
    int64_t start = eg_batch_valid(batch, AT_START, row)
                        ? eg_col_int(&batch->columns[AT_START], row)
                        : INT64_MIN;
    int64_t end =
        eg_batch_valid(batch, AT_END, row) ? eg_col_int(&batch->columns[AT_END], row) : start;
    if (start == INT64_MIN) return; /* nobody knows when it was */
    eg_strbuf_text(&f->rows, f->count++ ? ", (" : "(");
    for (uint32_t col = AT_SRC_IP; col <= AT_DST_IP; col++) {
        text_or_null(batch, col, row, &f->rows);
        eg_strbuf_text(&f->rows, ", ");
        f->nameless = f->nameless || !eg_batch_valid(batch, col, row);
        if (f->addresses.size) eg_strbuf_text(&f->addresses, ", ");
        text_or_null(batch, col, row, &f->addresses);
    }
    number_or_null(batch, AT_SRC_PORT, row, "INTEGER", &f->rows);
    eg_strbuf_text(&f->rows, ", ");
    number_or_null(batch, AT_DST_PORT, row, "INTEGER", &f->rows);
    eg_strbuf_text(&f->rows, ", ");
    number_or_null(batch, AT_PROTO, row, "SMALLINT", &f->rows);
    eg_strbuf_printf(&f->rows, ", make_timestamptz(%lld), make_timestamptz(%lld), ",
                     (long long)start, (long long)(end > start ? end : start));
    text_or_null(batch, AT_SOURCE, row, &f->rows);
    struct eg_span source = eg_batch_valid(batch, AT_SOURCE, row)
                                ? eg_col_text(&batch->columns[AT_SOURCE], row)
                                : eg_span(NULL, 0);
    f->metered = f->metered || (source.size == 6 && memcmp(source.at, "packet", 6) == 0);
    for (uint32_t col = AT_SRC_MAC; col <= AT_DST_MAC; col++) {
        eg_strbuf_text(&f->rows, ", ");
        text_or_null(batch, col, row, &f->rows);
    }
    eg_strbuf_char(&f->rows, ')');
    if (start < f->from_us) f->from_us = start;
    if (start > f->to_us) f->to_us = start;
    if (end > f->to_us) f->to_us = end;
}

static enum eg_status few_ask(struct eg_report *report, const char *flows, struct few *f,
                              struct eg_error *err) {
    struct eg_engine *engine = NULL;
    struct eg_result *result = NULL;
    struct eg_strbuf sql = {0};
    eg_strbuf_printf(&sql, "SELECT " EG_FLOW_KEY_FIELDS " FROM (");
    eg_strbuf_text(&sql, flows);
    eg_strbuf_printf(&sql, ") AS few_ LIMIT %d", EG_FLOWS_FEW);
    enum eg_status status = sql.failed
                                ? eg_fail(err, EG_E_NOMEM, "no memory for a query")
                                : eg_report_engine(report, EG_SQL_MACROS, false, &engine, err);
    if (status >= 0) status = eg_engine_query(engine, sql.text, &result, err);
    while (status >= 0) {
        struct eg_batch *batch;
        status = eg_result_next(result, &batch, err);
        if (status != EG_OK) break;
        for (uint32_t row = 0; row < batch->rows; row++) few_add(f, batch, row);
        eg_batch_unref(batch);
    }
    eg_result_free(result);
    eg_engine_close(engine);
    eg_strbuf_reset(&sql);
    if (status >= 0 && (f->rows.failed || f->addresses.failed))
        status = eg_fail(err, EG_E_NOMEM, "no memory for a query");
    return status < 0 ? status : EG_OK;
}

/* The flows by their values, and what narrows the index down to them. */
static enum eg_status few_condition(const struct few *f, bool both, struct eg_origin *packets,
                                    struct eg_strbuf *condition, struct eg_error *err) {
    struct eg_strbuf values = {0};
    eg_strbuf_text(&values, "SELECT * FROM (VALUES ");
    eg_strbuf_text(&values, f->rows.text);
    eg_strbuf_text(&values, ") AS v_(src_ip, dst_ip, src_port, dst_port, proto, start_time, "
                            "end_time, source, src_mac, dst_mac)");
    if (f->from_us - MARGIN_US > packets->from_us) packets->from_us = f->from_us - MARGIN_US;
    if (f->to_us + MARGIN_US < packets->to_us) packets->to_us = f->to_us + MARGIN_US;
    if (!f->nameless)
        eg_strbuf_printf(condition, "p_.src_ip IN (%s) AND p_.dst_ip IN (%s) AND (",
                         f->addresses.text, f->addresses.text);
    else
        eg_strbuf_char(condition, '(');
    enum eg_status status = values.failed
                                ? eg_fail(err, EG_E_NOMEM, "no memory for a query")
                                : eg_sql_flow_packets(packets, values.text, both, condition, err);
    eg_strbuf_char(condition, ')');
    eg_strbuf_reset(&values);
    return status;
}

static void few_reset(struct few *f) {
    eg_strbuf_reset(&f->rows);
    eg_strbuf_reset(&f->addresses);
    *f = (struct few){.from_us = INT64_MAX, .to_us = INT64_MIN};
}

/* The same flows in the times of their conversations, as SQL in `sql` and, where they are few, in `f`. */
static enum eg_status conversations(struct eg_report *report, const char *flows, struct few *f,
                                    struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_origin origin = report->origin;
    bool many = f->count == EG_FLOWS_FEW;
    int64_t idle_us = origin.metering && origin.metering->idle_us ? origin.metering->idle_us
                                                                  : EG_METERING_IDLE_US;
    origin.filter = NULL; /* the other direction need not be what was asked for */
    origin.match = NULL;
    origin.from_us = many ? INT64_MIN : f->from_us - idle_us;
    origin.to_us = many ? INT64_MAX : f->to_us + idle_us;
    EG_TRY(eg_sql_conversations(&origin, flows, sql, err));
    if (many) return EG_OK;
    few_reset(f);
    return few_ask(report, sql->text, f, err);
}

enum eg_exit eg_packets_of_flows(struct eg_report *report, const char *flows, bool both,
                                 struct eg_origin *packets, struct eg_strbuf *condition,
                                 struct eg_flows_found *found) {
    struct few f = {.from_us = INT64_MAX, .to_us = INT64_MIN};
    struct eg_error err;
    struct eg_strbuf whole = {0};
    enum eg_status status = few_ask(report, flows, &f, &err);
    if (status >= 0 && both && f.count) {
        status = conversations(report, flows, &f, &whole, &err);
        flows = whole.text;
    }
    *found = (struct eg_flows_found){.count = f.count, .exported = f.count && !f.metered};
    if (status >= 0 && f.count == EG_FLOWS_FEW)
        status = eg_sql_flow_packets(packets, flows, both, condition, &err);
    else if (status >= 0 && f.count)
        status = few_condition(&f, both, packets, condition, &err);
    few_reset(&f);
    eg_strbuf_reset(&whole);
    return status < 0 ? eg_report_failed(report, &err, 0) : EG_EXIT_DONE;
}
