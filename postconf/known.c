/* The set of all names. */
#include "source.h"

#include "base/hash.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/family.h"
#include "config/parameter.h"
#include "config/twin.h"

struct known_names {
    struct arena *arena;
    struct hash *seen;          /* to index + 1 */
    struct { struct known_name *items; size_t count, capacity; } list;
};

static struct known_name *add(struct known_names *known, struct slice name, unsigned class)
{
    if (hash_get(known->seen, name))
        return NULL;

    struct known_name *entry = VECTOR_ADD(&known->list);

    entry->name = arena_text(known->arena, name);
    entry->class = class;
    hash_set(known->seen, name, (void *)(uintptr_t)known->list.count);
    return entry;
}

void known_names_add(struct known_names *known, const char *name, unsigned class)
{
    add(known, slice_of(name), class);
}

static void set_class(struct known_names *known, struct slice name, unsigned class)
{
    uintptr_t place = (uintptr_t)hash_get(known->seen, name);

    known->list.items[place - 1].class = class;
}

static void add_builtin(struct known_names *known)
{
    AUTO_STR struct str twin = STR_EMPTY;

    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);
        struct slice name = slice_of(parameter_name(parameter));

        if (family_is_row(name))
            continue;
        if (parameter->origin == PARAMETER_NEWER && parameter->used_by[0] == '\0')
            continue;

        struct known_name *entry = add(known, name, CLASS_BUILTIN);

        entry->computed = !parameter->fallback;
        entry->raw = parameter->type == PARAMETER_RAW;
        if (twin_name(parameter, &twin))
            add(known, str_slice(&twin), CLASS_BUILTIN);
    }
}

static void add_family_member(struct known_names *known, const char *service,
                              const char *suffix, const char *fallback)
{
    AUTO_STR struct str name = STR_EMPTY;

    str_format(&name, "%s%s", service, suffix);

    struct known_name *entry = add(known, str_slice(&name), CLASS_SERVICE);

    if (!entry)         /* a row of its own, such as local_destination_recipient_limit */
        set_class(known, str_slice(&name), CLASS_SERVICE);
    else if (!parameter_find(str_slice(&name)))
        entry->fallback = fallback;
}

static void add_services(struct known_names *known, const struct master_cf *master_cf)
{
    for (size_t i = 0; i < master_cf_count(master_cf); i++) {
        const struct master_service *service = master_cf_at(master_cf, i);
        const struct family_member *member;

        for (size_t j = 0; (member = family_at(service->command, j)); j++)
            add_family_member(known, service->name, member->suffix, member->fallback);
    }
}

static bool refers_to(struct slice text, struct slice name)
{
    while (text.length > 0) {
        slice_take_until(&text, "$");
        while (text.length > 0 && strchr("{(", text.data[0]))
            text = slice_from(text, 1);
        if (text.length >= name.length && memcmp(text.data, name.data, name.length) == 0 &&
            (text.length == name.length ||
             !(byte_is_alnum(text.data[name.length]) || text.data[name.length] == '_')))
            return true;
    }
    return false;
}

bool known_name_is_legacy(struct slice name)
{
    if (name.length == 0 || parameter_find(name) || twin_find(name))
        return false;
    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);

        if (parameter->origin != PARAMETER_NEWER && parameter->fallback &&
            refers_to(slice_of(parameter->fallback), name))
            return true;
    }
    return false;
}

bool known_name_is_read_only(struct slice name)
{
    return slice_is(name, "process_name") || slice_is(name, "process_id") ||
           slice_is(name, "service_name");
}

struct known_names *known_names_new(const struct source *source)
{
    struct known_names *known = memory_new(1, sizeof(*known));

    known->arena = arena_new();
    known->seen = hash_new();
    add_builtin(known);
    if (source->master_cf)
        add_services(known, source->master_cf);
    return known;
}

void known_names_free(struct known_names *known)
{
    hash_free(known->seen, NULL);
    VECTOR_FREE(&known->list);
    arena_free(known->arena);
    free(known);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct known_name *)left)->name,
                  ((const struct known_name *)right)->name);
}

void known_names_sort(struct known_names *known)
{
    qsort(known->list.items, known->list.count, sizeof(*known->list.items), compare_names);
    for (size_t i = 0; i < known->list.count; i++)
        hash_set(known->seen, slice_of(known->list.items[i].name), (void *)(uintptr_t)(i + 1));
}

size_t known_names_count(const struct known_names *known)
{
    return known->list.count;
}

const struct known_name *known_names_at(const struct known_names *known, size_t index)
{
    return &known->list.items[index];
}

const struct known_name *known_names_find(const struct known_names *known, struct slice name)
{
    uintptr_t place = (uintptr_t)hash_get(known->seen, name);

    return place ? &known->list.items[place - 1] : NULL;
}
