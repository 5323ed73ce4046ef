/* SPDX-License-Identifier: Apache-2.0
 * Which datagrams are exports: by content on any port, else by who sent them. */
#include "wire/probes.h"

#include "table/address.h"
#include "wire/exports_make.h"

static bool believed(struct eg_exporters *known, const struct eg_datagram *d) {
    struct eg_probes all = eg_probes_all();
    uint32_t decoder;
    return eg_probes_believe(eg_probes_ask(&all, d, &decoder), d, false, known);
}

/* Sure of itself on any port; what only may be an export is one where sure ones came from. */
static void judged(void **state) {
    (void)state;
    struct eg_exporters known = {0};
    struct bytes good =
        make_v5((struct v5){.count = 3, .uptime = 100000, .seconds = BASE_SECONDS}, 1);
    struct eg_datagram d = {.payload = eg_span(good.at, good.size),
                            .length = good.size,
                            .time_us = BASE_US,
                            .exporter = eg_addr_v4(0xc0000201),
                            .exporter_port = 50000,
                            .local_port = 1};
    struct eg_datagram other = d, maybe = d;
    other.payload = eg_span("no export, whatever it may be: just some bytes", 46);
    maybe.payload = eg_span_sub(d.payload, 0, good.size - 10); /* its last record is cut */
    maybe.length = good.size - 10;
    assert_false(believed(&known, &other));
    assert_false(believed(&known, &maybe));
    assert_true(believed(&known, &d));
    assert_true(believed(&known, &maybe));
    assert_false(believed(&known, &other));
    maybe.exporter_port++; /* somebody else */
    assert_false(believed(&known, &maybe));
    struct eg_probes all = eg_probes_all();
    uint32_t decoder;
    enum eg_probe answer = eg_probes_ask(&all, &maybe, &decoder);
    assert_int_equal(answer, EG_PROBE_MAYBE);
    assert_string_equal(all.types[decoder]->name, "netflow5");
    assert_true(eg_probes_believe(answer, &maybe, true, &known)); /* to a known port */
    assert_false(believed(&known, &maybe));                       /* which makes nobody known */
    eg_exporters_reset(&known);
}

/* More exporters than are remembered: the sure ones are still told. */
static void bounded(void **state) {
    (void)state;
    struct eg_exporters known = {0};
    struct bytes good =
        make_v5((struct v5){.count = 3, .uptime = 100000, .seconds = BASE_SECONDS}, 1);
    for (uint32_t i = 0; i < EG_EXPORTERS_MAX + 10; i++) {
        struct eg_datagram d = {.payload = eg_span(good.at, good.size),
                                .length = good.size,
                                .time_us = BASE_US,
                                .exporter = eg_addr_v4(i)};
        assert_true(believed(&known, &d));
    }
    eg_exporters_reset(&known);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
