/* SPDX-License-Identifier: Apache-2.0
 * Which of several reports of the same traffic count. Each case is a few rows and the names of those
 * that stay, by the rule of docs/deduplication.md. */
#include "little_capture.h"

/* One row: its name, exporter, domain, in_if, out_if, direction, start and end (seconds), bytes, source
 * port. NULLs where a text says so. */
#define ROW(name, exporter, domain, in, out, direction, start, end, bytes, port)                   \
    "SELECT '" name "' AS name, '" exporter "' AS exporter, 'netflow5' AS source, CAST(" domain    \
    " AS BIGINT) AS domain, "                                                                      \
    "CAST(" in " AS BIGINT) AS in_if, CAST(" out " AS BIGINT) AS out_if, CAST(" direction          \
    " AS SMALLINT) AS direction, CAST(timestamp_micros(" start "000000) AS TIMESTAMP WITH TIME "   \
    "ZONE) AS start_time, timestamp_micros(" end "000000) AS end_time, CAST(" bytes                \
    " AS BIGINT) AS bytes, CAST(NULL AS BIGINT) AS sampling_rate, '10.0.0.1' AS src_ip, "          \
    "'10.0.0.2'"                                                                                   \
    " AS dst_ip, " port " AS src_port, 80 AS dst_port, 6 AS proto, NULL AS icmp_type, NULL AS "    \
    "icmp_code, NULL AS vrf"
#define E(name, exporter, start, end, bytes)                                                       \
    ROW(name, exporter, "0", "1", "2", "NULL", start, end, bytes, "1000")
#define P(name, in, out, direction, start, end, bytes)                                             \
    ROW(name, "192.0.2.1", "0", in, out, direction, start, end, bytes, "1000")
#define U " UNION ALL "

static void stay(enum eg_dedup dedup, const char *rows, const char *names) {
    struct eg_strbuf sql = {0}, relation = {0}, expected = {0};
    eg_strbuf_printf(&relation, "(%s)", rows);
    eg_strbuf_text(&sql, "SELECT string_agg(name, ' ' ORDER BY name) AS names FROM ");
    eg_sql_dedup(dedup, false, relation.text, &sql);
    eg_strbuf_text(&sql, " AS d");
    eg_strbuf_printf(&expected, "names\n%s\n", names);
    little_expect(&sql, expected.text);
    eg_strbuf_reset(&relation);
    eg_strbuf_reset(&expected);
}

static void the_exporter_with_most_bytes(void **state) {
    (void)state;
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "100") U E("b", "192.0.2.2", "10", "20", "101"), "b");
    /* a tie: the smaller address */
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.2", "10", "20", "100") U E("b", "192.0.2.1", "11", "21", "100"), "b");
    /* all rows of a chain decide together */
    stay(EG_DEDUP_EXPORTER,
         E("a1", "192.0.2.1", "10", "20", "60") U E("a2", "192.0.2.1", "20", "30", "60")
             U E("b1", "192.0.2.2", "10", "25", "100") U E("b2", "192.0.2.2", "26", "30", "10"),
         "a1 a2");
    /* one exporter alone is never thinned */
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "9") U E("b", "192.0.2.1", "10", "20", "9"), "a b");
}

/* One device that sends two kinds of export reports its traffic twice. */
static void kinds_of_export(void **state) {
    (void)state;
    stay(EG_DEDUP_EXPORTER,
         "SELECT * REPLACE (CASE WHEN name = 'b' THEN 'sflow' ELSE source END AS source) FROM (" E(
             "a", "192.0.2.1", "10", "20", "90") U E("b", "192.0.2.1", "12", "12", "80") ") AS r",
         "a");
}

static void only_what_overlaps(void **state) {
    (void)state;
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "9") U E("b", "192.0.2.2", "22", "30", "99"), "a b");
    /* clocks may be a second apart */
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "9") U E("b", "192.0.2.2", "21", "30", "99"), "b");
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "99") U E("b", "192.0.2.2", "21", "30", "9"), "a");
    /* of two rows of one place that begin or end together only the one that overlaps */
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "30", "900") U E("b1", "192.0.2.2", "10", "50", "9")
             U E("b2", "192.0.2.2", "45", "50", "9"),
         "a b2");
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "20", "30", "900") U E("b1", "192.0.2.2", "10", "12", "9")
             U E("b2", "192.0.2.2", "10", "40", "9"),
         "a b1");
    /* the way changed: what the better one did not see stays */
    stay(EG_DEDUP_EXPORTER,
         E("a1", "192.0.2.1", "10", "20", "90") U E("a2", "192.0.2.1", "20", "30", "90")
             U E("b1", "192.0.2.2", "30", "40", "50") U E("b2", "192.0.2.2", "45", "50", "50")
                 U E("c", "192.0.2.3", "38", "46", "1"),
         "a1 a2 b2");
    /* another key is other traffic */
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "9")
             U ROW("b", "192.0.2.2", "0", "1", "2", "NULL", "10", "20", "99", "1001"),
         "a b");
}

