#include "base/scope.h"
#include "base/test.h"
#include "drop.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct config config = {
    .hash_queue_names = "", .hash_queue_depth = 1, .line_length_limit = 2048,
};

/* A queue directory with nothing but maildrop; the test moves into it. */
static void make_queue(char *folder)
{
    CHECK(mkdtemp(folder) != NULL);
    CHECK_NUMBER(chdir(folder), 0);
    CHECK_NUMBER(mkdir("maildrop", 0700), 0);
}

static int count_files(void)
{
    DIR *folder = opendir("maildrop");
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

TEST(a_message_lies_in_maildrop_complete)
{
    char folder[] = "/tmp/drop-test-XXXXXX";
    AUTO_STR struct str id = STR_EMPTY;
    AUTO_STR struct str path = STR_EMPTY;
    struct error error = ERROR_NONE;
    struct stat status;

    make_queue(folder);
    CHECK(drop_message(&config, SLICE_LITERAL("S\001xR\003abcM\000N\001aX\000"
                                              "A\016notify_flags=1R\001bE\000"),
                       &id, &error));
    str_format(&path, "maildrop/%s", id.data);
    CHECK_NUMBER(stat(path.data, &status), 0);
    CHECK_NUMBER(status.st_mode & 07777, 0744);
    CHECK_NUMBER(unlink(path.data), 0);
}

TEST(what_is_no_local_message_leaves_nothing_behind)
{
    static const struct { struct slice records; const char *error; } cases[] = {
        { SLICE_LITERAL("S\001xZ\000"), "unexpected record type: 90" },
        { SLICE_LITERAL("S\001xM\000R\001xX\000E\000"), "unexpected record type: 82" },
        { SLICE_LITERAL("S\001xM\000X\000D\001xE\000"), "unexpected record type: 68" },
        { SLICE_LITERAL("S\001xM\000N\001aX\000"), "unexpected end of input" },
        { SLICE_LITERAL("S\001xM\000N\177a"), "unexpected end of input" },
        { SLICE_LITERAL("S\377\377\377\377\377\377"), "unexpected end of input" },
        { SLICE_LITERAL(""), "unexpected end of input" },
        { SLICE_LITERAL("S\001xM\000X\000E\000more"), "data behind the end of the message" },
        { SLICE_LITERAL("A\017client_name=xyzM\000X\000E\000"),
          "unexpected attribute: client_name=xyz" },
    };
    char folder[] = "/tmp/drop-test-XXXXXX";

    make_queue(folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str id = STR_EMPTY;
        struct error error = ERROR_NONE;

        CHECK(!drop_message(&config, cases[i].records, &id, &error));
        CHECK_TEXT(error.text, cases[i].error);
        CHECK_NUMBER(count_files(), 0);
    }
}
