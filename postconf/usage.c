#include "usage.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "config/expand.h"
#include "log/log.h"
#include "table/braces.h"
#include "tables.h"

struct scan {
    const struct source *source;
    struct known_names *known;
    const struct names *names;  /* what $name stands for */
    const char *where;          /* "main.cf" or "master.cf:smtp/inet" */
    const struct hash *local;   /* names that -o of one service sets, to values; NULL: main.cf */
    struct hash *used;          /* of the local names */
    struct hash *warned;
    bool from_file;             /* the text was set, and is no default */
    bool quiet;                 /* what is not defined was said already */
};

static const char classes_name[] = "smtpd_restriction_classes";

static void scan_text(struct scan *scan, struct slice text);

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

static enum expand_answer note_name(void *argument, struct slice name, UNUSED struct str *value)
{
    use_name(argument, name);
    return EXPAND_UNKNOWN;
}

/* Every name in text, chosen or not; each broken text is told of once. */
static void scan_text(struct scan *scan, struct slice text)
{
    struct expand_names names = { note_name, scan };
    struct error error;

    if (expand_scan(&names, text, &error) || scan->quiet ||
        hash_set(scan->warned, slice_of(error.text), scan->warned))
        return;
    log_warn("%s", error.text);
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

    if (!value || !names_expand(scan->names, slice_of(value), &text, &ignored))
        return;

    struct slice rest = str_slice(&text), word;

    while (slice_take_token(&rest, ", \t\r\n", &word))
        use_class(scan, word, true);
}

/* "ldap:foo" makes foo_server_host and the like valid. */
static void use_table(struct scan *scan, struct slice table)
{
    const char *const *suffixes = table_settings(&table);
    AUTO_STR struct str name = STR_EMPTY;

    for (; suffixes && *suffixes; suffixes++) {
        str_clear(&name);
        str_format(&name, "%.*s_%s", SLICE_ARGS(table), *suffixes);
        use_class(scan, str_slice(&name), false);
    }
}

/* A list of tables may stand in { }, alone or behind a type, at any depth. */
static void use_tables(struct scan *scan, struct slice list)
{
    struct slice word, inside;
    struct error error;

    while (braces_next(&list, &word)) {
        size_t brace = slice_find(word, '{');

        if (brace > 0 && (brace == word.length || word.data[brace - 1] != ':')) {
            use_table(scan, word);
            continue;
        }
        if (!braces_strip(slice_from(word, brace), &inside, &error) && !scan->quiet)
            log_warn("%s: %s", scan->where, error.text);
        use_tables(scan, inside);
    }
}

/* A value that cannot be expanded ends the program, unless it is a user's that nothing needs. */
static bool expand_known(const struct scan *scan, const char *name, const char *value,
                         struct str *text)
{
    const struct known_name *known = known_names_find(scan->known, slice_of(name));
    struct error error;

    if (!known || known->class == CLASS_USER)
        return false;
    if (!names_expand(scan->names, slice_of(value), text, &error)) {
        log_warn("%s", error.text);
        log_fatal("macro processing error");
    }
    return true;
}

static void check_value(struct scan *scan, const char *name, const char *value)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (expand_known(scan, name, value, &text))
        use_tables(scan, str_slice(&text));
}

/* A default may compare what main.cf sets (compatibility_level), and fail as a value does. */
static void check_defaults(struct scan *scan)
{
    AUTO_STR struct str text = STR_EMPTY, ignored = STR_EMPTY;

    for (size_t i = 0; i < known_names_count(scan->known); i++) {
        struct known_name name = *known_names_at(scan->known, i);

        if (name.class == CLASS_USER || name.computed || name.raw ||
            main_cf_get(scan->source->main_cf, slice_of(name.name)))
            continue;
        source_text(scan->source, &name, true, &text);
        str_clear(&ignored);
        (void)expand_known(scan, name.name, text.data, &ignored);
    }
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
        check_value(scan, main_cf_at(main_cf, i)->name, main_cf_at(main_cf, i)->value);
    }
    check_defaults(scan);
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
            check_value(scan, known->name, entry->value);
        }
    }
    use_restriction_classes(scan, hash_get(settings, slice_of(classes_name)));
}

/* main.cf with the -o settings of a service on top. */
static struct main_cf *overlay(const struct source *source, const struct hash *settings)
{
    const struct main_cf *main_cf = source->main_cf;
    struct main_cf *copy;
    size_t position = 0;
    struct error error;

    if (!main_cf_parse(SLICE_LITERAL(""), main_cf_path(main_cf), NULL, NULL, &copy, &error))
        log_fatal("%s", error.text);
    for (size_t i = 0; i < main_cf_count(main_cf); i++)
        main_cf_set(copy, main_cf_at(main_cf, i)->name, slice_of(main_cf_at(main_cf, i)->value));
    for (struct hash_entry *entry; (entry = hash_next(settings, &position));)
        main_cf_set(copy, entry->key, slice_of(entry->value));
    return copy;
}

