#include "address/token.h"

#include "address/external.h"
#include "base/vector.h"

#include <stdlib.h>

static const char operators[] = ",;:<>@.%!)]";

static bool is_operator(char c)
{
    return c && strchr(operators, c);
}

static bool ends_atom(char c)
{
    return byte_is_space(c) || is_operator(c) || c == '"' || c == '(' || c == '[';
}

/* Length of the atom at the front, which may hold backslashes. */
static size_t read_atom(struct slice text, struct str *output)
{
    size_t i = 0;

    while (i < text.length && !ends_atom(text.data[i])) {
        if (text.data[i] == '\\') {
            if (++i == text.length)
                break;
        }
        str_byte(output, external_quoted_byte(text.data[i++]));
    }
    return i;
}

static void read_quoted(struct slice piece, bool closed, struct str *output)
{
    struct slice inside = slice_part(piece, 1, piece.length - (closed ? 2 : 1));

    for (size_t i = 0; i < inside.length; i++) {
        if (inside.data[i] == '\\' && ++i == inside.length)
            break;
        str_byte(output, external_quoted_byte(inside.data[i]));
    }
}

static size_t read_token(struct slice text, struct token *token, struct str *output)
{
    bool closed;
    char c = text.data[0];

    token->kind = c;
    if (is_operator(c))
        return 1;
    if (c != '"' && c != '(' && c != '[') {
        token->kind = TOKEN_ATOM;
        return read_atom(text, output);
    }

    struct slice piece = slice_part(text, 0, external_piece(text, &closed));

    if (c == '"')
        read_quoted(piece, closed, output);
    else if (c == '[')
        external_unquote_literal(output, piece, closed);
    else
        str_add(output, piece);
    return piece.length;
}

void tokens_read(struct tokens *tokens, struct slice text, size_t limit)
{
    for (;;) {
        struct token token = { .offset = tokens->text.length };

        text = slice_trim_start(text);
        if (!text.length || tokens->count == limit)
            return;
        text = slice_from(text, read_token(text, &token, &tokens->text));
        token.length = tokens->text.length - token.offset;
        VECTOR_PUSH(tokens, token);
    }
}

void tokens_free(struct tokens *tokens)
{
    free(tokens->items);
    str_free(&tokens->text);
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 127;
}

static bool needs_quotes(struct slice text)
{
    if (!text.length)
        return true;
    for (size_t i = 0; i < text.length; i++)
        if (ends_atom(text.data[i]) || text.data[i] == '\\' || is_control(text.data[i]))
            return true;
    return false;
}

static void write_escaped(struct str *output, struct slice text, const char *escaped)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] && strchr(escaped, text.data[i]))
            str_byte(output, '\\');
        str_byte(output, text.data[i]);
    }
}

static void write_quoted(struct str *output, struct slice text)
{
    str_byte(output, '"');
    write_escaped(output, text, "\"\\");
    str_byte(output, '"');
}

static struct slice text_of(const struct tokens *tokens, const struct token *token)
{
    return slice_part(str_slice(&tokens->text), token->offset, token->length);
}

static void write_token(const struct tokens *tokens, const struct token *token,
                        struct str *output)
{
    struct slice text = text_of(tokens, token);

    if (token->kind == TOKEN_QUOTED || (token->kind == TOKEN_ATOM && needs_quotes(text)))
        write_quoted(output, text);
    else if (token->kind == TOKEN_LITERAL)
        write_escaped(output, text, "\\");
    else if (token_is_word(token->kind) || token->kind == TOKEN_COMMENT)
        str_add(output, text);
    else
        str_text(output, token->kind == ',' ? ", " : (char[]){ token->kind, '\0' });
}

void tokens_write_address(const struct tokens *tokens, size_t first, size_t end,
                          struct str *output)
{
    for (size_t i = first; i < end; i++)
        if (tokens->items[i].kind != TOKEN_COMMENT)
            write_token(tokens, &tokens->items[i], output);
}

bool tokens_have_address(const struct tokens *tokens, size_t first, size_t end)
{
    while (first < end && tokens->items[first].kind == TOKEN_COMMENT)
        first++;
    return first < end;
}

void tokens_write_internal(const struct tokens *tokens, size_t first, size_t end,
                           struct str *output)
{
    for (size_t i = first; i < end; i++) {
        const struct token *token = &tokens->items[i];

        if (token_is_word(token->kind))
            str_add(output, text_of(tokens, token));
        else if (token->kind != TOKEN_COMMENT)
            str_byte(output, token->kind);
    }
}

void tokens_write_phrase(const struct tokens *tokens, size_t first, size_t end,
                         struct str *output)
{
    bool after_word = false;

    for (size_t i = first; i < end; i++) {
        const struct token *token = &tokens->items[i];
        bool word = token_is_word(token->kind) || token->kind == TOKEN_COMMENT;

        if ((after_word && word) || (token->kind == '<' && i > first))
            str_byte(output, ' ');
        write_token(tokens, token, output);
        after_word = word;
    }
}

void tokens_write_comments(const struct tokens *tokens, size_t first, size_t end,
                           const char *separator, struct str *output)
{
    for (size_t i = first; i < end; i++) {
        if (tokens->items[i].kind != TOKEN_COMMENT)
            continue;
        str_text(output, separator);
        write_token(tokens, &tokens->items[i], output);
    }
}
