"""What tutorials and READMEs tell people to set up, as one finds it there, and what they then see.
Scheduling (retry stamps, backlogs, slow start, dead destinations) is in test_scheduler.py."""
import pwd
import re
import subprocess

import pytest
from host import KIND, make_host, trusted
from instance import wait_for

# One host that follows many READMEs at once; {etc} stands for /etc/postfix.
MAIN_CF = """
myorigin = $mydomain
mydestination = $myhostname, localhost.$mydomain, localhost, $mydomain, {etc}/destinations
mynetworks = 127.0.0.0/8, 10.1.0.0/16
relayhost = [127.0.0.1]:{internet}
transport_maps = hash:{etc}/transport
relay_domains = branch.example
relay_recipient_maps = hash:{etc}/relay_recipients
recipient_delimiter = +
mail_spool_directory = {spool}/
allow_mail_to_commands = alias, forward
allow_mail_to_files = alias, forward
default_privs = nobody
virtual_alias_domains = hosted.example
virtual_alias_maps = hash:{etc}/virtual
virtual_mailbox_domains = boxes.example
virtual_mailbox_base = {folder}/vhosts
virtual_mailbox_maps = hash:{etc}/vmailbox
virtual_minimum_uid = 100
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
relocated_maps = hash:{etc}/relocated
masquerade_domains = $mydomain
masquerade_exceptions = root
canonical_maps = hash:{etc}/canonical
sender_dependent_relayhost_maps = hash:{etc}/sender_relay
recipient_bcc_maps = hash:{etc}/recipient_bcc
sender_bcc_maps = hash:{etc}/sender_bcc
header_checks = regexp:{etc}/header_checks
body_checks = regexp:{etc}/body_checks
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_helo_required = yes
disable_vrfy_command = yes
smtpd_banner = $myhostname ESMTP
smtpd_restriction_classes = local_only
local_only = permit_mynetworks, reject
smtpd_client_restrictions = check_client_access hash:{etc}/client_access
smtpd_recipient_restrictions =
    reject_non_fqdn_recipient,
    check_recipient_access hash:{etc}/protected_destinations,
    permit_mynetworks,
    reject_unauth_destination,
    reject_invalid_helo_hostname,
    reject_non_fqdn_helo_hostname,
    reject_non_fqdn_sender,
    check_sender_access hash:{etc}/sender_access,
    permit
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
notify_classes =
authorized_mailq_users = root, {joe}
authorized_flush_users = root, {joe}
authorized_submit_users = !{jane}, static:all
"""

TABLES = {
    "destinations": "# one domain a line\nfiled.example\nsecond.example\n",
    "transport": "branch.example smtp:[127.0.0.1]:{gateway}\n.branch.example error:no subdomains\n"
                 "gone.example error:5.1.2 we gave it up\n",
    "relay_recipients": "info@branch.example x\n",
    "virtual": "postmaster@hosted.example {joe}\ninfo@hosted.example {joe}\n"
               "sales@hosted.example {jane}, far@remote.example\npostmaster@boxes.example {joe}\n",
    "vmailbox": "info@boxes.example boxes.example/info\nsales@boxes.example boxes.example/sales/\n",
    "relocated": "moved@test.example moved@new.example\n",
    "canonical": "{jane} Jane.Doe\nJane.Doe@test.example Jane.Doe@test.example\n",
    "sender_relay": "{joe}@test.example [127.0.0.1]:{provider}\n@shop.example "
                    "[127.0.0.1]:{provider}\n",
    "recipient_bcc": "watched@remote.example {jane}@test.example\n",
    "sender_bcc": "boss@test.example {jane}@test.example\n",
    "client_access": "192.168.1 REJECT\n192.168.1.5 OK\n192.168.2. REJECT\n"
                     "10.9 450 4.7.1 come back later\nbad.example REJECT no spam please\n",
    "protected_destinations": "everybody@test.example local_only\n",
    "sender_access": "spammer@elsewhere.example REJECT\nevil.example 554 not from you\n"
                     "friend@evil.example OK\n",
    "header_checks": "/^Subject: .*make money/ REJECT spam\n/^X-Secret:/ IGNORE\n"
                     "/^Subject: hold me/ HOLD\n/^X-Tag: (.*)/ REPLACE X-Label: $1\n"
                     "/^Subject: note/ WARN seen\n/^Subject: elsewhere/ REDIRECT {jane}@test.example\n"
                     "/^Subject: lost/ DISCARD\n",
    "body_checks": "/^click here/ REJECT no clicks\n",
}

