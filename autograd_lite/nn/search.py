"""Cross-validation and grid search: the same training many times, in as many processes as there are.

Each training is a task of plain arrays, a configuration and a seed; the worker builds its own model, and no
`Value` travels. Seeds come from `seed` and the number of the fold, so that the result is the same for any
number of workers, wherever they are. joblib distributes the tasks (extra `search`), so that its contexts
choose where: `with joblib.parallel_config(backend="dask"): ...` sends them to a cluster.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import random
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, AutogradError, nearest
from .building import Build, builder, check_builds, keywords, takes
from .gradients import gradients_of
from .history import History, TrainingError
from .initialisation import generator
from .inputs import is_whole, shown
from .losses import Loss, loss_named
from .optimizers import Optimizer
from .preparing import as_metrics
from .sampling import whole
from .search_results import CrossValidation, Fold, GridPoint, GridSearch, score_named
from .splitting import Standardiser, as_arrays, fold_indices
from .training import fit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["cross_validate", "grid_search"]


def cross_validate(
    build: Build,
    X: Any,  # noqa: N803 - X is what everybody calls it
    y: Any,
    folds: int = 5,
    *,
    metrics: Any = (),
    stratify: bool | None = None,
    standardise: bool = False,
    n_jobs: int | None = None,
    seed: int | random.Random | None = None,
    **settings: Any,
) -> CrossValidation:
    """Train `folds` times, each time without one part of the samples, and measure on that part.

    `build` is a configuration, `{"kind": "mlp", "nin": 2, "nouts": [8, 1], "activation": "tanh"}`, or a
    function `build(seed=…)` that makes a new model; for several processes it stands at the top of a module.
    `settings` are those of `fit` (loss, epochs, lr, …) and of `build`. The optimizer is given by name or as a
    function of the parameters, `functools.partial(nn.AdamW, weight_decay=0.1)`. `validation` and `patience`
    work within the training part: what a fold is measured on has no say in its training.

    `stratify` deals the samples of each class to all folds; unless said, this is done where every label
    occurs at least `folds` times. `standardise` scales the inputs of each fold by its own training part.
    `n_jobs` is the number of processes as in joblib (-1: one for each processor; unless said, that of
    `joblib.parallel_config`, or none but this one). Same seed, same result, whatever `n_jobs`, `seconds`
    aside. Kohavi, "A study of cross-validation and bootstrap" (1995), on the number of folds.

    Raises `ArgumentError` for arguments that do not fit, before anything is trained, and what a training
    raised, with the number of its fold.

    >>> from autograd_lite import nn
    >>> X, y = nn.data.linear(30, noise=0.0, seed=0)
    >>> line = {"kind": "mlp", "nin": 1, "nouts": [1], "activation": "linear"}
    >>> found = cross_validate(line, X, y, folds=3, optimizer="sgd", lr=0.5, epochs=60, seed=0)
    >>> found.mean["loss"] < 1e-6, len(found.folds)
    (True, 3)
    """
    search = _Search.of(build, X, y, folds, metrics, stratify, standardise, seed, settings)
    (result,) = search.run([{}], n_jobs, may_fail=False)
    return result


def grid_search(
    build: Build,
    X: Any,  # noqa: N803
    y: Any,
    grid: Mapping[str, Iterable[Any]],
    *,
    folds: int = 5,
    by: str = "loss",
    metrics: Any = (),
    stratify: bool | None = None,
    standardise: bool = False,
    n_jobs: int | None = None,
    seed: int | random.Random | None = None,
    **settings: Any,
) -> GridSearch:
    """Cross-validate every combination of the grid's settings, and rank them by a score.

    `grid` has a list for each setting of `fit` or of `build`: `{"lr": [0.01, 0.1], "hidden": [4, 8]}`. All
    combinations see the same folds and seeds, so that they differ by their settings alone. `by` is "loss" or
    the name of one of the metrics. The rest is as in `cross_validate`. A combination whose training breaks
    down (a loss that is not finite) is recorded as failed and comes last; if all do, `AutogradError` is
    raised.

    The best score of many is a little too good, because it is the best: measure the chosen settings on
    samples that had no part in the search (Cawley and Talbot 2010).

    >>> from autograd_lite import nn
    >>> X, y = nn.data.xor()
    >>> mlp = {"kind": "mlp", "nin": 2, "nouts": [4, 1], "activation": "tanh"}
    >>> found = grid_search(mlp, X, y, {"lr": [0.001, 0.05], "hidden": [3]}, folds=2, epochs=20, seed=0)
    >>> [point.settings for point in found.points]
    [{'lr': 0.001, 'hidden': 3}, {'lr': 0.05, 'hidden': 3}]
    """
    search = _Search.of(build, X, y, folds, metrics, stratify, standardise, seed, settings)
    listed = as_metrics(metrics, settings.get("loss", "mse"))
    higher = score_named(by, {metric.name: metric.higher_is_better for metric in listed})
    combinations = _combinations(grid)
    results = search.run(combinations, n_jobs, may_fail=True)
    points = [GridPoint(chosen, result) for chosen, result in zip(combinations, results, strict=True)]
    if all(point.failed for point in points):
        raise AutogradError(f"every combination of the grid broke down; the first: {points[0].failed}")
    return GridSearch(points, by, higher)


def _combinations(grid: Any) -> list[dict[str, Any]]:
    if not isinstance(grid, Mapping) or not grid:
        raise ArgumentError(f'grid is a dict of lists, such as {{"lr": [0.01, 0.1]}}, got {shown(grid)}')
    for name, choices in grid.items():
        if isinstance(choices, (str, bytes, Mapping)) or not isinstance(choices, Iterable):
            raise ArgumentError(f"grid[{name!r}] is a list of the numbers or names to try, got "
                                f"{shown(choices)}")
    lists = {name: [_plain(choice) for choice in choices] for name, choices in grid.items()}
    empty = [name for name, choices in lists.items() if not choices]
    if empty:
        raise ArgumentError(f"grid[{empty[0]!r}] is empty: give at least one value to try")
    return [dict(zip(lists, chosen, strict=True)) for chosen in itertools.product(*lists.values())]


def _plain(choice: Any) -> Any:
    """NumPy's numbers as Python's, so that results are plain data."""
    return choice.tolist() if hasattr(choice, "tolist") else choice


# what is to be done


@dataclass(frozen=True)
class _Task:
    """One training, as it is sent to a worker."""

    build: Callable[..., Any]
    sizes: dict[str, Any]
    settings: dict[str, Any]
    metrics: Any
    standardise: bool
    fold: int
    test: list[int]
    seed: int


@dataclass(frozen=True)
class _Broken:
    """What a training raised, as plain data: exceptions do not all survive the way between processes."""

    kind: str
    message: str
    trace: str
    history: History = field(default_factory=History)


@dataclass(frozen=True)
class _Search:
    """Arguments that have been checked."""

    build: Callable[..., Any]
    samples: Array
    targets: Array
    metrics: Any
    standardise: bool
    settings: dict[str, Any]
    parts: list[list[int]]
    seeds: list[int]

    @classmethod
    def of(
        cls, build: Any, X: Any, y: Any, folds: Any, metrics: Any, stratify: Any,  # noqa: N803
        standardise: bool, seed: Any, settings: dict[str, Any],
    ) -> _Search:
        samples, targets = as_arrays(X, y)
        count = whole(folds, "folds", 2)
        if count > len(samples):
            raise ArgumentError(f"{count} folds need as many samples, got {len(samples)}")
        start = int(seed) if is_whole(seed) else (generator(seed) or random.SystemRandom()).getrandbits(64)
        seeds = [random.Random(f"{start} fold {fold}").getrandbits(32) for fold in range(count)]
        parts = fold_indices(targets, count, stratify=_stratifies(stratify, targets, count),
                             seed=random.Random(f"{start} parts"))
        as_metrics(metrics, settings.get("loss", "mse"))
        return cls(builder(build), samples, targets, metrics, standardise, settings, parts, seeds)

    def run(
        self, combinations: Sequence[dict[str, Any]], n_jobs: int | None, *, may_fail: bool
    ) -> list[CrossValidation]:
        """Every combination on every fold."""
        tasks = [task for chosen in combinations for task in self._tasks({**self.settings, **chosen})]
        outcomes = _run_all(tasks, self.samples, self.targets, n_jobs)
        size, found = len(self.parts), []
        for place, (task, outcome) in enumerate(zip(tasks, outcomes, strict=True)):
            if isinstance(outcome, _Broken):
                outcome = _as_failed(task, outcome, combinations[place // size], may_fail)
            found.append(outcome)
        return [CrossValidation(found[start : start + size]) for start in range(0, len(found), size)]

    def _tasks(self, settings: dict[str, Any]) -> list[_Task]:
        for_fit, sizes = _sorted_out(settings, self.build)
        check_builds(self.build, sizes)
        return [_Task(self.build, sizes, for_fit, self.metrics, self.standardise, fold, test, seed)
                for fold, (test, seed) in enumerate(zip(self.parts, self.seeds, strict=True))]


_OWN = {
    "seed": "each fold has its own, made from the seed of the search",
    "checkpoint": "the folds would overwrite each other's",
    "checkpoint_every": "there are no checkpoints here",
    "progress": "many trainings run at once",
}
"""What `fit` takes and a search does not, and why."""


def _sorted_out(
    settings: Mapping[str, Any], build: Callable[..., Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of `fit`, and those of `build`."""
    known = [name for name in inspect.signature(fit).parameters if name not in ("model", "X", "y", *_OWN)]
    for_fit = {name: setting for name, setting in settings.items() if name in known}
    sizes = {name: setting for name, setting in settings.items() if name not in known}
    sizes_known = sorted(keywords(build) - {"seed"})
    for name in sizes:
        if name in _OWN:
            raise ArgumentError(f"{name} cannot be given here: {_OWN[name]}")
        if not takes(build, name):
            raise ArgumentError(f"neither fit nor build takes {name!r}: {nearest(name, known + sizes_known)}")
    if isinstance(for_fit.get("optimizer"), Optimizer):
        raise ArgumentError("an optimizer belongs to one model, and each fold has its own: give its name, or "
                            "a function of the parameters such as functools.partial(nn.AdamW, lr=0.01)")
    return for_fit, sizes


