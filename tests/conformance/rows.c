/* SPDX-License-Identifier: Apache-2.0
 * conformance-rows TABLE FILE…: the rows of captures (of the table `flows`, those of exports, or,
 * where TABLE is `metered`, those metered from packets) as tab-separated text, straight from the scan,
 * without the engine and without the encoders, so that what is compared with other tools' results
 * is what the decoders said.
 *
 * First a line of column names, then a line a row (null: nothing between the tabs), then the
 * counters: "#tally", cause, exporter, domain, records, packets, bytes. */
#include "base/alloc.h"
#include "base/option.h"
#include "table/scan.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORTS_MAX = 16 };

static void print_addr(const struct eg_addr *addr) {
    char text[INET6_ADDRSTRLEN];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = memcmp(addr->bytes, mapped, sizeof mapped) == 0;
    fputs(inet_ntop(v4 ? AF_INET : AF_INET6, addr->bytes + (v4 ? 12 : 0), text, sizeof text),
          stdout);
}

static void print_value(const struct eg_batch *batch, uint32_t col, uint32_t row) {
    const struct eg_column *column = &batch->columns[col];
    if (!eg_batch_valid(batch, col, row)) return;
    switch (column->type) {
    case EG_TYPE_ADDR: print_addr(&eg_col_addr(column)[row]); break;
    case EG_TYPE_MAC: {
        uint64_t mac = (uint64_t)eg_col_i64(column)[row];
        for (int shift = 40; shift >= 0; shift -= 8)
            printf("%02x%s", (unsigned)(mac >> shift & 255), shift ? ":" : "");
        break;
    }
    case EG_TYPE_F64: printf("%.17g", eg_col_f64(column)[row]); break;
    case EG_TYPE_TEXT:
    case EG_TYPE_NAME:
    case EG_TYPE_BIN: {
        struct eg_span text = eg_col_text(column, row);
        fwrite(text.at, 1, text.size, stdout);
        break;
    }
    default: printf("%" PRId64, eg_col_int(column, row));
    }
}

static void print_batch(const struct eg_batch *batch, enum eg_table_id table) {
    if (batch->table_id != table) return; /* the extract's other table */
    for (uint32_t row = 0; row < batch->rows; row++)
        for (uint32_t col = 0; col < batch->table->count; col++) {
            print_value(batch, col, row);
            putchar(col + 1 < batch->table->count ? '\t' : '\n');
        }
}

static void print_tally(const struct eg_tally *tally) {
    for (uint32_t i = 0; i < tally->count; i++) {
        const struct eg_tally_entry *entry = &tally->entries[i];
        printf("#tally\t%s\t", eg_cause_info(entry->cause)->name);
        if (entry->has_exporter) print_addr(&entry->exporter);
        printf("\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", entry->domain,
               entry->records, entry->packets, entry->bytes);
    }
}

static int trouble(enum eg_status status, const struct eg_error *err) {
    fprintf(stderr, "%s: %s\n", eg_status_name(status), err->message);
    return 1;
}

static int read_all(struct eg_scan *scan, enum eg_table_id table, struct eg_error *err) {
    struct eg_scan_worker *worker;
    enum eg_status status = eg_scan_worker_new(&worker, scan, err);
    if (status < 0) return trouble(status, err);
    struct eg_batch *batch;
    while ((status = eg_scan_next(worker, &batch, err)) == EG_OK) {
        print_batch(batch, table);
        eg_batch_unref(batch);
    }
    eg_scan_worker_free(worker);
    if (status < 0) return trouble(status, err);
    print_tally(eg_scan_tally(scan));
    return 0;
}

/* EG_NETFLOW_PORT: ports that are known to carry exports, separated by commas. */
static uint32_t ports_known(uint16_t ports[PORTS_MAX]) {
    const char *text = getenv("EG_NETFLOW_PORT");
    uint32_t count = 0;
    while (text && *text && count < PORTS_MAX) {
        char *end;
        ports[count++] = (uint16_t)strtoul(text, &end, 10);
        text = *end == ',' ? end + 1 : "";
    }
    return count;
}

int main(int argc, char **argv) {
    bool metered = argc > 2 && strcmp(argv[1], "metered") == 0;
    enum eg_table_id table = argc > 2 ? eg_table_by_name(argv[1]) : EG_TABLE_COUNT;
    if (metered) table = EG_TABLE_FLOWS;
    if (table != EG_TABLE_PACKETS && table != EG_TABLE_FLOWS && table != EG_TABLE_COUNTERS) {
        fprintf(stderr, "usage: conformance-rows packets|flows|counters|metered FILE...\n");
        return 2;
    }
    const struct eg_source_type *source = eg_registry_find(EG_STAGE_source, "file")->type;
    const char *extract = metered ? "metered" : table == EG_TABLE_PACKETS ? "packets" : "exports";
    struct eg_error err = {0};
    void *options = calloc(1, source->options_size ? source->options_size : 1);
    enum eg_status status = eg_options_preset(source->options, options, &err);
    if (status < 0) return trouble(status, &err);
    struct eg_env env = eg_env_plain;
    if (getenv("EG_BATCH_ROWS"))
        env.batch_rows = (uint32_t)strtoul(getenv("EG_BATCH_ROWS"), NULL, 10);
    if (getenv("EG_UNIT_BYTES")) env.unit_bytes = strtoull(getenv("EG_UNIT_BYTES"), NULL, 10);
    uint16_t ports[PORTS_MAX];
    uint32_t port_count = ports_known(ports);
    struct eg_metering metering = {.outermost = getenv("EG_OUTERMOST")};
    struct eg_scan_request request = {
        .netflow_ports = ports,
        .netflow_port_count = port_count,
        .source = source,
        .source_options = options,
        .inputs = (const char *const *)argv + 2,
        .input_count = (size_t)argc - 2,
        .parts = {{.extract = eg_registry_find(EG_STAGE_extract, extract)->type,
                   .columns = EG_COLUMNS_ALL,
                   .also_columns = table == EG_TABLE_COUNTERS ? EG_COLUMNS_ALL : 0}},
        .part_count = 1,
        .metering = &metering,
    };
    struct eg_scan *scan;
    status = eg_scan_open(&scan, &env, &request, &err);
    if (status < 0) {
        free(options);
        return trouble(status, &err);
    }
    const struct eg_table *columns = eg_table_get(table);
    for (uint32_t col = 0; col < columns->count; col++)
        printf("%s%c", columns->columns[col].name, col + 1 < columns->count ? '\t' : '\n');
    int code = read_all(scan, table, &err);
    size_t troubles;
    const struct eg_trouble *noted = eg_scan_troubles(scan, &troubles);
    for (size_t i = 0; i < troubles; i++)
        if (noted[i].status < 0)
            fprintf(stderr, "%s: %s\n", eg_status_name(noted[i].status),
                    noted[i].message ? noted[i].message : "");
    eg_scan_free(scan);
    eg_options_reset(source->options, options);
    free(options);
    return code;
}
