"""Fixtures for every black-box test: see scenarios/harness/fixtures.py."""

pytest_plugins = ["harness.fixtures"]
