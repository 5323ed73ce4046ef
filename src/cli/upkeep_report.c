/* SPDX-License-Identifier: Apache-2.0
 * The account of upkeep. */
#include "cli/upkeep_report.h"

#include "base/timetext.h"
#include "table/encode.h"
#include "table/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *size_text(uint64_t bytes, char text[EG_HUMAN_TEXT]) {
    if (!eg_human_text((double)bytes, "bytes", text))
        snprintf(text, EG_HUMAN_TEXT, "%" PRIu64 " B", bytes);
    return text;
}

static void hour_json(struct eg_upkeep_report *report, const struct eg_upkeep_hour *hour) {
    struct eg_strbuf *to = &report->hours;
    char start[40];
    eg_time_text(hour->hour_us, start);
    eg_strbuf_printf(to,
                     "%s{\"table\":\"%s\",\"hour\":\"%s\",\"rows\":%" PRIu64
                     ",\"files_before\":%" PRIu64 ",\"files_after\":%" PRIu64
                     ",\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64 ",\"state\":\"%s\"",
                     to->size ? "," : "", eg_table_name(hour->table), start, hour->rows,
                     hour->files_before, hour->files_after, hour->bytes_before, hour->bytes_after,
                     hour->status == EG_OK    ? "done"
                     : hour->status == EG_END ? "postponed"
                                              : "failed");
    if (hour->status < 0) {
        eg_strbuf_text(to, ",\"problem\":");
        eg_encode_json_text(hour->problem, strlen(hour->problem), to);
    }
    eg_strbuf_char(to, '}');
}

static void hour_text(const struct eg_upkeep_hour *hour) {
    char before[EG_HUMAN_TEXT], after[EG_HUMAN_TEXT], rows[EG_HUMAN_TEXT], start[40];
    eg_time_text(hour->hour_us, start);
    start[16] = 0; /* 2026-01-02T13:00 */
    eg_thousands_text((int64_t)hour->rows, rows);
    printf("%-8s %s  %" PRIu64 " file%s", eg_table_name(hour->table), start, hour->files_before,
           hour->files_before == 1 ? "" : "s");
    if (hour->status == EG_END) {
        printf("  changed meanwhile: left for the next time\n");
        return;
    }
    if (hour->files_after) printf(" to %" PRIu64, hour->files_after);
    printf("  %s rows  %s", rows, size_text(hour->bytes_before, before));
    if (hour->bytes_after) printf(" to %s", size_text(hour->bytes_after, after));
    printf("\n");
}

void eg_upkeep_report_hour(void *to, const struct eg_upkeep_hour *hour) {
    struct eg_upkeep_report *report = to;
    if (hour->status < 0) {
        char start[40];
        eg_time_text(hour->hour_us, start);
        struct eg_error err;
        (void)eg_fail(&err, EG_E_IO, "%s of %s was left as it is: %s", eg_table_name(hour->table),
                      start, hour->problem);
        eg_say(report->call, err.message);
    }
    if (report->json)
        hour_json(report, hour);
    else if (hour->status >= 0 && !report->call->common->quiet)
        hour_text(hour);
}

static void total_json(const struct eg_upkeep_report *report,
                       const struct eg_upkeep_account *account) {
    char from[40] = "", to[40] = "";
    if (account->from_us <= account->to_us) {
        eg_time_text(account->from_us, from);
        eg_time_text(account->to_us, to);
    }
    printf("{\"dry_run\":%s,\"hours\":%" PRIu64 ",\"files_before\":%" PRIu64
           ",\"files_after\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"bytes_before\":%" PRIu64
           ",\"bytes_after\":%" PRIu64 ",\"postponed\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"enough\":%s,\"from\":%s%s%s,\"to\":%s%s%s,\"each\":[%s]",
           report->dry_run ? "true" : "false", account->hours, account->files_before,
           account->files_after, account->rows, account->bytes_before, account->bytes_after,
           account->postponed, account->failed, account->short_of ? "false" : "true",
           from[0] ? "\"" : "null", from, from[0] ? "\"" : "", to[0] ? "\"" : "null", to,
           to[0] ? "\"" : "", report->hours.text ? report->hours.text : "");
    if (report->captures)
        printf(",\"captures\":{\"removed\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"unregistered\":%" PRIu64 "}",
               account->captures, account->captures_bytes, account->captures_unlinked);
    printf("}\n");
}

