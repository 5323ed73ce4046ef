/* SPDX-License-Identifier: Apache-2.0
 * A first look at a capture: does it hold flow exports? */
#include "engine/exports_look.h"

static enum eg_status look(const struct eg_env *env, struct eg_scan *scan,
                           struct eg_exports_look *out, struct eg_error *err) {
    struct eg_scan_worker *worker;
    EG_TRY(eg_scan_worker_new(&worker, scan, err));
    enum eg_status status = EG_OK;
    while (status == EG_OK && !out->found) {
        struct eg_batch *batch = NULL;
        status = eg_scan_next(worker, &batch, err);
        eg_batch_unref(batch);
        out->found = eg_scan_progress(scan).datagrams > 0;
        if (eg_env_cancelled(env)) status = eg_fail(err, EG_E_CANCELLED, "interrupted");
    }
    out->frames = eg_scan_progress(scan).frames;
    eg_scan_worker_free(worker);
    return status == EG_END ? EG_OK : status;
}

enum eg_status eg_exports_look(const struct eg_env *env, const char *path, const uint16_t *ports,
                               uint32_t port_count, struct eg_exports_look *out,
                               struct eg_error *err) {
    const struct eg_stage *source = eg_registry_find(EG_STAGE_source, "file");
    const struct eg_stage *exports = eg_registry_find(EG_STAGE_extract, "exports");
    EG_ASSERT(source && source->type && exports && exports->type);
    struct eg_scan_request request = {
        .source = source->type,
        .inputs = &path,
        .input_count = 1,
        .parts = {{.extract = exports->type}},
        .part_count = 1,
        .netflow_ports = ports,
        .netflow_port_count = port_count,
        .keep_going = true,
    };
    *out = (struct eg_exports_look){.found = false};
    struct eg_scan *scan;
    EG_TRY(eg_scan_open(&scan, env, &request, err));
    enum eg_status status = look(env, scan, out, err);
    eg_scan_free(scan);
    return status;
}
