/* SPDX-License-Identifier: Apache-2.0
 * columns.def: unique names, few enough columns, names elsewhere well formed, and the look-ups. */
#include "table/columns.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOR_TABLES(t) for (int t = 0; t < EG_TABLE_COUNT; t++)
static const struct eg_table *table_of(int t) { return eg_table_get((enum eg_table_id)t); }

static bool is_name(const char *text, size_t size) {
    if (!size || !islower((unsigned char)*text)) return false;
    for (size_t i = 0; i < size; i++)
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '_')
            return false;
    return true;
}

static void names(void **state) {
    (void)state;
    FOR_TABLES(t) {
        const struct eg_table *table = table_of(t);
        assert_true(table->count > 0 && table->count <= EG_COLUMNS_MAX);
        for (uint32_t i = 0; i < table->count; i++) {
            const char *name = table->columns[i].name;
            if (!is_name(name, strlen(name))) fail_msg("%s.%s", table->name, name);
            assert_int_equal(eg_column_find(table, name), i); /* the first of that name is itself */
        }
        assert_int_equal(eg_column_find(table, "no_such"), -1);
        assert_int_equal(eg_column_find(table, ""), -1);
    }
}

static void tables(void **state) {
    (void)state;
    static const char *const expected[] = {"flows", "packets", "counters", "losses", "raw"};
    FOR_TABLES(t) {
        assert_string_equal(eg_table_name((enum eg_table_id)t), expected[t]);
        assert_int_equal(eg_table_by_name(expected[t]), t);
        assert_true(strlen(eg_table_meaning((enum eg_table_id)t)) > 10);
        uint32_t count;
        const struct eg_column_info *columns = eg_table_columns((enum eg_table_id)t, &count);
        assert_ptr_equal(columns, table_of(t)->columns);
        assert_int_equal(count, table_of(t)->count);
    }
    uint32_t count = 7;
    assert_null(eg_table_columns(EG_TABLE_COUNT, &count));
    assert_int_equal(count, 0);
    assert_null(eg_table_get(EG_TABLE_COUNT));
    assert_null(eg_table_name(EG_TABLE_COUNT));
    assert_null(eg_table_meaning(EG_TABLE_COUNT));
    assert_int_equal(eg_table_by_name("elsewhere"), EG_TABLE_COUNT);
}

/* The C names count columns inside their table. */
static void indices(void **state) {
    (void)state;
    assert_string_equal(table_of(EG_TABLE_FLOWS)->columns[EG_COL(FLOWS, src_ip)].name, "src_ip");
    assert_string_equal(table_of(EG_TABLE_PACKETS)->columns[EG_COL(PACKETS, extra)].name, "extra");
    assert_string_equal(table_of(EG_TABLE_COUNTERS)->columns[EG_COL(COUNTERS, time)].name, "time");
    assert_string_equal(table_of(EG_TABLE_LOSSES)->columns[EG_COL(LOSSES, cause)].name, "cause");
    assert_string_equal(table_of(EG_TABLE_RAW)->columns[EG_COL(RAW, offset)].name, "offset");
    assert_int_equal(EG_COL(RAW, file) + 1, table_of(EG_TABLE_RAW)->count);
    assert_int_equal(EG_SET(PACKETS, time_ns), 2);
}

static void descriptions(void **state) {
    (void)state;
    FOR_TABLES(t) {
        for (uint32_t i = 0; i < table_of(t)->count; i++) {
            const struct eg_column_info *column = &table_of(t)->columns[i];
            size_t size = strlen(column->meaning);
            bool ends = size > 4 && (column->meaning[size - 1] == '.' ||
                                     strcmp(column->meaning + size - 3, "…") == 0);
            if (!ends || islower((unsigned char)column->meaning[0]))
                fail_msg("%s.%s: the meaning is no sentence", table_of(t)->name, column->name);
            if (!*column->null_rule) fail_msg("%s: when is it null?", column->name);
            assert_string_not_equal(eg_type_name(column->type), "unknown");
            if (t != EG_TABLE_RAW) assert_int_not_equal(column->type, EG_TYPE_VIEW);
        }
        if (t == EG_TABLE_RAW) continue;
        assert_true(eg_column_find(table_of(t), "source") >= 0);
        int extra = eg_column_find(table_of(t), "extra");
        assert_string_equal(table_of(t)->columns[extra].unit, "JSON");
    }
}

