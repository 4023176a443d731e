"""What README and the guide show is true: every configuration is checked, every command whose output is
shown is run, every link leads somewhere.

    ```nginx             a whole configuration, in order and without a warning; `listen` may be missing.
                         It is portcullis.conf for what follows on the page.
    ```nginx FILE        a further file, which it includes or reads
    ```nginx wrong       a configuration that is refused
    ```console           lines that begin with "$ " are run, the rest is what they print

After a change that is meant, PORTCULLIS_EXPECT=write writes the outputs anew; read the difference before
it is committed."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest
from harness import identities
from harness.certificates import Authority
from harness.gate import ROOT, binary_path

ROOT = pathlib.Path(ROOT)
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDE]
LINKING = [*PAGES, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))]
LINKING += sorted((ROOT / "docs" / "decisions").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = "run check reload stop upgrade status certs fmt show explain help completion version".split()


def name_of(path):
    return str(path.relative_to(ROOT))


def make_files(folder):
    """What the examples name: a certificate with its key, authorities, a list of revoked certificates."""
    authority = identities.Authority()
    for name, data in (
        ("clients.pem", authority.pem()),
        ("origins.pem", authority.pem()),
        ("revoked.pem", authority.revoke()),
    ):
        (folder / name).write_bytes(data)
    pair = authority.issue("app.example.com", "api.example.com")
    (folder / "cert.pem").write_bytes(pair.pem())
    (folder / "key.pem").write_bytes(pair.key_pem())
    (folder / "key.pem").chmod(0o600)


def run(folder, *arguments):
    done = subprocess.run(
        [binary_path(), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return done.returncode, done.stdout


def run_console(folder, block):
    """The block as it should read: each command with what it prints now."""
    told = ""
    for line in block.splitlines():
        if line.startswith("$ "):
            words = shlex.split(line[2:])
            assert words[0] == "portcullis", line
            told += f"{line}\n{run(folder, *words[1:])[1]}"
    return told


def make_certificates(folder):
    """The files that examples name: app.pem and app.key, and the same with an RSA key."""
    authority = Authority(folder)
    for name, kind in (("app", "ec"), ("app-rsa", "rsa")):
        pair = authority.issue("app.example.com", kind=kind)
        os.rename(pair.certificate_path, folder / f"{name}.pem")
        os.rename(pair.key_path, folder / f"{name}.key")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_examples_are_true(page, tmp_path):
    text = page.read_text()
    found = list(BLOCK.finditer(text))
    config = tmp_path / "portcullis.conf"
    if "app.pem" in text:
        make_certificates(tmp_path)
    make_files(tmp_path)
    for block in found:  # files may be shown after what includes them
        if block[1] == "nginx" and block[2] not in (None, "wrong"):
            path = tmp_path / block[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block[3])
    new = text
    for block in found:
        kind, word, body = block.groups()
        where = f"{name_of(page)}:{text.count(chr(10), 0, block.start()) + 1}"
        if kind == "nginx" and word in (None, "wrong"):
            needs_listener = word is None and not re.search(r"^(listen|acme) ", body, re.MULTILINE)
            config.write_text(("listen 127.0.0.1:8080\n" if needs_listener else "") + body)
            code, told = run(tmp_path, "check", "portcullis.conf")
            expected = (1, False) if word else (0, True)
            assert (code, ", 0 warnings" in told and "error" not in told) == expected, f"{where}:\n{told}"
        elif kind == "console":
            told = run_console(tmp_path, body)
            if os.environ.get("PORTCULLIS_EXPECT") == "write":
                new = new.replace(block[0], f"```console\n{told}```")
            else:
                assert told == body, where
        else:
            assert kind in ("sh", "text", "nginx", "json", "ini"), f"{where}: what is a block of {kind}?"
    if new != text:
        page.write_text(new)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page):
    for block in BLOCK.finditer(page.read_text()):
        if block[1] != "sh":
            continue
        for line in block[3].splitlines():
            found = re.search(r"(?:^|[ /])portcullis ([a-z]+)\b", line.split("#")[0])
            if found and "/etc/" not in line and "systemctl" not in line:
                assert found.group(1) in COMMANDS, line


def anchors(path):
    """GitHub's names of the headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_links_lead_somewhere(page):
    prose = BLOCK.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{name_of(page)} links to {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{name_of(page)} links to {target}"


def test_every_page_of_the_guide_is_in_its_index():
    index = (ROOT / "docs" / "guide" / "README.md").read_text()
    for page in GUIDE:
        assert page.name == "README.md" or f"]({page.name})" in index, page.name
