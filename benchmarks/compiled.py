"""This library, compiled and eager, beside its peers: a table, a picture, JSON.

    python benchmarks/compiled.py                        # everything, some four minutes
    python benchmarks/compiled.py --quick                # every part, in half a minute
    python benchmarks/compiled.py --only gpt demo        # some workloads
    python benchmarks/compiled.py --json FILE --picture FILE.svg

Every engine's loss and gradients (or parameters after training) are compared with those of all the others,
to a relative 1e-9, before it is timed; what is wrong is reported and not timed. Rounds are interleaved, so
that a busy moment of the machine hits every engine; the median counts, and the least is shown beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from side_by_side.machine import limit_threads

limit_threads()  # before NumPy is imported

from side_by_side import machine, picture, suite, table  # noqa: E402


def main() -> None:
    """Measure and show."""
    known = suite.workloads()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=known, metavar="WORKLOAD", help=", ".join(known))
    parser.add_argument("--peers", nargs="+", default=(), metavar="NAME", help="only libraries named so")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write an SVG here")
    options = parser.parse_args()

    described = machine.describe()
    modules, missing = suite.modules([name.lower() for name in options.peers])
    if options.quick:
        modules = [module for module in modules if module.NAME != "numba by hand"]
    print(table.machine(described))
    for name, reason in missing.items():
        print(f"without {name}: {reason}")
    outcomes = []
    for name in options.only or known:
        begun = time.perf_counter()
        for found in known[name](modules, options.quick):
            outcomes.append(found)
            print(f"\n{table.outcome(found)}", flush=True)
        print(f"(measured in {time.perf_counter() - begun:.0f} s)")
    if options.picture:
        drawn = picture.picture(outcomes, about=machine.short(described))
        options.picture.write_text(drawn, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(report(described, missing, outcomes), indent=2), encoding="utf-8")


def report(described: dict[str, Any], missing: dict[str, str], outcomes: list[Any]) -> dict[str, Any]:
    """All figures, for a program to read."""
    return {
        "machine": described,
        "left_out": missing,
        "workloads": {
            found.name: {
                "title": found.title,
                "operations": found.operations,
                "unit": found.unit,
                "engines": {row.name: row.as_dict() for row in found.rows},
            }
            for found in outcomes
        },
    }


if __name__ == "__main__":
    main()
