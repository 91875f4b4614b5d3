"""Checkpoints of `fit`: everything that it needs to go on bit for bit, and whose run it was."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import ArgumentError
from .checkpoint_files import as_path, clear_leftovers, read_record, write_record
from .history import History
from .loop import Ending, Training
from .losses import Loss
from .model_state import Weights
from .modules import Module
from .preparing import Data, Plan
from .stopping import Lowest

__all__ = ["Checkpoint"]


class Checkpoint:
    """The file of one run: written after epochs, read when the same run starts again."""

    def __init__(self, path: str | os.PathLike[str], every: int, training: Training) -> None:
        self.path: Path = as_path(path)
        self.every = every
        self.identity = _identity(training.plan)
        _refuse_other_randomness(training.plan)

    def open(self, training: Training) -> None:
        """Go on where the file says, if there is one, else make it.

        Raises `ArgumentError` for the file of another run and `FileError` for one that cannot be read or
        written; nothing is changed then.
        """
        clear_leftovers(self.path)
        if not self.path.exists():
            self._write(training)
            return
        record = read_record(self.path)
        self._check(record["identity"])
        done, epochs = record["attempt_epochs"], training.plan.epochs
        if done > epochs:
            raise ArgumentError(f"the checkpoint {str(self.path)!r} holds {done} epochs of training, more "
                                f"than epochs={epochs}: give at least as many, or another name")
        model, optimizer = training.epochs.model, training.plan.optimizer
        weights, draws, state = model.weights(), model.draws(), optimizer.state_dict()
        try:
            _put(training, record)
        except BaseException:  # Ctrl-C too
            model.put_weights(weights)
            model.put_draws(draws)
            optimizer.load_state_dict(state)
            raise

    def after_epoch(self, training: Training) -> None:
        """Write the file, if it is time to."""
        if training.ending is not None or training.epochs.epoch % self.every == 0:
            self._write(training)

    def _write(self, training: Training) -> None:
        write_record(self.path, {"identity": self.identity, **_taken(training)})

    def _check(self, saved: dict[str, Any]) -> None:
        """`ArgumentError` that names the first difference between the run of the file and this one."""
        for name, own in self.identity.items():
            there = saved.get(name)
            if there != own:
                told, mine = (part["told"] if isinstance(part, dict) else part for part in (there, own))
                difference = f"{told} in the file, {mine} here"
                if told == mine:  # they look the same, and are not
                    difference = f"{mine}, but not {_SAME.get(name, 'the same')}"
                raise ArgumentError(f"the checkpoint {str(self.path)!r} is of another run. {name}: "
                                    f"{difference}. Nothing was changed. Give another name, or delete the "
                                    "file to start anew.")


_SAME = {
    "model": "with the same modules, names and frozen parameters",
    "data": "the same numbers",
    "validation": "the same numbers",
}


# whose run it is


def _identity(plan: Plan) -> dict[str, Any]:
    """What must agree for the numbers of a checkpoint to mean the same, in words and as hashes."""
    settings = {
        "loss": f"{plan.loss.name} {plan.loss.settings or ''}".strip() if isinstance(plan.loss, Loss)
        else _named(plan.loss),
        "optimizer": repr(plan.optimizer),
        "batches": f"{len(plan.batches)} in an epoch, the first of {plan.batches[0][1]}",
        "schedule": _named(plan.schedule),
        "schedule_per": "step" if plan.by_step else "epoch",
        "clip_value": plan.clip_value,
        "clip_norm": plan.clip_norm,
        "penalty": _named(plan.penalty),
        "augment": _named(plan.augment),
        "metrics": [metric.name for metric in plan.metrics],
        "patience": plan.patience,
        "restarts": repr(plan.restarts),
        "seed": plan.streams.seed,
        "compiled": plan.executor,
    }
    return {
        "model": {"told": _told(plan.model), "hash": _hash(*_architecture(plan))},
        "data": _data(plan.data),
        "validation": None if plan.held_out is None else _data(plan.held_out),
        **settings,
    }


def _told(model: Any) -> str:
    return f"{_named(model)[:200]} with {len(model.parameters())} parameters"


def _architecture(plan: Plan) -> Iterator[str]:
    """Every module's class and kind, every parameter's name and whether it is trained."""
    trained, model = set(map(id, plan.optimizer.parameters)), plan.model
    if isinstance(model, Module):
        for name, module in model.named_modules():
            yield f"{name} {type(module).__qualname__} {module._kind()}"
        pairs = model.named_parameters()
    else:
        yield type(model).__qualname__
        pairs = [(str(index), parameter) for index, parameter in enumerate(model.parameters())]
    for name, parameter in pairs:
        yield f"{name} {id(parameter) in trained} {parameter.is_frozen}"


def _data(data: Data) -> dict[str, str]:
    rows = [*data.samples, *(target if isinstance(target, list) else [target] for target in data.targets)]
    numbers = (struct.pack(f"<{len(row)}d", *map(float, row)) for row in rows)
    return {"told": f"{len(data)} samples of {len(data.samples[0])} numbers", "hash": _hash(*numbers)}


def _named(thing: Any) -> str:
    """What it is, in words that are the same in every process."""
    return "None" if thing is None else re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(thing))


def _hash(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else f"{part}\n".encode())
    return found.hexdigest()


def _refuse_other_randomness(plan: Plan) -> None:
    """Python's own `random`, from which fit draws without a seed, is not ours to put back."""
    asked = {
        "shuffling the batches": len(plan.batches) > 1,
        "augment": plan.augment is not None,
        "restarts": plan.restarts.times > 0,
        "validation": plan.held_out is not None and plan.numbers != list(range(len(plan.numbers))),
    }
    drawing = [name for name, is_asked in asked.items() if is_asked]
    if drawing and plan.streams.seed is None:
        raise ArgumentError(f"a checkpoint can be resumed exactly only with seed=, an int: {drawing[0]} "
                            "draws random numbers")


