/* SPDX-License-Identifier: Apache-2.0
 * Stellar under arbitrary text: parse, evaluate for a packet and for one without addresses, twice
 * with the same result. What is refused names a place inside the text. */
#include "filter/tree.h"
#include "match/stellar.h"
#include "table/address.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void evaluate(const struct eg_stellar *stellar, const struct eg_stellar_facts *facts) {
    char why[EG_STELLAR_WHY] = "", again[EG_STELLAR_WHY] = "";
    struct eg_strbuf value = {0}, second = {0};
    bool good = eg_stellar_value(stellar, facts, &value, why);
    EG_ASSERT(good == eg_stellar_value(stellar, facts, &second, again));
    EG_ASSERT(strcmp(why, again) == 0 && good == (why[0] == 0));
    EG_ASSERT(!good || (value.text && strcmp(value.text, second.text) == 0));
    enum eg_truth truth = eg_stellar_ask(stellar, facts, why);
    if (good && strcmp(value.text, "true") == 0) EG_ASSERT(truth == EG_TRUE);
    if (good && strcmp(value.text, "false") == 0) EG_ASSERT(truth == EG_UNTRUE);
    if (!good) EG_ASSERT(truth == EG_UNANSWERED);
    eg_strbuf_reset(&value);
    eg_strbuf_reset(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct eg_arena arena = {0};
    struct eg_stellar *stellar = NULL;
    struct eg_error err = {.position = -1};
    struct eg_strbuf text = {0};
    struct eg_layers layers = {.has = EG_HAS_SRC | EG_HAS_DST | EG_HAS_PORTS | EG_HAS_PROTO,
                               .src_port = 49152,
                               .dst_port = 443,
                               .proto = 6};
    layers.src = layers.dst = eg_addr_v4(0x0a010203);
    struct eg_stellar_facts facts = {.layers = &layers, .packet = eg_span(bytes, size)};
    eg_strbuf_add(&text, bytes, size);
    if (text.text) {
        enum eg_status status = eg_stellar_parse_any(&stellar, text.text, NULL, &arena, &err);
        if (status >= 0) {
            evaluate(stellar, &facts);
            facts.front = eg_span_sub(facts.packet, 0, 40);
            layers = (struct eg_layers){0};
            evaluate(stellar, &facts);
        } else {
            EG_ASSERT(status == EG_E_USAGE && err.message[0]);
            EG_ASSERT(err.position >= 0 && (uint64_t)err.position <= strlen(text.text));
        }
    }
    eg_strbuf_reset(&text);
    eg_arena_reset(&arena);
    return 0;
}
