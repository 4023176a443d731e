"""The benchmark's own arithmetic: what it reads from the kernel, and what it makes of it."""

import email
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
import urllib.parse
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import accounting
import floods
import environment
import peers
import report
import scenarios
import waf
import waf_growth
import waf_latency


class Accounts(unittest.TestCase):
    def test_a_family_is_a_process_and_all_that_descend_from_it(self):
        parents = {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1, 21: 20}
        self.assertEqual(accounting.family(10, parents), [10, 11, 12, 13])
        self.assertEqual(accounting.family(21, parents), [21])
        self.assertEqual(accounting.family(99, parents), [])

    def test_a_child_is_found_in_the_tree(self):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
            self.assertIn(child.pid, accounting.tree(os.getpid()))
            self.assertEqual(accounting.tree(child.pid), [child.pid])

    def test_work_is_accounted_in_nanoseconds(self):
        before = accounting.account(os.getpid())
        burnt = os.times()
        while sum(os.times()[:2]) - sum(burnt[:2]) < 0.05:
            pass
        os.sched_yield()  # the account of a running process is brought up to date when it yields
        cost = accounting.account(os.getpid()).since(before)
        self.assertGreater(cost.cpu_ns, 30e6)
        self.assertGreater(accounting.pss_bytes(os.getpid()), 1e6)

    def test_what_a_process_waited_for_a_processor_is_told_while_it_lives(self):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
            self.assertGreaterEqual(accounting.waited_ns(child.pid), 0)
        with self.assertRaises(FileNotFoundError):
            accounting.waited_ns(child.pid)

    def test_a_process_that_ended_makes_the_difference_invalid(self):
        before = accounting.Account((1, 2), 100, 5)
        self.assertEqual(accounting.Account((1, 2, 3), 150, 7).since(before).cpu_ns, 50)
        with self.assertRaises(ValueError):
            accounting.Account((1, 3), 150, 7).since(before)

    def test_both_kinds_of_context_switches_count(self):
        status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"
        self.assertEqual(accounting.thread_switches(status), 15)

    def test_the_total_of_strace_is_read_with_and_without_errors(self):
        rule = "------ ----------- ----------- --------- --------- ----------------\n"
        head = "% time     seconds  usecs/call     calls    errors syscall\n" + rule
        row = " 60.00    0.005003           4      1001           writev\n"
        for total in (
            "100.00    0.008338           4      2003         3 total\n",
            "100.00    0.008338           4      2003           total\n",
        ):
            self.assertEqual(accounting.strace_total(head + row + rule + total), 2003)
        with self.assertRaises(ValueError):
            accounting.strace_total("")


def rounds(*values):
    return [{"cpu_us": value} for value in values]