static bool system_is_known(const char *word, size_t size) {
    static const char *const systems[] = {"ipfix", "ecs",  "pmacct", "nfdump", "wireshark",
                                          "eg1",   "mapr", "spark",  "metron"};
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (strlen(systems[i]) == size && memcmp(systems[i], word, size) == 0) return true;
    return false;
}

/* "system=value" between single blanks; each system once; IPFIX numbers in order. */
static void elsewhere(void **state) {
    (void)state;
    FOR_TABLES(t) {
        for (uint32_t i = 0; i < table_of(t)->count; i++) {
            const struct eg_column_info *column = &table_of(t)->columns[i];
            for (const char *at = column->elsewhere; *at;) {
                size_t word = strcspn(at, " "), system = strcspn(at, "=");
                if (system >= word || word == system + 1 || !system_is_known(at, system))
                    fail_msg("%s.%s: %s", table_of(t)->name, column->name, at);
                char name[64], value[128];
                memcpy(name, at, system);
                name[system] = 0;
                assert_true(eg_column_elsewhere(column, name, value, sizeof value));
                /* twice the same system would find the first again */
                assert_int_equal(strlen(value), word - system - 1);
                assert_memory_equal(value, at + system + 1, word - system - 1);
                if (strcmp(name, "ipfix") == 0)
                    assert_int_equal(strspn(value, "0123456789,-"), strlen(value));
                at += word;
                if (*at) at++;
                assert_true(*at != ' ');
            }
        }
    }
}

static void ecs_names_are_unique(void **state) {
    (void)state;
    static const char *const systems[] = {"ecs", "pmacct", "nfdump"};
    FOR_TABLES(t) {
        for (size_t s = 0; s < 3; s++) {
            for (uint32_t i = 0; i < table_of(t)->count; i++) {
                char one[64], other[64];
                if (!eg_column_elsewhere(&table_of(t)->columns[i], systems[s], one, sizeof one))
                    continue;
                for (uint32_t k = 0; k < i; k++)
                    if (eg_column_elsewhere(&table_of(t)->columns[k], systems[s], other,
                                            sizeof other))
                        assert_string_not_equal(one, other);
            }
        }
    }
}

static void looking_elsewhere(void **state) {
    (void)state;
    const struct eg_column_info column = {"x", EG_TYPE_I64, "", "", "ipfix=8,27 ecs=source.ip", ""};
    char text[16];
    assert_true(eg_column_elsewhere(&column, "ecs", text, sizeof text));
    assert_string_equal(text, "source.ip");
    assert_true(eg_column_elsewhere(&column, "ipfix", text, sizeof text));
    assert_string_equal(text, "8,27");
    assert_false(eg_column_elsewhere(&column, "ec", text, sizeof text));
    assert_false(eg_column_elsewhere(&column, "nfdump", text, sizeof text));
    assert_false(eg_column_elsewhere(&column, "ecs", text, 9)); /* no room for the NUL */
    assert_true(eg_column_elsewhere(&column, "ecs", text, 10));
}

static void types(void **state) {
    (void)state;
    static const struct {
        enum eg_type type;
        const char *name;
        uint32_t width;
    } expected[] = {
        {EG_TYPE_TIME, "timestamp", 8}, {EG_TYPE_I16, "int16", 2},   {EG_TYPE_I32, "int32", 4},
        {EG_TYPE_I64, "int64", 8},      {EG_TYPE_F64, "float64", 8}, {EG_TYPE_BOOL, "bool", 0},
        {EG_TYPE_TEXT, "text", 0},      {EG_TYPE_NAME, "text", 4},   {EG_TYPE_ADDR, "text", 16},
        {EG_TYPE_MAC, "text", 8},       {EG_TYPE_BIN, "binary", 0},  {EG_TYPE_VIEW, "binary", 16},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(eg_type_name(expected[i].type), expected[i].name);
        assert_int_equal(eg_type_width(expected[i].type), expected[i].width);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(tables),
        cmocka_unit_test(indices),
        cmocka_unit_test(descriptions),
        cmocka_unit_test(elsewhere),
        cmocka_unit_test(ecs_names_are_unique),
        cmocka_unit_test(looking_elsewhere),
        cmocka_unit_test(types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
