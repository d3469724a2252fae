/* cidr: tables (cidr_table(5)). */
#include "table/rules.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "table/network.h"

struct builder {
    struct rules *rules;
    const char *name;
    int line;
};

static bool skip(const struct builder *builder, const char *reason)
{
    log_warn("cidr map %s, line %d: %s: skipping this rule", builder->name, builder->line, reason);
    return false;
}

static bool skip_text(const struct builder *builder, const char *format, struct slice text)
{
    struct error error;

    error_set(&error, "%s \"%.*s\"", format, SLICE_ARGS(text));
    return skip(builder, error.text);
}

/* "[1.2.3.0]/24" and "[1.2.3.0/24]" without their brackets. */
static bool strip_brackets(const struct builder *builder, struct slice pattern, struct str *plain)
{
    size_t close = slice_find(pattern, ']');

    if (!slice_starts(pattern, "[")) {
        str_add(plain, pattern);
        return true;
    }
    if (close == pattern.length)
        return skip_text(builder, "missing ']' character after", pattern);

    struct slice behind = slice_from(pattern, close + 1);

    if (behind.length && behind.data[0] != '/')
        return skip_text(builder, "garbage after", slice_part(pattern, 0, close + 1));
    str_add(plain, slice_part(pattern, 1, close - 1));
    str_add(plain, behind);
    return true;
}

static bool parse_pattern(const struct builder *builder, struct slice pattern, struct rule *rule)
{
    AUTO_STR struct str plain = STR_EMPTY;
    struct network network;
    struct error error = ERROR_NONE;

    if (!strip_brackets(builder, pattern, &plain))
        return false;
    if (!network_parse(str_slice(&plain), &network, &error))
        return skip(builder, error.text);
    rule->pattern = memory_new(1, sizeof(network));
    memcpy(rule->pattern, &network, sizeof(network));
    return true;
}

/* Take the !s off; an even number of them cancels out. */
static bool take_negation(struct slice *text)
{
    bool negated = false;

    while (slice_starts(*text, "!")) {
        negated = !negated;
        *text = slice_trim_start(slice_from(*text, 1));
    }
    return negated;
}

static void add_if(struct builder *builder, struct slice pattern)
{
    struct rule rule = { .line = builder->line, .is_if = true };

    rule.negated = take_negation(&pattern);
    if (!pattern.length)
        skip(builder, "no address pattern");
    else if (parse_pattern(builder, pattern, &rule) && !rules_begin_if(builder->rules, &rule)) {
        free(rule.pattern);
        skip(builder, "too many nested IF statements");
    }
}

static void add_endif(struct builder *builder, struct slice rest)
{
    if (rest.length)
        skip(builder, "garbage after ENDIF");
    else if (!rules_end_if(builder->rules))
        skip(builder, "ENDIF without IF");
}

static void add_rule(struct builder *builder, struct slice text)
{
    struct rule rule = { .line = builder->line };

    rule.negated = take_negation(&text);

    struct slice pattern = slice_take_word(&text);
    struct slice result = slice_trim_start(text);

    if (!pattern.length)
        skip(builder, "no address pattern");
    else if (parse_pattern(builder, pattern, &rule) && !result.length) {
        free(rule.pattern);
        skip(builder, "no lookup result");
    } else if (rule.pattern) {
        rule.result = memory_text(result.data, result.length);
        VECTOR_PUSH(builder->rules, rule);
    }
}

static void add_line(struct builder *builder, const struct source_line *line)
{
    struct slice rest = line->text, word = slice_take_word(&rest);

    rest = slice_trim_start(rest);
    builder->line = line->number;
    if (slice_is_nocase(word, "if"))
        add_if(builder, rest);
    else if (slice_is_nocase(word, "endif"))
        add_endif(builder, rest);
    else
        add_rule(builder, line->text);
}

static bool cidr_open(struct table *table, const struct table_context *context, const char *name,
                      struct error *error)
{
    struct source source = SOURCE_EMPTY;
    struct rules *rules = memory_new(1, sizeof(*rules));
    struct builder builder = { rules, name, 0 };

    table->data = rules;
    if (!rules_read(&source, table, context, name, error)) {
        source_free(&source);
        return false;
    }
    for (size_t i = 0; i < source.count; i++)
        add_line(&builder, &source.items[i]);
    rules_finish(rules, "cidr", name);
    source_free(&source);
    return true;
}

/* An address of the other family is neither within nor, for a negated rule, outside. */
static int network_matches(void *argument, const struct rule *rule)
{
    const struct network *network = rule->pattern;
    const struct network_address *address = argument;

    if (network->address.family != address->family)
        return rule->negated;
    return network_has(network, address);
}

static enum table_result cidr_get(struct table *table, struct slice key, struct str *value,
                                  UNUSED struct error *error)
{
    struct network_address address;
    bool trouble;

    if (!network_address_parse(key, &address))
        return TABLE_ABSENT;

    const struct rule *rule = rules_find(table->data, network_matches, &address, &trouble);

    if (!rule)
        return TABLE_ABSENT;
    str_text(value, rule->result);
    return TABLE_FOUND;
}

static void cidr_close(struct table *table)
{
    rules_free(table->data, free);
    free(table->data);
}

const struct table_type table_type_cidr = {
    .name = "cidr", .pattern = true, .open = cidr_open, .get = cidr_get, .close = cidr_close,
};