class Figures(unittest.TestCase):
    def test_a_figure_is_the_median_with_its_spread(self):
        self.assertEqual(report.figure(rounds(3, 1, 2), "cpu_us"), (2, 1, 3))
        self.assertEqual(report.figure(rounds(4, 2), "cpu_us"), (3, 2, 4))
        self.assertIsNone(report.figure([], "cpu_us"))
        self.assertIsNone(report.figure(rounds(1), "other"))

    def test_a_ratio_compares_within_rounds(self):
        # The second round was twice as slow for both: it does not change the ratio.
        self.assertEqual(report.ratio(rounds(8, 16, 8), rounds(10, 20, 10), "cpu_us"), 0.8)
        self.assertIsNone(report.ratio(rounds(8), [], "cpu_us"))
        self.assertIsNone(report.ratio(rounds(8), rounds(0), "cpu_us"))

    def result(self, name, kind="cost", **values):
        return {name: {"title": name, "kind": kind, "values": values, "calls": {}}}

    def verdicts(self, results):
        return {text: met for text, _, met, _ in report.goals(results) if met is not None}

    def test_a_goal_is_met_at_its_limit_and_missed_above(self):
        for ours, met in ((8.5, True), (8.51, False)):
            results = self.result("post-10k", portcullis=rounds(ours), nginx=rounds(10))
            self.assertEqual(self.verdicts(results), {"POST of 10 KB ≤ 0.85 × nginx": met})

    def test_a_goal_against_two_peers_needs_both(self):
        for haproxy, verdicts in (
            (rounds(11), {"new connection ≤ both": True}),
            (rounds(9), {"new connection ≤ both": False}),
            ([], {}),
        ):
            results = self.result(
                "new-connections", portcullis=rounds(10), nginx=rounds(12), haproxy=haproxy
            )
            self.assertEqual(self.verdicts(results), verdicts)

    def test_a_goal_that_is_met_but_not_of_nginx_with_a_buffered_log_says_so(self):
        for buffered, verdict in ((9, "met, **not** of nginx-buffered"), (10, "met")):
            results = self.result(
                "post-10k",
                **{"portcullis": rounds(8), "nginx": rounds(10), "nginx-buffered": rounds(buffered)},
            )
            self.assertEqual(self.verdicts(results), {"POST of 10 KB ≤ 0.85 × nginx": True})
            self.assertIn(f"| {verdict} |", report.goals_table(results))

    def test_a_goal_without_peers_is_the_figure_itself(self):
        results = self.result("memory", kind="memory", portcullis=[{"bytes": 499}, {"bytes": 480}])
        self.assertEqual(self.verdicts(results), {"idle connection ≤ 500 bytes": True})

    def test_the_whole_report_names_every_part(self):
        results = self.result(
            "keepalive-1k", portcullis=rounds(7, 9), nginx=rounds(10, 10), haproxy=[]
        )
        results["keepalive-1k"]["calls"] = {"portcullis": 4.25, "nginx": None}
        text = report.markdown(results, ["portcullis", "nginx"], {"Kernel": "x"}, "bench/run")
        self.assertIn("8.0 (7.0–9.0)", text)
        self.assertIn("0.80", text)
        self.assertRegex(text, r"\| 1 KB keep-alive ≤ 0.85 × nginx +\| 0.80 × nginx \| +met \|")
        widths = {len(line) for line in text.splitlines() if line.startswith("| nginx")}
        self.assertEqual(len(widths), 1)

    def test_figures_go_between_the_marks_of_a_document(self):
        begin, end = report.marks("figures")
        document = f"before\n{begin}\nold\n{end}\nafter\n"
        embedded = report.embed(document, "new\n")
        self.assertEqual(report.embed(document, "new\n", "other"), "new\n")
        self.assertNotIn("old", embedded)
        self.assertTrue(embedded.startswith("before\n") and embedded.endswith("\nafter\n"))
        self.assertEqual(report.embed(embedded, "new\n"), embedded)
        self.assertEqual(report.embed("", "new\n"), "new\n")


class Peers(unittest.TestCase):
    def test_a_template_and_its_values_must_agree(self):
        self.assertEqual(peers.fill("a @x@ b@y@", {"x": 1, "y": ""}), "a 1 b")
        with self.assertRaises(KeyError):
            peers.fill("@x@", {})
        with self.assertRaises(KeyError):
            peers.fill("x", {"x": 1})

    def test_every_peer_fills_its_template_with_sites_and_without(self):
        for kind in (kind for kind in peers.PROXIES if kind.template):
            for sites in 0, 3:
                with self.subTest(kind.name, sites=sites), tempfile.TemporaryDirectory() as place:
                    proxy = kind()
                    proxy.directory = pathlib.Path(place)
                    text = proxy.configuration(20001, 20002, sites)
                    self.assertIn("20001", text)
                    named = any(
                        "site3.bench.test" in path.read_text() for path in proxy.directory.iterdir()
                    )
                    self.assertEqual("site3.bench.test" in text or named, sites == 3)

    def test_names_of_scenarios_and_goals_belong_together(self):
        known = {scenario.name: scenario for scenario in scenarios.SCENARIOS}
        self.assertEqual(len(known), len(scenarios.SCENARIOS))
        names = {kind.name for kind in peers.PROXIES}
        for goal in report.GOALS:
            columns = report.COLUMNS[known[goal.scenario].kind]
            self.assertIn(goal.key, {column.key for column in columns})
            self.assertLessEqual(set(goal.peers), names)


