#include "deliver/notice_template.h"

#include "base/scope.h"
#include "config/config.h"

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

const char *notice_kind_name(enum notice_kind kind)
{
    return kind_names[kind];
}

/* --- reading ----------------------------------------------------------------------------- */

static bool set_header(struct notice_template *notice, struct arena *arena, struct slice line)
{
    struct slice value = line;
    struct slice name = slice_trim(slice_take_until(&value, ":"));
    const char *text = arena_text(arena, slice_trim(value));

    if (slice_is_nocase(name, "Charset"))
        notice->charset = text;
    else if (slice_is_nocase(name, "From"))
        notice->from = text;
    else if (slice_is_nocase(name, "Subject"))
        notice->subject = text;
    else if (slice_is_nocase(name, "Postmaster-Subject"))
        notice->postmaster_subject = text;
    else
        return false;
    return true;
}

/* Lines up to the one that is the end mark; false when there is none. */
static bool take_document(struct slice *rest, struct slice mark, struct slice *document)
{
    const char *start = rest->data;

    while (rest->length > 0) {
        struct slice line = slice_take_until(rest, "\n");

        if (slice_equal(line, mark)) {
            *document = slice_bytes(start, (size_t)(line.data - start));
            return true;
        }
    }
    return false;
}

static bool fill_template(struct notice_template *notice, struct arena *arena,
                          struct slice document, struct error *error)
{
    struct slice rest = document;

    /* Headers are optional: text that begins at once has a first line that is none. */
    while (rest.length > 0) {
        struct slice next = rest;
        struct slice line = slice_take_until(&next, "\n");

        if (slice_trim(line).length == 0) {
            rest = next;
            break;
        }
        if (slice_find(line, ':') == line.length)
            break;
        if (!set_header(notice, arena, line))
            return error_set(error, "unknown template header: %.*s", SLICE_ARGS(line));
        rest = next;
    }
    notice->text = slice_of(arena_text(arena, rest));
    return true;
}

static struct notice_template *find_template(struct notice_templates *templates,
                                             struct slice name)
{
    for (size_t i = 0; i < NOTICE_COUNT; i++)
        if (slice_is(name, kind_names[i]))
            return &templates->kinds[i];
    return NULL;
}

static bool parse_templates(struct slice text, struct arena *arena,
                            struct notice_templates *templates, struct error *error)
{
    while (text.length > 0) {
        struct slice line = slice_take_until(&text, "\n");
        struct slice value = line, document;
        struct slice name = slice_trim(slice_take_until(&value, "="));

        if (slice_trim(line).length == 0 || line.data[0] == '#')
            continue;
        value = slice_trim(value);
        if (!slice_starts(value, "<<"))
            return error_set(error, "expected \"name = <<EOF\": %.*s", SLICE_ARGS(line));

        struct notice_template *notice = find_template(templates, name);

        if (!notice)
            return error_set(error, "unknown template name: %.*s", SLICE_ARGS(name));
        if (!take_document(&text, slice_trim(slice_from(value, 2)), &document))
            return error_set(error, "template %.*s has no end", SLICE_ARGS(name));
        if (!fill_template(notice, arena, document, error))
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

bool notice_templates_load(const char *path, struct arena *arena,
                           struct notice_templates *templates, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;

    for (size_t i = 0; i < NOTICE_COUNT; i++)
        templates->kinds[i] = (struct notice_template){ "us-ascii", "", "", "", { "", 0 } };
    if (!parse_templates(notice_builtin_text(), arena, templates, error))
        return false;
    if (!*path)
        return true;
    if (!read_file(path, &text, error))
        return false;
    if (!parse_templates(str_slice(&text), arena, templates, error))
        return error_prefix(error, "%s", path);
    return true;
}

/* --- expanding --------------------------------------------------------------------------- */

static const struct { const char *suffix; int seconds; } units[] = {
    { "_seconds", 1 }, { "_minutes", 60 }, { "_hours", 3600 }, { "_days", 86400 },
    { "_weeks", 604800 },
};

/* "delay_warning_time_hours" and its like; false for another name. */
static bool add_span(const struct config *config, struct slice name, struct str *output)
{
    for (size_t i = 0; i < COUNT(units); i++) {
        struct slice stem = slice_part(name, 0, name.length - strlen(units[i].suffix));

        if (name.length <= strlen(units[i].suffix) || !slice_ends(name, units[i].suffix))
            continue;
        if (slice_is(stem, "delay_warning_time"))
            str_format(output, "%d", config->delay_warning_time / units[i].seconds);
        else if (slice_is(stem, "maximal_queue_lifetime"))
            str_format(output, "%d", config->maximal_queue_lifetime / units[i].seconds);
        else
            return false;
        return true;
    }
    return false;
}

static size_t name_length(struct slice text)
{
    size_t length = 0;

    while (length < text.length && (byte_is_alnum(text.data[length]) || text.data[length] == '_'))
        length++;
    return length;
}

/* Take $name, ${name} or $(name) off the front when it is a span. */
static bool take_span(const struct config *config, struct slice *rest, struct str *output)
{
    struct slice inside = slice_from(*rest, 1);
    bool wrapped = inside.length > 0 && (inside.data[0] == '{' || inside.data[0] == '(');
    struct slice name = slice_from(inside, wrapped);

    name = slice_part(name, 0, name_length(name));
    if (!add_span(config, name, output))
        return false;
    *rest = slice_from(*rest, 1 + name.length + (wrapped ? 2 : 0));
    return true;
}

bool notice_expand(const struct config *config, const struct notice_template *notice,
                   struct str *output, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct slice rest = notice->text;

    while (rest.length > 0) {
        size_t plain = slice_find(rest, '$');

        str_add(&text, slice_part(rest, 0, plain));
        rest = slice_from(rest, plain);
        if (rest.length == 0 || take_span(config, &rest, &text))
            continue;

        size_t taken = slice_starts(rest, "$$") ? 2 : 1;

        str_add(&text, slice_part(rest, 0, taken));
        rest = slice_from(rest, taken);
    }
    return config_expand(config, str_slice(&text), output, error);
}
