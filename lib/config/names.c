#include "config/names.h"

#include "base/memory.h"
#include "base/scope.h"
#include "config/defaults.h"
#include "config/networks.h"
#include "config/parameter.h"
#include "config/twin.h"

#include <fcntl.h>
#include <limits.h>

struct names {
    const struct main_cf *main_cf;
    char *program, *service;
};

struct names *names_new(const struct main_cf *main_cf, const char *program, const char *service)
{
    struct names *names = memory_new(1, sizeof(*names));

    *names = (struct names){ main_cf, memory_copy(program), memory_copy(service) };
    return names;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    free(names->program);
    free(names->service);
    free(names);
}

const struct main_cf *names_source(const struct names *names)
{
    return names->main_cf;
}

const char *names_default_directory(void)
{
    return default_config_directory();
}

static void default_host_name(struct str *text)
{
    char host[HOST_NAME_MAX + 1] = "";

    gethostname(host, sizeof(host) - 1);
    str_text(text, host[0] ? host : "localhost");
    if (!strchr(text->data, '.'))
        str_text(text, ".$mydomain");
}

/* mydomain without myhostname in main.cf must not ask for myhostname's default: that asks back. */
static void default_domain(const struct names *names, struct str *text)
{
    const struct main_cf_entry *entry = main_cf_get(names->main_cf, slice_of("myhostname"));
    AUTO_STR struct str host = STR_EMPTY;
    struct error error;

    if (!entry)
        default_host_name(&host);
    else if (!names_value(names, slice_of("myhostname"), &host, &error))
        str_clear(&host);
    if (slice_ends(str_slice(&host), ".$mydomain"))
        str_clear(&host);

    const char *dot = strchr(host.data, '.');

    str_text(text, dot ? dot + 1 : "localdomain");
}

static bool default_networks(const struct names *names, struct str *text, struct error *error)
{
    AUTO_STR struct str style = STR_EMPTY, interfaces = STR_EMPTY, protocols = STR_EMPTY;

    return names_value(names, slice_of("mynetworks_style"), &style, error) &&
           names_value(names, slice_of("inet_interfaces"), &interfaces, error) &&
           names_value(names, slice_of("inet_protocols"), &protocols, error) &&
           networks_default(style.data, interfaces.data, protocols.data, text, error);
}

static void default_computed(const struct names *names, const char *name, struct str *text)
{
    const char *installed = default_installed(name);
    struct error error;

    if (strcmp(name, "config_directory") == 0)
        str_text(text, main_cf_directory(names->main_cf));
    else if (installed)
        str_text(text, installed);
    else if (strcmp(name, "myhostname") == 0)
        default_host_name(text);
    else if (strcmp(name, "mydomain") == 0)
        default_domain(names, text);
    else if (strcmp(name, "mynetworks") == 0 && !default_networks(names, text, &error))
        str_clear(text);    /* names_value reports why */
    else if (strcmp(name, "process_name") == 0)
        str_text(text, names->program);
    else if (strcmp(name, "service_name") == 0)
        str_text(text, names->service);
    else if (strcmp(name, "process_id") == 0)
        str_format(text, "%ld", (long)getpid());
}

bool names_default(const struct names *names, struct slice name, struct str *text)
{
    const struct parameter *parameter = parameter_find(name);

    str_clear(text);
    if (parameter && parameter->fallback)
        str_text(text, parameter->fallback);
    else if (parameter)
        default_computed(names, parameter_name(parameter), text);
    else if ((parameter = twin_find(name)))
        twin_default(parameter, text);
    return parameter;
}

/* What a daemon is cannot be set; process_name can, as with Postfix, but postconf denies it. */
static bool is_decided(const struct names *names, struct slice name)
{
    bool is_shown = strcmp(names->program, "postconf") == 0;

    if (slice_is(name, "process_name"))
        return is_shown;
    return (is_shown || (names->service && *names->service)) &&
           (slice_is(name, "process_id") || slice_is(name, "service_name"));
}

bool names_raw(const struct names *names, struct slice name, struct str *text)
{
    const struct main_cf_entry *entry = main_cf_get(names->main_cf, name);

    if (!entry || is_decided(names, name))
        return names_default(names, name, text);
    str_set(text, slice_of(entry->value));
    return true;
}

static enum expand_answer get_name(void *argument, struct slice name, struct str *value)
{
    return names_raw(argument, name, value) ? EXPAND_KNOWN : EXPAND_UNKNOWN;
}

bool names_expand(const struct names *names, struct slice text, struct str *output,
                  struct error *error)
{
    struct expand_names source = { get_name, (void *)(uintptr_t)names };

    return expand_text(&source, text, output, error);
}

/* Debian: myorigin = /etc/mailname stands for the first line of that file. */
static bool read_origin(const char *path, struct str *value, struct error *error)
{
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
    char bytes[1024];
    ssize_t count = file < 0 ? -1 : read(file, bytes, sizeof(bytes));

    if (count < 0)
        return error_system(error, "open %s", path);

    struct slice rest = slice_bytes(bytes, (size_t)count);

    str_set(value, slice_trim(slice_take_until(&rest, "\n")));
    return true;
}

bool names_value(const struct names *names, struct slice name, struct str *value,
                 struct error *error)
{
    AUTO_STR struct str raw = STR_EMPTY;
    size_t start = value->length;

    if (slice_is(name, "mynetworks") && !main_cf_get(names->main_cf, name)) {
        if (!default_networks(names, &raw, error))
            return false;
        str_add(value, str_slice(&raw));
        return true;
    }
    if (!names_raw(names, name, &raw))
        return true;
    if (!names_expand(names, str_slice(&raw), value, error))
        return false;
    if (slice_is(name, "myorigin") && value->data[start] == '/') {
        AUTO_FREE char *path = memory_copy(value->data + start);

        str_cut(value, start);
        return read_origin(path, value, error);
    }
    return true;
}
