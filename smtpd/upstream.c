#include "upstream.h"

#include "base/scope.h"
#include "facts.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define SIGNATURE SLICE_LITERAL("\r\n\r\n\0\r\nQUIT\n")

enum { HEADER_LIMIT = 536, V2_LENGTH = 16, ADDRESSES4 = 12, ADDRESSES6 = 36 };

/* --- Version 1: a line of text. --------------------------------------------------- */

static bool read_address(struct slice *rest, int family, struct sockaddr_storage *address)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    struct sockaddr_in *four = (struct sockaddr_in *)address;

    str_add(&text, slice_take_word(rest));
    address->ss_family = (sa_family_t)family;
    return inet_pton(family, text.data,
                     family == AF_INET6 ? (void *)&six->sin6_addr : (void *)&four->sin_addr) == 1;
}

static bool read_port(struct slice *rest, struct sockaddr_storage *address)
{
    uint64_t port;

    if (!slice_number(slice_take_word(rest), 65535, &port))
        return false;
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
    return true;
}

static const char *parse_line(struct slice rest, struct upstream_addresses *addresses)
{
    struct slice protocol = slice_take_word(&rest);
    int family = slice_is(protocol, "TCP6") ? AF_INET6 : AF_INET;

    if (family == AF_INET && !slice_is(protocol, "TCP4"))
        return "bad or missing protocol type";
    if (!read_address(&rest, family, &addresses->client))
        return "bad or missing client address";
    if (!read_address(&rest, family, &addresses->server))
        return "bad or missing server address";
    if (!read_port(&rest, &addresses->client))
        return "bad or missing client port";
    if (!read_port(&rest, &addresses->server))
        return "bad or missing server port";
    addresses->known = true;
    return NULL;
}

/* --- Version 2: bytes. ------------------------------------------------------------ */

static const char *take_addresses4(struct slice bytes, struct upstream_addresses *addresses)
{
    struct sockaddr_in client = { .sin_family = AF_INET }, server = client;

    if (bytes.length < ADDRESSES4)
        return "short address field";
    memcpy(&client.sin_addr, bytes.data, 4);
    memcpy(&server.sin_addr, bytes.data + 4, 4);
    memcpy(&client.sin_port, bytes.data + 8, 2);
    memcpy(&server.sin_port, bytes.data + 10, 2);
    memcpy(&addresses->client, &client, sizeof(client));
    memcpy(&addresses->server, &server, sizeof(server));
    addresses->known = true;
    return NULL;
}

static const char *take_addresses6(struct slice bytes, struct upstream_addresses *addresses)
{
    struct sockaddr_in6 client = { .sin6_family = AF_INET6 }, server = client;

    if (bytes.length < ADDRESSES6)
        return "short address field";
    memcpy(&client.sin6_addr, bytes.data, 16);
    memcpy(&server.sin6_addr, bytes.data + 16, 16);
    memcpy(&client.sin6_port, bytes.data + 32, 2);
    memcpy(&server.sin6_port, bytes.data + 34, 2);
    memcpy(&addresses->client, &client, sizeof(client));
    memcpy(&addresses->server, &server, sizeof(server));
    addresses->known = true;
    return NULL;
}

static size_t body_length(struct slice header)
{
    return (size_t)((unsigned char)header.data[14] << 8 | (unsigned char)header.data[15]);
}

static const char *parse_bytes(struct slice header, struct upstream_addresses *addresses)
{
    unsigned char word = header.length > SIGNATURE.length ? (unsigned char)header.data[12] : 0;
    unsigned version = word >> 4, command = word & 15;
    struct slice body = slice_from(header, V2_LENGTH);

    if (header.length < V2_LENGTH || body.length < body_length(header))
        return "short version 2 protocol header";
    if (version != 2)
        return "unrecognized protocol version";
    if (command > 1)
        return "bad command in proxy header";
    if (command == 0)   /* LOCAL: the proxy looks whether we are alive */
        return NULL;
    switch (header.data[13]) {
    case 0x11:
        return take_addresses4(body, addresses);
    case 0x21:
        return take_addresses6(body, addresses);
    default:
        return "unsupported network protocol";
    }
}

const char *upstream_parse(struct slice header, struct upstream_addresses *addresses)
{
    *addresses = (struct upstream_addresses){ 0 };
    if (header.length < SIGNATURE.length)
        return "short protocol header";
    if (slice_equal(slice_part(header, 0, SIGNATURE.length), SIGNATURE))
        return parse_bytes(header, addresses);
    if (slice_starts(header, "PROXY "))
        return parse_line(slice_from(header, 6), addresses);
    return "unrecognized protocol header";
}

/* --- Reading. --------------------------------------------------------------------- */

/* True when nothing more belongs to the header. */
static bool is_complete(const struct str *header)
{
    struct slice bytes = str_slice(header);
    size_t compared = bytes.length < SIGNATURE.length ? bytes.length : SIGNATURE.length;

    if (slice_equal(slice_part(bytes, 0, compared), slice_part(SIGNATURE, 0, compared)))
        return bytes.length >= V2_LENGTH && (bytes.length >= V2_LENGTH + body_length(bytes));
    return slice_ends(bytes, "\n");
}

bool upstream_read(struct stream *stream, struct upstream_addresses *addresses)
{
    AUTO_STR struct str header = STR_EMPTY, shown = STR_EMPTY;
    enum stream_result result = STREAM_OK;
    struct slice byte;

    while (result == STREAM_OK && header.length < HEADER_LIMIT && !is_complete(&header)) {
        result = stream_read(stream, 1, &byte);
        if (result == STREAM_OK)
            str_add(&header, byte);
    }
    if (result != STREAM_OK && !header.length) {
        log_warn("haproxy read: %s", result == STREAM_TIMEOUT ? "timeout error" : "EOF");
        return false;
    }

    const char *trouble = upstream_parse(str_slice(&header), addresses);

    if (!trouble)
        return true;
    text_escape(&shown, str_slice(&header));
    log_warn("haproxy read: %s: %s", trouble, shown.data);
    return false;
}
