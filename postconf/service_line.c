#include "service_line.h"

#include "base/scope.h"

static const int columns[MASTER_FIELDS] = { 0, 11, 17, 25, 33, 41, 49, 57 };

/* "name = value" behind -o is written without the blanks around the sign. */
static void add_setting(struct str *text, struct slice setting)
{
    struct slice rest = setting;

    if (slice_find(setting, '=') == setting.length) {
        service_argument(text, setting);
        return;
    }

    struct slice name = slice_trim(slice_take_until(&rest, "="));
    AUTO_STR struct str tight = STR_EMPTY;

    str_format(&tight, "%.*s=%.*s", SLICE_ARGS(name), SLICE_ARGS(slice_trim(rest)));
    service_argument(text, str_slice(&tight));
}

void service_argument(struct str *text, struct slice argument)
{
    if (slice_find_any(argument, " \t\r\n\v\f") < argument.length)
        str_format(text, "{%.*s}", SLICE_ARGS(argument));
    else
        str_add(text, argument);
}

/* The text of argument index; *is_setting: it is the value of -o. */
static void argument_text(const struct master_service *service, size_t index, bool is_setting,
                          struct str *text)
{
    str_clear(text);
    if (is_setting)
        add_setting(text, slice_of(service->arguments[index]));
    else
        service_argument(text, slice_of(service->arguments[index]));
}

/* Whether options may still come: everything before was one, or the value of -o. */
static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

void service_command(const struct master_service *service, struct str *text)
{
    bool options = true, setting = false;
    AUTO_STR struct str word = STR_EMPTY;

    str_text(text, service->command);
    for (size_t i = 0; i < service->argument_count; i++) {
        argument_text(service, i, setting, &word);
        str_format(text, " %s", word.data);
        options = options && (setting || is_option(service->arguments[i]));
        setting = options && !setting && strcmp(service->arguments[i], "-o") == 0;
    }
}

static void break_line(struct line *line)
{
    str_text(line->output, "\n   ");
    line->start = line->output->length - 3;
}

/* Folded, each -o has a line of its own, and what follows its value another. */
static void add_arguments(const struct master_service *service, struct line *line)
{
    bool options = true, setting = false, was_setting = false;
    AUTO_STR struct str word = STR_EMPTY;

    for (size_t i = 0; i < service->argument_count; i++) {
        bool is_value = setting;

        argument_text(service, i, is_value, &word);
        options = options && (is_value || is_option(service->arguments[i]));
        setting = options && !is_value && strcmp(service->arguments[i], "-o") == 0;
        if (line->fold && !is_value && (setting || was_setting))
            break_line(line);
        was_setting = is_value;
        if (is_value)           /* never on another line than its -o */
            str_format(line->output, " %s", word.data);
        else
            line_word(line, str_slice(&word));
    }
}

void service_fold_command(const struct master_service *service, struct line *line)
{
    line_word(line, slice_of(service->command));
    add_arguments(service, line);
}

void service_line(const struct master_service *service, bool fold, struct str *output)
{
    struct line line = { output, output->length, fold, SERVICE_COLUMNS };

    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        if (i > 0)
            do
                str_byte(output, ' ');
            while (output->length - line.start < (size_t)columns[i]);
        str_text(output, service->fields[i]);
    }
    add_arguments(service, &line);
    str_byte(output, '\n');
}
