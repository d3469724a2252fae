/*
 * What a type of table file that can be made and changed is made of; for lib/table only.
 */
#pragma once

#include "table/compile.h"

struct maker {
    const struct maker_type *type;
    char *path;             /* with the suffix */
    char *shown_name, *table_name;
    unsigned flags;
    int file;               /* holds the lock; -1 when the type keeps it itself */
    void *data;             /* the type's own */
};

struct maker_type {
    const char *name;
    const char *suffix;
    const char *shown_prefix, *shown_suffix;    /* around the bare path in complaints */
    /* Lock and open maker->path; after false close is called all the same. */
    bool (*open)(struct maker *maker, mode_t mode, const struct maker_settings *settings,
                 struct error *error);
    enum maker_result (*put)(struct maker *maker, struct slice key, struct slice value,
                             bool replace, struct error *error);
    enum maker_result (*remove)(struct maker *maker, struct slice key, struct error *error);
    enum maker_result (*get)(struct maker *maker, struct slice key, struct str *value,
                             struct error *error);
    enum maker_result (*next)(struct maker *maker, bool first, struct str *key,
                              struct str *value, struct error *error);
    /* What was changed is on disk after true; NULL: each change is at once. */
    bool (*sync)(struct maker *maker, struct error *error);
    /* finish: keep what was made; else only give back. */
    bool (*close)(struct maker *maker, bool finish, struct error *error);
};

extern const struct maker_type maker_type_hash, maker_type_btree, maker_type_lmdb, maker_type_cdb;

/* Wait for the flock until the deadline (0: as long as it takes); error->code EWOULDBLOCK. */
bool maker_lock(const struct maker *maker, int64_t deadline, struct error *error) MUST_USE;

/* Without the NUL at the end, if there is one. */
void maker_set_text(struct str *text, const void *data, size_t length);
