/*
 * Why a call failed, for the one who can decide what it means.
 *
 * A function that may fail returns bool, is MUST_USE, and takes a struct error
 * last.  On success the error is not touched.
 */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>

enum { ERROR_TEXT_LIMIT = 1024 };

struct error {
    int code;                       /* an errno value, or 0 when there is none */
    char text[ERROR_TEXT_LIMIT];    /* one line without a newline */
};

#define ERROR_NONE ((struct error){ 0, "" })

/* Set the text; the code is 0.  Always false, so that it can be returned. */
bool error_set(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* Set the code and the text. */
bool error_code(struct error *error, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Set the text, with ": " and the words of errno behind it; the code is errno. */
bool error_system(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* Put "prefix: " before the text that is there. */
bool error_prefix(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);
