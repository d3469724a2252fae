/*
 * Whether the file system of the queue keeps its promises in a power cut.
 *
 * The durable moves of lib/queue rely on a journal, and statfs(2) does not say whether an
 * ext4 has one; its folder in sysfs does.
 */
#include "command.h"

#include "base/scope.h"
#include "log/log.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool read_start(const char *path, char *text, size_t size)
{
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, size - 1);

    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* The kernel's name of the device that holds a folder, "sda1"; false when it has none. */
static bool device_name(const char *folder, struct str *name)
{
    AUTO_STR struct str link = STR_EMPTY;
    char target[PATH_MAX];
    struct stat facts;

    if (stat(folder, &facts) < 0)
        return false;
    str_format(&link, "/sys/dev/block/%u:%u", major(facts.st_dev), minor(facts.st_dev));

    ssize_t length = readlink(link.data, target, sizeof(target));

    if (length <= 0)
        return false;

    struct slice path = slice_bytes(target, (size_t)length);

    str_add(name, slice_from(path, slice_find_last(path, '/') + 1));
    return true;
}

void journal_check(const struct command_context *context)
{
    const char *folder = context->config->queue_directory;
    AUTO_STR struct str device = STR_EMPTY, path = STR_EMPTY;
    char task[32];

    if (!device_name(folder, &device))
        return;
    str_format(&path, "/sys/fs/ext4/%s/journal_task", device.data);
    if (read_start(path.data, task, sizeof(task)) && strncmp(task, "<none>", 6) == 0)
        log_warn("%s is on %s, an ext4 without a journal: a power cut may lose accepted mail",
                 folder, device.data);
}
