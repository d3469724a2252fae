/*
 * The options of postconf(1), and which of them go together.
 */
#pragma once

#include "base/error.h"
#include "config/config.h"

/* Each option is a bit: its place in this list, which is also their order in complaints. */
#define OPTION_LETTERS "aAbcCdefFhHlmMnopPtTvxX#"

enum parameter_class {
    CLASS_BUILTIN = 1,
    CLASS_SERVICE = 2,
    CLASS_USER = 4,
    CLASS_ALL = 7,
};

struct options {
    unsigned given;                     /* bits */
    unsigned classes;                   /* of -C */
    const char *directory;              /* -c; NULL without */
    const char *tls_mode;               /* -T */
    struct config_override *overrides;  /* -o */
    size_t override_count;
    char **arguments;                   /* behind the options, NULL at the end */
};

/* Ends the program when the command line is wrong. */
struct options options_read(int argc, char **argv);
void options_free(struct options *options);

bool option_is_given(const struct options *options, char letter);

/* -e, -X or -#, or an argument "name=value". */
bool options_edit(const struct options *options);
