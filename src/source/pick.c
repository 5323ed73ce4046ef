/* SPDX-License-Identifier: Apache-2.0
 * Single packets out of a capture, by their offsets. A window of its bytes is kept; how much is read
 * at once follows from how far apart the packets lie. A plain file and seekable zstd are read where
 * the packet stands; other compressed ones from their beginning on. What a pcapng packet means is said
 * by blocks before it (sections, interfaces), so the blocks up to it are walked, once. What is
 * sequence files' own stands in pick_records.h. */
#include "source/pick.h"

#include "base/alloc.h"
#include "source/input.h"
#include "source/pick_records.h"
#include "source/refusal.h"
#include "source/seekable.h"
#include "wire/pcap.h"
#include "wire/pcapng.h"

#include <fcntl.h>
#include <string.h>

#define READ_LEAST 4096u        /* what most packets fit, a page */
#define READ_MOST (256u << 10)  /* at once, where packets lie close together */
#define WINDOW_MOST (5u << 18)  /* holds any record, and a reading besides */
#define SKIP_BYTES (128u << 10) /* of a stream, at once */

_Static_assert(WINDOW_MOST >= EG_PCAPNG_BLOCK_MAX + READ_MOST, "a block must fit the window");
_Static_assert(WINDOW_MOST >= EG_SEQFILE_BLOCK_RECORDS_MAX + READ_MOST,
               "as many bytes as a block may have records must fit the window");

struct eg_pick {
    struct eg_input input;
    struct eg_seekable *seekable; /* NULL: it is none */
    enum { OF_PCAP, OF_PCAPNG, OF_RECORDS } kind;
    struct eg_pcap pcap;
    /* the window: bytes [base, base + size) of what the capture holds */
    uint8_t *window;
    uint64_t base;
    size_t size;
    size_t step;       /* how much the next reading takes */
    uint64_t read;     /* bytes of a plain file */
    uint64_t unpacked; /* of a stream: where its next byte stands */
    /* of a pcapng file: the blocks before `walked` are known */
    struct eg_pcapng ng;
    uint64_t walked, section_at;
    struct eg_tally remarks;         /* of blocks; nobody asks for them */
    struct eg_pick_records *records; /* of a sequence file */
};

/* ---- bytes ---- */

static enum eg_status stream_failed(const struct eg_pick *p, enum eg_status status,
                                    struct eg_error *err) {
    eg_error_prefix(err, "%s", p->input.name);
    return status;
}

/* A stream goes forward only; it is begun anew for what lies behind. */
static enum eg_status stream_reach(struct eg_pick *p, uint64_t offset, struct eg_error *err) {
    if (offset < p->unpacked) {
        EG_TRY(eg_input_rewind(&p->input, err));
        p->unpacked = 0;
    }
    while (p->unpacked < offset) {
        uint64_t want = offset - p->unpacked;
        size_t got;
        enum eg_status status =
            eg_input_read(&p->input, p->window, want < SKIP_BYTES ? want : SKIP_BYTES, &got, err);
        if (status < 0) return stream_failed(p, status, err);
        if (got == 0) return EG_OK;
        p->unpacked += got;
    }
    return EG_OK;
}

static enum eg_status stream_read(struct eg_pick *p, uint64_t offset, void *to, size_t size,
                                  size_t *got, struct eg_error *err) {
    *got = 0;
    if (p->unpacked != offset) EG_TRY(stream_reach(p, offset, err));
    while (*got < size && p->unpacked == offset + *got) {
        size_t more;
        enum eg_status status =
            eg_input_read(&p->input, (uint8_t *)to + *got, size - *got, &more, err);
        bool ends = status == EG_E_CUT || status == EG_E_FORMAT; /* what came before counts */
        if (status < 0 && !(ends && *got)) return stream_failed(p, status, err);
        if (status < 0 || more == 0) break;
        *got += more;
        p->unpacked += more;
    }
    return EG_OK;
}

static enum eg_status bytes_read(struct eg_pick *p, uint64_t offset, void *to, size_t size,
                                 size_t *got, struct eg_error *err) {
    if (p->seekable) return eg_seekable_read(p->seekable, offset, to, size, got, err);
    if (p->input.packing != EG_PACKING_NONE) return stream_read(p, offset, to, size, got, err);
    EG_TRY(eg_input_pread(&p->input, to, size, offset, got, err));
    p->read += *got;
    return EG_OK;
}

