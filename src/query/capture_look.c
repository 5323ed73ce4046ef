/* SPDX-License-Identifier: Apache-2.0
 * A first look at captures: do they hold flow exports? */
#include "query/analysis.h"
#include "table/scan.h"

static enum eg_status look(const struct eg_env *env, struct eg_scan *scan,
                           struct eg_capture_kind *out, struct eg_error *err) {
    struct eg_scan_worker *worker;
    EG_TRY(eg_scan_worker_new(&worker, scan, err));
    enum eg_status status = EG_OK;
    while (status == EG_OK && !out->has_exports) {
        struct eg_batch *batch = NULL;
        status = eg_scan_next(worker, &batch, err);
        eg_batch_unref(batch);
        out->has_exports = eg_scan_progress(scan).datagrams > 0;
        if (eg_env_cancelled(env)) status = eg_fail(err, EG_E_CANCELLED, "interrupted");
    }
    out->frames = eg_scan_progress(scan).frames;
    eg_scan_worker_free(worker);
    return status == EG_END ? EG_OK : status;
}

enum eg_status eg_capture_look(const struct eg_env *env, const struct eg_origin *origin,
                               struct eg_capture_kind *out, struct eg_error *err) {
    const struct eg_stage *source = eg_registry_find(EG_STAGE_source, "file");
    const struct eg_stage *exports = eg_registry_find(EG_STAGE_extract, "exports");
    EG_ASSERT(source && source->type && exports && exports->type);
    struct eg_scan_request request = {
        .source = source->type,
        .inputs = origin->captures,
        .input_count = origin->capture_count,
        .parts = {{.extract = exports->type}},
        .part_count = 1,
        .netflow_ports = origin->netflow_ports,
        .netflow_port_count = origin->netflow_port_count,
        .keep_going = true, /* the query itself says what is wrong with a file */
    };
    *out = (struct eg_capture_kind){0};
    struct eg_scan *scan;
    EG_TRY(eg_scan_open(&scan, env, &request, err));
    enum eg_status status = look(env, scan, out, err);
    eg_scan_free(scan);
    return status;
}
