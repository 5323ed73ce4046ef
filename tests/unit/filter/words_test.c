/* SPDX-License-Identifier: Apache-2.0
 * Names: every column under its own name and all its names elsewhere, words, suggestions. */
#include "filter/words.h"

#include "filter_make.h"

#include <ctype.h>

static void find(const char *name, enum eg_table_id table, const char *first, const char *second,
                 int proto) {
    struct eg_target target;
    if (!eg_target_find(&target, table, name, strlen(name))) fail_msg("%s is not known", name);
    assert_string_equal(target.fields[0].name, first);
    assert_int_equal(target.count, second ? 2 : 1);
    if (second) assert_string_equal(target.fields[1].name, second);
    assert_int_equal(target.proto, proto);
}

/* A column's own name always means that column, whatever other systems call something else. */
static void own_names(void **state) {
    (void)state;
    for (int id = 0; id < EG_TABLE_RAW; id++) {
        const struct eg_table *table = eg_table_get((enum eg_table_id)id);
        for (uint32_t col = 0; col < table->count; col++) {
            struct eg_target target;
            char upper[64] = {0};
            for (size_t i = 0; table->columns[col].name[i]; i++)
                upper[i] = (char)toupper((unsigned char)table->columns[col].name[i]);
            assert_true(eg_target_find(&target, (enum eg_table_id)id, upper, strlen(upper)));
            assert_int_equal(target.fields[0].col, col);
            assert_int_equal(target.fields[0].type, table->columns[col].type);
            assert_true(target.fields[0].reads == UINT64_C(1) << col);
        }
    }
}

/* Every name of columns.def that is no other column's own name leads to a column that has it. */
static void names_elsewhere(void **state) {
    (void)state;
    static const char *const systems[] = {"ecs", "wireshark", "nfdump", "pmacct",
                                          "eg1", "mapr",      "spark",  "metron"};
    unsigned seen = 0;
    for (int id = 0; id < EG_TABLE_RAW; id++) {
        const struct eg_table *table = eg_table_get((enum eg_table_id)id);
        for (uint32_t col = 0; col < table->count; col++)
            for (size_t s = 0; s < 8; s++) {
                char name[64];
                struct eg_target target;
                if (!eg_column_elsewhere(&table->columns[col], systems[s], name, sizeof name))
                    continue;
                if (!eg_target_find(&target, (enum eg_table_id)id, name, strlen(name)))
                    fail_msg("%s is not known", name);
                seen++;
            }
    }
    assert_true(seen > 100);
}

static void aliases(void **state) {
    (void)state;
    find("source.ip", EG_TABLE_FLOWS, "src_ip", NULL, -1);
    find("Source.IP", EG_TABLE_PACKETS, "src_ip", NULL, -1);
    find("ip.addr", EG_TABLE_FLOWS, "src_ip", "dst_ip", -1);
    find("tcp.port", EG_TABLE_FLOWS, "src_port", "dst_port", 6);
    find("udp.dstport", EG_TABLE_PACKETS, "dst_port", NULL, 17);
    find("bytes", EG_TABLE_PACKETS, "length", NULL, -1);
    find("bytes", EG_TABLE_FLOWS, "bytes", NULL, -1);
    find("length", EG_TABLE_PACKETS, "length", NULL, -1); /* not mapr's payload_length */
    find("start_time", EG_TABLE_PACKETS, "time", NULL, -1);
    find("protocol", EG_TABLE_FLOWS, "proto", NULL, -1);
    find("tcp_srcport", EG_TABLE_PACKETS, "src_port", NULL, -1);
    find("duration", EG_TABLE_FLOWS, "duration", NULL, -1);
    find("event.duration", EG_TABLE_FLOWS, "duration", NULL, -1);
    struct eg_target target;
    assert_false(eg_target_find(&target, EG_TABLE_PACKETS, "bps", 3));
    assert_false(eg_target_find(&target, EG_TABLE_FLOWS, "", 0));
    char name[100];
    memset(name, 'a', sizeof name);
    assert_false(eg_target_find(&target, EG_TABLE_FLOWS, name, sizeof name));
}

static void made(void **state) {
    (void)state;
    struct eg_field field;
    assert_true(eg_field_named(&field, EG_TABLE_FLOWS, "bps"));
    assert_int_equal(field.type, EG_TYPE_F64);
    assert_true(field.reads ==
                (EG_SET(FLOWS, start_time) | EG_SET(FLOWS, end_time) | EG_SET(FLOWS, bytes)));
    assert_true(eg_field_named(&field, EG_TABLE_FLOWS, "bpp"));
    assert_true(field.reads == (EG_SET(FLOWS, packets) | EG_SET(FLOWS, bytes)));
    assert_true(eg_field_named(&field, EG_TABLE_LOSSES, "duration"));
    assert_int_equal(field.end, EG_COL(LOSSES, end_time));
    assert_false(eg_field_named(&field, EG_TABLE_PACKETS, "duration"));
}

static void numbers(void **state) {
    (void)state;
    assert_int_equal(eg_proto_number("tcp", 3, true), 6);
    assert_int_equal(eg_proto_number("TCPx", 3, true), 6);
    assert_int_equal(eg_proto_number("tc", 2, true), -1);
    assert_int_equal(eg_proto_number("udplite", 7, true), 136);
    assert_int_equal(eg_proto_number("ipv6", 4, true), -1); /* a version when it stands alone */
    assert_int_equal(eg_proto_number("ipv6", 4, false), 41);
    assert_int_equal(eg_proto_number("hopopt", 6, true), -1);
    assert_int_equal(eg_service_port("https", 5), 443);
    assert_int_equal(eg_service_port("no", 2), -1);
}

static void pairs(void **state) {
    (void)state;
    struct eg_target target;
    assert_true(eg_target_pair(&target, EG_TABLE_FLOWS, EG_WORD_HOST, 0));
    assert_int_equal(target.count, 2);
    assert_false(target.both);
    assert_true(eg_target_pair(&target, EG_TABLE_FLOWS, EG_WORD_PORT, 2));
    assert_int_equal(target.count, 1);
    assert_string_equal(target.fields[0].name, "dst_port");
    assert_true(eg_target_pair(&target, EG_TABLE_FLOWS, EG_WORD_NET, 3));
    assert_true(target.both && target.by_net);
    assert_false(eg_target_pair(&target, EG_TABLE_PACKETS, EG_WORD_AS, 0));
    assert_false(eg_target_pair(&target, EG_TABLE_FLOWS, EG_WORD_ANY, 0));
}

static void suggestions(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"src_adr", "src_ip"}, {"dst_prot", "dst_port"}, {"hots", "host"},       {"bytse", "bytes"},
        {"PROT", "proto"},     {"udpp", "udp"},          {"duraton", "duration"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *near = eg_word_nearest(EG_TABLE_FLOWS, cases[i][0], strlen(cases[i][0]));
        assert_non_null(near);
        assert_string_equal(near, cases[i][1]);
    }
    assert_null(eg_word_nearest(EG_TABLE_FLOWS, "qqqqqqqq", 8));
    assert_null(eg_word_nearest(EG_TABLE_FLOWS, "", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_names),  cmocka_unit_test(names_elsewhere), cmocka_unit_test(aliases),
        cmocka_unit_test(made),       cmocka_unit_test(numbers),         cmocka_unit_test(pairs),
        cmocka_unit_test(suggestions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
