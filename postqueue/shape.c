#include "shape.h"

#include "address/address.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"

#include <ctype.h>
#include <stdlib.h>

enum { LEAST_NAME_WIDTH = 18, LEAST_COLUMN = 2, SECONDS_OF_MINUTE = 60 };

/* A domain, or ".parent", or the total. */
struct line {
    char *name;
    long children;          /* different names one level below */
    long total;
    long *counts;           /* by age */
};

struct shape {
    struct shape_settings settings;
    int64_t *limits;        /* in minutes; the last is not used */
    struct hash *lines;     /* by name */
    struct line total;
};

static void line_init(const struct shape *shape, struct line *line, char *name)
{
    line->name = name;
    line->counts = memory_new((size_t)shape->settings.buckets, sizeof(*line->counts));
}

struct shape *shape_new(const struct shape_settings *settings)
{
    struct shape *shape = memory_new(1, sizeof(*shape));

    shape->settings = *settings;
    shape->limits = memory_new((size_t)settings->buckets, sizeof(*shape->limits));
    for (int i = 0; i < settings->buckets; i++)
        shape->limits[i] = i == 0 ? settings->minutes
                                  : settings->linear ? shape->limits[i - 1] + settings->minutes
                                                     : 2 * shape->limits[i - 1];
    shape->lines = hash_new();
    line_init(shape, &shape->total, memory_copy("TOTAL"));
    return shape;
}

static void line_free(void *value)
{
    struct line *line = value;

    free(line->name);
    free(line->counts);
    free(line);
}

void shape_free(struct shape *shape)
{
    hash_free(shape->lines, line_free);
    free(shape->total.name);
    free(shape->total.counts);
    free(shape->limits);
    free(shape);
}

/* --- counting ------------------------------------------------------------------------------ */

static char *copy_name(struct slice name)
{
    char *copy = memory_new(name.length + 1, 1);

    memcpy(copy, name.data, name.length);
    return copy;
}

static struct line *need_line(struct shape *shape, struct slice name, bool *is_new)
{
    struct line *line = hash_get(shape->lines, name);

    *is_new = !line;
    if (line)
        return line;
    line = memory_new(1, sizeof(*line));
    line_init(shape, line, copy_name(name));
    hash_set(shape->lines, name, line);
    return line;
}

static void count(struct line *line, int bucket)
{
    line->total++;
    line->counts[bucket]++;
}

static int find_bucket(const struct shape *shape, int64_t age_seconds)
{
    int bucket = 0;

    while (bucket < shape->settings.buckets - 1 &&
           age_seconds >= shape->limits[bucket] * SECONDS_OF_MINUTE)
        bucket++;
    return bucket;
}

/* ".b.c" for "a.b.c" and for ".a.b.c"; false when what is left is a top level domain. */
static bool find_parent(struct slice *name)
{
    struct slice rest = slice_starts(*name, ".") ? slice_from(*name, 1) : *name;
    size_t dot = slice_find(rest, '.');
    struct slice parent = slice_from(rest, dot);

    if (dot == rest.length || slice_find(slice_from(parent, 1), '.') == parent.length - 1)
        return false;
    *name = parent;
    return true;
}

/* Each domain counts for all its parents, and a name that is new for the one above it. */
static void count_parents(struct shape *shape, struct slice name, bool is_new, int bucket)
{
    while (find_parent(&name)) {
        bool parent_is_new;
        struct line *parent = need_line(shape, name, &parent_is_new);

        parent->children += is_new;
        is_new = parent_is_new;
        count(parent, bucket);
    }
}

void shape_add(struct shape *shape, struct slice address, int64_t age_seconds)
{
    struct address_parts parts = address_split(address);
    struct slice domain = parts.has_domain ? parts.domain : address;
    AUTO_STR struct str lower = STR_EMPTY;
    int bucket = find_bucket(shape, age_seconds);
    bool is_new;

    if (address.length == 0) {
        str_text(&lower, "MAILER-DAEMON");
    } else {
        str_add(&lower, domain);
        for (size_t i = 0; i < lower.length; i++)
            lower.data[i] = (char)tolower((unsigned char)lower.data[i]);
    }
    count(&shape->total, bucket);
    count(need_line(shape, str_slice(&lower), &is_new), bucket);
    if (shape->settings.parents && !slice_starts(str_slice(&lower), "["))
        count_parents(shape, str_slice(&lower), is_new, bucket);
}

