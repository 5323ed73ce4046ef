/* SPDX-License-Identifier: Apache-2.0
 * What an ingest reads: the words of the call, sorted into groups that are read by themselves. */
#include "base/alloc.h"
#include "cli/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The source a word like "udp://…" or "iface:…" names; NULL: it is a path. */
static const struct eg_stage *scheme_of(const char *word) {
    const char *colon = strchr(word, ':');
    char name[32];
    if (!colon || (size_t)(colon - word) >= sizeof name ||
        memchr(word, '/', (size_t)(colon - word)))
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)(colon - word), word);
    return eg_registry_find(EG_STAGE_source, name);
}

static struct eg_group *group_add(struct eg_ingest *in, struct eg_error *err) {
    if (in->group_count == EG_SINKS_MAX) {
        eg_fail(err, EG_E_USAGE, "at most %d sources that are not files", EG_SINKS_MAX);
        return NULL;
    }
    return &in->groups[in->group_count++];
}

static enum eg_status input_add(struct eg_group *group, const char *text, size_t size,
                                struct eg_error *err) {
    char **inputs = eg_realloc(group->inputs, group->count + 1, sizeof(char *));
    if (inputs) group->inputs = inputs;
    char *copy = inputs ? eg_calloc(1, size + 1) : NULL;
    if (!copy) return eg_fail(err, EG_E_NOMEM, "out of memory");
    memcpy(copy, text, size);
    inputs[group->count++] = copy;
    return EG_OK;
}

/* All addresses share one listener; options in the query of any of them are for all. */
static enum eg_status listen_add(struct eg_ingest *in, const char *word, struct eg_error *err) {
    struct eg_group *group = NULL;
    char address[256];
    const char *query = strchr(word, '?');
    size_t size = query ? (size_t)(query - word) : strlen(word);
    for (size_t i = 0; i < in->group_count && !group; i++)
        if (in->groups[i].kind == EG_GROUP_LISTEN) group = &in->groups[i];
    if (size >= sizeof address) return eg_fail(err, EG_E_USAGE, "%.60s… is no address", word);
    snprintf(address, sizeof address, "%.*s", (int)size, word);
    if (group) {
        EG_TRY(
            eg_option_set(group->source->options, group->source_options, "listen", address, err));
    } else {
        if (!(group = group_add(in, err))) return EG_E_USAGE;
        group->kind = EG_GROUP_LISTEN;
        group->source = eg_registry_find(EG_STAGE_source, "udp")->type;
        EG_TRY(eg_query_options(group->source->options, group->source->options_size, NULL,
                                &group->source_options, err));
        EG_TRY(input_add(group, word, size, err));
    }
    return eg_query_set(group->source->options, group->source_options, query ? query + 1 : NULL,
                        err);
}

static enum eg_status live_add(struct eg_ingest *in, const char *word, const struct eg_stage *stage,
                               struct eg_error *err) {
    if (!stage->type)
        return eg_fail(err, EG_E_USAGE, "the source %s is not in this build: %s", stage->name,
                       stage->unavailable);
    struct eg_group *group = group_add(in, err);
    if (!group) return EG_E_USAGE;
    const char *query = strchr(word, '?');
    group->kind = EG_GROUP_LIVE;
    group->source = stage->type;
    EG_TRY(eg_query_options(group->source->options, group->source->options_size,
                            query ? query + 1 : NULL, &group->source_options, err));
    return input_add(group, word, query ? (size_t)(query - word) : strlen(word), err);
}

static enum eg_status file_add(struct eg_ingest *in, const char *word, struct eg_error *err) {
    struct eg_group *group = NULL;
    for (size_t i = 0; i < in->group_count && !group; i++)
        if (in->groups[i].kind == EG_GROUP_FILES) group = &in->groups[i];
    if (!group) {
        if (!(group = group_add(in, err))) return EG_E_USAGE;
        group->kind = EG_GROUP_FILES;
        group->source = eg_registry_find(EG_STAGE_source, "file")->type;
    }
    return input_add(group, word, strlen(word), err);
}

static enum eg_status directory_add(struct eg_ingest *in, const char *word, struct eg_error *err) {
    struct eg_group *group = group_add(in, err);
    if (!group) return EG_E_USAGE;
    group->kind = EG_GROUP_DIRECTORY;
    group->source = eg_registry_find(EG_STAGE_source, "file")->type;
    return input_add(group, word, strlen(word), err);
}

/* A word with "://" names no file; the sources of the registry are what it can be. */
static enum eg_status unknown_scheme(const char *word, struct eg_error *err) {
    char names[200] = "";
    size_t count, size = 0;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count && size + 40 < sizeof names; i++) {
        if (stages[i].kind != EG_STAGE_source) continue;
        bool address = strcmp(stages[i].name, "udp") == 0 || strcmp(stages[i].name, "tcp") == 0;
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%.30s:%s", size ? ", " : "",
                                 stages[i].name, address ? "//" : "");
    }
    return eg_fail(err, EG_E_USAGE, "there is no source '%.*s://'; there are %s",
                   (int)strcspn(word, ":"), word, names);
}

static enum eg_status word_add(struct eg_ingest *in, const char *word, struct eg_error *err) {
    const struct eg_stage *stage = scheme_of(word);
    if (stage && (strcmp(stage->name, "udp") == 0 || strcmp(stage->name, "tcp") == 0))
        return listen_add(in, word, err);
    if (stage && strcmp(stage->name, "file") != 0) return live_add(in, word, stage, err);
    if (stage || strcmp(word, "-") == 0) return file_add(in, word, err);
    struct stat info;
    bool there = stat(word, &info) == 0;
    if (!there && strstr(word, "://")) return unknown_scheme(word, err);
    if (!there) return eg_fail_errno(err, errno, "cannot read %s", word);
    if (access(word, S_ISDIR(info.st_mode) ? R_OK | X_OK : R_OK) != 0)
        return eg_fail_errno(err, errno, "cannot read %s", word);
    return S_ISDIR(info.st_mode) ? directory_add(in, word, err) : file_add(in, word, err);
}

enum eg_status eg_ingest_groups(struct eg_ingest *in, struct eg_error *err) {
    for (size_t i = 0; i < in->call->word_count; i++) EG_TRY(word_add(in, in->call->words[i], err));
    for (size_t i = 0; i < in->group_count; i++)
        in->live = in->live || in->groups[i].kind == EG_GROUP_LIVE ||
                   in->groups[i].kind == EG_GROUP_LISTEN ||
                   (in->groups[i].kind == EG_GROUP_DIRECTORY && in->options->follow);
    return EG_OK;
}

bool eg_ingest_takes_turns(const struct eg_group *group) {
    struct stat info;
    if (group->kind == EG_GROUP_DIRECTORY) return true;
    if (group->kind != EG_GROUP_FILES) return false;
    for (size_t i = 0; i < group->count; i++) {
        const char *path = group->inputs[i];
        if (strncmp(path, "file:", 5) == 0) path += 5;
        if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
            return false;
    }
    return true;
}

void eg_ingest_groups_free(struct eg_ingest *in) {
    for (size_t i = 0; i < in->group_count; i++) {
        struct eg_group *group = &in->groups[i];
        for (size_t k = 0; k < group->count; k++) eg_free(group->inputs[k]);
        eg_free(group->inputs);
        if (group->source_options) eg_options_reset(group->source->options, group->source_options);
        eg_free(group->source_options);
    }
    in->group_count = 0;
}
