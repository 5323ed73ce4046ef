/* SPDX-License-Identifier: Apache-2.0
 * Looking packets up gives the same places, in the same order, as the SQL engine does: random questions
 * about random packets, in files of ours; files of others, damaged ones and large answers are not for it. */
#include "query/packet_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "empty_dataset.h"
#include "make_capture.h"
#include "table/address.h"
#include "torture.h"

#define START INT64_C(1767355200000000) /* 2026-01-02T12:00:00Z */
#define SPAN INT64_C(600000000)

static struct empty_dataset place;
static uint64_t seed = 42;

static uint32_t below(uint32_t bound) { return (uint32_t)(made_random(&seed) % bound); }

/* ---- packets ---- */

static struct eg_addr address(uint32_t n) {
    struct eg_addr addr = eg_addr_v4(0x0a000000u + n);
    if (n % 7 == 0) addr.bytes[0] = 0xfd; /* an IPv6 address */
    return addr;
}

static void put_packet(struct eg_builder *b, uint32_t hosts, uint64_t offset) {
    static const char *const files[] = {"/a.pcap", "/b.pcap", "captures/2026-01-02/c-1.pcap"};
    uint32_t kind = below(20);
    struct eg_addr src = address(below(hosts)), dst = address(below(hosts));
    if (kind != 1) {
        /* what has no place is told apart by its time */
        int64_t after = kind == 2 ? (int64_t)(offset % SPAN)
                                  : (int64_t)(made_random(&seed) % SPAN) / 1000 * 1000;
        eg_put_int(b, EG_COL(PACKETS, time), START + after);
        eg_put_int(b, EG_COL(PACKETS, time_ns), below(3) ? 0 : below(1000));
    }
    if (kind) { /* else it is not IP */
        eg_put_addr(b, EG_COL(PACKETS, src_ip), &src);
        eg_put_addr(b, EG_COL(PACKETS, dst_ip), &dst);
        eg_put_int(b, EG_COL(PACKETS, proto), below(3) ? 6 : 17);
        eg_put_int(b, EG_COL(PACKETS, src_port), below(4) ? 1000 + below(50) : 53);
        eg_put_int(b, EG_COL(PACKETS, dst_port), below(2) ? 1000 + below(50) : 443);
        eg_put_int(b, EG_COL(PACKETS, dont_fragment), below(2));
    }
    if (!below(3)) eg_put_int(b, EG_COL(PACKETS, vlan), below(5));
    eg_put_int(b, EG_COL(PACKETS, src_mac), below(9));
    eg_put_int(b, EG_COL(PACKETS, dst_mac), INT64_C(0x0200000000) + below(9));
    eg_put_int(b, EG_COL(PACKETS, length), 60 + below(1400));
    eg_put_int(b, EG_COL(PACKETS, captured), 60 + below(5));
    eg_put_int(b, EG_COL(PACKETS, link_type), 1);
    if (below(4)) eg_put_name(b, EG_COL(PACKETS, interface), below(2) ? "eth0" : "eth1", 4);
    if (kind != 2) {
        const char *file = files[below(3)];
        eg_put_name(b, EG_COL(PACKETS, file), file, strlen(file));
        eg_put_int(b, EG_COL(PACKETS, offset), (int64_t)offset);
    }
    eg_put_name(b, EG_COL(PACKETS, source), "packet", 6);
    eg_builder_row(b, 1);
}

/* Packets that nothing kept apart: the same time, no file; each has a twin. */
static void put_twin(struct eg_builder *b, uint32_t n) {
    struct eg_addr one = eg_addr_v4(0x0a090901u), two = eg_addr_v4(0x0a090902u);
    eg_put_int(b, EG_COL(PACKETS, time), START + n / 2);
    eg_put_addr(b, EG_COL(PACKETS, src_ip), &one);
    eg_put_addr(b, EG_COL(PACKETS, dst_ip), &two);
    eg_put_int(b, EG_COL(PACKETS, captured), 60);
    eg_builder_row(b, 1);
}