def _stratifies(stratify: bool | None, targets: Array, folds: int) -> bool:
    import numpy as np

    smallest = np.unique(targets, return_counts=True)[1].min() if targets.ndim == 1 else 0
    if stratify is None:
        return bool(smallest >= folds)
    if stratify and smallest < folds:
        raise ArgumentError(f"stratify=True deals every class to all {folds} folds, but the rarest label "
                            f"occurs {smallest} times: fewer folds, or stratify=False")
    return bool(stratify)


# doing it


def _run_all(
    tasks: list[_Task], samples: Array, targets: Array, n_jobs: int | None
) -> Iterable[Fold | _Broken]:
    """The outcomes in the order of the tasks, by joblib where more than this process may be meant.

    In this process they are made one by one as they are asked for, so that the first error ends the search.
    """
    if n_jobs is not None and (not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs == 0):
        raise ArgumentError(f"n_jobs is a number of processes, such as 2 or -1 (all), got {n_jobs!r}")
    if n_jobs == 1 or (n_jobs is None and "joblib" not in sys.modules):  # else a context may be open
        return (_run(task, samples, targets) for task in tasks)
    try:
        from joblib import Parallel, delayed
    except ImportError as error:
        raise AutogradError(f"n_jobs={n_jobs} needs joblib: pip install 'autograd-lite[search]'; "
                            "n_jobs=1 does without") from error
    try:
        return list(Parallel(n_jobs=n_jobs)(delayed(_run)(task, samples, targets) for task in tasks))
    except Exception as error:
        if "pickl" not in f"{type(error).__name__} {error}".lower():
            raise
        raise ArgumentError("build or a setting cannot be sent to other processes: give a configuration, or "
                            "functions at the top of a module that hold no Values") from error


