#include "base/test.h"
#include "message/mime.h"

static struct mime begun(void)
{
    static const struct config config = {
        .mime_nesting_limit = 3, .mime_boundary_length_limit = 20,
    };
    struct mime mime;

    mime_begin(&mime, &config);
    return mime;
}

TEST(a_boundary_begins_the_headers_of_a_part)
{
    struct mime mime = begun();

    CHECK_NUMBER(mime.place, MIME_PRIMARY);
    mime_content_type(&mime, slice_of(" multipart/mixed;\n\tcharset=x; boundary=\"a b\\\"c\""));
    mime_headers_end(&mime);
    CHECK_NUMBER(mime.place, MIME_BODY);
    CHECK(!mime_body_line(&mime, slice_of("--a b")));
    CHECK(mime_body_line(&mime, slice_of("--a b\"c")));
    CHECK_NUMBER(mime.place, MIME_PART_HEADERS);
    mime_headers_end(&mime);
    CHECK_NUMBER(mime.place, MIME_BODY);
    CHECK(mime_body_line(&mime, slice_of("--a b\"c--")));
    CHECK_NUMBER(mime.place, MIME_BODY);
    CHECK(!mime_body_line(&mime, slice_of("--a b\"c")));
    mime_end(&mime);
}

TEST(an_attached_message_begins_with_headers)
{
    struct mime mime = begun();

    mime_content_type(&mime, slice_of(" multipart/digest; boundary=x"));
    mime_headers_end(&mime);
    CHECK(mime_body_line(&mime, slice_of("--x")));
    mime_content_type(&mime, slice_of("message/RFC822"));
    mime_headers_end(&mime);
    CHECK_NUMBER(mime.place, MIME_NESTED);
    mime_headers_end(&mime);
    CHECK_NUMBER(mime.place, MIME_BODY);
    mime_end(&mime);
}

TEST(an_outer_boundary_ends_the_inner_part)
{
    struct mime mime = begun();

    mime_content_type(&mime, slice_of("multipart/mixed; boundary=out"));
    mime_content_type(&mime, slice_of("multipart/alternative; boundary=in"));
    mime_headers_end(&mime);
    CHECK_NUMBER(mime.depth, 2);
    CHECK(mime_body_line(&mime, slice_of("--out")));
    CHECK_NUMBER(mime.depth, 1);
    CHECK(!mime_body_line(&mime, slice_of("--in")));
    mime_end(&mime);
}

TEST(nesting_and_boundaries_have_limits)
{
    struct mime mime = begun();

    for (int i = 0; i < 10; i++)
        mime_content_type(&mime, slice_of("multipart/mixed; boundary=x"));
    CHECK_NUMBER(mime.depth, 3);
    mime_end(&mime);
    mime = begun();
    mime_content_type(&mime, slice_of("multipart/mixed; boundary=012345678901234567890123"));
    mime_headers_end(&mime);
    CHECK(mime_body_line(&mime, slice_of("--01234567890123456789")));
    mime_end(&mime);
    mime = begun();
    mime_content_type(&mime, slice_of("multipart/mixed; boundary=\"unclosed"));
    mime_content_type(&mime, slice_of("multipart/mixed"));
    mime_content_type(&mime, slice_of(""));
    CHECK_NUMBER(mime.depth, 1);
    mime_end(&mime);
}

TEST(a_boundary_is_found_between_comments_and_quotes)
{
    static const struct { const char *type, *line; bool found; } cases[] = {
        { "(c) multipart/mixed (d); boundary(e)=x", "--x", true },
        { "multipart / mixed; boundary = x", "--x", true },
        { "multipart/mixed; x=\"a;boundary=z\"; boundary=x", "--x", true },
        { "multipart/mixed; x=\"a;boundary=z\"; boundary=x", "--z", false },
        { "multipart/mixed; boundary=\"x y\"", "--x y", true },
        { "multipart/mixed; boundary=\"x", "--x", true },
        { "multipart/mixed", "--", false },
        { "text/plain; boundary=x", "--x", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config config = { .mime_nesting_limit = 3, .mime_boundary_length_limit = 99 };
        struct mime mime;

        mime_begin(&mime, &config);
        mime_content_type(&mime, slice_of(cases[i].type));
        mime_headers_end(&mime);
        CHECK(mime_body_line(&mime, slice_of(cases[i].line)) == cases[i].found);
        mime_end(&mime);
    }
}
