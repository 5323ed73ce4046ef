/* SPDX-License-Identifier: Apache-2.0
 * Inputs: names, reading on, at a place, anew; pipes that wait, and being interrupted. */
#include "source/input.h"

#include "source/read_source.h"
#include "source/temp_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static uint8_t bytes[700000];

static int setup(void **state) {
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    if (path_make(state) != 0) return -1;
    file_write(path, bytes, sizeof bytes);
    return 0;
}

static size_t read_all(struct eg_input *in, uint8_t *to, size_t piece) {
    size_t total = 0, got;
    do {
        assert_int_equal(eg_input_read(in, to + total, piece, &got, NULL), EG_OK);
        total += got;
    } while (got);
    return total;
}

static void reads_on_anew_and_anywhere(void **state) {
    (void)state;
    struct eg_input in;
    assert_int_equal(eg_input_open(&in, &eg_env_plain, path, NULL), EG_OK);
    assert_true(in.regular && in.identified);
    assert_int_equal(in.size, sizeof bytes);
    assert_int_equal(in.packing, EG_PACKING_NONE);
    uint8_t *to = malloc(sizeof bytes + 100000);
    for (size_t piece = 1000; piece < 1 << 20; piece *= 10) {
        assert_int_equal(read_all(&in, to, piece < 100000 ? piece : 100000), sizeof bytes);
        assert_memory_equal(to, bytes, sizeof bytes);
        assert_int_equal(eg_input_rewind(&in, NULL), EG_OK);
    }
    size_t got;
    assert_int_equal(eg_input_pread(&in, to, 1000, sizeof bytes - 400, &got, NULL), EG_OK);
    assert_int_equal(got, 400);
    assert_memory_equal(to, bytes + sizeof bytes - 400, 400);
    assert_int_equal(eg_input_pread(&in, to, 10, sizeof bytes + 5, &got, NULL), EG_OK);
    assert_int_equal(got, 0);
    assert_true(eg_input_ready(&in, 0));
    eg_input_reset(&in);
    free(to);
}

static void errors_name_what_and_why(void **state) {
    (void)state;
    struct eg_input in;
    struct eg_error err;
    assert_int_equal(eg_input_open(&in, &eg_env_plain, "/nowhere/to/be/found", &err), EG_E_NOENT);
    assert_string_equal(err.message, "cannot open /nowhere/to/be/found: No such file or directory");
    assert_int_equal(eg_input_open(&in, &eg_env_plain, "/tmp", &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "/tmp is a directory"));
    assert_int_equal(eg_input_open(&in, &eg_env_plain, "/dev/null", &err), EG_E_FORMAT);
    assert_string_equal(err.message, "/dev/null is empty");
    assert_int_equal(eg_input_open(&in, &eg_env_plain, "file:///with%20blank%zz", &err),
                     EG_E_NOENT);
    assert_non_null(strstr(err.message, "cannot open /with blank%zz: "));
}

/* A pipe in which ten digits wait, and its name. */
static void pipe_with_digits(int ends[2], char name[64]) {
    assert_int_equal(pipe(ends), 0);
    snprintf(name, 64, "/dev/fd/%d", ends[0]);
    assert_int_equal(write(ends[1], "0123456789", 10), 10);
}

static void a_pipe_has_no_identity(void **state) {
    (void)state;
    int ends[2];
    char name[64];
    pipe_with_digits(ends, name);
    struct eg_input in;
    assert_int_equal(eg_input_open(&in, &eg_env_plain, name, NULL), EG_OK);
    assert_false(in.regular || in.identified);
    uint8_t to[64];
    size_t got;
    assert_true(eg_input_ready(&in, 0)); /* what was looked at to tell the packing */
    assert_int_equal(eg_input_read(&in, to, 4, &got, NULL), EG_OK);
    assert_int_equal(got, 4);
    assert_int_equal(eg_input_read(&in, to + 4, 60, &got, NULL), EG_OK);
    assert_int_equal(got, 6);
    assert_memory_equal(to, "0123456789", 10);
    assert_false(eg_input_ready(&in, 0));
    assert_int_equal(write(ends[1], "ab", 2), 2);
    assert_true(eg_input_ready(&in, 0));
    assert_int_equal(eg_input_read(&in, to, 60, &got, NULL), EG_OK);
    assert_int_equal(got, 2);
    close(ends[1]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(eg_input_read(&in, to, 60, &got, NULL), EG_OK);
        assert_int_equal(got, 0);
    }
    eg_input_reset(&in);
    close(ends[0]);
}

