/* SPDX-License-Identifier: Apache-2.0
 * The account of an ingest, for people and as JSON. */
#include "cli/account.h"

#include "base/timetext.h"
#include "table/encode.h"
#include "table/human.h"

#include <stdio.h>
#include <string.h>

static const char *grouped(uint64_t value, char text[EG_HUMAN_TEXT]) {
    eg_thousands_text((int64_t)value, text);
    return text;
}

/* Whether a sink did not take all that it was given. */
static bool sinks_short(const struct eg_tally *tally) {
    static const enum eg_cause causes[] = {EG_CAUSE_recording_full, EG_CAUSE_recording_removed,
                                           EG_CAUSE_recording_unfit, EG_CAUSE_not_passed_on};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (eg_tally_sum(tally, causes[i]).packets > 0) return true;
    return false;
}

/* What counts first of a sum: records, else packets, else bytes. Negative: what was counted as lost by
 * an earlier run came after all. */
static int64_t amount_of(const struct eg_tally_entry *sum, const char **unit) {
    bool unseen = eg_cause_info(sum->cause)->is_unseen;
    *unit = sum->records && unseen ? "datagrams"
            : sum->records         ? "records"
            : sum->packets         ? "packets"
                                   : "bytes";
    return sum->records ? sum->records : sum->packets ? sum->packets : sum->bytes;
}

/* Rows that went into quarantine: flows, and packets. What an exported flow holds is no row. */
struct quarantined {
    uint64_t flows, packets;
};

static struct quarantined quarantined_of(const struct eg_tally *tally) {
    struct quarantined rows = {0, 0};
    for (uint32_t i = 0; tally && i < tally->count; i++) {
        const struct eg_tally_entry *e = &tally->entries[i];
        if (e->cause != EG_CAUSE_quarantined) continue;
        rows.flows += (uint64_t)e->records;
        if (strcmp(e->source, "packet") == 0) rows.packets += (uint64_t)e->packets;
    }
    return rows;
}

static void tell_quarantined(const struct eg_tally *tally, const char *title) {
    struct quarantined rows = quarantined_of(tally);
    char flows[EG_HUMAN_TEXT], packets[EG_HUMAN_TEXT];
    fprintf(stderr, "  %-9s %12s flows, %s packets  quarantined\n", title,
            grouped(rows.flows, flows), grouped(rows.packets, packets));
    fprintf(stderr,
            "%26stheir times: none, before 1990 or from 2100 on; of exports also more than\n"
            "%26s50 days ahead, or, live, in too many hours over a day from their receipt\n",
            "", "");
}

static void tell_found(const struct eg_tally *tally) {
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *cause = eg_cause_info((enum eg_cause)i);
        struct eg_tally_entry sum = eg_tally_sum(tally, (enum eg_cause)i);
        const char *unit;
        char amount[EG_HUMAN_TEXT];
        int64_t count = amount_of(&sum, &unit);
        if (cause->is_loss && count < 0)
            fprintf(stderr, "  %-9s %12s %s counted before as %s\n", "found",
                    grouped((uint64_t)-count, amount), unit, cause->name);
    }
}

static void tell_causes(const struct eg_tally *tally, bool losses, const char *title) {
    bool first = true;
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *cause = eg_cause_info((enum eg_cause)i);
        struct eg_tally_entry sum = eg_tally_sum(tally, (enum eg_cause)i);
        char amount[EG_HUMAN_TEXT];
        const char *unit;
        int64_t count = amount_of(&sum, &unit);
        if (cause->is_loss != losses || count <= 0) continue;
        if (i == EG_CAUSE_quarantined)
            tell_quarantined(tally, first ? title : "");
        else
            fprintf(stderr, "  %-9s %12s %s  %s\n", first ? title : "",
                    grouped((uint64_t)count, amount), unit, cause->name);
        first = false;
    }
    if (first && losses) fprintf(stderr, "  %-9s %12s\n", title, "nothing");
    if (losses) tell_found(tally);
}

static bool any_lost(const struct eg_tally *tally) {
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        struct eg_tally_entry sum = eg_tally_sum(tally, (enum eg_cause)i);
        const char *unit;
        if (eg_cause_info((enum eg_cause)i)->is_loss && amount_of(&sum, &unit) > 0) return true;
    }
    return false;
}

