#include "config/file.h"

#include "base/scope.h"

#include <fcntl.h>

bool config_file_read(const char *path, struct str *text, struct error *error)
{
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return error_system(error, "open %s", path);
    return config_copy_read(file, path, text, error);
}

bool config_copy_read(int copy, const char *path, struct str *text, struct error *error)
{
    size_t start = text->length;

    for (;;) {
        ssize_t count = pread(copy, str_reserve(text, 16384), 16384,
                              (off_t)(text->length - start));

        if (count < 0)
            return error_system(error, "read %s", path);
        if (count == 0)
            return true;
        str_added(text, (size_t)count);
        if (text->length - start > CONFIG_FILE_LIMIT)
            return error_set(error, "%s is larger than %d bytes", path, CONFIG_FILE_LIMIT);
    }
}
