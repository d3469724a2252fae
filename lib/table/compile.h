/*
 * Making and changing hash:, btree:, lmdb: and cdb: files, as postmap(1) does.
 *
 * Readers (ours and Postfix's, which lock the same way) see the old table or the new one:
 * hash and btree are made in place under an exclusive flock that is held until the maker is
 * closed, lmdb in one transaction under an exclusive fcntl lock, cdb beside the old file.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <sys/stat.h>

struct maker;

enum {
    MAKER_EMPTY = 1,        /* start without the old entries */
    MAKER_CREATE = 2,       /* make the file when it is not there */
    MAKER_WITHOUT_NUL = 4,  /* postmap -n: no NUL behind keys and values */
    MAKER_READ_ONLY = 8,    /* for maker_next; shared lock */
    MAKER_BRIEF = 16,       /* lmdb: each operation is a transaction under a lock of its own */
    MAKER_WITH_NUL = 32,    /* postmap -N: with NUL also where the type has none by itself (cdb) */
};

struct maker_settings {
    size_t buffer_bytes;    /* berkeley_db_create_buffer_size or berkeley_db_read_buffer_size */
    size_t map_bytes;       /* lmdb_map_size: where it begins */
    int64_t deadline;       /* of the wait for the lock; 0: as long as it takes */
};

/* The type can be compiled. */
bool maker_knows(struct slice type);

/*
 * Open path (the suffix of the type is appended).  mode is that of a new file.  Waits for
 * the lock; error->code is EWOULDBLOCK when the deadline came first.
 */
struct maker *maker_open(struct slice type, const char *path, unsigned flags, mode_t mode,
                         const struct maker_settings *settings, struct error *error) MUST_USE;

enum maker_result { MAKER_DONE, MAKER_DUPLICATE, MAKER_ABSENT, MAKER_FAILED };

/* Add an entry; one that is there is replaced when replace is set, else MAKER_DUPLICATE. */
enum maker_result maker_put(struct maker *maker, struct slice key, struct slice value,
                            bool replace, struct error *error) MUST_USE;

enum maker_result maker_delete(struct maker *maker, struct slice key,
                               struct error *error) MUST_USE;

enum maker_result maker_get(struct maker *maker, struct slice key, struct str *value,
                            struct error *error) MUST_USE;

/*
 * Walk over all entries in the order of the file, first: from the start; MAKER_ABSENT at the
 * end.  NULs at the ends are removed.  The entry that was given may be deleted or replaced
 * before the next is asked for.
 */
enum maker_result maker_next(struct maker *maker, bool first, struct str *key, struct str *value,
                             struct error *error) MUST_USE;

/* Name of the file, with the suffix. */
const char *maker_path(const struct maker *maker);

/* Under which names Postfix complains: about what is put ("t.db"), about keys ("hash:t.db"). */
const char *maker_shown_name(const struct maker *maker);
const char *maker_table_name(const struct maker *maker);

/* The state of the file that is open. */
bool maker_stat(const struct maker *maker, struct stat *seen, struct error *error) MUST_USE;

/* After true what was changed survives a crash of the host. */
bool maker_sync(struct maker *maker, struct error *error) MUST_USE;

/* Unlock and free; what was changed and not synced may be lost.  NULL is fine. */
void maker_free(struct maker *maker);

/* Write out, fsync, unlock, free.  False: what is on disk may be incomplete. */
bool maker_close(struct maker *maker, struct error *error) MUST_USE;
