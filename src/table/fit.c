/* SPDX-License-Identifier: Apache-2.0
 * Which columns of a table are shown where the terminal is too narrow for all of them. */
#include "table/fit.h"

#include <string.h>

/* What a table is read for; columns not named here go before any of these. */
static const struct {
    const char *name;
    int weight;
} weights[] = {{"src_ip", 3},     {"dst_ip", 3},   {"ip_a", 3},      {"ip_b", 3},
               {"ip", 3},         {"bytes", 3},    {"name", 3},      {"cause", 3},
               {"window", 3},     {"in_bytes", 3}, {"out_bytes", 3}, {"proto", 2},
               {"protocol", 2},   {"src_port", 2}, {"dst_port", 2},  {"packets", 2},
               {"flows", 2},      {"records", 2},  {"meaning", 2},   {"in_packets", 2},
               {"out_packets", 2}};

static int weight_of(const struct eg_fit_column *column) {
    if (column->empty) return 0;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        if (strcmp(weights[i].name, column->name) == 0) return weights[i].weight;
    return 1;
}

uint32_t eg_fit(struct eg_fit_column *columns, uint32_t count, size_t width_max, size_t gap) {
    size_t width = 0;
    uint32_t left_out = 0;
    for (uint32_t i = 0; i < count; i++) {
        columns[i].shown = true;
        width += columns[i].width + (i ? gap : 0);
    }
    for (int weight = 0; weight <= 3; weight++)
        for (uint32_t i = count; i-- > 0 && width > width_max && left_out + 1 < count;) {
            if (weight_of(&columns[i]) != weight) continue;
            columns[i].shown = false;
            width -= columns[i].width + gap;
            left_out++;
        }
    return left_out;
}