# what it holds


def _taken(training: Training) -> dict[str, Any]:
    """All that changes while training goes on, as plain data."""
    plan, epochs, model = training.plan, training.epochs, training.epochs.model
    history = {part.name: getattr(training.history, part.name) for part in fields(History)}
    best = training.best_weights
    return {
        "epoch": epochs.epoch,
        "attempt_epochs": epochs.attempt_epochs,
        "attempt_steps": epochs.attempt_steps,
        "attempt": training.attempt,
        "first_epoch": training.first_epoch,
        "best": [training.best.loss, training.best.epoch],
        "attempt_best": [training.attempt_best.loss, training.attempt_best.epoch],
        "plateau": training.plateau.state_dict(),
        "ending": None if training.ending is None else list(training.ending),
        "history": history,
        "weights": list(model.weights()),
        "best_weights": None if best is None else list(best),
        "optimizer": plan.optimizer.state_dict(),
        "schedule": None if plan.schedule is None else plan.schedule.state_dict(),
        "streams": None if plan.streams.seed is None else plan.streams.states(),
        "generators": model.draws(),
    }


def _put(training: Training, record: dict[str, Any]) -> None:
    """Go on from what `_taken` gave."""
    plan, epochs, model = training.plan, training.epochs, training.epochs.model
    plan.optimizer.load_state_dict(record["optimizer"])  # it checks, and changes nothing if it does not fit
    model.put_weights(Weights(*record["weights"]))
    if plan.schedule is not None:
        plan.schedule.load_state_dict(record["schedule"])
    if record["streams"] is not None:
        plan.streams.put({name: _state(state) for name, state in record["streams"].items()})
    model.put_draws([_state(state) for state in record["generators"]])
    epochs.epoch, epochs.attempt_epochs = record["epoch"], record["attempt_epochs"]
    epochs.attempt_steps = record["attempt_steps"]
    training.attempt, training.first_epoch = record["attempt"], record["first_epoch"]
    training.best, training.attempt_best = Lowest(*record["best"]), Lowest(*record["attempt_best"])
    training.plateau.load_state_dict(record["plateau"])
    training.best_weights = None if record["best_weights"] is None else Weights(*record["best_weights"])
    training.history = History.from_dict(record["history"])
    if training.history.seconds:
        training.clock = time.perf_counter() - training.history.seconds[-1]
    training.ending = None if record["ending"] is None else Ending(*record["ending"])
    if training.ending is not None and training.ending.kind == "epochs" and (
        epochs.attempt_epochs < plan.epochs
    ):
        training.ending = None  # it ended because there were no more epochs, and now there are


def _state(state: Any) -> tuple[Any, ...]:
    """The state of a `random.Random` again, which wants tuples."""
    version, numbers, gauss = state
    return version, tuple(numbers), gauss
