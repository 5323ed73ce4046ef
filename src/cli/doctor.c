/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey doctor`: is everything as it should be, here and in a dataset? */
#include "cli/verb.h"
#include "engine/engine.h"
#include "store/dataset.h"
#include "table/encode.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct doctor_options {
    const char *dataset;
    bool rebuild, accept, json;
};

static const struct eg_option options[] = {
    {.name = "dataset",
     .letter = 'd',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct doctor_options, dataset),
     .preset = "./earlgrey-data",
     .value_name = "DATASET",
     .help = "The dataset to look at."},
    {.name = "rebuild",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct doctor_options, rebuild),
     .help = "Makes the catalog again from the files, finishes or removes what a crash left."},
    {.name = "accept-missing",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct doctor_options, accept),
     .help = "Forgets the files of tables that are gone: they were removed on purpose. What was "
             "ingested stays known, and adds nothing when it comes again."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct doctor_options, json),
     .help = "One JSON object a finding: its state and its text."},
    EG_OPTION_END,
};

static const char *const examples[] = {"earlgrey doctor -d data",
                                       "Looks at the program, its stages and a dataset.",
                                       "earlgrey doctor -d data --rebuild",
                                       "Settles what a crash left behind.",
                                       "earlgrey doctor -d data --accept-missing",
                                       "After the directory of a table was removed on purpose.",
                                       "earlgrey doctor -d data --json",
                                       "The same for programs.",
                                       NULL};

static void say_state(const struct eg_call *call, const char *state, const char *text) {
    const struct doctor_options *o = call->options;
    struct eg_strbuf line = {0};
    if (o->json) {
        eg_strbuf_printf(&line, "{\"state\":\"%s\",\"text\":", state);
        eg_encode_json_text(text, strlen(text), &line);
        eg_strbuf_text(&line, "}\n");
        if (line.text) fwrite(line.text, 1, line.size, stdout);
    } else {
        printf("%-7s ", state);
        eg_put_visible(stdout, text);
        putchar('\n');
    }
    eg_strbuf_reset(&line);
}

static void say(const struct eg_call *call, int level, const char *text) {
    say_state(call, level <= 3 ? "broken" : level == 4 ? "note" : "fine", text);
}

static bool check_program(const struct eg_call *call) {
    char text[256];
    snprintf(text, sizeof text, "earlgrey %s", eg_version());
    say(call, 6, text);
    struct eg_engine_options engine_options = {0};
    struct eg_engine *engine = NULL;
    struct eg_error err;
    bool whole = eg_engine_open(&engine, &call->env, &engine_options, &err) >= 0;
    say(call, whole ? 6 : 3, whole ? "SQL engine starts" : err.message);
    eg_engine_close(engine);
    size_t count;
    const struct eg_stage *stages = eg_registry(&count);
    static const char *const kinds[] = {[EG_STAGE_source] = "source",
                                        [EG_STAGE_extract] = "extract",
                                        [EG_STAGE_decoder] = "decoder",
                                        [EG_STAGE_sink] = "sink"};
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%s %s%s%s", kinds[stages[i].kind], stages[i].name,
                 stages[i].unavailable ? ": " : "",
                 stages[i].unavailable ? stages[i].unavailable : "");
        say(call, stages[i].unavailable ? 4 : 6, text);
    }
    return whole;
}

static enum eg_exit run(struct eg_call *call) {
    const struct doctor_options *o = call->options;
    if (call->word_count)
        return eg_complain_usage(call, "there is nothing to name; -d is the dataset");
    bool whole = check_program(call);
    struct stat info;
    if (stat(o->dataset, &info) != 0 && strcmp(o->dataset, "./earlgrey-data") == 0) {
        say(call, 4, "no dataset at ./earlgrey-data; name one with -d");
        return whole ? EG_EXIT_DONE : EG_EXIT_FAILED;
    }
    struct eg_finding *findings = NULL;
    size_t count = 0;
    struct eg_error err;
    unsigned mending = (o->rebuild ? EG_DOCTOR_REBUILD : 0u) | (o->accept ? EG_DOCTOR_ACCEPT : 0u);
    if (eg_dataset_doctor(o->dataset, mending, &call->env, &findings, &count, &err) < 0)
        return eg_complain(call, &err);
    bool lost = false;
    for (size_t i = 0; i < count; i++) {
        const struct eg_finding *f = &findings[i];
        if (f->lost && f->level > 3)
            say_state(call, "lost", f->text);
        else
            say(call, f->level, f->text);
        whole = whole && f->level > 3;
        lost = lost || f->lost;
    }
    eg_findings_free(findings, count);
    return !whole ? EG_EXIT_FAILED : lost ? EG_EXIT_PARTIAL : EG_EXIT_DONE;
}

const struct eg_verb eg_verb_doctor = {
    .name = "doctor",
    .summary = "is everything as it should be?",
    .synopsis = "",
    .description =
        "Checks the program and a dataset: its schema version, commits that a crash left "
        "half done, files the catalog does not know, files that cannot be read, captures that are "
        "gone or were changed. Exits with 1 when something is broken (a table's directory that is "
        "gone, too, until "
        "--accept-missing says that it was removed on purpose), with 3 when all is whole "
        "but captures elsewhere are gone or were changed: their packets cannot be had any more.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct doctor_options),
    .run = run,
};