static void total_text(const struct eg_upkeep_report *report,
                       const struct eg_upkeep_account *account) {
    char before[EG_HUMAN_TEXT], after[EG_HUMAN_TEXT], rows[EG_HUMAN_TEXT], from[40], to[40];
    const char *did = report->dry_run ? report->would : report->did;
    if (report->call->common->quiet) return;
    if (!account->hours) {
        printf("%s nothing\n", did);
    } else {
        eg_thousands_text((int64_t)account->rows, rows);
        eg_time_text(account->from_us, from);
        eg_time_text(account->to_us, to);
        from[16] = to[16] = 0;
        printf("%s %" PRIu64 " hour%s, %" PRIu64 " files", did, account->hours,
               account->hours == 1 ? "" : "s", account->files_before);
        if (account->files_after) printf(" to %" PRIu64, account->files_after);
        printf(", %s rows, %s", rows, size_text(account->bytes_before, before));
        if (account->bytes_after) printf(" to %s", size_text(account->bytes_after, after));
        printf(", from %s to %s\n", from, to);
    }
    if (account->captures)
        printf("%s %" PRIu64 " capture%s without packets left, %s\n", did, account->captures,
               account->captures == 1 ? "" : "s", size_text(account->captures_bytes, before));
    if (account->captures_unlinked)
        printf("%s %" PRIu64 " capture%s elsewhere from the packet store; the files stay\n", did,
               account->captures_unlinked, account->captures_unlinked == 1 ? "" : "s");
    if (account->postponed)
        printf("%" PRIu64 " hours changed meanwhile and wait for the next time\n",
               account->postponed);
}

enum eg_exit eg_upkeep_report_end(struct eg_upkeep_report *report,
                                  const struct eg_upkeep_account *account, enum eg_status status,
                                  const struct eg_error *err) {
    enum eg_exit code = account->failed ? EG_EXIT_PARTIAL : EG_EXIT_DONE;
    bool began = account->hours || account->failed || account->postponed || status >= 0;
    if (began && report->json)
        total_json(report, account);
    else if (began)
        total_text(report, account);
    if (status >= 0 && account->short_of)
        eg_note(report->call,
                "earlgrey: %s: all closed hours %s, and the rules ask for more; the rest is the "
                "last hour, quarantine, or not of this dataset",
                report->call->verb->name, report->dry_run ? "would go" : "are gone");
    eg_strbuf_reset(&report->hours);
    return status < 0 ? eg_complain(report->call, err) : code;
}

enum eg_status eg_upkeep_tables(const struct eg_text_list *names, uint32_t *out,
                                struct eg_error *err) {
    *out = 0;
    for (size_t i = 0; i < names->count; i++) {
        enum eg_table_id table = eg_table_by_name(names->items[i]);
        if (table >= EG_TABLE_RAW)
            return eg_fail(err, EG_E_USAGE,
                           "there is no table '%s'; a dataset has flows, packets, counters and "
                           "losses",
                           names->items[i]);
        *out |= 1u << table;
    }
    return EG_OK;
}

enum eg_status eg_upkeep_percent(const char *text, uint32_t *permille, struct eg_error *err) {
    char *end = NULL;
    double percent = text && text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;
    if (end && *end == '%') end++;
    if (!end || *end || percent <= 0 || percent >= 100)
        return eg_fail(err, EG_E_USAGE, "--min-free takes a part like 10%%, not '%s'", text);
    *permille = (uint32_t)(percent * 10 + 0.5);
    if (!*permille) *permille = 1;
    return EG_OK;
}