class Environment(unittest.TestCase):
    def test_the_processor_is_named(self):
        self.assertEqual(environment.cpu_model("model name\t: A 1\nmodel name\t: A 1\n"), "A 1")
        self.assertTrue(environment.cpu_model(""))


def flooded(control_us, flooded_us, failed=0):
    return floods.Round(
        {"p99_us": control_us, "failed": 0, "asked": 100},
        {"p99_us": flooded_us, "failed": failed, "asked": 100},
        {"connections": 3, "bytes": 2048},
    )


class Floods(unittest.TestCase):
    def test_ratios_are_those_within_a_round(self):
        self.assertEqual(floods.ratio([flooded(10, 20), flooded(100, 150), flooded(1000, 1000)]), 1.5)

    def test_the_worst_flood_decides(self):
        good = {"a": [flooded(10, 19)], "b": [flooded(10, 12)], "not measured": []}
        self.assertIn("met (worst: 1.90 ×, a; all answered)", floods.verdict(good))
        bad = good | {"b": [flooded(10, 21)]}
        self.assertIn("**missed** (worst: 2.10 ×, b; all answered)", floods.verdict(bad))
        lost = good | {"b": [flooded(10, 12, failed=1)]}
        self.assertIn("**missed** (worst: 1.90 ×, a; not all answered)", floods.verdict(lost))

    def test_every_measured_flood_has_its_row(self):
        text = floods.markdown({"PING": [flooded(10, 15)], "none": []}, {"Kernel": "x"}, "bench/run")
        self.assertIn("| PING  |  100.0 % |             10 |              15 |  1.50 |", text)
        self.assertNotIn("none", text)


class Waf(unittest.TestCase):
    ROUND = waf.Round(on_us=60, off_us=20, peer_on_us=2420, peer_off_us=20)  # 40 against 2,400

    def test_requests_are_as_large_as_their_names_say(self):
        for case, size in (("get", 0), ("form", 1024), ("json", 8192)):
            (made,) = [case_.make for case_ in waf.CASES if case_.name == case]
            for value in waf.words(1, 3), waf.ATTACK:
                head, _, body = made(value).partition(b"\r\n\r\n")
                self.assertEqual(len(body), size)
                self.assertEqual(f"Content-Length: {size}".encode() in head, size > 0)

    def test_the_bodies_can_be_read_and_hold_the_value(self):
        body = waf.json_document(waf.ATTACK).partition(b"\r\n\r\n")[2]
        document = json.loads(body)
        self.assertEqual(document["comment"], waf.ATTACK)
        self.assertGreater(len(document["orders"]), 20)
        fields = urllib.parse.parse_qs(waf.form(waf.ATTACK).partition(b"\r\n\r\n")[2].decode())
        self.assertEqual(fields["comment"], [waf.ATTACK])
        self.assertGreater(len(fields), 10)

    def test_ratios_and_costs_are_those_within_a_round(self):
        slow = waf.Round(on_us=140, off_us=40, peer_on_us=5000, peer_off_us=1000)
        self.assertEqual(waf.ratio([self.ROUND]), 60)
        self.assertEqual(waf.ratio([self.ROUND, slow, self.ROUND]), 60)
        self.assertEqual(waf.ratio([slow]), 40)

    def test_goals_and_aims_are_judged_on_their_own(self):
        get = waf.CASES[0]
        self.assertEqual(waf.row(get, [self.ROUND])[5:], ["1/60", "≤ 1/50: met", "≤ 50 µs: met"])
        dear = waf.Round(on_us=80, off_us=20, peer_on_us=4020, peer_off_us=20)
        self.assertEqual(waf.row(get, [dear])[6:], ["≤ 1/50: met", "≤ 50 µs: **missed**"])
        near = waf.Round(on_us=60, off_us=20, peer_on_us=1020, peer_off_us=20)
        self.assertEqual(waf.row(get, [near])[6:], ["≤ 1/50: **missed**", "≤ 50 µs: met"])

    def test_what_was_not_measured_has_no_row(self):
        text = waf.markdown({"get": [self.ROUND], "form": []}, {"Kernel": "x"}, "bench/run")
        self.assertIn("GET of a browser", text)
        self.assertNotIn("form of", text)

    def test_a_folder_without_rules_is_missing(self):
        with tempfile.TemporaryDirectory() as place, self.assertRaises(waf.Missing):
            waf.crs_setup(pathlib.Path(place))


