/* SPDX-License-Identifier: Apache-2.0
 * What standard output is, and how text is dressed for it. */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool eg_terminal(void) { return isatty(STDOUT_FILENO) != 0; }

/* Of the terminal that standard output is; 0: it is none, or does not say. */
static uint32_t width(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

uint32_t eg_terminal_lines(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

static bool colored(const char *when) {
    const char *kind = getenv("TERM");
    if (strcmp(when, "always") == 0) return true;
    return strcmp(when, "auto") == 0 && eg_terminal() && !getenv("NO_COLOR") &&
           (!kind || strcmp(kind, "dumb") != 0);
}

struct eg_encode_style eg_terminal_style(const struct eg_call *call, enum eg_format format,
                                         bool to_terminal) {
    setlocale(LC_CTYPE, "");
    return (struct eg_encode_style){
        .format = format,
        .header = true,
        .color = colored(call->common->color),
        .unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .width = to_terminal ? width() : 0,
    };
}
