#include "usage.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "tables.h"

struct scan {
    const struct source *source;
    struct known_names *known;
    const struct hash *local;   /* names that -o of one service sets, to values; NULL: main.cf */
    struct hash *used;          /* of the local names */
    struct hash *warned;
    bool from_file;             /* the text was set, and is no default */
    bool quiet;                 /* what is not defined was said already */
};

static const char classes_name[] = "smtpd_restriction_classes";

static void scan_text(struct scan *scan, struct slice text);

static bool is_name_byte(char c)
{
    return byte_is_alnum(c) || c == '_';
}

static void warn_undefined(struct scan *scan, struct slice name)
{
    if (scan->quiet || !scan->from_file || hash_set(scan->warned, name, scan->warned))
        return;
    log_warn("%s/%s: undefined parameter: %.*s", scan->source->directory,
             scan->local ? "master.cf" : "main.cf", SLICE_ARGS(name));
}

static void use_name(struct scan *scan, struct slice name)
{
    const char *local = scan->local ? hash_get(scan->local, name) : NULL;

    if (local) {
        if (!hash_set(scan->used, name, scan->used))
            scan_text(scan, slice_of(local));
        return;
    }
    if (known_names_find(scan->known, name))
        return;

    const struct main_cf_entry *entry = main_cf_get(scan->source->main_cf, name);

    if (!entry) {
        warn_undefined(scan, name);
        return;
    }
    known_names_add(scan->known, entry->name, CLASS_USER);
    scan_text(scan, slice_of(entry->value));
}

/* Every $name, ${name and $(name in text, chosen or not. */
static void scan_text(struct scan *scan, struct slice text)
{
    const struct slice start = text;

    while (text.length > 0) {
        slice_take_until(&text, "$");
        if (text.length == 0)
            return;
        if (text.data[0] == '$') {
            text = slice_from(text, 1);
            continue;
        }
        if (text.data[0] == '{' || text.data[0] == '(') {
            if (slice_find(text, text.data[0] == '{' ? '}' : ')') == text.length)
                return;     /* truncated */
            text = slice_trim_start(slice_from(text, 1));
        }

        size_t length = 0;

        while (length < text.length && is_name_byte(text.data[length]))
            length++;
        if (length == 0 && text.data > start.data && text.data[-1] == '$')
            return;         /* "$ ": what follows is not looked at by the expansion either */
        if (length > 0)
            use_name(scan, slice_part(text, 0, length));
        text = slice_from(text, length);
    }
}

static void use_class(struct scan *scan, struct slice name, bool must_be_there)
{
    const struct main_cf_entry *entry = main_cf_get(scan->source->main_cf, name);

    if (scan->local && hash_get(scan->local, name)) {
        use_name(scan, name);
        return;
    }
    if (known_names_find(scan->known, name))
        return;
    if (!entry) {
        if (must_be_there)
            warn_undefined(scan, name);
        return;
    }
    known_names_add(scan->known, entry->name, CLASS_USER);
    scan_text(scan, slice_of(entry->value));
}

/* Each restriction class is a parameter that must be set. */
static void use_restriction_classes(struct scan *scan, const char *value)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct error ignored;

    if (!value || !names_expand(scan->source->names, slice_of(value), &text, &ignored))
        return;

    struct slice rest = str_slice(&text), word;

    while (slice_take_token(&rest, ", \t\r\n", &word))
        use_class(scan, word, true);
}

/* "ldap:foo" makes foo_server_host and the like valid. */
static void use_tables(struct scan *scan, const char *value)
{
    struct slice rest = slice_of(value), word;

    while (slice_take_token(&rest, ", \t\r\n{}", &word)) {
        const char *const *suffixes = table_settings(&word);
        AUTO_STR struct str name = STR_EMPTY;

        for (; suffixes && *suffixes; suffixes++) {
            str_clear(&name);
            str_format(&name, "%.*s_%s", SLICE_ARGS(word), *suffixes);
            use_class(scan, str_slice(&name), false);
        }
    }
}

/* A value that cannot be expanded ends the program, unless it is a user's that nothing needs. */
static void check_expansion(const struct scan *scan, const struct main_cf_entry *entry)
{
    const struct known_name *known = known_names_find(scan->known, slice_of(entry->name));
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;

    if (!known || known->class == CLASS_USER ||
        names_expand(scan->source->names, slice_of(entry->value), &text, &error))
        return;
    log_warn("%s", error.text);
    log_fatal("macro processing error");
}

/* The defaults count also where main.cf sets something else, as do values of unused names. */
static void scan_main(struct scan *scan)
{
    const struct main_cf_entry *classes =
        main_cf_get(scan->source->main_cf, slice_of(classes_name));
    AUTO_STR struct str text = STR_EMPTY;
    size_t count = known_names_count(scan->known);
    const struct main_cf *main_cf = scan->source->main_cf;

    for (size_t i = 0; i < count; i++) {
        struct known_name name = *known_names_at(scan->known, i);

        if (name.computed || name.raw)
            continue;
        source_text(scan->source, &name, true, &text);
        scan->from_file = false;
        scan_text(scan, str_slice(&text));
    }
    scan->from_file = true;
    for (size_t i = 0; i < main_cf_count(main_cf); i++) {
        const struct known_name *known =
            known_names_find(scan->known, slice_of(main_cf_at(main_cf, i)->name));

        if (!known || !known->raw)      /* what $name means there its user knows */
            scan_text(scan, slice_of(main_cf_at(main_cf, i)->value));
        use_tables(scan, main_cf_at(main_cf, i)->value);
    }
    use_restriction_classes(scan, classes ? classes->value : NULL);
}

