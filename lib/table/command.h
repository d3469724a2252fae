/*
 * What postmap(1) and postalias(1) share: options, making, changing, asking and listing tables.
 */
#pragma once

#include "base/str.h"
#include "table/compile.h"
#include "table/source.h"
#include "table/table.h"

struct table_command;

/* What the options asked for. */
struct table_job {
    const struct table_command *command;
    const struct config *config;
    bool keep_case;         /* -f */
    bool file_contents;     /* -F */
    bool body, header;      /* -b, -h */
    bool mime;              /* -m */
    bool utf8;              /* keys and values must be UTF-8 */
    bool incremental;       /* -i */
    bool keep_root;         /* -o */
    bool default_mode;      /* -p */
    bool replace;           /* -r */
    bool ignore_duplicates; /* -w */
    bool without_nul;       /* -n */
    bool with_nul;          /* -N */
    bool sequence;          /* -s */
    const char *query;      /* -q */
    const char *deletion;   /* -d */
    const char *default_type;
};

struct table_command {
    const char *name;       /* "postmap" */
    const char *options;    /* for getopt */
    const char *usage;      /* option letters as the usage line shows them */
    const char *separator;  /* between key and value with -s and -q - */
    /*
     * Take a source line apart into key and value, as they are stored but for case folding.
     * False after a warning.
     */
    bool (*parse)(const struct table_job *job, const struct source_line *line, const char *path,
                  struct str *key, struct str *value);
    /* Further entries at the end; may be NULL. */
    bool (*finish)(const struct table_job *job, struct maker *maker, struct error *error);
    /* With -b or -h: the keys of the message on standard input; NULL: there is no such thing. */
    void (*message_keys)(const struct table_job *job, struct source *keys);
};

/* The whole program; the exit status comes back, what is fatal exits. */
int table_command_main(const struct table_command *command, int argc, char **argv);
