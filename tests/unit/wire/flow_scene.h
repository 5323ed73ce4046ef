/* SPDX-License-Identifier: Apache-2.0
 * One record with the fields and values that a test names, on its way to a row. */
#ifndef EG_TEST_FLOW_SCENE_H
#define EG_TEST_FLOW_SCENE_H

#include "messages_make.h"

/* One record of these fields, in IPFIX (or NetFlow v9), each with its value. */
struct cell {
    struct made_field field;
    uint64_t value;
};
static inline struct result sent(const struct eg_decoder_type *type, const struct cell *cells,
                                 uint32_t count) {
    struct session s = session_new(type);
    struct made_field f[40];
    for (uint32_t i = 0; i < count; i++) f[i] = cells[i].field;
    struct bytes b = type == &eg_decoder_ipfix ? ipfix(1, 5) : v9(1, 5);
    put_template(&b, 256, f, count);
    uint32_t at = set_begin(&b, 256);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 8; k < f[i].length; k++) put_be(&b, 0, 1);
        put_be(&b, cells[i].value, f[i].length > 8 ? 8 : f[i].length);
    }
    set_end(&b, at);
    session_send(&s, &b);
    return session_end(&s);
}
#define SENT(type, ...)                                                                            \
    sent(type, (const struct cell[]){__VA_ARGS__}, COUNT(((const struct cell[]){__VA_ARGS__})))
#define IPFIX(...) SENT(&eg_decoder_ipfix, __VA_ARGS__)
#define V9(...) SENT(&eg_decoder_netflow9, __VA_ARGS__)

#endif
