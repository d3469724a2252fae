#include "request.h"

struct request request_parse(const char *text, bool with_value)
{
    struct slice rest = slice_of(text);
    struct slice pattern = with_value ? slice_take_until(&rest, "=") : rest;
    struct slice any = SLICE_LITERAL("*");
    struct request request = { any, any, any, 0, slice_trim(rest), false };
    struct slice *places[] = { &request.name, &request.type, &request.item };

    pattern = slice_trim(pattern);
    for (request.parts = 1; ; request.parts++) {
        size_t slash = slice_find(pattern, '/');

        /* What is left over may hold slashes only when a part too many was given. */
        if (request.parts <= 3)
            *places[request.parts - 1] = slice_part(pattern, 0, slash);
        if (slash == pattern.length)
            return request;
        pattern = slice_from(pattern, slash + 1);
    }
}

static bool matches(struct slice pattern, const char *text)
{
    return slice_is(pattern, "*") || slice_is(pattern, text);
}

bool request_matches_service(const struct request *request,
                             const struct master_service *service)
{
    return matches(request->name, service->fields[MASTER_NAME]) &&
           matches(request->type, service->fields[MASTER_TYPE]);
}

bool request_matches_item(const struct request *request, const char *item)
{
    return matches(request->item, item);
}
