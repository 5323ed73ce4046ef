/* SPDX-License-Identifier: Apache-2.0
 * A capture read in order, each frame rewritten, and written to a file that has its name only when
 * it is whole. */
#include "base/alloc.h"
#include "base/durable.h"
#include "cli/anonymize.h"
#include "cli/packets.h"
#include "cli/progress.h"
#include "wire/capture_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (1u << 20)
#define INTERFACES_MAX 256

struct interface {
    int32_t link_type;
    char name[64];
};

struct rewriting {
    const struct eg_call *call;
    const struct eg_anonymizer *by;
    struct eg_anonymize_account *account;
    struct eg_progress *progress;
    struct eg_tally tally;
    const char *to;
    char *temp;
    int fd;
    bool ng;
    struct eg_strbuf buffer;
    uint8_t *frame; /* EG_FRAME_BYTES_MAX bytes */
    struct interface interfaces[INTERFACES_MAX];
    uint32_t interface_count;
};

/* ---- writing ---- */

static enum eg_status buffer_write(struct rewriting *r, struct eg_error *err) {
    if (r->buffer.failed) return eg_fail(err, EG_E_NOMEM, "no memory to write %s", r->to);
    for (size_t done = 0; done < r->buffer.size;) {
        ssize_t wrote = write(r->fd, r->buffer.text + done, r->buffer.size - done);
        if (wrote < 0 && errno != EINTR)
            return eg_fail_errno(err, errno, "cannot write %s", r->temp);
        if (wrote > 0) done += (size_t)wrote;
    }
    eg_strbuf_clear(&r->buffer);
    return EG_OK;
}

/* The number of the interface in the file; it is written when it is new. */
static enum eg_status interface_of(struct rewriting *r, int32_t link_type, struct eg_span name,
                                   uint32_t *out, struct eg_error *err) {
    if (name.size >= sizeof r->interfaces->name) name.size = sizeof r->interfaces->name - 1;
    for (uint32_t i = 0; i < r->interface_count; i++) {
        const struct interface *one = &r->interfaces[i];
        *out = i;
        if (one->link_type == link_type && strlen(one->name) == name.size &&
            (!name.size || memcmp(one->name, name.at, name.size) == 0))
            return EG_OK;
    }
    if (r->interface_count && !r->ng)
        return eg_fail(
            err, EG_E_USAGE,
            "the input has packets of several interfaces or link types, which a pcap file "
            "cannot hold: call the output %s.pcapng",
            r->to);
    if (r->interface_count == INTERFACES_MAX)
        return eg_fail(err, EG_E_FORMAT, "the input has more than %d interfaces", INTERFACES_MAX);
    struct interface *one = &r->interfaces[r->interface_count];
    one->link_type = link_type;
    if (name.size) memcpy(one->name, name.at, name.size);
    one->name[name.size] = 0;
    if (r->ng)
        eg_write_pcapng_interface(&r->buffer, link_type, name);
    else
        eg_write_pcap_head(&r->buffer, link_type);
    *out = r->interface_count++;
    return EG_OK;
}

