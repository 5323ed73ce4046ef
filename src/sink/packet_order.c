/* SPDX-License-Identifier: Apache-2.0
 * Sorting packets by time: runs of as many as fit into memory, merged through a heap. */
#include "sink/packet_order.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MAX ((uint64_t)64 << 20)
#define READ_BYTES (64u << 10) /* of a run at a time, at least */

/* Before a packet's bytes, in memory and in the file; `name_size` bytes of a name follow, then the frame. */
struct head {
    int64_t time_ns; /* INT64_MAX: none */
    uint64_t number; /* in the order in which they came */
    uint64_t length;
    int32_t link_type;
    uint32_t captured, name_size;
};

struct run {
    off_t at, end; /* in the file: what was not read yet */
    char *bytes;   /* read, from `done` on */
    size_t size, done, room;
    struct head head; /* of its next packet */
};

struct eg_packet_order {
    char *directory;
    uint64_t memory_max, count;
    struct eg_strbuf kept; /* heads and bytes */
    size_t *places;        /* of the heads in it */
    size_t place_count, place_room;
    int fd; /* -1: all fits into memory so far */
    off_t size;
    struct run *runs;
    size_t run_count, run_room;
    size_t *heap; /* runs, the earliest first */
    size_t heap_count;
};

static enum eg_status no_memory(struct eg_error *err) {
    return eg_fail(err, EG_E_NOMEM, "no memory to put packets in the order of time");
}

enum eg_status eg_packet_order_new(struct eg_packet_order **out, const char *beside,
                                   uint64_t memory_max, struct eg_error *err) {
    struct eg_packet_order *o = eg_calloc(1, sizeof *o);
    if (!o) return no_memory(err);
    o->fd = -1;
    o->memory_max = memory_max ? memory_max : MEMORY_MAX;
    o->directory = eg_path_directory(beside);
    if (!o->directory) {
        eg_packet_order_free(o);
        return no_memory(err);
    }
    *out = o;
    return EG_OK;
}

void eg_packet_order_free(struct eg_packet_order *o) {
    if (!o) return;
    for (size_t i = 0; i < o->run_count; i++) eg_free(o->runs[i].bytes);
    if (o->fd >= 0) close(o->fd);
    eg_strbuf_reset(&o->kept);
    eg_free(o->places);
    eg_free(o->runs);
    eg_free(o->heap);
    eg_free(o->directory);
    eg_free(o);
}

/* ---- in memory ---- */

static struct head head_at(const char *bytes) {
    struct head head;
    memcpy(&head, bytes, sizeof head);
    return head;
}

