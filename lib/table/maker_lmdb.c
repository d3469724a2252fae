/*
 * lmdb: files (lmdb_table(5)), made, changed and read.
 *
 * As Postfix does, LMDB's own lock file is not used: each transaction stands under a lock of
 * fcntl on the whole file, shared or exclusive.  Ours is one of an open file description, which
 * meets the locks of Postfix's processes and, unlike theirs, outlives the closing of another
 * descriptor of the same file in this process.
 *
 * A transaction that finds the map full is undone, and all of it is done again in a larger one.
 */
#include "table/maker_type.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/vector.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>

enum { ASK_AGAIN_MICROSECONDS = 20 * 1000, MAP_PAGE = 1 << 20 };

/* What the transaction has done so far; key and value are where their texts begin. */
struct change {
    bool removes, replaces;
    bool with_nul;
    size_t key, key_length, value, value_length;
};

struct lmdb {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *transaction;
    size_t map_bytes;
    struct { struct change *items; size_t count, capacity; } changes;
    struct str texts;       /* of the changes, each with a NUL behind it */
    struct str last;        /* where maker_next is, as it is stored */
    bool walking;
};

static enum maker_result failed(const struct maker *maker, int code, const char *what,
                                struct error *error)
{
    (void)error_code(error, code > 0 ? code : EIO, "%s %s: %s", what, maker_shown_name(maker),
                     mdb_strerror(code));
    return MAKER_FAILED;
}

static bool lock(const struct maker *maker, short kind, int64_t deadline, struct error *error)
{
    struct flock whole = { .l_type = kind, .l_whence = SEEK_SET };

    while (fcntl(maker->file, deadline ? F_OFD_SETLK : F_OFD_SETLKW, &whole) < 0) {
        if (errno == EAGAIN && moment_left(deadline))
            usleep(ASK_AGAIN_MICROSECONDS);
        else if (errno != EINTR)
            return error_system(error, "%s: lock dictionary", maker_shown_name(maker));
    }
    return true;
}

static short lock_kind(const struct maker *maker, bool writes)
{
    return writes && !(maker->flags & MAKER_READ_ONLY) ? F_WRLCK : F_RDLCK;
}

static int start(struct maker *maker, bool writes)
{
    struct lmdb *lmdb = maker->data;
    int code = mdb_txn_begin(lmdb->env, NULL, writes ? 0 : MDB_RDONLY, &lmdb->transaction);

    if (code == MDB_MAP_RESIZED) {      /* another process has made it larger */
        code = mdb_env_set_mapsize(lmdb->env, 0);
        if (!code)
            code = mdb_txn_begin(lmdb->env, NULL, writes ? 0 : MDB_RDONLY, &lmdb->transaction);
    }
    if (code)
        lmdb->transaction = NULL;
    return code;
}

static void forget_changes(struct lmdb *lmdb)
{
    VECTOR_FREE(&lmdb->changes);
    str_free(&lmdb->texts);
}

static int apply(struct lmdb *lmdb, const struct change *change)
{
    size_t more = change->with_nul ? 1 : 0;
    MDB_val key = { change->key_length + more, lmdb->texts.data + change->key };
    MDB_val value = { change->value_length + more, lmdb->texts.data + change->value };

    if (change->removes)
        return mdb_del(lmdb->transaction, lmdb->dbi, &key, NULL);
    return mdb_put(lmdb->transaction, lmdb->dbi, &key, &value,
                   change->replaces ? 0 : MDB_NOOVERWRITE);
}

static int empty_if_asked(struct maker *maker)
{
    struct lmdb *lmdb = maker->data;

    return maker->flags & MAKER_EMPTY ? mdb_drop(lmdb->transaction, lmdb->dbi, 0) : 0;
}

static int begin_again(struct maker *maker)
{
    struct lmdb *lmdb = maker->data;

    mdb_txn_abort(lmdb->transaction);
    lmdb->transaction = NULL;
    lmdb->map_bytes *= 2;

    int code = mdb_env_set_mapsize(lmdb->env, lmdb->map_bytes);

    if (!code)
        code = start(maker, true);
    return code ? code : empty_if_asked(maker);
}

/* In a map twice as large, until all that was done before fits again. */
static int do_again(struct maker *maker)
{
    struct lmdb *lmdb = maker->data;
    int code;

    do {
        code = begin_again(maker);
        for (size_t i = 0; !code && i < lmdb->changes.count; i++)
            code = apply(lmdb, &lmdb->changes.items[i]);
    } while (code == MDB_MAP_FULL);
    return code;
}

static int commit(struct maker *maker)
{
    struct lmdb *lmdb = maker->data;
    int code;

    while ((code = mdb_txn_commit(lmdb->transaction)) == MDB_MAP_FULL) {
        lmdb->transaction = NULL;
        if (mdb_txn_begin(lmdb->env, NULL, 0, &lmdb->transaction) || do_again(maker))
            break;
    }
    lmdb->transaction = NULL;
    forget_changes(lmdb);
    return code;
}

