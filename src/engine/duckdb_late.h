/* SPDX-License-Identifier: Apache-2.0
 * DuckDB, loaded when the first engine is opened: to link 70 MB of C++ costs a command four times what starting
 * it costs otherwise, and most commands ask no engine. Code calls its functions by their names. */
#ifndef EG_ENGINE_DUCKDB_LATE_H
#define EG_ENGINE_DUCKDB_LATE_H

#include "base/status.h"

#include <duckdb.h>
#include <pthread.h>

/* In 1.5's library but not yet in 1.4's header: as …assign_string_element_len, without checking that
 * the text is UTF-8. Texts from outside go through clean() first. */
void duckdb_unsafe_vector_assign_string_element_len(duckdb_vector vector, idx_t index,
                                                    const char *str, idx_t str_len);

struct eg_duckdb {
    pthread_mutex_t lock;
    bool loaded;
#define EG_DUCKDB(name) __typeof__(name) *name;
#include "engine/duckdb.def"
#undef EG_DUCKDB
};
/* Empty until eg_duckdb_load, constant afterwards. */
extern struct eg_duckdb eg_duckdb;

/* Loads it unless it is there. Safe from any thread; eg_engine_open does it. Errors: EG_E_ENGINE. */
EG_MUST_CHECK enum eg_status eg_duckdb_load(struct eg_error *err);

#ifndef EG_DUCKDB_LOADER
#include "eg_duckdb_calls.h" /* duckdb_open_ext means eg_duckdb.duckdb_open_ext, and so on */
#endif

#endif
