/*
 * postmulti(1): several Postfix instances on a host.
 */
#include "edit.h"
#include "iterate.h"
#include "log/log.h"

#include <stdlib.h>
#include <unistd.h>

struct options {
    char mode;                  /* l, p, x or e; 0: none was given */
    bool reverse;
    int verbose;
    struct edit_request edit;
};

static void usage(void) NO_RETURN;
static void usage(void)
{
    log_fatal("Usage: postmulti -l [-v] [-a] [-g group] [-i instance] | "
              "postmulti -p [-v] [-a] [-g group] [-i instance] command... | "
              "postmulti -x [-v] [-a] [-i name] [-g group] command... | "
              "postmulti -e action [-v] [-a] [-i instance] [-g group] [-I new_name] "
              "[-G new_group] [param=value ...]");
}

static void set_mode(struct options *options, char mode)
{
    if (options->mode && options->mode != mode)
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    options->mode = mode;
}

static void take_option(struct options *options, int option)
{
    struct edit_request *edit = &options->edit;

    switch (option) {
    case 'a': edit->in_front = true; break;
    case 'e': set_mode(options, 'e'); edit->action = optarg; break;
    case 'g': edit->selection.group = optarg; break;
    case 'i': edit->selection.name = optarg; break;
    case 'G': edit->group = optarg; break;
    case 'I': edit->name = optarg; break;
    case 'l': case 'p': case 'x': set_mode(options, (char)option); break;
    case 'R': options->reverse = true; break;
    case 'v': options->verbose++; break;
    default: usage();
    }
}

/* What does not go together. */
static void check(const struct options *options, char **words)
{
    const struct edit_request *edit = &options->edit;

    if (!options->mode)
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    if (edit->in_front + (edit->selection.name != NULL) + (edit->selection.group != NULL) > 1)
        log_fatal("Specify no more than one of '-a', '-g', '-i'");
    if (options->reverse && (options->mode == 'p' || options->mode == 'e'))
        log_fatal("The '-R' option cannot be used with '-p' or '-e'");
    if (options->mode != 'e' && (edit->name || edit->group))
        log_fatal("-I and -G are for '-e'");
    if (options->mode == 'l' && *words)
        log_fatal("Command not allowed with '-l'");
    if ((options->mode == 'p' || options->mode == 'x') && !*words)
        log_fatal("Command required with '-p' or '-x' option");
}

static int run(const struct options *options, struct instances *instances, char **words)
{
    const struct selection *selection = &options->edit.selection;

    switch (options->mode) {
    case 'l':
        return iterate_list(instances, selection, options->reverse);
    case 'p':
        return iterate_postfix(instances, selection, words);
    case 'x':
        return iterate_command(instances, selection, options->reverse, words);
    default:
        return edit_instances(instances, &options->edit);
    }
}

int main(int argc, char **argv)
{
    struct log_settings log = { .tag = "postmulti", .program = "postmulti",
                                .standard_error = true };
    struct instances instances = { .count = 0 };
    struct options options = { .mode = 0 };

    log_open(&log);
    for (int option; (option = getopt(argc, argv, "+ae:g:i:G:I:lpRvx")) > 0;)
        take_option(&options, option);
    check(&options, argv + optind);
    if (options.verbose)
        setenv("MAIL_VERBOSE", "yes", 1);
    instances_load(&instances);
    options.edit.settings = argv + optind;

    int status = run(&options, &instances, argv + optind);

    instances_free(&instances);
    return status;
}
