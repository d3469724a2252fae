#include "record_log.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { LOG_LIMIT = 256 * 1024 * 1024, READ_BYTES = 65536 };

/* --- text --------------------------------------------------------------------------------- */

/* A value is one line: what would break it becomes a question mark. */
static void write_text(struct str *output, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    str_format(output, "%s=", name);
    printable_text(output, slice_of(value));
    str_byte(output, '\n');
}

static void write_human_line(struct str *output, const struct bounce_append *record)
{
    str_byte(output, '<');
    if (*record->recipient)
        address_quote(output, slice_of(record->recipient));
    str_text(output, ">: ");
    printable_text(output, slice_of(record->reason));
    str_byte(output, '\n');
}

void record_write(struct str *output, const struct bounce_append *record, bool human)
{
    str_byte(output, '\n');
    if (human)
        write_human_line(output, record);
    write_text(output, "recipient", *record->recipient ? record->recipient : "MAILER-DAEMON");
    if (strcmp(record->original, record->recipient) != 0)
        write_text(output, "original_recipient", record->original);
    if (record->handle > 0)
        str_format(output, "offset=%lld\n", (long long)record->handle);
    write_text(output, "dsn_orig_rcpt", record->dsn_original);
    if (record->notify)
        str_format(output, "notify_flags=%lld\n", (long long)record->notify);
    write_text(output, "status", record->dsn);
    write_text(output, "action", record->action);
    write_text(output, "diag_type", record->diagnostic_type);
    write_text(output, "diag_text", record->diagnostic_text);
    write_text(output, "mta_type", record->remote_mta_type);
    write_text(output, "mta_mname", record->remote_mta);
    write_text(output, "reason", record->reason);
    str_byte(output, '\n');
}

static const struct { const char *name; size_t offset; } texts[] = {
    { "recipient", offsetof(struct bounce_append, recipient) },
    { "original_recipient", offsetof(struct bounce_append, original) },
    { "dsn_orig_rcpt", offsetof(struct bounce_append, dsn_original) },
    { "status", offsetof(struct bounce_append, dsn) },
    { "action", offsetof(struct bounce_append, action) },
    { "diag_type", offsetof(struct bounce_append, diagnostic_type) },
    { "diag_text", offsetof(struct bounce_append, diagnostic_text) },
    { "mta_type", offsetof(struct bounce_append, remote_mta_type) },
    { "mta_mname", offsetof(struct bounce_append, remote_mta) },
    { "reason", offsetof(struct bounce_append, reason) },
};

static void clear_record(struct bounce_append *record)
{
    *record = (struct bounce_append){ .queue_id = "" };
    for (size_t i = 0; i < COUNT(texts); i++)
        *(const char **)((char *)record + texts[i].offset) = "";
}

static void parse_line(struct bounce_append *record, struct arena *arena, struct slice line)
{
    struct slice value = line;
    struct slice name = slice_take_until(&value, "=");
    uint64_t number = 0;

    for (size_t i = 0; i < COUNT(texts); i++)
        if (slice_is(name, texts[i].name))
            *(const char **)((char *)record + texts[i].offset) = arena_text(arena, value);
    if (slice_is(name, "offset") && slice_number(value, INT64_MAX, &number))
        record->handle = (int64_t)number;
    if (slice_is(name, "notify_flags") && slice_number(value, INT32_MAX, &number))
        record->notify = (int64_t)number;
}

/* An old log may hold nothing but "<address>: reason". */
static void parse_human_line(struct bounce_append *record, struct arena *arena, struct slice line)
{
    size_t end = 0;

    while (end + 2 < line.length && memcmp(line.data + end, ">: ", 3) != 0)
        end++;
    if (end + 2 >= line.length)
        return;
    record->recipient = arena_text(arena, slice_part(line, 1, end - 1));
    record->reason = arena_text(arena, slice_from(line, end + 3));
}

void record_parse(struct slice text, struct arena *arena, struct bounce_append_list *records)
{
    struct bounce_append record;
    struct bounce_append_list list = { NULL, 0, 0 };
    bool open = false;

    clear_record(&record);
    while (text.length > 0 || open) {
        struct slice line = slice_take_until(&text, "\n");

        if (line.length == 0) {
            if (!*record.reason)
                record.reason = "(description unavailable)";
            if (open && *record.recipient)
                VECTOR_PUSH(&list, record);
            clear_record(&record);
            open = false;
            continue;
        }
        open = true;
        if (line.data[0] == '<')
            parse_human_line(&record, arena, line);
        else
            parse_line(&record, arena, line);
    }
    records->count = list.count;
    records->items = arena_take(arena, (list.count + 1) * sizeof(*list.items));
    if (list.count > 0)
        memcpy(records->items, list.items, list.count * sizeof(*list.items));
    VECTOR_FREE(&list);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool make_folders(const char *path)
{
    AUTO_FREE char *copy = memory_copy(path);

    for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

/* The name of a new log must be durable as well as its bytes. */
static bool sync_folder(const char *path)
{
    AUTO_FREE char *copy = memory_copy(path);
    char *slash = strrchr(copy, '/');

    if (!slash)
        return true;
    *slash = '\0';

    AUTO_CLOSE int folder = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return folder >= 0 && fsync(folder) == 0;
}

static int open_log(const char *path, bool *is_new)
{
    static const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags);

    *is_new = fd < 0 && errno == ENOENT;
    if (!*is_new)
        return fd;
    fd = open(path, flags | O_CREAT, 0600);
    if (fd < 0 && errno == ENOENT && make_folders(path))
        fd = open(path, flags | O_CREAT, 0600);
    return fd;
}

bool record_log_append(const struct queue *queue, const char *log,
                       const struct bounce_append *record, bool human, struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY, text = STR_EMPTY;
    bool is_new = false;

    queue_log_path(queue, log, record->queue_id, &path);
    record_write(&text, record, human);

    AUTO_CLOSE int fd = open_log(path.data, &is_new);
    struct stat before;

    if (fd < 0 || fstat(fd, &before) < 0)
        return error_system(error, "open %s", path.data);

    ssize_t written = write(fd, text.data, text.length);

    if (written != (ssize_t)text.length || fsync(fd) < 0 ||
        (is_new && !sync_folder(path.data))) {
        if (written >= 0 && written < (ssize_t)text.length)
            errno = ENOSPC;
        error_system(error, "write %s", path.data);
        if (ftruncate(fd, before.st_size) < 0)
            log_warn("truncate %s: %m", path.data);
        return false;
    }
    return true;
}

bool record_log_read(const struct queue *queue, const char *log, const char *id,
                     struct arena *arena, struct bounce_append_list *records,
                     struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY, text = STR_EMPTY;

    queue_log_path(queue, log, id, &path);

    AUTO_CLOSE int fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return error_system(error, "open %s", path.data);
    for (;;) {
        ssize_t got = read(fd, str_reserve(&text, READ_BYTES), READ_BYTES);

        if (got < 0)
            return error_system(error, "read %s", path.data);
        if (got == 0)
            break;
        str_added(&text, (size_t)got);
        if (text.length > LOG_LIMIT)
            return error_code(error, EFBIG, "%s is too large", path.data);
    }
    record_parse(str_slice(&text), arena, records);
    return true;
}

bool record_log_remove(const struct queue *queue, const char *log, const char *id,
                       struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY;

    queue_log_path(queue, log, id, &path);
    if (unlink(path.data) < 0 && errno != ENOENT)
        return error_system(error, "remove %s", path.data);
    return true;
}
