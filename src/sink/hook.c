/* SPDX-License-Identifier: Apache-2.0
 * A program for each finished file. Source: posix_spawn(3), waitpid(2). */
#include "sink/hook.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEND_MS 20
#define TELL_MS 1000  /* what is waited for longer is told */
#define HURRY_MS 1000 /* whoever interrupts waits no longer */

struct running {
    pid_t pid; /* 0: free */
    char *path;
};

struct eg_hook {
    const struct eg_env *env;
    const char *program;
    struct running *running; /* `at_once` of them */
    uint32_t at_once, running_count;
    char **waiting; /* a ring */
    uint32_t first, count;
    uint64_t runs, failures;
};

static void failed(struct eg_hook *hook, const char *path, const char *how, int number) {
    char message[768];
    hook->failures++;
    snprintf(message, sizeof message, "%.200s for %.400s: %s %d", hook->program, path, how, number);
    hook->env->log(hook->env->log_to, 4, message);
}

enum eg_status eg_hook_open(struct eg_hook **out, const struct eg_env *env, const char *program,
                            uint32_t at_once, struct eg_error *err) {
    struct stat found;
    if (stat(program, &found) != 0) {
        eg_fail_errno(err, errno, "cannot run %.400s", program);
        if (err) err->status = EG_E_USAGE;
        return EG_E_USAGE;
    }
    if (!S_ISREG(found.st_mode) || access(program, X_OK) != 0)
        return eg_fail(err, EG_E_USAGE, "%.400s is no program that may be run", program);
    struct eg_hook *hook = eg_calloc(1, sizeof *hook);
    if (hook) {
        hook->env = env;
        hook->program = program;
        hook->at_once = at_once;
        hook->running = eg_calloc(at_once, sizeof *hook->running);
        hook->waiting = eg_calloc(EG_HOOK_WAITING_MAX, sizeof *hook->waiting);
    }
    if (!hook || !hook->running || !hook->waiting) {
        eg_hook_free(hook);
        return eg_fail(err, EG_E_NOMEM, "no memory to run %.400s", program);
    }
    *out = hook;
    return EG_OK;
}

/* Standard input is empty; what the program says goes where our own messages go. */
static int spawn(const char *program, char *path, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t set;
    char *words[] = {(char *)(uintptr_t)program, path, NULL};
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                       POSIX_SPAWN_SETPGROUP);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&how, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&how, &set);
    int status = posix_spawn(pid, program, &files, &how, words, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return status;
}

static void start(struct eg_hook *hook) {
    while (hook->count && hook->running_count < hook->at_once) {
        char *path = hook->waiting[hook->first];
        hook->first = (hook->first + 1) % EG_HOOK_WAITING_MAX;
        hook->count--;
        uint32_t slot = 0;
        while (hook->running[slot].pid) slot++;
        pid_t pid;
        int status = spawn(hook->program, path, &pid);
        if (status != 0) {
            failed(hook, path, "cannot be run: error", status);
            eg_free(path);
            continue;
        }
        hook->runs++;
        hook->running_count++;
        hook->running[slot] = (struct running){pid, path};
    }
}

void eg_hook_tend(struct eg_hook *hook) {
    for (uint32_t slot = 0; slot < hook->at_once && hook->running_count; slot++) {
        struct running *one = &hook->running[slot];
        int status = 0; /* where nobody can tell any more how it ended */
        if (!one->pid || waitpid(one->pid, &status, WNOHANG) == 0) continue;
        if (WIFSIGNALED(status))
            failed(hook, one->path, "was ended by signal", WTERMSIG(status));
        else if (WIFEXITED(status) && WEXITSTATUS(status))
            failed(hook, one->path, "exited with", WEXITSTATUS(status));
        eg_free(one->path);
        *one = (struct running){0};
        hook->running_count--;
    }
    start(hook);
}

void eg_hook_run(struct eg_hook *hook, const char *path) {
    eg_hook_tend(hook);
    char *copy = hook->count < EG_HOOK_WAITING_MAX ? eg_strdup(path) : NULL;
    if (!copy) {
        failed(hook, path, "is not run, too many wait already:", (int)hook->count);
        return;
    }
    hook->waiting[(hook->first + hook->count++) % EG_HOOK_WAITING_MAX] = copy;
    start(hook);
}

uint64_t eg_hook_failures(const struct eg_hook *hook) { return hook->failures; }
uint64_t eg_hook_runs(const struct eg_hook *hook) { return hook->runs; }

static void waiting_tell(const struct eg_hook *hook, int64_t wait_ms) {
    char message[320];
    snprintf(message, sizeof message, "%.200s still runs: it is waited for, at most %d s more",
             hook->program, (int)(wait_ms / 1000));
    hook->env->log(hook->env->log_to, 6, message);
}

void eg_hook_finish(struct eg_hook *hook, int64_t wait_ms) {
    const struct timespec nap = {.tv_nsec = TEND_MS * 1000000L};
    int64_t waited_ms = 0;
    for (;; waited_ms += TEND_MS) {
        bool hurry = eg_env_cancelled(hook->env);
        eg_hook_tend(hook);
        if (!hook->count && !hook->running_count) break;
        if (waited_ms >= (hurry && wait_ms > HURRY_MS ? HURRY_MS : wait_ms)) break;
        if (waited_ms == TELL_MS) waiting_tell(hook, wait_ms - waited_ms);
        nanosleep(&nap, NULL);
    }
    for (; hook->count; hook->count--) {
        char *path = hook->waiting[hook->first];
        failed(hook, path, "was not run before the end; waiting:", (int)hook->count);
        eg_free(path);
        hook->first = (hook->first + 1) % EG_HOOK_WAITING_MAX;
    }
}

void eg_hook_free(struct eg_hook *hook) {
    if (!hook) return;
    for (; hook->count; hook->count--) {
        eg_free(hook->waiting[hook->first]);
        hook->first = (hook->first + 1) % EG_HOOK_WAITING_MAX;
    }
    for (uint32_t i = 0; hook->running && i < hook->at_once; i++) eg_free(hook->running[i].path);
    eg_free(hook->running);
    eg_free(hook->waiting);
    eg_free(hook);
}
