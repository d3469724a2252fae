/*
 * How postconf writes: white space in a value becomes one blank; with -f, lines have
 * at most 80 columns (those of services 79) and go on behind four blanks.
 */
#pragma once

#include "base/str.h"
#include "options.h"

struct line {
    struct str *output;
    size_t start;           /* of the line that is being written, in output */
    bool fold;
    size_t limit;           /* columns of a folded line */
};

enum { SETTING_COLUMNS = 80, SERVICE_COLUMNS = 79 };

/* One word, with a blank or a line break before it unless the line is empty. */
void line_word(struct line *line, struct slice word);

/* "label = value", or what -h and -H leave of it, and a newline. */
void print_setting(struct str *output, const struct options *options, const char *label,
                   struct slice value);
