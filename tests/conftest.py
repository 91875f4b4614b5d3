"""What every test shares: one Hypothesis profile, a browser, and a way to forbid skipped tests."""

from __future__ import annotations

import pytest
from chromium import browser, open_player  # noqa: F401 - fixtures
from hypothesis import settings

# The same examples on every run, and no deadline: a slow machine is not a wrong answer.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

# These are texts that tests/test_micrograd_programs.py runs, not modules to search for doctests.
collect_ignore = ["programs"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="fail the run if any test was skipped (for a machine that has everything installed)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: a name with an address differs in each process")
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--no-skips") and _skipped(session.config) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--no-skips") and (skipped := _skipped(config)):
        terminalreporter.write_line(
            f"--no-skips: {skipped} skipped; install what the reasons above name, or run without --no-skips",
            red=True,
        )


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter else 0
