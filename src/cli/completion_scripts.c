/* SPDX-License-Identifier: Apache-2.0
 * Completions for bash, zsh and fish, made from the verbs' tables. */
#include "cli/help.h"

#include <string.h>

/* Words separated by blanks: a CHOICE's choices, or the kind of thing that is wanted. */
static void choices(const struct eg_option *o, FILE *to) {
    for (const char *c = o->choices; *c; c++) fputc(*c == '|' ? ' ' : *c, to);
}

static bool wants_file(const struct eg_option *o) {
    return o->value_name && (strstr(o->value_name, "FILE") || strstr(o->value_name, "DATASET") ||
                             strstr(o->value_name, "DIR"));
}

/* "udp:// tcp:// iface:": what the stages of a kind are called by, besides files and directories; `colon`
 * is how one is written. */
static void schemes(enum eg_stage_kind kind, const char *colon, FILE *to) {
    static const char *const plain[] = {"file", "stdout", "dataset"};
    size_t count, told = 0;
    const struct eg_stage *stages = eg_registry(&count);
    for (size_t i = 0; i < count; i++) {
        const char *name = stages[i].name;
        bool passed = stages[i].kind != kind || !stages[i].type;
        for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
            passed = passed || strcmp(name, plain[k]) == 0;
        if (passed) continue;
        bool address = strcmp(name, "udp") == 0 || strcmp(name, "tcp") == 0;
        fprintf(to, "%s%s%s%s", told++ ? " " : "", name, colon, address ? "//" : "");
    }
}

/* What a verb's words, or an option's value, may begin with besides a file's name. */
enum uris { NO_URIS, SOURCES, SINKS, TARGETS };
static enum uris uris_of(const struct eg_verb *verb) {
    if (strcmp(verb->name, "ingest") == 0) return SOURCES;
    return strcmp(verb->name, "replay") == 0 ? TARGETS : NO_URIS;
}
static enum uris uris_of_option(const struct eg_option *o) {
    return strcmp(o->name, "to") == 0 ? SINKS : NO_URIS;
}
static void uris_put(enum uris uris, const char *colon, FILE *to) {
    if (uris == TARGETS)
        fprintf(to, "udp%s// iface%s", colon, colon);
    else
        schemes(uris == SINKS ? EG_STAGE_sink : EG_STAGE_source, colon, to);
}

/* ---- bash ---- */

/* Of a verb whose long options may have one dash, too, that form is not offered. */
static void bash_options(const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        if (o->letter) fprintf(to, " -%c", o->letter);
        if (o->brief) fprintf(to, " -%s", o->brief);
        fprintf(to, " --%s", o->name);
    }
}

static void bash_uris(enum uris uris, FILE *to) {
    /* what goes on behind the scheme is no word of its own yet */
    fputs("COMPREPLY=($(compgen -f -W '", to);
    uris_put(uris, ":", to);
    fputs("' -- \"$cur\")); "
          "[[ ${COMPREPLY[0]} == *: || ${COMPREPLY[0]} == *:// ]] && compopt -o nospace",
          to);
}

static void bash_values(const struct eg_option *options, bool one_dash, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        if (o->type == EG_OPT_FLAG) continue;
        fputs("        ", to);
        if (o->letter) fprintf(to, "-%c|", o->letter);
        if (o->brief) fprintf(to, "-%s|", o->brief);
        if (one_dash) fprintf(to, "-%s|", o->name);
        fprintf(to, "--%s) ", o->name);
        if (o->choices) {
            fputs("COMPREPLY=($(compgen -W '", to);
            choices(o, to);
            fputs("' -- \"$cur\"))", to);
        } else if (uris_of_option(o)) {
            bash_uris(uris_of_option(o), to);
        } else {
            fputs(wants_file(o) ? "COMPREPLY=($(compgen -f -- \"$cur\"))" : "COMPREPLY=()", to);
        }
        fputs("; return ;;\n", to);
    }
}

static void bash_verb(const struct eg_verb *verb, FILE *to) {
    fputs("        case $prev in\n", to);
    bash_values(verb->options, verb->one_dash, to);
    bash_values(eg_common_option_table, verb->one_dash, to);
    fputs("        esac\n        [[ $cur == -* ]] && COMPREPLY=($(compgen -W '", to);
    bash_options(verb->options, to);
    bash_options(eg_common_option_table, to);
    fputs("' -- \"$cur\")) || ", to);
    if (uris_of(verb)) {
        fputs("{ ", to);
        bash_uris(uris_of(verb), to);
        fputs("; } ;;\n", to);
    } else {
        fputs("COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n", to);
    }
}

