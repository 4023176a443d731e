"""The benchmark's own arithmetic: what it reads from the kernel, and what it makes of it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import accounting
import floods
import environment
import peers
import report
import scenarios
import waf


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
        return {text: met for text, _, met in report.goals(results) if met is not None}

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

    def test_nginx_with_a_buffered_log_counts_as_nginx_where_it_was_measured(self):
        results = self.result(
            "post-10k",
            **{"portcullis": rounds(8), "nginx": rounds(10), "nginx-buffered": rounds(9)},
        )
        self.assertEqual(self.verdicts(results), {"POST of 10 KB ≤ 0.85 × nginx": False})

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


if __name__ == "__main__":
    unittest.main()
