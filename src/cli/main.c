/* SPDX-License-Identifier: Apache-2.0
 * The program: finds the verb, reads its options and the configuration, runs it. */
#include "base/alloc.h"
#include "cli/args.h"
#include "cli/config_file.h"
#include "cli/help.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A descriptor 0 to 2 that was closed would be given to the next file that is opened, and text for
 * the terminal written into it. They are opened on something that fails as a closed one would. */
static void hold_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(1);
}

static enum eg_exit unknown_verb(const char *word) {
    if (word[0] == '-') {
        fprintf(stderr,
                "earlgrey: options follow the verb: earlgrey VERB %s\n"
                "Try 'earlgrey help'.\n",
                word);
        return EG_EXIT_USAGE;
    }
    const char *names[64];
    size_t count = 0;
    for (; eg_verbs[count]; count++) names[count] = eg_verbs[count]->name;
    const char *near = eg_nearest(word, names, count);
    if (near)
        fprintf(stderr, "earlgrey: unknown verb '%s' (did you mean '%s'?)\n", word, near);
    else
        fprintf(stderr, "earlgrey: unknown verb '%s'\n", word);
    fprintf(stderr, "Try 'earlgrey help'.\n");
    return EG_EXIT_USAGE;
}

static enum eg_exit run(struct eg_call *call, struct eg_common_options *common,
                        struct eg_settings *settings, int argc, char **argv) {
    struct eg_error err;
    const struct eg_verb *verb = call->verb;
    if (eg_options_preset(verb->options, call->options, &err) < 0 ||
        eg_options_preset(eg_common_option_table, common, &err) < 0)
        return eg_complain(call, &err);
    if (eg_args_read(call, common, argc, argv, &err) < 0)
        return eg_complain_usage(call, "%s", err.message);
    if (common->help) {
        eg_help_verb(verb, stdout);
        return EG_EXIT_DONE;
    }
    if (eg_settings_read(settings, common->config, &err) < 0) {
        if (!verb->config_verb) return eg_complain(call, &err);
    }
    if (eg_settings_apply(settings, verb, call->options, call->given, &err) < 0)
        return eg_complain(call, &err);
    return verb->run(call);
}

/* What the library has to say: problems always, the rest unless --quiet. */
static void tell(void *to, int level, const char *message) {
    const struct eg_call *call = to;
    if (level <= 4)
        eg_say(call, message);
    else if (level <= 6)
        eg_note(call, "earlgrey: %s", message);
}

static enum eg_exit call_verb(const struct eg_verb *verb, int argc, char **argv) {
    struct eg_common_options common = {0};
    struct eg_settings settings = {0};
    struct eg_call call = {.verb = verb,
                           .env = eg_env_plain,
                           .settings = &settings,
                           .program = "earlgrey",
                           .common = &common};
    call.env.cancel = eg_signals_cancel();
    call.env.log = tell;
    call.env.log_to = &call;
    call.options = eg_calloc(1, verb->options_size);
    call.words = eg_calloc((size_t)argc + 1, sizeof(char *));
    enum eg_exit code = EG_EXIT_FAILED;
    if (call.options && call.words)
        code = run(&call, &common, &settings, argc, argv);
    else
        fprintf(stderr, "earlgrey: out of memory\n");
    if (call.options) eg_options_reset(verb->options, call.options);
    eg_options_reset(eg_common_option_table, &common);
    eg_settings_reset(&settings);
    eg_free(call.options);
    eg_free(call.words);
    return code;
}

/* Batches come and go by the thousand; by default glibc hands their memory back to the kernel each
 * time and faults it in again, which costs more than the decoding. */
static void keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

/* Whether all that was printed arrived. */
static int finish(const char *word, enum eg_exit code) {
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE && code == EG_EXIT_DONE) {
        fprintf(stderr, "earlgrey: %s: standard output: %s\n", word, strerror(errno));
        return EG_EXIT_FAILED;
    }
    return (int)code;
}

int main(int argc, char **argv) {
    hold_descriptors();
    keep_memory();
    eg_signals_watch();
    if (argc < 2) {
        eg_help_overview(stderr);
        return EG_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("earlgrey %s\n", eg_version());
        return finish(word, EG_EXIT_DONE);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        eg_help_overview(stdout);
        return finish(word, EG_EXIT_DONE);
    }
    const struct eg_verb *verb = eg_verb_find(word);
    if (!verb) return (int)unknown_verb(word);
    const struct eg_verb *form = argc > 2 ? eg_verb_form(verb, argv[2]) : NULL;
    if (form) return finish(form->name, call_verb(form, argc - 3, argv + 3));
    return finish(word, call_verb(verb, argc - 2, argv + 2));
}
