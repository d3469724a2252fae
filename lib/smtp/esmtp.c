#include "smtp/esmtp.h"

#include "queue/envelope.h"

static const struct {
    const char *name;
    enum extension extension;
} extensions[] = {
    { "PIPELINING", EXTENSION_PIPELINING },
    { "SIZE", EXTENSION_SIZE },
    { "VRFY", EXTENSION_VRFY },
    { "ETRN", EXTENSION_ETRN },
    { "STARTTLS", EXTENSION_STARTTLS },
    { "AUTH", EXTENSION_AUTH },
    { "VERP", EXTENSION_XVERP },
    { "XCLIENT", EXTENSION_XCLIENT },
    { "XFORWARD", EXTENSION_XFORWARD },
    { "ENHANCEDSTATUSCODES", EXTENSION_ENHANCEDSTATUSCODES },
    { "8BITMIME", EXTENSION_8BITMIME },
    { "DSN", EXTENSION_DSN },
    { "SMTPUTF8", EXTENSION_SMTPUTF8 },
    { "CHUNKING", EXTENSION_CHUNKING },
    { "silent-discard", EXTENSION_SILENT },
};

unsigned extension_find(struct slice keyword)
{
    for (size_t i = 0; i < COUNT(extensions); i++)
        if (slice_is_nocase(keyword, extensions[i].name))
            return extensions[i].extension;
    return 0;
}

unsigned extension_list(struct slice list, void (*unknown)(void *argument, struct slice word),
                        void *argument)
{
    unsigned found = 0;
    struct slice word;

    while (slice_take_token(&list, ", \t\r\n", &word)) {
        unsigned extension = extension_find(word);

        if (!extension && unknown)
            unknown(argument, word);
        found |= extension;
    }
    return found;
}

bool parameter_is(struct slice word, const char *keyword, struct slice *value)
{
    size_t length = strlen(keyword);

    if (!slice_starts_nocase(word, keyword) || word.length <= length || word.data[length] != '=')
        return false;
    *value = slice_from(word, length + 1);
    return true;
}

static const struct {
    const char *name;
    int64_t bit;
} notifications[] = {
    { "NEVER", NOTIFY_NEVER },
    { "SUCCESS", NOTIFY_SUCCESS },
    { "FAILURE", NOTIFY_FAILURE },
    { "DELAY", NOTIFY_DELAY },
};

static int64_t find_notification(struct slice word)
{
    for (size_t i = 0; i < COUNT(notifications); i++)
        if (slice_is_nocase(word, notifications[i].name))
            return notifications[i].bit;
    return 0;
}

bool notify_parse(struct slice value, int64_t *notify)
{
    int64_t bits = 0;

    while (value.length) {
        int64_t bit = find_notification(slice_take_until(&value, ","));

        if (!bit || (bits & bit))
            return false;
        bits |= bit;
    }
    /* NEVER stands alone. */
    if (!bits || ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER))
        return false;
    *notify = bits;
    return true;
}

void notify_write(struct str *output, int64_t notify)
{
    const char *separator = "";

    for (size_t i = 0; i < COUNT(notifications); i++) {
        if (!(notify & notifications[i].bit))
            continue;
        str_text(output, separator);
        str_text(output, notifications[i].name);
        separator = ",";
    }
}
