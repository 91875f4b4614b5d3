"""The examples in the documents of the contract run and print what they show."""

from __future__ import annotations

import doctest
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_examples_of_the_semantics_run() -> None:
    text = str(DOCS / "semantics.md")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testfile(text, module_relative=False, optionflags=flags, encoding="utf-8")
    assert tried >= 8
    assert failed == 0
