#include "deliver/mailbox.h"

#include "base/scope.h"
#include "base/test.h"
#include "queue/queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct place {
    char folder[64];
    int file;
    struct mailbox_message message;
    struct mailbox_settings settings;
    struct mailbox_trouble trouble;
};

static void open_place(struct place *place)
{
    static const char content[] = "N\012Subject: xN\000N\011From hereL\004lastX";
    size_t length = sizeof(content);     /* the NUL is the length of X */

    memset(place, 0, sizeof(*place));
    snprintf(place->folder, sizeof(place->folder), "/tmp/mailbox_test.XXXXXX");
    CHECK(mkdtemp(place->folder));
    place->file = memfd_create("content", MFD_CLOEXEC);
    CHECK(write(place->file, content, length) == (ssize_t)length);
    place->message = (struct mailbox_message){
        .content = content_new(place->file, 0, (int64_t)length),
        .headers = SLICE_LITERAL("Return-Path: <s@x>\n"), .sender = "s@x",
    };
    place->settings = (struct mailbox_settings){
        .locks = MAILBOX_FCNTL | MAILBOX_DOTLOCK, .lock_attempts = 1, .stale_lock_seconds = 500,
    };
}

static void close_place(struct place *place)
{
    char command[100];

    snprintf(command, sizeof(command), "rm -r %s", place->folder);
    CHECK(system(command) == 0);
    content_free(place->message.content);
    close(place->file);
}

static const char *path_of(const struct place *place, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", place->folder, name);
    return path;
}

static void read_file(const char *path, struct str *text)
{
    int fd = open(path, O_RDONLY);

    CHECK(fd >= 0);

    ssize_t got = read(fd, str_reserve(text, 4096), 4096);

    CHECK(got >= 0);
    str_added(text, (size_t)got);
    close(fd);
}

static bool append(const char *path, const struct mailbox_message *message,
                   const struct mailbox_settings *settings, struct mailbox_trouble *trouble)
{
    struct mailbox_file file = { path, geteuid(), false, "5.2.0" };

    return mailbox_append(&file, message, settings, trouble);
}

TEST(mailbox_append_writes_a_message_as_readers_expect_it)
{
    struct place place;
    char path[128];
    AUTO_STR struct str text = STR_EMPTY;
    struct stat status;

    open_place(&place);
    path_of(&place, "mbox", path);
    for (int i = 0; i < 2; i++)
        CHECK(append(path, &place.message, &place.settings, &place.trouble));
    read_file(path, &text);
    CHECK(slice_starts(str_slice(&text), "From s@x  "));

    size_t line = slice_find(str_slice(&text), '\n') + 1;
    static const char wanted[] =
        "Return-Path: <s@x>\nSubject: x\n\n>From here\nlast\n\n";

    CHECK(slice_starts(slice_from(str_slice(&text), line), wanted));
    CHECK_NUMBER(text.length, 2 * (line + strlen(wanted)));
    CHECK(stat(path, &status) == 0);
    CHECK_NUMBER(status.st_mode & 07777, 0600);
    CHECK(access(path_of(&place, "mbox.lock", path), F_OK) < 0);
    close_place(&place);
}

TEST(mailbox_append_takes_back_what_would_be_too_large)
{
    struct place place;
    char path[128];
    struct stat before, after;

    open_place(&place);
    path_of(&place, "mbox", path);
    CHECK(append(path, &place.message, &place.settings, &place.trouble));
    CHECK(stat(path, &before) == 0);
    place.settings.size_limit = before.st_size + 20;
    CHECK(!append(path, &place.message, &place.settings, &place.trouble));
    CHECK_TEXT(place.trouble.dsn, "5.2.2");
    CHECK_TEXT(place.trouble.error.text, "error writing message: File too large");
    CHECK(stat(path, &after) == 0);
    CHECK_NUMBER(after.st_size, before.st_size);
    close_place(&place);
}

TEST(mailbox_append_refuses_links_folders_and_locked_files)
{
    struct place place;
    char path[128], other[128];

    open_place(&place);
    CHECK(symlink("/dev/null", path_of(&place, "link", path)) == 0);
    CHECK(!append(path, &place.message, &place.settings, &place.trouble));
    CHECK(mkdir(path_of(&place, "folder", path), 0700) == 0);
    CHECK(!append(path, &place.message, &place.settings, &place.trouble));
    CHECK_TEXT(place.trouble.dsn, "5.2.0");
    CHECK_TEXT(place.trouble.error.text, "cannot open file: Is a directory");

    CHECK(append(path_of(&place, "one", path), &place.message,
                         &place.settings, &place.trouble));
    CHECK(link(path, path_of(&place, "two", other)) == 0);
    CHECK(!append(path, &place.message, &place.settings, &place.trouble));

    CHECK(mkdir(path_of(&place, "locked.lock", other), 0700) == 0);
    path_of(&place, "locked", path);
    CHECK(!append(path, &place.message, &place.settings, &place.trouble));
    CHECK_TEXT(place.trouble.dsn, "4.2.0");
    CHECK(access(path, F_OK) < 0);
    close_place(&place);
}

TEST(maildir_deliver_makes_its_folders_and_one_file)
{
    struct place place;
    char path[128], name[512];
    AUTO_STR struct str text = STR_EMPTY;
    struct dirent *entry;
    int count = 0;

    open_place(&place);
    path_of(&place, "a/Maildir/", path);
    CHECK(maildir_deliver(path, "5.2.0", &place.message, &place.settings, &place.trouble));
    path_of(&place, "a/Maildir/new", path);

    DIR *folder = opendir(path);

    CHECK(folder);
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            count++;
        }
    closedir(folder);
    CHECK_NUMBER(count, 1);
    read_file(name, &text);
    CHECK_TEXT(text.data, "Return-Path: <s@x>\nSubject: x\n\nFrom here\nlast\n");
    CHECK(rmdir(path_of(&place, "a/Maildir/tmp", path)) == 0);      /* nothing is left there */
    close_place(&place);
}

TEST(mailbox_locks_are_named_as_in_main_cf)
{
    unsigned locks;
    struct error error;

    CHECK(mailbox_locks_parse(slice_of("fcntl, dotlock"), &locks, &error));
    CHECK_NUMBER(locks, MAILBOX_FCNTL | MAILBOX_DOTLOCK);
    CHECK(!mailbox_locks_parse(slice_of("magic"), &locks, &error));
    CHECK_TEXT(error.text, "unknown mailbox_delivery_lock value: magic");
    CHECK(!mailbox_locks_parse(slice_of(" "), &locks, &error));
}
