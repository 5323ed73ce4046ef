/* SPDX-License-Identifier: Apache-2.0
 * When the next trigger comes: after an interval, or as soon as a commit appears. Where the kernel
 * does not tell of commits (the directory is not there yet, a network file system), a look each second
 * does. Source: inotify(7). */
#include "cli/watch.h"

#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 100    /* how long an end that is asked for may wait */
#define POLL_US 1000000 /* continuous, where nothing is told */
#define GATHER_US 50000 /* commits often come several at once */

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void listen_to(struct eg_watch_wait *wait, const char *dataset) {
    char path[4200];
    if (wait->inotify >= 0) return;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    snprintf(path, sizeof path, "%.4096s/_earlgrey/commits", dataset);
    if (fd >= 0 && inotify_add_watch(fd, path, IN_MOVED_TO | IN_CREATE) < 0) {
        close(fd);
        fd = -1;
    }
    wait->inotify = fd;
}

/* Sleeps at most until `until_us`; true: the kernel told of something. */
static bool nap(const struct eg_watch_wait *wait, int64_t until_us) {
    int64_t left_ms = (until_us - monotonic_us()) / 1000 + 1;
    int timeout = left_ms < SLICE_MS ? (int)left_ms : SLICE_MS;
    struct pollfd fds = {.fd = wait->inotify, .events = POLLIN};
    if (timeout < 0) timeout = 0;
    if (poll(&fds, wait->inotify >= 0, timeout) <= 0) return false;
    char events[4096];
    while (read(wait->inotify, events, sizeof events) > 0) {
    }
    return true;
}

bool eg_watch_wait(struct eg_watch_wait *wait, const struct eg_env *env, const char *dataset) {
    if (wait->continuous) listen_to(wait, dataset);
    int64_t until = wait->continuous ? monotonic_us() + POLL_US : wait->next_us;
    for (bool told = false; monotonic_us() < until;) {
        if (eg_env_cancelled(env)) return false;
        if (!nap(wait, until) || told) continue;
        told = true; /* once, so that one commit after the other does not put it off for ever */
        if (wait->continuous) until = monotonic_us() + GATHER_US;
    }
    /* one that took longer than the interval does not pile up others */
    int64_t now = monotonic_us();
    wait->next_us += wait->every_us;
    if (wait->next_us < now) wait->next_us = now + wait->every_us;
    return !eg_env_cancelled(env);
}

void eg_watch_wait_close(struct eg_watch_wait *wait) {
    if (wait->inotify >= 0) close(wait->inotify);
    wait->inotify = -1;
}
