/* SPDX-License-Identifier: Apache-2.0
 * Looking rows up in one file: which row groups are passed over, and by what; which rows come, in order.
 * (That whole questions are answered as the engine answers them: query/packet_lookup_test.) */
#include "engine/parquet_lookup.h"

#include "engine/parquet_crew.h"
#include "every_table.h"

#define ROWS 260000u /* two row groups of 130,000 */
#define START INT64_C(1767225600000000)

static const struct eg_parquet_setup setup = {.table = &every_table,
                                              .blooms = UINT64_C(1) << E_ADDR};

/* Row n: time n ms, i32 n / 1000, i64 n % 7, an address of its own for each 100 rows; every ninth row has
 * no address, no row of the second group an i16. */
static void write_rows(const char *path) {
    struct eg_builder *b;
    struct eg_batch *batch;
    struct eg_parquet_crew *crew = NULL;
    struct eg_parquet_order order = {.finish = true, .note = ""};
    assert_int_equal(eg_builder_new(&b, &every_table, EG_TABLE_COUNT, ROWS, EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (uint32_t n = 0; n < ROWS; n++) {
        struct eg_addr addr = eg_addr_v4(0x0a000000u + n / 100 * 3);
        eg_put_int(b, E_TIME, START + (int64_t)n * 1000);
        if (n < ROWS / 2) eg_put_int(b, E_I16, 5);
        eg_put_int(b, E_I32, n / 1000);
        eg_put_int(b, E_I64, n % 7);
        if (n % 9) eg_put_addr(b, E_ADDR, &addr);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 2, NULL), EG_OK);
    assert_int_equal(eg_parquet_file_new(&order.file, path, &setup, NULL), EG_OK);
    assert_int_equal(eg_parquet_file_plan(order.file, &batch, 1, NULL), EG_OK);
    assert_int_equal(eg_parquet_crew_run(crew, &order, 1, NULL), EG_OK);
    eg_parquet_file_free(order.file);
    eg_parquet_crew_free(crew);
    eg_batch_unref(batch);
}

struct output {
    struct eg_builder *rows;
    struct eg_strbuf text; /* row numbers */
    uint32_t full, full_max;
    bool enough; /* then: that is all that is wanted, rather than a failure */
};

static enum eg_status output_take(void *to, struct eg_error *err) {
    struct output *out = to;
    struct eg_batch *batch;
    enum eg_status status = eg_builder_seal(out->rows, &batch, err);
    if (status != EG_OK) return status;
    for (uint32_t i = 0; i < batch->rows; i++)
        eg_strbuf_printf(&out->text, "%lld ",
                         (long long)(eg_col_i64(&batch->columns[E_TIME])[i] - START) / 1000);
    eg_batch_unref(batch);
    if (++out->full <= out->full_max) return EG_OK;
    return out->enough ? EG_END : eg_fail(err, EG_E_USAGE, "that is enough");
}

static char directory[64], path[128];

/* The row groups that are looked at, then the rows: "2: 5 6 7 ". */
static char *found_until(struct eg_lookup lookup, enum eg_status *status, uint32_t full_max,
                         bool enough) {
    struct eg_lookup_groups groups = {0};
    struct eg_lookup_scratch scratch = {0};
    struct output out = {.full_max = full_max, .enough = enough};
    struct eg_error err;
    lookup.table = &every_table;
    lookup.table_id = EG_TABLE_COUNT;
    lookup.time = E_TIME;
    lookup.gives = UINT64_C(1) << E_TIME;
    assert_int_equal(eg_builder_new(&out.rows, &every_table, EG_TABLE_COUNT, 8, lookup.gives, &err),
                     EG_OK);
    struct eg_lookup_output output = {out.rows, output_take, &out};
    *status = eg_lookup_file(&lookup, &scratch, path, &groups, &err);
    eg_strbuf_printf(&out.text, "%zu: ", groups.count);
    for (size_t i = 0; *status == EG_OK && i < groups.count; i++)
        *status = eg_lookup_group_rows(&lookup, &scratch, &groups.all[i], &output, &err);
    if (*status == EG_OK && out.rows->rows) *status = output_take(&out, &err);
    eg_builder_free(out.rows);
    eg_lookup_groups_reset(&groups);
    eg_lookup_scratch_reset(&scratch);
    return eg_strbuf_take(&out.text);
}

static char *found(struct eg_lookup lookup, enum eg_status *status, uint32_t full_max) {
    return found_until(lookup, status, full_max, false);
}

static void finds(const struct eg_needs *needs, int64_t from, int64_t to, const char *expected) {
    enum eg_status status;
    struct eg_lookup lookup = {.needs = needs,
                               .from_us = from < 0 ? INT64_MIN : START + from * 1000,
                               .to_us = to < 0 ? INT64_MAX : START + to * 1000};
    char *text = found(lookup, &status, UINT32_MAX);
    assert_int_equal(status, EG_OK);
    assert_string_equal(text, expected);
    eg_free(text);
}

static struct eg_need_key number(uint32_t col, int64_t value) {
    return (struct eg_need_key){.col = col, .type = every_columns[col].type, .number = value};
}
static struct eg_need_key address(uint32_t after) {
    return (struct eg_need_key){
        .col = E_ADDR, .type = EG_TYPE_ADDR, .addr = eg_addr_v4(0x0a000000u + after)};
}

static void passed_over(void **state) {
    (void)state;
    struct eg_needs needs = {.count = 1, .any = {{.count = 1}}};
    struct eg_need_key *key = needs.any[0].keys;
    key[0] = number(E_I32, 300); /* beyond all ranges */
    finds(&needs, -1, -1, "0: ");
    key[0] = number(E_I16, 6);
    finds(&needs, -1, -1, "0: ");
    key[0] = address(9000); /* beyond them too */
    finds(&needs, -1, -1, "0: ");
    uint32_t groups =
        0; /* addresses that nobody has, within the range: the Bloom filter knows most */
    for (uint32_t n = 0; n < 200; n++) {
        enum eg_status status;
        key[0] = address(n * 3 + 1);
        struct eg_lookup lookup = {.needs = &needs, .from_us = INT64_MIN, .to_us = INT64_MAX};
        char *text = found(lookup, &status, 0);
        assert_int_equal(status, EG_OK);
        groups += text[0] == '1';
        assert_string_equal(text + 1, ": ");
        eg_free(text);
    }
    assert_true(groups < 30);
    needs.count = 0; /* nothing can hold */
    finds(&needs, -1, -1, "0: ");
}

static void rows_come(void **state) {
    (void)state;
    struct eg_needs needs = {.count = 1, .any = {{.count = 2}}};
    struct eg_need_key *key = needs.any[0].keys;
    key[0] = address(6); /* rows 200 to 299 */
    key[1] = number(E_I64, 4);
    finds(&needs, -1, -1, "1: 200 214 221 228 235 242 249 256 263 277 284 291 298 ");
    finds(&needs, 214, 235, "1: 214 221 228 235 ");
    finds(&needs, 131000, -1, "0: ");
    key[1] = number(E_I32, 1); /* both are there, never together */
    finds(&needs, -1, -1, "1: ");
    needs.count = 2;
    needs.any[1] = (struct eg_need){.count = 2, .keys = {number(E_I32, 200), address(2 * 3000)}};
    needs.any[0].keys[1] = number(E_I64, 5);
    finds(&needs, 250, 200007,
          "2: 250 257 264 271 278 285 292 299 200000 200001 200002 200003 200004 200005 200006 ");
    needs.any[0] = (struct eg_need){.count = 0}; /* any row */
    needs.count = 1;
    finds(&needs, 129998, 130001, "2: 129998 129999 130000 130001 ");
}

static uint32_t odd_rows(void *from, const struct eg_batch *batch, uint32_t *rows) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->rows; i++) {
        assert_true(batch->columns[E_I32].values && !batch->columns[E_I64].values);
        if (eg_col_i64(&batch->columns[E_TIME])[i] / 1000 % 2 == *(int *)from) rows[count++] = i;
    }
    return count;
}

