/* SPDX-License-Identifier: Apache-2.0
 * The stages of registry.def as a constant table. CMake defines EG_WITHOUT_<kind>_<name> as the
 * reason for every stage it could not build. */
#include "eg_registry_without.h" /* made by CMake */
#include "table/stage.h"

#include <string.h>

#define CORE
#define OPTIONAL(module)

#define EG_STAGE(kind, name, file, availability)                                                   \
    extern const struct eg_##kind##_type eg_##kind##_##name;
#include "registry.def"
#undef EG_STAGE

static const struct eg_stage stages[] = {
#define EG_STAGE(kind, name, file, availability)                                                   \
    {EG_STAGE_##kind, #name, #file, EG_BUILT_##kind##_##name(&eg_##kind##_##name),                 \
     EG_WHY_NOT_##kind##_##name},
#include "registry.def"
#undef EG_STAGE
};

const struct eg_stage *eg_registry(size_t *count) {
    *count = sizeof stages / sizeof *stages;
    return stages;
}

const struct eg_stage *eg_registry_find(enum eg_stage_kind kind, const char *name) {
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (stages[i].kind == kind && strcmp(stages[i].name, name) == 0) return &stages[i];
    return NULL;
}
