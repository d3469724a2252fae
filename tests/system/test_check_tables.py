"""Tables that main.cf names wrongly: `postfix check` says which and what would help."""
import os
import socket

SETTINGS = {
    "virtual_alias_maps": "hash:{0}/nosuch, lmdb:{0}/source",
    "virtual_ailas_maps": "static:x",
    "smtpd_recipicent_restrictions": "permit",
    "smtpd_sender_restrictions": "check_sender_access hash:{0}/old, permit",
    "transport_maps": "hahs:{0}/old",
    "canonical_maps": "regexp:{0}/good, inline:{{a=b}}, proxy:cidr:{0}/absent",
    "ipc_ttl": "5s",
    "content_filter": "smtp:[127.0.0.1]:10025",
    "address_verify_map": "btree:{0}/made-when-needed",
    "smtp_tls_session_cache_database": "btree:{0}/made-when-needed",
}


def test_wrong_tables_are_named(ours, tmp_path):
    for name in ("source", "old", "good"):
        (tmp_path / name).write_text("/a/ b\n")
    instance = ours(settings={}, start=False)
    instance.run("postmap", f"hash:{tmp_path}/old")
    os.utime(tmp_path / "old.db", (1, 1))
    instance.run("postconf", *(f"{name}={value.format(tmp_path)}"
                               for name, value in SETTINGS.items()))
    instance.run("postfix", "check", check=False)
    log = instance.log()
    for said in (
            f"virtual_alias_maps: open database {tmp_path}/nosuch.db: No such file or directory\n",
            f"virtual_alias_maps: open database {tmp_path}/source.lmdb: No such file or directory "
            f"(postmap lmdb:{tmp_path}/source, or postalias for alias files, makes it)",
            "unused parameter: virtual_ailas_maps", "did you mean virtual_alias_maps?",
            "did you mean smtpd_recipient_restrictions?",
            ": ipc_ttl has no effect here: a connection between our programs ends when",
            f"database {tmp_path}/old.db is older than source file {tmp_path}/old",
            "transport_maps: unsupported dictionary type: hahs (did you mean hash?)",
            f"canonical_maps: open database {tmp_path}/absent: No such file or directory"):
        assert said in log, log
    assert "good" not in log and "content_filter: " not in log and "made-when-needed" not in log


def test_a_missing_table_may_end_a_daemon(ours, tmp_path):
    instance = ours(settings={"local_recipient_maps": f"hash:{tmp_path}/nosuch",
                              "daemon_table_open_error_is_fatal": "yes"}, start=False)
    instance.run("postfix", "start")
    with socket.create_connection(("127.0.0.1", instance.port)):
        instance.wait_log(rf"smtpd\[\d+\]: fatal: open database {tmp_path}/nosuch.db: "
                          "No such file")
