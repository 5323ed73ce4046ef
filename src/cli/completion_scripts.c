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

/* What a verb's words, or the sinks of --to, may begin with besides a file's name. */
static const char *uris_of(const struct eg_verb *verb) {
    if (strcmp(verb->name, "ingest") == 0) return "udp:// tcp:// iface:";
    if (strcmp(verb->name, "replay") == 0) return "udp:// iface:";
    return NULL;
}
static const char *uris_of_option(const struct eg_option *o) {
    return strcmp(o->name, "to") == 0 ? "udp:// pcap: null:" : NULL;
}

static void bash_options(const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        if (o->letter) fprintf(to, " -%c", o->letter);
        fprintf(to, " --%s", o->name);
    }
}

static void bash_values(const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        if (o->type == EG_OPT_FLAG) continue;
        fputs("        ", to);
        if (o->letter) fprintf(to, "-%c|", o->letter);
        fprintf(to, "--%s) ", o->name);
        if (o->choices) {
            fputs("COMPREPLY=($(compgen -W '", to);
            choices(o, to);
            fputs("' -- \"$cur\"))", to);
        } else if (uris_of_option(o)) {
            fprintf(to, "compopt -o nospace; COMPREPLY=($(compgen -f -W '%s' -- \"$cur\"))",
                    uris_of_option(o));
        } else {
            fputs(wants_file(o) ? "COMPREPLY=($(compgen -f -- \"$cur\"))" : "COMPREPLY=()", to);
        }
        fputs("; return ;;\n", to);
    }
}

static void bash(FILE *to) {
    fputs("# earlgrey(1) completion for bash\n_earlgrey() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
          "verb=${COMP_WORDS[1]}\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W '",
          to);
    for (size_t i = 0; eg_verbs[i]; i++) fprintf(to, "%s%s", i ? " " : "", eg_verbs[i]->name);
    fputs("' -- \"$cur\"))\n        return\n    fi\n    case $verb in\n", to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        fprintf(to, "    %s)\n        case $prev in\n", eg_verbs[i]->name);
        bash_values(eg_verbs[i]->options, to);
        bash_values(eg_common_option_table, to);
        fputs("        esac\n        [[ $cur == -* ]] && COMPREPLY=($(compgen -W '", to);
        bash_options(eg_verbs[i]->options, to);
        bash_options(eg_common_option_table, to);
        const char *uris = uris_of(eg_verbs[i]);
        fputs("' -- \"$cur\")) || ", to);
        if (uris) /* what goes on behind the scheme is no word of its own yet */
            fprintf(to,
                    "{ COMPREPLY=($(compgen -f -W '%s' -- \"$cur\")); "
                    "[[ ${COMPREPLY[0]} == *: || ${COMPREPLY[0]} == *:// ]] && compopt -o nospace; "
                    "} ;;\n",
                    uris);
        else
            fputs("COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n", to);
    }
    fputs("    esac\n}\ncomplete -o filenames -F _earlgrey earlgrey\n", to);
}

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

static void zsh_options(const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        for (int form = o->letter ? 0 : 1; form < 2; form++) {
            const char *many = o->type == EG_OPT_LIST ? "*" : "";
            if (form == 0)
                fprintf(to, "        '%s-%c[", many, o->letter);
            else
                fprintf(to, "        '%s--%s[", many, o->name);
            quoted(o->help, true, to);
            fputc(']', to);
            if (o->type != EG_OPT_FLAG) {
                fprintf(to, ":%s:", o->value_name ? o->value_name : "value");
                if (o->choices) {
                    fputc('(', to);
                    choices(o, to);
                    fputc(')', to);
                } else if (uris_of_option(o)) {
                    fprintf(to, "{compadd -S \"\" -- %s; _files}", uris_of_option(o));
                } else if (wants_file(o)) {
                    fputs("_files", to);
                }
            }
            fputs("' \\\n", to);
        }
    }
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
        fprintf(to, "    %s)\n      _arguments -s \\\n", eg_verbs[i]->name);
        zsh_options(eg_verbs[i]->options, to);
        zsh_options(eg_common_option_table, to);
        const char *uris = uris_of(eg_verbs[i]);
        if (uris)
            fprintf(to, "        '*:source:{compadd -S \"\" -- %s; _files}' ;;\n", uris);
        else
            fputs("        '*:file:_files' ;;\n", to);
    }
    fputs("  esac\n}\n_earlgrey \"$@\"\n", to);
}

static void fish_options(const char *verb, const struct eg_option *options, FILE *to) {
    for (const struct eg_option *o = options; o->name; o++) {
        fprintf(to, "complete -c earlgrey -n '__fish_seen_subcommand_from %s' -l %s", verb,
                o->name);
        if (o->letter) fprintf(to, " -s %c", o->letter);
        if (o->choices) {
            fputs(" -xa '", to);
            choices(o, to);
            fputc('\'', to);
        } else if (o->type != EG_OPT_FLAG) {
            fputs(wants_file(o) || uris_of_option(o) ? " -r" : " -x", to);
            if (uris_of_option(o)) fprintf(to, " -a '%s'", uris_of_option(o));
        }
        fputs(" -d '", to);
        quoted(o->help, false, to);
        fputs("'\n", to);
    }
}

static void fish(FILE *to) {
    fputs("# earlgrey(1) completion for fish\n", to);
    for (size_t i = 0; eg_verbs[i]; i++) {
        fprintf(to, "complete -c earlgrey -n __fish_use_subcommand -f -a %s -d '",
                eg_verbs[i]->name);
        quoted(eg_verbs[i]->summary, false, to);
        fputs("'\n", to);
        fish_options(eg_verbs[i]->name, eg_verbs[i]->options, to);
        fish_options(eg_verbs[i]->name, eg_common_option_table, to);
        if (uris_of(eg_verbs[i]))
            fprintf(to, "complete -c earlgrey -n '__fish_seen_subcommand_from %s' -a '%s'\n",
                    eg_verbs[i]->name, uris_of(eg_verbs[i]));
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
