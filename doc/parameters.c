/*
 * Completes a manual page of a program: a line
 *
 *     .\" parameters smtpd_client_* *_reject_code
 *
 * becomes the list of those parameters that match and that the program reads, as far as no
 * line before has named them; what the page says of them cannot go stale.  More of such lines
 * in a row make one list.  With "skip" in
 * place of "parameters" they count as named.  A heading (.Ss) of an empty list is left out.
 *
 *     make-parameters PROGRAM < page
 *
 * The word "all" lists what every program reads.
 */
#include "roff.h"

#include "base/memory.h"
#include "base/scope.h"
#include "config/parameter.h"

#include <fnmatch.h>

struct page {
    const char *program;
    bool *named;                /* of each parameter */
    struct str heading;         /* held back until there is something below it */
    bool in_list;               /* lines that follow each other make one list */
};

static bool is_read(const char *program, const struct parameter *parameter)
{
    bool by_all = strcmp(parameter->used_by, "*") == 0;

    return *program == '*' ? by_all : !by_all && parameter_is_used_by(parameter, program);
}

static bool matches(struct slice patterns, const char *name)
{
    struct slice pattern;

    while (slice_take_token(&patterns, " \n", &pattern)) {
        AUTO_FREE char *text = memory_text(pattern.data, pattern.length);

        if (fnmatch(text, name, 0) == 0)
            return true;
    }
    return false;
}

static void say_heading(struct page *page)
{
    fputs(page->heading.length > 0 ? page->heading.data : "", stdout);
    str_clear(&page->heading);
}

static void say_parameter(const struct parameter *parameter)
{
    printf(".It Va %s\n", parameter_name(parameter));
    roff_text(parameter->meaning);
    puts(".");
}

static void list_parameters(struct page *page, const char *program, struct slice patterns,
                            bool shown)
{
    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);

        if (page->named[i] || !is_read(program, parameter) ||
            !matches(patterns, parameter_name(parameter)))
            continue;
        page->named[i] = true;
        if (!shown)
            continue;
        if (!page->in_list) {
            say_heading(page);
            puts(".Bl -tag -width Ds -compact");
        }
        page->in_list = true;
        say_parameter(parameter);
    }
}

/* What belongs to no list. */
static void take_text(struct page *page, struct slice line)
{
    if (page->in_list)
        puts(".El");
    page->in_list = false;
    if (slice_starts(line, ".Ss ")) {
        str_set(&page->heading, line);
        return;
    }
    if (slice_starts(line, ".Sh "))
        str_clear(&page->heading);
    say_heading(page);
    printf("%.*s", SLICE_ARGS(line));
}

static void take_line(struct page *page, struct slice line)
{
    static const char list[] = ".\\\" parameters ", skip[] = ".\\\" skip ", all[] = ".\\\" all ";

    if (slice_starts(line, list)) {
        list_parameters(page, page->program, slice_from(line, strlen(list)), true);
    } else if (slice_starts(line, skip)) {
        list_parameters(page, page->program, slice_from(line, strlen(skip)), false);
    } else if (slice_starts(line, all)) {
        list_parameters(page, "*", slice_from(line, strlen(all)), true);
    } else {
        take_text(page, line);
    }
}

/* A parameter that the page has no place for is one that its reader never learns of. */
static int report_left_out(const struct page *page)
{
    int count = 0;

    for (size_t i = 0; i < parameter_count(); i++)
        if (!page->named[i] && is_read(page->program, parameter_at(i))) {
            fprintf(stderr, "the manual page of %s does not name %s\n", page->program,
                    parameter_name(parameter_at(i)));
            count++;
        }
    return count;
}

int main(int argc, char **argv)
{
    struct page page = { .program = argc == 2 ? argv[1] : "", .heading = STR_EMPTY };
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    ssize_t length;

    if (!*page.program)
        return 2;
    page.named = memory_new(parameter_count(), sizeof(*page.named));
    puts(".\\\" The lists of parameters were made from lib/config/parameters.def.");
    while ((length = getline(&line, &size, stdin)) > 0)
        take_line(&page, slice_bytes(line, (size_t)length));

    int left_out = report_left_out(&page);

    free(page.named);
    str_free(&page.heading);
    return left_out > 0 || ferror(stdout) || fflush(stdout) != 0;
}