static enum eg_status file_begin(struct rewriting *r, struct eg_error *err) {
    r->fd = open(r->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (r->fd < 0) return eg_fail_errno(err, errno, "cannot create %s", r->temp);
    if (r->ng) eg_write_pcapng_head(&r->buffer, "earlgrey");
    return EG_OK;
}

static enum eg_status file_end(struct rewriting *r, struct eg_error *err) {
    enum { ETHERNET = 1 };
    if (!r->ng && !r->interface_count) eg_write_pcap_head(&r->buffer, ETHERNET);
    EG_TRY(buffer_write(r, err));
    if (fsync(r->fd) != 0) return eg_fail_errno(err, errno, "cannot write %s", r->temp);
    if (linkat(AT_FDCWD, r->temp, AT_FDCWD, r->to, 0) != 0) /* never over another file */
        return eg_fail_errno(err, errno, "cannot name %s", r->to);
    (void)unlink(r->temp);
    char *slash = strrchr(r->temp, '/');
    if (slash) *slash = 0;
    return eg_dir_sync(slash ? (*r->temp ? r->temp : "/") : ".", err);
}

/* ---- frames ---- */

static enum eg_status frame_write(struct rewriting *r, const struct eg_batch *batch, uint32_t row,
                                  struct eg_error *err) {
    const struct eg_column *c = batch->columns;
    if (!eg_batch_valid(batch, EG_COL(RAW, link_type), row)) return EG_OK; /* no frame */
    struct eg_span payload = eg_col_view(&c[EG_COL(RAW, payload)])[row];
    int64_t length = eg_col_int(&c[EG_COL(RAW, length)], row);
    int32_t link_type = (int32_t)eg_col_int(&c[EG_COL(RAW, link_type)], row);
    struct eg_span name = eg_batch_valid(batch, EG_COL(RAW, interface), row)
                              ? eg_col_text(&c[EG_COL(RAW, interface)], row)
                              : eg_span(NULL, 0);
    uint32_t size = payload.size > EG_FRAME_BYTES_MAX ? EG_FRAME_BYTES_MAX : (uint32_t)payload.size;
    (void)eg_span_copy(payload, 0, r->frame, size);
    uint32_t wire = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    uint32_t left = eg_anonymize(r->by, (uint32_t)link_type, r->frame, size, wire, &r->tally);
    r->account->frames++;
    r->account->bytes += payload.size;
    r->account->shortened += left && left < size;
    r->account->emptied += !left && size;
    struct eg_frame frame = {.time_ns = 0,
                             .link_type = link_type,
                             .interface = -1,
                             .length = (uint64_t)length,
                             .payload = eg_span(r->frame, left)};
    if (eg_batch_valid(batch, EG_COL(RAW, time_ns), row))
        frame.time_ns = eg_col_int(&c[EG_COL(RAW, time_ns)], row);
    uint32_t interface;
    EG_TRY(interface_of(r, link_type, name, &interface, err));
    if (r->ng)
        eg_write_pcapng_record(&r->buffer, &frame, interface);
    else
        eg_write_pcap_record(&r->buffer, &frame);
    return r->buffer.size >= BUFFER ? buffer_write(r, err) : EG_OK;
}

static void progress_tell(struct rewriting *r) {
    struct eg_scan_progress seen = {.bytes_done = r->account->bytes, .frames = r->account->frames};
    if (r->progress) eg_progress_draw(r->progress, &seen);
}

static enum eg_status batch_write(struct rewriting *r, const struct eg_batch *batch,
                                  struct eg_error *err) {
    if (eg_env_cancelled(&r->call->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    for (uint32_t row = 0; row < batch->rows; row++) EG_TRY(frame_write(r, batch, row, err));
    progress_tell(r);
    return EG_OK;
}

static enum eg_status units_write(struct rewriting *r, const struct eg_source_type *type,
                                  struct eg_source *source, uint64_t units, struct eg_error *err) {
    enum eg_status status = EG_OK;
    for (uint64_t unit = 0; unit < units && status >= 0; unit++)
        for (;;) {
            struct eg_batch *batch;
            status = type->next(source, unit, &batch, &r->tally, err);
            if (status != EG_OK) break;
            status = batch_write(r, batch, err);
            eg_batch_unref(batch);
            if (status < 0) break;
        }
    if (status == EG_E_CUT) { /* all whole packets were written */
        r->account->cut = 1;
        return EG_OK;
    }
    return status < 0 ? status : EG_OK;
}

static enum eg_status input_write(struct rewriting *r, const char *from, struct eg_error *err) {
    const struct eg_source_type *type = eg_registry_find(EG_STAGE_source, "file")->type;
    struct eg_source *source;
    struct eg_plan plan;
    EG_TRY(type->open(&r->call->env, from, NULL, &source, err));
    enum eg_status status = type->plan(source, NULL, 0, &plan, err);
    if (status >= 0) status = file_begin(r, err);
    if (status >= 0)
        status = units_write(r, type, source, plan.units == EG_UNITS_STREAM ? 1 : plan.units, err);
    if (status >= 0) status = file_end(r, err);
    type->close(source);
    return status;
}

/* ---- the call ---- */

static bool ends(const char *name, const char *with) {
    size_t size = strlen(name), tail = strlen(with);
    return size >= tail && strcmp(name + size - tail, with) == 0;
}

static char *temp_name(const char *to) {
    struct eg_strbuf name = {0};
    const char *slash = strrchr(to, '/');
    size_t before = slash ? (size_t)(slash - to) + 1 : 0;
    eg_strbuf_printf(&name, "%.*s.%s.tmp-%d", (int)before, to, to + before, (int)getpid());
    return eg_strbuf_take(&name);
}

enum eg_status eg_anonymize_capture(const struct eg_call *call, const struct eg_anonymizer *by,
                                    const char *from, const char *to,
                                    struct eg_anonymize_account *account, struct eg_error *err) {
    struct rewriting r = {.call = call, .by = by, .account = account, .to = to, .fd = -1};
    *account = (struct eg_anonymize_account){0};
    EG_TRY(eg_capture_name_check(to, err));
    if (access(to, F_OK) == 0)
        return eg_fail(err, EG_E_USAGE, "%s exists: name a file that is to be made", to);
    r.ng = ends(to, ".pcapng");
    r.temp = temp_name(to);
    r.frame = eg_malloc(EG_FRAME_BYTES_MAX);
    r.progress = eg_progress_manual(call);
    enum eg_status status = r.temp && r.frame
                                ? input_write(&r, from, err)
                                : eg_fail(err, EG_E_NOMEM, "no memory to rewrite %s", from);
    eg_progress_stop(r.progress);
    if (r.fd >= 0) close(r.fd);
    if (r.fd >= 0 && status < 0) (void)unlink(r.temp);
    eg_tally_reset(&r.tally);
    eg_strbuf_reset(&r.buffer);
    eg_free(r.frame);
    eg_free(r.temp);
    return status;
}
