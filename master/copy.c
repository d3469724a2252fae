/*
 * The main.cf in service: a sealed copy in memory that every process is started with.
 *
 * What stands on disk may be half edited when a client comes and a process is started for it.  So
 * the file counts from a reload on, and only when every service can be started with it.
 */
#include "master.h"

#include "base/scope.h"
#include "config/file.h"
#include "config/master_cf.h"
#include "log/log.h"

#include <fcntl.h>
#include <sys/mman.h>

struct complaints {
    struct { char **items; size_t count, capacity; } texts;
};

int copy_take(const char *directory, struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY, text = STR_EMPTY;

    str_format(&path, "%s/main.cf", directory);
    if (!config_file_read(path.data, &text, error))
        return -1;

    AUTO_CLOSE int copy = memfd_create("main.cf", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (copy < 0 || (text.length > 0 &&
                     write(copy, text.data, text.length) != (ssize_t)text.length) ||
        fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        (void)error_system(error, "copy %s", path.data);
        return -1;
    }
    return take_fd(&copy);
}

/* Many services read the same parameter: its line is logged once. */
static void complain(void *argument, const char *text)
{
    struct complaints *complaints = argument;

    for (size_t i = 0; i < complaints->texts.count; i++)
        if (strcmp(complaints->texts.items[i], text) == 0)
            return;
    VECTOR_PUSH(&complaints->texts, memory_copy(text));
    log_warn("%s", text);
}

struct overrides {
    struct config_override *items;
    size_t count, capacity;
};

static void add_override(struct overrides *overrides, const char *setting,
                         struct complaints *complaints)
{
    struct config_override override;
    struct error error;

    if (config_parse_override(slice_of(setting), &override, &error))
        VECTOR_PUSH(overrides, override);
    else
        complain(complaints, error.text);
}

static void free_overrides(struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++) {
        free((char *)(uintptr_t)overrides->items[i].name);
        free((char *)(uintptr_t)overrides->items[i].value);
    }
    VECTOR_FREE(overrides);
}

/* SERVICE_destination_concurrency_limit and the like, which qmgr reads: -o does not reach them. */
static void check_family(struct config_request request, struct complaints *complaints)
{
    const char *command = request.program;

    request.program = "qmgr";
    request.override_count = 0;
    (void)config_check_family(&request, command, complain, complaints);
}

/* As its process would be started: what child.c gives it, and service/options.c reads. */
static void check_line(const struct master *master, int copy, const struct line *line,
                       const char *stress, struct complaints *complaints)
{
    struct master_service service = { .arguments = (const char **)line->words,
                                      .argument_count = line->word_count };
    struct overrides overrides = { NULL, 0, 0 };
    struct slice program = slice_of(line->program);
    size_t slash = slice_find_last(program, '/');
    const char *setting;

    if (stress)
        add_override(&overrides, stress, complaints);
    for (size_t i = 0; master_service_setting(&service, &i, &setting);)
        add_override(&overrides, setting, complaints);

    struct config_request request = {
        .directory = master->config_directory,
        .program = slash < program.length ? program.data + slash + 1 : program.data,
        .service = line->name,
        .overrides = overrides.items,
        .override_count = overrides.count,
        .copy = copy,
    };

    (void)config_check(&request, complain, complaints);
    check_family(request, complaints);
    free_overrides(&overrides);
}

bool copy_is_good(const struct master *master, int copy, const struct line_list *lines)
{
    struct complaints complaints = { 0 };

    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->items[i];
        bool inet = line->listen == LISTEN_INET;

        check_line(master, copy, line, inet ? "stress=" : NULL, &complaints);
        if (inet)
            check_line(master, copy, line, "stress=yes", &complaints);
    }

    bool good = complaints.texts.count == 0;

    for (size_t i = 0; i < complaints.texts.count; i++)
        free(complaints.texts.items[i]);
    VECTOR_FREE(&complaints.texts);
    return good;
}
