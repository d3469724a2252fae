#include "base/scope.h"
#include "base/test.h"
#include "message/pass.h"
#include "message/quoted_printable.h"

/* What comes out: "h:" headers of the message, "p:" of parts, "n:" nested ones. */
static void note_header(void *argument, enum mime_place place, struct slice line)
{
    static const char marks[] = { [MIME_PRIMARY] = 'h', [MIME_PART_HEADERS] = 'p',
                                  [MIME_NESTED] = 'n' };

    str_format(argument, "%c:%.*s\n", marks[place], SLICE_ARGS(line));
}

static void note_end(void *argument, UNUSED enum mime_place place)
{
    str_text(argument, "end\n");
}

static void note_body(void *argument, struct slice bytes, bool ends)
{
    str_format(argument, "%.*s%s", SLICE_ARGS(bytes), ends ? "\n" : "");
}

static void check_pass(unsigned options, const char *message, const char *wanted)
{
    static const struct pass_hooks hooks = { note_header, note_end, note_body };
    static const struct config config = {
        .mime_nesting_limit = 10, .mime_boundary_length_limit = 100, .header_size_limit = 60,
    };
    struct slice rest = slice_of(message);
    AUTO_STR struct str got = STR_EMPTY;
    struct pass *pass = pass_new(&config, options, &hooks, &got);

    while (rest.length > 0) {
        size_t end = slice_find(rest, '\n');

        pass_add(pass, slice_part(rest, 0, end), end < rest.length);
        rest = slice_from(rest, end + 1);
    }
    pass_end(pass);
    pass_free(pass);
    CHECK_SLICE(str_slice(&got), wanted);
}

TEST(pass_gives_logical_headers_and_lines)
{
    check_pass(0, "A: b\n\tc\nD: e\n\nhi\n", "h:A: b\n\tc\nh:D: e\nend\n\nhi\n");
    check_pass(0, "A: b\nno header\n", "h:A: b\nend\n\nno header\n");
    check_pass(0, "A: b", "h:A: b\nend\n");
}

TEST(pass_drops_what_is_above_the_limit_of_a_header)
{
    check_pass(0, "A: 34567890123456789012345678901234567890123456789012345678901234567890\n\n",
               "h:A: 345678901234567890123456789012345678901234567890123456789\nend\n\n");
}

TEST(pass_tells_headers_of_parts_and_of_messages_from_bodies)
{
    check_pass(0, "Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n\nhi\n--b--\nend: x\n",
               "h:Content-Type: multipart/mixed; boundary=b\nend\n\n--b\np:X: y\nend\n\nhi\n"
               "--b--\nend: x\n");
    check_pass(0, "Content-Type: message/rfc822\n\nX: y\n\nZ: body\n",
               "h:Content-Type: message/rfc822\nend\n\nn:X: y\nend\n\nZ: body\n");
    check_pass(PASS_FLAT, "Content-Type: message/rfc822\n\nX: y\n",
               "h:Content-Type: message/rfc822\nend\n\nX: y\n");
}

TEST(a_part_of_a_digest_is_a_message)
{
    check_pass(0, "Content-Type: multipart/digest; boundary=b\n\n--b\n\nX: y\n\nhi\n--b--\n",
               "h:Content-Type: multipart/digest; boundary=b\nend\n\n--b\nend\n\nn:X: y\nend\n\n"
               "hi\n--b--\n");
}

TEST(pass_turns_8_bits_into_7_where_a_header_says_so)
{
    check_pass(PASS_DOWNGRADE, "Content-Transfer-Encoding: 8bit\n\n\xc3\xbc = \n",
               "h:Content-Transfer-Encoding: quoted-printable\nend\n\n=C3=BC =3D=20\n");
    check_pass(0, "Content-Transfer-Encoding: 8bit\n\n\xc3\xbc\n",
               "h:Content-Transfer-Encoding: 8bit\nend\n\n\xc3\xbc\n");
    check_pass(PASS_DOWNGRADE, "Content-Transfer-Encoding: 7bit\n\n\xc3\xbc\n",
               "h:Content-Transfer-Encoding: 7bit\nend\n\n\xc3\xbc\n");
}

TEST(pass_never_encodes_a_multipart_but_its_parts)
{
    check_pass(PASS_DOWNGRADE, "Content-Transfer-Encoding: binary\n"
               "content-type:multipart/mixed; boundary=b\n\n\xc3\xbc\n--b\n"
               "Content-Transfer-Encoding: (x) 8BIT\n\n\xc3\xbc\n--b--\n",
               "h:content-type:multipart/mixed; boundary=b\n"
               "h:Content-Transfer-Encoding: 7bit\nend\n\n\xc3\xbc\n--b\n"
               "p:Content-Transfer-Encoding: quoted-printable\nend\n\n=C3=BC\n--b--\n");
}

static void note_line(void *argument, struct slice line)
{
    str_format(argument, "%.*s|", SLICE_ARGS(line));
}

static void check_quoted(const char *line, const char *wanted)
{
    AUTO_STR struct str got = STR_EMPTY;
    struct quoted_printable encoder;

    quoted_printable_begin(&encoder, note_line, &got);
    quoted_printable_add(&encoder, slice_of(line), true);
    quoted_printable_end(&encoder);
    CHECK_SLICE(str_slice(&got), wanted);
}

TEST(quoted_printable_escapes_what_would_not_survive)
{
    check_quoted("", "|");
    check_quoted("a=b\t.", "a=3Db\t.|");
    check_quoted("a ", "a=20|");
    check_quoted("a\t", "a=09|");
    check_quoted("\x01\x7f\xff", "=01=7F=FF|");
}

TEST(quoted_printable_breaks_long_lines_softly)
{
    check_quoted("1234567890123456789012345678901234567890123456789012345678901234567890123",
                 "1234567890123456789012345678901234567890123456789012345678901234567890123|");
    check_quoted("12345678901234567890123456789012345678901234567890123456789012345678901234",
                 "1234567890123456789012345678901234567890123456789012345678901234567890123=|4|");
}
