/* SPDX-License-Identifier: Apache-2.0
 * The allocator's functions, wrapped at link time. */
#include "torture.h"

#include <stdatomic.h>
#include <stddef.h>

static atomic_long left = -1; /* < 0: off */
static atomic_bool failed;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);

static bool fails(void) {
    if (atomic_load(&left) < 0) return false;
    if (atomic_fetch_sub(&left, 1) != 0) return false;
    atomic_store(&failed, true);
    return true;
}

void torture_fail_after(long requests) {
    atomic_store(&failed, false);
    atomic_store(&left, requests);
}

bool torture_off(void) {
    atomic_store(&left, -1);
    return atomic_load(&failed);
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *old, size_t size) { return fails() ? NULL : __real_realloc(old, size); }
void *__wrap_aligned_alloc(size_t a, size_t size) { return fails() ? NULL : __real_aligned_alloc(a, size); }
