/* SPDX-License-Identifier: Apache-2.0
 * Captures cut anywhere: all whole packets before the cut come out as from the whole capture, the
 * cut is told as trouble and counted once, and what was read and what was lost add up to the file. */
#include "conformance/pack.h"
#include "conformance/sweep.h"

static const struct sweep_how plain = {.batch_rows = 16, .workers = 1, .unit_bytes = 16384};

#define SMALL 4096u  /* cut at every byte */
#define LARGE 65536u /* at PLACES places */
#ifdef SWEEP_SLOW    /* under a sanitizer fewer places */
#define EVERY 256u
#define PLACES 50
#define PLACES_PACKED 6
#else
#define EVERY SMALL
#define PLACES 200
#define PLACES_PACKED 50
#endif
#define PIECE 256u /* what is compressed is flushed behind each so many bytes */

/* What is known of a capture that is going to be cut. */
struct whole {
    const struct sweep_capture *capture;
    struct sweep_result read;
    struct sweep_rows flows; /* sorted */
    size_t *ends;            /* of each packet's record */
    bool *whole;             /* by size: so much of it ends with a whole record */
    size_t head;             /* bytes without which it is no capture */
};

static size_t head_of(const struct sweep_capture *c) {
    if (!c->ng) return 24;
    return sweep_u32(c->bytes + 4, sweep_u32(c->bytes + 8, true) == 0x1a2b3c4d);
}

/* The length of the record or block at `at`, in the byte order `*big`; 0: there is none whole. */
static size_t record_size(const struct sweep_capture *c, size_t at, bool *big) {
    const uint8_t *record = c->bytes + at;
    size_t left = c->size - at, size;
    if (c->ng) {
        if (left < 12) return 0;
        if (sweep_u32(record, false) == 0x0a0d0d0a)
            *big = sweep_u32(record + 8, true) == 0x1a2b3c4d;
        size = sweep_u32(record + 4, *big);
        if (size < 12 || size > left || sweep_u32(record + size - 4, *big) != size) return 0;
        return size;
    }
    bool modified = sweep_u32(c->bytes, *big) == 0xa1b2cd34;
    uint32_t version = sweep_u32(c->bytes + 4, *big);
    unsigned minor = *big ? version & 0xffff : version >> 16;
    size_t head = modified ? 24 : 16;
    if (left < head) return 0;
    uint32_t captured = sweep_u32(record + 8, *big), length = sweep_u32(record + 12, *big);
    if (minor < 3 || (minor == 3 && captured > length)) captured = length;
    size = head + captured;
    return captured <= (256u << 10) && size <= left ? size : 0;
}

/* Marks where records end, and finds where those of the packets do. */
static void ends_find(struct whole *w) {
    const struct sweep_capture *c = w->capture;
    const struct sweep_rows *packets = &w->read.packets;
    bool big = !c->ng && (c->bytes[0] == 0xa1);
    size_t at = c->ng ? 0 : 24, found = 0, size;
    w->ends = calloc(packets->count + 1, sizeof *w->ends);
    w->whole = calloc(c->size + 1, sizeof *w->whole);
    w->whole[w->head] = true;
    for (; at < c->size && (size = record_size(c, at, &big)); at += size) {
        w->whole[at + size] = true;
        if (found < packets->count && packets->items[found].offset == (int64_t)at)
            w->ends[found++] = at + size;
    }
    if (found < packets->count) fail_msg("%s: a packet where no record begins", c->path);
}

static struct whole whole_read(const struct sweep_capture *capture, const struct sweep_place *at) {
    struct whole w = {.capture = capture, .head = head_of(capture)};
    sweep_put(at, capture->bytes, capture->size);
    sweep_read(at->path, &plain, &w.read);
    if (w.read.status == EG_OK) ends_find(&w);
    for (size_t i = 0; i < w.read.flows.count; i++) sweep_rows_add(&w.flows, w.read.flows.items[i]);
    sweep_sort(&w.flows);
    return w;
}

static void whole_free(struct whole *w) {
    sweep_result_reset(&w->read);
    free(w->flows.items);
    free(w->ends);
    free(w->whole);
}

static size_t packets_until(const struct whole *w, size_t size) {
    size_t count = 0;
    while (count < w->read.packets.count && w->ends[count] <= size) count++;
    return count;
}

#define HOLDS(w, size, what, condition)                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s, %s%zu bytes of it: not so: %s", (w)->capture->path, what,                \
                     (size_t)(size), #condition);                                                  \
    } while (0)