/* One operation: in the transaction that is open, or in one of its own under its own lock. */
static bool begin(struct maker *maker, bool writes, struct error *error)
{
    struct lmdb *lmdb = maker->data;

    if (lmdb->transaction)
        return true;
    if ((maker->flags & MAKER_BRIEF) && !lock(maker, lock_kind(maker, writes), 0, error))
        return false;

    int code = start(maker, writes);

    if (!code)
        return true;
    if (maker->flags & MAKER_BRIEF)
        (void)lock(maker, F_UNLCK, 0, &(struct error){ 0 });
    return failed(maker, code, "error opening", error) == MAKER_DONE;
}

static bool end(struct maker *maker, bool writes, struct error *error)
{
    struct lmdb *lmdb = maker->data;
    bool good = true;

    if (!(maker->flags & MAKER_BRIEF))
        return true;
    if (writes && lmdb->transaction) {
        int code = commit(maker);

        good = !code || failed(maker, code, "error updating", error) == MAKER_DONE;
    } else if (lmdb->transaction) {
        mdb_txn_abort(lmdb->transaction);
        lmdb->transaction = NULL;
    }
    return lock(maker, F_UNLCK, 0, error) && good;
}

static size_t add_text(struct lmdb *lmdb, struct slice text)
{
    size_t start = lmdb->texts.length;

    str_add(&lmdb->texts, text);
    str_byte(&lmdb->texts, '\0');
    return start;
}

static int change_table(struct maker *maker, struct change change, struct slice key,
                        struct slice value)
{
    struct lmdb *lmdb = maker->data;
    size_t before = lmdb->texts.length;

    change.key = add_text(lmdb, key);
    change.key_length = key.length;
    change.value = add_text(lmdb, value);
    change.value_length = value.length;

    int code = apply(lmdb, &change);

    while (code == MDB_MAP_FULL) {
        code = do_again(maker);
        if (!code)
            code = apply(lmdb, &change);
    }
    if (code)
        str_cut(&lmdb->texts, before);
    else
        VECTOR_PUSH(&lmdb->changes, change);
    return code;
}

static enum maker_result lmdb_put(struct maker *maker, struct slice key, struct slice value,
                                  bool replace, struct error *error)
{
    if (!begin(maker, true, error))
        return MAKER_FAILED;

    int code = change_table(maker, (struct change){
        .replaces = replace, .with_nul = !(maker->flags & MAKER_WITHOUT_NUL) }, key, value);

    if (!end(maker, true, error))
        return MAKER_FAILED;
    if (code == MDB_KEYEXIST)
        return MAKER_DUPLICATE;
    return code ? failed(maker, code, "error updating", error) : MAKER_DONE;
}

static int remove_key(struct maker *maker, struct slice key, bool with_nul)
{
    struct lmdb *lmdb = maker->data;
    size_t length = key.length + (with_nul ? 1 : 0);

    if (!length || length > (size_t)mdb_env_get_maxkeysize(lmdb->env))
        return MDB_NOTFOUND;
    return change_table(maker, (struct change){ .removes = true, .with_nul = with_nul }, key,
                        SLICE_LITERAL(""));
}

static enum maker_result lmdb_remove(struct maker *maker, struct slice key, struct error *error)
{
    if (!begin(maker, true, error))
        return MAKER_FAILED;

    int code = remove_key(maker, key, true);

    if (code == MDB_NOTFOUND)
        code = remove_key(maker, key, false);
    if (!end(maker, true, error))
        return MAKER_FAILED;
    if (code == MDB_NOTFOUND)
        return MAKER_ABSENT;
    return code ? failed(maker, code, "error deleting from", error) : MAKER_DONE;
}

static int get_key(struct lmdb *lmdb, char *text, size_t length, struct str *value)
{
    MDB_val key = { length, text }, found;

    /* What LMDB cannot hold is not there. */
    if (!length || length > (size_t)mdb_env_get_maxkeysize(lmdb->env))
        return MDB_NOTFOUND;

    int code = mdb_get(lmdb->transaction, lmdb->dbi, &key, &found);

    if (!code)
        maker_set_text(value, found.mv_data, found.mv_size);
    return code;
}

static enum maker_result lmdb_get(struct maker *maker, struct slice key, struct str *value,
                                  struct error *error)
{
    AUTO_FREE char *text = memory_text(key.data, key.length);

    if (!begin(maker, false, error))
        return MAKER_FAILED;

    int code = get_key(maker->data, text, key.length + 1, value);

    if (code == MDB_NOTFOUND)
        code = get_key(maker->data, text, key.length, value);
    if (!end(maker, false, error))
        return MAKER_FAILED;
    if (code == MDB_NOTFOUND)
        return MAKER_ABSENT;
    return code ? failed(maker, code, "error reading", error) : MAKER_DONE;
}

/* The entry behind the last one, wherever the table has gone meanwhile. */
static int step(struct lmdb *lmdb, MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
    if (!lmdb->walking)
        return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    *key = (MDB_val){ lmdb->last.length, lmdb->last.data };

    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);

    if (!code && slice_equal(slice_bytes(key->mv_data, key->mv_size), str_slice(&lmdb->last)))
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

