/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey inspect`: what is in a capture, a Parquet file or a dataset. */
#include "base/alloc.h"
#include "base/durable.h"
#include "base/timetext.h"
#include "cli/facts.h"
#include "cli/inspect_captures.h"
#include "cli/link_name.h"
#include "cli/packet_lines.h"
#include "cli/ports.h"
#include "cli/spool.h"
#include "cli/templates.h"
#include "engine/engine.h"
#include "source/input.h"
#include "store/dataset.h"
#include "table/scan.h"
#include "wire/message_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct inspect_options {
    bool json, templates, captures;
    int64_t num_packets;
    struct eg_text_list netflow_port;
};

static const struct eg_option options[] = {
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct inspect_options, json),
     .help = "One JSON object a file."},
    {.name = "templates",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct inspect_options, templates),
     .help = "The templates in captures of NetFlow v9 and IPFIX, or those that a collector into a "
             "dataset has learned: whose, which fields, and how many "
             "records were decoded with each."},
    {.name = "captures",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct inspect_options, captures),
     .help = "Datasets: each capture that its packets point into: where it is, whether it is still "
             "the one that was read, times, packets, checksum."},
    {.name = "num-packets",
     .letter = 'n',
     .type = EG_OPT_INT,
     .offset = offsetof(struct inspect_options, num_packets),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Of a Hadoop sequence file, whose packets are printed a line each, only the first so "
             "many; 0 is all."},
    {.name = "netflow-port",
     .type = EG_OPT_LIST,
     .offset = offsetof(struct inspect_options, netflow_port),
     .value_name = "PORT",
     .help = "UDP port that carries flow exports; others are recognised by content."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey inspect capture.pcap",
                                       "Format, packets, times, link types, exports inside.",
                                       "earlgrey inspect data",
                                       "A dataset's tables: files, rows, bytes, times.",
                                       "earlgrey inspect data --captures",
                                       "The captures of its packet store, and how they are.",
                                       "earlgrey inspect part.parquet --json",
                                       "A Parquet file's rows and row groups.",
                                       "earlgrey inspect -n 10 pcap_pcap_1494965816000000000_0_r",
                                       "The first packets of a Hadoop sequence file, a line each.",
                                       "earlgrey inspect exports.pcap --templates",
                                       "Which templates decoded what.",
                                       NULL};

/* ---- captures ---- */

#define LINKS_MAX 16

struct capture_sum {
    uint64_t packets, bytes, captured, flows;
    int64_t first_us, last_us;
    struct {
        int32_t type;
        uint64_t count;
    } links[LINKS_MAX];
    uint32_t link_count;
};

static void sum_link(struct capture_sum *sum, int32_t type) {
    for (uint32_t i = 0; i < sum->link_count; i++)
        if (sum->links[i].type == type) {
            sum->links[i].count++;
            return;
        }
    if (sum->link_count < LINKS_MAX) {
        sum->links[sum->link_count].type = type;
        sum->links[sum->link_count++].count = 1;
    }
}

static void sum_batch(struct capture_sum *sum, const struct eg_batch *batch) {
    if (batch->table_id == EG_TABLE_FLOWS) {
        sum->flows += batch->rows;
        return;
    }
    const struct eg_column *c = batch->columns;
    for (uint32_t row = 0; row < batch->rows; row++) {
        sum->packets++;
        if (eg_batch_valid(batch, EG_COL(PACKETS, length), row))
            sum->bytes += (uint64_t)eg_col_i64(&c[EG_COL(PACKETS, length)])[row];
        if (eg_batch_valid(batch, EG_COL(PACKETS, captured), row))
            sum->captured += (uint64_t)eg_col_i64(&c[EG_COL(PACKETS, captured)])[row];
        if (eg_batch_valid(batch, EG_COL(PACKETS, link_type), row))
            sum_link(sum, eg_col_i32(&c[EG_COL(PACKETS, link_type)])[row]);
        if (!eg_batch_valid(batch, EG_COL(PACKETS, time), row)) continue;
        int64_t time = eg_col_i64(&c[EG_COL(PACKETS, time)])[row];
        if (time < sum->first_us) sum->first_us = time;
        if (time > sum->last_us) sum->last_us = time;
    }
}

static enum eg_status scan_capture(struct eg_call *call, const char *path, struct eg_book *book,
                                   struct eg_scan **out, struct capture_sum *sum,
                                   struct eg_error *err) {
    const struct inspect_options *o = call->options;
    struct eg_ports ports;
    EG_TRY(eg_ports_read(&ports, &o->netflow_port, err));
    struct eg_scan_request request = {
        .source = eg_registry_find(EG_STAGE_source, "file")->type,
        .inputs = &path,
        .input_count = 1,
        .parts = {{.extract = eg_registry_find(EG_STAGE_extract, "exports")->type},
                  {.extract = eg_registry_find(EG_STAGE_extract, "packets")->type,
                   .columns = EG_SET(PACKETS, time) | EG_SET(PACKETS, length) |
                              EG_SET(PACKETS, captured) | EG_SET(PACKETS, link_type)}},
        .part_count = 2,
        .netflow_ports = ports.list,
        .netflow_port_count = ports.count,
        .book = book,
    };
    EG_TRY(eg_scan_open(out, &call->env, &request, err));
    struct eg_scan_worker *worker;
    EG_TRY(eg_scan_worker_new(&worker, *out, err));
    enum eg_status status = EG_OK;
    while (status == EG_OK) {
        struct eg_batch *batch;
        status = eg_scan_next(worker, &batch, err);
        if (status != EG_OK) break;
        sum_batch(sum, batch);
        eg_batch_unref(batch);
    }
    eg_scan_worker_free(worker);
    return status == EG_END ? EG_OK : status;
}

static const char *format_name(const uint8_t *magic, size_t size) {
    struct eg_span s = eg_span(magic, size);
    switch (eg_be32(s, 0)) {
    case 0xa1b2c3d4: return "pcap, microseconds, big-endian";
    case 0xd4c3b2a1: return "pcap, microseconds, little-endian";
    case 0xa1b23c4d: return "pcap, nanoseconds, big-endian";
    case 0x4d3cb2a1: return "pcap, nanoseconds, little-endian";
    case 0xa1b2cd34: return "modified pcap, microseconds, big-endian";
    case 0x34cdb2a1: return "modified pcap, microseconds, little-endian";
    case 0x0a0d0d0a:
        return eg_be32(s, 8) == 0x1a2b3c4d ? "pcapng, big-endian" : "pcapng, little-endian";
    case 0x53455106: return "Hadoop sequence file";
    default: return eg_message_file_is(s) ? "IPFIX messages" : "not a capture";
    }
}

static enum eg_status tell_form(const struct eg_call *call, const char *path,
                                struct eg_facts *facts, struct eg_error *err) {
    static const char *const packings[] = {"none", "gzip", "zstd", "lz4", "xz"};
    struct eg_input input;
    EG_TRY(eg_input_open(&input, &call->env, path, err));
    uint8_t head[512] = {0};
    size_t got = 0;
    enum eg_status status = eg_input_read(&input, head, sizeof head, &got, err);
    if (status >= 0) {
        eg_facts_text(facts, "format", format_name(head, got));
        size_t packing = (size_t)input.packing;
        eg_facts_text(facts, "compression",
                      packing < sizeof packings / sizeof *packings ? packings[packing] : "other");
        eg_facts_int(facts, "size", (int64_t)input.size);
        eg_packet_lines_form(path, eg_span(head, got), facts);
    }
    eg_input_reset(&input);
    return status;
}

static void tell_sum(const struct capture_sum *sum, const struct eg_scan *scan,
                     struct eg_facts *facts) {
    eg_facts_int(facts, "packets", (int64_t)sum->packets);
    eg_facts_int(facts, "bytes", (int64_t)sum->bytes);
    eg_facts_int(facts, "captured_bytes", (int64_t)sum->captured);
    if (sum->first_us <= sum->last_us) {
        eg_facts_time(facts, "first", sum->first_us);
        eg_facts_time(facts, "last", sum->last_us);
    }
    struct eg_strbuf links = {0};
    for (uint32_t i = 0; i < sum->link_count; i++) {
        const char *name = eg_link_name(sum->links[i].type);
        eg_strbuf_printf(&links, "%s%s%s%d (%llu)", i ? ", " : "", name ? name : "",
                         name ? " " : "", (int)sum->links[i].type,
                         (unsigned long long)sum->links[i].count);
    }
    eg_facts_text(facts, "link_types", links.text ? links.text : "");
    eg_strbuf_reset(&links);
    eg_facts_int(facts, "export_datagrams", (int64_t)eg_scan_progress(scan).datagrams);
    eg_facts_int(facts, "flow_records", (int64_t)sum->flows);
}

static enum eg_exit inspect_capture(struct eg_call *call, const char *path,
                                    struct eg_facts *facts) {
    struct eg_error err;
    struct eg_scan *scan = NULL;
    struct capture_sum sum = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    enum eg_exit code = EG_EXIT_DONE;
    if (tell_form(call, path, facts, &err) < 0 ||
        scan_capture(call, path, NULL, &scan, &sum, &err) < 0) {
        code = eg_complain(call, &err);
    } else {
        tell_sum(&sum, scan, facts);
        const struct eg_tally *tally = eg_scan_tally(scan);
        for (int i = 0; i < EG_CAUSE_COUNT; i++) {
            struct eg_tally_entry entry = eg_tally_sum(tally, (enum eg_cause)i);
            int64_t count = entry.records   ? entry.records
                            : entry.packets ? entry.packets
                                            : entry.bytes;
            if (count) eg_facts_int(facts, eg_cause_info((enum eg_cause)i)->name, count);
        }
        size_t count;
        const struct eg_trouble *troubles = eg_scan_troubles(scan, &count);
        for (size_t i = 0; i < count; i++)
            if (troubles[i].message && troubles[i].status < 0) {
                eg_facts_text(facts, "trouble", troubles[i].message);
                code = EG_EXIT_PARTIAL;
            }
    }
    eg_scan_free(scan);
    return code;
}

/* What a collector kept of the templates it learned: DATASET/_earlgrey/templates/NAME. */
static enum eg_status kept_templates(const char *path, bool json, bool gap_before,
                                     struct eg_error *err) {
    char *text = NULL;
    size_t size;
    struct eg_book *book = NULL;
    enum eg_status status = eg_file_read(&text, &size, path, EG_TEMPLATES_FILE_MAX, err);
    if (status >= 0) status = eg_book_new(&book, err);
    if (status >= 0) status = eg_book_load(book, eg_span(text, size), err);
    if (status >= 0) status = eg_templates_print(book, json, gap_before, err);
    eg_book_free(book);
    eg_free(text);
    return status;
}

static enum eg_exit dataset_templates(struct eg_call *call, const char *path, bool gap_before) {
    const struct inspect_options *o = call->options;
    struct eg_error err;
    char *folder = eg_path_join(path, "_earlgrey/templates");
    DIR *names = folder ? opendir(folder) : NULL;
    enum eg_status status = EG_OK;
    size_t shown = 0;
    for (struct dirent *name; names && status >= 0 && (name = readdir(names));) {
        if (strchr(name->d_name, '.')) continue; /* . and .. and what is being written */
        char *file = eg_path_join(folder, name->d_name);
        status = file ? kept_templates(file, o->json, gap_before || shown > 0, &err)
                      : eg_fail(&err, EG_E_NOMEM, "out of memory");
        eg_free(file);
        shown++;
    }
    if (names) closedir(names);
    if (status >= 0 && !shown)
        eg_note(call,
                "earlgrey: %s keeps no templates: no collector of NetFlow v9 or IPFIX has "
                "written to it",
                path);
    eg_free(folder);
    return status < 0 ? eg_complain(call, &err) : EG_EXIT_DONE;
}

static enum eg_exit inspect_templates(struct eg_call *call, const char *path, bool gap_before) {
    const struct inspect_options *o = call->options;
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return dataset_templates(call, path, gap_before);
    struct capture_sum sum = {.first_us = INT64_MAX, .last_us = INT64_MIN};
    struct eg_book *book = NULL;
    struct eg_scan *scan = NULL;
    struct eg_error err;
    enum eg_status status = eg_book_new(&book, &err);
    if (status >= 0) status = scan_capture(call, path, book, &scan, &sum, &err);
    eg_scan_free(scan);
    if (status >= 0) status = eg_templates_print(book, o->json, gap_before, &err);
    eg_book_free(book);
    return status < 0 ? eg_complain(call, &err) : EG_EXIT_DONE;
}

/* ---- Parquet files and datasets ---- */

static enum eg_status first_row(struct eg_engine *engine, const char *sql, struct eg_facts *facts,
                                struct eg_error *err) {
    struct eg_batch *batch;
    enum eg_status status = eg_engine_first(engine, sql, &batch, err);
    for (uint32_t i = 0; status == EG_OK && i < batch->table->count; i++)
        eg_facts_value(facts, batch->table->columns[i].name, batch, i, 0);
    eg_batch_unref(batch);
    return status;
}

static enum eg_exit inspect_parquet(struct eg_call *call, const char *path,
                                    struct eg_facts *facts) {
    struct eg_engine *engine = NULL;
    struct eg_engine_options engine_options = {0};
    struct eg_strbuf sql = {0};
    struct eg_error err;
    eg_facts_text(facts, "format", "Parquet");
    eg_strbuf_text(&sql, "SELECT num_rows AS rows, num_row_groups AS row_groups, created_by, "
                         "file_size_bytes AS size FROM parquet_file_metadata(");
    eg_sql_quote(path, &sql);
    eg_strbuf_text(&sql, ")");
    enum eg_exit code = EG_EXIT_DONE;
    if (eg_engine_open(&engine, &call->env, &engine_options, &err) < 0 ||
        first_row(engine, sql.text, facts, &err) < 0)
        code = eg_complain(call, &err);
    eg_strbuf_reset(&sql);
    eg_engine_close(engine);
    return code;
}

#define SMALL_BYTES (16u << 20)

static size_t hour_of(const char *path) { return (size_t)(strrchr(path, '/') - path); }

/* Files that `compact` could make fewer: small ones that share their hour with others. Those of one
 * hour stand together in the list. */
static size_t count_small(const struct eg_dataset_file *files, size_t count) {
    size_t small = 0;
    for (size_t i = 0, next; i < count; i = next) {
        size_t size = hour_of(files[i].path), here = 0;
        for (next = i; next < count && hour_of(files[next].path) == size &&
                       memcmp(files[i].path, files[next].path, size) == 0;
             next++)
            here += files[next].bytes < SMALL_BYTES;
        if (next - i > 1) small += here;
    }
    return small;
}

static enum eg_status tell_table(struct eg_dataset *dataset, enum eg_table_id table,
                                 struct eg_facts *facts, struct eg_error *err) {
    struct eg_dataset_file *files = NULL;
    size_t count = 0;
    EG_TRY(eg_dataset_files(dataset, table, INT64_MIN, INT64_MAX, &files, &count, err));
    uint64_t rows = 0, bytes = 0;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        rows += files[i].rows;
        bytes += files[i].bytes;
        if (files[i].start_us < first) first = files[i].start_us;
        if (files[i].end_us > last) last = files[i].end_us;
    }
    size_t small = count_small(files, count);
    eg_dataset_files_free(files, count);
    char name[64];
    snprintf(name, sizeof name, "%s_files", eg_table_name(table));
    eg_facts_int(facts, name, (int64_t)count);
    if (!count) return EG_OK;
    snprintf(name, sizeof name, "%s_small_files", eg_table_name(table));
    eg_facts_int(facts, name, (int64_t)small);
    snprintf(name, sizeof name, "%s_rows", eg_table_name(table));
    eg_facts_int(facts, name, (int64_t)rows);
    snprintf(name, sizeof name, "%s_bytes", eg_table_name(table));
    eg_facts_int(facts, name, (int64_t)bytes);
    if (first > last) return EG_OK; /* no row of it has a time */
    snprintf(name, sizeof name, "%s_from", eg_table_name(table));
    eg_facts_time(facts, name, first);
    snprintf(name, sizeof name, "%s_to", eg_table_name(table));
    eg_facts_time(facts, name, last);
    return EG_OK;
}

static enum eg_exit inspect_dataset(struct eg_call *call, const char *path,
                                    struct eg_facts *facts) {
    struct eg_dataset *dataset = NULL;
    struct eg_error err;
    if (eg_dataset_open(&dataset, path, EG_DATASET_READ, &call->env, &err) < 0)
        return eg_complain(call, &err);
    eg_facts_text(facts, "format", "earlgrey dataset");
    enum eg_status status = EG_OK;
    for (enum eg_table_id table = EG_TABLE_FLOWS; status >= 0 && table < EG_TABLE_RAW; table++)
        status = tell_table(dataset, table, facts, &err);
    struct eg_position *positions = NULL;
    size_t count = 0;
    if (status >= 0) status = eg_dataset_positions(dataset, &positions, &count, &err);
    if (status >= 0) eg_facts_int(facts, "positions", (int64_t)count);
    if (status >= 0) status = eg_captures_sum(dataset, facts, &err);
    eg_free(positions);
    eg_dataset_close(dataset);
    return status < 0 ? eg_complain(call, &err) : EG_EXIT_DONE;
}

static enum eg_exit inspect_captures(struct eg_call *call, const char *path, bool gap_before) {
    const struct inspect_options *o = call->options;
    struct eg_dataset *dataset = NULL;
    struct eg_error err;
    size_t shown = 0;
    if (eg_dataset_open(&dataset, path, EG_DATASET_READ, &call->env, &err) < 0)
        return eg_complain(call, &err);
    enum eg_status status = eg_captures_print(dataset, o->json, gap_before, &shown, &err);
    eg_dataset_close(dataset);
    if (status >= 0 && !shown)
        eg_note(call,
                "earlgrey: %s keeps no captures: no packets were ingested into it, or with "
                "--keep none",
                path);
    return status < 0 ? eg_complain(call, &err) : EG_EXIT_DONE;
}

static bool is_parquet(const char *path) {
    char head[4] = {0};
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool yes = fread(head, 1, 4, file) == 4 && memcmp(head, "PAR1", 4) == 0;
    fclose(file);
    return yes;
}

/* A sequence file's packets, or what is in any other capture. `facts` empty: all is said. */
static enum eg_exit inspect_packets(struct eg_call *call, const char *path,
                                    struct eg_facts *facts) {
    const struct inspect_options *o = call->options;
    if (o->json || !eg_packet_lines_fit(call, path)) return inspect_capture(call, path, facts);
    eg_facts_reset(facts);
    return eg_packet_lines(call, path, (uint64_t)o->num_packets);
}

/* A pipe is looked at twice, too. */
static enum eg_exit inspect_pipe(struct eg_call *call, const char *path, struct eg_facts *facts) {
    struct eg_spool copy;
    struct eg_error err;
    if (eg_spool_keep(&copy, &call->env, path, &err) < 0) return eg_complain(call, &err);
    enum eg_exit code = inspect_packets(call, copy.path, facts);
    eg_spool_drop(&copy);
    return code;
}

static enum eg_exit inspect_one(struct eg_call *call, const char *path, struct eg_facts *facts) {
    struct stat info;
    eg_facts_path(facts, "name", path);
    if (strcmp(path, "-") != 0 && stat(path, &info) != 0) {
        struct eg_error err;
        eg_fail_errno(&err, errno, "cannot read %s", path);
        return eg_complain(call, &err);
    }
    if (strcmp(path, "-") != 0 && S_ISDIR(info.st_mode)) return inspect_dataset(call, path, facts);
    if (eg_spool_needed(path)) return inspect_pipe(call, path, facts);
    if (is_parquet(path)) return inspect_parquet(call, path, facts);
    return inspect_packets(call, path, facts);
}

static enum eg_exit run(struct eg_call *call) {
    const struct inspect_options *o = call->options;
    if (!call->word_count)
        return eg_complain_usage(call, "name a capture, a Parquet file or a dataset");
    enum eg_exit worst = EG_EXIT_DONE;
    for (size_t i = 0; i < call->word_count; i++) {
        struct eg_facts facts = {.json = o->json};
        enum eg_exit code = EG_EXIT_DONE;
        if (o->templates)
            code = inspect_templates(call, call->words[i], i > 0);
        else if (o->captures)
            code = inspect_captures(call, call->words[i], i > 0);
        else
            code = inspect_one(call, call->words[i], &facts);
        if (!o->templates && !o->captures && (code == EG_EXIT_DONE || code == EG_EXIT_PARTIAL))
            eg_facts_print(&facts, i > 0 && facts.text.size);
        eg_facts_reset(&facts);
        if (code != EG_EXIT_DONE && worst != EG_EXIT_FAILED) worst = code;
    }
    return worst;
}

const struct eg_verb eg_verb_inspect = {
    .name = "inspect",
    .summary = "what is in a capture, a Parquet file or a dataset",
    .synopsis = "FILE|DATASET...",
    .description = "Reads each whole and tells what it holds. Files are told apart by content, not "
                   "by name.\n\n"
                   "Of a Hadoop sequence file it prints the packets, a line each, as Metron's "
                   "pcap_inspector.sh "
                   "does (with English months, in UTC); records that hold no packet are told on "
                   "standard error. "
                   "With --json it tells what is in the file, as of other captures.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct inspect_options),
    .run = run,
};
