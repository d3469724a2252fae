#include "config/config.h"

#include "base/hash.h"
#include "base/scope.h"
#include "config/family.h"
#include "config/main_cf.h"
#include "config/master_cf.h"
#include "config/parameter.h"
#include "config/twin.h"

struct check {
    const struct main_cf *main_cf;
    struct master_cf *master_cf;    /* NULL when it cannot be read */
    struct hash *referred;          /* names behind a $, and restriction classes */
    config_report *report;
    void *argument;
};

static void add_references(struct check *check, struct slice text)
{
    while (text.length > 0) {
        size_t length = 0;

        slice_take_until(&text, "$");
        while (text.length > 0 && strchr("{( ", text.data[0]))
            text = slice_from(text, 1);
        while (length < text.length &&
               (byte_is_alnum(text.data[length]) || text.data[length] == '_'))
            length++;
        if (length > 0)
            hash_set(check->referred, slice_part(text, 0, length), check);
        text = slice_from(text, length);
    }
}

static void add_words(struct check *check, const char *name)
{
    const struct main_cf_entry *entry = main_cf_get(check->main_cf, slice_of(name));
    struct slice rest = slice_of(entry ? entry->value : ""), word;

    while (config_list_next(&rest, true, &word))
        hash_set(check->referred, word, check);
}

/* A table such as ldap:foo reads foo_server_host: any name that starts with foo_ may be its. */
static bool belongs_to_table(const struct check *check, const char *name)
{
    static const char *const types[] = { "ldap:", "mysql:", "pgsql:", "sqlite:", "memcache:" };

    for (const char *end = strchr(name, '_'); end; end = strchr(end + 1, '_'))
        for (size_t i = 0; i < COUNT(types); i++) {
            AUTO_STR struct str table = STR_EMPTY;

            str_format(&table, "%s%.*s", types[i], (int)(end - name), name);
            for (size_t j = 0; j < main_cf_count(check->main_cf); j++)
                if (strstr(main_cf_at(check->main_cf, j)->value, table.data))
                    return true;
        }
    return false;
}

static void check_name(const struct check *check, const char *name, const char *file, int line)
{
    struct slice slice = slice_of(name);
    const struct parameter *parameter = parameter_find(slice);

    if (!parameter)
        parameter = twin_find(slice);
    if (parameter && parameter->used_by[0] == '\0')
        check->report(check->argument, CONFIG_UNSERVED, file, line, name, NULL);
    if (parameter && parameter_moot(parameter))
        check->report(check->argument, CONFIG_MOOT, file, line, name, parameter_moot(parameter));
    if (parameter || hash_get(check->referred, slice) || family_holds(check->master_cf, slice) ||
        belongs_to_table(check, name))
        return;
    check->report(check->argument, CONFIG_UNKNOWN, file, line, name, config_nearest(name));
}

static void check_main(struct check *check)
{
    for (size_t i = 0; i < parameter_count(); i++)
        add_references(check, slice_of(parameter_at(i)->fallback));
    for (size_t i = 0; i < main_cf_count(check->main_cf); i++)
        add_references(check, slice_of(main_cf_at(check->main_cf, i)->value));
    add_words(check, "smtpd_restriction_classes");
    for (size_t i = 0; i < main_cf_count(check->main_cf); i++) {
        const struct main_cf_entry *entry = main_cf_at(check->main_cf, i);

        if (entry->line > 0)
            check_name(check, entry->name, main_cf_path(check->main_cf), entry->line);
    }
}

static void check_settings(struct check *check, const char *path)
{
    const char *setting;

    for (size_t i = 0; i < master_cf_count(check->master_cf); i++) {
        const struct master_service *service = master_cf_at(check->master_cf, i);

        for (size_t j = 0; j < service->argument_count; j++)
            add_references(check, slice_of(service->arguments[j]));
    }
    for (size_t i = 0; i < master_cf_count(check->master_cf); i++) {
        const struct master_service *service = master_cf_at(check->master_cf, i);

        for (size_t j = 0; master_service_setting(service, &j, &setting);) {
            struct slice rest = slice_of(setting);
            AUTO_STR struct str name = STR_EMPTY;

            str_add(&name, slice_trim(slice_take_until(&rest, "=")));
            check_name(check, name.data, path, service->line);
        }
    }
}

void config_check_unserved(const struct config *config, config_report *report, void *argument)
{
    struct check check = { .main_cf = config->source, .report = report, .argument = argument };
    AUTO_STR struct str path = STR_EMPTY;
    struct error error;

    str_format(&path, "%s/master.cf", main_cf_directory(config->source));
    check.referred = hash_new();
    if (!master_cf_read(path.data, MASTER_CF_SHOW, NULL, NULL, &check.master_cf, &error))
        check.master_cf = NULL;     /* whoever starts master is told why */
    check_main(&check);
    if (check.master_cf)
        check_settings(&check, path.data);
    master_cf_free(check.master_cf);
    hash_free(check.referred, NULL);
}
