#include "deliver/notice_template.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

__asm__(".pushsection .rodata\n"
        "notice_builtin_start:\n"
        ".incbin \"conf/bounce.cf.default\"\n"
        "notice_builtin_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const char notice_builtin_start[] __attribute__((visibility("hidden")));
extern const char notice_builtin_end[] __attribute__((visibility("hidden")));

enum { TEMPLATE_FILE_LIMIT = 1024 * 1024 };

static const char *const kind_names[NOTICE_COUNT] = {
    "failure_template", "delay_template", "success_template", "verify_template",
};

struct slice notice_builtin_text(void)
{
    return slice_bytes(notice_builtin_start,
                       (size_t)(notice_builtin_end - notice_builtin_start));
}

/* --- reading ----------------------------------------------------------------------------- */

/* Where a text comes from, for complaints about it. */
struct origin {
    const char *path;
    struct arena *arena;
    const struct notice_templates *defaults;    /* of what a template does not say */
};

/* Which member of a template a header sets; NULL for an unknown one. */
static const char **find_header(struct notice_template *notice, struct slice name)
{
    if (slice_is_nocase(name, "Charset"))
        return &notice->charset;
    if (slice_is_nocase(name, "From"))
        return &notice->from;
    if (slice_is_nocase(name, "Subject"))
        return &notice->subject;
    if (slice_is_nocase(name, "Postmaster-Subject"))
        return &notice->postmaster_subject;
    return NULL;
}

/* A template that is wrong does not count: mail is bounced with the built-in one. */
static bool ignore(const struct origin *origin, const char *what, struct slice text,
                   const char *where, const char *kind)
{
    log_warn("%s: %s%.*s%s in %s template -- ignoring this template", origin->path, what,
             SLICE_ARGS(text), where, kind);
    return false;
}

static bool set_header(const struct origin *origin, struct notice_template *notice,
                       struct slice name, struct slice value)
{
    const char *kind = notice->kind;
    const char **member = find_header(notice, name);

    if (!member)
        return ignore(origin, "unknown \"", name, "\" header label", kind);
    if (value.length == 0)
        return ignore(origin, "empty \"", name, "\" header value", kind);
    if (member == &notice->postmaster_subject && !*notice->postmaster_subject)
        return ignore(origin, "inapplicable \"", name, "\" header label", kind);
    if (!text_is_ascii(value))
        return ignore(origin, "non-ASCII \"", name, "\" header value", kind);
    *member = arena_text(origin->arena, value);
    return true;
}

/* "Name : value": a name without blanks or bytes that no header has (RFC 5322 2.2). */
static bool split_header(struct slice line, struct slice *name, struct slice *value)
{
    if (slice_find(line, ':') == line.length)
        return false;
    *value = line;
    *name = slice_trim_end(slice_take_until(value, ":"));
    *value = slice_trim_start(*value);
    for (size_t i = 0; i < name->length; i++)
        if (name->data[i] <= ' ' || name->data[i] > '~')
            return false;
    return name->length > 0;
}

static void skip_empty_lines(struct slice *rest)
{
    struct slice next = *rest;

    while (next.length > 0 && slice_trim(slice_take_until(&next, "\n")).length == 0)
        *rest = next;
}

/* Headers are optional; the first line that is none begins the text. */
static bool fill_template(const struct origin *origin, struct notice_template *notice,
                          struct slice rest)
{
    const char *kind = notice->kind;
    struct slice name, value;

    while (rest.length > 0) {
        struct slice next = rest;

        if (!split_header(slice_take_until(&next, "\n"), &name, &value))
            break;
        if (!set_header(origin, notice, name, value))
            return false;
        rest = next;
    }
    skip_empty_lines(&rest);
    if (slice_trim(rest).length == 0)
        return ignore(origin, "missing message text", SLICE_LITERAL(""), "", kind);
    if (strcmp(notice->charset, "us-ascii") == 0 && !text_is_ascii(rest)) {
        log_warn("%s: 8-bit message text in %s template", origin->path, kind);
        log_warn("please specify a charset value other than us-ascii");
        log_warn("-- ignoring this template for now");
        return false;
    }
    notice->text = slice_of(arena_text(origin->arena, rest));
    return true;
}

/* The lines up to the mark, each with its line feed; line counts them. */
static struct slice take_document(const struct origin *origin, struct slice *rest,
                                  struct slice mark, int *line)
{
    const char *start = rest->data;
    int first = *line;

    while (rest->length > 0) {
        struct slice text = slice_take_until(rest, "\n");

        ++*line;
        if (slice_equal(text, mark))
            return slice_bytes(start, (size_t)(text.data - start));
    }
    log_warn("%s, line %d: missing \"%.*s\" end marker", origin->path, first, SLICE_ARGS(mark));
    return slice_bytes(start, (size_t)(rest->data - start));
}

/* "name = <<MARK" and what follows, or "name = text". */
static bool take_template(const struct origin *origin, struct slice text, struct slice *rest,
                          int *line, struct notice_templates *templates, struct error *error)
{
    struct slice value = text;
    struct slice name = slice_trim(slice_take_until(&value, "="));
    int first = *line;

    if (slice_find(text, '=') == text.length || slice_find_any(name, " \t\r") < name.length)
        return error_set(error, "%s, line %d: missing '=' after attribute name: \"%.*s\"",
                         origin->path, first, SLICE_ARGS(text));
    if (name.length == 0)
        return error_set(error, "%s, line %d: missing attribute name: \"%.*s\"", origin->path,
                         first, SLICE_ARGS(text));
    value = slice_trim(value);
    if (slice_starts(value, "<<")) {
        struct slice mark = slice_trim(slice_from(value, 2));

        if (mark.length == 0)
            return error_set(error, "%s, line %d: missing end marker after <<", origin->path,
                             first);
        value = take_document(origin, rest, mark, line);
    }
    for (size_t i = 0; i < NOTICE_COUNT; i++)
        if (slice_is(name, kind_names[i])) {
            struct notice_template filled = origin->defaults->kinds[i];

            filled.path = origin->path;
            if (fill_template(origin, &filled, value))
                templates->kinds[i] = filled;
            return true;
        }
    log_warn("%s, line %d: unknown template name: %.*s -- ignoring this template", origin->path,
             first, SLICE_ARGS(name));
    return true;
}

static bool parse_templates(const struct origin *origin, struct slice text,
                            struct notice_templates *templates, struct error *error)
{
    for (int line = 1; text.length > 0; line++) {
        struct slice logical = slice_take_until(&text, "\n");

        if (slice_trim(logical).length == 0 || slice_trim_start(logical).data[0] == '#')
            continue;
        if (!take_template(origin, logical, &text, &line, templates, error))
            return false;
    }
    return true;
}

static bool read_file(const char *path, struct str *text, struct error *error)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_system(error, "open %s", path);
    for (;;) {
        ssize_t got = read(fd, str_reserve(text, 4096), 4096);

        if (got < 0)
            return error_system(error, "read %s", path);
        if (got == 0)
            return true;
        str_added(text, (size_t)got);
        if (text->length > TEMPLATE_FILE_LIMIT)
            return error_set(error, "%s: file too large", path);
    }
}

