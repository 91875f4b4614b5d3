"""What every test shares: one Hypothesis profile, a browser, and ways to run what another run left out."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from chromium import browser, open_player  # noqa: F401 - fixtures
from hypothesis import settings

# The same examples on every run, and no deadline: a slow machine is not a wrong answer.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

# These are texts that tests/test_micrograd_programs.py runs, not modules to search for doctests.
collect_ignore = ["programs"]

NATIVE = ("interpreter", "lane")
"""How the modules of the package begin whose examples run machine code."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="fail the run if any test was skipped (for a machine that has everything installed)",
    )
    parser.addoption("--record-passed", type=Path, help="write the names of the tests that passed here")
    parser.addoption("--except-passed", type=Path, help="leave out the tests that are named here")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    native = find_spec("llvmlite") is not None
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: a name with an address differs in each process")
        if isinstance(item, pytest.DoctestItem) and item.path.stem.startswith(NATIVE) and not native:
            item.add_marker(pytest.mark.skip(reason="compiled replay at full speed (extra `fast`)"))
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
    if done := config.getoption("--except-passed"):
        passed = set(done.read_text(encoding="utf-8").splitlines())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
        items[:] = [item for item in items if item.nodeid not in passed]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    record, config = session.config.getoption("--record-passed"), session.config
    if record and not hasattr(config, "workerinput"):  # of several processes, the one that hears all
        passed = config.pluginmanager.get_plugin("terminalreporter").stats.get("passed", ())
        record.write_text("".join(f"{report.nodeid}\n" for report in passed), encoding="utf-8")
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