/* The second word of "packets fixed", and what follows it. */
static void bash_forms(const struct eg_verb *verb, FILE *to) {
    if (!verb->forms) return;
    fputs("        case ${COMP_WORDS[2]} in\n", to);
    for (size_t i = 0; verb->forms[i]; i++) {
        fprintf(to, "        %s) if [ \"$COMP_CWORD\" -gt 2 ]; then case x in x)\n",
                strchr(verb->forms[i]->name, ' ') + 1);
        bash_verb(verb->forms[i], to);
        fputs("        esac; return; fi ;;\n", to);
    }
    fputs("        esac\n        if [ \"$COMP_CWORD\" = 2 ] && [[ $cur != -* ]]; then\n"
          "            COMPREPLY=($(compgen -f -W '",
          to);
    for (size_t i = 0; verb->forms[i]; i++)
        fprintf(to, "%s%s", i ? " " : "", strchr(verb->forms[i]->name, ' ') + 1);
    fputs("' -- \"$cur\"))\n            return\n        fi\n", to);
}

static void bash(FILE *to) {
    fputs("# earlgrey(1) completion for bash\n_earlgrey() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
          "verb=${COMP_WORDS[1]}\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W '",
          to);
    for (size_t i = 0; eg_verbs[i]; i++) fprintf(to, "%s%s", i ? " " : "", eg_verbs[i]->name);
    /* bash takes "iface:eth0" for three words */
    fputs(
        "' -- \"$cur\"))\n        return\n    fi\n"
        "    local before=$cur part=\n"
        "    [[ $prev == : ]] && part=$cur before=: prev=${COMP_WORDS[COMP_CWORD-2]}\n"
        "    if [[ $before == : && $prev == iface ]]; then\n"
        "        COMPREPLY=($(compgen -W \"any $(ls /sys/class/net 2>/dev/null)\" -- \"$part\"))\n"
        "        return\n    fi\n"
        "    [[ $before == : && $cur != : ]] && prev=:\n"
        "    case $verb in\n",
        to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        fprintf(to, "    %s)\n", eg_verbs[i]->name);
        bash_forms(eg_verbs[i], to);
        bash_verb(eg_verbs[i], to);
    }
    fputs("    esac\n}\ncomplete -o filenames -F _earlgrey earlgrey\n", to);
}

/* ---- zsh ---- */

/* Quoted for '…' in zsh and fish; brackets and colons mean something in zsh's option specs. */
static void quoted(const char *text, bool zsh, FILE *to) {
    for (; *text; text++) {
        if (*text == '\'')
            fputs(zsh ? "'\\''" : "\\'", to);
        else if (zsh && strchr("[]:", *text))
            fprintf(to, "\\%c", *text);
        else
            fputc(*text, to);
    }
}

static void zsh_value(const struct eg_option *o, FILE *to) {
    if (o->type == EG_OPT_FLAG) return;
    fprintf(to, ":%s:", o->value_name ? o->value_name : "value");
    if (o->choices) {
        fputc('(', to);
        choices(o, to);
        fputc(')', to);
    } else if (uris_of_option(o)) {
        fputs("{compadd -S \"\" -- ", to);
        uris_put(uris_of_option(o), "\\:", to); /* a bare one would end the action */
        fputs("; _files}", to);
    } else if (wants_file(o)) {
        fputs("_files", to);
    }
}

static void zsh_options(const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        const char letter[2] = {o->letter}, *const names[] = {letter, o->brief, o->name};
        for (int form = 0; form < 3; form++) {
            if (!names[form] || !names[form][0]) continue;
            fprintf(to, "        '%s%s%s[", o->type == EG_OPT_LIST ? "*" : "",
                    form == 2 ? "--" : "-", names[form]);
            quoted(o->help, true, to);
            fputc(']', to);
            zsh_value(o, to);
            fputs("' \\\n", to);
        }
    }
}

/* Letters may stand together behind one dash, unless names may have one dash, too. */
static void zsh_verb(const struct eg_verb *verb, FILE *to) {
    fprintf(to, "_arguments%s \\\n", verb->one_dash ? "" : " -s");
    zsh_options(verb->options, to);
    zsh_options(eg_common_option_table, to);
    if (!uris_of(verb)) {
        fputs("        '*:file:_files' ;;\n", to);
        return;
    }
    fputs("        '*:source:{compadd -S \"\" -- ", to);
    uris_put(uris_of(verb), ":", to);
    fputs("; _files}' ;;\n", to);
}