/* Rows are the first ones, and every frame read is a row. */
static void check_rows(const struct whole *w, const char *what, size_t size,
                       struct sweep_result *got) {
    HOLDS(w, size, what, got->packets.count <= w->read.packets.count);
    HOLDS(w, size, what,
          !got->packets.count || memcmp(got->packets.items, w->read.packets.items,
                                        got->packets.count * sizeof *got->packets.items) == 0);
    sweep_sort(&got->flows);
    HOLDS(w, size, what, sweep_among(&got->flows, &w->flows));
    HOLDS(w, size, what, got->progress.frames == got->packets.count);
    HOLDS(w, size, what, got->progress.rows[EG_TABLE_PACKETS] == got->packets.count);
    HOLDS(w, size, what, got->progress.rows[EG_TABLE_FLOWS] == got->flows.count);
    HOLDS(w, size, what, got->tally.lost == 0);
    HOLDS(w, size, what, eg_tally_sum(&got->tally, EG_CAUSE_no_memory).packets == 0);
}

/* A cut costs one record, and adds no other remark to what the whole capture has. */
static void check_counts(const struct whole *w, const char *what, size_t size,
                         const struct sweep_result *got) {
    static const enum eg_cause growing[] = {
        EG_CAUSE_capture_damaged,
        EG_CAUSE_capture_block_skipped,
        EG_CAUSE_capture_interface_unknown,
        EG_CAUSE_capture_option_bad,
        EG_CAUSE_capture_length_clamped,
        EG_CAUSE_link_type_unsupported,
        EG_CAUSE_frame_cut,
        EG_CAUSE_header_bad,
        EG_CAUSE_depth_exceeded,
        EG_CAUSE_time_impossible,
        EG_CAUSE_datagram_cut,
        EG_CAUSE_short_header,
        EG_CAUSE_version_unknown,
        EG_CAUSE_count_mismatch,
        EG_CAUSE_trailing_bytes,
        EG_CAUSE_record_empty,
        EG_CAUSE_time_corrected,
        EG_CAUSE_time_order,
    };
    for (size_t i = 0; i < sizeof growing / sizeof *growing; i++) {
        struct eg_tally_entry some = eg_tally_sum(&got->tally, growing[i]);
        struct eg_tally_entry all = eg_tally_sum(&w->read.tally, growing[i]);
        if (some.records > all.records || some.packets > all.packets || some.bytes > all.bytes)
            fail_msg("%s, %s%zu bytes of it: more %s than in the whole", w->capture->path, what,
                     size, eg_cause_info(growing[i])->name);
    }
    struct eg_tally_entry cut = eg_tally_sum(&got->tally, EG_CAUSE_capture_cut);
    HOLDS(w, size, what, cut.records == (got->trouble == EG_E_CUT) || w->read.trouble == EG_E_CUT);
    HOLDS(w, size, what, cut.records <= 1 && cut.packets == cut.records);
    HOLDS(w, size, what, got->troubles <= 1);
}

/* The first `size` bytes of the capture are at `at`. */
static void check_cut(const struct whole *w, size_t size, const struct sweep_place *at,
                      struct sweep_result *got) {
    struct sweep_how how = plain;
    how.place = size % 16 == 0; /* it reads all of it again */
    sweep_cut(at, size);
    sweep_read(at->path, &how, got);
    if (size < w->head || w->read.status != EG_OK) {
        HOLDS(w, size, "", got->status == EG_E_FORMAT);
        return;
    }
    if (got->status != EG_OK)
        fail_msg("%s, %zu bytes of it: %s", w->capture->path, size, got->err.message);
    check_rows(w, "", size, got);
    HOLDS(w, size, "", got->packets.count == packets_until(w, size));
    check_counts(w, "", size, got);
    HOLDS(w, size, "", got->trouble == (w->whole[size] ? EG_OK : EG_E_CUT));
    size_t end = size;
    while (!w->whole[end]) end--;
    struct eg_tally_entry cut = eg_tally_sum(&got->tally, EG_CAUSE_capture_cut);
    HOLDS(w, size, "", !cut.records || end + (size_t)cut.bytes == size);
    HOLDS(w, size, "", !how.place || !got->packets.count || got->position == end);
}

static uint64_t seed = 20261121;

static int size_order(const void *left, const void *right) {
    const size_t *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

/* Sizes below `size`, the largest first. */
static void sizes_choose(size_t *sizes, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) sizes[i] = made_random(&seed) % size;
    qsort(sizes, count, sizeof *sizes, size_order);
}