def program(place, script):
    """A program that does what the script says."""
    path = pathlib.Path(place) / "program"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def rule_set(place):
    """A folder that looks like a release of the Core Rule Set."""
    (pathlib.Path(place) / "rules").mkdir()
    (pathlib.Path(place) / "rules" / "one.conf").touch()
    (pathlib.Path(place) / "crs-setup.conf.example").write_text("# OWASP CRS ver.4.0.0\n", encoding="utf-8")
    return pathlib.Path(place)


class WafGrowthBodies(unittest.TestCase):
    SIZE = 64 * 1024

    def body(self, title, size=SIZE):
        head, _, body = dict(waf_growth.SHAPES)[title](size).partition(b"\r\n\r\n")
        self.assertIn(f"Content-Length: {len(body)}".encode(), head)
        return head, body

    def test_bodies_are_as_large_as_their_columns_say(self):
        for title, _ in waf_growth.SHAPES:
            for size in (8 * 1024, self.SIZE):
                self.assertEqual(len(self.body(title, size)[1]), size, title)

    def test_json_is_of_many_values_or_of_one(self):
        orders = json.loads(self.body("JSON of many values")[1])["orders"]
        self.assertGreater(len(orders), 200)
        self.assertEqual(set(orders[0]), {"id", "name", "note"})
        (text,) = json.loads(self.body("JSON of one text")[1]).values()
        self.assertGreater(len(text), self.SIZE - 100)

    def test_forms_are_of_many_fields_or_of_one(self):
        fields = urllib.parse.parse_qs(self.body("form of many fields")[1].decode(), strict_parsing=True)
        self.assertGreater(len(fields), 1000)
        fields = urllib.parse.parse_qs(self.body("form of one field")[1].decode(), strict_parsing=True)
        self.assertEqual(list(fields), ["text"])

    def test_xml_is_well_formed(self):
        root = xml.etree.ElementTree.fromstring(self.body("XML")[1])
        self.assertGreater(len(root.findall("order")), 200)

    def test_half_of_a_multipart_body_is_a_file(self):
        head, body = self.body("multipart, half of it a file")
        message = email.message_from_bytes(head.partition(b"\r\n")[2] + b"\r\n\r\n" + body)
        parts = message.get_payload()
        files = [part for part in parts if part.get_filename()]
        self.assertEqual([len(part.get_payload()) for part in files], [self.SIZE // 2])
        self.assertGreater(len(parts), 200)
        self.assertFalse([part for part in parts if part.defects])


def growth(per_kib, stretch=100, title="XML"):
    """With these µs per KiB, of 1, 2, 3 … MiB."""
    costs = {(i + 1) << 20: cost * 1024 * (i + 1) for i, cost in enumerate(per_kib)}
    return waf_growth.Growth(title, costs, dict.fromkeys(costs, stretch))


def load(check_s=0.0, one_mib=0.0, many_mib=0.0, reload_s=0.0, p99_us=0, max_us=0, cut=0):
    seen = {"p99_us": p99_us, "max_us": max_us, "cut": cut}
    return waf_growth.Load(check_s, one_mib, many_mib, reload_s, seen, seen)


class WafGrowth(unittest.TestCase):
    def test_a_cost_grows_by_the_largest_over_the_least(self):
        self.assertEqual(growth([40, 20, 30]).steepness(), 1.5)
        self.assertEqual(growth([40, 30, 20]).steepness(), 1)
        self.assertEqual(growth([40, 30]).per_kib(2 << 20), 30)

    def test_growth_and_the_longest_stretch_are_judged_on_their_own(self):
        even = growth([20, 30, 30], 500)
        even.stretches[2 << 20] = 501
        table = waf_growth.growth_table([growth([30, 20, 31], 500), even]).splitlines()
        self.assertIn("| 1 MiB | 2 MiB | 3 MiB |", table[0])
        self.assertIn("|  30.0 |  20.0 |  31.0 |", table[2])
        self.assertIn("1.55: **missed**", table[2])
        self.assertIn("500: met", table[2])
        self.assertIn("1.50: met", table[3])
        self.assertIn("501: **missed**", table[3])

    def test_sizes_are_named_in_their_unit(self):
        self.assertEqual([waf_growth.size_name(size) for size in waf_growth.SIZES],
                         ["8 KiB", "64 KiB", "512 KiB", "4 MiB", "10 MiB"])

    def test_the_engine_is_asked_once_for_each_request(self):
        with tempfile.TemporaryDirectory() as place:
            crs = rule_set(place)
            said = program(place, f'echo "$@" > {place}/asked; echo \'{{"cpu_us":70,"step_us":9}}\'; echo \'{{"cpu_us":8,"step_us":3}}\'')
            found = waf_growth.judge(said, crs, crs, [crs / "one", crs / "two"], 7)
            self.assertEqual(found, [(70, 9), (8, 3)])
            asked = (crs / "asked").read_text(encoding="utf-8").split()
            self.assertEqual(asked[:7], ["waf", "test", "--json", "--paranoia", "1", "--repeat", "7"])
            rules = [str(crs / name) for name in ("limits.conf", "crs-setup.conf.example", "rules")]
            self.assertEqual([asked[i + 1] for i, word in enumerate(asked) if word == "--rules"], rules)
            self.assertEqual(asked[-2:], [str(crs / "one"), str(crs / "two")])
            self.assertEqual((crs / "limits.conf").read_text(encoding="utf-8"), waf_growth.LIMITS)

    def test_a_request_that_is_refused_is_no_measurement(self):
        with tempfile.TemporaryDirectory() as place:
            crs = rule_set(place)
            with self.assertRaisesRegex(scenarios.Invalid, "a request is refused"):
                waf_growth.judge(program(place, "exit 1"), crs, crs, [], 1)
            with self.assertRaisesRegex(scenarios.Invalid, "no such rule"):
                waf_growth.judge(program(place, "echo no such rule >&2; exit 2"), crs, crs, [], 1)

    def test_every_kind_of_body_is_measured_in_every_size(self):
        costs = iter(range(1, 100))
        with tempfile.TemporaryDirectory() as place:
            with unittest.mock.patch.object(waf_growth, "judge") as judged:
                judged.side_effect = lambda *words: [(next(costs), 5) for _ in words[3]]
                found = waf_growth.measure_growth("program", None, pathlib.Path(place), (8192, 16384), 3, str)
        self.assertEqual([g.title for g in found], [title for title, _ in waf_growth.SHAPES])
        self.assertEqual(found[0].costs, {8192: 1, 16384: 2})
        self.assertEqual(found[1].costs, {8192: 3, 16384: 4})
        self.assertEqual(found[1].stretches, {8192: 5, 16384: 5})

    def test_what_went_wrong_ends_the_measuring_and_is_told(self):
        bench = types.SimpleNamespace(place=types.SimpleNamespace(name="."))
        with unittest.mock.patch.object(waf_growth, "measure_growth", return_value=[growth([1])]), \
                unittest.mock.patch.object(waf_growth, "measure_load", side_effect=scenarios.Invalid("cut")):
            growths, loads, problems = waf_growth.run(bench, "program", pathlib.Path("crs"), 2, str)
        self.assertEqual((len(growths), problems), (1, ["cut"]))
        self.assertFalse(any(loads.values()))

    def test_rules_are_judged_by_what_they_add(self):
        self.assertEqual(waf_growth.verdict_of([13.0, 16.0, 29.0], 16), "rules add ≤ 16: met")
        self.assertEqual(waf_growth.verdict_of([13.0, 29.5, 14.0], 16), "rules add ≤ 16: **missed**")
        self.assertEqual(waf_growth.verdict_of([0.1, 9.0], None), "")

    def test_what_rules_cost_is_the_median_of_the_rounds(self):
        loads = {"no rules": [load(0.1, 10, 11, p99_us=900)], "Core Rule Set": [load(check, 27, 28, 0.5, 1000, 4000) for check in (0.2, 9, 0.3)],
                 "built-in rules": []}
        table = waf_growth.load_table(loads).splitlines()
        self.assertEqual([cell.strip() for cell in table[0].split("|")[1:-1]], ["", "no rules", "Core Rule Set", "goal"])
        rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[2:]]
        self.assertEqual(rows[0], ["CPU s of `check`", "0.10", "0.30", "rules add ≤ 1: met"])
        self.assertEqual(rows[1], ["MiB of all processes, one site", "10.0", "27.0", "rules add ≤ 16: **missed**"])
        self.assertEqual(rows[3], ["s until a reload has taken effect", "0.00", "0.50", ""])
        self.assertEqual(rows[4], ["a client's p99 µs without reload", "900", "1,000", ""])
        self.assertEqual(len(rows), len(waf_growth.LOAD_ROWS))

    def test_a_configuration_tells_its_generation(self):
        with tempfile.TemporaryDirectory() as place:
            proxy = waf_growth.Portcullis("program", "waf off", "limits { held 4G }\n")
            proxy.directory, proxy.origin, proxy.generation = pathlib.Path(place), 81, 3
            first, other = proxy.site("a.test", 0), proxy.site("b.test", 1)
        self.assertIn('respond 200 "3"', first)
        self.assertIn("to 127.0.0.1:81", other)
        self.assertTrue(first.startswith("limits { held 4G }\nsite a.test { waf off;"))
        self.assertFalse("held" in other)

    def test_a_check_that_fails_is_no_measurement(self):
        with tempfile.TemporaryDirectory() as place:
            proxy = waf_growth.Portcullis(program(place, "echo not in order >&2; exit 1"), "waf off")
            with self.assertRaisesRegex(scenarios.Invalid, "not in order"):
                waf_growth.check_seconds(proxy, pathlib.Path(place) / "a")
            proxy.program = program(place, "exit 0")
            self.assertGreaterEqual(waf_growth.check_seconds(proxy, pathlib.Path(place) / "b"), 0)

    def test_what_was_not_measured_has_no_table(self):
        text = waf_growth.markdown([growth([1, 2])], {"no rules": []}, {"Kernel": "x"}, "bench/run")
        self.assertIn("- Kernel: x\n\nMade with `bench/run`.", text)
        self.assertIn("longest stretch", text)
        self.assertNotIn("CPU s of", text)
        text = waf_growth.markdown([], {"no rules": [load()]}, {}, "bench/run")
        self.assertNotIn("longest stretch", text)
        self.assertIn("CPU s of", text)


def beside(alone_us, judged_us, bodies=3):
    def times(p99_us):
        return {"p50_us": p99_us // 2, "p99_us": p99_us, "max_us": 2 * p99_us, "wait_us": 3}
    return waf_latency.Round(times(alone_us), times(alone_us + 1), times(judged_us), bodies)


class WafLatency(unittest.TestCase):
    def test_ratios_are_those_within_a_round(self):
        self.assertEqual(waf_latency.ratio([beside(10, 20), beside(100, 150), beside(1000, 1000)]), 1.5)

    def test_a_row_has_each_time_of_each_side_and_the_verdict(self):
        row = waf_latency.row("XML", [beside(1000, 2000, 3), beside(1000, 2000, 4)])
        self.assertEqual(row, ["XML", "500", "500", "1,000", "1,000", "1,001", "2,000", "2,000", "2,002", "4,000", "3", "3", "3", "2.00: met", "7"])
        self.assertEqual(waf_latency.row("XML", [beside(1000, 2010)])[-2:], ["2.01: **missed**", "3"])

    def test_what_was_not_measured_has_no_row(self):
        text = waf_latency.markdown({"XML": [beside(10, 15)], "JSON": []}, {"Kernel": "x"}, "bench/run")
        head, row = [line for line in text.splitlines() if line.startswith("| ")]
        self.assertEqual(head.count("|"), row.count("|"))
        self.assertTrue(row.startswith("| XML"))
        self.assertNotIn("JSON", text)

    def test_the_kinds_of_bodies_are_those_whose_growth_is_measured(self):
        self.assertLessEqual(set(waf_latency.SHAPES), set(waf_growth.SHAPES))

    def test_who_may_not_go_first_is_told_so(self):
        with unittest.mock.patch.object(os, "sched_setscheduler") as set_scheduler:
            self.assertTrue(waf_latency.goes_first(7, 20))
            set_scheduler.assert_called_once_with(7, os.SCHED_FIFO, os.sched_param(20))
            set_scheduler.side_effect = PermissionError
            self.assertFalse(waf_latency.goes_first(7, 20))

    def measured(self, allowed):
        """What a whole run says of who goes first, with nothing measured, and whom it was about."""
        bench = types.SimpleNamespace(proxy_cpus={1}, load_cpus={0}, process=types.SimpleNamespace(pid=7), place=types.SimpleNamespace(name="/nowhere"))
        with unittest.mock.patch.object(waf_latency, "rules_folder", return_value="rules"), \
                unittest.mock.patch.object(waf_latency, "Sink") as sink, \
                unittest.mock.patch.object(waf_latency, "run_rounds", return_value=({}, [])) as rounds, \
                unittest.mock.patch.object(waf_latency, "goes_first", return_value=allowed) as first:
            sink.return_value.__enter__.return_value.port = 4711
            values, problems, order = waf_latency.run(bench, "program", "crs", 1, lambda _: None)
        self.assertEqual((values, problems), ({}, []))
        first.assert_called_once_with(7, waf_latency.ORIGIN_PRIORITY)
        for proxy in rounds.call_args.args[1:3]:
            self.assertIn("route /sink { to 127.0.0.1:4711 }", proxy.rules)
        return order

    def test_the_order_is_part_of_what_is_told(self):
        self.assertEqual(self.measured(True), waf_latency.FIRST)
        self.assertEqual(self.measured(False), waf_latency.NOT_FIRST)

    def test_what_is_in_the_background_gives_way_to_all_others(self):
        cpu = min(os.sched_getaffinity(0))
        with waf_latency.Background({cpu}, ["sleep", "60"]) as background:
            self.assertEqual(os.sched_getscheduler(background.process.pid), os.SCHED_IDLE)
            self.assertEqual(os.sched_getaffinity(background.process.pid), {cpu})
        self.assertIsNotNone(background.process.returncode)

    def test_bodies_are_what_the_log_says_of_them(self):
        with tempfile.TemporaryDirectory() as place:
            log = pathlib.Path(place) / "log"
            log.write_text("".join(json.dumps(line) + "\n" for line in (
                {"method": "GET", "status": 200}, {"method": "POST", "status": 200}, {"status": 400},
                {"method": "POST", "status": 0}, {"method": "POST", "status": 499}, {"method": "POST", "status": 403})), encoding="utf-8")
            found = waf_latency.posts(types.SimpleNamespace(log=log))
        self.assertEqual([line["status"] for line in found], [200, 403])

    def beside(self, statuses):
        """What comes of bodies that are answered so while the client is served."""
        told = [[{"status": 200}], [{"status": 200}] + [{"status": status} for status in statuses]]
        with unittest.mock.patch.object(waf_latency, "Poster"), \
                unittest.mock.patch.object(waf_latency, "client_sees", return_value={"p99_us": 7}), \
                unittest.mock.patch.object(waf_latency, "posts", side_effect=told):
            return waf_latency.beside_bodies(None, types.SimpleNamespace(port=1), "path", 10)

    def test_bodies_of_the_time_before_do_not_count(self):
        self.assertEqual(self.beside([200, 200]), ({"p99_us": 7}, 2))

    def test_bodies_that_are_not_let_in_are_no_measurement(self):
        for statuses in [], [200, 403], [500]:
            with self.assertRaises(scenarios.Invalid):
                self.beside(statuses)

    def test_rules_are_those_of_the_folder_with_room_for_all_arguments(self):
        with tempfile.TemporaryDirectory() as place:
            crs = rule_set(place)
            made = waf_latency.rules_folder(crs, crs / "made")
            setup = (made / "crs-setup.conf").read_text(encoding="utf-8")
            self.assertTrue(setup.startswith("# OWASP CRS ver.4.0.0\n"))
            self.assertIn("\nSecArgumentsLimit 1000000\n", setup)
            self.assertEqual([path.name for path in (made / "rules").iterdir()], ["one.conf"])


if __name__ == "__main__":
    unittest.main()
