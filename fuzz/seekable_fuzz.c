/* SPDX-License-Identifier: Apache-2.0
 * Seekable zstd of any bytes, opened by its table and by walking its frames, and read at places that the
 * bytes choose: what is told of one place is told again, from wherever it is reached; nothing is written
 * beyond what was asked for; a table that is believed adds up.
 *
 * The last 8 bytes choose places; the file is what stands before them. */
#include "source/seekable.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define PIECE 5000
#define BYTES_MAX                                                                                  \
    (UINT64_C(8) << 20) /* what a few bytes may expand to without making the run slow */

/* Reads at `offset` into an exact-size copy; answers how many bytes came, -1: damaged. */
static long read_at(struct eg_seekable *s, uint64_t offset, size_t size, uint8_t **out) {
    size_t got = 0;
    *out = malloc(size);
    if (!*out) abort();
    enum eg_status status = eg_seekable_read(s, offset, *out, size, &got, NULL);
    if (got > size) abort();
    if (status != EG_OK && status != EG_E_FORMAT) abort();
    uint64_t all = eg_seekable_bytes(s);
    if (status == EG_OK && got < size && offset + got < all) abort(); /* fewer only at the end */
    return status == EG_OK ? (long)got : -1;
}

static void places_read(struct eg_seekable *s, const uint8_t *choice) {
    uint64_t all = eg_seekable_bytes(s);
    for (int i = 0; i < 8; i++) {
        uint64_t offset = all / 256 * choice[i] + choice[(i + 3) % 8] % 64;
        size_t size = 1 + (size_t)choice[(i + 1) % 8] * PIECE / 256;
        uint8_t *one, *two, *other;
        if (offset > BYTES_MAX) continue;
        long got = read_at(s, offset, size, &one);
        (void)read_at(s, all / 2 < BYTES_MAX ? all / 2 : 0, 1, &other); /* from elsewhere again */
        long again = read_at(s, offset, size, &two);
        if (got != again || (got > 0 && memcmp(one, two, (size_t)got) != 0)) abort();
        free(one);
        free(two);
        free(other);
    }
}

static void index_check(const struct eg_seekable *s, size_t size) {
    const struct eg_seekable_index *index = eg_seekable_ends(s);
    for (size_t i = 0; i < index->count; i++) {
        if (index->ends[i].stored > size) abort();
        if (i && (index->ends[i].stored < index->ends[i - 1].stored ||
                  index->ends[i].bytes < index->ends[i - 1].bytes))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static int fd = -1;
    if (size < 8 || size > 1 << 16) return 0;
    size_t stored = size - 8;
    if (fd < 0) fd = memfd_create("seekable", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, stored, 0) != (ssize_t)stored) abort();
    for (int walk = 0; walk < 2; walk++) {
        struct eg_seekable *s;
        enum eg_status status = eg_seekable_open(&s, fd, "input", walk, NULL);
        if (status == EG_END) continue;
        if (status != EG_OK) abort();
        index_check(s, stored);
        places_read(s, bytes + stored);
        eg_seekable_close(s);
    }
    return 0;
}