static void zsh_forms(const struct eg_verb *verb, FILE *to) {
    if (!verb->forms) return;
    fputs("      case $words[2] in\n", to);
    for (size_t i = 0; verb->forms[i]; i++) {
        fprintf(to,
                "      %s) if (( CURRENT > 2 )); then shift words; (( CURRENT-- )); case x in x) ",
                strchr(verb->forms[i]->name, ' ') + 1);
        zsh_verb(verb->forms[i], to);
        fputs("      esac; return; fi ;;\n", to);
    }
    fputs("      esac\n      (( CURRENT == 2 )) && compadd --", to);
    for (size_t i = 0; verb->forms[i]; i++)
        fprintf(to, " %s", strchr(verb->forms[i]->name, ' ') + 1);
    fputc('\n', to);
}

static void zsh(FILE *to) {
    fputs("#compdef earlgrey\n_earlgrey() {\n  local -a verbs\n  verbs=(\n", to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        fprintf(to, "    '%s:", eg_verbs[i]->name);
        quoted(eg_verbs[i]->summary, true, to);
        fputs("'\n", to);
    }
    fputs("  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n"
          "  local verb=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $verb in\n",
          to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        fprintf(to, "    %s)\n", eg_verbs[i]->name);
        zsh_forms(eg_verbs[i], to);
        fputs("      ", to);
        zsh_verb(eg_verbs[i], to);
    }
    fputs("  esac\n}\n_earlgrey \"$@\"\n", to);
}

/* ---- fish ---- */

/* `when`: the condition, in fish, under which the options are those. */
static void fish_options(const char *when, const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        fprintf(to, "complete -c earlgrey -n '%s' -l %s", when, o->name);
        if (o->letter) fprintf(to, " -s %c", o->letter);
        if (o->brief) fprintf(to, o->brief[1] ? " -o %s" : " -s %s", o->brief);
        if (o->choices) {
            fputs(" -xa '", to);
            choices(o, to);
            fputc('\'', to);
        } else if (o->type != EG_OPT_FLAG) {
            fputs(wants_file(o) || uris_of_option(o) ? " -r" : " -x", to);
            if (uris_of_option(o)) {
                fputs(" -a '", to);
                uris_put(uris_of_option(o), ":", to);
                fputc('\'', to);
            }
        }
        fputs(" -d '", to);
        quoted(o->help, false, to);
        fputs("'\n", to);
    }
}

static void fish_forms(const struct eg_verb *verb, FILE *to) {
    char when[200];
    for (size_t i = 0; verb->forms && verb->forms[i]; i++) {
        const char *word = strchr(verb->forms[i]->name, ' ') + 1;
        fprintf(to,
                "complete -c earlgrey -n '__fish_seen_subcommand_from %s; and test (count "
                "(commandline -opc)) -eq 2' -a %s -d '",
                verb->name, word);
        quoted(verb->forms[i]->summary, false, to);
        fputs("'\n", to);
        snprintf(when, sizeof when,
                 "__fish_seen_subcommand_from %.60s; and __fish_seen_subcommand_from %.60s",
                 verb->name, word);
        fish_options(when, verb->forms[i]->options, to);
    }
}

/* The options of a verb itself are not those of its forms. */
static void fish_when(const struct eg_verb *verb, char when[400]) {
    size_t size = (size_t)snprintf(when, 400, "__fish_seen_subcommand_from %.60s", verb->name);
    for (size_t i = 0; verb->forms && verb->forms[i] && size < 300; i++)
        size +=
            (size_t)snprintf(when + size, 400 - size, "; and not __fish_seen_subcommand_from %.30s",
                             strchr(verb->forms[i]->name, ' ') + 1);
}

static void fish(FILE *to) {
    fputs("# earlgrey(1) completion for fish\n", to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        const struct eg_verb *verb = eg_verbs[i];
        char when[400];
        fprintf(to, "complete -c earlgrey -n __fish_use_subcommand -f -a %s -d '", verb->name);
        quoted(verb->summary, false, to);
        fputs("'\n", to);
        fish_when(verb, when);
        fish_options(when, verb->options, to);
        snprintf(when, sizeof when, "__fish_seen_subcommand_from %.60s", verb->name);
        fish_options(when, eg_common_option_table, to);
        fish_forms(verb, to);
        if (!uris_of(verb)) continue;
        fprintf(to, "complete -c earlgrey -n '%s' -a '", when);
        uris_put(uris_of(verb), ":", to);
        fputs("'\n", to);
    }
}

enum eg_status eg_completion(const char *shell, FILE *to, struct eg_error *err) {
    if (strcmp(shell, "bash") == 0)
        bash(to);
    else if (strcmp(shell, "zsh") == 0)
        zsh(to);
    else if (strcmp(shell, "fish") == 0)
        fish(to);
    else
        return eg_fail(err, EG_E_USAGE, "no completion for '%s'; there are bash, zsh and fish",
                       shell);
    return EG_OK;
}
