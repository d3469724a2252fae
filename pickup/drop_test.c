#include "base/scope.h"
#include "base/test.h"
#include "drop.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct config config = {
    .hash_queue_names = "", .hash_queue_depth = 1, .line_length_limit = 2048,
    .local_login_sender_maps = "static:*",
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
    struct error error = ERROR_NONE;
    struct stat status;

    make_queue(folder);
    CHECK_NUMBER(drop_message(&config, SLICE_LITERAL("S\001xA\017client_name=xyzR\003abcM\000"
                                                     "N\001aX\000A\016notify_flags=1R\001bE\000"
                                                     "more"),
                              "1234567", &error),
                 DROP_GOOD);
    CHECK_NUMBER(stat("maildrop/1234567", &status), 0);
    CHECK_NUMBER(status.st_mode & 07777, 0744);
    CHECK_NUMBER(unlink("maildrop/1234567"), 0);
}

TEST(what_is_no_local_message_leaves_nothing_behind)
{
    static const struct {
        struct slice records;
        enum drop_result result;
        const char *error;
    } cases[] = {
        { SLICE_LITERAL("S\001xZ\000"), DROP_BAD, "unexpected record type: 90" },
        { SLICE_LITERAL("S\001xM\000R\001xX\000E\000"), DROP_BAD, "unexpected record type: 82" },
        { SLICE_LITERAL("S\001xM\000X\000D\001xE\000"), DROP_BAD, "unexpected record type: 68" },
        { SLICE_LITERAL("S\001xM\000N\001aX\000"), DROP_UNFINISHED, "" },
        { SLICE_LITERAL("S\001xM\000N\177a"), DROP_BAD, "malformed input" },
        { SLICE_LITERAL("S\377\377\377\377\377\377"), DROP_BAD, "malformed input" },
        { SLICE_LITERAL(""), DROP_UNFINISHED, "" },
        { SLICE_LITERAL("R\001aM\000X\000E\000"), DROP_NO_ENVELOPE, "" },
        { SLICE_LITERAL("S\001aM\000X\000E\000"), DROP_NO_ENVELOPE, "" },
    };
    char folder[] = "/tmp/drop-test-XXXXXX";

    make_queue(folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = ERROR_NONE;

        CHECK_NUMBER(drop_message(&config, cases[i].records, "1234567", &error),
                     cases[i].result);
        CHECK_TEXT(error.text, cases[i].error);
        CHECK_NUMBER(count_files(), 0);
    }
}