/* --- printing ------------------------------------------------------------------------------ */

static bool is_shown(const struct shape *shape, const struct line *line)
{
    return line->name[0] != '.' || line->children >= shape->settings.least_children;
}

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = *(const struct line *const *)left;
    const struct line *b = *(const struct line *const *)right;
    size_t a_length = strlen(a->name), b_length = strlen(b->name);

    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* What stands above a column: where its ages end. */
static void write_label(const struct shape *shape, int bucket, struct str *label)
{
    int last = shape->settings.buckets - 1;

    str_clear(label);
    if (bucket < last)
        str_format(label, "%lld", (long long)shape->limits[bucket]);
    else
        str_format(label, "%lld+", last == 0 ? 0LL : (long long)shape->limits[last - 1]);
}

static int digits_of(long number)
{
    int width = snprintf(NULL, 0, "%ld", number);

    return width > LEAST_COLUMN ? width : LEAST_COLUMN;
}

/* As wide as what stands above it, and the total. */
static int column_width(const struct shape *shape, int bucket)
{
    AUTO_STR struct str label = STR_EMPTY;
    int width = digits_of(shape->total.counts[bucket]);

    write_label(shape, bucket, &label);
    return (int)label.length > width ? (int)label.length : width;
}

static int name_width(const struct shape *shape)
{
    int width = shape->settings.width - 1 - digits_of(shape->total.total);

    for (int i = 0; i < shape->settings.buckets; i++)
        width -= 1 + column_width(shape, i);
    return width > LEAST_NAME_WIDTH ? width : LEAST_NAME_WIDTH;
}

/* A name that is too long loses its beginning. */
static void print_name(const char *name, int width, FILE *output)
{
    const char *mark = name[0] == '.' ? ".+" : "+";
    size_t length = strlen(name), room = (size_t)width - strlen(mark);

    if (length <= (size_t)width)
        fprintf(output, "%*s", width, name);
    else
        fprintf(output, "%s%s", mark, name + length - room);
}

static void print_line(const struct shape *shape, const struct line *line, int width,
                       FILE *output)
{
    print_name(line->name, width, output);
    fprintf(output, " %*ld", digits_of(shape->total.total), line->total);
    for (int i = 0; i < shape->settings.buckets; i++)
        fprintf(output, " %*ld", column_width(shape, i), line->counts[i]);
    putc('\n', output);
}

static void print_heading(const struct shape *shape, int width, FILE *output)
{
    AUTO_STR struct str label = STR_EMPTY;

    fprintf(output, "%*s %*s", width, "", digits_of(shape->total.total), "T");
    for (int i = 0; i < shape->settings.buckets; i++) {
        write_label(shape, i, &label);
        fprintf(output, " %*s", column_width(shape, i), label.data);
    }
    putc('\n', output);
    print_line(shape, &shape->total, width, output);
}

void shape_print(const struct shape *shape, size_t limit, FILE *output)
{
    struct { const struct line **items; size_t count, capacity; } shown = { NULL, 0, 0 };
    size_t position = 0;
    struct hash_entry *entry;
    int width = name_width(shape);

    while ((entry = hash_next(shape->lines, &position)) != NULL)
        if (is_shown(shape, entry->value))
            VECTOR_PUSH(&shown, entry->value);
    if (shown.count > 0)
        qsort(shown.items, shown.count, sizeof(*shown.items), compare_lines);
    print_heading(shape, width, output);
    /* The heading counts as one. */
    for (size_t i = 0; i < shown.count && (limit == 0 || i + 1 < limit); i++)
        print_line(shape, shown.items[i], width, output);
    VECTOR_FREE(&shown);
}
