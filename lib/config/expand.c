#include "config/expand.h"

#include "base/scope.h"
#include "config/condition.h"

/* A few names that refer to each other twice would otherwise grow without bound. */
enum { NESTING_LIMIT = 101, REFERENCE_LIMIT = 100000, OUTPUT_LIMIT = 16 << 20 };

struct expansion {
    const struct expand_names *names;
    struct error *error;
    int depth;
    int references;     /* names that were looked up */
    bool scan;          /* every branch is looked at, what a name stands for is not */
};

static bool expand_all(struct expansion *expansion, struct slice text, struct str *output);

static bool is_name_byte(char c)
{
    return byte_is_alnum(c) || c == '_';
}

static struct slice take_name(struct slice *rest)
{
    size_t length = 0;

    while (length < rest->length && is_name_byte(rest->data[length]))
        length++;

    struct slice name = slice_part(*rest, 0, length);

    *rest = slice_from(*rest, length);
    return name;
}

/* Says where the text was not understood: behind what was read last. */
static bool fail_at(const struct expansion *expansion, struct slice last, struct slice rest,
                    const char *what)
{
    return error_set(expansion->error, "%s at: \"...%.*s>>>%.*s\"", what, SLICE_ARGS(last),
                     SLICE_ARGS(rest));
}

/* The text of braces with the closing one, as Postfix shows what it has read. */
static struct slice with_brace(struct slice text)
{
    return (struct slice){ text.data, text.length + 1 };
}

