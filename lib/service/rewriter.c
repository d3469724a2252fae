/*
 * Rewriting and resolving are trivial-rewrite's: they follow main.cf and the -o settings of its
 * line in master.cf, and not those of the program that does them.  Instead of asking another
 * process for each address, a process whose settings differ there reads main.cf once more.
 */
#include "service/process.h"

#include "base/memory.h"
#include "config/parameter.h"

#include <stdlib.h>

/* "SERVICE:name=value", as master gives it. */
static bool is_of_service(struct slice text, const char *service, struct slice *setting)
{
    size_t colon = slice_find(text, ':');

    *setting = slice_from(text, colon + (colon < text.length));
    return slice_is(slice_part(text, 0, colon), service);
}

/* May it change where mail goes?  A name of the user's own may stand in any parameter. */
static bool concerns_rewriting(const char *name)
{
    const struct parameter *parameter = parameter_find(slice_of(name));

    if (strcmp(name, "stress") == 0)
        return false;
    return !parameter || parameter_is_used_by(parameter, "trivial-rewrite");
}

static bool has_own_settings(const struct config_request *request)
{
    for (size_t i = 0; i < request->override_count; i++)
        if (concerns_rewriting(request->overrides[i].name))
            return true;
    return false;
}

static bool is_rewriting(const char *program)
{
    const struct parameter *parameter = parameter_find(SLICE_LITERAL("rewrite_service_name"));

    return parameter && parameter_is_used_by(parameter, program);
}

/* Read on behalf of trivial-rewrite; false only with an error. */
static bool load_rewriter(const struct options *options, struct config_request request,
                          const char *service, struct error *error, const struct config **config)
{
    bool own = has_own_settings(&request), good = true;
    struct config_override *overrides = memory_new(options->rewrite_count + 1,
                                                   sizeof(*overrides));
    struct slice setting;

    request.override_count = 0;
    request.overrides = overrides;
    for (size_t i = 0; good && i < options->rewrite_count; i++)
        if (is_of_service(slice_of(options->rewrite_settings[i]), service, &setting))
            good = config_parse_override(setting, &overrides[request.override_count++], error);
    if (good && (own || request.override_count > 0))
        good = config_load(&request, config, error);
    if (!good || !*config)
        free(overrides);
    return good;
}

bool rewriter_settle(const struct options *options, const struct config_request *request,
                     const struct config **config, struct error *error)
{
    struct config_request again = *request;
    const struct config *rewriter = NULL, *first = *config;

    if (!is_rewriting(request->program) ||
        (options->rewrite_count == 0 && !has_own_settings(request)))
        return true;
    if (!load_rewriter(options, *request, first->rewrite_service_name, error, &rewriter))
        return false;
    if (!rewriter)
        return true;
    again.rewriter = rewriter;
    if (!config_load(&again, config, error))
        return false;
    config_free(first);
    return true;
}