/* Only those with a subject for the postmaster may be given another. */
static const struct notice_templates nothing = { {
    [NOTICE_FAILURE] = { .kind = "failure", .charset = "us-ascii", .postmaster_subject = "?" },
    [NOTICE_DELAY] = { .kind = "delay", .charset = "us-ascii", .postmaster_subject = "?" },
    [NOTICE_SUCCESS] = { .kind = "success", .charset = "us-ascii", .postmaster_subject = "" },
    [NOTICE_VERIFY] = { .kind = "verify", .charset = "us-ascii", .postmaster_subject = "" },
} };

bool notice_templates_load(const char *path, struct arena *arena,
                           struct notice_templates *templates, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;
    const struct origin built_in = { "", arena, &nothing };

    *templates = nothing;
    if (!parse_templates(&built_in, notice_builtin_text(), templates, error))
        return false;

    const struct notice_templates defaults = *templates;
    const struct origin origin = { path, arena, &defaults };

    return !*path || (read_file(path, &text, error) &&
                      parse_templates(&origin, str_slice(&text), templates, error));
}

/* --- expanding --------------------------------------------------------------------------- */

static const struct { const char *suffix; int seconds; } units[] = {
    { "_seconds", 1 }, { "_minutes", 60 }, { "_hours", 3600 }, { "_days", 86400 },
    { "_weeks", 604800 },
};