/* Take "{text}" off the front; text keeps its blanks. */
static bool take_braced(struct slice *rest, struct slice *text)
{
    int depth = 0;

    for (size_t i = 0; i < rest->length; i++) {
        depth += (rest->data[i] == '{') - (rest->data[i] == '}');
        if (depth == 0) {
            if (i == 0)
                return false;
            *text = slice_part(*rest, 1, i - 1);
            *rest = slice_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool expand_name(struct expansion *expansion, struct slice name, struct str *output)
{
    AUTO_STR struct str value = STR_EMPTY;

    if (++expansion->references > REFERENCE_LIMIT || output->length > OUTPUT_LIMIT)
        return error_set(expansion->error, "expansion is too large: \"%.*s\"", SLICE_ARGS(name));

    enum expand_answer answer = expansion->names->get(expansion->names->argument, name, &value);

    if (answer == EXPAND_UNKNOWN || expansion->scan)
        return true;
    if (answer == EXPAND_FINAL) {
        str_add(output, str_slice(&value));
        return true;
    }
    if (expansion->depth >= NESTING_LIMIT)
        return error_set(expansion->error, "unreasonable macro call nesting: \"%.*s\"",
                         SLICE_ARGS(name));
    expansion->depth++;

    bool good = expand_all(expansion, str_slice(&value), output);

    expansion->depth--;
    return good;
}

/* Blanks in front of a brace mean nothing; elsewhere they belong to the text. */
static bool skip_to_brace(struct slice *rest)
{
    struct slice text = slice_trim_start(*rest);

    if (text.length == 0 || text.data[0] != '{')
        return false;
    *rest = text;
    return true;
}

/* The ":{text}" or ":text" behind "?{text}"; before is that first text. */
static bool take_other(struct expansion *expansion, struct slice before, struct slice rest,
                       struct slice *other)
{
    if (rest.data[0] != ':')
        return fail_at(expansion, with_brace(before), rest, "\":\" expected");
    rest = slice_from(rest, 1);
    if (!skip_to_brace(&rest)) {
        *other = rest;
        return true;
    }
    if (!take_braced(&rest, other))
        return fail_at(expansion, SLICE_LITERAL(":"), rest, "unbalanced {}");
    rest = slice_trim_start(rest);
    return rest.length == 0 ||
           fail_at(expansion, with_brace(*other), rest, "unexpected input");
}

/* The branch that counts; in a scan both do. */
static bool expand_branches(struct expansion *expansion, bool first_counts, struct slice first,
                            struct slice second, struct str *output)
{
    if ((first_counts || expansion->scan) && !expand_all(expansion, first, output))
        return false;
    return (first_counts && !expansion->scan) || expand_all(expansion, second, output);
}

/* What stands behind a condition: "?text", ":text", "?{text}", "?{text}:{text}", ":{text}". */
static bool expand_choice(struct expansion *expansion, struct slice rest, bool is_true,
                          struct str *output)
{
    bool wanted = rest.data[0] == '?';
    struct slice sign = slice_part(rest, 0, 1);
    struct slice chosen = SLICE_LITERAL(""), other = SLICE_LITERAL("");

    rest = slice_from(rest, 1);
    if (!skip_to_brace(&rest))
        return expand_branches(expansion, is_true == wanted, rest, other, output);
    if (!take_braced(&rest, &chosen))
        return fail_at(expansion, sign, rest, "unbalanced {}");
    rest = slice_trim_start(rest);
    if (rest.length > 0 && !wanted)
        return fail_at(expansion, with_brace(chosen), rest, "unexpected input");
    if (rest.length > 0 && !take_other(expansion, chosen, rest, &other))
        return false;
    return expand_branches(expansion, is_true == wanted, chosen, other, output);
}

static bool take_operand(struct expansion *expansion, struct slice last, struct slice *rest,
                         struct slice *text)
{
    *rest = slice_trim_start(*rest);
    return take_braced(rest, text) ||
           fail_at(expansion, last, *rest, "\"{expression}\" expected");
}

static bool compare(struct expansion *expansion, const struct condition *condition,
                    struct slice left, struct slice right, bool *is_true)
{
    AUTO_STR struct str left_value = STR_EMPTY, right_value = STR_EMPTY;

    *is_true = false;
    if (!expand_all(expansion, left, &left_value) || !expand_all(expansion, right, &right_value))
        return false;
    return expansion->scan ||
           condition_test(condition, str_slice(&left_value), str_slice(&right_value), is_true,
                          expansion->error);
}

/* ${{left} operator {right} ...}: rest begins at the first brace. */
static bool expand_comparison(struct expansion *expansion, struct slice rest,
                              struct str *output)
{
    AUTO_STR struct str read = STR_EMPTY;
    struct slice left, right, sign = SLICE_LITERAL("");
    struct condition condition;
    bool is_true;

    if (!take_operand(expansion, SLICE_LITERAL(""), &rest, &left))
        return false;
    rest = slice_trim_start(rest);

    const char *wrong = condition_parse(&rest, &sign, &condition);

    if (wrong)
        return fail_at(expansion, sign.length > 0 ? sign : with_brace(left), rest, wrong);
    str_format(&read, "{%.*s} %.*s", SLICE_ARGS(left), SLICE_ARGS(sign));
    if (!take_operand(expansion, str_slice(&read), &rest, &right) ||
        !compare(expansion, &condition, left, right, &is_true))
        return false;
    rest = slice_trim_start(rest);
    if (rest.length == 0) {
        str_text(output, is_true ? "true" : "");
        return true;
    }
    if (rest.data[0] != '?' && rest.data[0] != ':')
        return fail_at(expansion, with_brace(right), rest, "\"?\" or \":\" expected");
    return expand_choice(expansion, rest, is_true, output);
}

/* What stands between the braces of ${...}; whole is the text they are in, for messages. */
static bool expand_braces(struct expansion *expansion, struct slice whole, struct slice inside,
                          struct str *output)
{
    struct slice rest = slice_trim_start(inside);

    if (rest.length > 0 && rest.data[0] == '{')
        return expand_comparison(expansion, rest, output);
    if (inside.length == 0)
        return error_set(expansion->error, "empty macro name: \"%.*s\"", SLICE_ARGS(whole));

    struct slice name = take_name(&rest);
    struct slice behind = slice_trim_start(rest);

    if (behind.length == 0)
        return expand_name(expansion, name, output);
    if (behind.data[0] != '?' && behind.data[0] != ':')
        return fail_at(expansion, name, rest, "attribute name syntax error");

    AUTO_STR struct str value = STR_EMPTY;
    enum expand_answer answer = expansion->names->get(expansion->names->argument, name, &value);

    return expand_choice(expansion, behind,
                         answer != EXPAND_UNKNOWN && value.length > 0, output);
}

/* The length of "(...)" or "{...}" at the front, with both brackets; 0 when it has no end. */
static size_t bracket_length(struct slice text)
{
    char open = text.data[0], shut = open == '(' ? ')' : '}';
    int depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        depth += (text.data[i] == open) - (text.data[i] == shut);
        if (depth == 0)
            return i + 1;
    }
    return 0;
}

/* One reference; rest is behind its dollar. */
static bool expand_reference(struct expansion *expansion, struct slice whole,
                             struct slice *rest, struct str *output)
{
    char next = rest->length > 0 ? rest->data[0] : '\0';

    if (next == '$') {
        str_byte(output, '$');
        *rest = slice_from(*rest, 1);
        return true;
    }
    if (next == '{' || next == '(') {
        size_t length = bracket_length(*rest);

        if (length == 0)
            return error_set(expansion->error, "truncated macro reference: \"%.*s\"",
                             SLICE_ARGS(whole));

        struct slice inside = slice_part(*rest, 1, length - 2);

        *rest = slice_from(*rest, length);
        return expand_braces(expansion, whole, inside, output);
    }

    struct slice name = take_name(rest);

    if (name.length == 0)
        return error_set(expansion->error, "empty macro name: \"%.*s\"", SLICE_ARGS(whole));
    return expand_name(expansion, name, output);
}

static bool expand_all(struct expansion *expansion, struct slice text, struct str *output)
{
    struct slice rest = text;

    while (rest.length > 0) {
        size_t dollar = slice_find(rest, '$');

        str_add(output, slice_part(rest, 0, dollar));
        rest = slice_from(rest, dollar);
        if (rest.length == 0)
            return true;
        rest = slice_from(rest, 1);
        if (!expand_reference(expansion, text, &rest, output))
            return false;
    }
    return true;
}

bool expand_text(const struct expand_names *names, struct slice text, struct str *output,
                 struct error *error)
{
    struct expansion expansion = { names, error, 0, 0, false };

    return expand_all(&expansion, text, output);
}

bool expand_scan(const struct expand_names *names, struct slice text, struct error *error)
{
    struct expansion expansion = { names, error, 0, 0, true };
    AUTO_STR struct str ignored = STR_EMPTY;

    return expand_all(&expansion, text, &ignored);
}
