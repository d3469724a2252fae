#include "verify_cache.h"

#include "base/hash.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "service/needs.h"
#include "table/store.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>

struct verify_cache {
    const struct config *config;
    const struct table_context *tables;
    struct events *events;
    struct store *store;        /* NULL: results are kept in memory */
    struct hash *memory;
    int folder;                 /* until the file is opened: a jail has no way to it; -1: none */
    struct str type_name;       /* below the folder; "" for memory */
    struct str name;            /* as in the log */
};

/* --- where it is --------------------------------------------------------------------- */

static bool is_of_owner(const struct config *config, const char *folder)
{
    const struct passwd *owner = getpwnam(config->mail_owner);
    struct stat facts;

    return owner && stat(folder, &facts) == 0 && facts.st_uid == owner->pw_uid;
}

/* A cache is never written with the rights of others than the mail owner's. */
static void find_folder(struct verify_cache *cache, const char *type_name, struct str *folder)
{
    const struct config *config = cache->config;
    struct slice path = slice_of(type_name);
    struct slice type = slice_take_until(&path, ":");
    size_t slash = slice_find_last(path, '/');

    str_add(folder, slice_part(path, 0, slash == path.length ? 0 : slash));
    if (!is_of_owner(config, folder->data)) {
        log_warn("request to update table %s in non-postfix directory %s", type_name,
                 folder->data);
        log_warn("redirecting the request to postfix-owned data_directory %s",
                 config->data_directory);
        str_set(folder, slice_of(config->data_directory));
    }
    str_format(&cache->type_name, "%.*s:", SLICE_ARGS(type));

    struct slice base = slash == path.length ? path : slice_from(path, slash + 1);

    str_format(&cache->name, "%s%s/%.*s", cache->type_name.data, folder->data, SLICE_ARGS(base));
    str_add(&cache->type_name, base);
}

struct verify_cache *verify_cache_new(struct service_context *context)
{
    struct verify_cache *cache = memory_new(1, sizeof(*cache));
    const char *type_name = context->config->address_verify_map;
    AUTO_STR struct str folder = STR_EMPTY;

    *cache = (struct verify_cache){
        .config = context->config, .tables = service_tables(context), .memory = hash_new(),
        .folder = -1, .type_name = STR_EMPTY, .name = STR_EMPTY,
    };
    str_text(&cache->name, *type_name ? "" : "internal:verify");
    if (!*type_name)
        return cache;
    if (slice_starts(slice_of(type_name), "proxy:")) {      /* its file is proxywrite's */
        str_text(&cache->name, type_name);
        str_text(&cache->type_name, type_name);
        return cache;
    }
    find_folder(cache, type_name, &folder);
    service_writes(context, folder.data);
    cache->folder = open(folder.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (cache->folder < 0)
        log_error("%s: %m", folder.data);
    return cache;
}

/* --- opening ------------------------------------------------------------------------- */

/* The folder may be outside the jail: we go there by its descriptor, and keep none. */
static struct store *open_file(struct verify_cache *cache, struct error *error)
{
    AUTO_CLOSE int folder = take_fd(&cache->folder);
    AUTO_CLOSE int home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (folder >= 0 && (home < 0 || fchdir(folder) < 0)) {
        (void)error_system(error, "its folder");
        return NULL;
    }

    struct store *store = store_open(cache->tables, cache->type_name.data, 0, error);