static bool split_setting(const char *setting, struct slice *name, struct slice *value)
{
    struct slice rest = slice_of(setting);

    if (slice_find(rest, '=') == rest.length)
        return false;
    *name = slice_trim(slice_take_until(&rest, "="));
    *value = slice_trim(rest);
    return true;
}

/* The -o settings of a service: the later counts. */
static struct hash *settings_of(const struct master_service *service)
{
    struct hash *settings = hash_new();
    struct slice name, value;
    const char *setting;

    for (size_t i = 0; master_service_setting(service, &i, &setting);)
        if (split_setting(setting, &name, &value))
            free(hash_set(settings, name, memory_text(value.length > 0 ? value.data : "",
                                                      value.length)));
    return settings;
}

static void scan_service(struct scan *scan, const struct hash *settings)
{
    size_t position = 0;

    for (struct hash_entry *entry; (entry = hash_next(settings, &position));) {
        struct slice name = { entry->key, entry->key_length };
        const struct known_name *known = known_names_find(scan->known, name);

        scan->from_file = true;
        if (known && known->class != CLASS_USER) {
            if (!known->raw)
                scan_text(scan, slice_of(entry->value));
            use_tables(scan, entry->value);
        }
    }
    use_restriction_classes(scan, hash_get(settings, slice_of(classes_name)));
}

static void scan_services(struct scan *scan)
{
    const struct master_cf *master_cf = scan->source->master_cf;

    for (size_t i = 0; master_cf && i < master_cf_count(master_cf); i++) {
        struct hash *settings = settings_of(master_cf_at(master_cf, i));

        scan->local = settings;
        scan->used = hash_new();
        scan_service(scan, settings);
        hash_free(scan->used, NULL);
        hash_free(settings, free);
    }
    scan->local = NULL;
}

void usage_collect(const struct source *source, struct known_names *known)
{
    struct hash *warned = hash_new(), *warned_master = hash_new();
    struct scan scan = { .source = source, .known = known, .warned = warned };

    scan_main(&scan);
    scan.warned = warned_master;
    scan_services(&scan);
    for (size_t i = 0; i < main_cf_count(source->main_cf); i++)
        check_expansion(&scan, main_cf_at(source->main_cf, i));
    hash_free(warned, NULL);
    hash_free(warned_master, NULL);
    known_names_sort(known);
}

static bool is_read_only(struct slice name)
{
    return slice_is(name, "process_name") || slice_is(name, "process_id") ||
           slice_is(name, "service_name");
}

void usage_warn_main(const struct source *source, struct known_names *known)
{
    for (size_t i = 0; i < main_cf_count(source->main_cf); i++) {
        const struct main_cf_entry *entry = main_cf_at(source->main_cf, i);

        if (is_read_only(slice_of(entry->name)) && entry->line > 0)
            log_warn("%s/main.cf: read-only parameter assignment: %s=%s", source->directory,
                     entry->name, entry->value);
        else if (!known_names_find(known, slice_of(entry->name)))
            log_warn("%s/main.cf: unused parameter: %s=%s", source->directory, entry->name,
                     entry->value);
    }
}

static void warn_of_service(const struct source *source, struct known_names *known,
                            const struct master_service *service)
{
    struct hash *settings = settings_of(service);
    struct hash *warned = hash_new();
    struct scan scan = { source, known, settings, hash_new(), warned, false, true };
    size_t position = 0;

    scan_service(&scan, settings);
    scan_main(&scan);
    for (struct hash_entry *entry; (entry = hash_next(settings, &position));) {
        struct slice name = { entry->key, entry->key_length };

        if (is_read_only(name))
            log_warn("%s/master.cf: read-only parameter assignment: %s=%s", source->directory,
                     entry->key, (const char *)entry->value);
        else if (!known_names_find(known, name) && !hash_get(scan.used, name))
            log_warn("%s/master.cf: unused parameter: %s=%s", source->directory, entry->key,
                     (const char *)entry->value);
    }
    hash_free(scan.used, NULL);
    hash_free(warned, NULL);
    hash_free(settings, free);
}

void usage_warn_master(const struct source *source, struct known_names *known)
{
    const struct master_cf *master_cf = source->master_cf;
    size_t index;
    const char *setting;

    for (size_t i = 0; master_cf && i < master_cf_count(master_cf); i++) {
        const struct master_service *service = master_cf_at(master_cf, i);

        index = 0;
        if (master_service_setting(service, &index, &setting))
            warn_of_service(source, known, service);
    }
}
