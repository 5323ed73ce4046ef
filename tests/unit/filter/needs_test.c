/* SPDX-License-Identifier: Apache-2.0
 * What filters need: the equalities that every row they select meets, and "any row" where that is not
 * known. */
#include "filter/needs.h"

#include "filter_make.h"

/* "src_ip=10.0.0.1 src_port=53 | dst_ip=…"; "any": any row; "": none. */
static char *needs_text(const char *filter_text) {
    struct eg_filter *filter = test_filter(filter_text, EG_TABLE_PACKETS);
    struct eg_needs needs;
    struct eg_strbuf to = {0};
    eg_filter_needs(filter, &needs);
    eg_strbuf_text(&to, "");
    for (uint32_t i = 0; i < needs.count; i++) {
        if (i) eg_strbuf_text(&to, " | ");
        if (!needs.any[i].count) eg_strbuf_text(&to, "any");
        for (uint32_t k = 0; k < needs.any[i].count; k++) {
            const struct eg_need_key *key = &needs.any[i].keys[k];
            char text[EG_ADDR_TEXT];
            eg_strbuf_printf(&to, "%s%s=", k ? " " : "",
                             eg_table_get(EG_TABLE_PACKETS)->columns[key->col].name);
            if (key->type == EG_TYPE_ADDR) {
                eg_addr_text(&key->addr, text);
                eg_strbuf_text(&to, text);
            } else {
                eg_strbuf_i64(&to, key->number);
            }
        }
    }
    eg_filter_free(filter);
    return eg_strbuf_take(&to);
}

static void needs_are(const char *filter_text, const char *expected) {
    char *text = needs_text(filter_text);
    if (strcmp(text, expected) != 0)
        fail_msg("%s needs '%s', not '%s'", filter_text, text, expected);
    free(text);
}

static void equalities(void **state) {
    (void)state;
    needs_are("any", "any");
    needs_are("not any", "");
    needs_are("src ip 10.0.0.1", "src_ip=10.0.0.1");
    needs_are("src ip 10.0.0.1 and src_port = 53 and vlan = 7",
              "src_ip=10.0.0.1 src_port=53 vlan=7");
    needs_are("vlan = 7 and src_port = 53", "src_port=53 vlan=7"); /* by column */
    needs_are("host 2001:db8::1", "src_ip=2001:db8::1 | dst_ip=2001:db8::1");
    needs_are("src_port in (53, 443)", "src_port=53 | src_port=443");
    needs_are("vlan in (5..5)", "vlan=5");
    needs_are("length = 70", "length=70");
}

static void joined(void **state) {
    (void)state;
    needs_are("(src ip 10.0.0.1 or src ip 10.0.0.2) and vlan = 7",
              "src_ip=10.0.0.1 vlan=7 | src_ip=10.0.0.2 vlan=7");
    needs_are("host 10.0.0.1 and host 10.0.0.2",
              "src_ip=10.0.0.1 dst_ip=10.0.0.2 | src_ip=10.0.0.2 dst_ip=10.0.0.1");
    needs_are("src ip 10.0.0.1 and length > 70", "src_ip=10.0.0.1");
    needs_are("src ip 10.0.0.1 or length > 70", "any");
    needs_are("src ip 10.0.0.1 and src ip 10.0.0.2", "");
    needs_are("src ip 10.0.0.1 and (vlan = 7 or src ip 10.0.0.2)", "src_ip=10.0.0.1 vlan=7");
}

