/* SPDX-License-Identifier: Apache-2.0
 * All heap memory of the library goes through here, so that a test can fail the n-th request
 * (tests/unit/torture.h wraps these at link time) and so that sizes are checked before they wrap. */
#ifndef EG_BASE_ALLOC_H
#define EG_BASE_ALLOC_H

#include <stddef.h>

#define EG_ALIGN 64 /* what the Arrow C data interface recommends for buffers */

void *eg_malloc(size_t size);                         /* NULL when there is none */
void *eg_calloc(size_t count, size_t size);           /* zeroed; NULL also when count*size wraps */
void *eg_realloc(void *old, size_t count, size_t size); /* NULL: `old` still stands */
void *eg_aligned(size_t size);                        /* EG_ALIGN-aligned, zeroed; eg_free frees it */
char *eg_strdup(const char *text);
char *eg_strndup(const char *text, size_t size);
void eg_free(void *memory);

#endif