/* Of no hosts: twins. */
static void write_packets(const char *path, uint32_t rows, uint32_t hosts) {
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_parquet_crew *crew;
    static uint64_t offset = 24;
    assert_int_equal(eg_builder_new(&b, eg_table_get(EG_TABLE_PACKETS), EG_TABLE_PACKETS, rows,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (uint32_t i = 0; i < rows; i++)
        if (hosts)
            put_packet(b, hosts, offset += 76);
        else
            put_twin(b, i);
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 2, NULL), EG_OK);
    struct eg_parquet_job job = {
        .path = path, .table = EG_TABLE_PACKETS, .batches = &batch, .batch_count = 1};
    assert_int_equal(eg_parquet_write(crew, &job, 1, NULL), EG_OK);
    eg_parquet_crew_free(crew);
    eg_batch_unref(batch);
}

/* ---- questions ---- */

static void host_text(char *to, size_t size, uint32_t hosts) {
    struct eg_addr addr = address(below(hosts));
    char text[EG_ADDR_TEXT];
    eg_addr_text(&addr, text);
    snprintf(to, size, "%s", text);
}

static void atom(struct eg_strbuf *to, uint32_t hosts) {
    char a[EG_ADDR_TEXT], b[EG_ADDR_TEXT];
    host_text(a, sizeof a, hosts);
    host_text(b, sizeof b, hosts);
    switch (below(14)) {
    case 0: eg_strbuf_printf(to, "host %s", a); return;
    case 1: eg_strbuf_printf(to, "src ip %s", a); return;
    case 2: eg_strbuf_printf(to, "dst ip %s", a); return;
    case 3: eg_strbuf_printf(to, "(host %s or host %s)", a, b); return;
    case 4: eg_strbuf_printf(to, "src ip %s and dst ip %s", a, b); return;
    case 5: eg_strbuf_printf(to, "src ip in (%s, %s)", a, b); return;
    case 6: eg_strbuf_printf(to, "not host %s", a); return;
    case 7: eg_strbuf_printf(to, "port %u", 1000 + below(50)); return;
    case 8: eg_strbuf_printf(to, "src port %u", below(2) ? 53 : 1000 + below(50)); return;
    case 9: eg_strbuf_text(to, below(2) ? "tcp" : "udp"); return;
    case 10: eg_strbuf_printf(to, "vlan = %u", below(6)); return;
    case 11: eg_strbuf_printf(to, "length > %u", 60 + below(1400)); return;
    case 12: eg_strbuf_printf(to, "(vlan is null or dont_fragment)"); return;
    default: eg_strbuf_printf(to, "src_mac = 00:00:00:00:00:0%u", below(10)); return;
    }
}

static char *filter_text(uint32_t hosts) {
    struct eg_strbuf text = {0};
    for (uint32_t i = 0, count = 1 + below(3); i < count; i++) {
        if (i) eg_strbuf_text(&text, below(5) ? " and " : " or ");
        atom(&text, hosts);
    }
    return eg_strbuf_take(&text);
}

/* A row of places as a line; `cols` as eg_sql_packet_places has them. */
static void place_line(struct eg_strbuf *to, const struct eg_batch *batch, uint32_t row,
                       const uint32_t *cols) {
    for (uint32_t i = 0; i < 6; i++) {
        if (!eg_batch_valid(batch, cols[i], row)) {
            eg_strbuf_text(to, "- ");
        } else if (i == 2 || i == 5) {
            struct eg_span text = eg_col_text(&batch->columns[cols[i]], row);
            eg_strbuf_add(to, text.at, text.size);
            eg_strbuf_char(to, ' ');
        } else {
            eg_strbuf_printf(to, "%lld ", (long long)eg_col_int(&batch->columns[cols[i]], row));
        }
    }
    eg_strbuf_char(to, '\n');
}

static char *by_engine(const struct eg_packets_request *request) {
    static const uint32_t cols[] = {0, 1, 2, 3, 4, 5};
    struct eg_strbuf sql = {0}, text = {0};
    struct eg_result *result;
    struct eg_batch *batch;
    struct eg_error err;
    assert_int_equal(eg_sql_packet_places(request, &sql, &err), EG_OK);
    if (eg_engine_query(place.engine, sql.text, &result, &err) < 0) fail_msg("%s", err.message);
    eg_strbuf_text(&text, "");
    while (eg_result_next(result, &batch, &err) == EG_OK) {
        for (uint32_t row = 0; row < batch->rows; row++) place_line(&text, batch, row, cols);
        eg_batch_unref(batch);
    }
    eg_result_free(result);
    eg_strbuf_reset(&sql);
    return eg_strbuf_take(&text);
}

