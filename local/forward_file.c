#include "forward_file.h"

#include "address/address.h"
#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"
#include "text_file.h"

#include <errno.h>

static struct slice value_of(struct slice name, const struct forward_names *names)
{
    struct address_parts parts = address_split(names->recipient);

    if (slice_is(name, "user"))
        return names->user;
    if (slice_is(name, "home"))
        return names->home;
    if (slice_is(name, "shell"))
        return names->shell;
    if (slice_is(name, "recipient"))
        return names->recipient;
    if (slice_is(name, "extension"))
        return names->extension;
    if (slice_is(name, "local"))
        return parts.local;
    if (slice_is(name, "domain"))
        return parts.domain;
    /* It stands between user and extension, so without an extension it is nothing. */
    if (slice_is(name, "recipient_delimiter") && names->extension.length > 0)
        return slice_part(names->recipient_delimiter, 0, 1);
    return (struct slice){ "", 0 };
}

static bool is_name_byte(char c)
{
    return byte_is_alnum(c) || c == '_';
}

static struct slice take_name(struct slice *text)
{
    size_t length = 0;

    while (length < text->length && is_name_byte(text->data[length]))
        length++;

    struct slice name = slice_part(*text, 0, length);

    *text = slice_from(*text, length);
    return name;
}

/* Up to the brace that closes what the caller opened. */
static struct slice take_braced(struct slice *text, char open, char close)
{
    int depth = 1;
    size_t i = 0;

    for (; i < text->length; i++) {
        depth += (text->data[i] == open) - (text->data[i] == close);
        if (depth == 0)
            break;
    }

    struct slice inside = slice_part(*text, 0, i);

    *text = slice_from(*text, i + 1);
    return inside;
}

static void expand_braced(struct slice inside, const struct forward_names *names,
                          struct str *output)
{
    struct slice value = value_of(take_name(&inside), names);

    if (slice_starts(inside, "?")) {
        if (value.length > 0)
            forward_expand(slice_from(inside, 1), names, output);
    } else if (slice_starts(inside, ":")) {
        if (value.length == 0)
            forward_expand(slice_from(inside, 1), names, output);
    } else {
        str_add(output, value);
    }
}

void forward_expand(struct slice text, const struct forward_names *names, struct str *output)
{
    while (text.length > 0) {
        char c = text.data[0];

        text = slice_from(text, 1);
        if (c != '$') {
            str_byte(output, c);
        } else if (slice_starts(text, "{") || slice_starts(text, "(")) {
            char open = text.data[0];

            text = slice_from(text, 1);
            expand_braced(take_braced(&text, open, open == '{' ? '}' : ')'), names, output);
        } else {
            str_add(output, value_of(take_name(&text), names));
        }
    }
}

/* Only the user and root may say where the user's mail goes. */
static bool is_trusted(const char *path, const struct stat *status,
                       const struct identity *identity)
{
    struct stat home;

    if (status->st_uid != identity->uid && status->st_uid != 0) {
        log_warn("file %s has bad owner uid %d", path, (int)status->st_uid);
        return false;
    }
    if (status->st_mode & S_IWOTH) {
        log_warn("file %s is world writable", path);
        return false;
    }
    if (stat(identity->home, &home) == 0 && (home.st_mode & S_IWOTH)
        && !(home.st_mode & S_ISVTX)) {
        log_warn("file %s is ignored: its directory is world writable", path);
        return false;
    }
    return true;
}

static bool read_as_user(const char *path, const struct identity *identity, struct str *text)
{
    struct error error = ERROR_NONE;
    struct stat status;

    str_clear(text);
    if (text_file_read(path, text, &status, &error))
        return is_trusted(path, &status, identity);
    if (error.code != ENOENT && error.code != ENOTDIR && error.code != EACCES)
        log_warn("%s: %s", path, error.text);
    return false;
}

bool forward_file_find(const char *path, struct identities *identities,
                       const struct identity *identity, const struct forward_names *names,
                       struct str *text)
{
    struct slice rest = slice_of(path), member;
    AUTO_STR struct str name = STR_EMPTY, before = STR_EMPTY;
    struct error error = ERROR_NONE;
    bool found = false;

    if (!identity_become(identities, identity, &error)) {
        log_warn("%s", error.text);
        return false;
    }
    while (!found && config_list_next(&rest, false, &member)) {
        str_set(&before, str_slice(&name));
        str_clear(&name);
        forward_expand(member, names, &name);
        /* Without an extension the stock path names the same file twice. */
        found = name.length > 0 && strcmp(name.data, before.data) != 0
                && read_as_user(name.data, identity, text);
    }
    if (found)
        identity_return(identities);
    return found;
}
