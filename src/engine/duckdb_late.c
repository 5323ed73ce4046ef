/* SPDX-License-Identifier: Apache-2.0
 * Loads DuckDB (dlopen(3)) and finds its functions. */
#define EG_DUCKDB_LOADER /* here the names are names */
#include "engine/duckdb_late.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libduckdb.so"

struct eg_duckdb eg_duckdb = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum eg_status function_find(void *library, const char *name, void *to,
                                    struct eg_error *err) {
    void *found = dlsym(library, name);
    if (!found)
        return eg_fail(err, EG_E_ENGINE,
                       LIBRARY " has no %s: 1.5 or newer is needed; tools/fetch-duckdb brings it",
                       name);
    memcpy(to, &found, sizeof found); /* ISO C converts no object pointer to a function's */
    return EG_OK;
}

static enum eg_status load(struct eg_error *err) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return eg_fail(err, EG_E_ENGINE,
                       "the SQL engine cannot be loaded: %.300s (tools/fetch-duckdb brings it)",
                       dlerror());
#define EG_DUCKDB(name) EG_TRY(function_find(library, #name, &eg_duckdb.name, err));
#include "engine/duckdb.def"
#undef EG_DUCKDB
    return EG_OK;
}

enum eg_status eg_duckdb_load(struct eg_error *err) {
    enum eg_status status = EG_OK;
    pthread_mutex_lock(&eg_duckdb.lock);
    if (!eg_duckdb.loaded) status = load(err);
    eg_duckdb.loaded = status == EG_OK;
    pthread_mutex_unlock(&eg_duckdb.lock);
    return status;
}
