/* SPDX-License-Identifier: Apache-2.0
 * A hash table of paths, in chains. */
#include "source/directory_table.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

#define ROOM_LEAST 64

bool eg_file_sign_same(const struct eg_file_sign *a, const struct eg_file_sign *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns;
}

static struct eg_file **place_of(const struct eg_file_table *table, const char *path,
                                 uint64_t hash) {
    struct eg_file **at = &table->buckets[hash & (table->room - 1)];
    while (*at && ((*at)->hash != hash || strcmp((*at)->path, path) != 0)) at = &(*at)->next;
    return at;
}

struct eg_file *eg_file_table_find(const struct eg_file_table *table, const char *path) {
    if (!table->room) return NULL;
    return *place_of(table, path, eg_hash64(path, strlen(path), 0));
}

static bool grow(struct eg_file_table *table) {
    size_t room = table->room ? table->room * 2 : ROOM_LEAST;
    struct eg_file **buckets = eg_calloc(room, sizeof(struct eg_file *));
    if (!buckets) return table->room > 0; /* a full table is only slower */
    for (size_t i = 0; i < table->room; i++)
        for (struct eg_file *file = table->buckets[i], *next; file; file = next) {
            next = file->next;
            file->next = buckets[file->hash & (room - 1)];
            buckets[file->hash & (room - 1)] = file;
        }
    eg_free(table->buckets);
    table->buckets = buckets;
    table->room = room;
    return true;
}

struct eg_file *eg_file_table_add(struct eg_file_table *table, const char *path) {
    size_t size = strlen(path);
    if (table->count >= table->room && !grow(table)) return NULL;
    struct eg_file *file = eg_calloc(1, sizeof *file + size + 1);
    if (!file) return NULL;
    memcpy(file->path, path, size + 1);
    file->hash = eg_hash64(path, size, 0);
    struct eg_file **at = &table->buckets[file->hash & (table->room - 1)];
    file->next = *at;
    *at = file;
    table->count++;
    table->ready++;
    return file;
}

void eg_file_table_set(struct eg_file_table *table, struct eg_file *file,
                       enum eg_file_state state) {
    table->ready += state == EG_FILE_READY;
    table->ready -= file->state == EG_FILE_READY;
    file->state = state;
}

static void unlink_at(struct eg_file_table *table, struct eg_file **at) {
    struct eg_file *file = *at;
    *at = file->next;
    table->count--;
    table->ready -= file->state == EG_FILE_READY;
    eg_free(file);
}

void eg_file_table_drop(struct eg_file_table *table, struct eg_file *file) {
    unlink_at(table, place_of(table, file->path, file->hash));
}

void eg_file_table_drop_unseen(struct eg_file_table *table, uint64_t look) {
    for (size_t i = 0; i < table->room; i++)
        for (struct eg_file **at = &table->buckets[i]; *at;) {
            if ((*at)->look < look && (*at)->state != EG_FILE_OFFERED)
                unlink_at(table, at);
            else
                at = &(*at)->next;
        }
}

void eg_file_table_ready(const struct eg_file_table *table, struct eg_file **to) {
    for (size_t i = 0; i < table->room; i++)
        for (struct eg_file *file = table->buckets[i]; file; file = file->next)
            if (file->state == EG_FILE_READY) *to++ = file;
}

void eg_file_table_reset(struct eg_file_table *table) {
    for (size_t i = 0; i < table->room; i++)
        while (table->buckets[i]) unlink_at(table, &table->buckets[i]);
    eg_free(table->buckets);
    *table = (struct eg_file_table){0};
}
