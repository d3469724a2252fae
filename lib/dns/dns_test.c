#include "dns/dns.h"

#include "base/scope.h"
#include "base/test.h"
#include "dns/reply.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>

/* What the server of these tests knows; type CNAME answers every question for the name. */
struct fact {
    const char *name;
    int type;
    const char *value;      /* address, "10 host", host, text */
    int code;
};

static const struct fact facts[] = {
    { "mail.test", ns_t_a, "192.0.2.1", 0 },
    { "mail.test", ns_t_a, "192.0.2.2", 0 },
    { "mail.test", ns_t_aaaa, "2001:db8::1", 0 },
    { "four.test", ns_t_a, "192.0.2.4", 0 },
    { "alias.test", ns_t_cname, "mail.test", 0 },
    { "lost.test", ns_t_cname, "nothing.test", 0 },
    { "loop.test", ns_t_cname, "loop.test", 0 },
    { "example.test", ns_t_mx, "20 mail.test", 0 },
    { "example.test", ns_t_mx, "10 first.test", 0 },
    { "null.test", ns_t_mx, "0 .", 0 },
    { "broken.test", ns_t_mx, "0 -bad-.test", 0 },
    { "text.test", ns_t_txt, "v=spf1 -all", 0 },
    { "1.2.0.192.in-addr.arpa", ns_t_ptr, "mail.test", 0 },
    { "sick.test", ns_t_a, "", ns_r_servfail },
    { "bitten.test", ns_t_a, "192.0.2.9", ns_r_formerr },    /* to those who speak EDNS */
    { "mute.test", ns_t_a, "", -1 },
    { "xn--mnchen-3ya.test", ns_t_a, "192.0.2.7", 0 },
};

struct server {
    int fd;
    pthread_t thread;
    char resolv_conf[64], hosts[64];
    struct dns *dns;
    struct arena *arena;
};

static void put16(struct str *output, unsigned value)
{
    str_byte(output, (char)(value >> 8));
    str_byte(output, (char)value);
}

static void put_name(struct str *output, const char *name)
{
    unsigned char wire[NS_MAXCDNAME];
    size_t length = 0;

    CHECK(ns_name_pton(name, wire, sizeof(wire)) >= 0);
    while (wire[length])
        length += wire[length] + 1U;
    str_bytes(output, wire, length + 1);
}

static void put_value(struct str *output, int type, const char *value)
{
    unsigned char address[16];
    char *rest = NULL;

    switch (type) {
    case ns_t_a:
        inet_pton(AF_INET, value, address);
        str_bytes(output, address, 4);
        return;
    case ns_t_aaaa:
        inet_pton(AF_INET6, value, address);
        str_bytes(output, address, 16);
        return;
    case ns_t_mx:
        put16(output, (unsigned)strtoul(value, &rest, 10));
        put_name(output, rest + 1);
        return;
    case ns_t_txt:
        str_byte(output, (char)strlen(value));
        str_text(output, value);
        return;
    }
    put_name(output, value);
}

static void put_record(struct str *output, const struct fact *fact)
{
    struct str value = STR_EMPTY;

    put_value(&value, fact->type, fact->value);
    put_name(output, fact->name);
    put16(output, (unsigned)fact->type);
    put16(output, ns_c_in);
    put16(output, 0);
    put16(output, 300);
    put16(output, (unsigned)value.length);
    str_add(output, str_slice(&value));
    str_free(&value);
}

/* False: no answer at all. */
static bool make_reply(struct slice query, struct str *output)
{
    ns_msg message;
    ns_rr question;
    unsigned count = 0;
    int code = ns_r_nxdomain;
    struct str records = STR_EMPTY;

    CHECK(ns_initparse((const unsigned char *)query.data, (int)query.length, &message) == 0);
    CHECK(ns_parserr(&message, ns_s_qd, 0, &question) == 0);

    bool extended = ns_msg_count(message, ns_s_ar) > 0;

    for (size_t i = 0; i < COUNT(facts); i++) {
        if (strcasecmp(facts[i].name, ns_rr_name(question)) != 0)
            continue;
        if (facts[i].code < 0)
            return false;
        code = facts[i].code == ns_r_formerr && !extended ? 0 : facts[i].code;
        if (code != 0)
            break;
        if (facts[i].type == (int)ns_rr_type(question) || facts[i].type == ns_t_cname) {
            put_record(&records, &facts[i]);
            count++;
        }
    }
    put16(output, ns_msg_id(message));
    put16(output, 0x8180u | (unsigned)code);
    put16(output, 1);
    put16(output, count);
    put16(output, 0);
    put16(output, 0);
    put_name(output, ns_rr_name(question));
    put16(output, ns_rr_type(question));
    put16(output, ns_c_in);
    str_add(output, str_slice(&records));
    str_free(&records);
    return true;
}