def _run(task: _Task, samples: Array, targets: Array) -> Fold | _Broken:
    """One training in a worker: build, fit, measure."""
    try:
        return _train(task, samples, targets)
    except TrainingError as error:
        return _Broken("TrainingError", str(error), traceback.format_exc(), error.history)
    except Exception as error:
        kind = "ArgumentError" if isinstance(error, ArgumentError) else type(error).__name__
        return _Broken(kind, str(error), traceback.format_exc())


def _train(task: _Task, samples: Array, targets: Array) -> Fold:
    import numpy as np

    rest = np.setdiff1d(np.arange(len(samples)), task.test)
    seen, unseen = samples[rest], samples[task.test]
    if task.standardise:
        scale = Standardiser.of(seen)
        seen, unseen = scale.apply(seen), scale.apply(unseen)
    model = task.build(seed=task.seed, **task.sizes)
    settings = copy.deepcopy(task.settings)  # a schedule that remembers losses belongs to one training
    if callable(settings.get("optimizer")):
        rate = {} if settings.get("lr") is None else {"lr": settings.pop("lr")}
        free = [parameter for parameter in model.parameters() if not parameter.is_frozen]
        settings["optimizer"] = settings["optimizer"](free, **rate)
    history = fit(model, seen, targets[rest], seed=task.seed, progress=False, **settings)
    if history.interrupted:  # the search is to end, too
        raise KeyboardInterrupt
    loss, metrics = _measured(model, task, unseen, targets[task.test])
    return Fold(task.fold, task.seed, task.test, loss, metrics, history)


def _measured(model: Any, task: _Task, samples: Array, targets: Array) -> tuple[float, dict[str, float]]:
    """Loss and metrics of samples that the model has not seen."""
    name = task.settings.get("loss", "mse")
    gradients = gradients_of(model, loss_named(name), None, [])
    rows, wanted = samples.tolist(), targets.tolist()
    if isinstance(gradients.loss, Loss):
        wanted = list(gradients.loss.check(wanted, gradients.width(rows[0])))
    loss, outputs = gradients.loss_and_outputs(rows, wanted)
    return loss, {metric.name: float(metric.of(outputs, wanted)) for metric in as_metrics(task.metrics, name)}


def _as_failed(task: _Task, broken: _Broken, chosen: dict[str, Any], may_fail: bool) -> Fold:
    """A fold without numbers, or the error itself where it may not be passed over."""
    settings = "".join(f", {name}={shown(setting)}" for name, setting in chosen.items())
    message = f"fold {task.fold}{settings}: {broken.message}"
    if broken.kind == "TrainingError":
        if may_fail:
            return Fold(task.fold, task.seed, task.test, math.inf, {}, broken.history, message)
        error: AutogradError = TrainingError(message, broken.history)
    elif broken.kind == "ArgumentError":
        error = ArgumentError(message)
    else:
        error = AutogradError(f"fold {task.fold}{settings}: {broken.kind}: {broken.message}")
    error.add_note(f"In the worker:\n{broken.trace}")
    raise error