static void cut_anywhere(void **state) {
    (void)state;
    struct sweep_captures all = sweep_shared(LARGE);
    struct sweep_place at = sweep_place();
    struct sweep_result got = {0};
    size_t cuts = 0, packets = 0, sizes[PLACES];
    for (size_t i = 0; i < all.count; i++) {
        struct whole w = whole_read(&all.items[i], &at);
        bool every = all.items[i].size <= EVERY;
        size_t count = every ? all.items[i].size : PLACES;
        if (!every) sizes_choose(sizes, PLACES, all.items[i].size);
        for (size_t k = 0; k < count; k++) {
            check_cut(&w, every ? count - 1 - k : sizes[k], &at, &got);
            packets += got.packets.count;
        }
        cuts += count;
        whole_free(&w);
    }
    print_message("%zu captures, %zu cuts, %zu packets\n", all.count, cuts, packets);
    assert_true(all.count >= 380 && packets > cuts);
    sweep_result_reset(&got);
    sweep_forget(&all);
    close(at.fd);
}

/* ---- compressed ---- */

/* What is there for certain of what was compressed, in its first `size` bytes. */
static size_t unpacked_least(const struct packed *p, size_t size) {
    size_t piece = 0;
    while (piece < p->piece_count && p->ends[piece] <= size) piece++;
    return piece * PIECE;
}

static void check_packed_cut(const struct whole *w, const struct packed *p, size_t size,
                             const struct sweep_place *at, struct sweep_result *got) {
    const char *what = pack_names[p->kind];
    size_t least = unpacked_least(p, size), most = least + PIECE;
    struct sweep_how how = plain;
    how.place = true;
    sweep_cut(at, size);
    sweep_read(at->path, &how, got);
    if (got->status != EG_OK) {
        HOLDS(w, size, what, got->status == EG_E_FORMAT);
        HOLDS(w, size, what, least < w->head || w->read.status == EG_E_FORMAT);
        return;
    }
    HOLDS(w, size, what, most >= w->head);
    check_rows(w, what, size, got);
    HOLDS(w, size, what, got->packets.count >= packets_until(w, least));
    HOLDS(w, size, what, got->packets.count <= packets_until(w, most));
    HOLDS(w, size, what, got->trouble == EG_E_CUT);
    check_counts(w, what, size, got);
    if (!w->capture->ng && got->packets.count)
        HOLDS(w, size, what, got->position == w->ends[got->packets.count - 1]);
}

/* Whole it gives what the plain capture gives. */
static void check_packed(const struct whole *w, const struct packed *p,
                         const struct sweep_place *at, struct sweep_result *got) {
    const char *what = pack_names[p->kind];
    sweep_put(at, p->bytes, p->size);
    sweep_read(at->path, &plain, got);
    HOLDS(w, w->capture->size, what, got->status == w->read.status);
    HOLDS(w, w->capture->size, what, got->trouble == w->read.trouble);
    HOLDS(w, w->capture->size, what, got->packets.count == w->read.packets.count);
    check_rows(w, what, w->capture->size, got);
    HOLDS(w, w->capture->size, what, sweep_same(&got->flows, &w->flows));
    enum eg_cause differs = sweep_tally_differs(&got->tally, &w->read.tally);
    if (differs != EG_CAUSE_COUNT)
        fail_msg("%s, %s: %s is not the same", w->capture->path, what,
                 eg_cause_info(differs)->name);
}

static void cut_compressed(void **state) {
    (void)state;
    struct sweep_captures all = sweep_shared(LARGE);
    struct sweep_place at = sweep_place();
    struct sweep_result got = {0};
    size_t cuts = 0, packets = 0, sizes[PLACES_PACKED];
    for (size_t i = 0; i < all.count; i++) {
        struct whole w = whole_read(&all.items[i], &at);
        for (int kind = 0; kind < PACK_KINDS; kind++) {
            struct packed p = pack((enum pack_kind)kind, w.capture->bytes, w.capture->size, PIECE);
            check_packed(&w, &p, &at, &got);
            sizes_choose(sizes, PLACES_PACKED, p.size);
            for (size_t k = 0; k < PLACES_PACKED; k++, cuts++) {
                check_packed_cut(&w, &p, sizes[k], &at, &got);
                packets += got.packets.count;
            }
            packed_free(&p);
        }
        whole_free(&w);
    }
    print_message("%zu captures, %zu cuts, %zu packets\n", all.count, cuts, packets);
    assert_true(all.count >= 380 && packets > cuts);
    sweep_result_reset(&got);
    sweep_forget(&all);
    close(at.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(cut_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
