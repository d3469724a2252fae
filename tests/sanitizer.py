"""
Programs that were built under a sanitizer: what they report goes into files of one folder, also
what is said by a daemon whose instance a test gives up.
"""
import atexit
import os
import pathlib
import shutil
import tempfile

# "SANITIZE" or "THREADS", as in the Makefile.
SANITIZED = os.environ.get("POSTREITER_SANITIZED")
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="reports-")) if SANITIZED else None


def environment(leaks):
    """What a daemon holds at its end is no leak."""
    if not SANITIZED:
        return {}
    options = f"log_path={FOLDER}/report:handle_segv=0:abort_on_error=0"
    return {"ASAN_OPTIONS": f"{options}:detect_leaks={int(leaks)}",
            "UBSAN_OPTIONS": f"{options}:print_stacktrace=1",
            # The watchdog's last words are said by a signal's handler, which knows what it risks.
            "TSAN_OPTIONS": f"{options}:die_after_fork=0:report_signal_unsafe=0",
            "LSAN_OPTIONS": "print_suppressions=0"}


def settings():
    """By which the daemons of a main.cf report; a sanitizer cannot work in a jail."""
    if not SANITIZED:
        return {}
    options = "".join(f" {{ {name}={value} }}" for name, value in environment(leaks=False).items())
    return {"confinement": "off", "import_environment": "MAIL_CONFIG TZ LANG=C" + options}


def check():
    """Fails with what has been reported since the last call."""
    if not SANITIZED:
        return
    texts = []
    for report in sorted(FOLDER.glob("report*")):
        texts.append(f"{report.name}:\n{report.read_text(errors='replace')[:6000]}")
        report.unlink()
    assert not texts, "\n".join(texts)


if SANITIZED:
    FOLDER.chmod(0o1777)
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    # For what tests start without an instance's help.
    os.environ.update(environment(leaks=True))