static void also_asked(void **state) {
    (void)state;
    int odd = 1;
    struct eg_needs needs = {.count = 1, .any = {{.count = 1, .keys = {address(3)}}}};
    struct eg_lookup lookup = {.needs = &needs,
                               .from_us = START,
                               .to_us = START + 120999,
                               .asks = UINT64_C(1) << E_TIME | UINT64_C(1) << E_I32,
                               .select = odd_rows,
                               .select_from = &odd};
    enum eg_status status;
    char *text = found(lookup, &status, UINT32_MAX);
    assert_int_equal(status, EG_OK);
    assert_string_equal(text, "1: 101 103 105 107 109 111 113 115 119 ");
    eg_free(text);
    text = found(lookup, &status, 0); /* what is done with rows may fail */
    assert_int_equal(status, EG_E_USAGE);
    eg_free(text);
}

/* Whoever takes rows may have enough of them: no row is read behind that, of this piece or the next. */
static void enough(void **state) {
    (void)state;
    struct eg_needs needs = {.count = 1, .any = {{.count = 1, .keys = {number(E_I64, 4)}}}};
    struct eg_lookup lookup = {.needs = &needs, .from_us = INT64_MIN, .to_us = INT64_MAX};
    enum eg_status status;
    char *text = found_until(lookup, &status, 1, true);
    assert_int_equal(status, EG_END);
    assert_string_equal(text, "2: 4 11 18 25 32 39 46 53 60 67 74 81 88 95 102 109 ");
    eg_free(text);
}

static int set_up(void **state) {
    (void)state;
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    write_rows(path);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    made_remove(directory);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passed_over),
        cmocka_unit_test(rows_come),
        cmocka_unit_test(also_asked),
        cmocka_unit_test(enough),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
