/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey completion`: a completion script for a shell. */
#include "cli/help.h"

struct completion_options {
    char none; /* a struct needs a member */
};
static const struct eg_option options[] = {EG_OPTION_END};

static const char *const examples[] = {"earlgrey completion bash >/etc/bash_completion.d/earlgrey",
                                       "Installs it for bash.", "source <(earlgrey completion zsh)",
                                       "Tries it in this zsh.", NULL};

static enum eg_exit run(struct eg_call *call) {
    if (call->word_count != 1) return eg_complain_usage(call, "name a shell: bash, zsh or fish");
    struct eg_error err;
    if (eg_completion(call->words[0], stdout, &err) < 0) return eg_complain(call, &err);
    return EG_EXIT_DONE;
}

const struct eg_verb eg_verb_completion = {
    .name = "completion",
    .summary = "a completion script for bash, zsh or fish",
    .synopsis = "bash|zsh|fish",
    .description = "Prints a script that completes verbs, options and their values.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct completion_options),
    .run = run,
};