static char *by_lookup(const struct eg_packets_request *request, enum eg_status *status) {
    static const uint32_t cols[] = {EG_COL(PACKETS, time),     EG_COL(PACKETS, time_ns),
                                    EG_COL(PACKETS, file),     EG_COL(PACKETS, offset),
                                    EG_COL(PACKETS, captured), EG_COL(PACKETS, interface)};
    struct eg_packet_places places;
    struct eg_strbuf text = {0};
    struct eg_error err;
    *status = eg_packet_lookup(&eg_env_plain, request, 1 + below(3), &places, &err);
    eg_strbuf_text(&text, "");
    for (size_t i = 0; i < places.count; i++)
        place_line(&text, places.batches[places.order[i].batch], places.order[i].row, cols);
    eg_packet_places_reset(&places);
    return eg_strbuf_take(&text);
}

/* Whether the look-up answered; then as the engine does. */
static bool same_answer(const char *filter_words, const struct eg_packets_request *like,
                        uint64_t *rows) {
    struct eg_packets_request request = *like;
    struct eg_filter *filter = NULL;
    struct eg_error err;
    enum eg_status status;
    if (filter_words && eg_filter_parse(&filter, filter_words, EG_TABLE_PACKETS, NULL, &err) < 0)
        fail_msg("%s: %s", filter_words, err.message);
    request.origin.dataset = place.dataset;
    request.origin.filter = filter;
    char *ours = by_lookup(&request, &status);
    assert_true(status == EG_OK || status == EG_END);
    if (status == EG_OK) {
        char *theirs = by_engine(&request);
        if (strcmp(ours, theirs) != 0)
            fail_msg("'%s' both %d limit %d: %.300s\n, not %.300s",
                     filter_words ? filter_words : "any", request.both, (int)request.limit, ours,
                     theirs);
        for (const char *at = theirs; (at = strchr(at, '\n')); at++) ++*rows;
        free(theirs);
    }
    free(ours);
    eg_filter_free(filter);
    return status == EG_OK;
}

static const struct eg_packets_request open_request = {
    .origin = {.from_us = INT64_MIN, .to_us = INT64_MAX}};

static void as_the_engine(void **state) {
    (void)state;
    uint64_t answered = 0, rows = 0, exchanged = 0;
    for (int i = 0; i < 250; i++) {
        struct eg_packets_request request = open_request;
        request.both = below(3) == 0;
        if (below(4) == 0) request.limit = 1 + below(30);
        if (below(3) == 0) request.origin.from_us = START + below(600) * INT64_C(1000000);
        if (below(3) == 0)
            request.origin.to_us = START + below(600) * INT64_C(1000000) + below(1000);
        char *text = below(12) ? filter_text(below(2) ? 40 : 3000) : NULL;
        bool done = same_answer(text, &request, &rows);
        answered += done;
        exchanged += done && request.both;
        free(text);
    }
    if (answered < 90 || rows < 10000 || exchanged < 25)
        fail_msg("%d answered, %d rows, %d exchanged", (int)answered, (int)rows, (int)exchanged);
}

static void twins(void **state) {
    (void)state;
    uint64_t rows = 0;
    struct eg_packets_request request = open_request;
    assert_true(same_answer("host 10.9.9.1", &request, &rows));
    assert_int_equal(rows, 6);
    request.both = true; /* as UNION does: each once */
    assert_true(same_answer("src ip 10.9.9.2", &request, &rows));
    assert_int_equal(rows, 6 + 3);
}

static void which_questions(void **state) {
    (void)state;
    uint64_t rows = 0;
    struct eg_packets_request request = open_request;
    assert_true(same_answer("src host 10.0.0.1 and dst host 10.0.0.2 and tcp", &request, &rows));
    assert_true(same_answer("host 10.9.9.9", &request, &rows)); /* nobody */
    assert_true(same_answer("host 10.0.0.1 and host 10.0.0.2", &request, &rows));
    assert_false(same_answer("tcp", &request, &rows));
    assert_false(same_answer(NULL, &request, &rows));
    assert_false(same_answer("not host 10.0.0.1", &request, &rows));
    assert_false(same_answer("host 10.0.0.1 or tcp", &request, &rows));
    request.condition = "length > 10";
    assert_false(same_answer("host 10.0.0.1", &request, &rows));
    request.condition = NULL;
    request.outermost = true;
    assert_false(same_answer("host 10.0.0.1", &request, &rows));
    request.outermost = false;
    request.origin.from_us = START;
    assert_false(same_answer("tcp", &request, &rows));
    request.origin.to_us = START + 1000000;
    assert_true(same_answer("tcp", &request, &rows));
    assert_true(same_answer("length > 100000", &request, &rows));
    request.origin.to_us = START + SPAN; /* more than are for a look-up */
    assert_false(same_answer("length > 100000", &request, &rows));
    assert_true(same_answer("host 10.0.0.1 and length > 100000", &request, &rows));
    assert_false(same_answer(NULL, &request, &rows));
}

