#!/usr/bin/python3
"""Each rule of the linter against a small tree that breaks it, and one that breaks none."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parent / "lint"
GOOD = {
    "src/base/a.h": "/* A thing. */\n#pragma once\n",
    "src/base/a.c": '#include "base/a.h"\n',
    "src/base/meson.build": "files('a.c')\n",
}


def lint(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        result = subprocess.run([sys.executable, LINT, folder], capture_output=True, text=True)
        return result.returncode, result.stdout


class LintTest(unittest.TestCase):
    def refuses(self, name, text, expected):
        files = {**GOOD, name: text}
        if name.endswith(".c"):
            files["src/base/meson.build"] = f"files('a.c', '{pathlib.Path(name).name}')\n"
        code, output = lint(files)
        self.assertEqual(code, 1, output)
        self.assertIn(expected, output)

    def test_a_good_tree_passes(self):
        self.assertEqual(lint(GOOD), (0, ""))

    def test_includes_go_downwards(self):
        self.refuses("src/wire/b.c", '#include "runtime/loop.h"\n', "wire must not include runtime")
        self.refuses("src/proxy/b.c", '#include "filters/f.h"\n', "proxy must not include filters")
        self.refuses("src/base/b.c", '#include "wire/h1.h"\n', "base must not include wire")

    def test_pure_floors_do_no_input_or_output(self):
        self.refuses("src/wire/b.c", "#include <unistd.h>\n", "wire is pure")
        self.refuses("src/config/b.c", "#include <sys/socket.h>\n", "config is pure")

    def test_calls_are_banned(self):
        self.refuses("src/base/b.c", "x = strcpy(a, b);\n", "strcpy is banned")
        self.refuses("src/base/b.c", "y = atoi(a);\n", "atoi is banned")
        self.refuses("src/base/b.c", "getaddrinfo(a);\n", "c-ares")

    def test_words_in_texts_and_comments_are_not_calls(self):
        files = {**GOOD, "src/base/a.c": '#include "base/a.h"\nchar *t = "strcpy(a)"; /* atoi(b) */\n'}
        self.assertEqual(lint(files)[0], 0)

    def test_reasons_are_explained(self):
        table = {**GOOD, "src/base/meson.build": "files('a.c', 'b.c', 'reason.c')\n"}
        del table["src/base/a.c"]
        table["src/control/reason.c"] = 'x = {\n    { "limits.old", "-" },\n    { "limits.body", "-" },\n};\n'
        table["src/base/a.c"] = 'f("limits.body");\n/* "limits.remark" */\ng("client.ip", "a.json");\n'
        table["src/base/b.c"] = '\nf("limits.new");\n'
        code, output = lint(table)
        self.assertEqual(code, 1)
        self.assertIn("src/base/b.c:2: the reason limits.new is not explained", output)
        self.assertIn("src/control/reason.c:1: the reason limits.old stands nowhere", output)
        self.assertEqual(output.count("the reason "), 2, output)

    def test_unfinished_work_is_refused(self):
        self.refuses("src/base/b.c", "/* TO" "DO: later */\n", "unfinished")

    def test_headers_say_what_they_are(self):
        self.refuses("src/base/a.h", "#pragma once\n", "a header begins with what the thing is")

    def test_dead_files_are_found(self):
        code, output = lint({**GOOD, "src/base/dead.c": "int x;\n"})
        self.assertEqual(code, 1)
        self.assertIn("nobody builds", output)

    def test_long_functions_are_refused(self):
        self.refuses("src/base/b.c", "int f(void)\n{\n" + "    g();\n" * 120 + "}\n", "a function of 121 lines")

    def test_unfinished_merges_are_refused(self):
        for mark in ("<<<<<<< HEAD", ">>>>>>> 0123456 (a change)"):
            self.refuses("GUIDE.md", f"A word.\n{mark}\n", "GUIDE.md:2: a merge that was not finished")

    def test_tabs_are_refused(self):
        self.refuses("src/base/b.c", "\tint x;\n", "a tab")


if __name__ == "__main__":
    unittest.main()
