/* SPDX-License-Identifier: Apache-2.0
 * Messages of exporters that keep changing their minds, the same for the same seed. */
#ifndef EG_TEST_MESSAGES_RANDOM_H
#define EG_TEST_MESSAGES_RANDOM_H

#include "messages_make.h"

static uint64_t seed;
static inline uint32_t chance(uint32_t limit) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % limit);
}

/* One message of an exporter that keeps changing its mind: templates of three ids and three kinds,
 * options of rates and names, data with or without its template. */
static inline struct bytes random_message(bool nine, uint32_t sequence) {
    static const struct made_field kinds[3][3] = {{{8, 4, 0}, {10, 4, 0}, {1, 4, 0}},
                                                  {{12, 4, 0}, {1, 4, 0}, {234, 4, 0}},
                                                  {{1, 4, 0}, {999, 4, 0}, {14, 4, 0}}};
    static const struct made_field rate[] = {{10, 4, 0}, {34, 4, 0}},
                                   all[] = {{144, 4, 0}, {34, 4, 0}},
                                   vrf[] = {{234, 4, 0}, {236, 4, 0}},
                                   scope[] = {{2, 4, 0}, {34, 4, 0}};
    struct bytes b = nine ? v9(sequence, 5) : ipfix(sequence, 5);
    for (uint32_t i = 1 + chance(4); i > 0; i--) {
        uint16_t id = (uint16_t)(256 + chance(3));
        switch (chance(8)) {
        case 0: put_template(&b, id, kinds[chance(3)], 3); continue;
        case 1:
            put_options_template(&b, 300, nine ? scope : chance(2) ? rate : all, 1, 2);
            continue;
        case 2:
            if (!nine) put_options_template(&b, 301, vrf, 1, 2);
            continue;
        case 3: id = (uint16_t)(300 + chance(2)); break;
        case 4: {
            uint32_t bad = set_begin(&b, nine ? 0 : 2);
            put_be(&b, id, 2), put_be(&b, 1, 2), put_be(&b, 8, 2), put_be(&b, 0, 2);
            set_end(&b, bad);
            continue;
        }
        default: break;
        }
        uint32_t at = set_begin(&b, id);
        for (uint32_t k = (1 + chance(3)) * (id < 300 ? 3 : 2); k > 0; k--)
            put_be(&b, 1 + chance(id < 300 ? 4 : 2), 4);
        set_end(&b, at);
    }
    return b;
}

#endif
