/* SPDX-License-Identifier: Apache-2.0
 * What is wrong whatever the packet is refused when an expression is compiled, where it stands; what no
 * packet reaches, and what may be right, is not. */
#include "stellar_make.h"
#include "torture.h"

static enum eg_status parsed(const char *text, struct eg_error *err) {
    struct eg_arena arena = {0};
    struct eg_stellar *stellar = NULL;
    *err = (struct eg_error){.position = -1};
    enum eg_status status = eg_stellar_parse(&stellar, text, NULL, &arena, err);
    eg_arena_reset(&arena);
    return status;
}

/* Each with the text that its place begins with. */
static void refused(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"IN_SUBNET(ip_src_addr, '10.0.0.0/33')", "no network such as", "'10.0.0.0/33'"},
        {"IN_SUBNET(ip_src_addr, '10.0.0.0/8', 'x')", "no network such as", "'x'"},
        {"IN_SUBNET(ip_src_addr, 10)", "IN_SUBNET wants text, not a number", "10)"},
        {"IN_SUBNET(ip_src_addr, JOIN(['10.0.0.0', '33'], '/'))", "no network", "JOIN"},
        {"protocol == 6 and IN_SUBNET(ip_src_addr, 'x')", "no network", "'x'"},
        {"protocol == 6 or not(IN_SUBNET(ip_src_addr, 'x'))", "no network", "'x'"},
        {"if protocol == 6 then IN_SUBNET(ip_src_addr, 'x') else true", "no network", "'x'"},
        {"match{ protocol == 6 => IN_SUBNET(ip_src_addr, 'x'), default => true }", "no network",
         "'x'"},
        {"protocol in MAP([1], x -> IN_SUBNET(ip_src_addr, 'x'))", "no network", "'x'"},
        {"IN_SUBNET('10.1.1.1', '10.0.0.0/33')", "no network", "'10.0.0.0/33'"},
        {"1 / 0 == 1", "a division by zero", "/ 0"},
        {"ip_dst_port == 6 / (3 - 3)", "a division by zero", "/ (3"},
        {"ip_dst_port / 0 == 1", "a division by zero", "0 =="},
        {"ip_dst_port * 2 / (1 - 1) == 1", "a division by zero", "- 1"},
        {"ip_dst_port + 'a' == 1", "arithmetic with text", "'a'"},
        {"null + ip_dst_port == 1", "arithmetic with null", "null"},
        {"ip_dst_port in [1, 1 / 0]", "a division by zero", "/ 0"},
        {"{'a' : 1 / 0} == packet", "a division by zero", "/ 0"},
        {"MAP([ip_dst_port], x -> x + 1 / 0) == [1]", "a division by zero", "/ 0"},
        {"MAP([1], x -> MAP([2], y -> x + y + 'a')) == packet", "arithmetic with text", "+ y"},
        {"protocol == 6 and 'a' < 1", "text and a number have no order", "< 1"},
        {"protocol == 6 and 1", "a number where true or false is wanted", "1"},
        {"not([protocol] == [6] and 'a')", "text where true or false is wanted", "'a'"},
        {"if 'a' then protocol == 6 else true", "text where true or false is wanted", "'a'"},
        {"if protocol == 6 then 'a' else true", "text where true or false is wanted", "'a'"},
        {"match{ 1 => true, default => protocol == 6 }", "where true or false", "1 =>"},
        {"BYTEARRAY_MATCHER('61*', packet)", "fixed length", "*'"},
        {"BYTEARRAY_MATCHER(JOIN(['6', '*'], ''), packet)", "two hex digits", "JOIN"},
        {"BYTEARRAY_MATCHER(61, packet)", "wants text, not a number", "61"},
        {"REGEXP_MATCH(ip_src_addr, ['10', '('])", "", "['10'"},
        {"REGEXP_MATCH(ip_src_addr, [10])", "wants text, not a number", "[10]"},
        {"SUBSTRING('abc', 5) == ip_src_addr", "5 to 3 of a text of 3", "SUBSTRING"},
        {"TO_UPPER(5) == ip_src_addr", "TO_UPPER wants text", "5"},
        /* by the kinds of variables, and of what operators and functions give */
        {"ip_src_addr < 5", "text and a number have no order", "< 5"},
        {"protocol == 6 and ip_dst_port >= 'a'", "a number and text have no order", ">= 'a'"},
        {"protocol == 6 or not(ip_dst_addr > 7.5)", "text and a number have no order", "> 7.5"},
        {"packet < packet", "the packet's bytes and the packet's bytes have no order", "< packet"},
        {"1 < ip_dst_port < 3", "true or false and a number have no order", "< ip_dst_port"},
        {"LENGTH(packet) < '5'", "a number and text have no order", "< '5'"},
        {"[protocol] < [7]", "a list and a list have no order", "< [7]"},
        {"MAP([1], x -> ip_src_addr < 5) == [true]", "text and a number", "< 5"},
        {"ip_src_addr * 2 == 1", "arithmetic with text", "ip_src_addr *"},
        {"1 + exists(ip_src_addr) == 2", "arithmetic with true or false", "exists"},
        {"ip_src_addr and protocol == 6", "text where true or false is wanted", "ip_src_addr and"},
        {"not(ip_dst_port)", "a number where true or false is wanted", "ip_dst_port"},
        {"LENGTH(packet) ? true : protocol == 6", "a number where true or false", "LENGTH"},
        {"if protocol == 6 then ip_src_addr else false", "text where true or false", "ip_src_addr"},
    };
    struct eg_error err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *place = strstr(rows[i][0], rows[i][2]);
        if (parsed(rows[i][0], &err) != EG_E_USAGE) fail_msg("%s: is taken", rows[i][0]);
        if (!strstr(err.message, rows[i][1]) || err.position != place - rows[i][0])
            fail_msg("%s: %s at %d", rows[i][0], err.message, (int)err.position);
    }
}

