"""What `check` says about the files of tests/config, word for word.

Beside each FILE.conf stands FILE.expected: the exit code, then what is printed. After a change that
is meant, PORTCULLIS_EXPECT=write writes them anew; read the difference before it is committed."""

import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest
from harness.certificates import Authority
from harness.gate import binary_path

FOLDER = pathlib.Path(__file__).parent.parent / "config"
FILES = sorted(path.name for path in FOLDER.glob("*.conf"))


def check(*arguments):
    environment = dict(os.environ, NO_COLOR="1")
    environment.pop("PORTCULLIS_TEST_UNSET", None)
    return subprocess.run(
        [binary_path(), "check", *arguments],
        cwd=FOLDER,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", FILES)
def test_messages_are_as_expected(name):
    done = check(name)
    told = f"exit {done.returncode}\n{done.stderr}{done.stdout}"
    expected = FOLDER / name.replace(".conf", ".expected")
    if os.environ.get("PORTCULLIS_EXPECT") == "write":
        expected.write_text(told)
    assert told == expected.read_text()


@pytest.mark.parametrize("name", FILES)
def test_json_says_the_same(name):
    done = check("--json", name)
    told = json.loads(done.stdout)
    assert done.returncode == (1 if told["errors"] else 0)
    assert len(told["diagnostics"]) == told["errors"] + told["warnings"]
    text = (FOLDER / name.replace(".conf", ".expected")).read_text()
    for item in told["diagnostics"]:
        assert f'{item["severity"]}[{item["code"]}]: {item["message"]}\n' in text
        if "file" in item:
            assert f'{item["file"]}:{item["line"]}:{item["column"]}\n' in text
            line = (FOLDER / item["file"]).read_text().splitlines()[item["line"] - 1]
            assert item["source"] == line


@pytest.mark.parametrize("name", FILES)
def test_layout_changes_no_judgement(name, tmp_path):
    """What `fmt` wrote is judged as the file was: the same errors but for those of layout."""
    copies = [tmp_path / "before" / name, tmp_path / "after" / name]
    for copy in copies:
        shutil.copytree(FOLDER, copy.parent)
    wrote = subprocess.run([binary_path(), "fmt", "-w", copies[1]], capture_output=True, timeout=60)
    if wrote.returncode != 0:
        assert copies[1].read_bytes() == copies[0].read_bytes()
        return

    def judged(path):
        told = json.loads(check("--json", path).stdout)["diagnostics"]
        mended = ("E0103", "E0104")
        return sorted((item["code"], item["message"]) for item in told if item["code"] not in mended)

    before, after = (judged(copy) for copy in copies)
    assert after == [(code, text.replace("/before/", "/after/")) for code, text in before]


@pytest.mark.parametrize("name", FILES)
def test_layout_is_stable_or_refused(name):
    def layout(text):
        return subprocess.run(
            [binary_path(), "fmt", "-"], input=text, capture_output=True, text=True, timeout=60
        )

    first = layout((FOLDER / name).read_text())
    if first.returncode == 0:
        second = layout(first.stdout)
        assert (second.returncode, second.stdout) == (0, first.stdout)
    else:
        assert "error[E01" in first.stderr and first.stdout == ""


# --- Files that are none --------------------------------------------------------------------------


KINDS = {"pipe": stat.S_IFIFO, "socket": stat.S_IFSOCK, "folder": stat.S_IFDIR, "device": None}
NAMED = {
    "another file": "include @it\nsite * { respond 200 }",
    "a value": "site * { respond 200 ${file:@it} }",
    "a list": "list blocked ip @it\nsite * { deny ip blocked; respond 200 }",
    "a certificate": "site a.test { tls @it @key; respond 200 }",
    "a key": "site a.test { tls @pem @it; respond 200 }",
    "clients' authorities": "site a.test { tls @pem @key; auth mtls @it; respond 200 }",
    "a list of what was revoked": "site a.test { tls @pem @key; auth mtls @pem { crl @it }; respond 200 }",
    "an origin's authorities": "origin o { server https://127.0.0.1:1; tls { ca @it } }\nsite * { to o }",
    "our certificate for an origin": "origin o { server https://127.0.0.1:1; tls { ca @pem; cert @it; key @key } }\nsite * { to o }",
    "our key for an origin": "origin o { server https://127.0.0.1:1; tls { ca @pem; cert @pem; key @it } }\nsite * { to o }",
    "an authority's own certificate": "acme { directory https://127.0.0.1:1/; ca @it }\nsite a.test { tls auto; respond 200 }",
    "rules": "site * { respond 200; waf balanced { rules @it } }",
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_told_wherever_it_is_named_and_nobody_waits(tmp_path, kind):
    """A pipe here has no writer: reading one would never end."""
    it = tmp_path / f"the-{kind}"
    if kind == "device":
        it.symlink_to("/dev/zero")
    elif kind == "folder":
        it.mkdir()
    else:
        os.mknod(it, 0o600 | KINDS[kind])
    pair = Authority(str(tmp_path), "authority").issue("a.test")
    values = {"@it": str(it), "@pem": pair.certificate_path, "@key": pair.key_path}
    config = tmp_path / "portcullis.conf"
    for what, text in NAMED.items():
        for word, value in values.items():
            text = text.replace(word, value)
        config.write_text(f"listen 127.0.0.1:0 tls\n{text}\n")
        done = check(config)
        told = done.stdout + done.stderr
        assert done.returncode == 1 and f"it is a {kind}, not a file" in told and str(it) in told, f"{what}: {told}"


def test_a_configuration_may_come_through_a_pipe_of_the_command_line():
    done = subprocess.run([binary_path(), "check", "-"], input="listen 127.0.0.1:0\nsite * { respond 200 }\n",
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
