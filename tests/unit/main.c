/*
 * Runs the TESTs that are linked in.  TEST_COUNT (given by the Makefile) is
 * how many the sources hold: a run that executed fewer fails.
 */
#include "base/test.h"

#include "base/memory.h"

#include <stdio.h>

static struct test_case *first_test;

void test_register(struct test_case *test)
{
    struct test_case **link = &first_test;

    while (*link)
        link = &(*link)->next;
    *link = test;
}

void test_check_slice(struct slice got, const char *wanted, const char *file, int line)
{
    if (slice_is(got, wanted))
        return;
    print_error("got    \"%.*s\"\nwanted \"%s\"\n", SLICE_ARGS(got), wanted);
    _assert_true(0, "slices are equal", file, line);
}

int main(int argc, char **argv)
{
    size_t count = 0, chosen = 0;

    for (struct test_case *test = first_test; test; test = test->next)
        count++;

    struct CMUnitTest *tests = memory_new(count + 1, sizeof(*tests));

    for (struct test_case *test = first_test; test; test = test->next)
        if (argc < 2 || strstr(test->name, argv[1]))
            tests[chosen++] = (struct CMUnitTest){ test->name, test->run, NULL, NULL, NULL };

    int failed = _cmocka_run_group_tests(argv[0], tests, chosen, NULL, NULL);

    free(tests);
    if (count != TEST_COUNT) {
        fprintf(stderr, "%s: %zu tests are linked, the sources hold %d\n",
                argv[0], count, TEST_COUNT);
        return 1;
    }
    return failed ? 1 : 0;
}
