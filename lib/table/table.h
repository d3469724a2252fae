/*
 * Lookup tables: one interface, one file for each type (hash, btree, texthash,
 * regexp, pcre, cidr, static, inline, unix, proxy, ...), man 5 of Postfix's table pages.
 *
 * A table may be used by several threads at once.  Local files are read without
 * waiting for others; proxy: and network types may wait up to their own time-outs.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

struct table;
struct config;

enum table_result {
    TABLE_FOUND,
    TABLE_ABSENT,
    TABLE_TROUBLE,      /* the answer is not known: defer; error says why */
};

enum {
    TABLE_FOLD = 1,             /* keys are folded to lower case (UTF-8 aware) */
    TABLE_KEEP_CASE = 2,        /* regexp and the like: case as given to their own flags */
    TABLE_NO_SUBSTITUTION = 4,  /* $1 in a result is refused (transport_maps, alias_maps, ...) */
    TABLE_NO_PROXY = 8,         /* proxy:type:name is opened as type:name (proxymap, postmap) */
    TABLE_UTF8 = 16,            /* keys that are not UTF-8 are never found */
    TABLE_ASCII = 32,           /* TABLE_FOLD folds ASCII letters alone */
};

/* What a table asks that stands behind a socket. */
enum table_connects { TABLE_CONNECTS_UNIX, TABLE_CONNECTS_TCP };

/* What opening needs from the outside; lives as long as the tables. */
struct table_context {
    const char *queue_directory;        /* for private/proxymap; "" without proxy */
    const char *default_type;           /* default_database_type, for names without a type */
    const char *proxymap_service;       /* proxymap_service_name */
    const struct config *config;        /* for ldap-style sources; may be NULL */
    /* Told of each file that was read, for change detection (service/watch); may be NULL. */
    void (*file_read)(void *argument, const char *path);
    void *argument;
    const char *proxywrite_service;     /* proxywrite_service_name; for lib/table/store.h */
    /* Told of each table that asks a server (socketmap, tcp, proxy, ...); may be NULL. */
    void (*connects)(void *argument, enum table_connects how);
};

/* For tables named in main.cf; queue_directory is "." for who works there. */
struct table_context table_context_of(const struct config *config, const char *queue_directory);

/*
 * Append the path of private/SERVICE.  A daemon works in the queue directory, and may go into a
 * jail there: then only the relative path stays good.
 */
void table_service_path(const struct table_context *context, const char *service,
                        struct str *path);

/*
 * Open "type:name", or a bare name with the default type.  A type that is not there, a file
 * that cannot be read or a broken line is an error with Postfix's words; broken single lines
 * of cidr, regexp and texthash sources are warnings and are skipped, as in Postfix.
 */
struct table *table_open(const struct table_context *context, struct slice type_name,
                         unsigned flags, struct error *error) MUST_USE;
void table_close(struct table *table);

/* Look one key up.  The value replaces what is in value. */
enum table_result table_get(struct table *table, struct slice key, struct str *value,
                            struct error *error) MUST_USE;

/* "type:name" as it was asked for. */
const char *table_name(const struct table *table);

/* True for tables of patterns (regexp, pcre, cidr): only whole keys are asked. */
bool table_is_pattern(const struct table *table);

/* True when the source has changed since it was opened (stat(2) at most once a second). */
bool table_has_changed(struct table *table);

/* Names of the built-in types, sorted, NULL at the end. */
const char *const *table_types(void);

/*
 * A list of tables ("maps"): tables of a parameter value in their order; the first
 * that finds the key answers.  As in Postfix, a table that cannot be opened does not stop the
 * program: it is logged as an error, and every key asked of it is TABLE_TROUBLE (unless
 * daemon_table_open_error_is_fatal).
 */
struct table_list;

struct table_list *table_list_open(const struct table_context *context, const char *title,
                                   const char *value, unsigned flags,
                                   struct error *error) MUST_USE;
void table_list_close(struct table_list *list);
bool table_list_is_empty(const struct table_list *list);

/* The name of the table that answered is put into *source (may be NULL), for evidence. */
enum table_result table_list_get(struct table_list *list, struct slice key, struct str *value,
                                 const char **source, struct error *error) MUST_USE;

/* Number of tables, and each. */
size_t table_list_count(const struct table_list *list);
struct table *table_list_at(const struct table_list *list, size_t index);