static void nulls(void **state) {
    (void)state;
    /* without a start nothing overlaps; without bytes nothing is won; without an end it is a moment */
    stay(EG_DEDUP_EXPORTER,
         E("a", "192.0.2.1", "10", "20", "NULL") U E("b", "192.0.2.2", "10", "20", "1"), "b");
    struct eg_strbuf rows = {0};
    eg_strbuf_text(&rows,
                   "SELECT * REPLACE (CASE WHEN name = 'a' THEN NULL ELSE start_time END AS "
                   "start_time, CASE WHEN name = 'c' THEN NULL ELSE end_time END AS end_time)"
                   " FROM (" E("a", "192.0.2.1", "10", "20", "5")
                       U E("b", "192.0.2.2", "10", "20", "50")
                           U E("c", "192.0.2.3", "19", "40", "7") ") AS r");
    stay(EG_DEDUP_EXPORTER, rows.text, "a b");
    eg_strbuf_reset(&rows);
}

static void both_interfaces_of_one(void **state) {
    (void)state;
    const char *directions =
        P("in", "1", "2", "0", "10", "20", "5") U P("out", "1", "2", "1", "10", "20", "50");
    stay(EG_DEDUP_PATH, directions, "in");
    stay(EG_DEDUP_EXPORTER, directions, "in out");
    /* unknown direction: the interfaces with most bytes, then the smaller numbers */
    stay(EG_DEDUP_PATH,
         P("a", "1", "0", "NULL", "10", "20", "5") U P("b", "0", "2", "NULL", "10", "20", "6"),
         "b");
    stay(EG_DEDUP_PATH,
         P("a", "2", "0", "NULL", "10", "20", "5") U P("b", "1", "2", "NULL", "10", "20", "5"),
         "b");
    /* told before untold, untold before going out */
    stay(EG_DEDUP_PATH,
         P("a", "1", "2", "NULL", "10", "20", "5") U P("b", "1", "2", "1", "10", "20", "50"), "a");
    /* packets that come in by two interfaces are two packets */
    stay(EG_DEDUP_PATH,
         P("a", "1", "3", "0", "10", "20", "5") U P("b", "2", "3", "0", "10", "20", "6")
             U P("c", "1", "3", "1", "10", "20", "11"),
         "a b");
    /* records of one place that follow one another are no duplicates */
    stay(EG_DEDUP_PATH,
         P("a", "1", "2", "NULL", "10", "20", "5") U P("b", "1", "2", "NULL", "20", "30", "6"),
         "a b");
}

/* An exporter that tells everything twice wins by that only where its places are not told apart. */
static void path_over_exporters(void **state) {
    (void)state;
    stay(EG_DEDUP_PATH,
         P("in", "1", "2", "0", "10", "20", "60") U P("out", "1", "2", "1", "10", "20", "60")
             U ROW("other", "192.0.2.9", "0", "7", "8", "NULL", "10", "20", "100", "1000"),
         "other");
    stay(EG_DEDUP_EXPORTER,
         P("in", "1", "2", "0", "10", "20", "60") U P("out", "1", "2", "1", "10", "20", "60")
             U ROW("other", "192.0.2.9", "0", "7", "8", "NULL", "10", "20", "100", "1000"),
         "in out");
}

static void names(void **state) {
    (void)state;
    enum eg_dedup dedup = EG_DEDUP_PATH;
    struct eg_error err;
    assert_int_equal(eg_dedup_by_name("none", &dedup, &err), EG_OK);
    assert_int_equal(dedup, EG_DEDUP_NONE);
    assert_int_equal(eg_dedup_by_name("path", &dedup, &err), EG_OK);
    assert_int_equal(dedup, EG_DEDUP_PATH);
    assert_int_equal(eg_dedup_by_name("all", &dedup, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "none, exporter or path"));
}

static void repeated_flows_are_counted(void **state) {
    (void)state;
    char one[] = "/tmp/eg-dedup-XXXXXX";
    little_capture(one, 1);
    const char *const paths[] = {one};
    struct eg_filter *none;
    struct eg_origin origin = little_origin(paths, &none, NULL);
    struct eg_strbuf sql = {0};
    for (int64_t rows = 0; rows < 20; rows += 10) {
        assert_int_equal(eg_sql_repeated(&origin, rows, &sql, NULL), EG_OK);
        little_expect(&sql, "n\n0\n"); /* one exporter */
    }
    unlink(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exporter_with_most_bytes),
        cmocka_unit_test(kinds_of_export),
        cmocka_unit_test(only_what_overlaps),
        cmocka_unit_test(nulls),
        cmocka_unit_test(both_interfaces_of_one),
        cmocka_unit_test(path_over_exporters),
        cmocka_unit_test(names),
        cmocka_unit_test(repeated_flows_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
