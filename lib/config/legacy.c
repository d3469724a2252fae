#include "config/legacy.h"

#include "base/scope.h"
#include "config/condition.h"
#include "config/main_cf.h"

bool config_level_is_below(const struct config *config, const char *level)
{
    const struct main_cf_entry *entry =
        main_cf_get(config->source, SLICE_LITERAL("compatibility_level"));
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;
    int64_t here = 0, there = 0;

    str_text(&text, entry ? entry->value : "0");
    if ((strchr(text.data, '$') &&
         !config_lookup(config, "compatibility_level", &text, &error)) ||
        !compatibility_level_parse(slice_trim(str_slice(&text)), &here))
        here = 0;
    return compatibility_level_parse(slice_of(level), &there) && here < there;
}

bool config_is_default(const struct config *config, const char *name)
{
    return !main_cf_get(config->source, slice_of(name));
}

bool config_has_old_default(const struct config *config, const char *name, const char *level)
{
    return config_is_default(config, name) && config_level_is_below(config, level);
}