static void waiting_can_be_interrupted(void **state) {
    (void)state;
    int ends[2];
    char name[64];
    pipe_with_digits(ends, name);
    atomic_bool cancel = false;
    struct eg_env env = eg_env_plain;
    env.cancel = &cancel;
    struct eg_input in;
    assert_int_equal(eg_input_open(&in, &env, name, NULL), EG_OK);
    uint8_t to[64];
    size_t got;
    assert_int_equal(eg_input_read(&in, to, 64, &got, NULL), EG_OK);
    atomic_store(&cancel, true);
    assert_int_equal(eg_input_read(&in, to, 64, &got, NULL), EG_E_CANCELLED);
    eg_input_reset(&in);
    close(ends[0]);
    close(ends[1]);
}

struct stopping {
    atomic_bool cancel;
    pthread_t waiting;
};

static void heard(int signal) { (void)signal; }

/* A signal that asks for nothing, then one that asks to stop, but is given to another thread. */
static void *stop_soon(void *stopping) {
    struct stopping *s = stopping;
    usleep(200000);
    pthread_kill(s->waiting, SIGUSR1);
    usleep(200000);
    atomic_store(&s->cancel, true);
    return NULL;
}

/* Nobody ever writes to it. */
static void opening_a_fifo_can_be_interrupted(void **state) {
    (void)state;
    char directory[] = "/tmp/earlgrey-input-fifo-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char name[64];
    snprintf(name, sizeof name, "%s/f", directory);
    assert_int_equal(mkfifo(name, 0600), 0);
    struct sigaction action = {.sa_handler = heard}, before; /* no SA_RESTART */
    sigaction(SIGUSR1, &action, &before);
    struct stopping stopping = {.waiting = pthread_self()};
    struct eg_env env = eg_env_plain;
    env.cancel = &stopping.cancel;
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, stop_soon, &stopping), 0);
    struct eg_input in;
    struct eg_error err;
    alarm(20); /* rather dead than waiting for ever */
    assert_int_equal(eg_input_open(&in, &env, name, &err), EG_E_CANCELLED);
    alarm(0);
    assert_string_equal(err.message, "interrupted");
    assert_true(atomic_load(&stopping.cancel));
    pthread_join(other, NULL);
    sigaction(SIGUSR1, &before, NULL);
    unlink(name);
    rmdir(directory);
}

static void *write_late(void *name) {
    usleep(200000);
    int fd = open(name, O_WRONLY);
    bool wrote = write(fd, "0123456789", 10) == 10;
    usleep(200000);
    wrote = write(fd, "ab", 2) == 2 && wrote;
    close(fd);
    return wrote ? name : NULL;
}

/* A writer that comes late and stops in between is waited for. */
static void a_fifo_waits_for_its_writer(void **state) {
    (void)state;
    char directory[] = "/tmp/earlgrey-input-fifo-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char name[64];
    snprintf(name, sizeof name, "%s/f", directory);
    assert_int_equal(mkfifo(name, 0600), 0);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_late, name), 0);
    struct eg_input in;
    alarm(20);
    assert_int_equal(eg_input_open(&in, &eg_env_plain, name, NULL), EG_OK);
    uint8_t to[64];
    assert_int_equal(read_all(&in, to, 16), 12);
    alarm(0);
    assert_memory_equal(to, "0123456789ab", 12);
    void *wrote;
    pthread_join(writer, &wrote);
    assert_non_null(wrote);
    eg_input_reset(&in);
    unlink(name);
    rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_on_anew_and_anywhere),
        cmocka_unit_test(errors_name_what_and_why),
        cmocka_unit_test(a_pipe_has_no_identity),
        cmocka_unit_test(waiting_can_be_interrupted),
        cmocka_unit_test(opening_a_fifo_can_be_interrupted),
        cmocka_unit_test(a_fifo_waits_for_its_writer),
    };
    return cmocka_run_group_tests(tests, setup, path_remove);
}
