#include "print.h"

enum { INDENT = 4 };

void line_word(struct line *line, struct slice word)
{
    size_t length = line->output->length - line->start;

    if (length > 0 && line->fold && length + 1 + word.length > line->limit) {
        str_byte(line->output, '\n');
        line->start = line->output->length;
        str_format(line->output, "%*s", INDENT, "");
    } else if (length > 0) {
        str_byte(line->output, ' ');
    }
    str_add(line->output, word);
}

void print_setting(struct str *output, const struct options *options, const char *label,
                   struct slice value)
{
    struct line line = { output, output->length, option_is_given(options, 'f'),
                         SETTING_COLUMNS };
    struct slice word;

    if (option_is_given(options, 'H')) {
        str_format(output, "%s\n", label);
        return;
    }
    if (!option_is_given(options, 'h'))
        str_format(output, "%s =", label);
    while ((word = slice_take_word(&value)).length > 0)
        line_word(&line, word);
    str_byte(output, '\n');
}
