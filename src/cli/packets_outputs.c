/* SPDX-License-Identifier: Apache-2.0
 * Where a retrieval may write: never over what it reads, and over nothing else unasked. Looked at
 * before anything is read. */
#include "base/alloc.h"
#include "base/durable.h"
#include "cli/packets.h"
#include "store/captures.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not one of the captures that may be read: they would be written over while they are. */
static enum eg_status must_be_no_input(const struct eg_packets_job *job, const char *path,
                                       struct eg_error *err) {
    const struct eg_origin *origin = &job->request.origin;
    struct eg_capture *captures = NULL;
    size_t count = 0;
    bool input = false;
    for (size_t i = 0; i < origin->capture_count && !input; i++)
        input = eg_path_same(path, origin->captures[i]);
    if (!input && origin->dataset)
        EG_TRY(eg_captures(origin->dataset, INT64_MIN, INT64_MAX, &captures, &count, err));
    for (size_t i = 0; i < count && !input; i++) input = eg_path_same(path, captures[i].place);
    eg_free(captures);
    if (!input) return EG_OK;
    return eg_fail(err, EG_E_USAGE, "%s is one of the captures that are read: name another file",
                   path);
}

/* A receipt is written last; that it can be is looked at first. */
static enum eg_status must_have_place(const char *path, struct eg_error *err) {
    char *directory = eg_path_directory(path);
    if (!directory) return eg_fail(err, EG_E_NOMEM, "no memory for a receipt");
    enum eg_status status = EG_OK;
    if (access(directory, W_OK | X_OK) != 0)
        status = eg_fail_errno(err, errno, "cannot write the receipt %s", path);
    eg_free(directory);
    return status;
}

enum eg_status eg_packets_place_free(const char *path, bool replace, struct eg_error *err) {
    struct stat info;
    if (replace || strcmp(path, "-") == 0 || lstat(path, &info) != 0 || S_ISCHR(info.st_mode))
        return EG_OK;
    return eg_fail(err, EG_E_USAGE, "%s exists; --force writes over it", path);
}

enum eg_status eg_packets_outputs_check(const struct eg_packets_job *job, struct eg_error *err) {
    const struct eg_packets_ask *ask = job->ask;
    if (strcmp(ask->path, "-") != 0) EG_TRY(must_be_no_input(job, ask->path, err));
    if (!ask->receipt || strcmp(ask->receipt, "-") == 0) return EG_OK;
    if (strcmp(ask->receipt, ask->path) == 0)
        return eg_fail(err, EG_E_USAGE, "the packets and the receipt cannot both go to %s",
                       ask->receipt);
    EG_TRY(must_be_no_input(job, ask->receipt, err));
    EG_TRY(eg_packets_place_free(ask->receipt, ask->replace, err));
    return must_have_place(ask->receipt, err);
}
