/* SPDX-License-Identifier: Apache-2.0
 * --keep: what becomes of the captures whose packets are kept. */
#include "cli/ingest.h"

#include <string.h>

enum eg_status eg_ingest_keep(const struct eg_ingest *in, const struct eg_group *group,
                              struct eg_keep_rule *out, struct eg_error *err) {
    const char *keep = in->options->keep;
    bool stays = group->kind != EG_GROUP_DIRECTORY || strcmp(in->options->after, "keep") == 0;
    *out = (struct eg_keep_rule){.choose = strcmp(keep, "auto") == 0, .keep = EG_KEEP_LINK};
    if (strcmp(keep, "copy") == 0) out->keep = EG_KEEP_COPY;
    if (strcmp(keep, "none") == 0) out->keep = EG_KEEP_NONE;
    if (group->kind == EG_GROUP_LIVE && strcmp(keep, "link") == 0)
        return eg_fail(
            err, EG_E_USAGE,
            "what comes from an interface is in no file that --keep link could point to: "
            "--keep copy keeps it in the dataset");
    if (group->kind == EG_GROUP_LIVE && out->choose)
        *out = (struct eg_keep_rule){.keep = EG_KEEP_NONE}; /* who wants all of it says so */
    out->leaves = !stays;
    if (stays) return EG_OK;
    if (strcmp(keep, "link") == 0)
        return eg_fail(
            err, EG_E_USAGE,
            "--keep link points to files where they are, and --after %s takes them away: "
            "--keep copy keeps them in the dataset, --keep none does without",
            in->options->after);
    if (out->choose) *out = (struct eg_keep_rule){.keep = EG_KEEP_COPY, .leaves = true};
    return EG_OK;
}
