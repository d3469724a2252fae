#include "body.h"

#include "edit.h"

static enum body_result read_all(struct content *content, struct text *text, struct edit *edit,
                                 struct error *error)
{
    for (;;) {
        struct slice bytes;
        enum content_piece piece = content_next(content, &bytes, error);

        if (piece == CONTENT_BROKEN)
            return BODY_UNREADABLE;
        if (piece == CONTENT_END)
            return BODY_WRITTEN;
        if (edit)
            edit_add(edit, bytes, piece == CONTENT_LINE);
        else
            text_put(text, bytes, piece == CONTENT_LINE);
    }
}

static enum body_result write_edited(struct text *text, struct content *content,
                                     const struct body_settings *settings, struct error *error)
{
    struct edit *edit = edit_new(settings, text);
    enum body_result result = read_all(content, text, edit, error);

    if (result == BODY_WRITTEN && !edit_end(edit))
        result = BODY_UNMAPPED;
    edit_free(edit);
    return result;
}

enum body_result body_write(struct text *text, struct content *content,
                            const struct body_settings *settings, struct error *error)
{
    enum body_result result = edit_is_wanted(settings)
                                  ? write_edited(text, content, settings, error)
                                  : read_all(content, text, NULL, error);

    if (result != BODY_WRITTEN)
        return result;
    text_end(text);
    return stream_errno(text->stream) == 0 ? BODY_WRITTEN : BODY_REFUSED;
}
