#include "table/dynamic.h"

#include "base/compiler.h"
#include "base/scope.h"
#include "config/config.h"
#include "table/source.h"

#include <glob.h>

/* Types of Postfix that a package of Debian brings. */
static const char *const packaged[] = { "ldap", "mysql", "pgsql", "sqlite" };

static bool file_names(const char *path, struct slice type)
{
    struct source source = SOURCE_EMPTY;
    struct error ignored;
    struct stat seen;
    bool found = false;

    if (source_read(&source, path, &seen, &ignored))
        for (size_t i = 0; i < source.count && !found; i++) {
            struct slice rest = source.items[i].text;

            found = slice_equal(slice_take_word(&rest), type);
        }
    source_free(&source);
    return found;
}

/* The file that names the type, appended to path; false: none does. */
static bool find_file(const struct config *config, struct slice type, struct str *path)
{
    AUTO_STR struct str pattern = STR_EMPTY;
    glob_t found = { 0 };

    str_format(path, "%s/dynamicmaps.cf", config->meta_directory);
    if (file_names(path->data, type))
        return true;
    str_clear(path);
    str_format(&pattern, "%s/dynamicmaps.cf.d/*.cf", config->meta_directory);
    if (glob(pattern.data, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && !path->length; i++)
            if (file_names(found.gl_pathv[i], type))
                str_text(path, found.gl_pathv[i]);
    globfree(&found);
    return path->length > 0;
}

bool dynamic_refuse(const struct table_context *context, struct slice type, struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY;

    if (context->config && find_file(context->config, type, &path))
        return error_set(error, "unsupported dictionary type: %.*s (the plugin of Postfix that %s "
                         "names is not opened)", SLICE_ARGS(type), path.data);
    for (size_t i = 0; i < COUNT(packaged); i++)
        if (slice_is(type, packaged[i]))
            return error_set(error, "unsupported dictionary type: %s. "
                             "Is the postfix-%s package installed?", packaged[i], packaged[i]);
    return error_set(error, "unsupported dictionary type: %.*s", SLICE_ARGS(type));
}