/* Makes `want` bytes at `offset` stand in the window, or as many as there are; *have is them. */
static enum eg_status window_reach(struct eg_pick *p, uint64_t offset, size_t want,
                                   struct eg_span *have, struct eg_error *err) {
    uint64_t end = p->base + p->size;
    bool inside = offset >= p->base && offset <= end;
    if (!inside || end - offset < want) {
        p->step = !inside ? READ_LEAST : p->step < READ_MOST ? p->step * 2 : READ_MOST;
        size_t kept = inside ? (size_t)(end - offset) : 0;
        if (kept) memmove(p->window, p->window + (offset - p->base), kept);
        p->base = offset;
        p->size = kept;
        size_t more = want > kept + p->step ? want - kept : p->step, got;
        enum eg_status status = bytes_read(p, offset + kept, p->window + kept, more, &got, err);
        if (status < 0) {
            p->size = 0;
            return status;
        }
        p->size += got;
    }
    *have = eg_span(p->window + (offset - p->base), p->size - (size_t)(offset - p->base));
    return EG_OK;
}

/* ---- opening ---- */

static enum eg_status records_reach(void *from, uint64_t offset, size_t want, struct eg_span *have,
                                    struct eg_error *err) {
    return window_reach(from, offset, want, have, err);
}

static enum eg_status records_open(struct eg_pick *p, struct eg_error *err) {
    struct eg_seqfile file;
    struct eg_span head;
    EG_TRY(window_reach(p, 0, EG_SEQFILE_HEAD_MAX, &head, err));
    p->kind = OF_RECORDS;
    enum eg_status status = eg_seqfile_open(&file, head, err);
    if (status == EG_OK) return eg_pick_records_new(&p->records, &file, records_reach, p, err);
    eg_error_prefix(err, "%s cannot be read", p->input.name);
    return EG_E_FORMAT;
}

static enum eg_status head_read(struct eg_pick *p, struct eg_error *err) {
    struct eg_span head;
    EG_TRY(window_reach(p, 0, 64, &head, err));
    p->kind = OF_PCAPNG;
    if (eg_pcapng_is(head)) return EG_OK;
    if (eg_seqfile_is(head)) return records_open(p, err);
    p->kind = OF_PCAP;
    if (!eg_pcap_is(head)) return eg_refuse(err, p->input.name, p->input.packing, head);
    enum eg_status status = eg_pcap_open(&p->pcap, head, err);
    if (status == EG_OK) return EG_OK;
    eg_error_prefix(err, "%s cannot be read", p->input.name);
    return EG_E_FORMAT;
}

static enum eg_status pick_prepare(struct eg_pick *p, struct eg_error *err) {
    if (!p->input.regular)
        return eg_fail(err, EG_E_FORMAT, "%s cannot be read at any place, as a file can",
                       p->input.name);
    if (p->input.packing == EG_PACKING_ZSTD) {
        enum eg_status status =
            eg_seekable_open(&p->seekable, p->input.fd, p->input.name, false, err);
        if (status < 0) return status;
        if (status == EG_END) p->seekable = NULL;
    }
    if (p->seekable || p->input.packing == EG_PACKING_NONE) /* it was opened to be read on and on */
        (void)posix_fadvise(p->input.fd, 0, 0, POSIX_FADV_RANDOM);
    return head_read(p, err);
}

enum eg_status eg_pick_open(struct eg_pick **out, const char *path, const struct eg_env *env,
                            struct eg_error *err) {
    struct eg_pick *p = eg_calloc(1, sizeof *p);
    if (!p) return eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", path);
    p->step = READ_LEAST;
    p->window = eg_malloc(WINDOW_MOST);
    enum eg_status status = p->window ? eg_input_open(&p->input, env, path, err)
                                      : eg_fail(err, EG_E_NOMEM, "no memory to open %.200s", path);
    if (status < 0) {
        eg_free(p->window);
        eg_free(p);
        return status;
    }
    status = pick_prepare(p, err);
    if (status < 0) {
        eg_pick_close(p);
        return status;
    }
    *out = p;
    return EG_OK;
}

void eg_pick_close(struct eg_pick *p) {
    if (!p) return;
    eg_seekable_close(p->seekable);
    eg_pick_records_free(p->records);
    eg_input_reset(&p->input);
    eg_pcapng_reset(&p->ng);
    eg_tally_reset(&p->remarks);
    eg_free(p->window);
    eg_free(p);
}

uint64_t eg_pick_bytes(const struct eg_pick *p) {
    if (p->seekable) return eg_seekable_stored_read(p->seekable);
    return p->read + atomic_load(&p->input.stored_read);
}

/* ---- frames ---- */

