#include "places.h"

#include "base/scope.h"
#include "base/vector.h"
#include "config/main_cf.h"
#include "log/log.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* What all instances have in common (MULTI_INSTANCE_README): the programs and the documentation. */
static const char *const shared[] = {
    "command_directory", "daemon_directory", "meta_directory", "shlib_directory",
    "mail_owner", "setgid_group", "sendmail_path", "newaliases_path", "mailq_path",
    "html_directory", "manpage_directory", "readme_directory", "sample_directory",
};

static void find_place(const struct edit_request *request, const char *name, const char *primary,
                       struct str *place)
{
    const char *value = edit_setting(request, name);
    bool is_named = request->name && strcmp(request->name, "-") != 0;

    if (value)
        str_text(place, value);
    else if (is_named)
        str_format(place, "%.*s/%s", (int)slice_find_last(slice_of(primary), '/'), primary,
                   request->name);
    else
        log_fatal("-e %s: neither -I nor %s= says where it is", request->action, name);
    if (place->data[0] != '/')
        log_fatal("%s=%s: not an absolute path", name, place->data);
    while (place->length > 1 && place->data[place->length - 1] == '/')
        str_cut(place, place->length - 1);
}

void places_find(const struct instances *instances, const struct edit_request *request,
                 bool configuration_only, struct places *places)
{
    const struct instance *primary = &instances->items[0];

    find_place(request, "config_directory", primary->directory, &places->configuration);
    if (configuration_only)
        return;
    find_place(request, "queue_directory", primary->config->queue_directory, &places->queue);
    find_place(request, "data_directory", primary->config->data_directory, &places->data);
}

void places_free(struct places *places)
{
    str_free(&places->configuration);
    str_free(&places->queue);
    str_free(&places->data);
}

/* With the directories above it. */
static void make_directory(const char *path)
{
    AUTO_STR struct str part = STR_EMPTY;

    for (size_t i = 1, length = strlen(path); i <= length; i++) {
        if (i < length && path[i] != '/')
            continue;
        str_cut(&part, 0);
        str_add(&part, slice_bytes(path, i));
        if (mkdir(part.data, 0755) < 0 && errno != EEXIST)
            log_fatal("cannot make the directory %s: %m", part.data);
    }
}

/* As it is, with its mode and its time. */
static void copy_file(const char *from, const char *to)
{
    AUTO_CLOSE int source = open(from, O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int copy = source < 0 ? -1
                                     : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct stat facts;

    if (copy < 0 || fstat(source, &facts) < 0)
        log_fatal("copy %s to %s: %m", from, to);
    for (off_t done = 0; done < facts.st_size;)
        if (sendfile(copy, source, &done, (size_t)(facts.st_size - done)) <= 0)
            log_fatal("copy %s to %s: %m", from, to);
    if (fchmod(copy, facts.st_mode & 0777) < 0 ||
        futimens(copy, (struct timespec[]){ facts.st_atim, facts.st_mtim }) < 0)
        log_fatal("copy %s to %s: %m", from, to);
}

static void copy_stock(const struct instances *instances, const struct places *places)
{
    static const char *const names[] = { "main.cf", "master.cf" };

    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_STR struct str from = STR_EMPTY, to = STR_EMPTY;

        str_format(&from, "%s/%s.proto", instances->items[0].config->meta_directory, names[i]);
        str_format(&to, "%s/%s", places->configuration.data, names[i]);
        copy_file(from.data, to.data);
    }
}

struct words {
    char **items;
    size_t count, capacity;
};

static void add_setting(struct words *words, const char *name, const char *value)
{
    AUTO_STR struct str setting = STR_EMPTY;

    str_format(&setting, "%s = %s", name, value);
    VECTOR_PUSH(words, memory_copy(setting.data));
}

/* Ends and frees the words. */
static void run_postconf(const struct instances *instances, const struct places *places,
                         struct words *words)
{
    VECTOR_PUSH(words, NULL);
    if (words->count > 2 &&
        !run_command(instances, "postconf", places->configuration.data, words->items))
        log_fatal("cannot write %s/main.cf", places->configuration.data);
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    VECTOR_FREE(words);
}

/* What the primary main.cf sets is set, what it leaves to the defaults becomes a comment. */
static void write_settings(const struct instances *instances, const struct places *places)
{
    const struct config *primary = instances->items[0].config;
    struct words set = { NULL, 0, 0 }, comment = { NULL, 0, 0 };

    VECTOR_PUSH(&set, memory_copy("-e"));
    VECTOR_PUSH(&comment, memory_copy("-#"));
    for (size_t i = 0; i < COUNT(shared); i++) {
        AUTO_STR struct str value = STR_EMPTY;
        struct error error;

        if (!main_cf_get(primary->source, slice_of(shared[i])))
            VECTOR_PUSH(&comment, memory_copy(shared[i]));
        else if (config_lookup(primary, shared[i], &value, &error))
            add_setting(&set, shared[i], value.data);
    }
    add_setting(&set, "queue_directory", places->queue.data);
    add_setting(&set, "data_directory", places->data.data);
    /* Nobody reaches it, and nobody submits mail to it, before its administrator says so. */
    add_setting(&set, "master_service_disable", "inet");
    add_setting(&set, "authorized_submit_users", "");
    run_postconf(instances, places, &comment);
    run_postconf(instances, places, &set);
}

void places_create(const struct instances *instances, const struct places *places)
{
    make_directory(places->configuration.data);
    make_directory(places->queue.data);
    make_directory(places->data.data);
    copy_stock(instances, places);
    write_settings(instances, places);
}

static void remove_directory(const char *path)
{
    if (rmdir(path) < 0 && errno != ENOENT)
        log_warn("%s: %m: please verify contents and remove by hand", path);
}

static void remove_queue(const char *queue)
{
    static const char *const names[] = {
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "intake",
        "maildrop", "pid", "private", "public", "saved", "trace",
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_STR struct str path = STR_EMPTY;

        str_format(&path, "%s/%s", queue, names[i]);
        remove_directory(path.data);
    }
}

/* master -t (master(8)) succeeds when nothing holds the queue. */
static void check_stopped(const struct instance *instance)
{
    AUTO_STR struct str program = STR_EMPTY;
    AUTO_FREE char *place = memory_copy(instance->directory);

    str_format(&program, "%s/master", instance->config->daemon_directory);
    if (run_program(NULL, (char *[]){ program.data, (char[]){ "-c" }, place, (char[]){ "-t" },
                                      NULL }))
        log_fatal("instance %s is not stopped", instance->directory);
}

void places_destroy(const struct instance *instance)
{
    static const char *const names[] = { "main.cf", "master.cf" };

    check_stopped(instance);
    remove_queue(instance->config->queue_directory);
    remove_directory(instance->config->data_directory);
    remove_directory(instance->config->queue_directory);
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_STR struct str path = STR_EMPTY;

        str_format(&path, "%s/%s", instance->directory, names[i]);
        if (unlink(path.data) < 0)
            log_warn("cannot remove %s: %m", path.data);
    }
    remove_directory(instance->directory);
}
