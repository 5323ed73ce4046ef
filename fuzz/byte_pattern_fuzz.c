/* SPDX-License-Identifier: Apache-2.0
 * Byte patterns under arbitrary text, searched for in arbitrary bytes: the first byte says how long
 * the pattern is, the rest is what it is looked for in. The search must agree with looking at each
 * place, wherever the bytes are divided. */
#include "filter/tree.h"
#include "match/byte_pattern.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool found_slowly(const struct eg_byte_pattern *pattern, struct eg_span in) {
    for (size_t at = 0; at + pattern->length <= in.size; at++) {
        uint32_t i = 0;
        while (i < pattern->length && eg_byte_set_has(&pattern->sets[i], eg_u8(in, at + i))) i++;
        if (i == pattern->length) return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct eg_arena arena = {0};
    struct eg_byte_pattern *pattern = NULL;
    struct eg_error err = {.position = -1};
    if (size == 0) return 0;
    size_t length = bytes[0] < size - 1 ? bytes[0] : size - 1;
    struct eg_span in = eg_span(bytes + 1 + length, size - 1 - length);
    enum eg_status status =
        eg_byte_pattern_parse(&pattern, (const char *)bytes + 1, length, &arena, &err);
    if (status == EG_OK) {
        EG_ASSERT(pattern->length >= 1 && pattern->length <= EG_PATTERN_MAX);
        bool found = eg_byte_pattern_found(pattern, in);
        size_t front = in.size < EG_PATTERN_FRONT_MAX ? in.size / 2 : EG_PATTERN_FRONT_MAX;
        EG_ASSERT(found == found_slowly(pattern, in));
        EG_ASSERT(found == eg_byte_pattern_found_behind(pattern, eg_span_sub(in, 0, front),
                                                        eg_span_from(in, front)));
    } else {
        EG_ASSERT(status == EG_E_USAGE && err.message[0]);
        EG_ASSERT(err.position >= 0 && (uint64_t)err.position <= length);
    }
    eg_arena_reset(&arena);
    return 0;
}
