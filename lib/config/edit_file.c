#include "config/edit_file.h"

#include "base/scope.h"
#include "config/file.h"
#include "log/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* The file that was locked must still be the one that bears the name. */
static bool is_current(int file, const char *path)
{
    struct stat by_descriptor, by_name;

    return fstat(file, &by_descriptor) == 0 && stat(path, &by_name) == 0 &&
           by_descriptor.st_ino == by_name.st_ino && by_descriptor.st_dev == by_name.st_dev;
}

static int open_locked(const char *path)
{
    for (;;) {
        int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (file < 0)
            log_fatal("open %s: %m", path);
        if (flock(file, LOCK_EX) < 0)
            log_fatal("lock %s: %m", path);
        if (is_current(file, path))
            return file;
        close(file);
    }
}

void edit_file_open(struct edit_file *edit, const char *path)
{
    struct error error;

    *edit = (struct edit_file){ path, STR_EMPTY, STR_EMPTY, -1 };
    str_format(&edit->temporary, "%s.tmp", path);
    edit->file = open_locked(edit->temporary.data);
    if (!config_file_read(path, &edit->text, &error)) {
        unlink(edit->temporary.data);
        log_fatal("%s", error.text);
    }
}

static bool write_all(int file, const struct str *text)
{
    size_t done = 0;

    while (done < text->length) {
        ssize_t count = write(file, text->data + done, text->length - done);

        if (count < 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

static bool keep_owner_and_mode(int file, const char *path)
{
    struct stat old;

    if (stat(path, &old) < 0)
        return false;
    if (geteuid() == 0 && fchown(file, old.st_uid, old.st_gid) < 0)
        return false;
    return fchmod(file, old.st_mode & 07777) == 0;
}

static void edit_close(struct edit_file *edit)
{
    close(edit->file);
    str_free(&edit->temporary);
    str_free(&edit->text);
}

void edit_file_commit(struct edit_file *edit, const struct str *text)
{
    const char *temporary = edit->temporary.data;

    if (ftruncate(edit->file, 0) < 0 || !write_all(edit->file, text) ||
        !keep_owner_and_mode(edit->file, edit->path) || fsync(edit->file) < 0 ||
        rename(temporary, edit->path) < 0) {
        log_warn("replace %s: %m", edit->path);
        unlink(temporary);
        exit(1);
    }
    edit_close(edit);
}

void edit_file_abandon(struct edit_file *edit)
{
    unlink(edit->temporary.data);
    edit_close(edit);
}
