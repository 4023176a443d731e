"""The command line: what it prints, where, and its exit codes. 0 in order, 1 a problem, 2 not
understood, 3 nothing is running."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess

import pytest
from harness import processes
from harness.client import Client
from harness.deadline import SECONDS, eventually
from harness.gate import binary_path
from harness.origin import response

CONFIG = """\
listen 127.0.0.1:8080
origin app { server 10.0.0.1:3000 10.0.0.2:3000 }
policy public { headers { set X-Policy yes }; timeout head 20s }
site example.com *.example.com {
  use public
  to app
  route /api/* { to 10.0.0.3:80 path /v1; timeout idle 1h }
  route = /old { redirect https://{host}/new status 301 }
  route /in/* { allow ip 192.0.2.0/24; deny all }
  route /only { when method GET; allow method GET }
}
"""


def run(*arguments, input=None, environment=None):
    return subprocess.run(
        [binary_path(), *map(str, arguments)],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1", **(environment or {})},
    )


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "portcullis.conf"
    path.write_text(CONFIG)
    return path


# --- Exit codes and usage -------------------------------------------------------------------------


def test_check_says_in_order_or_what_is_wrong(config):
    done = run("check", "-c", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(re.escape(str(config)) + r": in order, 1 site, 0 warnings\n  waf balanced, enforced: \d+ built-in rules\n", done.stdout)
    assert run("check", "-", input=CONFIG).stdout.startswith("/dev/stdin: in order, 1 site, 0 warnings\n")
    config.write_text("nonsense\n")
    done = run("check", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert "unknown directive 'nonsense'" in done.stderr


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["chek"], "did you mean 'check'?"),
        (["check", "--jsn"], "did you mean '--json'?"),
        (["check", "a", "b"], "check takes one file"),
        (["check", "-c"], "'--config' needs a value"),
        (["check", "--json=yes"], "takes no value"),
        (["show", "nothing", "-c", "@"], "show routes"),
        (["explain", "-c", "@"], "explain needs one URL"),
        (["explain", "ftp//x", "-c", "@"], "a URL is written"),
        (["explain", "http://example.com/", "--from", "nobody", "-c", "@"], "--from is an IP"),
        (["help", "rout"], "did you mean 'route'?"),
        (["help", "--man", "7"], "--man is 1 or 5"),
        (["help", "@rxx"], "there is no directive, code, reason or command '@rxx'"),
        (["completion", "tcsh"], "portcullis completion bash"),
        (["-s", "hup"], "reload, quit or stop"),
        (["--listen", ":80"], "--to says where requests go"),
        (["run", "now"], "run takes no further words"),
    ],
)
def test_what_is_not_understood_is_code_2(config, arguments, told):
    done = run(*[str(config) if word == "@" else word for word in arguments])
    assert done.returncode == 2
    assert told in done.stderr and done.stdout == ""


@pytest.mark.parametrize("command", ["reload", "stop", "upgrade", "status"])
def test_orders_without_a_running_program_are_code_3(tmp_path, command):
    done = run(command, "--state", tmp_path)
    assert done.returncode == 3
    assert "nothing is running" in done.stderr


def test_a_missing_file_is_a_problem(tmp_path):
    for command in (["check"], ["show", "routes"], ["run"]):
        done = run(*command, "-c", tmp_path / "none.conf")
        assert done.returncode == 1, command
        assert "No such file" in done.stderr


def test_run_refuses_a_configuration_with_errors(tmp_path, config):
    config.write_text("listen 127.0.0.1:0\nsite a.test { to nowhere }\n")
    done = run("run", "-c", config, "--state", tmp_path / "state")
    assert done.returncode == 1
    assert "no origin named 'nowhere'" in done.stderr


def test_the_habits_of_nginx_users(config):
    assert ": in order, 1 site, 0 warnings\n" in run("-t", "-c", config).stdout
    dumped = run("-T", "-c", config).stdout
    assert f"# file {config}\n{CONFIG}" in dumped
    assert re.fullmatch(r"portcullis \d+\.\d+\.\d+\n", run("-v").stdout)
    assert run("-v").stdout == run("version").stdout == run("--version").stdout
    assert run("-h").stdout == run("help").stdout
    assert run("-s", "reload", "--state", "/nonexistent").returncode == 3
    assert run().returncode == 2


# --- What the WAF does ----------------------------------------------------------------------------

JUDGED = """
listen :8080
defaults { waf mode shadow }
site a.test www.a.test {
  to 127.0.0.1:3000
  route /up/* { waf off }
  route /own/* { waf strict mode enforce { rules OWN; threshold 7 } }
  route /same/* { respond 200 }
}
site b.test { respond 200; waf off }
"""


def judged(tmp_path, text=JUDGED):
    (tmp_path / "own.conf").write_text('SecRule ARGS "@rx a" "id:1,phase:2,pass,log"\nSecRule ARGS "@rx b" "id:2,phase:2,pass,log"\n')
    path = tmp_path / "judged.conf"
    path.write_text(text.replace("OWN", str(tmp_path / "own.conf")))
    return path


def test_check_says_what_judges_where(tmp_path):
    lines = run("check", judged(tmp_path)).stdout.splitlines()[1:]
    assert re.fullmatch(r"  waf balanced, in shadow: \d\d+ built-in rules  \(a\.test\)", lines[0])
    assert sorted(lines[1:]) == ["  waf off  (a.test /up/*, b.test)",
                                 f"  waf strict, threshold 7, enforced: 2 rules of {tmp_path}/own.conf  (a.test /own/*)"]
    many = "listen :8080\n" + "".join(f"site s{i}.test {{ respond 200; waf {{ threshold {i} }} }}\n" for i in range(1, 12)) \
        + "".join(f"site t{i}.test {{ respond 200; waf off }}\n" for i in range(5))
    lines = run("check", judged(tmp_path, many)).stdout.splitlines()[1:]
    assert len(lines) == 9 and lines[-1] == "  … and others: portcullis show routes"
    lines = run("check", judged(tmp_path, many.replace("threshold", "body 9M; threshold 5 response"))).stdout.splitlines()[1:]
    assert lines[1:] == ["  waf off  (t0.test, t1.test, t2.test and 2 more)"]


@pytest.mark.parametrize("engine,words", [("DetectionOnly", "in shadow (SecRuleEngine DetectionOnly)"), ("Off", "without effect (SecRuleEngine Off)"),
                                          ("On", "enforced")])
def test_check_says_what_the_rules_say_of_themselves(tmp_path, engine, words):
    path = judged(tmp_path)
    own = tmp_path / "own.conf"
    own.write_text(f"SecRuleEngine {engine}\n" + own.read_text() + 'SecAction "id:3,phase:1,pass,nolog"\n')
    assert f"  waf strict, threshold 7, {words}: 2 rules of {own}  (a.test /own/*)\n" in run("check", path).stdout


def test_show_routes_says_what_judges_each(tmp_path):
    path = judged(tmp_path)
    shown = run("show", "routes", "-c", path).stdout
    assert re.search(r"^site a\.test www\.a\.test  waf balanced, in shadow: \d+ built-in rules$", shown, re.MULTILINE)
    assert re.search(r"^  /up/\* +to 127\.0\.0\.1:3000  waf off  \(", shown, re.MULTILINE)
    assert re.search(r"^  /same/\* +respond 200  \(", shown, re.MULTILINE)
    routes = json.loads(run("show", "routes", "-c", path, "--json").stdout)["sites"][0]["routes"]
    assert {route["route"]: route["waf"].split(":")[0] for route in routes} == {
        "/up/*": "off", "/own/*": "strict, threshold 7, enforced", "/same/*": "balanced, in shadow", "*": "balanced, in shadow"}


# --- Colours --------------------------------------------------------------------------------------


def on_terminal(path, environment):
    """What `check` prints on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [binary_path(), "check", path],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert process.wait(60) == 1
    return text


def test_colours_are_for_terminals_that_want_them(config):
    config.write_text("nonsense\n")
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    piped = subprocess.run([binary_path(), "check", config], capture_output=True, env=environment)
    assert b"\033" not in piped.stderr
    assert b"\033[1;31merror" in on_terminal(config, {"NO_COLOR": ""})
    assert b"\033" not in on_terminal(config, {"NO_COLOR": "1"})
    assert b"\033" not in on_terminal(config, {"NO_COLOR": "", "TERM": "dumb"})


# --- fmt ------------------------------------------------------------------------------------------


def test_fmt_writes_to_the_output_or_to_the_file(config):
    config.write_text("listen   :80;site a {to b }\n# c\n")
    os.chmod(config, 0o640)
    laid_out = "listen :80\nsite a { to b }\n# c\n"
    assert run("fmt", config).stdout == laid_out
    assert run("fmt", "-", input=config.read_text()).stdout == laid_out
    done = run("fmt", "-w", config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert config.read_text() == laid_out
    assert config.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in config.parent.iterdir()] == [config.name]


def test_fmt_keeps_a_symbolic_link(config):
    link = config.parent / "link.conf"
    link.symlink_to(config.name)
    config.write_text("listen   :80\n")
    assert run("fmt", "-w", link).returncode == 0
    assert link.is_symlink() and config.read_text() == "listen :80\n"


def test_fmt_leaves_what_it_cannot_read(config):
    config.write_text("site a {\n")
    done = run("fmt", "-w", config)
    assert done.returncode == 1 and "never closed" in done.stderr
    assert config.read_text() == "site a {\n"


# --- show and explain -----------------------------------------------------------------------------


def test_show_routes_in_the_order_of_choice(config):
    shown = run("show", "routes", "-c", config).stdout.splitlines()
    assert shown[0].startswith("site example.com *.example.com  waf balanced, enforced: ")
    assert [line.split("  ")[1] for line in shown[1:]] == ["/only", "= /old", "/api/*", "/in/*", "*"]
    told = json.loads(run("show", "routes", "--json", "-c", config).stdout)
    routes = told["sites"][0]["routes"]
    assert routes[1]["answer"] == "redirect 301 https://{host}/new"
    assert routes[2]["answer"] == "to 10.0.0.3:80 path /v1"
    assert routes[2]["where"] == f"{config}:7:3"


def test_show_effective_names_the_line_of_each_value(config):
    done = run("show", "effective", "www.example.com", "/api/x", "--json", "-c", config)
    told = json.loads(done.stdout)
    assert told["route"] == "/api/*"
    settings = {item["setting"]: (item["value"], item["where"]) for item in told["settings"]}
    assert settings["timeout idle"] == ("1h", f"{config}:7:51")
    assert settings["timeout head"] == ("20s", f"{config}:3:55")
    assert settings["timeout connect"] == ("5s", "built in")
    assert settings["to"] == ("10.0.0.3:80 path /v1", f"{config}:7:18")
    assert settings["headers set"][0] == "X-Policy yes"
    text = run("show", "effective", "www.example.com", "/old", "-c", config).stdout
    assert "redirect" in text and "\n  to " not in text
    assert run("show", "effective", "other.org", "/", "-c", config).returncode == 1


@pytest.mark.parametrize(
    "arguments, status, reason",
    [
        (["http://example.com:8080/api/x?y=1"], 0, "forwarded to the origin"),
        (["http://example.com:8080/old"], 301, "redirect"),
        (["http://other.org:8080/"], 421, "site.unknown"),
        (["http://example.com:8080/a/%2e%2e/%2e%2e/b"], 400, "uri.above-root"),
        (["http://example.com:8080/in/x"], 403, "access.deny"),
        (["http://example.com:8080/in;a/x"], 400, "uri.two-routes"),
        (["http://example.com:8080/other;a/x"], 0, "forwarded to the origin"),
        (["http://example.com:8080/in/x", "--from", "192.0.2.7"], 0, "forwarded to the origin"),
        (["http://example.com:8080/only", "--method", "POST"], 0, "forwarded to the origin"),
    ],
)
def test_explain_tells_the_decision(config, arguments, status, reason):
    told = json.loads(run("explain", *arguments, "--json", "-c", config).stdout)
    assert (told["status"], told["reason"]) == (status, reason)
    text = run("explain", *arguments, "-c", config).stdout
    assert text.splitlines()[-1] == (f"= {status} {reason}" if status else f"= {reason}")


def test_explain_says_what_is_sent(config):
    text = run("explain", "http://example.com:8080/api//./y?q", "-c", config).stdout
    assert "path         /api/y\n" in text
    assert "sent         GET /v1/api/y?q\n" in text


def test_explain_lists_the_one_order():
    told = json.loads(run("explain", "--phases", "--json").stdout)["phases"]
    lines = run("explain", "--phases").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [phase["phase"] for phase in told]
    order = [phase["phase"] for phase in told]
    assert order.index("access") < order.index("answer") < order.index("origin")
    assert run("explain", "--phases", "http://a.test/").returncode == 2


def test_what_is_shown_as_json_is_json(config):
    pattern = r'^/"\\' + "x" * 3000
    config.write_text(
        f'listen :80\nsite a.test {{ respond 200; route ~ `{pattern}` {{ respond 201 "é" }} }}\n'
    )
    told = json.loads(run("show", "routes", "--json", "-c", config).stdout)
    assert told["sites"][0]["routes"][0]["route"] == f"~ {pattern[:251]}..."
    told = json.loads(run("show", "effective", "a.test", "/", "--json", "-c", config).stdout)
    assert told["route"] == "*"


# --- help -----------------------------------------------------------------------------------------


def test_every_directive_code_reason_and_command_is_explained():
    for kind, pattern in (
        ("directives", r"^### (\S+)$"),
        ("codes", r"^## (\w+):"),
        ("reasons", r"^\| `(\S+)` \|"),
        ("commands", r"^## (\w+)$"),
        ("seclang", r"^\| `((?:Sec|@|t:|ctl:)\w+)` \|"),
    ):
        text = run("help", "--reference", kind).stdout
        names = set(re.findall(pattern, text, re.MULTILINE))
        assert len(names) > 10
        done = run("help", *names)
        assert done.returncode == 0
        for name in names:
            explained = rf"^(portcullis )?{re.escape(name)}\b.*\n  \S.{{9}}"
            assert re.search(explained, done.stdout, re.MULTILINE), name


def test_words_of_later_versions_are_told_apart():
    assert "not built yet" in run("help", "bots").stdout
    for command, verb in (("waf", "test"), ("certs", "renew")):
        done = run("help", command, verb)
        assert (done.returncode, done.stdout) == (0, run("help", command).stdout), "what is said of the command tells of it"
    assert run("help", "certs", "wake").returncode == 2


def test_a_misspelt_reason_is_recognised():
    done = run("help", "limits.bdy")
    assert done.returncode == 2 and "did you mean 'limits.body'?" in done.stderr


@pytest.mark.skipif(not shutil.which("man"), reason="there is no man to read manual pages")
@pytest.mark.parametrize("section", ["1", "5"])
def test_manual_pages_are_proper_roff(tmp_path, section):
    page = tmp_path / f"page.{section}"
    page.write_text(run("help", "--man", section).stdout)
    done = subprocess.run(
        ["man", "--warnings", "-l", page],
        capture_output=True,
        text=True,
        env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0 and done.stderr == ""
    assert "NAME" in done.stdout


@pytest.fixture
def complete(tmp_path):
    """What bash offers for the last of the words."""
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash").stdout)

    def offered(*words):
        done = subprocess.run(
            ["bash", "-uc", f'source {script}; complete -p portcullis >/dev/null; '
             'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _portcullis; '
             'printf "%s\\n" "${COMPREPLY[@]}"', "bash", "portcullis", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), words
        return done.stdout.split("\n")[:-1]

    return offered


@pytest.mark.parametrize(
    "words, offered",
    [
        (["re"], ["reload"]),
        (["--pr"], ["--print-config"]),
        (["check", "--j"], ["--json"]),
        (["check", "--h"], ["--help"]),
        (["run", "--l"], ["--log-level", "--load-seconds"]),
        (["run", "--log-level", "d"], ["debug"]),
        (["run", "--log-level", "=", "d"], ["debug"]),
        (["run", "--log-level", "="], ["error", "warn", "info", "debug"]),
        (["-s", "q"], ["quit"]),
        (["show", ""], ["routes", "effective"]),
        (["explain", "--method", "P"], ["POST", "PUT", "PATCH"]),
        (["help", "prio"], ["priority"]),
        (["help", "limits.body-"], ["limits.body-rate"]),
        (["help", "E0407"], ["E0407"]),
        (["help", "expl"], ["explain"]),
        (["check", "a"], ["a b.conf"]),
        (["run", "-c", "a"], ["a b.conf"]),
        (["fmt", "-w", "a"], ["a b.conf"]),
        (["run", "--state", "s"], ["some"]),
        (["explain", "--from", "1"], [""]),
        (["stop", ""], [""]),
    ],
)
def test_bash_completes(complete, tmp_path, words, offered):
    (tmp_path / "a b.conf").write_text("")
    (tmp_path / "some").mkdir()
    assert complete(*words) == offered


def test_every_option_that_is_offered_is_known(complete, tmp_path):
    commands = [word for word in complete("") if not word.startswith("-")]
    assert len(commands) == 16
    for command in commands:
        options = complete(command, "-")
        assert "--help" in options
        for option in options:
            state = ["--state", tmp_path] if "--state" in options else []
            done = run(command, *state, option)
            assert "unknown option" not in done.stderr, (command, option)
        told = run("help", command).stdout
        assert all(option in told for option in options if option != "--help"), command
    for option in complete("-"):
        assert "unknown option" not in run(option).stderr, option


def test_a_command_explains_itself():
    for option in ("--help", "-h"):
        done = run("reload", option)
        assert (done.returncode, done.stdout) == (0, run("help", "reload").stdout)


def test_codes_are_found_in_small_letters():
    assert run("help", "e0407").stdout == run("help", "E0407").stdout
    assert "did you mean 'E0407'?" in run("help", "E407").stderr


def test_the_version_is_json_when_asked_for():
    told = json.loads(run("version", "--json").stdout)
    assert run("version").stdout == f"portcullis {told['version']}\n"


# --- Zero configuration ---------------------------------------------------------------------------


def test_print_config_is_a_file_that_loads(tmp_path):
    done = run("--to", "localhost:3000,[::1]:3001", "--to", "3002", "--listen", ":8081",
               "--host", "a.example", "--print-config")
    assert done.returncode == 0
    assert "server localhost:3000 [::1]:3001 127.0.0.1:3002" in done.stdout
    path = tmp_path / "made.conf"
    path.write_text(done.stdout)
    assert run("check", path).returncode == 0
    assert run("fmt", path).stdout == done.stdout


def test_a_quick_start_in_shadow_refuses_nothing(tmp_path):
    path = tmp_path / "made.conf"
    path.write_text(run("--to", "3000", "--shadow", "--print-config").stdout)
    assert "  waf balanced, in shadow: " in run("check", path).stdout
    assert run("fmt", path).stdout == path.read_text()


@pytest.mark.parametrize("options,words", [([], "refused by the WAF's"), (["--shadow"], "told and not refused (shadow)")])
def test_a_quick_start_greets_with_what_it_does(tmp_path, options, words):
    with subprocess.Popen([binary_path(), "--to", "3000", "--listen", "127.0.0.1:0", "--state", tmp_path / "state", *options],
                          stderr=subprocess.PIPE, text=True) as program:
        try:
            greeting = [program.stderr.readline() for _ in range(7)]
        finally:
            program.terminate()
            program.communicate(timeout=SECONDS)
    assert greeting[0].startswith("Portcullis ") and greeting[3].startswith("  attacks  " + words), greeting


def test_quick_start_says_what_is_wrong_with_an_address():
    done = run("--to", "localhost:99999")
    assert done.returncode == 1
    assert "a port between 1 and 65535" in done.stderr


def test_words_of_the_command_line_stay_words():
    done = run("--to", "a.test:80", "--host", 'x" { } workers 9 #', "--print-config")
    assert 'site `x" { } workers 9 #` {' in done.stderr
    done = run("--to", 'unix:/a "b" # {c}', "--print-config")
    assert 'to `unix:/a "b" # {c}`' in done.stdout


@pytest.mark.parametrize("to", ["", "nowhere", "a.test:1,,b.test:2", "a.test:99999", "ftp://a.test"])
def test_what_is_printed_as_a_file_is_in_order(to):
    done = run("--to", to, "--print-config")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[E" in done.stderr



# --- With a running program -----------------------------------------------------------------------


def test_quick_start_serves_and_stops(tmp_path, origin):
    origin.serve(lambda got, connection: response(got.target.encode()))
    state = tmp_path / "state"
    program = subprocess.Popen(
        [binary_path(), "--to", origin.address, "--listen", "127.0.0.1:0", "--state", state],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: run("status", "--state", state).returncode == 0, "an answer to status")
        told = json.loads(run("status", "--json", "--state", state).stdout)
        with Client(told["listeners"][0]["address"]) as client:
            assert client.get("/hello").body == b"/hello"
        assert "configuration (command line)" in run("status", "--state", state).stdout
        assert run("stop", "--state", state).returncode == 0
        stdout, stderr = program.communicate(timeout=SECONDS)
    finally:
        program.kill()
    assert program.returncode == 0
    assert f"to       {origin.address}" in stderr
    assert '"uri":"/hello"' in stdout


def test_reload_says_what_is_wrong_and_keeps_serving(gate, origin):
    origin.serve(lambda got, connection: response())
    running = gate("site * { to @origin }", origin=origin)
    refused = running.reload("site * { to @origin; tiemout idle 1s }", check=1)
    assert "error[E0201]: unknown directive 'tiemout'" in refused.stderr
    assert "did you mean 'timeout'?" in refused.stderr
    with running.client() as client:
        assert client.get("/").status == 200


def test_settings_of_the_file_are_in_force(gate, origin):
    origin.serve(lambda got, connection: response(got.target.encode(), fields=["X-Secret: y"]))
    running = gate(
        """
        policy edits { headers { set X-Set "{method} {path}"; remove X-Secret } }
        site a.test { use edits; to @origin path /base
          route = /old { redirect https://{host}/new{uri} status 308 }
          route /closed/* { deny all }
          route *.txt { respond 203 "text of {path}" }
          route /only/* { allow method GET }
        }
        site *.b.test { respond 202 }
        """,
        origin=origin,
    )

    def ask(target, host="a.test", method="GET"):
        with running.client() as client:
            client.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return client.response()

    answer = ask("/x/../y?q")
    assert (answer.status, answer.body) == (200, b"/base/y?q")
    assert (answer.get("x-set"), answer.get("x-secret")) == ("GET /y", None)
    answer = ask("/old")
    assert (answer.status, answer.get("location")) == (308, "https://a.test/new/old")
    assert ask("/closed").status == ask("/closed/x").status == 403
    answer = ask("/a/b.txt")
    assert (answer.status, answer.body) == (203, b"text of /a/b.txt")
    assert ask("/only/x", method="DELETE").status == 405
    assert ask("/", host="x.B.test.").status == 202
    assert ask("/", host="other.test").status == 421


# --- The check before the start ---------------------------------------------------------------------


@pytest.fixture
def waiting(tmp_path):
    """`run` whose check waits for a configuration that nobody writes, and the process of the check."""
    path = tmp_path / "portcullis.conf"
    os.mkfifo(path)
    words = [binary_path(), "run", "-c", path, "--state", tmp_path / "state"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        (check,) = eventually(lambda: processes.children(process.pid), "the process of the check")
        yield process, check
        process.kill()


def test_a_check_that_is_killed_is_told_and_nothing_starts(waiting, tmp_path):
    process, check = waiting
    os.kill(check, signal.SIGKILL)
    _, said = process.communicate(timeout=SECONDS)
    told = f"portcullis: {tmp_path}/portcullis.conf: the process that checked it was ended: Killed\n"
    assert (process.returncode, said) == (1, told)


def test_a_check_ends_with_who_asked_for_it(waiting):
    process, check = waiting
    process.kill()
    process.wait(timeout=SECONDS)
    eventually(lambda: not processes.is_alive(check), "the check to end")
