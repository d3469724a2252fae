/*
 * Are these our programs?  A main.cf that came with another mail system may still
 * name its daemon_directory.
 */
#include "command.h"

#include "base/scope.h"
#include "config/defaults.h"
#include "log/log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Stands in our master (master/master.c) and in no other. */
static bool holds_mark(const char *path)
{
    static const char first[] = "postreiter", second[] = " master";
    AUTO_STR struct str mark = STR_EMPTY;
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;

    if (file < 0 || fstat(file, &facts) < 0 || facts.st_size == 0)
        return false;

    void *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);

    if (bytes == MAP_FAILED)
        return false;
    str_format(&mark, "%s%s", first, second);

    bool holds = memmem(bytes, (size_t)facts.st_size, mark.data, mark.length) != NULL;

    munmap(bytes, (size_t)facts.st_size);
    return holds;
}

/* The folder of our own daemons, when this command knows it: it stands beside the default. */
void suite_check(const struct command_context *context)
{
    const struct config *config = context->config;
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/master", config->daemon_directory);
    if (access(path.data, X_OK) < 0)
        log_fatal("daemon_directory: %s cannot be run: %m", path.data);
    if (holds_mark(path.data))
        return;
    log_fatal("%s/main.cf: daemon_directory = %s holds the programs of another mail system. "
              "Change the line to: daemon_directory = %s",
              context->directory, config->daemon_directory,
              default_installed("daemon_directory"));
}
