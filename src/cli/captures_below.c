/* SPDX-License-Identifier: Apache-2.0
 * The captures below a directory. */
#include "cli/captures_below.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHERS_NAMED 3

struct found {
    char *path;
    int64_t first_ns; /* of its first packet; INT64_MAX: it has none, or none with a time */
};

static int by_time(const void *a, const void *b) {
    const struct found *one = a, *two = b;
    if (one->first_ns != two->first_ns) return one->first_ns < two->first_ns ? -1 : 1;
    return strcmp(one->path, two->path);
}

/* When a capture begins. */
static enum eg_status first_time(const struct eg_env *given, struct found *file,
                                 struct eg_error *err) {
    const struct eg_source_type *type = eg_registry_find(EG_STAGE_source, "file")->type;
    struct eg_env env = *given;
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_batch *batch = NULL;
    struct eg_tally tally = {0};
    env.batch_rows = 1;
    file->first_ns = INT64_MAX;
    EG_TRY(type->open(&env, file->path, NULL, &source, err));
    enum eg_status status = type->plan(source, NULL, 0, &plan, err);
    if (status >= 0 && plan.units) status = type->next(source, 0, &batch, &tally, err);
    if (status == EG_OK && batch) {
        if (batch->rows && eg_batch_valid(batch, EG_COL(RAW, time_ns), 0))
            file->first_ns = eg_col_int(&batch->columns[EG_COL(RAW, time_ns)], 0);
        eg_batch_unref(batch);
    }
    eg_tally_reset(&tally);
    type->close(source);
    return status == EG_E_CUT || status >= 0 ? EG_OK
                                             : status; /* a cut one is told when it is read */
}

static enum eg_status files_list(const struct eg_env *env, const char *directory,
                                 struct eg_paths *out, struct eg_error *err) {
    const char *const roots[] = {directory};
    struct eg_directory_options options = {.roots = roots, .root_count = 1};
    struct eg_directory *below;
    EG_TRY(eg_directory_open(&below, env, &options, err));
    enum eg_status status;
    while ((status = eg_directory_wait(below, 0, out, err)) == EG_OK) continue;
    eg_directory_close(below);
    return status < 0 ? status : EG_OK;
}

/* Files that are no captures: the first by name, the others by number. */
struct others {
    struct eg_strbuf names;
    size_t count;
};

static void other_add(struct others *others, const char *path) {
    if (others->count++ >= OTHERS_NAMED) return;
    eg_strbuf_printf(&others->names, "%s%.200s", others->names.size ? ", " : "", path);
}

static void others_tell(const struct eg_call *call, const struct others *others) {
    char more[40] = "";
    if (!others->count) return;
    if (others->count > OTHERS_NAMED)
        snprintf(more, sizeof more, " and %zu more", others->count - OTHERS_NAMED);
    eg_note(call, "earlgrey: left out, no capture%s: %s%s ('earlgrey inspect FILE' says why)",
            others->count == 1 ? "" : "s", others->names.text ? others->names.text : "", more);
}

/* The paths into `found`, without those that are no captures. */
static enum eg_status files_look(const struct eg_call *call, struct eg_paths *paths,
                                 struct found *found, size_t *count, struct eg_error *err) {
    struct others others = {0};
    enum eg_status status = EG_OK;
    for (size_t i = 0; i < paths->count && status >= 0; i++) {
        struct found *file = &found[*count];
        file->path = paths->paths[i];
        status = first_time(&call->env, file, err);
        if (status == EG_E_FORMAT) {
            other_add(&others, file->path);
            status = EG_OK;
        } else if (status >= 0) {
            ++*count;
        }
    }
    if (status >= 0) others_tell(call, &others);
    eg_strbuf_reset(&others.names);
    return status;
}

static enum eg_status must_be_no_dataset(const char *directory, struct eg_error *err) {
    char *about = eg_path_join(directory, "_earlgrey/dataset.json");
    bool dataset = about && access(about, F_OK) == 0;
    eg_free(about);
    if (!dataset) return EG_OK;
    return eg_fail(err, EG_E_USAGE, "%s is a dataset, no directory of captures: -d %s asks it",
                   directory, directory);
}

static enum eg_status path_add(struct eg_paths *to, const char *path, struct eg_error *err) {
    char **more = eg_realloc(to->paths, to->count + 1, sizeof *more);
    if (more) to->paths = more;
    if (more) more[to->count] = eg_strdup(path);
    if (!more || !more[to->count]) return eg_fail(err, EG_E_NOMEM, "no memory to list captures");
    to->room = ++to->count;
    return EG_OK;
}

void eg_captures_sort(const struct eg_call *call, char **paths, int64_t *first_ns, size_t count) {
    struct found *found = count > 1 ? eg_calloc(count, sizeof *found) : NULL;
    struct eg_error ignored;
    for (size_t i = 0; i < count && found; i++) {
        found[i].path = paths[i];
        if (first_time(&call->env, &found[i], &ignored) < 0) found[i].first_ns = INT64_MAX;
    }
    if (found) qsort(found, count, sizeof *found, by_time);
    for (size_t i = 0; i < count; i++) {
        if (found) paths[i] = found[i].path;
        first_ns[i] = found ? found[i].first_ns : INT64_MAX;
    }
    eg_free(found);
}

enum eg_status eg_captures_below(const struct eg_call *call, const char *directory,
                                 struct eg_paths *out, struct eg_error *err) {
    struct eg_paths paths = {0};
    struct found *found = NULL;
    size_t count = 0;
    EG_TRY(must_be_no_dataset(directory, err));
    enum eg_status status = files_list(&call->env, directory, &paths, err);
    if (status >= 0 && paths.count) {
        found = eg_calloc(paths.count, sizeof *found);
        status = found ? files_look(call, &paths, found, &count, err)
                       : eg_fail(err, EG_E_NOMEM, "no memory to list captures");
    }
    if (status >= 0 && !count)
        status = eg_fail(err, EG_E_NOENT, "there are no captures in %s", directory);
    if (status >= 0) qsort(found, count, sizeof *found, by_time);
    for (size_t i = 0; i < count && status >= 0; i++) status = path_add(out, found[i].path, err);
    eg_free(found);
    eg_paths_reset(&paths);
    return status;
}
