#include "modes.h"

#include "base/scope.h"
#include "log/log.h"
#include "print.h"
#include "source.h"
#include "usage.h"

static void print_name(const struct source *source, const struct known_name *name,
                       struct str *output)
{
    AUTO_STR struct str text = STR_EMPTY, expanded = STR_EMPTY;
    bool only_default = option_is_given(source->options, 'd');
    struct error error;

    source_text(source, name, only_default, &text);
    if (option_is_given(source->options, 'x') && !name->raw
        && !option_is_given(source->options, 'H')) {
        if (!names_expand(source->names, str_slice(&text), &expanded, &error)) {
            log_warn("%s", error.text);
            log_fatal("macro processing error");
        }
        print_setting(output, source->options, name->name, str_slice(&expanded));
        return;
    }
    print_setting(output, source->options, name->name, str_slice(&text));
}

static bool is_wanted(const struct source *source, const struct known_name *name)
{
    if (!(name->class & source->options->classes))
        return false;
    return !option_is_given(source->options, 'n') ||
           (main_cf_get(source->main_cf, slice_of(name->name)) &&
            !known_name_is_read_only(slice_of(name->name)));
}

static void print_all(const struct source *source, const struct known_names *known,
                      struct str *output)
{
    for (size_t i = 0; i < known_names_count(known); i++) {
        const struct known_name *name = known_names_at(known, i);

        if (is_wanted(source, name) &&
            !(option_is_given(source->options, 'd') && name->class == CLASS_USER))
            print_name(source, name, output);
    }
}

/* Whatever classes are wanted, as Postfix's. */
static void print_legacy(const struct source *source, const char *name, struct str *output)
{
    struct known_name legacy = { .name = name, .class = CLASS_USER };

    if (!option_is_given(source->options, 'n') ||
        main_cf_get(source->main_cf, slice_of(name)))
        print_name(source, &legacy, output);
}

static void print_asked(const struct source *source, const struct known_names *known,
                        struct str *output)
{
    for (char **argument = source->options->arguments; *argument; argument++) {
        const struct known_name *name = known_names_find(known, slice_of(*argument));

        if (known_name_is_legacy(slice_of(*argument)))
            print_legacy(source, *argument, output);
        else if (!name)
            log_warn("%s: unknown parameter", *argument);
        else if (is_wanted(source, name))
            print_name(source, name, output);
    }
}

void show_main(const struct options *options)
{
    struct source source = source_open(options);
    AUTO_STR struct str output = STR_EMPTY;

    source_add_master(&source, true);

    struct known_names *known = known_names_new(&source);

    if (option_is_given(options, 'd'))
        known_names_sort(known);
    else
        usage_collect(&source, known);
    if (options->arguments[0])
        print_asked(&source, known, &output);
    else
        print_all(&source, known, &output);
    write_output(&output);
    if (!option_is_given(options, 'd')) {
        usage_warn_main(&source, known);
        usage_warn_master(&source, known);
    }
    known_names_free(known);
    source_close(&source);
}