ALIASES = """
postmaster: root
root: {joe}
team: {joe}, {jane}, outside@remote.example
archive: {folder}/archive/mail
everything: team, archive, "|cat > {folder}/archive/piped"
staff: :include:{etc}/staff
owner-staff: {joe}
nobody-here: /dev/null
hacked: :include:{etc}/commands
everybody: {joe}
jane.doe: {jane}
"""


@pytest.fixture(scope="module")
def host():
    with make_host(MAIN_CF, TABLES, ALIASES) as host:
        (host.instance.config / "staff").write_text(f"{host.jane.name}\nfar@remote.example\n")
        (host.instance.config / "commands").write_text(f'"|touch {host.folder}/hacked"\n')
        host.instance.run("postfix", "check")
        yield host


# --- Aliases and .forward.

def test_an_alias_group_reaches_local_and_remote_members(host):
    host.send("a@elsewhere.example", "team@test.example", "group")
    host.gets(host.joe, "group")
    host.gets(host.jane, "group")
    assert "Delivered-To: team@test.example" in host.sent_to(host.internet, "group")
    assert "RCPT TO:<outside@remote.example> ORCPT=rfc822;team@test.example" \
        in host.internet.commands


def test_an_alias_group_reaches_files_and_commands(host):
    host.send("a@elsewhere.example", "everything@test.example", "to all")
    archive = host.folder / "archive"
    assert wait_for(lambda: (archive / "mail").exists() and (archive / "piped").exists()
                    and "Subject: to all" in (archive / "piped").read_text()), host.instance.log()
    assert (archive / "mail").read_text().startswith("From a@elsewhere.example ")
    assert pwd.getpwuid((archive / "mail").stat().st_uid).pw_name == "nobody"
    host.gets(host.joe, "to all")


def test_an_included_list_has_an_owner(host):
    host.send("a@elsewhere.example", "staff@test.example", "staff news")
    host.gets(host.jane, "staff news")
    host.sent_to(host.internet, "staff news")
    assert "MAIL FROM:<owner-staff@test.example>" in \
        [line.split(" SIZE")[0] for line in host.internet.commands]


def test_mail_for_root_goes_to_a_person(host):
    host.instance.sendmail("root", text="Subject: cron\n\nCron output\n")
    assert host.gets(host.joe, "cron").endswith("\n\nCron output\n")


def test_a_plus_address_reaches_its_user(host):
    host.send("a@elsewhere.example", f"{host.joe.name}+lists@test.example", "plus")
    assert f"Delivered-To: {host.joe.name}+lists@test.example" in host.gets(host.joe, "plus")


@pytest.mark.parametrize("text,to_self,to_jane,to_remote", [
    ("\\{joe}\n", True, False, False),
    ("{joe}\n", True, False, False),
    ("{jane}@test.example\n", False, True, False),
    ("\\{joe}, {jane}\n", True, True, False),
    ("# on holiday\n\\{joe}\nfriend@remote.example\n", True, False, True),
    ("friend@remote.example\n", False, False, True),
])
def test_a_forward_file_leads_to_self_to_others_and_away(host, text, to_self, to_jane, to_remote):
    subject = "forward " + re.sub(r"\W", "", text.replace("\\", "self"))
    host.joe.forward(text.format(**host.words))
    try:
        host.send("a@elsewhere.example", f"{host.joe.name}@test.example", subject)
        if to_self:
            host.gets(host.joe, subject)
        if to_jane:
            host.gets(host.jane, subject)
        if to_remote:
            assert "RCPT TO:<friend@remote.example>" in host.sent_to(host.internet, subject) or \
                any("<friend@remote.example>" in line for line in host.internet.commands)
        queue_is_empty(host)
        assert [bool(host.joe.mail(subject)), bool(host.jane.mail(subject))] == [to_self, to_jane]
    finally:
        (host.joe.home / ".forward").unlink()