typedef void visit_service(struct scan *scan, const struct hash *settings);

/* Visit a service with its settings, unless it has none. */
static void with_service(struct scan *scan, const struct master_service *service,
                         visit_service *visit)
{
    struct hash *settings = settings_of(service);
    struct main_cf *main_cf = overlay(scan->source, settings);
    struct names *names = names_new(main_cf, "postconf", service->name);
    AUTO_STR struct str where = STR_EMPTY;

    str_format(&where, "master.cf:%s/%s", service->name, master_type_name(service->type));
    scan->where = where.data;
    scan->names = names;
    scan->local = settings;
    scan->used = hash_new();
    visit(scan, settings);
    hash_free(scan->used, NULL);
    names_free(names);
    main_cf_free(main_cf);
    hash_free(settings, free);
}

static void each_service(struct scan *scan, visit_service *visit)
{
    const struct master_cf *master_cf = scan->source->master_cf;

    for (size_t i = 0; master_cf && i < master_cf_count(master_cf); i++) {
        const struct master_service *service = master_cf_at(master_cf, i);
        const char *setting;
        size_t index = 0;

        if (master_service_setting(service, &index, &setting))
            with_service(scan, service, visit);
    }
}

static void warn_of(const struct source *source, const char *file, const char *what,
                    const char *name, const char *value)
{
    log_warn("%s/%s: %s: %s=%s", source->directory, file, what, name, value);
}

static void warn_of_services(const struct source *source)
{
    struct slice name, value;
    const char *setting;

    for (size_t i = 0; source->master_cf && i < master_cf_count(source->master_cf); i++) {
        const struct master_service *service = master_cf_at(source->master_cf, i);

        for (size_t j = 0; master_service_setting(service, &j, &setting);)
            if (split_setting(setting, &name, &value) && known_name_is_read_only(name))
                log_warn("%s/master.cf: read-only parameter assignment: %.*s=%.*s",
                         source->directory, SLICE_ARGS(name), SLICE_ARGS(value));
    }
}

/* What cannot be set. */
static void warn_of_read_only(const struct source *source)
{
    warn_of_services(source);
    for (size_t i = 0; i < main_cf_count(source->main_cf); i++) {
        const struct main_cf_entry *entry = main_cf_at(source->main_cf, i);

        if (known_name_is_read_only(slice_of(entry->name)))
            warn_of(source, "main.cf", "read-only parameter assignment", entry->name,
                    entry->value);
    }
}

/* What every program of Postfix needs before all else is looked at first, with other words. */
static void check_first_names(const struct source *source)
{
    static const char *const first[] = { "myhostname", "mydomain", "mynetworks_style",
                                         "inet_protocols", "inet_interfaces" };

    for (size_t i = 0; i < COUNT(first); i++) {
        const struct main_cf_entry *entry = main_cf_get(source->main_cf, slice_of(first[i]));
        AUTO_STR struct str text = STR_EMPTY;
        struct error error;

        if (!entry || names_expand(source->names, slice_of(entry->value), &text, &error))
            continue;
        log_warn("%s", error.text);
        log_fatal("dictionary mail_dict: macro processing error");
    }
}

void usage_collect(const struct source *source, struct known_names *known)
{
    warn_of_read_only(source);
    check_first_names(source);

    struct hash *warned = hash_new(), *warned_master = hash_new();
    struct scan scan = { .source = source, .known = known, .warned = warned_master };

    each_service(&scan, scan_service);
    scan = (struct scan){ .source = source, .known = known, .names = source->names,
                          .where = "main.cf", .warned = warned };
    scan_main(&scan);
    hash_free(warned, NULL);
    hash_free(warned_master, NULL);
    known_names_sort(known);
}

void usage_warn_main(const struct source *source, struct known_names *known)
{
    for (size_t i = 0; i < main_cf_count(source->main_cf); i++) {
        const struct main_cf_entry *entry = main_cf_at(source->main_cf, i);

        if (!known_name_is_read_only(slice_of(entry->name)) &&
            !known_names_find(known, slice_of(entry->name)))
            warn_of(source, "main.cf", "unused parameter", entry->name, entry->value);
    }
}

static void warn_of_service(struct scan *scan, const struct hash *settings)
{
    struct hash *warned = hash_new();
    size_t position = 0;

    scan->warned = warned;
    scan_service(scan, settings);
    scan_main(scan);
    for (struct hash_entry *entry; (entry = hash_next(settings, &position));) {
        struct slice name = { entry->key, entry->key_length };

        if (!known_name_is_read_only(name) && !known_names_find(scan->known, name) &&
            !hash_get(scan->used, name))
            warn_of(scan->source, "master.cf", "unused parameter", entry->key, entry->value);
    }
    hash_free(warned, NULL);
}

void usage_warn_master(const struct source *source, struct known_names *known)
{
    struct scan scan = { .source = source, .known = known, .quiet = true };

    each_service(&scan, warn_of_service);
}
