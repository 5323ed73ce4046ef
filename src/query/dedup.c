/* SPDX-License-Identifier: Apache-2.0
 * Traffic that was reported more than once, recognised among rows: docs/deduplication.md has the rule.
 * One layer of SQL around the rows of every question. */
#include "query/analysis.h"

#include <string.h>

/* What makes rows reports of the same traffic. VLANs and labels change from hop to hop; they are not
 * in it. */
#define KEY "src_ip, dst_ip, src_port, dst_port, proto, icmp_type, icmp_code, vrf"
/* How far the clocks of two exporters may be apart, µs: NetFlow headers may tell whole seconds. */
#define SLACK "1000000"

enum eg_status eg_dedup_by_name(const char *name, enum eg_dedup *out, struct eg_error *err) {
    static const char *const names[] = {"none", "exporter", "path"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum eg_dedup)i;
            return EG_OK;
        }
    return eg_fail(err, EG_E_USAGE, "--dedup takes none, exporter or path, not '%s'", name);
}

/* The rows, with the digest of their key in two halves, when they begin and end, and where their
 * exporter saw them. Packets that come in by several interfaces are several packets; else an interface,
 * or a domain, is a place of its own. */
static void placed(enum eg_dedup dedup, const char *rows, struct eg_strbuf *sql) {
    static const char *const names[] = {"domain", "in_if", "out_if"};
    eg_strbuf_text(
        sql, "(SELECT *, xxhash64(exporter, source, direction_, domain_, in_if_, out_if_, 0, 0) "
             "AS place_ FROM (SELECT *, xxhash64(" KEY ") AS h_, "
             "xxhash64(vrf, icmp_code, icmp_type, proto, dst_port, src_port, dst_ip, "
             "src_ip) AS k_, unix_micros(start_time) AS s_, "
             "greatest(unix_micros(coalesce(end_time, start_time)), "
             "unix_micros(start_time)) AS e_, ");
    eg_strbuf_text(sql, dedup == EG_DEDUP_PATH
                            ? "CASE WHEN direction = 0 THEN 0 WHEN direction = 1 THEN 2 ELSE 1 END"
                            : "0");
    eg_strbuf_text(sql, " AS direction_");
    for (size_t i = 0; i < 3; i++)
        if (dedup == EG_DEDUP_PATH)
            eg_strbuf_printf(sql,
                             ", CASE WHEN direction = 0 THEN CAST(0 AS BIGINT) ELSE %s END AS %s_",
                             names[i], names[i]);
        else
            eg_strbuf_printf(sql, ", CAST(0 AS BIGINT) AS %s_", names[i]);
    eg_strbuf_printf(sql, " FROM %s AS j_) AS l_)", rows);
}

/* i_: as little of the rows as will do; a_: those of keys that were seen at several places; r_: these in
 * chains (rows of a key, each of which overlaps one before it), and how much their place is believed in
 * the chain: 1 is the most. */
static void ranked(const char *placed_rows, const char *exporter, struct eg_strbuf *sql) {
    eg_strbuf_text(
        sql, "WITH i_ AS (SELECT h_, k_, s_, e_, place_, exporter, source, direction_, domain_, "
             "in_if_, out_if_, CAST(");
    eg_sql_counter("bytes", false, sql);
    eg_strbuf_printf(
        sql,
        " AS DOUBLE) AS bytes_ FROM %s AS q_ WHERE s_ IS NOT NULL)"
        ", m_ AS (SELECT h_, k_ FROM i_ GROUP BY h_, k_ HAVING min(place_) <> max(place_))"
        ", a_ AS (SELECT i_.* FROM i_ JOIN m_ ON i_.h_ = m_.h_ AND i_.k_ = m_.k_)"
        ", b_ AS (SELECT *, CASE WHEN max(e_) OVER (PARTITION BY h_, k_ ORDER BY s_ RANGE BETWEEN "
        "UNBOUNDED PRECEDING AND 1 PRECEDING) >= s_ - " SLACK " THEN 0 ELSE 1 END AS new_ FROM a_)"
        ", c_ AS (SELECT *, sum(new_) OVER (PARTITION BY h_, k_ ORDER BY s_ RANGE BETWEEN "
        "UNBOUNDED PRECEDING AND CURRENT ROW) AS chain_ FROM b_)"
        ", d_ AS (SELECT *, sum(bytes_) OVER (PARTITION BY h_, k_, chain_, place_) AS "
        "place_bytes_ FROM c_)"
        ", x_ AS (SELECT *, max(place_bytes_) OVER (PARTITION BY h_, k_, chain_, exporter) AS "
        "exporter_bytes_ FROM d_)"
        ", r_ AS (SELECT *, dense_rank() OVER (PARTITION BY h_, k_, chain_ ORDER BY "
        "exporter_bytes_ DESC NULLS LAST, %s NULLS LAST, direction_, place_bytes_ DESC NULLS LAST, "
        "source NULLS LAST, domain_ NULLS LAST, in_if_ NULLS LAST, out_if_ NULLS LAST) AS rank_ "
        "FROM x_)",
        placed_rows, exporter);
}

void eg_sql_dedup(enum eg_dedup dedup, bool codes, const char *rows, struct eg_strbuf *sql) {
    struct eg_strbuf with_places = {0};
    placed(dedup, rows, &with_places);
    if (with_places.failed || !with_places.text) {
        sql->failed = true;
        eg_strbuf_reset(&with_places);
        return;
    }
    /* what is left out is known by its key, place and times: rows alike in these are left out alike */
    eg_strbuf_printf(sql, "(SELECT * FROM %s AS f_ WHERE NOT EXISTS (SELECT 1 FROM (",
                     with_places.text);
    ranked(with_places.text, codes ? "ip_text(exporter)" : "exporter", sql);
    eg_strbuf_text(sql,
                   " SELECT DISTINCT h_, k_, place_, s_, e_ FROM r_ WHERE rank_ > 1 AND EXISTS "
                   "(SELECT 1 FROM r_ AS t_ WHERE t_.h_ = r_.h_ AND t_.k_ = r_.k_ AND t_.chain_ = "
                   "r_.chain_ AND t_.rank_ < r_.rank_ AND t_.s_ <= r_.e_ + " SLACK
                   " AND t_.e_ >= r_.s_ - " SLACK ")) AS z_ WHERE z_.h_ = f_.h_ AND z_.k_ = f_.k_ "
                   "AND z_.place_ = f_.place_ AND z_.s_ = f_.s_ AND z_.e_ = f_.e_))");
    eg_strbuf_reset(&with_places);
}

enum eg_status eg_sql_repeated(const struct eg_origin *asked, int64_t rows_max,
                               struct eg_strbuf *sql, struct eg_error *err) {
    struct eg_origin origin = *asked;
    origin.dedup = EG_DEDUP_NONE;
    origin.codes = !origin.dataset;
    eg_strbuf_text(sql, "SELECT CAST(count(*) AS BIGINT) AS n FROM (SELECT 1 FROM "
                        "(SELECT " KEY ", exporter, source FROM ");
    EG_TRY(eg_sql_rows(&origin, sql, err));
    eg_strbuf_text(sql, " AS a");
    if (rows_max) {
        eg_strbuf_text(sql, " LIMIT ");
        eg_strbuf_i64(sql, rows_max);
    }
    eg_strbuf_text(sql, ") AS r GROUP BY " KEY " HAVING min(exporter) <> max(exporter) OR "
                        "min(source) <> max(source)) AS p");
    return sql->failed ? eg_fail(err, EG_E_NOMEM, "no memory for a query") : EG_OK;
}
