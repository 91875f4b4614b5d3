"""One Chromium for all browser tests, and players opened in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; where there is none, or nothing to drive it with, the test is skipped."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (extra `browser`)"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def open_player(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`open_player(steps, fragment="", **context options)`: the saved page, open and ready.

    At the end of the test no page may have written an error to its console, thrown, or asked for anything
    beyond its own file.
    """
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_page(steps: Any, fragment: str = "", **options: Any) -> Any:
        path = steps.save(tmp_path / f"page{len(contexts)}.html")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: _check_request(asked.url, complaints))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready=true]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _check_request(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:", "about:")):
        complaints.append(f"request to {url}")
