"""proxy: tables, asked of a running proxymap."""
import shutil


def ask(instance, key, table):
    done = instance.run("postmap", "-q", key, table, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_proxymap_serves_what_proxy_read_maps_names(ours):
    instance = ours(settings={
        "virtual_alias_maps": "proxy:inline:{a@b=c@d}",
    })
    status, found, _ = ask(instance, "root", "proxy:unix:passwd.byname")
    assert status == 0 and found.startswith("root:x:0:0:")
    assert ask(instance, "nosuchuser", "proxy:unix:passwd.byname")[0] == 1
    assert ask(instance, "A@b", "proxy:inline:{a@b=c@d}")[:2] == (0, "c@d\n")


def test_proxymap_refuses_other_tables(ours):
    instance = ours()
    status, found, said = ask(instance, "x", "proxy:static:secret")
    assert status == 1 and not found and "query error" in said
    instance.wait_log(r'proxymap\[\d+\]: warning: request for unapproved table: "static:secret"')


def test_proxywrite_changes_what_proxy_write_maps_names(ours):
    instance = ours(settings={"address_verify_map": "proxy:btree:$data_directory/verify"})
    folder = instance.run("postconf", "-h", "data_directory").stdout.strip()
    table = f"btree:{folder}/verify"
    instance.run("postmap", "-i", table, input="a@b 1\nc@d 2\n")
    shutil.chown(f"{folder}/verify.db", "postfix")
    assert instance.run("postmap", "-d", "A@b", f"proxy:{table}", check=False).returncode == 0
    assert instance.run("postmap", "-d", "A@b", f"proxy:{table}", check=False).returncode == 1
    instance.run("postmap", "-d", "c@d", "proxy:btree:/etc/secret", check=False)
    instance.wait_log(r'proxymap\[\d+\]: warning: to approve this table for read-write access, '
                      r'list proxy:btree:/etc/secret in main.cf:proxy_write_maps')
