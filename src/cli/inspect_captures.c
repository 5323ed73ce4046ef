/* SPDX-License-Identifier: Apache-2.0
 * The captures of a packet store. */
#include "cli/inspect_captures.h"

#include "base/alloc.h"

enum eg_status eg_captures_sum(struct eg_dataset *ds, struct eg_facts *facts,
                               struct eg_error *err) {
    struct eg_capture *list;
    size_t count;
    EG_TRY(eg_captures(ds, INT64_MIN, INT64_MAX, &list, &count, err));
    uint64_t packets = 0, bytes = 0, copies = 0;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        packets += list[i].packets;
        bytes += list[i].bytes;
        copies += list[i].keep == EG_KEEP_COPY;
        if (list[i].first_us < first) first = list[i].first_us;
        if (list[i].last_us > last) last = list[i].last_us;
    }
    eg_free(list);
    eg_facts_int(facts, "captures", (int64_t)count);
    if (!count) return EG_OK;
    eg_facts_int(facts, "captures_copied", (int64_t)copies);
    eg_facts_int(facts, "captures_packets", (int64_t)packets);
    eg_facts_int(facts, "captures_bytes", (int64_t)bytes);
    if (first > last) return EG_OK;
    eg_facts_time(facts, "captures_from", first);
    eg_facts_time(facts, "captures_to", last);
    return EG_OK;
}

static const char *state_of(struct eg_dataset *ds, const struct eg_capture *capture) {
    struct eg_capture found;
    struct eg_error ignored;
    switch (eg_capture_find(ds, capture->name, false, &found, &ignored)) {
    case EG_OK: return "unchanged";
    case EG_E_NOENT: return "gone";
    case EG_E_FORMAT: return "changed";
    default: return "unreadable";
    }
}

static void print_one(struct eg_dataset *ds, const struct eg_capture *c, bool json,
                      bool gap_before) {
    struct eg_facts facts = {.json = json};
    eg_facts_text(&facts, "capture", c->name);
    eg_facts_text(&facts, "kept", c->keep == EG_KEEP_COPY ? "copy" : "link");
    eg_facts_path(&facts, "place", c->place);
    eg_facts_text(&facts, "state", state_of(ds, c));
    eg_facts_text(&facts, "form", c->seekable ? "seekable zstd" : "as it came");
    eg_facts_int(&facts, "packets", (int64_t)c->packets);
    eg_facts_int(&facts, "bytes", (int64_t)c->bytes);
    if (c->first_us <= c->last_us) {
        eg_facts_time(&facts, "first", c->first_us);
        eg_facts_time(&facts, "last", c->last_us);
    }
    eg_facts_int(&facts, "link_type", c->link_type);
    eg_facts_text(&facts, "digest", c->digest);
    eg_facts_print(&facts, gap_before);
    eg_facts_reset(&facts);
}

enum eg_status eg_captures_print(struct eg_dataset *ds, bool json, bool gap_before, size_t *shown,
                                 struct eg_error *err) {
    struct eg_capture *list;
    EG_TRY(eg_captures(ds, INT64_MIN, INT64_MAX, &list, shown, err));
    for (size_t i = 0; i < *shown; i++) print_one(ds, &list[i], json, gap_before || i);
    eg_free(list);
    return EG_OK;
}