static void *serve(void *argument)
{
    struct server *server = argument;

    for (;;) {
        char query[1500];
        struct sockaddr_storage client;
        socklen_t length = sizeof(client);
        ssize_t got = recvfrom(server->fd, query, sizeof(query), 0,
                               (struct sockaddr *)&client, &length);
        struct str reply = STR_EMPTY;

        if (got <= 1)
            return NULL;    /* the word to stop */
        if (make_reply((struct slice){ query, (size_t)got }, &reply)) {
            struct str forged = STR_EMPTY;

            /* First one with a wrong id: it must be ignored. */
            str_add(&forged, str_slice(&reply));
            forged.data[0] ^= 1;
            sendto(server->fd, forged.data, forged.length, 0, (struct sockaddr *)&client, length);
            sendto(server->fd, reply.data, reply.length, 0, (struct sockaddr *)&client, length);
            str_free(&forged);
        }
        str_free(&reply);
    }
}

static void write_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/dns_test.XXXXXX");

    int fd = mkstemp(path);

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void start(struct server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(address);
    char text[128];
    struct error error;

    server->fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(bind(server->fd, (struct sockaddr *)&address, length) == 0);
    CHECK(getsockname(server->fd, (struct sockaddr *)&address, &length) == 0);
    snprintf(text, sizeof(text), "nameserver [127.0.0.1]:%d\noptions timeout:1 attempts:1\n",
             ntohs(address.sin_port));
    write_file(server->resolv_conf, text);
    write_file(server->hosts, "10.0.0.1 Hosted.test short # comment\n::1 hosted.test\n# none\n");
    pthread_create(&server->thread, NULL, serve, server);

    struct dns_settings settings = {
        .resolv_conf = server->resolv_conf, .hosts = server->hosts, .timeout_seconds = 2,
    };

    server->dns = dns_new(&settings, &error);
    server->arena = arena_new();
}

static void stop(struct server *server)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    getsockname(server->fd, (struct sockaddr *)&address, &length);
    sendto(server->fd, "x", 1, 0, (struct sockaddr *)&address, length);
    pthread_join(server->thread, NULL);
    close(server->fd);
    dns_free(server->dns);
    arena_free(server->arena);
    unlink(server->resolv_conf);
    unlink(server->hosts);
}

TEST(dns_query_answers_with_status_and_the_words_of_the_contract)
{
    static const struct {
        const char *name;
        enum dns_type type;
        enum dns_status status;
        size_t count;
        const char *text;
    } cases[] = {
        { "mail.test", DNS_A, DNS_FOUND, 2, "" },
        { "MAIL.test.", DNS_AAAA, DNS_FOUND, 1, "" },
        { "alias.test", DNS_A, DNS_FOUND, 2, "" },
        { "lost.test", DNS_A, DNS_NO_DOMAIN, 0,
          "Name service error for name=lost.test type=A: Host not found" },
        { "loop.test", DNS_A, DNS_NO_DATA, 0,
          "Name service error for name=loop.test type=A: Host found but no data record of "
          "requested type" },
        { "nowhere.test", DNS_MX, DNS_NO_DOMAIN, 0,
          "Name service error for name=nowhere.test type=MX: Host not found" },
        { "mail.test", DNS_MX, DNS_NO_DATA, 0,
          "Name service error for name=mail.test type=MX: Host found but no data record of "
          "requested type" },
        { "sick.test", DNS_A, DNS_TROUBLE, 0,
          "Name service error for name=sick.test type=A: Host not found, try again" },
        { "mute.test", DNS_A, DNS_TROUBLE, 0,
          "Name service error for name=mute.test type=A: Host not found, try again" },
        { "bitten.test", DNS_A, DNS_FOUND, 1, "" },
        { "null.test", DNS_MX, DNS_NULL_MX, 1,
          "Domain null.test does not accept mail (nullMX)" },
        { "broken.test", DNS_MX, DNS_INVALID, 0,
          "Name service error for name=broken.test type=MX: Malformed or unexpected name "
          "server reply" },
        { "a..b", DNS_A, DNS_INVALID, 0,
          "Name service error for a..b: invalid host or domain name" },
        { "m\xc3\xbcnchen.test", DNS_A, DNS_FOUND, 1, "" },
    };
    struct server server;

    start(&server);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dns_answer answer;

        dns_query(server.dns, cases[i].name, cases[i].type, server.arena, &answer);
        CHECK_TEXT(answer.text, cases[i].text);
        CHECK_NUMBER(answer.status, cases[i].status);
        CHECK_NUMBER(answer.count, cases[i].count);
    }
    stop(&server);
}