def queue_is_empty(host):
    assert wait_for(lambda: "Mail queue is empty" in host.instance.run("postqueue", "-p").stdout), \
        host.instance.run("postqueue", "-p").stdout


# --- Permissions.

def test_a_forward_file_that_others_may_write_is_ignored(host):
    host.joe.forward("thief@remote.example\n", mode=0o666)
    try:
        host.send("a@elsewhere.example", f"{host.joe.name}@test.example", "writable")
        host.gets(host.joe, "writable")
        host.instance.wait_log(rf"warning: .*{host.joe.home}/\.forward")
        assert not any("thief@" in line for line in host.internet.commands)
    finally:
        (host.joe.home / ".forward").unlink()


def test_a_list_may_not_run_commands(host):
    host.send("a@elsewhere.example", "hacked@test.example", "hacked")
    host.instance.wait_log(r"to=<hacked@test\.example>.*status=bounced")
    assert not (host.folder / "hacked").exists()


def test_a_recipient_that_names_a_file_or_command_is_no_such_user(host):
    assert "550 5.1.1" in host.rcpt("/etc/passwd@test.example")
    assert "550 5.1.1" in host.rcpt('"|id"@test.example')


@pytest.mark.skipif(KIND == "debian", reason="needs a line in the suite's own main.cf")
def test_only_those_listed_may_see_and_submit(host):
    """authorized_mailq_users, authorized_flush_users, authorized_submit_users."""
    def as_user(person, command, *args):
        commands, etc = host.instance.commands, host.instance.config
        return subprocess.run([commands / command, "-C" if command == "sendmail" else "-c", etc,
                               *args], user=person.name, extra_groups=[], capture_output=True,
                              text=True, check=False, timeout=30, input="Subject: x\n\n")

    with trusted(host.instance):
        assert as_user(host.joe, "postqueue", "-p").returncode == 0
        refused = as_user(host.jane, "postqueue", "-p")
        assert (refused.returncode, refused.stdout) == (69, "")
        assert "is not allowed to view the mail queue" in refused.stderr
        assert "is not allowed to flush the mail queue" in as_user(host.jane, "postqueue",
                                                                      "-f").stderr
        assert as_user(host.joe, "sendmail", host.joe.name).returncode == 0
        refused = as_user(host.jane, "sendmail", host.joe.name)
        assert refused.returncode != 0 and "is not allowed to submit mail" in refused.stderr


# --- Who may send what to whom.

def test_mydestination_names_a_file(host):
    host.send("a@elsewhere.example", f"{host.joe.name}@filed.example", "filed")
    host.gets(host.joe, "filed")
    assert host.rcpt(f"{host.joe.name}@second.example").startswith("250")
    assert "Relay access denied" in host.rcpt(f"{host.joe.name}@third.example")


@pytest.mark.parametrize("client,name,reply", [
    ("192.168.1.7", "[UNAVAILABLE]",
     "554 5.7.1 <unknown[192.168.1.7]>: Client host rejected: Access denied"),
    ("192.168.1.5", "[UNAVAILABLE]", "250 2.1.5 Ok"),
    ("192.168.11.7", "[UNAVAILABLE]", "250 2.1.5 Ok"),
    ("192.168.2.7", "[UNAVAILABLE]", "250 2.1.5 Ok"),
    ("10.9.8.7", "[UNAVAILABLE]",
     "450 4.7.1 <unknown[10.9.8.7]>: Client host rejected: come back later"),
    ("192.0.2.1", "mx.bad.example",
     "554 5.7.1 <mx.bad.example[192.0.2.1]>: Client host rejected: no spam please"),
    ("192.0.2.1", "notbad.example", "250 2.1.5 Ok"),
])
def test_clients_are_known_by_prefix_and_by_name(host, client, name, reply):
    assert host.rcpt("postmaster@test.example", client=client, name=name) == reply


