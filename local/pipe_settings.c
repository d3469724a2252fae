#include "pipe_settings.h"

static const struct {
    char letter;
    enum pipe_flag flag;
} letters[] = {
    { 'B', PIPE_BLANK_LINE },  { 'D', PIPE_DELIVERED_TO }, { 'F', PIPE_FROM_LINE },
    { 'O', PIPE_ORIGINAL_TO }, { 'R', PIPE_RETURN_PATH },  { 'X', PIPE_FINAL },
    { 'h', PIPE_FOLD_DOMAIN }, { 'q', PIPE_QUOTE },        { 'u', PIPE_FOLD_USER },
    { '.', PIPE_DOT },         { '>', PIPE_QUOTE_FROM },
};

static bool read_flags(const char *text, struct pipe_settings *settings, struct error *error)
{
    for (; *text; text++) {
        unsigned flag = 0;

        for (size_t i = 0; i < COUNT(letters); i++)
            if (letters[i].letter == *text)
                flag = letters[i].flag;
        if (flag == 0)
            return error_set(error, "unknown flag: %c (ignored)", *text);
        settings->flags |= flag;
    }
    return true;
}

static bool read_account(const struct config *config, const char *text,
                         struct pipe_settings *settings, struct error *error)
{
    static const char where[] = "user= command-line attribute specifies";
    const struct account *account = &settings->account;
    unsigned long group;
    enum account_result result = account_find(config, slice_of(text), &settings->account);

    group = account->gid;
    switch (result) {
    case ACCOUNT_FOUND:
        return true;
    case ACCOUNT_NO_USER:
        return error_set(error, "get_service_attr: unknown username: %s", account->user);
    case ACCOUNT_NO_GROUP:
        return error_set(error, "get_service_attr: unknown group: %s", account->group);
    case ACCOUNT_ROOT:
        return error_set(error, "%s root privileges", where);
    case ACCOUNT_OWNER:
        return error_set(error, "%s mail system owner %s", where, config->mail_owner);
    case ACCOUNT_ROOT_GROUP:
        return error_set(error, "%s privileged group id %lu", where, group);
    case ACCOUNT_OWNER_GROUP:
        return error_set(error, "%s mail system owner %s group id %lu", where,
                         config->mail_owner, group);
    case ACCOUNT_SETGID_GROUP:
        return error_set(error, "%s mail system %s group id %lu", where, config->setgid_group,
                         group);
    }
    return false;
}

/* Up to three octal digits at *text. */
static char take_octal(const char **text)
{
    unsigned value = 0;

    for (int i = 0; i < 3 && **text >= '0' && **text <= '7'; i++)
        value = value * 8 + (unsigned)(*(*text)++ - '0');
    return (char)value;
}

/* \a \b \f \n \r \t \v \ddd \\ as in C; another escaped byte is itself. */
static void unescape(const char *text, struct str *output)
{
    static const char names[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";

    while (*text) {
        char c = *text++;

        if (c != '\\' || !*text) {
            str_byte(output, c);
        } else if (*text >= '0' && *text <= '7') {
            str_byte(output, take_octal(&text));
        } else {
            const char *known = strchr(names, *text);

            str_byte(output, known ? bytes[known - names] : *text);
            text++;
        }
    }
}

static bool read_size(const char *text, struct pipe_settings *settings, struct error *error)
{
    uint64_t size;

    if (!slice_number(slice_of(text), INT64_MAX, &size))
        return error_set(error, "get_service_attr: bad size= value: %s", text);
    settings->size_limit = (int64_t)size;
    return true;
}

/* The text behind NAME=, or NULL. */
static const char *value_of(const char *word, const char *name)
{
    return slice_starts(slice_of(word), name) ? word + strlen(name) : NULL;
}

static bool read_word(const struct config *config, const char *word,
                      struct pipe_settings *settings, struct error *error)
{
    const char *value;

    if ((value = value_of(word, "flags=")))
        return read_flags(value, settings, error);
    if ((value = value_of(word, "user=")))
        return read_account(config, value, settings, error);
    if ((value = value_of(word, "size=")))
        return read_size(value, settings, error);
    if ((value = value_of(word, "directory=")))
        settings->directory = value;
    else if ((value = value_of(word, "chroot=")))
        settings->root = value;
    else if ((value = value_of(word, "null_sender=")))
        settings->null_sender = value;
    else if ((value = value_of(word, "eol="))) {
        str_clear(&settings->eol);
        unescape(value, &settings->eol);
    } else
        return error_set(error, "unknown attribute name: %s", word);
    return true;
}

bool pipe_settings_read(const struct config *config, char **words, int count,
                        struct pipe_settings *settings, struct error *error)
{
    *settings = (struct pipe_settings){ .null_sender = "MAILER-DAEMON", .eol = STR_EMPTY };
    str_byte(&settings->eol, '\n');
    for (int i = 0; i < count && !settings->arguments; i++) {
        const char *first = value_of(words[i], "argv=");

        if (first) {
            words[i] += strlen("argv=");
            settings->arguments = (const char *const *)words + i;
        } else if (!read_word(config, words[i], settings, error)) {
            return false;
        }
    }
    if (!settings->account.user)
        return error_set(error, "missing user= command-line attribute");
    if (!settings->arguments || !settings->arguments[0] || !*settings->arguments[0])
        return error_set(error, "missing argv= command-line attribute");
    return true;
}
