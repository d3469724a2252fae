/*
 * smtp-source(1): makes mail for tests and measurements, one thread for each session.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "endpoint.h"
#include "generator.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

static void usage(void)
{
    fprintf(stderr, "usage: smtp-source -cdLNov46 -s sess -l msglen -m msgs -C count"
            " -M myhostname -f from -t to -r rcptcount -R delay -w delay host[:port]\n");
    exit(EX_USAGE);
}

/* Options whose argument is a text or a number; false: another kind. */
static bool set_value(struct generator *generator, int option, const char *value)
{
    switch (option) {
    case 'C': generator->tries = argument_number(value, 1); return true;
    case 'f': generator->sender = value; return true;
    case 'F': generator->file = value; return true;
    case 'l': generator->length = argument_number(value, 0); return true;
    case 'm': generator->messages = argument_number(value, 1); return true;
    case 'M': generator->hostname = value; return true;
    case 'r': generator->recipients = argument_number(value, 1); return true;
    case 'R': generator->random_wait = argument_number(value, 1); return true;
    case 's': generator->sessions = argument_number(value, 1); return true;
    case 'S': generator->subject = value; return true;
    case 't': generator->recipient = value; return true;
    case 'T': generator->window = argument_number(value, 1); return true;
    case 'w': generator->wait = argument_number(value, 1); return true;
    default: return false;
    }
}

static void set_switch(struct generator *generator, int option)
{
    switch (option) {
    case '4': generator->family = AF_INET; break;
    case '6': generator->family = AF_INET6; break;
    case 'A': generator->keep_going = true; break;
    case 'c': generator->count = true; break;
    case 'd': generator->keep_session = true; break;
    case 'L': generator->lmtp = true; break;
    case 'N': generator->number_recipients = true; break;
    case 'o': generator->old = true; break;
    case 'v': generator->verbose = true; break;
    default: usage();
    }
}

static const char *own_name(char *name, size_t size)
{
    if (gethostname(name, size - 1) < 0 || !*name)
        return "localhost";
    return name;
}

int main(int argc, char **argv)
{
    struct generator generator = { .tries = 1, .messages = 1, .recipients = 1, .sessions = 1,
                                   .family = AF_UNSPEC };
    AUTO_STR struct str address = STR_EMPTY;
    char name[256] = "";
    int option;

    log_open(&(struct log_settings){ .tag = "postfix/smtp-source", .program = "smtp-source",
                                     .standard_error = true });
    while ((option = getopt(argc, argv, "46AcC:df:F:l:Lm:M:Nor:R:s:S:t:T:vw:")) != -1)
        if (!set_value(&generator, option, optarg))
            set_switch(&generator, option);
    if (argc - optind != 1)
        usage();
    if (!generator.hostname)
        generator.hostname = own_name(name, sizeof(name));
    str_format(&address, "foo@%s", generator.hostname);
    if (!generator.sender)
        generator.sender = address.data;
    if (!generator.recipient)
        generator.recipient = address.data;
    return generator_run(&generator, argv[optind]) ? 0 : 1;
}
