/* SPDX-License-Identifier: Apache-2.0
 * What the tests of upkeep share: a dataset of small files, and what was told of each hour. */
#ifndef EG_TEST_UPKEEP_MAKE_H
#define EG_TEST_UPKEEP_MAKE_H

#include "parquet.h"
#include "store/upkeep.h"

#include <time.h>

/* Two hours, two files each, of 10 rows; by the clock of the tests, at noon, both have just begun. */
static inline void small_files(const char *root) {
    for (int i = 0; i < 2; i++) {
        struct eg_sink *sink = sink_open_at(root);
        struct eg_position p = position_at(i ? "b" : "a", 100);
        sink_write_flows(sink, NOON, HOUR / 10, 20);
        must(eg_sink_dataset.flush(sink, &p, 1, ERR));
        eg_sink_dataset.close(sink);
    }
}

static struct told_hours {
    int count, done, later, failed;
    struct eg_upkeep_hour last;
} told_hours;
static inline void note_hour(void *to, const struct eg_upkeep_hour *hour) {
    (void)to;
    told_hours.count++;
    told_hours.done += hour->status == EG_OK;
    told_hours.later += hour->status == EG_END;
    told_hours.failed += hour->status < 0;
    told_hours.last = *hour;
}
static const struct eg_upkeep_call at_once = {.told = note_hour};
static const struct eg_upkeep_call dry = {.told = note_hour, .dry_run = true};

/* The clock of the tests, some hours on. */
static int64_t later_clock(void *clock) { return NOON + *(const int64_t *)clock * HOUR; }
static inline struct eg_env env_hours_on(int64_t *hours) {
    struct eg_env env = test_env;
    env.now_us = later_clock;
    env.clock = hours;
    return env;
}

#endif
