/* SPDX-License-Identifier: Apache-2.0
 * A dataset without rows, made by hand, and an engine to ask: for tests that put files into it. */
#ifndef EG_TEST_EMPTY_DATASET_H
#define EG_TEST_EMPTY_DATASET_H

#include "base/durable.h"
#include "query/analysis.h"

#include <stdio.h>
#include <stdlib.h>

struct empty_dataset {
    char root[32];
    struct eg_dataset *dataset;
    struct eg_engine *engine;
};

/* The folder alone, at root. */
static inline bool empty_dataset_make(struct empty_dataset *d) {
    char path[256];
    static const char about[] = "{\"schema\": 1, \"program\": \"test\"}\n";
    snprintf(d->root, sizeof d->root, "/tmp/eg-dataset-XXXXXX");
    if (!mkdtemp(d->root)) return false;
    snprintf(path, sizeof path, "%s/_earlgrey/commits", d->root);
    if (eg_dir_make(path, NULL) < 0) return false;
    snprintf(path, sizeof path, "%s/_earlgrey/dataset.json", d->root);
    return eg_file_create(path, about, sizeof about - 1, NULL) >= 0;
}

/* Opens the dataset, and an engine of so many threads. */
static inline bool empty_dataset_open(struct empty_dataset *d, uint32_t threads) {
    const struct eg_engine_options options = {.threads = threads};
    return eg_engine_open(&d->engine, &eg_env_plain, &options, NULL) >= 0 &&
           eg_engine_run(d->engine, EG_SQL_MACROS, NULL) >= 0 &&
           eg_dataset_open(&d->dataset, d->root, EG_DATASET_READ, &eg_env_plain, NULL) >= 0;
}

static inline int empty_dataset_remove(struct empty_dataset *d) {
    char command[64];
    eg_dataset_close(d->dataset);
    eg_engine_close(d->engine);
    snprintf(command, sizeof command, "rm -r %s", d->root);
    return system(command);
}

#endif