/* Rows the first sink holds in its tables; what it put into quarantine is no answer to anything. */
static uint64_t kept_rows(const struct eg_pump_account *a, const struct eg_tally *quarantined,
                          enum eg_table_id table) {
    uint64_t kept = a->kept[table];
    for (uint32_t i = 0; quarantined && i < quarantined->count; i++) {
        const struct eg_tally_entry *e = &quarantined->entries[i];
        bool of_packets = strcmp(e->source, "packet") == 0;
        uint64_t rows = (uint64_t)(table == EG_TABLE_FLOWS ? e->records : e->packets);
        if (of_packets || table == EG_TABLE_FLOWS) kept -= rows < kept ? rows : kept;
    }
    return kept;
}

static uint64_t kept_metered(const struct eg_pump_account *a, const struct eg_tally *quarantined) {
    uint64_t kept = a->metered;
    for (uint32_t i = 0; quarantined && i < quarantined->count; i++) {
        const struct eg_tally_entry *e = &quarantined->entries[i];
        uint64_t rows = (uint64_t)e->records;
        if (strcmp(e->source, "packet") == 0) kept -= rows < kept ? rows : kept;
    }
    return kept;
}

/* Whether all that was read went into quarantine. */
static bool nothing_usable(const struct eg_pump_account *kept, const struct eg_tally *tally) {
    struct quarantined aside = quarantined_of(tally);
    return (aside.flows || aside.packets) && !kept->kept[EG_TABLE_FLOWS] &&
           !kept->kept[EG_TABLE_PACKETS] && !kept->kept[EG_TABLE_COUNTERS] && !kept->raw_count;
}

static void tell_captures(const struct eg_keep_account *c) {
    char n1[EG_HUMAN_TEXT], n2[EG_HUMAN_TEXT], n3[EG_HUMAN_TEXT];
    if (c->linked)
        fprintf(stderr, "  %-9s %12s pointed to where they are\n", "captures",
                grouped(c->linked, n1));
    if (c->copied)
        fprintf(stderr, "  %-9s %12s copied, %s bytes in %s\n", c->linked ? "" : "captures",
                grouped(c->copied, n1), grouped(c->bytes, n2), grouped(c->stored, n3));
}

/* What went on as it came: neither flows nor rows of packets, whatever was decoded of it. */
static void tell_raw(const struct eg_pump_account *a, const struct eg_account_how *how) {
    char n[EG_HUMAN_TEXT];
    for (size_t i = 0; i < a->raw_count; i++) {
        const struct eg_pump_raw *raw = &a->raw[i];
        uint64_t rows = raw->rows > raw->lost ? raw->rows - raw->lost : 0;
        fprintf(stderr, "  %-9s %12s %s, as they came, to ", "given on", grouped(rows, n),
                how->read);
        eg_put_visible(stderr, raw->name);
        fputc('\n', stderr);
    }
}

