/* SPDX-License-Identifier: Apache-2.0
 * The state of an extract that holds rows back, as words and back. */
#include "table/scan_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A repeated run that ends before it has come to where the first one was is not behind that. */
static uint64_t made(const struct eg_extract_state *state, int shard) {
    return state->given[shard] > state->leave[shard] ? state->given[shard] : state->leave[shard];
}

bool egi_state_text(const struct eg_extract_state *state, const struct eg_position *reached,
                    char to[256]) {
    uint64_t all = 0;
    int size = snprintf(to, 256, "%" PRIu64 ":%s:", reached->offset, reached->digest);
    for (int i = 0; i < EG_SHARDS && size < 256; i++) {
        all += made(state, i);
        size +=
            snprintf(to + size, (size_t)(256 - size), "%s%" PRIu64, i ? "," : "", made(state, i));
    }
    if (all && size < 256) return true;
    to[0] = 0;
    return false;
}

/* The number at *at, which moves behind it and the sign that must follow (0: any end). */
static bool number_read(const char **at, char behind, uint64_t *out) {
    uint64_t value = 0;
    const char *from = *at;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (*at == from || **at != behind) return false;
    if (behind) ++*at;
    *out = value;
    return true;
}

bool egi_state_read(const char *text, struct eg_extract_state *state, struct eg_position *reached) {
    *state = (struct eg_extract_state){{0}, {0}};
    *reached = (struct eg_position){.offset = 0};
    if (!number_read(&text, ':', &reached->offset)) return false;
    size_t size = strcspn(text, ":");
    if (text[size] != ':' || size >= sizeof reached->digest) return false;
    memcpy(reached->digest, text, size);
    text += size + 1;
    for (int i = 0; i < EG_SHARDS; i++)
        if (!number_read(&text, i + 1 < EG_SHARDS ? ',' : 0, &state->leave[i])) return false;
    return true;
}

bool egi_state_later(const struct eg_extract_state *a, const struct eg_extract_state *b) {
    uint64_t left = 0, right = 0;
    for (int i = 0; i < EG_SHARDS; i++) {
        left += made(a, i);
        right += made(b, i);
    }
    return left > right;
}
