/* SPDX-License-Identifier: Apache-2.0
 * Help on the terminal. */
#include "cli/help.h"

#include <string.h>

void eg_help_overview(FILE *to) {
    fprintf(to,
            "earlgrey %s: network traffic as tables\n\n"
            "Usage: earlgrey VERB [OPTIONS] [WORDS]\n\nVerbs:\n",
            eg_version());
    for (size_t i = 0; eg_verbs[i]; i++)
        fprintf(to, "  %-11s %s\n", eg_verbs[i]->name, eg_verbs[i]->summary);
    fprintf(to,
            "\nStart with:\n"
            "  earlgrey top -r capture.pcap            who talks to whom, straight from a file\n"
            "  earlgrey ingest capture.pcap -d data    keep it as Parquet in ./data\n"
            "  earlgrey flows -d data 'host 10.1.2.3'  one host's flows\n\n"
            "'earlgrey VERB -h' shows a verb's options and examples.\n");
}

/* Prints `text` in lines of at most `width`, each but the first indented by `indent`. */
static void wrap(FILE *to, const char *text, int indent, int width) {
    int column = indent;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + (int)word > width) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', to);
            column++;
        }
        fwrite(text, 1, word, to);
        column += (int)word;
        text += word;
        while (*text == ' ') text++;
    }
    fputc('\n', to);
}

static void print_option(const struct eg_option *o, FILE *to) {
    char left[96];
    int used = o->letter  ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
               : o->brief ? snprintf(left, sizeof left, "  -%s, --%s", o->brief, o->name)
                          : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->type != EG_OPT_FLAG && used > 0 && (size_t)used < sizeof left)
        snprintf(left + used, sizeof left - (size_t)used, " %s",
                 o->value_name ? o->value_name
                 : o->choices  ? "WHICH"
                               : "VALUE");
    if (strlen(left) > 28)
        fprintf(to, "%s\n%30s", left, "");
    else
        fprintf(to, "%-30s", left);
    char text[600];
    int size = snprintf(text, sizeof text, "%s", o->unavailable ? o->unavailable : o->help);
    if (o->choices && size > 0)
        size += snprintf(text + size, sizeof text - (size_t)size, " One of %s.", o->choices);
    if (o->preset && size > 0 && o->type != EG_OPT_FLAG)
        snprintf(text + size, sizeof text - (size_t)size, " Default: %s.", o->preset);
    wrap(to, text, 30, 98);
}

void eg_help_verb(const struct eg_verb *verb, FILE *to) {
    fprintf(to, "earlgrey %s: %s\n\nUsage: earlgrey %s [OPTIONS]%s%s\n", verb->name, verb->summary,
            verb->name, *verb->synopsis ? " " : "", verb->synopsis);
    if (verb->examples[0]) fprintf(to, "\nExamples:\n");
    for (const char *const *e = verb->examples; e[0]; e += 2)
        fprintf(to, "  %s\n      %s\n", e[0], e[1]);
    for (size_t i = 0; verb->forms && verb->forms[i]; i++)
        fprintf(to, "%s  earlgrey %s -h\n      %s\n", i ? "" : "\nOther forms:\n",
                verb->forms[i]->name, verb->forms[i]->summary);
    if (verb->options[0].name) fprintf(to, "\nOptions:\n");
    for (const struct eg_option *o = verb->options; o->name; o++) print_option(o, to);
    fprintf(to, "\nOptions of every verb:\n");
    for (const struct eg_option *o = eg_common_option_table; o->name; o++) print_option(o, to);
}
