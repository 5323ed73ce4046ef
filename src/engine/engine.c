/* SPDX-License-Identifier: Apache-2.0
 * Opening the engine, setting it up, locking it, and running our own statements. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCH_NS 20000000 /* how often the watcher looks at the cancel flag */

/* ---- cancelling ---- */

/* DuckDB looks at its own flag only. While a statement runs, this thread carries ours over to it,
 * again and again, since a statement clears the flag when it begins. */
static void *watch(void *given) {
    struct eg_engine *engine = given;
    pthread_mutex_lock(&engine->mutex);
    while (!engine->closing) {
        if (!engine->busy) {
            pthread_cond_wait(&engine->wake, &engine->mutex);
            continue;
        }
        if (eg_env_cancelled(&engine->env)) duckdb_interrupt(engine->connection);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WATCH_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&engine->wake, &engine->mutex, &until);
    }
    pthread_mutex_unlock(&engine->mutex);
    return NULL;
}

static void set_busy(struct eg_engine *engine, bool busy) {
    pthread_mutex_lock(&engine->mutex);
    engine->busy = busy;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->mutex);
}

void eg_engine_begin(struct eg_engine *engine) { set_busy(engine, true); }
void eg_engine_end(struct eg_engine *engine) { set_busy(engine, false); }

void eg_engine_blame(struct eg_engine *engine, struct eg_error *fault) {
    pthread_mutex_lock(&engine->mutex);
    if (engine->fault.status == EG_OK) engine->fault = *fault;
    pthread_mutex_unlock(&engine->mutex);
    for (size_t at = 0; fault->message[at];) {
        struct eg_span rest = eg_span(fault->message + at, strlen(fault->message + at));
        at += eg_utf8_good(rest);
        if (fault->message[at]) fault->message[at++] = '?';
    }
}

/* ---- opening ---- */

/* "v1.5.6" is new enough; what cannot be read as two numbers is a development build, and is. */
static enum eg_status check_version(struct eg_error *err) {
    const char *version = duckdb_library_version();
    const char *at = *version == 'v' ? version + 1 : version;
    char *end;
    long major = strtol(at, &end, 10);
    if (end == at || *end != '.') return EG_OK;
    long minor = strtol(end + 1, NULL, 10);
    if (major > 1 || (major == 1 && minor >= 5)) return EG_OK;
    return eg_fail(err, EG_E_ENGINE,
                   "libduckdb is %s, but 1.5 or newer is needed: remove the older library from the "
                   "library path, or rebuild with the one that tools/fetch-duckdb brings",
                   version);
}

static enum eg_status set_options(duckdb_config config, const struct eg_engine_options *options,
                                  struct eg_error *err) {
    char threads[16] = "";
    if (options->threads) snprintf(threads, sizeof threads, "%u", options->threads);
    const struct {
        const char *name, *value;
    } settings[] = {
        {"threads", *threads ? threads : NULL},
        {"memory_limit", options->memory_limit},
        {"temp_directory", options->temp_directory ? options->temp_directory : ""},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"allow_persistent_secrets", "false"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (!settings[i].value) continue;
        if (duckdb_set_config(config, settings[i].name, settings[i].value) != DuckDBSuccess)
            return eg_fail(err, EG_E_USAGE, "the SQL engine does not take %s = '%s'",
                           settings[i].name, settings[i].value);
    }
    return EG_OK;
}

static enum eg_status open_database(struct eg_engine *engine,
                                    const struct eg_engine_options *options,
                                    struct eg_error *err) {
    duckdb_config config = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        duckdb_destroy_config(&config);
        return eg_fail(err, EG_E_NOMEM, "no memory for the SQL engine");
    }
    enum eg_status status = set_options(config, options, err);
    char *why = NULL;
    if (status >= 0 && duckdb_open_ext(NULL, &engine->database, config, &why) != DuckDBSuccess) {
        status = eg_fail(err, EG_E_ENGINE, "the SQL engine does not start: %s",
                         why ? why : "no reason given");
        duckdb_free(why);
    }
    duckdb_destroy_config(&config);
    if (status < 0) return status;
    if (duckdb_connect(engine->database, &engine->connection) != DuckDBSuccess)
        return eg_fail(err, EG_E_ENGINE, "the SQL engine takes no connection");
    return EG_OK;
}

/* Files outside the list are refused by DuckDB for its own readers; ours ask struct eg_allow. */
static enum eg_status confine(struct eg_engine *engine, struct eg_error *err) {
    struct eg_strbuf sql = {0};
    const char *const names[] = {"allowed_directories", "allowed_paths"};
    for (size_t which = 0; which < 2; which++) {
        bool first = true;
        eg_strbuf_printf(&sql, "SET GLOBAL %s = [", names[which]);
        for (size_t i = 0; i < engine->allow.count; i++) {
            const char *root = engine->allow.roots[i];
            /* its readers take no name that is no text */
            if (eg_utf8_good(eg_span(root, strlen(root))) < strlen(root)) continue;
            if (!first) eg_strbuf_char(&sql, ',');
            eg_sql_quote(root, &sql);
            first = false;
        }
        eg_strbuf_text(&sql, "]; ");
    }
    eg_strbuf_text(&sql, "SET GLOBAL enable_external_access = false;");
    enum eg_status status = sql.failed ? eg_fail(err, EG_E_NOMEM, "no memory for the list of paths")
                                       : eg_engine_run(engine, sql.text, err);
    eg_strbuf_reset(&sql);
    return status;
}