static int take_next(struct lmdb *lmdb, struct str *key, struct str *value)
{
    MDB_val key_bytes, value_bytes;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(lmdb->transaction, lmdb->dbi, &cursor);

    if (code)
        return code;
    code = step(lmdb, cursor, &key_bytes, &value_bytes);
    if (!code) {
        maker_set_text(key, key_bytes.mv_data, key_bytes.mv_size);
        maker_set_text(value, value_bytes.mv_data, value_bytes.mv_size);
        str_set(&lmdb->last, slice_bytes(key_bytes.mv_data, key_bytes.mv_size));
        lmdb->walking = true;
    }
    mdb_cursor_close(cursor);
    return code;
}

static enum maker_result lmdb_next(struct maker *maker, bool first, struct str *key,
                                   struct str *value, struct error *error)
{
    struct lmdb *lmdb = maker->data;

    if (first)
        lmdb->walking = false;
    if (!begin(maker, false, error))
        return MAKER_FAILED;

    int code = take_next(lmdb, key, value);

    if (!end(maker, false, error))
        return MAKER_FAILED;
    if (code == MDB_NOTFOUND)
        return MAKER_ABSENT;
    return code ? failed(maker, code, "error seeking", error) : MAKER_DONE;
}

static bool open_file(struct maker *maker, mode_t mode, int64_t deadline, struct error *error)
{
    bool reads = (maker->flags & MAKER_READ_ONLY) != 0;
    int how = reads ? O_RDONLY : O_RDWR | (maker->flags & MAKER_CREATE ? O_CREAT : 0);

    maker->file = open(maker->path, how | O_CLOEXEC, mode);
    if (maker->file < 0)
        return error_system(error, "open database %s", maker->path);
    return lock(maker, lock_kind(maker, true), deadline, error);
}

/* A map that has room for the file to grow is seldom full. */
static size_t map_size(const struct maker *maker, size_t configured)
{
    struct stat seen;
    size_t bytes = configured;

    if (fstat(maker->file, &seen) == 0 && (size_t)seen.st_size > bytes / 3)
        bytes = (size_t)seen.st_size * 3;
    return (bytes + MAP_PAGE - 1) / MAP_PAGE * MAP_PAGE;
}

static bool open_env(struct maker *maker, mode_t mode, struct error *error)
{
    struct lmdb *lmdb = maker->data;
    unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS;
    int code = mdb_env_create(&lmdb->env);

    if (maker->flags & MAKER_READ_ONLY)
        flags |= MDB_RDONLY;
    if (!code)
        code = mdb_env_set_mapsize(lmdb->env, lmdb->map_bytes);
    if (!code)
        code = mdb_env_open(lmdb->env, maker->path, flags, mode);
    if (!code)
        code = start(maker, !(maker->flags & (MAKER_READ_ONLY | MAKER_BRIEF)));
    if (!code)
        code = mdb_dbi_open(lmdb->transaction, NULL, 0, &lmdb->dbi);
    if (!code)
        return true;
    return error_code(error, code > 0 ? code : EINVAL, "open database %s: %s", maker->path,
                      mdb_strerror(code));
}

/* Until it is closed under one lock and in one transaction; brief: each operation by itself. */
static bool lmdb_open(struct maker *maker, mode_t mode, const struct maker_settings *settings,
                      struct error *error)
{
    struct lmdb *lmdb = memory_new(1, sizeof(*lmdb));

    maker->data = lmdb;
    lmdb->last = STR_EMPTY;
    lmdb->texts = STR_EMPTY;
    if (!open_file(maker, mode, settings->deadline, error))
        return false;
    lmdb->map_bytes = map_size(maker, settings->map_bytes);
    if (!open_env(maker, mode, error))
        return false;
    if (maker->flags & MAKER_BRIEF)
        return end(maker, false, error);

    int code = maker->flags & MAKER_READ_ONLY ? 0 : empty_if_asked(maker);

    return !code || failed(maker, code, "error updating", error) == MAKER_DONE;
}

static bool lmdb_close(struct maker *maker, bool finish, struct error *error)
{
    struct lmdb *lmdb = maker->data;
    int code = 0;

    if (lmdb->transaction && finish && !(maker->flags & MAKER_READ_ONLY))
        code = commit(maker);
    else if (lmdb->transaction)
        mdb_txn_abort(lmdb->transaction);
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    forget_changes(lmdb);
    str_free(&lmdb->last);
    free(lmdb);
    return !code || failed(maker, code, "error updating", error) == MAKER_DONE;
}

const struct maker_type maker_type_lmdb = {
    .name = "lmdb", .suffix = ".lmdb", .shown_prefix = "lmdb:", .shown_suffix = "",
    .open = lmdb_open, .put = lmdb_put, .remove = lmdb_remove,
    .get = lmdb_get, .next = lmdb_next, .close = lmdb_close,
};
