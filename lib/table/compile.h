/*
 * Making and changing hash: and btree: files, as postmap(1) does.
 *
 * The .db file is opened or made in place, and held under an exclusive flock until it is
 * closed: readers (ours and Postfix's, which lock the same way) see the old table
 * or the new one.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

struct maker;

enum {
    MAKER_EMPTY = 1,        /* start without the old entries */
    MAKER_CREATE = 2,       /* make the file when it is not there */
    MAKER_WITHOUT_NUL = 4,  /* postmap -n: no NUL behind keys and values */
    MAKER_READ_ONLY = 8,    /* for maker_next; shared lock */
};

/* The type can be compiled: hash or btree. */
bool maker_knows(struct slice type);

/*
 * Open path (".db" is appended).  mode is that of a new file.  buffer_bytes is
 * berkeley_db_create_buffer_size.  Waits for the lock.
 */
struct maker *maker_open(struct slice type, const char *path, unsigned flags, mode_t mode,
                         size_t buffer_bytes, struct error *error) MUST_USE;

enum maker_result { MAKER_DONE, MAKER_DUPLICATE, MAKER_ABSENT, MAKER_FAILED };

/* Add an entry; one that is there is replaced when replace is set, else MAKER_DUPLICATE. */
enum maker_result maker_put(struct maker *maker, struct slice key, struct slice value,
                            bool replace, struct error *error) MUST_USE;

enum maker_result maker_delete(struct maker *maker, struct slice key,
                               struct error *error) MUST_USE;

/* Walk over all entries in the order of the file; MAKER_ABSENT at the end. NULs are removed. */
enum maker_result maker_next(struct maker *maker, struct str *key, struct str *value,
                             struct error *error) MUST_USE;

/* Name of the file, with .db. */
const char *maker_path(const struct maker *maker);

/* Write out, fsync, unlock, free.  False: what is on disk may be incomplete. */
bool maker_close(struct maker *maker, struct error *error) MUST_USE;