/* ---- files that are not for us ---- */

static void not_as_we_write(void **state) {
    (void)state;
    char path[256], sql[512];
    uint64_t rows = 0;
    snprintf(path, sizeof path, "%s/packets/date=2026-01-02/hour=12/z.parquet", place.root);
    snprintf(sql, sizeof sql,
             "COPY (SELECT '10.0.0.1' AS src_ip, '10.0.0.2' AS dst_ip, 'x' AS file, 1::BIGINT AS "
             "\"offset\") TO '%s' (FORMAT parquet)",
             path);
    assert_int_equal(eg_engine_run(place.engine, sql, NULL), EG_OK);
    assert_false(same_answer("host 10.0.0.1", &open_request, &rows));
    FILE *file = fopen(path, "wb");
    assert_true(file && fwrite("PAR1 no footer PAR1", 19, 1, file) == 1);
    fclose(file);
    assert_false(same_answer("host 10.0.0.1", &open_request, &rows));
    assert_int_equal(unlink(path), 0);
    assert_true(same_answer("host 10.0.0.1", &open_request, &rows));
    assert_int_equal(symlink("/nowhere/at/all", path), 0); /* gone when it is opened */
    assert_false(same_answer("host 10.0.0.1", &open_request, &rows));
    assert_int_equal(unlink(path), 0);
}

static void cancelled(void **state) {
    (void)state;
    atomic_bool cancel = true;
    struct eg_env env = eg_env_plain;
    struct eg_packet_places places;
    struct eg_packets_request request = open_request;
    struct eg_error err;
    env.cancel = &cancel;
    request.origin.dataset = place.dataset;
    request.origin.from_us = START;
    request.origin.to_us = START + 10;
    assert_int_equal(eg_packet_lookup(&env, &request, 2, &places, &err), EG_E_CANCELLED);
    assert_int_equal(places.count, 0);
}

static void without_memory(void **state) {
    (void)state;
    struct eg_filter *filter = NULL;
    struct eg_packets_request request = open_request;
    struct eg_error err;
    assert_int_equal(eg_filter_parse(&filter, "host 10.0.0.1", EG_TABLE_PACKETS, NULL, &err),
                     EG_OK);
    request.origin.dataset = place.dataset;
    request.origin.filter = filter;
    long failed = 0;
    for (long n = 0;; n++) {
        struct eg_packet_places places;
        torture_fail_after(n);
        enum eg_status status = eg_packet_lookup(&eg_env_plain, &request, 1, &places, &err);
        bool hit = torture_off();
        assert_true(status == EG_OK || status == EG_E_NOMEM || status == EG_END);
        failed += status == EG_E_NOMEM;
        eg_packet_places_reset(&places);
        if (!hit) break;
    }
    assert_true(failed > 20);
    eg_filter_free(filter);
}

static int setup(void **state) {
    (void)state;
    char path[256];
    if (!empty_dataset_make(&place)) return 1;
    snprintf(path, sizeof path, "%s/packets/date=2026-01-02/hour=12", place.root);
    if (eg_dir_make(path, NULL) < 0) return 1;
    static const struct {
        uint32_t rows, hosts;
    } files[] = {{6, 0}, {1, 3}, {70, 3}, {3000, 40}, {20000, 3000}, {300000, 3000}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/packets/date=2026-01-02/hour=12/p%zu.parquet", place.root,
                 i);
        write_packets(path, files[i].rows, files[i].hosts);
    }
    return !empty_dataset_open(&place, 2);
}

static int teardown(void **state) {
    (void)state;
    return empty_dataset_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_engine),   cmocka_unit_test(twins),
        cmocka_unit_test(which_questions), cmocka_unit_test(not_as_we_write),
        cmocka_unit_test(cancelled),       cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
