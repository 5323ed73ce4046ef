/* SPDX-License-Identifier: Apache-2.0
 * Standard output as a sink: every byte in order, through pipes that fill up, close, or do not wait. */
#include "table/encode.h"
#include "table/stage.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct eg_sink_type eg_sink_stdout;

/* ---- standard output replaced ---- */

static int saved_stdout;

static void output_to(int fd) {
    fflush(stdout);
    saved_stdout = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
}
static void output_back(void) {
    dup2(saved_stdout, STDOUT_FILENO);
    close(saved_stdout);
}

struct reader {
    int fd;
    char *text;
    size_t size, room;
};
static void *read_all(void *arg) {
    struct reader *r = arg;
    for (;;) {
        if (r->size == r->room) {
            r->room = r->room ? r->room * 2 : 1 << 16;
            r->text = realloc(r->text, r->room);
        }
        ssize_t got = read(r->fd, r->text + r->size, r->room - r->size);
        if (got <= 0) return NULL;
        r->size += (size_t)got;
        if (r->size % 7 == 0) usleep(200); /* slower than the writer */
    }
}

static struct eg_batch *records(const char *const *texts, const size_t *sizes, size_t count) {
    struct eg_builder *b;
    struct eg_batch *batch;
    assert_int_equal(eg_builder_new(&b, &eg_records_table, EG_TABLE_COUNT, (uint32_t)count,
                                    EG_COLUMNS_ALL, NULL),
                     EG_OK);
    for (size_t i = 0; i < count; i++) {
        eg_put_text(b, 0, texts[i], sizes[i]);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, NULL), EG_OK);
    eg_builder_free(b);
    return batch;
}

static struct eg_sink *open_stdout(const struct eg_env *env) {
    struct eg_sink *sink;
    char options[64] = {0};
    assert_in_range(eg_sink_stdout.options_size, 1, sizeof options);
    assert_int_equal(eg_sink_stdout.open(env, "-", options, &sink, NULL), EG_OK);
    return sink;
}

static void every_byte_in_order(void **state) {
    (void)state;
    for (int waits = 0; waits < 2; waits++) {
        int ends[2];
        pthread_t thread;
        assert_int_equal(pipe(ends), 0);
        if (!waits) fcntl(ends[1], F_SETFL, O_NONBLOCK);
        struct reader reader = {.fd = ends[0]};
        size_t big_size = 200000, total = 0; /* larger than the buffer, and than a pipe */
        char *big = malloc(big_size), *expected = malloc(8 << 20);
        for (size_t i = 0; i < big_size; i++) big[i] = (char)('a' + i % 26);
        struct eg_sink *sink = open_stdout(&eg_env_plain);
        pthread_create(&thread, NULL, read_all, &reader);
        output_to(ends[1]);
        close(ends[1]);
        bool good = true;
        for (int i = 0; i < 300; i++) {
            char line[64];
            const char *texts[3] = {line, "", big};
            size_t sizes[3] = {(size_t)snprintf(line, sizeof line, "line %d\n", i), 0,
                               i % 20 == 0 ? big_size : (size_t)i * 30};
            struct eg_batch *batch = records(texts, sizes, 3);
            for (int k = 0; k < 3; k++) {
                memcpy(expected + total, texts[k], sizes[k]);
                total += sizes[k];
            }
            good = good && eg_sink_stdout.write(sink, batch, NULL) == EG_OK;
            eg_batch_unref(batch);
        }
        good = good && eg_sink_stdout.flush(sink, NULL, 0, NULL) == EG_OK;
        output_back();
        pthread_join(thread, NULL);
        assert_true(good);
        assert_int_equal(reader.size, total);
        assert_int_equal(memcmp(reader.text, expected, total), 0);
        eg_sink_stdout.close(sink);
        close(ends[0]);
        free(reader.text);
        free(big);
        free(expected);
    }
}

static enum eg_status write_to(int fd, struct eg_error *err) {
    const char *text = "some text\n";
    size_t size = strlen(text);
    struct eg_sink *sink = open_stdout(&eg_env_plain);
    struct eg_batch *batch = records(&text, &size, 1);
    output_to(fd);
    enum eg_status status = eg_sink_stdout.write(sink, batch, err); /* buffered */
    if (status == EG_OK) status = eg_sink_stdout.flush(sink, NULL, 0, err);
    output_back();
    eg_batch_unref(batch);
    eg_sink_stdout.close(sink);
    return status;
}

/* A reader that went away ends the run quietly; a full disk is an error that says so. */
static void endings(void **state) {
    (void)state;
    int ends[2];
    struct eg_error err = {0};
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write_to(ends[1], &err), EG_E_CANCELLED);
    assert_non_null(strstr(err.message, "closed by its reader"));
    close(ends[1]);
    int full = open("/dev/full", O_WRONLY);
    if (full < 0) skip();
    assert_int_equal(write_to(full, &err), EG_E_NOSPACE);
    assert_non_null(strstr(err.message, "standard output"));
    close(full);
}

/* Blocked on a pipe that nobody reads, it can be interrupted. */
static void interrupted(void **state) {
    (void)state;
    int ends[2];
    atomic_bool cancel = true;
    struct eg_env env = eg_env_plain;
    env.cancel = &cancel;
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    char *big = calloc(1, 1 << 20);
    const char *text = big;
    size_t size = 1 << 20;
    struct eg_sink *sink = open_stdout(&env);
    struct eg_batch *batch = records(&text, &size, 1);
    output_to(ends[1]);
    enum eg_status status = eg_sink_stdout.write(sink, batch, NULL);
    output_back();
    assert_int_equal(status, EG_E_CANCELLED);
    eg_batch_unref(batch);
    eg_sink_stdout.close(sink);
    close(ends[0]);
    close(ends[1]);
    free(big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_in_order),
        cmocka_unit_test(endings),
        cmocka_unit_test(interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
