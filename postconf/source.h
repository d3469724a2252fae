/*
 * What postconf looks at: main.cf, master.cf, and every name they make valid.
 */
#pragma once

#include "config/main_cf.h"
#include "config/master_cf.h"
#include "config/names.h"
#include "options.h"

struct source {
    const struct options *options;
    const char *directory;
    struct main_cf *main_cf;
    struct main_cf *no_main_cf;     /* empty: what the defaults are without main.cf */
    struct names *names;
    struct names *default_names;
    struct master_cf *master_cf;    /* NULL when it is not needed or not there */
};

/* Ends the program when a file cannot be read. */
struct source source_open(const struct options *options);
void source_close(struct source *source);

/* Read master.cf too; missing is allowed when it only adds names. */
void source_add_master(struct source *source, bool may_miss);

/* One line of the set of all names. */
struct known_name {
    const char *name;
    unsigned class;             /* enum parameter_class */
    const char *fallback;       /* of a service's name without a row; NULL: ask names */
    bool raw;                   /* not expanded by -x: its user does that */
    bool computed;              /* shown expanded: the host decides its default */
};

struct known_names;

/* Every builtin name, those of the services in master.cf, and those that they refer to. */
struct known_names *known_names_new(const struct source *source);
void known_names_free(struct known_names *known);

/* Sorted by name. */
size_t known_names_count(const struct known_names *known);
const struct known_name *known_names_at(const struct known_names *known, size_t index);
const struct known_name *known_names_find(const struct known_names *known, struct slice name);

/* No parameter, but a default refers to it: the name that an older release had (virtual_maps). */
bool known_name_is_legacy(struct slice name);

/* What main.cf and -o say of it does not count. */
bool known_name_is_read_only(struct slice name);

void known_names_add(struct known_names *known, const char *name, unsigned class);
void known_names_sort(struct known_names *known);

/* The text of a name that counts: as set, else the default. */
void source_text(const struct source *source, const struct known_name *name, bool only_default,
                 struct str *text);
