#include "service/executor.h"

#include "base/moment.h"
#include "base/scope.h"
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

struct run {
    struct execute_result result;
    bool in_time;
    struct str output;
};

/* Run one program with "hello" on its input; what it says goes into the run. */
static void run(struct executor *executor, struct execute_request *request, int seconds,
                struct run *done)
{
    static const char *const environment[] = { "PATH=/usr/bin:/bin", "COLOR=red", NULL };
    struct error error = ERROR_NONE;
    int input[2], output[2];
    char bytes[512];

    *done = (struct run){ .output = STR_EMPTY };
    CHECK(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0);
    CHECK(write(input[1], "hello", 5) == 5);
    close(input[1]);
    request->uid = geteuid();
    request->gid = getegid();
    request->environment = environment;
    request->input = input[0];
    request->output = output[1];
    CHECK(executor_run(executor, request, &error));
    close(input[0]);
    close(output[1]);
    CHECK(executor_wait(executor, moment_after(seconds), &done->in_time, &done->result, &error));

    ssize_t count = read(output[0], bytes, sizeof(bytes));

    str_bytes(&done->output, bytes, count > 0 ? (size_t)count : 0);
    close(output[0]);
}

TEST(executor_runs_programs_and_says_what_kept_one_from_it)
{
    static const struct {
        const char *arguments[4], *command, *directory, *wanted;
        int status;
        enum execute_step step;
    } cases[] = {
        { { "sh", "-c", "cat; echo $COLOR; exit 3", NULL }, NULL, NULL, "hellored\n", 3,
          EXECUTE_DONE },
        { { NULL }, "pwd; ls /proc/self/fd | wc -l", "/", "/\n4\n", 0, EXECUTE_DONE },
        { { "/no/such", NULL }, NULL, NULL, "", 75, EXECUTE_PROGRAM },
        { { "no such", NULL }, "echo by the shell", NULL, "by the shell\n", 0, EXECUTE_DONE },
        { { "true", NULL }, NULL, "/no/such", "", 75, EXECUTE_DIRECTORY },
    };
    struct error error = ERROR_NONE;
    struct executor *executor = executor_start(&error);

    if (geteuid() != 0)
        return;     /* others may not set their groups */
    CHECK(executor);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct execute_request request = {
            .arguments = cases[i].arguments, .command = cases[i].command,
            .directory = cases[i].directory,
        };
        struct run done;

        run(executor, &request, 60, &done);
        CHECK(done.in_time);
        CHECK_TEXT(done.output.data, cases[i].wanted);
        CHECK_NUMBER(WEXITSTATUS(done.result.status), cases[i].status);
        CHECK_NUMBER(done.result.step, cases[i].step);
        str_free(&done.output);
    }
    free(executor);
}

TEST(executor_kills_what_takes_too_long_and_runs_the_next)
{
    const char *const arguments[] = { "sh", "-c", "sleep 60 & sleep 60", NULL };
    struct execute_request slow = { .arguments = arguments }, quick = { .command = "echo hi" };
    struct error error = ERROR_NONE;
    struct executor *executor = executor_start(&error);
    struct run done;

    if (geteuid() != 0)
        return;
    CHECK(executor);
    run(executor, &slow, 0, &done);
    CHECK(!done.in_time);
    CHECK(WIFSIGNALED(done.result.status));
    str_free(&done.output);
    run(executor, &quick, 60, &done);
    CHECK_TEXT(done.output.data, "hi\n");
    str_free(&done.output);
    free(executor);
}
