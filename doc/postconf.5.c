/*
 * Prints postconf(5), the manual page of main.cf's parameters, from the one table of them
 * (lib/config/parameters.def).
 */
#include "roff.h"

#include "base/scope.h"
#include "config/parameter.h"
#include "config/twin.h"

#include <stdio.h>

static const char head[] =
    ".\\\" Made by doc/postconf.5.c from lib/config/parameters.def.\n"
    ".Dd November 22, 2026\n"
    ".Dt POSTCONF 5\n"
    ".Os Postreiter\n"
    ".Sh NAME\n"
    ".Nm postconf\n"
    ".Nd parameters of main.cf\n"
    ".Sh DESCRIPTION\n"
    "The file\n"
    ".Pa main.cf\n"
    "sets parameters, one in a logical line of the form\n"
    ".Dl name = value\n"
    "A line that starts with white space continues the one before it; empty lines and lines that\n"
    "start with\n"
    ".Ql #\n"
    "are comments, also within a logical line.\n"
    "The last setting of a name counts.\n"
    "A value may refer to others:\n"
    ".Bl -tag -width Ds\n"
    ".It Li $name , Li ${name} , Li $(name)\n"
    "The value of another parameter, at the time it is used.\n"
    ".It Li ${name?text} , Li ${name?{text}}\n"
    "The text if the value is not empty.\n"
    ".It Li ${name:text} , Li ${name:{text}}\n"
    "The text if the value is empty.\n"
    ".It Li ${name?{text}:{other}}\n"
    "One or the other.\n"
    ".It Li ${{left}==\\&{right}?{text}:{other}}\n"
    "By comparison, with\n"
    ".Li == , != , < , <= , >= , >\n"
    "of numbers or texts.\n"
    ".It Li $$\n"
    "A dollar sign.\n"
    ".El\n"
    ".Pp\n"
    "A time is a number with a unit, of\n"
    ".Cm s\n"
    "(seconds),\n"
    ".Cm m\n"
    "(minutes),\n"
    ".Cm h\n"
    "(hours),\n"
    ".Cm d\n"
    "(days) or\n"
    ".Cm w\n"
    "(weeks); without one it has that of the default.\n"
    "A switch is\n"
    ".Cm yes\n"
    "or\n"
    ".Cm no .\n"
    "Parameters that are marked\n"
    ".Qq not served\n"
    "may be set and have no effect in this version;\n"
    ".Ic postfix check\n"
    "names them.\n"
    ".Pp\n"
    "What each transport of\n"
    ".Xr master 5\n"
    "may have for itself\n"
    "is set by a parameter of its name in place of\n"
    ".Ql default :\n"
    ".Va slow_destination_concurrency_limit\n"
    "for the transport\n"
    ".Ql slow .\n"
    ".Sh PARAMETERS\n"
    ".Bl -tag -width Ds\n";

static const char foot[] =
    ".El\n"
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa main.cf\n"
    "In the directory that\n"
    ".Ic postconf -d config_directory\n"
    "shows, or that\n"
    ".Fl c\n"
    "or the environment variable\n"
    ".Ev MAIL_CONFIG\n"
    "names.\n"
    ".El\n"
    ".Sh SEE ALSO\n"
    ".Xr postconf 1 ,\n"
    ".Xr postfix 1 ,\n"
    ".Xr master 5\n";

/* As an argument of a macro. */
static void print_argument(const char *text)
{
    fputs(" \"", stdout);
    for (; *text; text++)
        if (*text == '"')
            fputs("\\(dq", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    putchar('"');
}

static const char *type_text(const struct parameter *parameter)
{
    switch ((enum parameter_type)parameter->type) {
    case PARAMETER_BOOL:
        return "switch";
    case PARAMETER_NUMBER:
        return "number";
    case PARAMETER_SIZE:
        return "size in bytes";
    case PARAMETER_SECONDS:
        return "time";
    case PARAMETER_RAW:
        return "text, expanded when it is used";
    case PARAMETER_TEXT:
        return "text";
    }
    return "";
}

static void print_default(const struct parameter *parameter)
{
    if (!parameter->fallback)
        puts(".Pq default: decided by the host or the installation");
    else if (!*parameter->fallback)
        puts(".Pq default: empty");
    else {
        fputs("(default:\n.Ql", stdout);
        print_argument(parameter->fallback);
        puts(" )");
    }
}

static void print_users(const struct parameter *parameter)
{
    struct slice rest = slice_of(parameter->used_by), name;
    const char *separator = "";

    if (!*parameter->used_by) {
        puts("Not served.");
        return;
    }
    if (parameter_moot(parameter)) {
        printf("Has no effect here: %s.\n", parameter_moot(parameter));
        return;
    }
    if (*parameter->used_by == '*') {
        puts("Used by all programs.");
        return;
    }
    fputs("Used by ", stdout);
    for (; slice_take_token(&rest, ",", &name); separator = ", ")
        printf("%s%.*s", separator, SLICE_ARGS(name));
    puts(".");
}

static void print_limits(const struct parameter *parameter)
{
    if (parameter->lowest)
        printf("At least %lld.\n", (long long)parameter->lowest);
    if (parameter->highest)
        printf("At most %lld.\n", (long long)parameter->highest);
}

static void print_parameter(const struct parameter *parameter)
{
    AUTO_STR struct str twin = STR_EMPTY;

    printf(".It Va %s\n", parameter_name(parameter));
    print_default(parameter);
    puts(".br");
    roff_text(parameter->meaning);
    printf("\n(%s).\n", type_text(parameter));
    print_limits(parameter);
    if (twin_name(parameter, &twin))
        printf("For LMTP:\n.Va %s .\n", twin.data);
    if (parameter->origin == PARAMETER_OURS)
        puts("Postfix does not have it.");
    if (parameter->origin == PARAMETER_NEWER)
        puts("Postfix has it in releases after 3.7.");
    print_users(parameter);
}

int main(void)
{
    fputs(head, stdout);
    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);

        if (parameter->origin != PARAMETER_NEWER || *parameter->used_by)
            print_parameter(parameter);
    }
    fputs(foot, stdout);
    return ferror(stdout) || fflush(stdout) != 0;
}
