/* SPDX-License-Identifier: Apache-2.0
 * Packets taken apart: what is found goes into tshark as a capture; what comes out goes on as it is
 * (PDML), or as JSON. */
#include "base/alloc.h"
#include "base/draft.h"
#include "base/durable.h"
#include "cli/packets.h"
#include "cli/pdml.h"
#include "cli/terminal.h"
#include "cli/tshark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct target {
    int fd;
    bool gone;           /* nobody reads it any more */
    const char *path;    /* NULL: standard output */
    char *tmp;           /* what becomes `path` */
    struct eg_pdml *xml; /* NULL: XML stays XML */
    struct eg_strbuf json;
};

static enum eg_status target_open(struct target *to, const struct eg_packets_ask *ask, bool json,
                                  struct eg_error *err) {
    struct stat info;
    *to = (struct target){.fd = STDOUT_FILENO};
    if (json) EG_TRY(eg_pdml_new(&to->xml, err));
    if (!ask->path || strcmp(ask->path, "-") == 0) return EG_OK;
    EG_TRY(eg_packets_place_free(ask->path, ask->replace, err));
    to->path = ask->path;
    if (stat(ask->path, &info) == 0 && S_ISCHR(info.st_mode)) { /* not to be put in its place */
        to->fd = open(ask->path, O_WRONLY | O_CLOEXEC);
        return to->fd < 0 ? eg_fail_errno(err, errno, "cannot write %s", ask->path) : EG_OK;
    }
    to->tmp = eg_draft_name(ask->path);
    if (!to->tmp) return eg_fail(err, EG_E_NOMEM, "no memory to write %s", ask->path);
    to->fd = open(to->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (to->fd < 0) return eg_fail_errno(err, errno, "cannot write %s", ask->path);
    eg_draft_mark(to->fd);
    return EG_OK;
}

static enum eg_status target_write(struct target *to, const char *bytes, size_t size,
                                   struct eg_error *err) {
    while (size && !to->gone) {
        ssize_t n = write(to->fd, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EPIPE && !to->path)
            to->gone = true;
        else if (n < 0)
            return eg_fail_errno(err, errno, "cannot write %s",
                                 to->path ? to->path : "standard output");
        else
            bytes += n, size -= (size_t)n;
    }
    return to->gone ? EG_END : EG_OK;
}

static enum eg_status target_close(struct target *to, enum eg_status status, struct eg_error *err) {
    if (status >= 0 && to->xml && !to->gone) {
        status = eg_pdml_finish(to->xml, &to->json, err);
        if (status >= 0) status = target_write(to, to->json.text, to->json.size, err);
    }
    if (to->path && to->fd >= 0) {
        if (status >= 0 && to->tmp && fsync(to->fd) != 0)
            status = eg_fail_errno(err, errno, "cannot write %s", to->path);
        close(to->fd);
        if (status >= 0 && to->tmp) status = eg_file_rename(to->tmp, to->path, err);
        if (status < 0 && to->tmp) unlink(to->tmp);
    }
    eg_pdml_free(to->xml);
    eg_strbuf_reset(&to->json);
    eg_free(to->tmp);
    return status;
}

/* What tshark prints. */
static enum eg_status xml_take(void *given, const char *bytes, size_t size, struct eg_error *err) {
    struct target *to = given;
    if (!to->xml) return target_write(to, bytes, size, err);
    EG_TRY(eg_pdml_put(to->xml, bytes, size, &to->json, err));
    if (to->json.failed) return eg_fail(err, EG_E_NOMEM, "no memory for the JSON of packets");
    enum eg_status status = target_write(to, to->json.text, to->json.size, err);
    eg_strbuf_clear(&to->json);
    return status;
}

/* The packets into tshark, and what it makes of them into the target. */
static enum eg_status dissect(struct eg_packets_job *job, struct target *to, struct eg_error *err) {
    static const char *const words[] = {"-n", "-l", "-r", "-", "-T", "pdml", NULL};
    struct eg_tshark tshark;
    EG_TRY(eg_tshark_start(&tshark, &job->report->call->env, words, xml_take, to, err));
    struct eg_packet_file_options options = {
        .path = "-", .fd = tshark.in, .format = EG_WRITE_PCAPNG};
    enum eg_status status = eg_packet_file_open(&job->file, &options, err);
    if (status >= 0) status = eg_packets_stream(job, err);
    if (status >= 0) status = eg_packet_file_finish(job->file, err);
    return eg_tshark_finish(&tshark, status, err);
}

enum eg_exit eg_packets_pdml(struct eg_packets_job *job) {
    struct eg_error err;
    struct target to;
    enum eg_status status = target_open(&to, job->ask, job->ask->pdml == EG_PDML_JSON, &err);
    if (status >= 0) status = dissect(job, &to, &err);
    status = target_close(&to, status, &err);
    if (status < 0) return eg_report_failed(job->report, &err, job->account.frames);
    eg_packets_late(job);
    enum eg_exit told[] = {eg_packets_unanswered(job), eg_packets_damaged(job),
                           eg_packets_not_kept(job)};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i] != EG_EXIT_DONE) return told[i];
    return job->report->options->exit_status && !job->account.found ? EG_EXIT_EMPTY : EG_EXIT_DONE;
}
