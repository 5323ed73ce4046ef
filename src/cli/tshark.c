/* SPDX-License-Identifier: Apache-2.0
 * A bounded tshark. */
#include "cli/tshark.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define POLL_MS 100
#define WORDS_MAX 16

static int64_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static bool program_find(char *path, size_t size) {
    const char *places = getenv("PATH");
    for (const char *at = places ? places : "/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        int used = snprintf(path, size, "%.*s/tshark", (int)length, at);
        if (used > 0 && (size_t)used < size && access(path, X_OK) == 0) return true;
        at += length;
        at += *at == ':';
    }
    return false;
}

static void bound(enum __rlimit_resource what, rlim_t most) {
    struct rlimit limit = {most, most};
    (void)setrlimit(what, &limit);
}

/* In the child, between fork and exec: only what is safe there. */
static void child_run(const char *path, char *const *words, int in, int out, int told,
                      pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it went before that was said */
    setpgid(0, 0);                       /* the terminal's interrupt is for us to pass on */
    bound(RLIMIT_AS, EG_TSHARK_MEMORY);
    bound(RLIMIT_CPU, EG_TSHARK_SECONDS);
    bound(RLIMIT_CORE, 0);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(told, STDERR_FILENO) < 0)
        _exit(127);
    execv(path, words);
    _exit(127);
}

/* ---- its output ---- */

static enum eg_status output_take(struct eg_tshark *t, char *chunk, struct eg_error *err) {
    struct pollfd waiting = {.fd = t->out, .events = POLLIN};
    if (eg_env_cancelled(t->env)) return eg_fail(err, EG_E_CANCELLED, "interrupted");
    if (now_s() > t->until)
        return eg_fail(err, EG_E_NOMEM, "tshark took more than %d s: ask for fewer packets (-c)",
                       EG_TSHARK_SECONDS);
    if (poll(&waiting, 1, POLL_MS) <= 0) return EG_OK;
    ssize_t got = read(t->out, chunk, CHUNK);
    if (got < 0 && errno == EINTR) return EG_OK;
    if (got < 0) return eg_fail_errno(err, errno, "cannot read what tshark prints");
    if (got == 0) return EG_END;
    t->printed += (uint64_t)got;
    if (t->printed > EG_TSHARK_OUTPUT)
        return eg_fail(err, EG_E_NOMEM,
                       "tshark printed more than %llu GiB: ask for fewer packets (-c)",
                       (unsigned long long)(EG_TSHARK_OUTPUT >> 30));
    enum eg_status status = t->take(t->to, chunk, (size_t)got, err);
    t->enough = status == EG_END;
    return status;
}

static void *output_read(void *given) {
    struct eg_tshark *t = given;
    char *chunk = eg_malloc(CHUNK);
    t->status =
        chunk ? EG_OK : eg_fail(&t->error, EG_E_NOMEM, "no memory to read what tshark prints");
    while (t->status == EG_OK) t->status = output_take(t, chunk, &t->error);
    if (t->status < 0 || t->enough) kill(t->pid, SIGKILL);
    eg_free(chunk);
    return NULL;
}

/* ---- life ---- */

static void descriptors_close(struct eg_tshark *t) {
    int *all[] = {&t->in, &t->out, &t->told};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i] >= 0) close(*all[i]);
        *all[i] = -1;
    }
}

static enum eg_status child_start(struct eg_tshark *t, const char *path, char *const *words,
                                  struct eg_error *err) {
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    t->told = memfd_create("tshark", MFD_CLOEXEC);
    bool made = t->told >= 0 && pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0;
    pid_t parent = getpid();
    t->pid = made ? fork() : -1;
    if (t->pid == 0) child_run(path, words, in[0], out[1], t->told, parent);
    int trouble = errno;
    if (in[0] >= 0) close(in[0]);
    if (out[1] >= 0) close(out[1]);
    t->in = in[1];
    t->out = out[0];
    if (t->pid > 0) return EG_OK;
    descriptors_close(t);
    return eg_fail_errno(err, trouble, "cannot start tshark");
}

enum eg_status
eg_tshark_start(struct eg_tshark *t, const struct eg_env *env, const char *const *words,
                enum eg_status (*take)(void *, const char *, size_t, struct eg_error *), void *to,
                struct eg_error *err) {
    char path[4096], *all[WORDS_MAX + 2] = {(char *)(uintptr_t) "tshark"};
    *t = (struct eg_tshark){.env = env, .in = -1, .out = -1, .told = -1, .take = take, .to = to};
    if (!program_find(path, sizeof path))
        return eg_fail(
            err, EG_E_NOENT,
            "tshark is not there, which takes packets apart for this (Debian: apt install "
            "tshark)");
    for (size_t i = 0; words[i] && i < WORDS_MAX; i++) all[i + 1] = (char *)(uintptr_t)words[i];
    EG_TRY(child_start(t, path, all, err));
    t->until = now_s() + EG_TSHARK_SECONDS;
    t->reading = pthread_create(&t->reader, NULL, output_read, t) == 0;
    if (t->reading) return EG_OK;
    kill(t->pid, SIGKILL);
    waitpid(t->pid, NULL, 0);
    descriptors_close(t);
    return eg_fail(err, EG_E_NOMEM, "cannot start tshark");
}

/* The last line that it complained in. */
static void complaint(int fd, char *to, size_t size) {
    char text[2048];
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    ssize_t got = pread(fd, text, sizeof text - 1, from);
    text[got > 0 ? got : 0] = 0;
    while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == '\r')) text[--got] = 0;
    const char *line = strrchr(text, '\n');
    snprintf(to, size, "%s", line ? line + 1 : text);
}

enum eg_status eg_tshark_finish(struct eg_tshark *t, enum eg_status given, struct eg_error *err) {
    int ended = 0;
    char why[400];
    if (given < 0) kill(t->pid, SIGKILL);
    close(t->in);
    t->in = -1;
    if (t->reading) pthread_join(t->reader, NULL);
    while (waitpid(t->pid, &ended, 0) < 0 && errno == EINTR) {
    }
    complaint(t->told, why, sizeof why);
    descriptors_close(t);
    if (given < 0) return given;
    if (t->status < 0) {
        if (err) *err = t->error;
        return t->status;
    }
    if (t->enough || (WIFEXITED(ended) && WEXITSTATUS(ended) == 0)) return EG_OK;
    return eg_fail(err, EG_E_IO, "tshark failed%s%s", why[0] ? ": " : "", why);
}
