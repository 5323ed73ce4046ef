/* SPDX-License-Identifier: Apache-2.0
 * The account of a run of the pump, and the sum of several runs. */
#include "base/alloc.h"
#include "table/pump.h"
#include "table/troubles.h"

#include <string.h>

#define TROUBLES_MAX 1000 /* of several runs; later ones are counted, and told when they happen */

void eg_pump_account_reset(struct eg_pump_account *account) {
    egi_troubles_free(account->troubles, account->trouble_count);
    eg_tally_reset(&account->tally);
    eg_tally_reset(&account->unflushed);
    *account = (struct eg_pump_account){.first_us = INT64_MAX, .last_us = INT64_MIN};
}

struct eg_pump_raw *eg_pump_account_raw(struct eg_pump_account *account, const char *name) {
    for (size_t i = 0; i < account->raw_count; i++)
        if (strcmp(account->raw[i].name, name) == 0) return &account->raw[i];
    if (account->raw_count == EG_PUMP_RAW_MAX) return NULL;
    account->raw[account->raw_count] = (struct eg_pump_raw){.name = name};
    return &account->raw[account->raw_count++];
}

void eg_pump_account_losses(struct eg_pump_account *account, const struct eg_pump_sink *sink,
                            struct eg_tally *to) {
    struct eg_tally own = {0};
    struct eg_pump_raw *raw =
        sink->type->takes == EG_TAKES_RAW ? eg_pump_account_raw(account, sink->name) : NULL;
    sink->type->losses(sink->sink, &own);
    for (uint32_t i = 0; raw && i < own.count; i++)
        if (own.entries[i].packets > 0) raw->lost += (uint64_t)own.entries[i].packets;
    eg_tally_merge(to, &own);
    eg_tally_reset(&own);
}

void eg_pump_account_drop(struct eg_pump_account *account, size_t index) {
    struct eg_trouble *t = &account->troubles[index];
    eg_free(t->input);
    eg_free(t->message);
    account->trouble_count--;
    memmove(t, t + 1, (account->trouble_count - index) * sizeof *t);
}

static enum eg_status troubles_append(struct eg_pump_account *into,
                                      const struct eg_pump_account *from, struct eg_error *err) {
    size_t more = from->trouble_count, count = into->trouble_count;
    if (more > TROUBLES_MAX - count) more = TROUBLES_MAX - count;
    if (!more) return EG_OK;
    struct eg_trouble *items = eg_realloc(into->troubles, count + more, sizeof *items);
    if (!items) return eg_fail(err, EG_E_NOMEM, "no memory for the account");
    into->troubles = items;
    struct eg_trouble *fresh;
    size_t copied;
    enum eg_status status = egi_troubles_copy(&fresh, &copied, from->troubles, more, err);
    for (size_t i = 0; i < copied; i++) items[into->trouble_count++] = fresh[i];
    eg_free(fresh); /* the texts have moved */
    return status;
}

enum eg_status eg_pump_account_merge(struct eg_pump_account *into,
                                     const struct eg_pump_account *from, struct eg_error *err) {
    into->seen.bytes_done += from->seen.bytes_done;
    into->seen.bytes_total += from->seen.bytes_total;
    into->seen.frames += from->seen.frames;
    into->seen.datagrams += from->seen.datagrams;
    for (int table = 0; table < EG_TABLE_COUNT; table++) {
        into->seen.rows[table] += from->seen.rows[table];
        into->kept[table] += from->kept[table];
    }
    for (size_t i = 0; i < from->raw_count; i++) {
        struct eg_pump_raw *raw = eg_pump_account_raw(into, from->raw[i].name);
        if (raw) raw->rows += from->raw[i].rows;
        if (raw) raw->lost += from->raw[i].lost;
    }
    into->metered += from->metered;
    into->inputs += from->inputs;
    into->inputs_known += from->inputs_known;
    into->inputs_failed += from->inputs_failed;
    eg_tally_merge(&into->tally, &from->tally);
    eg_tally_merge(&into->tally, &from->unflushed);
    if (from->first_us < into->first_us) into->first_us = from->first_us;
    if (from->last_us > into->last_us) into->last_us = from->last_us;
    return troubles_append(into, from, err);
}
