#include "table/pattern.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "table/rules.h"
#include "table/substitute.h"

#include <stdio.h>

struct expression {
    void *compiled;
    size_t groups;      /* the highest $number of the result */
};

struct pattern_table {
    struct rules rules;
    const struct pattern_engine *engine;
};

struct builder {
    struct pattern_table *patterns;
    const struct pattern_engine *engine;
    const char *name;
    int line;
    bool no_substitution;
};

static bool skip(const struct builder *builder, const char *reason)
{
    log_warn("%s map %s, line %d: %s: skipping this rule", builder->engine->name, builder->name,
             builder->line, reason);
    return false;
}

static void note(const struct builder *builder, const char *text)
{
    log_warn("%s map %s, line %d: %s", builder->engine->name, builder->name, builder->line, text);
}

/* "/expression/" off the front; a backslash keeps the delimiter behind it. */
static bool take_expression(const struct builder *builder, struct slice *rest, struct str *text)
{
    char delimiter = rest->data[0];
    size_t i = 1;

    for (; i < rest->length; i++) {
        if (rest->data[i] == '\\' && i + 1 < rest->length) {
            if (rest->data[i + 1] != delimiter)
                str_byte(text, '\\');
            i++;
        } else if (rest->data[i] == delimiter) {
            break;
        }
        str_byte(text, rest->data[i]);
    }
    if (i == rest->length) {
        log_warn("%s map %s, line %d: no closing regexp delimiter \"%c\": %s",
                 builder->engine->name, builder->name, builder->line, delimiter,
                 builder->engine->words_for_ignored);
        return false;
    }
    *rest = slice_from(*rest, i + 1);
    return true;
}

static bool take_options(const struct builder *builder, struct slice *rest, unsigned *options)
{
    const struct pattern_engine *engine = builder->engine;

    *options = engine->start_options;
    while (rest->length && !byte_is_space(rest->data[0]) && rest->data[0] != '!') {
        char letter = rest->data[0];

        if (engine->is_obsolete && engine->is_obsolete(letter)) {
            log_warn("%s map %s, line %d: ignoring obsolete regexp option \"%c\"", engine->name,
                     builder->name, builder->line, letter);
        } else if (!engine->set_option(letter, options)) {
            log_warn("%s map %s, line %d: unknown regexp option \"%c\": skipping this rule",
                     engine->name, builder->name, builder->line, letter);
            return false;
        }
        *rest = slice_from(*rest, 1);
    }
    return true;
}

/* Take "!/expression/flags" off; the expression is compiled later, when all else is known. */
static bool take_pattern(const struct builder *builder, struct slice *rest, struct rule *rule,
                         struct str *text, unsigned *options)
{
    while (slice_starts(*rest, "!")) {
        rule->negated = !rule->negated;
        *rest = slice_trim_start(slice_from(*rest, 1));
    }
    if (!rest->length)
        return skip(builder, "no regexp");
    if (!take_expression(builder, rest, text) || !take_options(builder, rest, options))
        return false;
    *rest = slice_trim_start(*rest);
    return true;
}

static bool compile(const struct builder *builder, struct rule *rule, const char *text,
                    unsigned options, size_t highest)
{
    struct error error = ERROR_NONE;
    size_t groups = 0;
    void *compiled = builder->engine->compile(text, options, &groups, &error);

    if (!compiled) {
        note(builder, error.text);
        return false;
    }
    if (highest > groups) {
        log_warn("%s map %s, line %d: out of range replacement index \"%zu\": skipping this rule",
                 builder->engine->name, builder->name, builder->line, highest);
        builder->engine->free(compiled);
        return false;
    }

    struct expression *expression = memory_new(1, sizeof(*expression));

    *expression = (struct expression){ compiled, highest };
    rule->pattern = expression;
    return true;
}

static void free_expression(const struct pattern_engine *engine, struct expression *expression)
{
    engine->free(expression->compiled);
    free(expression);
}

static void add_if(struct builder *builder, struct slice rest)
{
    struct rule rule = { .line = builder->line, .is_if = true };
    AUTO_STR struct str text = STR_EMPTY;
    unsigned options;

    if (!take_pattern(builder, &rest, &rule, &text, &options))
        return;
    if (rest.length) {
        log_warn("%s map %s, line %d: ignoring extra text after IF statement: \"%.*s\"",
                 builder->engine->name, builder->name, builder->line, SLICE_ARGS(rest));
        note(builder, "do not prepend whitespace to statements between IF and ENDIF");
    }
    if (compile(builder, &rule, text.data, options, 0)
        && !rules_begin_if(&builder->patterns->rules, &rule)) {
        free_expression(builder->engine, rule.pattern);
        skip(builder, "too many nested IF statements");
    }
}

