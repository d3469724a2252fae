/*
 * What a type of table is made of; for lib/table only.
 */
#pragma once

#include "table/table.h"

#include <stdint.h>
#include <sys/stat.h>

struct table_type {
    const char *name;
    bool pattern;
    bool keeps_key;             /* each member folds the key as it needs it */
    const char *suffix;         /* of the file, when complaints about keys bear it; or NULL */
    /* Open the part behind "type:"; table->type_name and flags are set, data is to be. */
    bool (*open)(struct table *table, const struct table_context *context, const char *name,
                 struct error *error);
    /* Append the value.  The key is folded and checked already, and may be empty. */
    enum table_result (*get)(struct table *table, struct slice key, struct str *value,
                             struct error *error);
    void (*close)(struct table *table);
    /* NULL: no change can be seen but in files (table_watch). */
    bool (*has_changed)(struct table *table);
};

/* A file as it was when it was read. */
struct table_file {
    char *path;
    struct stat seen;
};

struct table {
    const struct table_type *type;
    char *type_name;            /* "type:name" */
    unsigned flags;
    void *data;                 /* the type's own */
    struct table_file file;     /* path NULL: there is none */
    _Atomic int64_t look_again; /* when has_changed may ask the file system again */
    _Atomic bool changed;
};

extern const struct table_type table_type_hash, table_type_btree;
extern const struct table_type table_type_lmdb, table_type_cdb;
extern const struct table_type table_type_texthash, table_type_cidr;
extern const struct table_type table_type_regexp, table_type_pcre;
extern const struct table_type table_type_inline, table_type_static, table_type_fail;
extern const struct table_type table_type_environ, table_type_unix;
extern const struct table_type table_type_unionmap, table_type_pipemap, table_type_randmap;
extern const struct table_type table_type_proxy, table_type_socketmap, table_type_tcp;
extern const struct table_type table_type_memcache, table_type_internal;

/* As table_get, for a part of another table: an empty value is that one's business. */
enum table_result table_get_part(struct table *table, struct slice key, struct str *value,
                                 struct error *error) MUST_USE;

/* Append the key as the table's flags have it: folded or not. */
void table_fold(unsigned flags, struct slice key, struct str *folded);

/* get and close of a table whose data is a struct hash of values. */
enum table_result table_hashed_get(struct table *table, struct slice key, struct str *value,
                                   struct error *error) MUST_USE;
void table_hashed_close(struct table *table);

/* Only whole keys are asked of tables of this type. */
bool table_type_is_pattern(struct slice type);

/* The file is the source of the table, and was as seen says when it was opened. */
void table_watch(struct table *table, const struct table_context *context, const char *path,
                 const struct stat *seen);

/* True when the two are not the same state of the same file. */
bool table_file_differs(const struct stat *a, const struct stat *b);

/*
 * As table_open; a table that cannot be opened is logged as an error and answers TABLE_TROUBLE
 * with the reason for every key; with daemon_table_open_error_is_fatal it ends the program.
 */
struct table *table_open_or_broken(const struct table_context *context, struct slice name,
                                   unsigned flags) MUST_USE;
