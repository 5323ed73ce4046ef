/* SPDX-License-Identifier: Apache-2.0
 * Manual pages (mdoc, as mandoc(1) and groff read it) and the reference page of the documentation,
 * made from the verbs' tables. */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

/* Text for roff: backslashes and leading dots and quotes are escaped, dashes kept as such. */
static void roff(FILE *to, const char *text) {
    bool line_start = true;
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else if (*text == '"')
            fputs("\\(dq", to);
        else if (*text == '\n' && text[1] == '\n') {
            fputs("\n.Pp\n", to);
            text++;
            line_start = true;
            continue;
        } else {
            if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", to);
            fputc(*text, to);
        }
        line_start = *text == '\n';
    }
    fputc('\n', to);
}

static void upper(char *out, size_t size, const char *text) {
    size_t i = 0;
    for (; text[i] && i + 1 < size; i++) out[i] = (char)toupper((unsigned char)text[i]);
    out[i] = 0;
}

static const char *value_of(const struct eg_option *o) {
    return o->value_name ? o->value_name : "value";
}

static void man_options(const struct eg_option *options, FILE *to) {
    fputs(".Bl -tag -width Ds\n", to);
    for (const struct eg_option *o = options; o->name; o++) {
        fputs(".It ", to);
        if (o->letter) fprintf(to, "Fl %c , ", o->letter);
        if (o->brief) fprintf(to, "Fl %s , ", o->brief);
        fprintf(to, "Fl Fl %s", o->name);
        if (o->type != EG_OPT_FLAG) fprintf(to, " Ar %s", value_of(o));
        fputc('\n', to);
        roff(to, o->unavailable ? o->unavailable : o->help);
        if (o->choices) {
            fputs("One of\n.Cm ", to);
            for (const char *c = o->choices; *c; c++)
                fputs(*c == '|' ? " | " : (char[2]){*c, 0}, to);
            fputs(" .\n", to);
        }
        if (o->preset && o->type != EG_OPT_FLAG) {
            fputs("The default is\n.Ar ", to);
            fputs(o->preset, to);
            fputs(" .\n", to);
        }
    }
    fputs(".El\n", to);
}

static const struct {
    int code;
    const char *meaning;
} exits[] = {
    {EG_EXIT_DONE, "Done; also when there were no rows."},
    {EG_EXIT_FAILED, "Failed: no such file, no permission, disk full, dataset locked or too new."},
    {EG_EXIT_USAGE, "Usage, configuration or filter error; nothing was done."},
    {EG_EXIT_PARTIAL, "Done, but some input or sink failed."},
    {EG_EXIT_EMPTY, "No rows, where --exit-status asked for that."},
    {130, "Ended by Ctrl-C or another signal, in order; what is live ends with 0."},
};

static void man_exit_status(FILE *to) {
    fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds\n", to);
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        fprintf(to, ".It %d\n", exits[i].code);
        roff(to, exits[i].meaning);
    }
    fputs(".El\n", to);
}

static void markdown_exit_codes(FILE *to) {
    fputs("| exit code | meaning |\n|---|---|\n", to);
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        fprintf(to, "| %d | %s |\n", exits[i].code, exits[i].meaning);
    fputc('\n', to);
}

