/*
 * What the compiler is asked to check for us.
 */
#pragma once

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NO_RETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What holds by the promise of a type or of another source: told to the static analyzer only. */
#ifdef __clang_analyzer__
#define PROMISED(claim) ((claim) ? (void)0 : __builtin_unreachable())
#else
#define PROMISED(claim) ((void)0)
#endif
