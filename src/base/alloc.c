/* SPDX-License-Identifier: Apache-2.0
 * Heap memory. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void *eg_malloc(size_t size) { return malloc(size ? size : 1); }

void *eg_calloc(size_t count, size_t size) { return calloc(count ? count : 1, size ? size : 1); }

void *eg_realloc(void *old, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return NULL;
    return realloc(old, total ? total : 1);
}

void *eg_aligned(size_t size) {
    size_t rounded = (size + EG_ALIGN - 1) & ~(size_t)(EG_ALIGN - 1);
    if (rounded < size) return NULL;
    if (rounded == 0) rounded = EG_ALIGN;
    void *memory = aligned_alloc(EG_ALIGN, rounded);
    if (memory) memset(memory, 0, rounded);
    return memory;
}

char *eg_strndup(const char *text, size_t size) {
    char *copy = eg_malloc(size + 1);
    if (!copy) return NULL;
    memcpy(copy, text, size);
    copy[size] = 0;
    return copy;
}

char *eg_strdup(const char *text) { return eg_strndup(text, strlen(text)); }

void eg_free(void *memory) { free(memory); }
