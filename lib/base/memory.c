#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

void memory_exhausted(void)
{
    static const char text[] = "fatal: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    _exit(EX_TEMPFAIL);
}

void *memory_new(size_t count, size_t size)
{
    void *fresh = calloc(count ? count : 1, size ? size : 1);

    if (!fresh)
        memory_exhausted();
    return fresh;
}

void *memory_resize(void *old, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        memory_exhausted();

    void *fresh = realloc(old, count && size ? count * size : 1);

    if (!fresh)
        memory_exhausted();
    return fresh;
}

char *memory_text(const char *data, size_t length)
{
    if (length == SIZE_MAX)
        memory_exhausted();

    char *copy = memory_resize(NULL, length + 1, 1);

    if (length)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}

char *memory_copy(const char *text)
{
    return text ? memory_text(text, strlen(text)) : NULL;
}
