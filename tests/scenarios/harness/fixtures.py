"""The fixtures of the black-box tests."""

import pytest

from .gate import Gate
from .origin import Origin


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keeps the outcome of a test for its fixtures, and shows the program's log when it failed."""
    result = (yield).get_result()
    if result.failed:
        item.stash[FAILED] = True
        for gate in item.stash.get(GATES, []):
            try:
                result.sections.append(("program log", gate.stderr()[-20000:]))
            except OSError:
                pass


FAILED = pytest.StashKey()
GATES = pytest.StashKey()


@pytest.fixture
def origin():
    """One scripted origin server."""
    server = Origin()
    yield server
    server.close()


@pytest.fixture
def origins():
    """Makes scripted origin servers: origins() or origins(path=…)."""
    made = []

    def make(**options):
        made.append(Origin(**options))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def gate(request):
    """Starts the program: gate(config, name=value, …); see harness.gate for what is added to the
    text. Options for Gate itself go into `options`. With start=False it is only prepared."""
    made = request.node.stash.setdefault(GATES, [])

    def make(config, start=True, options=None, **values):
        instance = Gate(config, values, **(options or {}))
        made.append(instance)
        if start:
            instance.start()
        return instance

    yield make
    failed = request.node.stash.get(FAILED, False)
    problems = []
    for instance in made:
        try:
            instance.close(failed)
        except AssertionError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]