static int heads_compare(const struct head *a, const struct head *b) {
    if (a->time_ns != b->time_ns) return a->time_ns < b->time_ns ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int by_time(const void *a, const void *b, void *given) {
    const char *bytes = given;
    struct head one = head_at(bytes + *(const size_t *)a),
                two = head_at(bytes + *(const size_t *)b);
    return heads_compare(&one, &two);
}

static void kept_sort(struct eg_packet_order *o) {
    if (o->place_count)
        qsort_r(o->places, o->place_count, sizeof *o->places, by_time, o->kept.text);
}

static size_t head_size(const struct head *head) {
    return sizeof *head + head->name_size + head->captured;
}

static bool place_add(struct eg_packet_order *o) {
    if (o->place_count == o->place_room) {
        size_t room = o->place_room ? o->place_room * 2 : 1024;
        size_t *more = eg_realloc(o->places, room, sizeof *more);
        if (!more) return false;
        o->places = more;
        o->place_room = room;
    }
    o->places[o->place_count++] = o->kept.size;
    return true;
}

/* ---- runs ---- */

static enum eg_status file_open(struct eg_packet_order *o, struct eg_error *err) {
    struct eg_strbuf name = {0};
    o->fd = open(o->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (o->fd >= 0) return EG_OK;
    eg_strbuf_printf(&name, "%s/.earlgrey-order-XXXXXX", o->directory);
    if (name.failed) return no_memory(err);
    o->fd = mkostemp(name.text, O_CLOEXEC); /* a file system without nameless files */
    if (o->fd >= 0) unlink(name.text);
    eg_strbuf_reset(&name);
    return o->fd >= 0 ? EG_OK
                      : eg_fail_errno(err, errno, "cannot put packets aside in %s", o->directory);
}

static enum eg_status file_add(struct eg_packet_order *o, const char *bytes, size_t size,
                               struct eg_error *err) {
    while (size) {
        ssize_t n = pwrite(o->fd, bytes, size, o->size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return eg_fail_errno(err, n ? errno : EIO, "cannot put packets aside in %s",
                                 o->directory);
        bytes += n;
        size -= (size_t)n;
        o->size += n;
    }
    return EG_OK;
}

/* What is kept becomes a run of the file. */
static enum eg_status run_write(struct eg_packet_order *o, struct eg_error *err) {
    if (o->run_count == o->run_room) {
        size_t room = o->run_room ? o->run_room * 2 : 8;
        struct run *more = eg_realloc(o->runs, room, sizeof *more);
        if (!more) return no_memory(err);
        o->runs = more;
        o->run_room = room;
    }
    if (o->fd < 0) EG_TRY(file_open(o, err));
    struct run run = {.at = o->size};
    struct eg_strbuf out = {0};
    enum eg_status status = EG_OK;
    kept_sort(o);
    for (size_t i = 0; i < o->place_count && status >= 0; i++) {
        struct head head = head_at(o->kept.text + o->places[i]);
        eg_strbuf_add(&out, o->kept.text + o->places[i], head_size(&head));
        if (out.size < READ_BYTES && i + 1 < o->place_count) continue;
        status = out.failed ? no_memory(err) : file_add(o, out.text, out.size, err);
        eg_strbuf_clear(&out);
    }
    eg_strbuf_reset(&out);
    run.end = o->size;
    o->runs[o->run_count++] = run;
    eg_strbuf_clear(&o->kept);
    o->place_count = 0;
    return status;
}

enum eg_status eg_packet_order_put(struct eg_packet_order *o, const struct eg_frame *frame,
                                   struct eg_span interface, struct eg_error *err) {
    struct head head;
    memset(&head, 0, sizeof head); /* padding is written, too */
    head.time_ns = frame->time_ns == EG_FRAME_NO_TIME ? INT64_MAX : frame->time_ns;
    head.number = o->count++;
    head.length = frame->length;
    head.link_type = frame->link_type;
    head.captured = (uint32_t)frame->payload.size;
    head.name_size = (uint32_t)interface.size;
    uint64_t taken = o->kept.size + o->place_count * sizeof *o->places;
    if (o->place_count && taken + head_size(&head) > o->memory_max) EG_TRY(run_write(o, err));
    if (!place_add(o)) return no_memory(err);
    eg_strbuf_add(&o->kept, &head, sizeof head);
    if (interface.size) eg_strbuf_add(&o->kept, interface.at, interface.size);
    if (frame->payload.size) eg_strbuf_add(&o->kept, frame->payload.at, frame->payload.size);
    return o->kept.failed ? no_memory(err) : EG_OK;
}

/* ---- merging ---- */

/* At least `size` unread bytes of the run in memory; they are there, or the file is damaged. */
static enum eg_status run_fill(struct eg_packet_order *o, struct run *run, size_t size,
                               struct eg_error *err) {
    if (run->size - run->done >= size) return EG_OK;
    if (run->done) memmove(run->bytes, run->bytes + run->done, run->size - run->done);
    run->size -= run->done;
    run->done = 0;
    if (run->room < size || run->room < READ_BYTES) {
        size_t room = size > READ_BYTES ? size : READ_BYTES;
        char *more = eg_realloc(run->bytes, room, 1);
        if (!more) return no_memory(err);
        run->bytes = more;
        run->room = room;
    }
    while (run->size < size) {
        size_t wanted = run->room - run->size, left = (size_t)(run->end - run->at);
        ssize_t n = pread(o->fd, run->bytes + run->size, wanted < left ? wanted : left, run->at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return eg_fail_errno(err, n ? errno : EIO, "cannot read packets put aside in %s",
                                 o->directory);
        run->size += (size_t)n;
        run->at += n;
    }
    return EG_OK;
}

/* Its next packet into memory; EG_END: there is none. */
static enum eg_status run_next(struct eg_packet_order *o, struct run *run, struct eg_error *err) {
    if (run->at == run->end && run->done == run->size) return EG_END;
    EG_TRY(run_fill(o, run, sizeof run->head, err));
    run->head = head_at(run->bytes + run->done);
    return run_fill(o, run, head_size(&run->head), err);
}

static bool earlier(const struct eg_packet_order *o, size_t a, size_t b) {
    return heads_compare(&o->runs[o->heap[a]].head, &o->runs[o->heap[b]].head) < 0;
}

static void heap_sink(struct eg_packet_order *o, size_t at) {
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < o->heap_count; child++)
            if (earlier(o, child, least)) least = child;
        if (least == at) return;
        size_t moved = o->heap[at];
        o->heap[at] = o->heap[least];
        o->heap[least] = moved;
        at = least;
    }
}

typedef enum eg_status (*put_to)(void *to, const struct eg_frame *, struct eg_span interface,
                                 struct eg_error *);

static enum eg_status give_one(const char *bytes, put_to put, void *to, struct eg_error *err) {
    struct head head = head_at(bytes);
    struct eg_frame frame = {
        .time_ns = head.time_ns == INT64_MAX ? EG_FRAME_NO_TIME : head.time_ns,
        .link_type = head.link_type,
        .interface = -1,
        .length = head.length,
        .payload = eg_span(bytes + sizeof head + head.name_size, head.captured),
    };
    return put(to, &frame, eg_span(bytes + sizeof head, head.name_size), err);
}

static enum eg_status merge(struct eg_packet_order *o, put_to put, void *to, struct eg_error *err) {
    o->heap = eg_calloc(o->run_count, sizeof *o->heap);
    if (!o->heap) return no_memory(err);
    for (size_t i = 0; i < o->run_count; i++) {
        enum eg_status status = run_next(o, &o->runs[i], err);
        if (status < 0) return status;
        if (status == EG_OK) o->heap[o->heap_count++] = i;
    }
    for (size_t i = o->heap_count; i-- > 0;) heap_sink(o, i);
    while (o->heap_count) {
        struct run *run = &o->runs[o->heap[0]];
        enum eg_status status = give_one(run->bytes + run->done, put, to, err);
        if (status != EG_OK) return status;
        run->done += head_size(&run->head);
        status = run_next(o, run, err);
        if (status < 0) return status;
        if (status == EG_END) o->heap[0] = o->heap[--o->heap_count];
        heap_sink(o, 0);
    }
    return EG_OK;
}

enum eg_status eg_packet_order_give(struct eg_packet_order *o, put_to put, void *to,
                                    struct eg_error *err) {
    enum eg_status status = EG_OK;
    if (o->run_count) {
        if (o->place_count) EG_TRY(run_write(o, err));
        eg_strbuf_reset(&o->kept);
        status = merge(o, put, to, err);
    } else {
        kept_sort(o);
        for (size_t i = 0; i < o->place_count && status == EG_OK; i++)
            status = give_one(o->kept.text + o->places[i], put, to, err);
    }
    return status < 0 ? status : EG_OK;
}
