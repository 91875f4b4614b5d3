"""Does a training that is killed end with the same numbers as one that is not?

    python benchmarks/kill_and_resume.py                # 50 kills; runs with .npz and with .json
    python benchmarks/kill_and_resume.py --kills 500 --seed 1

A small network is trained with everything on that has a state: Adam, a learning-rate schedule, shuffled
batches, jittered samples, dropout, batch norm, validation, early stopping, restarts, clipping, a penalty. The
process is killed (SIGKILL, which no program can catch; TerminateProcess on Windows) at a random moment and
started again, until the run is through; every other run writes its checkpoint after every third epoch only.
The result is compared with that of a run that was never killed: history (all but the seconds), parameters and
buffers, bit for bit. While the process runs the checkpoint is read again and again: it is whole at every
moment. The exit code is 1 on any difference.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from autograd_lite import nn
from autograd_lite.nn.checkpoint_files import read_record

SAMPLES = 24


def network() -> nn.Module:
    """Dropout and batch norm in it, both of which remember something beside the parameters."""
    return nn.Sequential(
        nn.Linear(2, 6, seed=1), nn.BatchNorm(6), "tanh", nn.Dropout(0.2, seed=2), nn.Linear(6, 1, seed=3)
    )


def jitter(row: list[float], rng: random.Random) -> list[float]:
    """A sample near this one."""
    return [number + rng.gauss(0.0, 0.05) for number in row]


def train(checkpoint: str | None, every: int = 1) -> str:
    """The whole training, or what is left of it; returns all its numbers as text, to the last bit."""
    rng = random.Random(0)
    samples = [[rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)] for _ in range(SAMPLES)]
    targets = [float(x * y > 0) for x, y in samples]
    model = network()
    history = nn.fit(
        model, samples, targets, loss="bce_with_logits", optimizer="adam", lr=0.05, epochs=60, batch_size=7,
        schedule=nn.WarmUp(5, then=nn.ReduceOnPlateau(factor=0.5, patience=4)), clip_norm=1.0,
        penalty=nn.L2(1e-4), augment=jitter, validation=0.25, metrics=["accuracy"], patience=25,
        restarts=nn.Restarts(2, patience=12), checkpoint=checkpoint, checkpoint_every=every, seed=5,
        progress=False,
    )  # fmt: skip
    told = history.as_dict()
    del told["seconds"]
    return json.dumps([told, model.state_dict()])


def start(path: Path, every: int) -> subprocess.Popen[str]:
    """The training in a process of its own."""
    command = [sys.executable, __file__, "--train", str(path), "--every", str(every)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_with_kills(path: Path, every: int, rng: random.Random, kills: int) -> tuple[str, int]:
    """Start, kill, start again, at most so many times; returns the final numbers and the kills that hit."""
    hits = 0
    while hits < kills:
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = start(path, every)
        # Python takes its time to start; the moments worth a kill come once the checkpoint is written again
        while process.poll() is None and (path.stat().st_mtime_ns if path.exists() else 0) == before:
            time.sleep(0.001)
        until = time.perf_counter() + rng.uniform(0.0, 0.25)
        while process.poll() is None and time.perf_counter() < until:
            read_record(path)  # raises if it is not whole
        if process.poll() is not None:
            return process.communicate()[0], hits
        process.kill()
        process.communicate()
        hits += 1
        read_record(path)
    return start(path, every).communicate()[0], hits


def main() -> int:
    """Kill, compare, print; returns the exit code."""
    parser = argparse.ArgumentParser(description="Kill trainings at random moments and compare the results.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    parser.add_argument("--train", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--every", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print(train(options.train, options.every))
        return 0
    began, expected = time.perf_counter(), train(None)
    moments, kills, runs, different, leftovers = random.Random(options.seed), 0, 0, 0, 0
    while kills < options.kills:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "run.npz" if runs % 2 == 0 else "run.json")
            found, hits = run_with_kills(path, 1 if runs % 4 < 2 else 3, moments, options.kills - kills)
            leftovers += len(list(Path(folder).glob(".*.tmp")))
            kills, runs = kills + hits, runs + 1
            different += found.strip() != expected
    attempts: Any = json.loads(expected)[0]["attempts"]
    print(f"{kills} kills in {runs} runs, each of {attempts[-1]['last_epoch']} epochs in {len(attempts)} "
          f"attempts: {runs - different} runs ended with the same numbers bit for bit, {different} did not; "
          f"no checkpoint was ever less than whole; {leftovers} files were left beside them; "
          f"{time.perf_counter() - began:.0f} s")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
