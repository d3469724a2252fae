#include "ipc/frame.h"

#include "base/memory.h"

#include <endian.h>

static void write_u32(struct str *output, uint32_t number)
{
    uint32_t wire = htobe32(number);

    str_bytes(output, &wire, sizeof(wire));
}

/* The length of what was written since start goes to where it was left open. */
static void fill_length(struct str *output, size_t start)
{
    uint32_t wire = htobe32((uint32_t)(output->length - start));

    memcpy(output->data + start - sizeof(wire), &wire, sizeof(wire));
}

static void write_fields(struct str *output, const struct field *fields, const char *message);

static void write_list(struct str *output, const struct field *field, const char *value)
{
    struct field_list list;

    memcpy(&list, value, sizeof(list));
    write_u32(output, 0);

    size_t start = output->length;

    write_u32(output, (uint32_t)list.count);
    for (size_t i = 0; i < list.count; i++)
        write_fields(output, field->item_fields, (const char *)list.items + i * field->item_size);
    fill_length(output, start);
}

static void write_slice(struct str *output, struct slice bytes)
{
    write_u32(output, (uint32_t)bytes.length);
    str_add(output, bytes);
}

static void write_field(struct str *output, const struct field *field, const char *value)
{
    const char *text;
    struct slice bytes;
    uint64_t number;

    str_byte(output, (char)field->type);
    switch (field->type) {
    case FIELD_TEXT:
        memcpy(&text, value, sizeof(text));
        write_slice(output, slice_of(text));
        break;
    case FIELD_NUMBER:
        memcpy(&number, value, sizeof(number));
        number = htobe64(number);
        str_bytes(output, &number, sizeof(number));
        break;
    case FIELD_BYTES:
        memcpy(&bytes, value, sizeof(bytes));
        write_slice(output, bytes);
        break;
    case FIELD_LIST:
        write_list(output, field, value);
        break;
    case FIELD_END:
        break;
    }
}

static void write_fields(struct str *output, const struct field *fields, const char *message)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++)
        write_field(output, field, message + field->offset);
}

void frame_write(struct str *output, const struct frame_type *type, const void *message)
{
    uint16_t kind = htobe16(type->kind);

    write_u32(output, 0);

    size_t start = output->length;

    str_bytes(output, &kind, sizeof(kind));
    write_fields(output, type->fields, message);
    fill_length(output, start);
}

uint16_t frame_kind(struct slice frame)
{
    uint16_t kind;

    if (frame.length < sizeof(kind))
        return 0;
    memcpy(&kind, frame.data, sizeof(kind));
    return be16toh(kind);
}

static bool read_bytes(struct slice *rest, size_t length, struct slice *bytes)
{
    if (rest->length < length)
        return false;
    *bytes = slice_part(*rest, 0, length);
    *rest = slice_from(*rest, length);
    return true;
}

static bool read_u32(struct slice *rest, uint32_t *number)
{
    struct slice wire;

    if (!read_bytes(rest, sizeof(*number), &wire))
        return false;
    memcpy(number, wire.data, sizeof(*number));
    *number = be32toh(*number);
    return true;
}

static bool read_number(struct slice *rest, char *value)
{
    struct slice wire;
    uint64_t number;

    if (!read_bytes(rest, sizeof(number), &wire))
        return false;
    memcpy(&number, wire.data, sizeof(number));
    number = be64toh(number);
    memcpy(value, &number, sizeof(number));
    return true;
}

static bool read_slice(struct slice *rest, struct slice *bytes)
{
    uint32_t length;

    return read_u32(rest, &length) && read_bytes(rest, length, bytes);
}

static bool read_text(struct slice *rest, struct arena *arena, char *value)
{
    struct slice bytes;

    if (!read_slice(rest, &bytes) || slice_find(bytes, '\0') != bytes.length)
        return false;

    const char *text = arena_text(arena, bytes);

    memcpy(value, &text, sizeof(text));
    return true;
}

static bool read_fields(struct slice *rest, const struct field *fields, struct arena *arena,
                        char *message, const char **wrong);

/* A field takes at least its type and a length, so a count that cannot be true is found. */
enum { SMALLEST_FIELD = 5 };

static bool read_list(struct slice *rest, const struct field *field, struct arena *arena,
                      char *value, const char **wrong)
{
    struct slice inner;
    uint32_t count;

    if (!read_slice(rest, &inner) || !read_u32(&inner, &count) ||
        count > inner.length / SMALLEST_FIELD)
        return false;

    struct field_list list = { NULL, count, count };

    if (count > 0)
        list.items = arena_take(arena, count * field->item_size);
    for (size_t i = 0; i < count; i++)
        if (!read_fields(&inner, field->item_fields, arena,
                         (char *)list.items + i * field->item_size, wrong))
            return false;
    memcpy(value, &list, sizeof(list));
    return inner.length == 0;
}

static bool read_field(struct slice *rest, const struct field *field, struct arena *arena,
                       char *value, const char **wrong)
{
    struct slice bytes;

    if (!read_bytes(rest, 1, &bytes) || bytes.data[0] != (char)field->type)
        return false;
    switch (field->type) {
    case FIELD_TEXT:
        return read_text(rest, arena, value);
    case FIELD_NUMBER:
        return read_number(rest, value);
    case FIELD_BYTES:
        if (!read_slice(rest, &bytes))
            return false;
        memcpy(value, &bytes, sizeof(bytes));
        return true;
    case FIELD_LIST:
        return read_list(rest, field, arena, value, wrong);
    case FIELD_END:
        break;
    }
    return false;
}

static bool read_fields(struct slice *rest, const struct field *fields, struct arena *arena,
                        char *message, const char **wrong)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++)
        if (!read_field(rest, field, arena, message + field->offset, wrong)) {
            if (!*wrong)
                *wrong = field->name;
            return false;
        }
    return true;
}

bool frame_read(struct slice frame, const struct frame_type *type, struct arena *arena,
                void *message, struct error *error)
{
    if (frame_kind(frame) != type->kind)
        return error_set(error, "a frame of kind %d where a %s was expected",
                         frame_kind(frame), type->name);

    struct slice rest = slice_from(frame, sizeof(uint16_t));
    const char *wrong = NULL;

    memset(message, 0, type->size);
    if (!read_fields(&rest, type->fields, arena, message, &wrong))
        return error_set(error, "a malformed %s: bad or missing field %s", type->name, wrong);
    if (rest.length > 0)
        return error_set(error, "a malformed %s: %zu bytes too many", type->name, rest.length);
    return true;
}
