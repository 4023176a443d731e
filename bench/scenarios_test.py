"""Every scenario once with small counts, through Portcullis and the peers that are installed: what
it measures must be valid. The figures themselves are of no interest."""

import os
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import floods
import peers
import scenarios
import waf

PROGRAM, BUILD = map(os.path.abspath, sys.argv[1:3])  # proxies run in folders of their own
REQUESTS = {"sites": 20, "certificates": 20, "memory": 0}


def small(scenario):
    """As little of it as still is all of it, once."""
    requests = REQUESTS.get(scenario.kind, scenario.connections * 2)
    changes = {"requests": requests, "rounds_factor": 1}
    if scenario.kind == "memory":
        changes["connections"] = 100
    if scenario.kind == "certificates":
        changes["certificates"] = 10
    if scenario.kind in ("latency", "reload"):
        changes["requests"] = 800
    return scenarios.Scenario(**{**scenario.__dict__, **changes})


class EveryScenario(unittest.TestCase):
    def test_every_scenario_measures_what_it_says(self):
        # nginx once: the other differs in its log alone.
        kinds = [kind for kind in peers.PROXIES if kind not in (peers.Floor, peers.NginxBuffered)]
        proxies = [kind(PROGRAM if kind is peers.Portcullis else None) for kind in kinds]
        there = [proxy for proxy in proxies if proxy.installed()]
        self.assertIn("portcullis", [proxy.name for proxy in there])
        cpus = os.sched_getaffinity(0)
        with scenarios.Bench(BUILD, cpus, cpus) as bench:
            for scenario in map(small, scenarios.SCENARIOS):
                with self.subTest(scenario.name):
                    values, _, wrong = scenarios.run(bench, scenario, there, 1, lambda text: None)
                    self.assertEqual(wrong, [])
                    for proxy in there:
                        rounds = 1 if proxy.takes_part(scenario) else 0
                        self.assertEqual(len(values.get(proxy.name, [])), rounds, proxy.name)

    def test_a_flood_is_poured_and_a_good_client_measured(self):
        cpus = os.sched_getaffinity(0)
        with scenarios.Bench(BUILD, cpus, cpus) as bench:
            values, wrong = floods.run(
                bench, peers.Portcullis(PROGRAM), 1, lambda text: None, ("PING",), requests=100
            )
        self.assertEqual(wrong, [])
        (measured,) = values["PING"]
        self.assertEqual((measured.control["failed"], measured.flooded["failed"]), (0, 0))

    def test_rules_are_measured_where_libmodsecurity_and_the_core_rule_set_are(self):
        crs = pathlib.Path(os.environ.get("PORTCULLIS_CRS", waf.DISTRIBUTION))
        try:
            proxies = waf.four(PROGRAM, crs)
            waf.crs_setup(crs)
        except waf.Missing as missing:
            self.skipTest(str(missing))
        cpus = os.sched_getaffinity(0)
        with scenarios.Bench(BUILD, cpus, cpus) as bench:
            values, wrong = waf.run(bench, proxies, 1, lambda text: None, share=1000)
        self.assertEqual(wrong, [])
        self.assertEqual({name: len(rounds) for name, rounds in values.items()}, dict.fromkeys(values, 1))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
