/* SPDX-License-Identifier: Apache-2.0
 * Columns that come from others: found by table, right by value, none that hides a stored one. */
#include "little_capture.h"

static void they_hide_no_column(void **state) {
    (void)state;
    size_t count;
    const struct eg_derived *all = eg_derived_all(&count);
    assert_true(count >= 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(eg_column_find(eg_table_get(all[i].table), all[i].info.name), -1);
        assert_ptr_equal(eg_derived_find(all[i].table, all[i].info.name), &all[i]);
        assert_true(all[i].info.meaning[0] && all[i].info.null_rule[0]);
    }
    assert_null(eg_derived_find(EG_TABLE_PACKETS, "duration_us"));
    assert_null(eg_derived_find(EG_TABLE_FLOWS, "proto"));
}

/* A counter times the rate; null stays null, a missing rate is 1, and too much saturates. */
static void scaling(void **state) {
    (void)state;
    static const struct {
        const char *row, *answer;
    } cases[] = {
        {"SELECT CAST(7 AS BIGINT) AS bytes, CAST(NULL AS BIGINT) AS sampling_rate", "n\n7\n"},
        {"SELECT CAST(7 AS BIGINT) AS bytes, CAST(1 AS BIGINT) AS sampling_rate", "n\n7\n"},
        {"SELECT CAST(7 AS BIGINT) AS bytes, CAST(100 AS BIGINT) AS sampling_rate", "n\n700\n"},
        {"SELECT CAST(NULL AS BIGINT) AS bytes, CAST(9 AS BIGINT) AS sampling_rate", "n\n\n"},
        {"SELECT CAST(9000000000000000000 AS BIGINT) AS bytes, CAST(9 AS BIGINT) AS sampling_rate",
         "n\n9200000000000000000\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_strbuf sql = {0};
        eg_strbuf_text(&sql, "SELECT ");
        eg_sql_counter("bytes", false, &sql);
        eg_strbuf_printf(&sql, " AS n FROM (%s) AS r", cases[i].row);
        little_expect(&sql, cases[i].answer);
    }
    struct eg_strbuf raw = {0};
    eg_sql_counter("packets", true, &raw);
    assert_string_equal(raw.text, "packets");
    eg_strbuf_reset(&raw);
}

static const char *unknown(enum eg_table_id table, const char *name, struct eg_error *err) {
    static const char *const more[] = {"pair"};
    assert_null(eg_sql_field(table, name, NULL));
    assert_int_equal(eg_sql_unknown_field(table, name, more, 1, err), EG_E_USAGE);
    return err->message;
}

/* What a field is, and who has one that is asked of the wrong table. */
static void fields_of_each_table(void **state) {
    (void)state;
    bool address = true;
    struct eg_error err;
    assert_string_equal(eg_sql_field(EG_TABLE_PACKETS, "ttl", &address), "ttl");
    assert_false(address);
    assert_string_equal(eg_sql_field(EG_TABLE_PACKETS, "dst_ip", &address), "dst_ip");
    assert_true(address);
    assert_string_equal(eg_sql_field(EG_TABLE_PACKETS, "offset", NULL), "\"offset\"");
    assert_string_equal(eg_sql_field(EG_TABLE_PACKETS, "protocol", &address),
                        "protocol_name(proto)");
    assert_false(address);
    assert_string_equal(
        unknown(EG_TABLE_FLOWS, "ttl", &err),
        "flows have no field 'ttl', packets have it (--packets of top, trend and flows)");
    assert_string_equal(unknown(EG_TABLE_PACKETS, "flow_id", &err),
                        "packets have no field 'flow_id', flows have it");
    assert_string_equal(unknown(EG_TABLE_PACKETS, "comunity_id", &err),
                        "unknown field 'comunity_id' (did you mean 'community_id'?)");
    assert_string_equal(unknown(EG_TABLE_FLOWS, "piar", &err),
                        "unknown field 'piar' (did you mean 'pair'?)");
    assert_string_equal(unknown(EG_TABLE_FLOWS, "xyzzyxyzzyx", &err),
                        "unknown field 'xyzzyxyzzyx'; 'earlgrey fields flows' lists them");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_hide_no_column),
        cmocka_unit_test(scaling),
        cmocka_unit_test(fields_of_each_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
