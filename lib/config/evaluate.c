#include "config/evaluate.h"

#include "config/value.h"

static const char *const expected[] = {
    [PARAMETER_TEXT] = "",
    [PARAMETER_RAW] = "",
    [PARAMETER_BOOL] = ": expected yes or no",
    [PARAMETER_NUMBER] = ": expected a number",
    [PARAMETER_SIZE] = ": expected a number of bytes",
    [PARAMETER_SECONDS] = ": expected a time such as 30s, 5m, 1h, 2d or 1w",
};

/* Behind Postfix's words: where it stands, and what would be right. */
static bool fail(const struct names *names, const struct parameter *parameter, const char *name,
                 struct error *error)
{
    const struct main_cf *main_cf = names_source(names);
    const struct main_cf_entry *entry = main_cf_get(main_cf, slice_of(name));
    struct error words = *error;

    if (!entry)
        return error_code(error, words.code, "%s (default of %s)", words.text, name);
    if (entry->line == 0)
        return error_code(error, words.code, "%s (-o %s%s)", words.text, name,
                          expected[parameter->type]);
    return error_code(error, words.code, "%s (%s, line %d%s)", words.text,
                      main_cf_path(main_cf), entry->line, expected[parameter->type]);
}

bool evaluate_parameter(const struct names *names, const struct parameter *parameter,
                        const char *name, const char *default_text, struct str *text,
                        void *place, struct error *error)
{
    str_clear(text);
    if (parameter->type == PARAMETER_RAW) {
        (void)names_raw(names, slice_of(name), text);
        return true;
    }
    if (!names_value(names, slice_of(name), text, error))
        return fail(names, parameter, name, error);
    return value_store(parameter, name, slice_trim(str_slice(text)), default_text, place,
                       error) ||
           fail(names, parameter, name, error);
}