/* What rounds to nothing would mislead the reader of the notification. */
static void add_quotient(const struct notice_template *notice, struct slice name, int seconds,
                         size_t unit, struct str *output)
{
    int quotient = seconds / units[unit].seconds;

    str_format(output, "%d", quotient);
    if (quotient > 0 || seconds == 0)
        return;
    log_warn("%s: zero result in %s template conversion of parameter \"%.*s\"",
             *notice->path ? notice->path : "[built-in]", notice->kind, SLICE_ARGS(name));
    log_warn("please reduce time unit \"%s\" of \"%.*s\" in %s template", units[unit].suffix + 1,
             SLICE_ARGS(name), notice->kind);
    log_warn("for instructions see the bounce(5) manual");
}

/* "delay_warning_time_hours" and its like; false for another name. */
static bool add_span(const struct config *config, const struct notice_template *notice,
                     struct slice name, struct str *output)
{
    for (size_t i = 0; i < COUNT(units); i++) {
        struct slice stem = slice_part(name, 0, name.length - strlen(units[i].suffix));

        if (name.length <= strlen(units[i].suffix) || !slice_ends(name, units[i].suffix))
            continue;
        if (slice_is(stem, "delay_warning_time"))
            add_quotient(notice, name, config->delay_warning_time, i, output);
        else if (slice_is(stem, "maximal_queue_lifetime"))
            add_quotient(notice, name, config->maximal_queue_lifetime, i, output);
        else
            return false;
        return true;
    }
    return false;
}

/* The name of the $name, ${name} or $(name) at the front; *wrapped: it has braces. */
static struct slice reference_name(struct slice text, bool *wrapped)
{
    struct slice inside = slice_from(text, 1);
    size_t length = 0;

    *wrapped = inside.length > 0 && (inside.data[0] == '{' || inside.data[0] == '(');
    inside = slice_from(inside, *wrapped);
    while (length < inside.length &&
           (byte_is_alnum(inside.data[length]) || inside.data[length] == '_'))
        length++;
    return slice_part(inside, 0, length);
}

static bool is_defined(const struct config *config, struct slice name)
{
    AUTO_STR struct str text = STR_EMPTY, value = STR_EMPTY;
    struct error error;

    str_add(&text, name);
    return config_lookup(config, text.data, &value, &error);
}

/* Spans are replaced; everything else stays, for the expansion of all names. */
static bool replace_spans(const struct config *config, const struct notice_template *notice,
                          struct slice line, struct str *output)
{
    struct slice rest = line;

    while (rest.length > 0) {
        size_t plain = slice_find(rest, '$'), taken = 1;
        bool wrapped;

        str_add(output, slice_part(rest, 0, plain));
        rest = slice_from(rest, plain);
        if (rest.length == 0)
            break;

        struct slice name = reference_name(rest, &wrapped);

        if (add_span(config, notice, name, output)) {
            rest = slice_from(rest, 1 + name.length + (wrapped ? 2 : 0));
            continue;
        }
        if (name.length > 0 && !is_defined(config, name))
            return false;
        if (slice_starts(rest, "$$"))
            taken = 2;
        str_add(output, slice_part(rest, 0, taken));
        rest = slice_from(rest, taken);
    }
    return true;
}

bool notice_expand(const struct config *config, const struct notice_template *notice,
                   struct str *output, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct slice rest = notice->text;

    while (rest.length > 0) {
        struct slice line = slice_take_until(&rest, "\n");

        if (!replace_spans(config, notice, line, &text))
            return error_set(error, "%s: undefined $name in %s template: %.*s", notice->path,
                             notice->kind, SLICE_ARGS(line));
        str_byte(&text, '\n');
    }
    return config_expand(config, str_slice(&text), output, error);
}
