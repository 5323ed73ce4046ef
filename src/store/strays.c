/* SPDX-License-Identifier: Apache-2.0
 * Hours far from now: those that are in use stay, a new one takes the place of the one whose last use
 * was longest ago, as long as time has given back one for it. */
#include "store/strays.h"

#include "store/layout.h"

static void give_back(struct eg_strays *strays, int64_t now_us) {
    int64_t passed = now_us - strays->since_us;
    int64_t given = passed / EG_STRAY_EVERY_US;
    if (passed < 0 || !strays->spent || given >= strays->spent) {
        /* a clock that was set back gives nothing, and counts from there */
        if (passed >= 0) strays->spent = 0;
        strays->since_us = now_us;
        return;
    }
    strays->spent -= (uint32_t)given;
    strays->since_us += given * EG_STRAY_EVERY_US;
}

static uint32_t find(const struct eg_strays *strays, int64_t hour_us) {
    for (uint32_t i = 0; i < strays->count; i++)
        if (strays->hours[i].hour_us == hour_us) return i;
    return EG_STRAY_HOURS;
}

static uint32_t longest_unused(const struct eg_strays *strays) {
    uint32_t at = 0;
    for (uint32_t i = 1; i < strays->count; i++)
        if (strays->hours[i].used < strays->hours[at].used) at = i;
    return at;
}

bool eg_strays_admit(struct eg_strays *strays, int64_t start_us, int64_t now_us) {
    if (eg_strays_none(start_us, start_us, now_us)) return true;
    int64_t hour_us = start_us - start_us % EG_HOUR_US; /* from 1990 on */
    uint32_t at = strays->last;
    if (at >= strays->count || strays->hours[at].hour_us != hour_us) at = find(strays, hour_us);
    if (at == EG_STRAY_HOURS) {
        give_back(strays, now_us);
        if (strays->spent >= EG_STRAY_HOURS) return false;
        strays->spent++;
        at = strays->count < EG_STRAY_HOURS ? strays->count++ : longest_unused(strays);
        strays->hours[at].hour_us = hour_us;
    }
    strays->hours[at].used = ++strays->uses;
    strays->last = at;
    return true;
}