static enum eg_status nothing_there(const struct eg_pick *p, uint64_t offset, const char *why,
                                    struct eg_error *err) {
    enum eg_status status =
        eg_fail(err, EG_E_FORMAT, "%s: no packet begins at byte %llu%s%s; was it changed?",
                p->input.name, (unsigned long long)offset, why ? ": " : "", why ? why : "");
    if (err) err->position = (int64_t)offset;
    return status;
}

static enum eg_status cut_there(const struct eg_pick *p, uint64_t offset, struct eg_error *err) {
    enum eg_status status = eg_fail(err, EG_E_CUT, "%s ends inside the packet at byte %llu",
                                    p->input.name, (unsigned long long)offset);
    if (err) err->position = (int64_t)offset;
    return status;
}

static enum eg_status pcap_frame(struct eg_pick *p, uint64_t offset, struct eg_frame *out,
                                 struct eg_error *err) {
    struct eg_record_note note = {.size = p->pcap.header_size};
    if (offset < EG_PCAP_HEAD) return nothing_there(p, offset, NULL, err);
    for (;;) {
        struct eg_span have;
        uint64_t want = note.size;
        EG_TRY(window_reach(p, offset, (size_t)want, &have, err));
        if (have.size == 0) return nothing_there(p, offset, "it is shorter", err);
        enum eg_record record = eg_pcap_record(&p->pcap, have, out, &note, NULL);
        if (record == EG_RECORD_FRAME) return EG_OK;
        if (record != EG_RECORD_MORE) return nothing_there(p, offset, note.why, err);
        if (have.size < want) return cut_there(p, offset, err);
    }
}

/* The block at `offset`; *size what it takes. A packet's payload stands in the window. */
static enum eg_status block_at(struct eg_pick *p, uint64_t offset, enum eg_record *record,
                               struct eg_frame *frame, uint64_t *size, struct eg_error *err) {
    struct eg_record_note note = {.size = 12};
    for (;;) {
        struct eg_span have;
        uint64_t want = note.size;
        EG_TRY(window_reach(p, offset, (size_t)want, &have, err));
        if (have.size == 0) return nothing_there(p, offset, "it is shorter", err);
        uint32_t section = p->ng.section;
        *record = eg_pcapng_block(&p->ng, have, frame, &note, &p->remarks);
        *size = note.size;
        if (p->ng.section != section) p->section_at = offset;
        if (*record == EG_RECORD_FRAME || *record == EG_RECORD_OTHER) return EG_OK;
        if (*record == EG_RECORD_NO_MEMORY)
            return eg_fail(err, EG_E_NOMEM, "no memory to read %s", p->input.name);
        if (*record == EG_RECORD_DAMAGED) return nothing_there(p, offset, note.why, err);
        if (have.size < want) return cut_there(p, offset, err);
    }
}

static enum eg_status ng_frame(struct eg_pick *p, uint64_t offset, struct eg_frame *out,
                               struct eg_error *err) {
    enum eg_record record;
    uint64_t size;
    if (offset < p->section_at) { /* what was learned since is of another section */
        eg_pcapng_reset(&p->ng);
        p->ng = (struct eg_pcapng){0};
        p->walked = p->section_at = 0;
    }
    while (p->walked < offset || p->ng.trailer) {
        EG_TRY(block_at(p, p->walked, &record, out, &size, err));
        p->walked += size;
    }
    struct eg_span have; /* what is no packet was learned from already, and must not be again */
    EG_TRY(window_reach(p, offset, 12, &have, err));
    if (!eg_pcapng_holds_packet(&p->ng, have)) return nothing_there(p, offset, NULL, err);
    EG_TRY(block_at(p, offset, &record, out, &size, err));
    if (offset == p->walked) p->walked += size;
    return record == EG_RECORD_FRAME ? EG_OK : nothing_there(p, offset, NULL, err);
}

static enum eg_status record_frame(struct eg_pick *p, uint64_t offset, struct eg_frame *out,
                                   struct eg_error *err) {
    enum eg_status status = eg_pick_records_frame(p->records, offset, out, err);
    if (status == EG_END) return nothing_there(p, offset, NULL, err);
    return status == EG_E_CUT ? cut_there(p, offset, err) : status;
}

enum eg_status eg_pick_frame(struct eg_pick *p, uint64_t offset, struct eg_frame *out,
                             struct eg_error *err) {
    if (eg_env_cancelled(p->input.env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    switch (p->kind) {
    case OF_PCAP: return pcap_frame(p, offset, out, err);
    case OF_PCAPNG: return ng_frame(p, offset, out, err);
    case OF_RECORDS: return record_frame(p, offset, out, err);
    }
    return nothing_there(p, offset, NULL, err);
}