@pytest.mark.parametrize("helo,sender,recipient,reply", [
    ("EHLO client.example", "a@elsewhere.example", "x@remote.example",
     "554 5.7.1 <x@remote.example>: Relay access denied"),
    ("HELO localhost", "a@elsewhere.example", "{joe}@test.example",
     "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"),
    ("HELO -bad-", "a@elsewhere.example", "{joe}@test.example",
     "501 5.5.2 <-bad->: Helo command rejected: Invalid name"),
    ("EHLO client.example", "a", "{joe}@test.example",
     "504 5.5.2 <a>: Sender address rejected: need fully-qualified address"),
    ("EHLO client.example", "a@elsewhere.example", "{joe}",
     "504 5.5.2 <{joe}>: Recipient address rejected: need fully-qualified address"),
    ("EHLO client.example", "spammer@elsewhere.example", "{joe}@test.example",
     "554 5.7.1 <spammer@elsewhere.example>: Sender address rejected: Access denied"),
    ("EHLO client.example", "x@evil.example", "{joe}@test.example",
     "554 5.7.1 <x@evil.example>: Sender address rejected: not from you"),
    ("EHLO client.example", "friend@evil.example", "{joe}@test.example", "250 2.1.5 Ok"),
    ("EHLO client.example", "a@elsewhere.example", "nosuch@test.example",
     "550 5.1.1 <nosuch@test.example>: Recipient address rejected: User unknown in local "
     "recipient table"),
    ("EHLO client.example", "a@elsewhere.example", "nosuch@hosted.example",
     "550 5.1.1 <nosuch@hosted.example>: Recipient address rejected: User unknown in virtual "
     "alias table"),
    ("EHLO client.example", "a@elsewhere.example", "nosuch@boxes.example",
     "550 5.1.1 <nosuch@boxes.example>: Recipient address rejected: User unknown in virtual "
     "mailbox table"),
    ("EHLO client.example", "a@elsewhere.example", "nosuch@branch.example",
     "550 5.1.1 <nosuch@branch.example>: Recipient address rejected: User unknown in relay "
     "recipient table"),
    ("EHLO client.example", "a@elsewhere.example", "moved@test.example",
     "550 5.1.6 <moved@test.example>: Recipient address rejected: User has moved to "
     "moved@new.example"),
    ("EHLO client.example", "a@elsewhere.example", "everybody@test.example",
     "554 5.7.1 <everybody@test.example>: Recipient address rejected: Access denied"),
    ("EHLO client.example", "a@elsewhere.example", "info@branch.example", "250 2.1.5 Ok"),
])
def test_recipient_restrictions_of_tutorials_refuse_and_accept(host, helo, sender, recipient,
                                                               reply):
    said = host.talk(helo, f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient.format(**host.words)}>",
                     client="192.0.2.1")
    assert said[-1] == reply.format(**host.words)


def test_own_networks_may_relay_and_use_the_protected_list(host):
    assert host.rcpt("x@remote.example", client="10.1.2.3") == "250 2.1.5 Ok"
    assert host.rcpt("everybody@test.example", client="10.1.2.3") == "250 2.1.5 Ok"


def test_commands_that_were_switched_off_are_refused(host):
    assert host.talk("VRFY postmaster")[0].startswith("502 5.5.1 VRFY command is disabled")
    assert host.talk("HELO", "MAIL FROM:<a@elsewhere.example>")[1] == \
        "503 5.5.1 Error: send HELO/EHLO first"


# --- Where mail goes.

def test_a_transport_map_leads_each_domain_its_way(host):
    host.send("a@elsewhere.example", "info@branch.example", "branch")
    host.sent_to(host.gateway, "branch")
    host.instance.sendmail("x@gone.example", "x@sub.branch.example")
    assert host.outcome("x@gone.example") == "bounced (we gave it up)"
    assert host.outcome("x@sub.branch.example") == "bounced (no subdomains)"
    assert host.rcpt("x@gone.example", client="10.1.2.3") == \
        "550 5.1.2 <x@gone.example>: Recipient address rejected: we gave it up"
    host.send("a@test.example", "x@remote.example", "the rest")
    host.sent_to(host.internet, "the rest")


