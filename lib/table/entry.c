#include "table/entry.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"

/* Length of the key: up to white space that is neither quoted nor escaped; false when a
   quote is open. */
static bool measure_key(struct slice text, size_t *length)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < text.length; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length)
            i++;
        else if (text.data[i] == '"')
            quoted = !quoted;
        else if (byte_is_space(text.data[i]) && !quoted)
            break;
    }
    *length = i;
    return !quoted;
}

bool entry_parse(const struct source_line *line, const char *path, unsigned flags,
                 struct entry *entry)
{
    size_t length;

    if ((flags & ENTRY_UTF8) && !text_is_utf8(line->text)) {
        AUTO_STR struct str shown = STR_EMPTY;

        printable_text(&shown, line->text);
        log_warn("%s, line %d: non-UTF-8 input \"%s\" -- ignoring this line", path, line->number,
                 shown.data);
        return false;
    }
    if (!measure_key(line->text, &length)) {
        log_warn("%s, line %d: unbalanced '\"' in '%.*s' -- ignoring this line", path,
                 line->number, SLICE_ARGS(line->text));
        return false;
    }
    entry->key = slice_part(line->text, 0, length);
    entry->value = slice_trim(slice_from(line->text, length));
    if (!entry->value.length) {
        log_warn("%s, line %d: expected format: key whitespace value%s", path, line->number,
                 flags & ENTRY_TEXTHASH ? " -- ignoring this line" : "");
        return false;
    }
    if (slice_ends(entry->key, ":"))
        log_warn("%s, line %d: record is in \"key: value\" format; is this an alias file?", path,
                 line->number);
    return true;
}