static enum eg_status set_up(struct eg_engine *engine, const struct eg_engine_options *options,
                             struct eg_error *err) {
    EG_TRY(open_database(engine, options, err));
    /* The cache of files tells changes by size and a time in seconds, which is too coarse; the
     * system caches files as well. */
    EG_TRY(eg_engine_run(engine,
                         "SET GLOBAL errors_as_json = true; SET GLOBAL TimeZone = 'UTC';"
                         "SET GLOBAL enable_external_file_cache = false;",
                         err));
    EG_TRY(eg_register_scans(engine, err));
    EG_TRY(eg_register_addresses(engine, err));
    EG_TRY(eg_register_identities(engine, err));
    EG_TRY(eg_register_mapping(engine, err));
    EG_TRY(eg_register_words(engine, err));
    EG_TRY(eg_register_macros(engine, err));
    return engine->allow.any ? EG_OK : confine(engine, err);
}

enum eg_status eg_engine_open(struct eg_engine **out, const struct eg_env *env,
                              const struct eg_engine_options *options, struct eg_error *err) {
    static const struct eg_engine_options usual = {0};
    if (!options) options = &usual;
    EG_TRY(eg_duckdb_load(err));
    EG_TRY(check_version(err));
    struct eg_engine *engine = eg_calloc(1, sizeof *engine);
    if (!engine) return eg_fail(err, EG_E_NOMEM, "no memory for the SQL engine");
    engine->env = *env;
    engine->threads = options->threads;
    engine->locks = options->locked;
    engine->codes = eg_address_codes_new();
    engine->mapping = options->mapping;
    bool made = engine->codes && pthread_mutex_init(&engine->mutex, NULL) == 0;
    engine->mutex_made = made;
    if (made) made = pthread_cond_init(&engine->wake, NULL) == 0;
    enum eg_status status =
        made ? eg_allow_make(&engine->allow, options->allowed, options->allowed_count, err)
             : eg_fail(err, EG_E_NOMEM, "no memory for the SQL engine");
    if (status >= 0) status = set_up(engine, options, err);
    if (status >= 0 && env->cancel) {
        engine->watching = pthread_create(&engine->watcher, NULL, watch, engine) == 0;
        if (!engine->watching)
            status = eg_fail(err, EG_E_NOMEM, "no thread for watching the SQL engine");
    }
    if (status < 0) {
        eg_engine_close(engine);
        return status;
    }
    *out = engine;
    return EG_OK;
}

void eg_engine_close(struct eg_engine *engine) {
    if (!engine) return;
    EG_ASSERT(!engine->open_result);
    if (engine->watching) {
        pthread_mutex_lock(&engine->mutex);
        engine->closing = true;
        pthread_cond_signal(&engine->wake);
        pthread_mutex_unlock(&engine->mutex);
        pthread_join(engine->watcher, NULL);
    }
    if (engine->connection) duckdb_disconnect(&engine->connection);
    if (engine->database) duckdb_close(&engine->database);
    eg_engine_forget(engine);
    eg_address_codes_free(engine->codes);
    eg_allow_reset(&engine->allow);
    if (engine->mutex_made) {
        pthread_cond_destroy(&engine->wake);
        pthread_mutex_destroy(&engine->mutex);
    }
    eg_free(engine);
}

/* ---- our own statements ---- */

enum eg_status eg_engine_run(struct eg_engine *engine, const char *sql, struct eg_error *err) {
    if (engine->locked)
        return eg_fail(err, EG_E_USAGE, "this SQL engine is locked: only SELECT can be run");
    if (engine->open_result)
        return eg_fail(err, EG_E_USAGE, "the result of the last query is still being read");
    eg_engine_forget(engine);
    duckdb_result result = {0};
    eg_engine_begin(engine);
    duckdb_state state = duckdb_query(engine->connection, sql, &result);
    eg_engine_end(engine);
    enum eg_status status = EG_OK;
    if (state != DuckDBSuccess)
        status = eg_engine_fault(engine, duckdb_result_error(&result), 0, err);
    duckdb_destroy_result(&result);
    return status;
}

enum eg_status eg_engine_lock(struct eg_engine *engine, struct eg_error *err) {
    if (engine->locked) return EG_OK;
    EG_TRY(eg_engine_run(engine, "SET GLOBAL lock_configuration = true;", err));
    engine->locked = true;
    return EG_OK;
}

void eg_sql_bytes(const char *text, struct eg_strbuf *to) {
    eg_strbuf_text(to, "CAST('");
    for (const char *at = text; *at; at++) eg_strbuf_printf(to, "\\x%02X", (unsigned char)*at);
    eg_strbuf_text(to, "' AS BLOB)");
}

void eg_sql_quote(const char *text, struct eg_strbuf *to) {
    eg_strbuf_char(to, '\'');
    for (const char *at = text; *at; at++) {
        if (*at == '\'') eg_strbuf_char(to, '\'');
        eg_strbuf_char(to, *at);
    }
    eg_strbuf_char(to, '\'');
}