def test_virtual_aliases_lead_to_accounts_and_away(host):
    host.send("a@elsewhere.example", "info@hosted.example", "virtual info")
    host.gets(host.joe, "virtual info")
    host.send("a@elsewhere.example", "sales@hosted.example", "virtual sales")
    host.gets(host.jane, "virtual sales")
    host.sent_to(host.internet, "virtual sales")


def test_virtual_mailboxes_need_no_accounts(host):
    for number, name in enumerate(("info", "sales", "postmaster")):
        host.send("a@elsewhere.example", f"{name}@boxes.example", f"box {number}")
    box = host.folder / "vhosts/boxes.example/info"
    maildir = host.folder / "vhosts/boxes.example/sales/new"
    assert wait_for(lambda: box.exists() and maildir.exists() and list(maildir.iterdir()))
    assert "Subject: box 0" in box.read_text() and box.stat().st_uid == 5000
    assert "Subject: box 1" in next(maildir.iterdir()).read_text()
    host.gets(host.joe, "box 2")


def test_each_sender_has_a_provider(host):
    host.send(f"{host.joe.name}@test.example", "x@remote.example", "by provider")
    host.sent_to(host.provider, "by provider")
    host.send("anybody@shop.example", "x@remote.example", "shop")
    host.sent_to(host.provider, "shop")
    assert not [text for text in host.internet.messages if b"Subject: shop" in text]


def test_senders_are_masked_and_made_canonical(host):
    host.send("x@pc7.test.example", "far@remote.example", "masked")
    assert "From: x@test.example\r\n" in host.sent_to(host.internet, "masked")
    host.send("root@pc7.test.example", "far@remote.example", "not masked")
    assert "From: root@pc7.test.example\r\n" in host.sent_to(host.internet, "not masked")
    host.send(f"{host.jane.name}@test.example", "far@remote.example", "canonical")
    assert "From: Jane.Doe@test.example\r\n" in host.sent_to(host.internet, "canonical")
    senders = [line.split()[1] for line in host.internet.commands if line.startswith("MAIL")]
    assert {"FROM:<x@test.example>", "FROM:<root@pc7.test.example>",
            "FROM:<Jane.Doe@test.example>"} <= set(senders)


def test_blind_copies_follow_senders_and_recipients(host):
    host.send("a@test.example", "watched@remote.example", "watched")
    host.gets(host.jane, "watched")
    host.send("boss@test.example", "x@remote.example", "orders")
    host.gets(host.jane, "orders")
    host.sent_to(host.internet, "orders")


def test_header_and_body_checks_do_what_their_actions_say(host):
    def content(subject, text="Hello", header=""):
        return host.talk("MAIL FROM:<a@elsewhere.example>",
                         f"RCPT TO:<{host.joe.name}@test.example>", "DATA",
                         f"Subject: {subject}\r\n{header}\r\n{text}\r\n.")[-1]

    assert content("make money fast") == "550 5.7.1 spam"
    assert content("offer", "click here now") == "550 5.7.1 no clicks"
    assert content("tagged", header="X-Secret: 1\r\nX-Tag: blue\r\n").startswith("250")
    text = host.gets(host.joe, "tagged")
    assert "X-Secret" not in text and "X-Label: blue\n" in text
    assert content("note this").startswith("250")
    host.instance.wait_log(r"warning: header Subject: note this from .*: seen")
    assert content("elsewhere").startswith("250")
    host.gets(host.jane, "elsewhere")
    assert content("lost").startswith("250")
    host.instance.wait_log(r"discard: header Subject: lost from ")
    assert content("hold me").startswith("250")
    held = host.instance.wait_log(r"(\w+): hold: header Subject: hold me").group(1)
    assert f"{held}!" in host.instance.run("postqueue", "-p").stdout
    host.instance.run("postsuper", "-H", held)
    host.instance.run("postqueue", "-f")
    host.gets(host.joe, "hold me")