/* What is never reached, what a packet has a say in, and what only takes too much. */
static void taken(void **state) {
    (void)state;
    static const char *const rows[] = {
        "true or 1 / 0 == 1",
        "false and IN_SUBNET(ip_src_addr, 'x')",
        "true or IN_SUBNET(ip_src_addr, 'x') or protocol == 6",
        "protocol == 6 and false and IN_SUBNET(ip_src_addr, 'x')",
        "if true then protocol == 6 else IN_SUBNET(ip_src_addr, 'x')",
        "false ? IN_SUBNET(ip_src_addr, 'x') : protocol == 6",
        "IF_THEN_ELSE(true, protocol == 6, 1 / 0)",
        "match{ false => 1 / 0, true => protocol == 6, default => 'a' < 1 }",
        "match{ protocol == 6 => () -> true, default => false }",
        "MAP([], x -> 1 / 0) == []",
        "ip_dst_port / 0.0 > 1",
        "ip_dst_port / 2.0 / 0 > 1",
        "0 / ip_dst_port == 0",
        "LENGTH(packet) / (protocol - 6) == 1",
        "GET_FIRST([ip_src_addr]) < 5",
        "ip_src_addr < null",
        "ip_scr_addr < 5",
        "ip_src_addr < ip_dst_addr",
        "ip_dst_port < 1.5",
        "exists(ip_src_addr) < true",
        "MAP([1], x -> x < ip_src_addr) == [true]",
        "false and ip_src_addr < 5",
        "(protocol == 6 ? ip_src_addr : 7) < 'b'",
        "protocol == 6 and null",
        "IN_SUBNET(ip_src_addr, null, '10.0.0.0/8')",
        "IN_SUBNET(ip_src_addr, ip_dst_addr)",
        "BYTEARRAY_MATCHER(null, packet)",
        "REGEXP_MATCH(ip_src_addr, ['10', null])",
        "MAP([1, 2], x -> MAP([3], y -> x + y)) == packet",
        "MAP([protocol], x -> MAP([3], y -> x + y + LENGTH(FILTER([1], z -> z == 1)))) == packet",
        "LENGTH(FILL_LEFT('', 'x', 60000)) == protocol",
        "GET_FIRST(MAP([f -> MAP([f], f)], g -> MAP([g], g))) == 1",
    };
    struct eg_error err;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (parsed(rows[i], &err) < 0) fail_msg("%s: %s", rows[i], err.message);
}

/* A comparison that no packet can change is allowed, and told. */
static void odd(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"protocol == 'TCP'", "a number never equals text"},
        {"'TCP' != protocol", "text never equals a number"},
        {"protocol == 6 and ip_dst_port == '80'", "a number never equals text"},
        {"ip_src_port in ['80', '443']", "a number never equals text"},
        {"ip_src_addr not in [10]", "text never equals a number"},
        {"packet == 'GET'", "the packet's bytes never equals text"},
        {"ip_src_port in ['80', 443]", ""},
        {"ip_src_addr in '10.0.0.1'", ""},
        {"protocol == 6.0", ""},
        {"ip_dst_port in []", ""},
        {"protocol == null", ""},
        {"PROTOCOL_TO_NAME(protocol) == 'TCP'", ""},
        {"true or protocol == 'TCP'", ""}, /* it is never asked */
        {"'1' == 1", ""},                  /* a constant is what it is */
    };
    struct eg_error err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum eg_status status = parsed(rows[i][0], &err);
        if (status != (rows[i][1][0] ? EG_OK_WARN : EG_OK)) fail_msg("%s: %d", rows[i][0], status);
        if (status == EG_OK_WARN && !strstr(err.message, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], err.message);
    }
}

/* Constants that take long are not tried to their end, however many there are. */
static void bounded(void **state) {
    (void)state;
    static char text[64 * 1024];
    size_t size = 0;
    struct eg_error err;
    while (size < 60000)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "LENGTH(MAP(SPLIT(FILL_LEFT('', 'x ', 60000), ' '), x -> "
                                 "TO_UPPER(x))) == protocol or ");
    snprintf(text + size, sizeof text - size, "protocol == 6");
    assert_int_equal(parsed(text, &err), EG_OK);
}

static void no_memory(void **state) {
    (void)state;
    const char *text = "IN_SUBNET(ip_src_addr, JOIN(['10.0.0.0', '8'], '/')) and "
                       "LENGTH(MAP([1, 2], x -> [x])) == protocol";
    for (long n = 0;; n++) {
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = parsed(text, &err);
        bool failed = torture_off();
        if (failed && status != EG_OK) assert_int_equal(status, EG_E_NOMEM);
        if (failed) continue;
        assert_int_equal(status, EG_OK);
        break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(taken),
        cmocka_unit_test(odd),
        cmocka_unit_test(bounded),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
