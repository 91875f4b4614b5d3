"""The main job from end to end: train XOR, draw the network, write down every step of one backpropagation."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from . import nn
from .charts import boundary_chart, loss_chart
from .console import emit
from .drawing import draw
from .engine import Value, no_grad, topological_order
from .errors import AutogradError
from .files import FileError, atomic_write
from .stepping import step

__all__ = ["run_demo"]

GOAL = 0.01
"""Training stops when the loss is below this and all four answers are on the right side of one half."""


def run_demo(
    out: str | os.PathLike[str], *, seed: int = 0, epochs: int = 500, stream: TextIO | None = None
) -> bool:
    """Train a 2-4-1 network on XOR, print its answers, and write pictures and the step account into `out`.

    Returns whether the network solved XOR. Raises `FileError` before training if `out` cannot be written to.
    """
    folder = _usable_folder(out)
    target = stream or sys.stdout
    inputs, targets = nn.data.xor()
    model = nn.MLP(2, [4, 1], activation="tanh", seed=seed)
    emit(
        "Training 2 inputs, 4 tanh neurons and 1 output on XOR "
        f"({len(model.parameters())} parameters, seed {seed})",
        target,
    )
    history = nn.fit(
        model,
        inputs,
        targets,
        loss="mse",
        optimizer=nn.Adam(model.parameters(), lr=0.05),
        epochs=epochs,
        callbacks=_Progress(epochs, target),
        progress=False,
    )
    solved = _print_answers(model, inputs, targets, history, target)
    emit("", target)
    for name, write in _products(model, inputs, targets, history.loss).items():
        _report(folder / name, write, target)
    return solved


class _Progress:
    """A line for some of the epochs, and the word to stop when XOR is learned."""

    def __init__(self, epochs: int, stream: TextIO) -> None:
        self.epochs, self.stream = epochs, stream
        self.every = max(1, epochs // 50)

    def __call__(self, event: nn.EpochEnd) -> str | None:
        solved = event.loss < GOAL and _all_right(event.model)
        if solved or event.epoch in (1, self.epochs) or event.epoch % self.every == 0:
            bar = _bar(event.loss)
            emit(f"  epoch {event.epoch:>4}   loss {event.loss:8.5f}  {bar}", self.stream)
        return "solved" if solved else None


def _bar(loss: float, width: int = 32) -> str:
    """The loss as a bar; half the width stands for 0.5."""
    return "█" * max(1, min(width, round(width * loss)))


def _answer(model: nn.MLP, inputs: Any) -> float:
    with no_grad():
        answer = model(inputs)
    return float(answer.data)


def _all_right(model: nn.MLP) -> bool:
    inputs, targets = nn.data.xor()
    return all((_answer(model, x) > 0.5) == (t > 0.5) for x, t in zip(inputs, targets, strict=True))


def _print_answers(model: nn.MLP, inputs: Any, targets: Any, history: nn.History, stream: TextIO) -> bool:
    """The table of the four answers; returns whether all are right."""
    emit("", stream)
    emit("   input      target   answer", stream)
    emit("  ──────────────────────────────────", stream)
    for x, wanted in zip(inputs, targets, strict=True):
        answer = _answer(model, x)
        mark = "✓" if (answer > 0.5) == (wanted > 0.5) else "✗"
        emit(f"  {x[0]:>2.0f}  xor {x[1]:>2.0f}   {wanted:>4.0f}   {answer:8.4f}   {mark}", stream)
    right = _all_right(model)
    loss = history.loss[-1] if history.loss else float("nan")
    words = "XOR is solved" if right else "XOR is not solved yet"
    emit("", stream)
    emit(f"  {words} after {len(history)} epochs, loss {loss:.5f}", stream)
    if not right:
        emit("  give it more --epochs or another --seed", stream)
    return right


def _products(
    model: nn.MLP, inputs: Any, targets: Any, losses: list[float]
) -> dict[str, Callable[[Path], object]]:
    """What is written, by file name."""
    model.zero_grad()
    worst = max(range(len(inputs)), key=lambda index: abs(_answer(model, inputs[index]) - targets[index]))
    hidden, loss = _one_sample(model, inputs[worst], targets[worst])
    loss.backward()
    samples = [((x[0], x[1]), wanted) for x, wanted in zip(inputs, targets, strict=True)]
    loss_svg = loss_chart(losses, goal=GOAL, title="XOR: the loss while training")

    def boundary_svg() -> str:
        return boundary_chart(
            lambda a, b: _answer(model, [a, b]), samples, title="XOR: what the network answers"
        )

    return {
        "network.svg": draw(loss, fold="neuron").save,
        "neuron.svg": draw(hidden, edges="local").save,
        "loss.svg": lambda path: atomic_write(path, loss_svg),
        "boundary.svg": lambda path: atomic_write(path, boundary_svg()),
        "steps.txt": step(loss).save,
        "steps.html": step(loss).save,
    }


def _one_sample(model: nn.MLP, inputs: Any, target: float) -> tuple[Value, Value]:
    """The output of the first hidden neuron, and the loss, for one sample."""
    answer = model([Value(number, label=f"x{index}") for index, number in enumerate(inputs)])
    answer.label = "answer"
    loss = (answer - target) ** 2
    loss.label = "loss"
    first_neuron = [node for node in topological_order(loss) if node.scope.endswith("layer 0/neuron 0")]
    return first_neuron[-1], loss


_MEANING = {
    "network.svg": "the network's graph for one sample, one box a neuron",
    "neuron.svg": "one neuron in full, with values, gradients and local derivatives",
    "loss.svg": "the loss while training",
    "boundary.svg": "what the network answers over the square",
    "steps.txt": "every step of one backpropagation, to read",
    "steps.html": "the same to step through: open it in a browser",
}


def _report(path: Path, write: Callable[[Path], object], stream: TextIO) -> None:
    """Write one file and say so; a picture that cannot be rendered here does not stop the others."""
    try:
        write(path)
    except FileError:
        raise
    except AutogradError as error:
        emit(f"  not written: {path.name} ({error})", stream)
        return
    emit(f"  {path!s:<36}  {_MEANING[path.name]}", stream)


def _usable_folder(out: str | os.PathLike[str]) -> Path:
    """The folder, made if it is missing, and found to be writable by writing."""
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FileError(
            f"cannot write into the folder {str(folder)!r}: {error.strerror or error}. "
            "Choose another with --out."
        ) from error
    return folder