static void not_to_be_used(void **state) {
    (void)state;
    const char *const texts[] = {
        "not src ip 10.0.0.1",
        "src ip != 10.0.0.1",
        "src net 10.0.0.0/8",
        "src_ip = dst_ip",
        "length > 70",
        "src_port in (1..9)",
        "src_ip is null",
        "tcp_flags & 2 = 2",
        "source = \"packet\"",
        "dont_fragment",
        "src_mac = 00:00:00:00:00:01",
        "src_mac in (00:00:00:00:00:01, 00:00:00:00:00:02)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) needs_are(texts[i], "any");
}

/* What is too much is left out, and what is left stays true. */
static void bounded(void **state) {
    (void)state;
    needs_are("src_port in (1, 3, 5, 7, 9, 11, 13, 15)",
              "src_port=1 | src_port=3 | src_port=5 | src_port=7 | src_port=9 | src_port=11 | "
              "src_port=13 | src_port=15");
    needs_are("src_port in (1, 3, 5, 7, 9, 11, 13, 15, 17)", "any");
    needs_are("src ip 10.0.0.1 and src_port in (1, 3, 5, 7, 9, 11, 13, 15, 17)", "src_ip=10.0.0.1");
    needs_are("(src_port in (1, 3, 5)) and (dst_port in (2, 4, 6))",
              "src_port=1 | src_port=3 | src_port=5");
    needs_are("(src_port in (1, 3)) and (dst_port in (2, 4, 6, 8))", /* just as many as may be */
              "src_port=1 dst_port=2 | src_port=1 dst_port=4 | src_port=1 dst_port=6 | "
              "src_port=1 dst_port=8 | src_port=3 dst_port=2 | src_port=3 dst_port=4 | "
              "src_port=3 dst_port=6 | src_port=3 dst_port=8");
    needs_are("src_port = 1 or src_port = 3 or src_port in (5, 7, 9, 11, 13, 15, 17)", "any");
    needs_are("src_port = 1 and dst_port = 2 and proto = 6 and ip_version = 4 and length = 9 and "
              "captured = 9 and ttl = 3",
              "src_port=1 dst_port=2 proto=6 ip_version=4 length=9 captured=9");
}

/* Every row that random filters select meets what they need. */
static void true_of_rows(void **state) {
    (void)state;
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, eg_table_get(EG_TABLE_PACKETS), EG_TABLE_PACKETS, 81,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (uint32_t i = 0; i < 81; i++) {
        struct eg_addr src = eg_addr_v4(i % 3), dst = eg_addr_v4(i / 3 % 3);
        if (i % 3 || i % 2) eg_put_addr(b, EG_COL(PACKETS, src_ip), &src);
        eg_put_addr(b, EG_COL(PACKETS, dst_ip), &dst);
        if (i % 5) eg_put_int(b, EG_COL(PACKETS, src_port), i / 9 % 3);
        eg_put_int(b, EG_COL(PACKETS, vlan), i / 27);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    static const char *const atoms[] = {"src ip 0.0.0.1", "host 0.0.0.2",     "dst ip 0.0.0.0",
                                        "src_port = 1",   "not src_port = 2", "vlan in (0, 2)",
                                        "vlan > 0",       "src_ip is null"};
    uint32_t seed = 1, selected = 0;
    for (int round = 0; round < 2000; round++) {
        char text[256] = "";
        for (int i = 0; i < 4; i++) {
            seed = seed * 1664525u + 1013904223u;
            const char *join = i == 0           ? "("
                               : i == 2         ? (seed & 0x10000 ? ") and (" : ") or (")
                               : seed & 0x10000 ? " and "
                                                : " or ";
            strncat(text, join, sizeof text - strlen(text) - 1);
            strncat(text, atoms[seed >> 24 & 7], sizeof text - strlen(text) - 1);
        }
        strncat(text, ")", sizeof text - strlen(text) - 1);
        struct eg_filter *filter = test_filter(text, EG_TABLE_PACKETS);
        struct eg_needs needs;
        uint32_t rows[81], count;
        eg_filter_needs(filter, &needs);
        count = eg_filter_predicate(filter)->select(eg_filter_predicate(filter), batch, rows);
        for (uint32_t i = 0; i < count; i++) {
            bool met = false;
            for (uint32_t n = 0; n < needs.count && !met; n++) {
                met = true;
                for (uint32_t k = 0; k < needs.any[n].count; k++) {
                    const struct eg_need_key *key = &needs.any[n].keys[k];
                    const struct eg_column *col = &batch->columns[key->col];
                    if (!eg_batch_valid(batch, key->col, rows[i]))
                        met = false;
                    else if (key->type == EG_TYPE_ADDR)
                        met = met && memcmp(&eg_col_addr(col)[rows[i]], &key->addr, 16) == 0;
                    else
                        met = met && eg_col_int(col, rows[i]) == key->number;
                }
            }
            if (!met) fail_msg("%s selects row %u, which its needs do not allow", text, rows[i]);
        }
        selected += count;
        eg_filter_free(filter);
    }
    assert_true(selected > 20000);
    eg_batch_unref(batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equalities),     cmocka_unit_test(joined),
        cmocka_unit_test(not_to_be_used), cmocka_unit_test(bounded),
        cmocka_unit_test(true_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