static void man_overview(FILE *to) {
    fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n.Dd $Mdocdate$\n.Dt EARLGREY 1\n.Os\n"
          ".Sh NAME\n.Nm earlgrey\n.Nd network traffic as tables\n"
          ".Sh SYNOPSIS\n.Nm\n.Ar verb\n.Op Ar options\n.Op Ar words\n.Sh DESCRIPTION\n"
          "Turns packet captures and the flow exports inside them into two open tables, flows and\n"
          "packets, keeps them as date\\-partitioned Parquet files, and answers questions about\n"
          "them.\nThe verbs are:\n.Bl -tag -width Ds\n",
          to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        fprintf(to, ".It Xr earlgrey-%s 1\n", eg_verbs[i]->name);
        roff(to, eg_verbs[i]->summary);
    }
    fputs(".El\n.Sh OPTIONS\nEvery verb takes:\n", to);
    man_options(eg_common_option_table, to);
    fputs(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev EARLGREY_DATASET\n"
          "The dataset that verbs use without\n.Fl d .\n"
          ".It Ev EARLGREY_OPTION , EARLGREY_VERB_OPTION\n"
          "Any option, in capitals, dashes as underscores.\n.El\n"
          ".Sh FILES\n.Bl -tag -width Ds\n.It Pa /etc/earlgrey/earlgrey.yaml\n"
          "Configuration;\n.Xr earlgrey-config 1\nshows what is in force.\n.El\n",
          to);
    man_exit_status(to);
}

void eg_help_man(const struct eg_verb *verb, FILE *to) {
    if (!verb) {
        man_overview(to);
        return;
    }
    char title[64];
    upper(title, sizeof title, verb->name);
    fprintf(to,
            ".\\\" SPDX-License-Identifier: Apache-2.0\n.Dd $Mdocdate$\n.Dt EARLGREY-%s 1\n.Os\n"
            ".Sh NAME\n.Nm earlgrey %s\n.Nd ",
            title, verb->name);
    roff(to, verb->summary);
    fprintf(to, ".Sh SYNOPSIS\n.Nm earlgrey %s\n.Op Ar options\n", verb->name);
    if (*verb->synopsis) {
        fputs(".Ar ", to);
        roff(to, verb->synopsis);
    }
    fputs(".Sh DESCRIPTION\n", to);
    roff(to, verb->description);
    fputs(".Pp\nThe options are:\n", to);
    if (verb->options[0].name) man_options(verb->options, to);
    fputs(".Pp\nOptions of every verb are described in\n.Xr earlgrey 1 .\n", to);
    man_exit_status(to);
    if (verb->examples[0]) fputs(".Sh EXAMPLES\n", to);
    for (const char *const *e = verb->examples; e[0]; e += 2) {
        roff(to, e[1]);
        fputs(".Dl ", to);
        roff(to, e[0]);
        if (e[2]) fputs(".Pp\n", to);
    }
    fputs(".Sh SEE ALSO\n.Xr earlgrey 1\n", to);
}

static void markdown_options(const struct eg_option *options, FILE *to) {
    fputs("| option | value | default | meaning |\n|---|---|---|---|\n", to);
    for (const struct eg_option *o = options; o->name; o++) {
        fputs("| ", to);
        if (o->letter) fprintf(to, "`-%c`, ", o->letter);
        if (o->brief) fprintf(to, "`-%s`, ", o->brief);
        fprintf(to, "`--%s` | ", o->name);
        if (o->choices) {
            fputc('`', to);
            for (const char *c = o->choices; *c; c++)
                fputs(*c == '|' ? "` `" : (char[2]){*c, 0}, to);
            fputc('`', to);
        } else if (o->type != EG_OPT_FLAG) {
            for (const char *c = value_of(o); *c; c++)
                fputs(*c == '|' ? "\\|" : (char[2]){*c, 0}, to); /* a bar would end the cell */
        }
        fprintf(to, " | %s | %s |\n", o->preset && o->type != EG_OPT_FLAG ? o->preset : "",
                o->help);
    }
    fputc('\n', to);
}

void eg_help_markdown(const struct eg_verb *verb, FILE *to) {
    if (!verb) {
        fputs("## Every verb\n\n", to);
        markdown_options(eg_common_option_table, to);
        markdown_exit_codes(to);
        return;
    }
    fprintf(to, "## earlgrey %s\n\n%s.\n\n`earlgrey %s [OPTIONS]%s%s`\n\n%s\n\n", verb->name,
            verb->summary, verb->name, *verb->synopsis ? " " : "", verb->synopsis,
            verb->description);
    if (verb->options[0].name) markdown_options(verb->options, to);
}
