#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    error->code = 0;
    return false;
}

bool error_code(struct error *error, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    error->code = code;
    return false;
}

bool error_system(struct error *error, const char *format, ...)
{
    int code = errno;
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);

    size_t length = strlen(error->text);

    snprintf(error->text + length, sizeof(error->text) - length, ": %s", strerror(code));
    error->code = code;
    errno = code;
    return false;
}

bool error_prefix(struct error *error, const char *format, ...)
{
    char old[ERROR_TEXT_LIMIT];
    va_list args;

    memcpy(old, error->text, sizeof(old));
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);

    size_t length = strlen(error->text);

    snprintf(error->text + length, sizeof(error->text) - length, ": %s", old);
    return false;
}
