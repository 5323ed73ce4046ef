/* SPDX-License-Identifier: Apache-2.0
 * Which datagrams are exports: by content, and by who sent certain ones. */
#include "wire/probes.h"

struct eg_probes eg_probes_all(void) {
    struct eg_probes all = {.count = 0};
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count; i++) {
        if (stages[i].kind != EG_STAGE_decoder || !stages[i].type) continue;
        EG_ASSERT(all.count < EG_DECODERS_MAX);
        all.types[all.count++] = stages[i].type;
    }
    return all;
}

enum eg_probe eg_probes_ask(const struct eg_probes *p, const struct eg_datagram *d,
                            uint32_t *decoder) {
    enum eg_probe best = EG_PROBE_NO;
    for (uint32_t i = 0; i < p->count && best != EG_PROBE_YES; i++) {
        enum eg_probe answer = p->types[i]->probe(d);
        if (answer <= best) continue;
        best = answer;
        *decoder = i;
    }
    return best;
}

bool eg_probes_believe(enum eg_probe answer, const struct eg_datagram *d, bool expected,
                       struct eg_exporters *known) {
    if (answer == EG_PROBE_YES) eg_exporters_add(known, &d->exporter, d->exporter_port, 0);
    if (answer != EG_PROBE_MAYBE) return answer == EG_PROBE_YES;
    return expected || eg_exporters_has(known, &d->exporter, d->exporter_port);
}