TEST(dns_query_gives_the_parts_of_records)
{
    struct server server;
    struct dns_answer answer;

    start(&server);
    dns_query(server.dns, "example.test", DNS_MX, server.arena, &answer);
    CHECK_NUMBER(answer.count, 2);
    CHECK_NUMBER(answer.records[0].preference, 20);
    CHECK_TEXT(answer.records[0].host, "mail.test");
    CHECK_NUMBER(answer.records[0].ttl, 300);
    CHECK_TEXT(answer.records[1].host, "first.test");
    dns_query(server.dns, "text.test", DNS_TXT, server.arena, &answer);
    CHECK_SLICE(answer.records[0].data, "v=spf1 -all");
    dns_query(server.dns, "alias.test", DNS_AAAA, server.arena, &answer);
    CHECK_TEXT(answer.records[0].name, "mail.test");
    CHECK_TEXT(dns_address_text((struct sockaddr *)&answer.records[0].address, server.arena),
               "2001:db8::1");
    stop(&server);
}

TEST(dns_addresses_joins_families_and_reads_the_hosts_file_when_native)
{
    static const struct {
        const char *host;
        int family;
        bool native;
        enum dns_status status;
        size_t count;
    } cases[] = {
        { "mail.test", AF_UNSPEC, false, DNS_FOUND, 3 },
        { "mail.test", AF_INET6, false, DNS_FOUND, 1 },
        { "four.test", AF_UNSPEC, false, DNS_FOUND, 1 },
        { "four.test", AF_INET6, false, DNS_NO_DATA, 0 },
        { "hosted.TEST", AF_UNSPEC, true, DNS_FOUND, 2 },
        { "hosted.test", AF_INET, true, DNS_FOUND, 1 },
        { "hosted.test", AF_UNSPEC, false, DNS_NO_DOMAIN, 0 },
        { "198.51.100.7", AF_UNSPEC, false, DNS_FOUND, 1 },
        { "2001:db8::7", AF_UNSPEC, false, DNS_FOUND, 1 },
    };
    struct server server;

    start(&server);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dns_answer answer;

        dns_addresses(server.dns, cases[i].host, cases[i].family, cases[i].native, server.arena,
                      &answer);
        CHECK_NUMBER(answer.status, cases[i].status);
        CHECK_NUMBER(answer.count, cases[i].count);
    }
    stop(&server);
}

TEST(dns_name_of_reads_the_hosts_file_and_then_ptr)
{
    static const struct {
        const char *address, *name;
    } cases[] = {
        { "10.0.0.1", "Hosted.test" },
        { "192.0.2.1", "mail.test" },
        { "192.0.2.2", NULL },
        { "2001:db8::1", NULL },
    };
    struct server server;

    start(&server);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dns_answer literal;
        enum dns_status status;

        dns_addresses(server.dns, cases[i].address, AF_UNSPEC, false, server.arena, &literal);

        const char *name = dns_name_of(
            server.dns, (struct sockaddr *)&literal.records[0].address, server.arena, &status);

        CHECK_NUMBER(status, cases[i].name ? DNS_FOUND : DNS_NO_DOMAIN);
        CHECK(cases[i].name ? name && strcmp(name, cases[i].name) == 0 : !name);
    }
    stop(&server);
}

TEST(dns_query_ends_at_its_deadline)
{
    struct server server;
    struct dns_answer answer;
    int64_t before = moment_now();

    start(&server);
    dns_query(server.dns, "mute.test", DNS_A, server.arena, &answer);
    CHECK_NUMBER(answer.status, DNS_TROUBLE);
    CHECK(moment_now() - before >= 900);
    CHECK(moment_now() - before < 2500);
    stop(&server);
}

TEST(dns_replies_with_damaged_bytes_do_no_harm)
{
    struct str query = STR_EMPTY, reply = STR_EMPTY;
    struct arena *arena = arena_new();

    put16(&query, 1);
    put16(&query, 0x0100);
    put16(&query, 1);
    put16(&query, 0);
    put16(&query, 0);
    put16(&query, 0);
    put_name(&query, "example.test");
    put16(&query, ns_t_mx);
    put16(&query, ns_c_in);
    CHECK(make_reply(str_slice(&query), &reply));
    for (size_t i = 0; i < reply.length; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct dns_answer answer;
            const char *alias;

            reply.data[i] ^= (char)(1 << bit);
            dns_reply_read(&reply, "example.test", DNS_MX, arena, &answer, &alias);
            CHECK(answer.count <= 2);
            reply.data[i] ^= (char)(1 << bit);
        }
    for (size_t length = 0; length < reply.length; length++) {
        struct dns_answer answer;
        const char *alias;
        struct str part = { reply.data, length, 0 };

        dns_reply_read(&part, "example.test", DNS_MX, arena, &answer, &alias);
        CHECK(answer.status == DNS_INVALID);
    }
    arena_free(arena);
    str_free(&query);
    str_free(&reply);
}
