"""What postconf(5) has for who looks for a fault: dont_remove, debugger_command, -D."""
import pathlib
import re
import socket

import pytest

from instance import Instance, wait_for


def test_finished_mail_is_saved(ours):
    instance = ours(settings={"dont_remove": "1", "home_mailbox": "mail/"})
    instance.sendmail("-f", "root@test.example", "root", text="Subject: kept\n\nHello\n")
    identity = instance.wait_log(r"qmgr\[\d+\]: (\w+): removed")[1]
    saved = instance.queue / "saved"
    # The file of maildrop has a name of its own.
    names = wait_for(lambda: len(list(saved.iterdir())) == 2 and
                     sorted(path.name.rstrip("+") for path in saved.iterdir()))
    assert names and identity in names
    text = instance.run("postcat", "-q", identity).stdout
    assert "done_recipient: root@mail.test.example" in text and "Subject: kept" in text
    for name in ("active", "incoming", "maildrop", "deferred"):
        assert not [path for path in (instance.queue / name).rglob("*") if path.is_file()]
    assert "is not served yet" not in instance.log()


def banner(instance):
    with socket.create_connection(("127.0.0.1", instance.port), timeout=20) as client:
        return client.recv(200).decode()


def test_a_value_may_speak_of_its_process(ours):
    """Of process_id and service_name main.cf decides nothing."""
    instance = ours(settings={
        "smtpd_banner": "$myhostname $process_name $process_id $service_name "
                        "$process_id_directory",
        "process_id": "1", "service_name": "nothing"})
    found = re.match(r"220 mail.test.example smtpd (\d+) 127.0.0.1:\d+ pid\r\n", banner(instance))
    assert found and int(found[1]) > 1


@pytest.mark.parametrize("kind", ["ours", "debian"])
def test_a_debugger_is_run_before_the_process_serves(kind, tmp_path):
    tmp_path.chmod(0o777)
    output = tmp_path / "output"
    instance = Instance(kind=kind, smtpd_options="-D -o confinement=off", settings={
        "debugger_command": f"(id -u; echo $process_name $process_id $$(($process_id))) >{output}; "
                            "exit 3"})
    try:
        instance.start()
        process = instance.processes("smtpd")[0]
        assert output.read_text().split() == ["0", "smtpd", str(process), str(process)]
        instance.wait_log(rf"smtpd\[{process}\]: running: \(id -u; echo smtpd {process} ")
    finally:
        instance.close()


def test_a_confined_process_has_no_debugger(ours, tmp_path):
    output = pathlib.Path(tmp_path, "output")
    instance = ours(smtpd_options="-D -o confinement=enforce",
                    settings={"debugger_command": f"echo run >{output}"})
    instance.wait_log("warning: debugger_command is not run: a confined process cannot be traced")
    assert banner(instance).startswith("220 ")
    assert not output.exists()


@pytest.mark.parametrize("kind", ["ours", "debian"])
@pytest.mark.parametrize("locks, ends", [("fcntl, dotlock", "sent"), ("fcntl", None)])
def test_an_old_name_for_dotlock(kind, locks, ends):
    instance = Instance(kind=kind, settings={"sun_mailtool_compatibility": "yes",
                                             "mailbox_delivery_lock": locks})
    try:
        instance.start()
        instance.sendmail("-f", "root@test.example", "root")
        instance.wait_log('warning: sun_mailtool_compatibility: deprecated parameter, use '
                          '"mailbox_delivery_lock = dotlock" instead')
        instance.wait_log(f"status={ends}" if ends else
                          "fatal: parameter mailbox_delivery_lock specifies no applicable "
                          "mailbox locking method")
    finally:
        instance.close()