static void add_endif(struct builder *builder, struct slice rest)
{
    if (!rules_end_if(&builder->patterns->rules))
        note(builder, "ignoring ENDIF without matching IF");
    else if (rest.length)
        log_warn("%s map %s, line %d: ignoring extra text after ENDIF", builder->engine->name,
                 builder->name, builder->line);
}

/* The result's $numbers, when they are allowed here. */
static bool check_result(const struct builder *builder, const struct rule *rule,
                         struct slice result, size_t *highest)
{
    AUTO_STR struct str where = STR_EMPTY;

    str_format(&where, "%s map %s, line %d", builder->engine->name, builder->name, builder->line);
    if (!substitute_check(result, where.data, builder->engine->range_words, highest))
        return skip(builder, "bad replacement syntax");
    if (*highest && rule->negated)
        return skip(builder, "$number found in negative match replacement text");
    if (*highest && builder->no_substitution)
        return skip(builder, "regular expression substitution is not allowed");
    return true;
}

static void add_rule(struct builder *builder, struct slice rest)
{
    struct rule rule = { .line = builder->line };
    AUTO_STR struct str text = STR_EMPTY;
    unsigned options;
    size_t highest;

    if (!take_pattern(builder, &rest, &rule, &text, &options))
        return;
    if (!rest.length)
        note(builder, "no replacement text: using empty string");
    if (!check_result(builder, &rule, rest, &highest)
        || !compile(builder, &rule, text.data, options, highest))
        return;
    rule.result = memory_text(rest.data, rest.length);
    VECTOR_PUSH(&builder->patterns->rules, rule);
}

static void add_line(struct builder *builder, const struct source_line *line)
{
    size_t length = 0;

    while (length < line->text.length && byte_is_alnum(line->text.data[length]))
        length++;

    struct slice word = slice_part(line->text, 0, length);
    struct slice rest = slice_trim_start(slice_from(line->text, length));

    builder->line = line->number;
    if (!word.length)
        add_rule(builder, line->text);
    else if (slice_is_nocase(word, "if"))
        add_if(builder, rest);
    else if (slice_is_nocase(word, "endif"))
        add_endif(builder, rest);
    else
        note(builder, "ignoring unrecognized request");
}

bool pattern_open(struct table *table, const struct table_context *context, const char *name,
                  const struct pattern_engine *engine, struct error *error)
{
    struct source source = SOURCE_EMPTY;
    struct pattern_table *patterns = memory_new(1, sizeof(*patterns));
    struct builder builder = { patterns, engine, name, 0,
                               (table->flags & TABLE_NO_SUBSTITUTION) != 0 };

    patterns->engine = engine;
    table->data = patterns;
    if (!rules_read(&source, table, context, name, error)) {
        source_free(&source);
        return false;
    }
    for (size_t i = 0; i < source.count; i++)
        add_line(&builder, &source.items[i]);
    rules_finish(&patterns->rules, engine->name, name);
    source_free(&source);
    return true;
}

struct question {
    const struct pattern_engine *engine;
    struct slice text;
    struct pattern_group *groups;
    struct error *error;
    const char *name;
};

static int expression_matches(void *argument, const struct rule *rule)
{
    struct question *question = argument;
    const struct expression *expression = rule->pattern;
    int matched = question->engine->match(expression->compiled, question->text,
                                          expression->groups, question->groups, question->error);

    if (matched < 0)
        error_prefix(question->error, "%s, line %d", question->name, rule->line);
    return matched;
}

enum table_result pattern_get(struct table *table, struct slice key, struct str *value,
                              struct error *error)
{
    const struct pattern_table *patterns = table->data;
    struct pattern_group groups[PATTERN_GROUPS];
    struct question question = { patterns->engine, key, groups, error, table->type_name };
    bool trouble;
    const struct rule *rule = rules_find(&patterns->rules, expression_matches, &question, &trouble);

    if (trouble)
        return TABLE_TROUBLE;
    if (!rule)
        return TABLE_ABSENT;
    substitute(value, slice_of(rule->result), key, groups);
    return TABLE_FOUND;
}

void pattern_close(struct table *table)
{
    struct pattern_table *patterns = table->data;

    for (size_t i = 0; i < patterns->rules.count; i++) {
        free_expression(patterns->engine, patterns->rules.items[i].pattern);
        free(patterns->rules.items[i].result);
    }
    VECTOR_FREE(&patterns->rules);
    free(patterns);
}
