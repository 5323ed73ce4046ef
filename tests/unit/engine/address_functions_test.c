/* SPDX-License-Identifier: Apache-2.0
 * in_subnet, ip_family, ip_text, ip_code. */
#include "engine_make.h"

static void subnets(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT in_subnet('10.1.2.3', '10.0.0.0/8'), in_subnet('11.0.0.1', '10.0.0.0/8')",
            "true\tfalse");
    answers(engine, "SELECT in_subnet('2001:db8::1', '2001:db8::/32'), in_subnet('10.0.0.1', '::/0'), "
                    "in_subnet('::1', '0.0.0.0/0'), in_subnet('10.0.0.7', '10.0.0.7')",
            "true\tfalse\tfalse\ttrue");
    answers(engine, "SELECT in_subnet(NULL, '10.0.0.0/8'), in_subnet('10.0.0.1', NULL), "
                    "in_subnet('no address', '10.0.0.0/8')", "\t\t");
    answers(engine, "SELECT count(*) FROM range(5000) WHERE in_subnet('10.0.' || (range // 256) || '.' || "
                    "(range % 256), '10.0.4.0/22')", "1024");
    answers(engine, "SELECT string_agg(in_subnet('10.0.0.1', net), ' ') FROM (VALUES ('10.0.0.0/8'), "
                    "('11.0.0.0/8'), ('10.0.0.0/8')) t(net)", "true false true");
    answers(engine, "SELECT in_subnet(ip_code('10.1.2.3'), '10.0.0.0/8'), "
                    "in_subnet(ip_code('2001:db8::1'), '2001:db8::/33')", "true\ttrue");
    refuses(engine, "SELECT in_subnet('10.0.0.1', 'nonsense')", "EG_E_USAGE", "nonsense");
    refuses(engine, "SELECT in_subnet('10.0.0.1', '10.0.0.0/33')", "EG_E_USAGE", "10.0.0.0/33");
    eg_engine_close(engine);
}

static void families_and_codes(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT ip_family('1.2.3.4'), ip_family('::1'), ip_family('x'), ip_family(NULL), "
                    "ip_family(ip_code('::2')), ip_family(ip_code('1.1.1.1'))", "4\t6\t\t\t6\t4");
    answers(engine, "SELECT ip_text(ip_code('2001:DB8:0:0::1')), ip_text(ip_code('1.2.3.4')), "
                    "ip_text(-1), ip_text(NULL), ip_code('x'), ip_code('0.0.1.0')",
            "2001:db8::1\t1.2.3.4\t\t\t\t256");
    answers(engine, "SELECT count(DISTINCT c), bool_and(ip_text(c) = t) FROM (SELECT t, ip_code(t) AS c FROM "
                    "(SELECT '2001:db8::' || lower(to_hex(range % 500 + 1)) AS t FROM range(5000)))", "500\ttrue");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subnets),
        cmocka_unit_test(families_and_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
