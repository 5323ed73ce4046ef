/* SPDX-License-Identifier: Apache-2.0
 * Hours far from now: those that are in use stay, a new one takes the place of the one whose last use
 * was longest ago, as long as time has given back one for it. */
#include "store/far_hours.h"

#include "store/layout.h"

static void give_back(struct eg_far_hours *far, int64_t now_us) {
    int64_t passed = now_us - far->since_us;
    int64_t given = passed / EG_FAR_EVERY_US;
    if (passed < 0 || !far->spent || given >= far->spent) {
        /* a clock that was set back gives nothing, and counts from there */
        if (passed >= 0) far->spent = 0;
        far->since_us = now_us;
        return;
    }
    far->spent -= (uint32_t)given;
    far->since_us += given * EG_FAR_EVERY_US;
}

static uint32_t find(const struct eg_far_hours *far, int64_t hour_us) {
    for (uint32_t i = 0; i < far->count; i++)
        if (far->hours[i].hour_us == hour_us) return i;
    return EG_FAR_HOURS;
}

static uint32_t longest_unused(const struct eg_far_hours *far) {
    uint32_t at = 0;
    for (uint32_t i = 1; i < far->count; i++)
        if (far->hours[i].used < far->hours[at].used) at = i;
    return at;
}

bool eg_far_hours_admit(struct eg_far_hours *far, int64_t start_us, int64_t now_us) {
    if (eg_far_hours_none(start_us, start_us, now_us)) return true;
    int64_t hour_us = start_us - start_us % EG_HOUR_US; /* from 1990 on */
    uint32_t at = far->last;
    if (at >= far->count || far->hours[at].hour_us != hour_us) at = find(far, hour_us);
    if (at == EG_FAR_HOURS) {
        give_back(far, now_us);
        if (far->spent >= EG_FAR_HOURS) return false;
        far->spent++;
        at = far->count < EG_FAR_HOURS ? far->count++ : longest_unused(far);
        far->hours[at].hour_us = hour_us;
    }
    far->hours[at].used = ++far->uses;
    far->last = at;
    return true;
}
