/* -b and -t: the texts of notifications, as the program bounce reads them. */
#include "modes.h"

#include "base/scope.h"
#include "config/config.h"
#include "deliver/notice_template.h"
#include "log/log.h"

static void show_template(const struct notice_template *notice, struct str *output)
{
    str_format(output, "%s_template = <<EOF\nCharset: %s\nFrom: %s\nSubject: %s\n", notice->kind,
               notice->charset, notice->from, notice->subject);
    if (*notice->postmaster_subject)
        str_format(output, "Postmaster-Subject: %s\n", notice->postmaster_subject);
    str_byte(output, '\n');
    str_add(output, notice->text);
    if (!slice_ends(notice->text, "\n"))
        str_byte(output, '\n');
    str_text(output, "EOF\n");
}

static void show_text(const struct config *config, const struct notice_template *notice,
                      struct str *output)
{
    struct error error;

    str_format(output, "expanded_%s_text = <<EOF\n", notice->kind);
    if (!notice_expand(config, notice, output, &error))
        log_fatal("%s", error.text);
    str_text(output, "EOF\n");
}

static const struct config *load(const struct options *options)
{
    const struct config *config;
    struct error error;

    if (!config_load(&(struct config_request){ .directory = options->directory,
                                               .program = "bounce" }, &config, &error))
        log_fatal("%s", error.text);
    return config;
}

void show_bounce_templates(const struct options *options)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str output = STR_EMPTY;
    struct notice_templates templates;
    struct error error;
    bool expanded = option_is_given(options, 'b');

    if (options->arguments[0] && options->arguments[1])
        log_fatal("options -b and -t require at most one template file");
    log_open(&(struct log_settings){ .tag = "postfix/bounce", .program = "postfix/bounce",
                                     .standard_error = true });

    const struct config *config = load(options);
    AUTO_STR struct str path = STR_EMPTY;

    if (options->arguments[0])
        str_text(&path, options->arguments[0]);
    else if (!config_lookup(config, "bounce_template_file", &path, &error))
        log_fatal("%s", error.text);
    if (!notice_templates_load(path.data, arena, &templates, &error))
        log_fatal("%s", error.text);
    for (size_t i = 0; i < NOTICE_COUNT; i++) {
        if (i > 0)
            str_byte(&output, '\n');
        if (expanded)
            show_text(config, &templates.kinds[i], &output);
        else
            show_template(&templates.kinds[i], &output);
    }
    write_output(&output);
    config_free(config);
}