static void tell_text(const struct eg_call *call, const struct eg_pump_account *a,
                      const struct eg_tally *all, const struct eg_account_how *how) {
    char n1[EG_HUMAN_TEXT], n2[EG_HUMAN_TEXT], n3[EG_HUMAN_TEXT];
    if (call->common->quiet) return;
    fprintf(stderr, "ingest: %s %s", grouped(a->inputs, n1), a->inputs == 1 ? "input" : "inputs");
    if (a->inputs_known)
        fprintf(stderr, ", %llu already there", (unsigned long long)a->inputs_known);
    if (a->inputs_failed) fprintf(stderr, ", %llu failed", (unsigned long long)a->inputs_failed);
    fprintf(stderr, "\n  %-9s %12s %s, %s bytes\n", "read", grouped(a->seen.frames, n1), how->read,
            grouped(a->seen.bytes_done, n2));
    fprintf(stderr, "  %-9s %12s export datagrams\n", "decoded", grouped(a->seen.datagrams, n1));
    if (how->tables)
        fprintf(stderr, "  %-9s %12s flows, %s packets\n", "kept",
                grouped(a->kept[EG_TABLE_FLOWS], n1), grouped(a->kept[EG_TABLE_PACKETS], n3));
    if (a->metered && a->metered < a->kept[EG_TABLE_FLOWS])
        fprintf(stderr, "  %-9s %12s of the flows are of exports, %s metered from packets\n", "",
                grouped(a->kept[EG_TABLE_FLOWS] - a->metered, n1), grouped(a->metered, n2));
    else if (a->metered)
        fprintf(stderr, "  %-9s %12s the flows are metered from the packets\n", "", "");
    if (a->kept[EG_TABLE_COUNTERS])
        fprintf(stderr, "  %-9s %12s counter samples\n", "",
                grouped(a->kept[EG_TABLE_COUNTERS], n1));
    tell_raw(a, how);
    if (a->first_us <= a->last_us) {
        char first[40], last[40];
        eg_time_text(a->first_us, first);
        eg_time_text(a->last_us, last);
        fprintf(stderr, "  %-9s %s to %s\n", "from", first, last);
    }
    if (how->captures) tell_captures(how->captures);
    /* not all that was lost is known before the end */
    if (how->status < 0 && !(how->live && any_lost(all))) return;
    tell_causes(all, true, "lost");
    tell_causes(all, false, "noted");
}

static void json_causes(const struct eg_tally *tally, bool losses, struct eg_strbuf *to) {
    bool first = true;
    eg_strbuf_char(to, '{');
    for (int i = 0; i < EG_CAUSE_COUNT; i++) {
        const struct eg_cause_info *cause = eg_cause_info((enum eg_cause)i);
        struct eg_tally_entry sum = eg_tally_sum(tally, (enum eg_cause)i);
        if (cause->is_loss != losses || (!sum.records && !sum.packets && !sum.bytes)) continue;
        eg_strbuf_printf(to, "%s\"%s\":{\"records\":%lld,\"packets\":%lld,\"bytes\":%lld}",
                         first ? "" : ",", cause->name, (long long)sum.records,
                         (long long)sum.packets, (long long)sum.bytes);
        first = false;
    }
    eg_strbuf_char(to, '}');
}

static void json_troubles(const struct eg_pump_account *a, bool errors, struct eg_strbuf *to) {
    bool first = true;
    eg_strbuf_char(to, '[');
    for (size_t i = 0; i < a->trouble_count; i++) {
        const struct eg_trouble *t = &a->troubles[i];
        if ((t->status < 0) != errors || !t->message) continue;
        if (!first) eg_strbuf_char(to, ',');
        first = false;
        eg_strbuf_text(to, "{\"input\":");
        eg_encode_json_name(t->input, to);
        eg_strbuf_printf(to, ",\"status\":\"%s\",\"message\":", eg_status_name(t->status));
        eg_encode_json_text(t->message, strlen(t->message), to);
        eg_strbuf_char(to, '}');
    }
    eg_strbuf_char(to, ']');
}

static void json_raw(const struct eg_pump_account *a, struct eg_strbuf *to) {
    eg_strbuf_text(to, "\"given_on\":[");
    for (size_t i = 0; i < a->raw_count; i++) {
        const struct eg_pump_raw *raw = &a->raw[i];
        eg_strbuf_text(to, i ? ",{\"sink\":" : "{\"sink\":");
        eg_encode_json_name(raw->name, to);
        eg_strbuf_printf(to, ",\"packets\":%llu}",
                         (unsigned long long)(raw->rows > raw->lost ? raw->rows - raw->lost : 0));
    }
    eg_strbuf_text(to, "],");
}

