#include "base/test.h"

#include "base/scope.h"
#include "logs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A queue directory that is the working directory, as it is postsuper's. */
struct house {
    char folder[32], before[4096];
    struct queue *queue;
};

static void house_open(struct house *house)
{
    const struct queue_settings settings = { .hash_queue_names = "defer", .hash_queue_depth = 1 };
    struct error error;

    snprintf(house->folder, sizeof(house->folder), "/tmp/logs-XXXXXX");
    CHECK(getcwd(house->before, sizeof(house->before)) && mkdtemp(house->folder));
    CHECK(chdir(house->folder) == 0);
    CHECK(mkdir("bounce", 0700) == 0 && mkdir("defer", 0700) == 0 && mkdir("defer/A", 0700) == 0);
    house->queue = queue_open(&settings, &error);
    CHECK(house->queue != NULL);
}

static void house_close(struct house *house)
{
    queue_close(house->queue);
    CHECK(rmdir("defer/A") == 0 && rmdir("defer") == 0 && rmdir("bounce") == 0);
    CHECK(chdir(house->before) == 0 && rmdir(house->folder) == 0);
}

static void write_log(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_CREAT | O_WRONLY, 0600);

    CHECK(fd >= 0);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

TEST(the_logs_of_a_message_go_with_it_and_those_of_others_stay)
{
    struct house house;

    house_open(&house);
    write_log("defer/A/A1111");
    write_log("bounce/A1111");
    write_log("bounce/A2222");
    logs_remove(house.queue, "A1111");
    CHECK(!is_there("defer/A/A1111") && !is_there("bounce/A1111"));
    CHECK(unlink("bounce/A2222") == 0);
    house_close(&house);
}

TEST(a_sweep_removes_the_logs_of_a_message_before_it_goes)
{
    struct house house;

    house_open(&house);
    write_log("defer/A/A1111");
    write_log("bounce/A2222");

    struct sweep *sweep = sweep_begin(house.queue);

    sweep_logs(sweep, "A1111");
    CHECK(!is_there("defer/A/A1111"));
    sweep_gone(sweep, "A1111");
    sweep_end(sweep);
    CHECK(unlink("bounce/A2222") == 0);
    house_close(&house);
}

TEST(a_sweep_ends_without_logs_that_came_while_it_went_on_but_of_messages_that_stay)
{
    struct house house;

    house_open(&house);

    struct sweep *sweep = sweep_begin(house.queue);

    write_log("defer/A/A1111");
    write_log("defer/A/A2222");
    sweep_logs(sweep, "A1111");
    sweep_gone(sweep, "A1111");
    sweep_end(sweep);
    CHECK(!is_there("defer/A/A1111"));
    CHECK(unlink("defer/A/A2222") == 0);
    house_close(&house);
}
