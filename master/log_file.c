#include "log_file.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

struct log_file {
    int fd;
    struct str kept;
    unsigned lines;             /* in it */
    unsigned long lost;         /* lines that could not be written, before what is kept */
    bool cut;                   /* the file ends within a line */
};

static bool has_allowed_name(const struct config *config)
{
    struct slice rest = slice_of(config->maillog_file_prefixes), prefix;

    while (config_list_next(&rest, false, &prefix))
        if (strncmp(config->maillog_file, prefix.data, prefix.length) == 0)
            return true;
    return false;
}

static bool read_mode(const char *text, mode_t *mode, struct error *error)
{
    char *end;
    unsigned long number = strtoul(text, &end, 8);

    if (*end != '\0' || end == text || number > 0777)
        return error_set(error, "bad value of maillog_file_permissions: %s", text);
    *mode = (mode_t)number;
    return true;
}

static int open_file(const struct config *config, mode_t mode)
{
    if (strcmp(config->maillog_file, "/dev/stdout") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

    int fd = open(config->maillog_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0 && fchmod(fd, mode) < 0)
        log_warn("set the mode of %s: %m", config->maillog_file);
    if (fd >= 0 && flock(fd, LOCK_SH) < 0)
        log_warn("lock %s: %m", config->maillog_file);
    return fd;
}

struct log_file *log_file_open(const struct config *config, struct error *error)
{
    mode_t mode = 0600;

    if (!*config->maillog_file) {
        (void)error_set(error, "maillog_file is empty: there is no file to write to");
        return NULL;
    }
    if (!has_allowed_name(config)) {
        (void)error_set(error, "maillog_file value '%s' does not match any prefix in "
                        "maillog_file_prefixes", config->maillog_file);
        return NULL;
    }
    if (!read_mode(config->maillog_file_permissions, &mode, error))
        return NULL;

    int fd = open_file(config, mode);

    if (fd < 0) {
        (void)error_system(error, "open logfile '%s'", config->maillog_file);
        return NULL;
    }

    struct log_file *file = memory_new(1, sizeof(*file));

    *file = (struct log_file){ .fd = fd, .kept = STR_EMPTY };
    return file;
}

void log_file_close(struct log_file *file)
{
    log_file_write(file);
    close(file->fd);
    str_free(&file->kept);
    free(file);
}

void log_file_add(struct log_file *file, struct slice line)
{
    while (line.length > 0 && (line.data[line.length - 1] == '\n' ||
                               line.data[line.length - 1] == '\0'))
        line.length--;
    str_add(&file->kept, line);
    str_byte(&file->kept, '\n');
    file->lines++;
}

/* Where it broke off; "" when all was written. */
static struct slice write_text(struct log_file *file, struct slice text)
{
    struct slice rest = text;

    while (rest.length > 0) {
        ssize_t count = write(file->fd, rest.data, rest.length);

        if (count > 0)
            rest = slice_from(rest, (size_t)count);
        else if (errno != EINTR)
            break;
    }
    if (rest.length < text.length)
        file->cut = rest.data[-1] != '\n';
    return rest;
}

static unsigned count_lines(struct slice text)
{
    unsigned count = 0;

    for (; text.length > 0; count++) {
        size_t end = slice_find(text, '\n');

        text = slice_from(text, end < text.length ? end + 1 : end);
    }
    return count;
}

/* The first thing that is written after lines could not be. */
static bool say_what_was_lost(struct log_file *file)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (file->lost == 0)
        return true;
    str_text(&text, file->cut ? "\n" : "");
    log_render(&text, LOG_SEVERITY_WARNING, file->lost, "maillog_file could not be written");
    str_byte(&text, '\n');
    if (write_text(file, str_slice(&text)).length > 0)
        return false;
    file->lost = 0;
    return true;
}

void log_file_write(struct log_file *file)
{
    if (file->lines > 0)
        file->lost += say_what_was_lost(file)
                          ? count_lines(write_text(file, str_slice(&file->kept)))
                          : file->lines;
    str_clear(&file->kept);
    file->lines = 0;
}

size_t log_file_bytes(const struct log_file *file)
{
    return file->kept.length;
}

unsigned log_file_lines(const struct log_file *file)
{
    return file->lines;
}
