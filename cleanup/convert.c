#include "convert.h"

#include "content.h"

static void give_header(void *argument, UNUSED enum mime_place place, struct slice line)
{
    content_take(argument, line);
    content_take(argument, SLICE_LITERAL("\n"));
}

static void end_headers(UNUSED void *argument, UNUSED enum mime_place place)
{
}

static void give_body(void *argument, struct slice bytes, bool ends)
{
    content_take(argument, bytes);
    if (ends)
        content_take(argument, SLICE_LITERAL("\n"));
}

bool convert_wanted(const struct intake *intake)
{
    const struct config *config = intake->cleanup->config;

    return config->force_mime_input_conversion && !config->disable_mime_input_processing
           && intake->submission->flags & SUBMIT_FILTER;
}

void convert_begin(struct intake *intake)
{
    static const struct pass_hooks hooks = {
        .header = give_header, .headers_end = end_headers, .body = give_body,
    };

    intake->submission->envelope.encoding = "7bit";
    intake->pass = pass_new(intake->cleanup->config, PASS_DOWNGRADE, &hooks, intake);
}

void convert_add(struct intake *intake, struct slice content)
{
    while (content.length > 0) {
        size_t end = slice_find(content, '\n');

        pass_add(intake->pass, slice_part(content, 0, end), end < content.length);
        content = slice_from(content, end + 1);
    }
}

void convert_end(struct intake *intake)
{
    if (!intake->pass)
        return;
    pass_end(intake->pass);
    pass_free(intake->pass);
    intake->pass = NULL;
}
