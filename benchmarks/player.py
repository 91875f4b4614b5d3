"""How long the player takes in Chromium: to open, and to show a step; and how large its page is.

Run `python benchmarks/player.py` (needs the extra `browser` and a Chromium); `--json` prints the same numbers
for a program to read. "Open" is from the request of the saved page to the player being ready and painted,
"step" from `player.goto` to the next frame after everything is drawn, at 60 places of the run, and "move"
the same after a leaf was given another number, with the panel of values open.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from autograd_lite import Value, nn, step
from autograd_lite.stepping import Backprop

PLACES = 60
MEASURE = """async (places) => {
  const times = [];
  for (let k = 1; k <= places; k += 1) {
    await new Promise((done) => requestAnimationFrame(done));
    const start = performance.now();
    player.goto(Math.round((k * player.total) / places) - 1);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - start);
  }
  return times;
}"""
MOVE = """async (places) => {
  const times = [];
  const leaf = player.nodes.findIndex((node) => node.kind === "leaf" && !node.frozen);
  player.showTab("values");
  for (let k = 0; k < places; k += 1) {
    await new Promise((done) => requestAnimationFrame(done));
    const start = performance.now();
    player.setLeaf(leaf, Math.sin(k));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - start);
  }
  return times;
}"""
OPEN = """async () => {
  const ready = () => document.documentElement.dataset.ready === "true";
  while (!ready()) await new Promise((done) => setTimeout(done, 2));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now();
}"""


def network(layers: list[int], samples: int) -> Value:
    """The mean squared error of a small network."""
    model = nn.MLP(2, layers, activation="tanh", seed=0)
    points = [[math.sin(3 * k), math.cos(5 * k)] for k in range(samples)]
    return nn.mse([model(point) for point in points], [k % 2 for k in range(samples)])


def chain(length: int) -> Value:
    """A graph without scopes."""
    x = y = Value(0.5, label="x")
    while length > 0:
        y = (y * 0.9).tanh()
        length -= 3
    return y + x


def workloads() -> dict[str, Backprop]:
    """What is opened, by name."""
    return {
        "nothing (one leaf)": step(Value(1.0)),
        "tanh(a*b + c)": step((Value(2.0) * Value(-3.0) + Value(7.0)).tanh()),
        "2-4-1 network, 10 samples": step(network([4, 1], 10)),
        "2-16-16-1 network, 4 samples": step(network([16, 16, 1], 4)),
        "chain without scopes": step(chain(2000)),
    }


def measured(browser: Any, steps: Backprop, folder: Path, rounds: int) -> dict[str, float]:
    """Times in milliseconds and sizes in bytes of one page."""
    path = steps.save(folder / "page.html")
    opened, stepped, moved = [], [], []
    for _ in range(rounds):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(path.as_uri(), wait_until="commit")
        opened.append(page.evaluate(OPEN))
        stepped += page.evaluate(MEASURE, PLACES)
        moved += page.evaluate(MOVE, PLACES)
        page.close()
    return {
        "nodes": len(steps.nodes),
        "page_bytes": path.stat().st_size,
        "open_ms": statistics.median(opened),
        "step_median_ms": statistics.median(stepped),
        "step_p95_ms": statistics.quantiles(stepped, n=20)[-1],
        "move_median_ms": statistics.median(moved),
        "move_p95_ms": statistics.quantiles(moved, n=20)[-1],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
        )
        rows = {
            name: measured(browser, steps, Path(folder), options.rounds)
            for name, steps in workloads().items()
        }
        browser.close()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'':30} {'nodes':>7} {'page':>9} {'open':>9} {'step':>8} {'95 %':>8} {'move':>8} {'95 %':>8}")
    for name, row in rows.items():
        print(
            f"{name:30} {row['nodes']:7,} {row['page_bytes'] / 1000:6.0f} kB {row['open_ms']:6.0f} ms "
            f"{row['step_median_ms']:5.0f} ms {row['step_p95_ms']:5.0f} ms "
            f"{row['move_median_ms']:5.0f} ms {row['move_p95_ms']:5.0f} ms"
        )


if __name__ == "__main__":
    main()