static void tell_json(const struct eg_pump_account *a, const struct eg_tally *all,
                      const struct eg_keep_account *captures) {
    struct eg_strbuf to = {0};
    eg_strbuf_printf(&to, "{\"inputs\":%llu,\"inputs_known\":%llu,\"inputs_failed\":%llu,",
                     (unsigned long long)a->inputs, (unsigned long long)a->inputs_known,
                     (unsigned long long)a->inputs_failed);
    eg_strbuf_printf(&to,
                     "\"read\":{\"packets\":%llu,\"bytes\":%llu},\"decoded\":{\"exports\":%llu},",
                     (unsigned long long)a->seen.frames, (unsigned long long)a->seen.bytes_done,
                     (unsigned long long)a->seen.datagrams);
    eg_strbuf_printf(&to, "\"kept\":{\"flows\":%llu,\"packets\":%llu,\"counters\":%llu},",
                     (unsigned long long)a->kept[EG_TABLE_FLOWS],
                     (unsigned long long)a->kept[EG_TABLE_PACKETS],
                     (unsigned long long)a->kept[EG_TABLE_COUNTERS]);
    struct quarantined aside = quarantined_of(all);
    eg_strbuf_printf(&to, "\"quarantined\":{\"flows\":%llu,\"packets\":%llu},",
                     (unsigned long long)aside.flows, (unsigned long long)aside.packets);
    eg_strbuf_printf(&to, "\"flows\":{\"exports\":%llu,\"packet\":%llu},",
                     (unsigned long long)(a->kept[EG_TABLE_FLOWS] - a->metered),
                     (unsigned long long)a->metered);
    if (a->first_us <= a->last_us) {
        char first[40], last[40];
        eg_time_text(a->first_us, first);
        eg_time_text(a->last_us, last);
        eg_strbuf_printf(&to, "\"from\":\"%s\",\"to\":\"%s\",", first, last);
    }
    if (a->raw_count) json_raw(a, &to);
    if (captures)
        eg_strbuf_printf(
            &to, "\"captures\":{\"linked\":%llu,\"copied\":%llu,\"bytes\":%llu,\"stored\":%llu},",
            (unsigned long long)captures->linked, (unsigned long long)captures->copied,
            (unsigned long long)captures->bytes, (unsigned long long)captures->stored);
    eg_strbuf_text(&to, "\"lost\":");
    json_causes(all, true, &to);
    eg_strbuf_text(&to, ",\"noted\":");
    json_causes(all, false, &to);
    eg_strbuf_text(&to, ",\"remarks\":");
    json_troubles(a, false, &to);
    eg_strbuf_text(&to, ",\"errors\":");
    json_troubles(a, true, &to);
    eg_strbuf_text(&to, "}\n");
    if (to.text) fwrite(to.text, 1, to.size, stdout);
    eg_strbuf_reset(&to);
}

enum eg_exit eg_account_tell(const struct eg_call *call, const struct eg_pump_account *given,
                             const struct eg_account_how *how) {
    struct eg_pump_account account = *given, *a = &account;
    for (enum eg_table_id table = EG_TABLE_FLOWS; table <= EG_TABLE_PACKETS; table++)
        account.kept[table] = kept_rows(given, how->quarantined, table);
    account.metered = kept_metered(given, how->quarantined);
    struct eg_tally all = {0};
    eg_tally_merge(&all, &a->tally);
    if (how->quarantined) eg_tally_merge(&all, how->quarantined);
    bool trouble = sinks_short(&all) || nothing_usable(a, &all);
    for (size_t i = 0; i < a->trouble_count; i++) {
        const struct eg_trouble *t = &a->troubles[i];
        trouble = trouble || t->status < 0;
        if (t->status < 0 && t->message)
            eg_say(call, t->message);
        else if (t->message)
            eg_note(call, "earlgrey: %s", t->message);
    }
    /* a run that failed before it read anything has no account to give */
    if (how->json)
        tell_json(a, &all, how->captures);
    else if (how->status >= 0 || a->seen.frames)
        tell_text(call, a, &all, how);
    eg_tally_reset(&all);
    return trouble ? EG_EXIT_PARTIAL : EG_EXIT_DONE;
}

void eg_account_counters(const struct eg_call *call, const struct eg_pump_account *so_far) {
    const struct eg_scan_progress *seen = &so_far->seen;
    fprintf(stderr,
            "earlgrey: %s: %llu datagrams or packets read, %llu exports, %llu flows, %llu "
            "packets decoded\n",
            call->verb->name, (unsigned long long)seen->frames, (unsigned long long)seen->datagrams,
            (unsigned long long)seen->rows[EG_TABLE_FLOWS],
            (unsigned long long)seen->rows[EG_TABLE_PACKETS]);
    tell_causes(&so_far->tally, true, "lost");
    tell_causes(&so_far->tally, false, "noted");
}
