/* SPDX-License-Identifier: Apache-2.0
 * What goes to standard error, and the exit codes: one line that names the thing, the place and the
 * remedy. */
#include "cli/verb.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const struct eg_option eg_common_option_table[] = {
    {.name = "help",
     .letter = 'h',
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_common_options, help),
     .help = "Shows this help."},
    {.name = "quiet",
     .letter = 'q',
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct eg_common_options, quiet),
     .help = "Leaves out remarks, summaries and progress; errors are still told."},
    {.name = "config",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct eg_common_options, config),
     .value_name = "FILE",
     .help = "Reads this configuration file besides the usual ones."},
    {.name = "color",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct eg_common_options, color),
     .preset = "auto",
     .choices = "auto|always|never",
     .help = "When to use colours."},
    {.name = "progress",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct eg_common_options, progress),
     .preset = "auto",
     .choices = "auto|always|never|json",
     .help = "When to show progress on standard error; json writes one object a line."},
    EG_OPTION_END,
};

enum eg_exit eg_exit_of(enum eg_status status) {
    switch (status) {
    case EG_OK:
    case EG_OK_WARN:
    case EG_END: return EG_EXIT_DONE;
    case EG_E_USAGE: return EG_EXIT_USAGE;
    case EG_E_CUT: return EG_EXIT_PARTIAL;
    case EG_E_CANCELLED: return (enum eg_exit)(128 + 2);
    default: return EG_EXIT_FAILED;
    }
}

void eg_put_visible(FILE *to, const char *text) {
    size_t size;
    for (struct eg_span rest = eg_span(text, strlen(text)); rest.size;
         rest = eg_span_from(rest, size)) {
        int32_t point = eg_utf8_next(rest, &size);
        bool control =
            point < 0x20 ? point != '\n' && point != '\t' : point >= 0x7f && point < 0xa0;
        /* a byte that is no part of a character may be one to a terminal */
        if (point < 0 || control)
            fprintf(to, "\\x%02x", point < 0 ? (unsigned)eg_u8(rest, 0) : (unsigned)point);
        else
            fwrite(rest.at, 1, size, to);
    }
}

/* A message as it may go to a terminal, whatever names are in it. */
static void put_message(const char *format, va_list args) {
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    eg_put_visible(stderr, text);
}

/* Several threads may have something to say; a line is of one of them. */
void eg_say(const struct eg_call *call, const char *message) {
    flockfile(stderr);
    fprintf(stderr, "earlgrey: %s: ", call->verb->name);
    eg_put_visible(stderr, message);
    fputc('\n', stderr);
    funlockfile(stderr);
}

enum eg_exit eg_complain(const struct eg_call *call, const struct eg_error *err) {
    eg_say(call, err->message);
    return eg_exit_of(err->status);
}

enum eg_exit eg_complain_usage(const struct eg_call *call, const char *format, ...) {
    va_list args;
    fprintf(stderr, "earlgrey: %s: ", call->verb->name);
    va_start(args, format);
    put_message(format, args);
    va_end(args);
    fprintf(stderr, "\nTry 'earlgrey %s -h'.\n", call->verb->name);
    return EG_EXIT_USAGE;
}

void eg_note(const struct eg_call *call, const char *format, ...) {
    if (call->common->quiet) return;
    va_list args;
    flockfile(stderr);
    va_start(args, format);
    put_message(format, args);
    va_end(args);
    fputc('\n', stderr);
    funlockfile(stderr);
}
