"""What a user installs: the Debian package built from this checkout, and `make install`."""

import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest
from harness import processes
from harness.deadline import eventually
from harness.gate import ROOT

ROOT = pathlib.Path(ROOT)
UNIT = "lib/systemd/system/portcullis.service"
PACKAGE_FILES = {
    "etc/logrotate.d/portcullis",
    "etc/portcullis/portcullis.conf",
    UNIT,
    "usr/bin/portcullis",
    "usr/share/bash-completion/completions/portcullis",
    "usr/share/doc/portcullis/README.md",
    "usr/share/doc/portcullis/SECURITY.md",
    "usr/share/doc/portcullis/changelog.Debian.gz",
    "usr/share/doc/portcullis/changelog.gz",
    "usr/share/doc/portcullis/copyright",
    "usr/share/lintian/overrides/portcullis",
    "usr/share/man/man1/portcullis.1.gz",
    "usr/share/man/man5/portcullis.conf.5.gz",
}


def call(*command, environment=None, check=0):
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == check, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def package():
    """The path of the package, built once."""
    if not shutil.which("dh"):
        pytest.skip("debhelper is missing: tools/install-packages deb")
    built = [ROOT / line for line in call("tools/build-deb").splitlines()]
    return next(path for path in built if path.name.startswith("portcullis_"))