    if (folder >= 0 && fchdir(home) < 0)
        log_fatal("change back to the queue directory: %m");
    return store;
}

static void clean_when_due(struct verify_cache *cache);

void verify_cache_open(struct verify_cache *cache, struct events *events)
{
    struct error error = ERROR_NONE;

    cache->events = events;
    if (cache->type_name.length > 0) {
        cache->store = open_file(cache, &error);
        if (cache->store)
            store_set_name(cache->store, cache->name.data);
        else
            log_error("%s is unavailable, results are kept in memory: %s", cache->name.data,
                      error.text);
    }
    if (cache->config->address_verify_cache_cleanup_interval > 0)
        clean_when_due(cache);
}

void verify_cache_close(struct verify_cache *cache)
{
    store_close(cache->store);
    cache->store = NULL;
}

/* --- entries -------------------------------------------------------------------------- */

bool verify_cache_get(struct verify_cache *cache, const char *address, struct str *value,
                      struct verify_record *record)
{
    struct error error = ERROR_NONE;
    struct slice key = slice_of(address);
    enum table_result result;

    if (!cache->store) {
        str_set(value, slice_of(hash_get(cache->memory, key)));
        return value->length > 0 && verify_record_parse(str_slice(value), record);
    }
    result = store_get(cache->store, key, value, &error);
    if (result == TABLE_TROUBLE)
        log_warn("%s: cache lookup for '%s' failed due to error: %s", cache->name.data, address,
                 error.text);
    return result == TABLE_FOUND && verify_record_parse(str_slice(value), record);
}

void verify_cache_put(struct verify_cache *cache, const char *address,
                      const struct verify_record *record)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;

    verify_record_write(&value, record);
    if (!cache->store)
        free(hash_set(cache->memory, slice_of(address), str_take(&value)));
    else if (!store_put(cache->store, slice_of(address), str_slice(&value), &error))
        log_warn("%s: could not update entry for %s: %s", cache->name.data, address, error.text);
}

/* --- cleaning up ---------------------------------------------------------------------- */

static bool keeps(void *argument, UNUSED struct slice key, struct slice value)
{
    const struct verify_cache *cache = argument;
    struct verify_record record;

    return verify_record_parse(value, &record) &&
           !verify_record_is_expired(&record, cache->config, time(NULL));
}

/* A hash may not change while it is walked over: what goes is collected first. */
static void clean_memory(struct verify_cache *cache)
{
    struct { char **items; size_t count, capacity; } expired = { NULL, 0, 0 };
    size_t position = 0;

    for (const struct hash_entry *entry; (entry = hash_next(cache->memory, &position));)
        if (!keeps(cache, slice_of(entry->key), slice_of(entry->value)))
            VECTOR_PUSH(&expired, memory_text(entry->key, entry->key_length));
    for (size_t i = 0; i < expired.count; i++) {
        free(hash_remove(cache->memory, slice_of(expired.items[i])));
        free(expired.items[i]);
    }
    log_info("cache %s full cleanup: retained=%zu dropped=%zu entries", cache->name.data,
             hash_count(cache->memory), expired.count);
    VECTOR_FREE(&expired);
}

/* Out of the turn: others are served meanwhile. */
static void clean_store(void *argument)
{
    struct verify_cache *cache = argument;
    struct error error = ERROR_NONE;

    if (!store_clean(cache->store, keeps, cache, &error))
        log_warn("%s: cache cleanup scan terminated due to error: %s", cache->name.data,
                 error.text);
}

static void clean(void *argument);

static void cleaned(void *argument)
{
    struct verify_cache *cache = argument;

    events_at(cache->events, moment_after(cache->config->address_verify_cache_cleanup_interval),
              clean, cache);
}

static void clean(void *argument)
{
    struct verify_cache *cache = argument;

    if (cache->store) {
        events_work(cache->events, clean_store, cleaned, cache);
        return;
    }
    clean_memory(cache);
    cleaned(cache);
}

/* An interval after the last one, which an earlier life may have run. */
static void clean_when_due(struct verify_cache *cache)
{
    int64_t now = time(NULL), interval = cache->config->address_verify_cache_cleanup_interval;
    int64_t last = cache->store ? store_cleaned_at(cache->store) : 0;

    if (last > now || now - last >= interval)
        clean(cache);
    else
        events_at(cache->events, moment_after(last + interval - now), clean, cache);
}