@pytest.fixture(scope="module")
def extracted(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    call("dpkg-deb", "-R", package, folder)
    return folder


def unit_setting(unit, name):
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


# --- The package ------------------------------------------------------------------------------------


def test_package_holds_what_it_should_and_nothing_else(extracted):
    there = files_below(extracted)
    scripts = {name for name in there if name.startswith("DEBIAN/")}
    # /lib or /usr/lib: debhelper's choice
    there = {name.replace("usr/lib/systemd", "lib/systemd") for name in there}
    assert there - scripts == PACKAGE_FILES
    assert (extracted / "var/log/portcullis").is_dir()
    assert scripts == {
        f"DEBIAN/{name}" for name in ("conffiles md5sums postinst postrm prerm control".split())
    }


def test_configuration_is_kept_over_upgrades(extracted):
    conffiles = (extracted / "DEBIAN/conffiles").read_text().split()
    assert sorted(conffiles) == ["/etc/logrotate.d/portcullis", "/etc/portcullis/portcullis.conf"]


def test_package_needs_its_libraries(package):
    fields = call("dpkg-deb", "-f", package, "Depends", "Version")
    version = call(ROOT / "build/release/portcullis", "version").split()[1]
    assert f"Version: {version}-1\n" in fields
    for library in ("libc6", "libssl3", "libpcre2-8-0", "adduser"):
        assert library in fields


def test_maintainer_scripts_upgrade_and_never_restart(extracted):
    for name in ("postinst", "prerm", "postrm"):
        call("sh", "-n", extracted / "DEBIAN" / name)
        assert not re.search(r"(systemctl|invoke)\s+(re|try-re)start", (extracted / "DEBIAN" / name).read_text())
    postinst = (extracted / "DEBIAN/postinst").read_text()
    assert postinst.index("deb-systemd-invoke start") < postinst.index("portcullis upgrade")
    prerm = (extracted / "DEBIAN/prerm").read_text()
    stops = [line for line in prerm.splitlines() if "invoke stop" in line]
    assert len(stops) == 1
    assert '[ "$1" = remove ]' in prerm


def test_package_is_the_same_when_built_again(package):
    before = package.read_bytes()
    call("tools/build-deb")
    assert package.read_bytes() == before


def test_lintian_finds_nothing(package):
    if not shutil.which("lintian"):
        pytest.skip("lintian is missing: tools/install-packages deb")
    root = ["--allow-root"] if os.geteuid() == 0 else []
    assert call("lintian", *root, "--no-tag-display-limit", package) == ""


def test_package_serves_as_its_unit_starts_it(extracted, gate, monkeypatch):
    """The packaged binary and configuration, with the rights that the unit leaves."""
    unit = next(path for path in (extracted / UNIT, extracted / "usr" / UNIT) if path.exists())
    monkeypatch.setenv("PORTCULLIS_BINARY", str(extracted / "usr/bin/portcullis"))
    text = (extracted / "etc/portcullis/portcullis.conf").read_text()
    text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("/var/log/portcullis", "@directory/log")
    prefix = []
    if os.geteuid() == 0:
        kept = unit_setting(unit, "CapabilityBoundingSet")[0].split()
        bounds = ",".join(["-all", *("+" + name.lower().removeprefix("cap_") for name in kept)])
        prefix = ["setpriv", "--bounding-set", bounds, "--inh-caps=-all", "--no-new-privs"]
    pathlib.Path(extracted).chmod(0o755)
    it = gate(text, options={"bare": True, "prefix": prefix})
    with it.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: any.example\r\n\r\n")
        answer = client.response()
    assert answer.status == 200
    assert answer.body.startswith(b"Portcullis runs.")
    log = pathlib.Path(it.directory, "log")
    assert {path.name for path in log.iterdir()} == {"requests.json", "security.json"}
    if os.geteuid() == 0:
        assert log.stat().st_uid == 0, "workers must not be able to put other files there"
        for worker in it.workers():
            assert os.stat(f"/proc/{worker}").st_uid != 0
            status = pathlib.Path(f"/proc/{worker}/status").read_text()
            assert re.search(r"^CapEff:\s*0+$", status, re.MULTILINE), status
    it.command("upgrade", check=0)
    assert processes.is_alive(it.process.pid)


# --- The unit ---------------------------------------------------------------------------------------


def test_unit_is_understood_by_systemd(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    text = (ROOT / "packaging/portcullis.service").read_text()
    unit = tmp_path / "portcullis.service"
    unit.write_text(text.replace("/usr/bin/portcullis", str(ROOT / "build/release/portcullis")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60
    )
    told = [line for line in done.stderr.splitlines() if "portcullis" in line]
    assert (done.returncode, told) == (0, [])
    call("systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", unit)


# --- make install -----------------------------------------------------------------------------------


def test_install_puts_everything_below_its_folders(tmp_path):
    environment = {"DESTDIR": str(tmp_path), "PREFIX": "/opt/gate"}
    call("tools/install", environment=environment)
    assert files_below(tmp_path) == {
        "etc/logrotate.d/portcullis",
        "etc/portcullis/portcullis.conf",
        "opt/gate/bin/portcullis",
        "opt/gate/lib/systemd/system/portcullis.service",
        "opt/gate/share/bash-completion/completions/portcullis",
        "opt/gate/share/doc/portcullis/CHANGELOG.md",
        "opt/gate/share/doc/portcullis/LICENSE",
        "opt/gate/share/doc/portcullis/README.md",
        "opt/gate/share/doc/portcullis/SECURITY.md",
        "opt/gate/share/man/man1/portcullis.1",
        "opt/gate/share/man/man5/portcullis.conf.5",
    }
    unit = tmp_path / "opt/gate/lib/systemd/system/portcullis.service"
    assert unit_setting(unit, "ExecReload") == ["/opt/gate/bin/portcullis reload"]
    assert "/usr/bin" not in unit.read_text()


def test_install_leaves_a_configuration_as_it_is(tmp_path):
    config = tmp_path / "etc/portcullis/portcullis.conf"
    config.parent.mkdir(parents=True)
    config.write_text("mine\n")
    call("tools/install", environment={"DESTDIR": str(tmp_path)})
    assert config.read_text() == "mine\n"


def test_completion_is_proper_bash():
    call("bash", "-n", ROOT / "docs/reference/portcullis.bash")


def test_logrotate_understands_its_rule(tmp_path):
    logrotate = shutil.which("logrotate") or "/usr/sbin/logrotate"
    if not os.access(logrotate, os.X_OK):
        pytest.skip("logrotate is missing")
    rule = tmp_path / "rule"
    rule.write_text((ROOT / "packaging/portcullis.logrotate").read_text())
    rule.chmod(0o644)
    call(logrotate, "-d", "-s", tmp_path / "state", rule)


# --- The container ----------------------------------------------------------------------------------


def test_program_is_process_one_of_a_container(gate, origin):
    """What packaging/Containerfile starts: process 1, an unprivileged user, its configuration."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("a namespace of processes cannot be made here: not root, or inside a chroot or container")
    recipe = (ROOT / "packaging/Containerfile").read_text()
    assert 'CMD ["run", "--state", "/run/portcullis", "--storage", "/var/lib/portcullis"]' in recipe
    assert "\nUSER portcullis\n" in recipe
    text = (ROOT / "packaging/container.conf").read_text().replace("listen :8080", "listen 127.0.0.1:0")
    nobody = pwd.getpwnam("nobody")
    it = gate(
        text,
        options={
            "bare": True,
            "environment": {"ORIGIN": str(origin)},
            "prefix": [*unshare, "setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
                       "--clear-groups"],
        },
    )
    assert it.status()["pid"] == 1
    with it.client() as client:
        client.send(b"GET /page HTTP/1.1\r\nHost: any.example\r\n\r\n")
        with origin.accept() as server:
            server.request()
            server.respond(b"from the origin")
            assert client.response().body == b"from the origin"
    record = eventually(it.stdout, "a line of the request log on the standard output")
    assert json.loads(record)["uri"] == "/page"
    it.command("status", check=0)  # the health check
    it.command("stop", check=0)
    it.wait_end()
    it.command("status", check=3)
