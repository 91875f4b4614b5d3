"""Losses and gradients for `fit` by replaying traces: the same three methods as `EagerGradients`.

The loss of one sample is traced once, with the sample and its target as inputs, and batches are replayed
through it. Where the samples of a batch depend on each other (batch norm, a loss function of one's own), the
whole batch is one trace. Buffers go in as numbers that all samples share and come out as results; dropout
draws its masks from the same generators, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..compiling.row_traces import RowTraces, Total
from ..engine import Value
from ..errors import ArgumentError, CompileError
from ..modes import current_mode
from ..structures import flatten
from .attributes import attributes_of
from .calling import without_scopes
from .compiled_penalty import CompiledPenalty
from .gradients import EagerGradients, LossFunction, Penalty
from .losses import Loss, flat_output
from .model_state import ModelState
from .modules import Module
from .prediction import evaluating

__all__ = ["CompiledGradients"]


class CompiledGradients(EagerGradients):
    """Losses and gradients by replaying what was traced. Keeps to what `EagerGradients` says.

    Gradients are added to the parameters given, not to others of the model. Raises `CompileError` for what
    cannot be traced.
    """

    def __init__(
        self,
        model: Any,
        loss: Loss | LossFunction,
        penalty: Penalty | None,
        parameters: list[Value],
        executor: str = "auto",
    ) -> None:
        super().__init__(model, loss, penalty, parameters)
        self.executor = executor
        self.state = ModelState(model)
        self.by_sample = not self.takes_together and is_mean_over_samples(loss)
        self.trained = [parameter for parameter in parameters if not parameter.is_frozen]
        self._traces: dict[Any, RowTraces] = {}
        self._shapes: dict[int, Callable[[list[Any]], Any]] = {}
        self.compiled_penalty = None if penalty is None else CompiledPenalty(penalty, parameters, executor)

    @property
    def eager(self) -> EagerGradients:
        """The same by graphs, for looking at every node."""
        return EagerGradients(self.model, self.loss, self.penalty, self.parameters)

    def taken_for_granted(self) -> list[Any]:
        """What traces of the model hold for: which parameters are frozen, and see `attributes_of`."""
        return [*[parameter.is_frozen for parameter in self.parameters], *attributes_of(self.model)]

    def prepare(self, rows: Sequence[list[float]], targets: Sequence[Any]) -> None:
        """Trace a batch; `CompileError` if that cannot be done. Nothing is changed."""
        traces, numbers = self.traces_for(rows, targets)
        if not traces.branches:
            without_scopes(traces.find, numbers[0], self.shared())

    def loss_and_gradients(self, rows: Sequence[list[float]], targets: Sequence[Any]) -> float:
        """The mean loss of a batch in training; its gradients are added to the parameters'.

        Under `detect_anomaly()`, which looks at every node, and `no_grad()` graphs are built.
        """
        if needs_graphs():
            return self.eager.loss_and_gradients(rows, targets)
        traces, numbers = self.traces_for(rows, targets)
        total = without_scopes(traces.gradients, numbers, self.shared())
        share = 1.0 / len(numbers)
        for parameter, slope, reached in zip(self.trained, total.gradient, total.reached, strict=True):
            if reached:
                parameter.grad += slope * share
        self._keep_buffers(total)
        return float(total.loss / len(numbers))

    def penalty_and_gradients(self) -> float:
        """The penalty on the parameters as they are; its gradients are added to theirs."""
        if self.compiled_penalty is None:
            return 0.0
        if needs_graphs():
            return self.eager.penalty_and_gradients()
        return without_scopes(self.compiled_penalty.and_gradients)

    def loss_and_outputs(
        self, rows: Sequence[list[float]], targets: Sequence[Any]
    ) -> tuple[float, list[Any]]:
        """The mean loss in use, in `eval()` and without gradients, and the answers as plain numbers."""
        with evaluating(self.model):
            if isinstance(self.model, Module) and self.model.needs_batch:
                return super().loss_and_outputs(rows, targets)
            traces, numbers = self.traces_for(rows, targets, training=False)
            outputs = without_scopes(traces.values, numbers, self.shared())
        rebuild = self._shapes[id(traces)]
        loss = sum([row[0] for row in outputs]) / len(outputs)
        answers = [rebuild(list(row[1:])) for row in outputs]
        return float(loss), answers if is_mean_over_samples(self.loss) else answers[0]

    # what is traced

    def traces_for(
        self, rows: Sequence[list[float]], targets: Sequence[Any], *, training: bool = True
    ) -> tuple[RowTraces, list[list[float]]]:
        """The traces for a batch, and its numbers as they take them: a row for each sample or one for all."""
        numbers = [_flat(row, target) for row, target in zip(rows, targets, strict=True)]
        by_sample = self.by_sample if training else is_mean_over_samples(self.loss)
        if not by_sample:
            numbers = [[number for row in numbers for number in row]]
        target = targets[0]
        width = len(target) if isinstance(target, list) else None
        return self.traces_of(training, len(rows[0]), width, len(rows)), numbers

    def traces_of(self, training: bool, columns: int, width: int | None, size: int) -> RowTraces:
        """The traces for `size` samples of so many columns and targets of `width` numbers (None: of one)."""
        by_sample = self.by_sample if training else is_mean_over_samples(self.loss)
        key = (training, columns, width, None if by_sample else size)
        if key not in self._traces:
            self._traces[key] = self._new_traces(*key)
        return self._traces[key]

    def shared(self) -> list[float]:
        """The buffers, flat: numbers that all samples share."""
        return flatten(self.state.buffer_numbers())[0] if self.state.buffers else []

    def _new_traces(self, training: bool, columns: int, width: int | None, count: int | None) -> RowTraces:
        size = columns + (1 if width is None else width)
        rebuilt = flatten(self.state.buffer_numbers())[1] if self.state.buffers else None

        def function(row: list[Any], shared: list[Any]) -> list[Any]:
            samples = [row[start : start + columns] for start in range(0, len(row), size)]
            wanted = [
                row[start + columns] if width is None else row[start + columns : start + size]
                for start in range(0, len(row), size)
            ]
            self.state.set_training(training)
            if rebuilt is not None:
                self.state.put_buffers(rebuilt(shared))
            if count is None:
                return self._of_sample(samples[0], wanted[0], shared, training, traces)
            return self._of_batch(samples, wanted, training, traces)

        traces = RowTraces(function, self.trained, executor=self.executor, remember=self._remember)
        return traces

    def _of_sample(
        self, sample: list[Any], target: Any, shared: list[Any], training: bool, traces: RowTraces
    ) -> list[Any]:
        """The loss of one sample; in use its answer, too."""
        output = flat_output(self.model(sample))
        term = self.loss.term(output, target) if isinstance(self.loss, Loss) else self._own_loss(
            self.loss, [output], [target])  # fmt: skip
        if not training:
            return [term, *self._shaped(output, traces)]
        if any(now is not before for now, before in zip(self._buffers_now(), shared, strict=True)):
            raise CompileError("a module of this model changes its buffers at each sample, so that the "
                               "samples of a batch depend on each other: leave compiled out, or let it say "
                               "`mixes_samples = True` and take them together in forward_batch")  # fmt: skip
        return [term]

    def _of_batch(
        self, samples: list[Any], targets: list[Any], training: bool, traces: RowTraces
    ) -> list[Any]:
        """The loss of a batch and the buffers after it; in use the answers."""
        model, loss = self.model, self.loss
        together = training and self.takes_together
        outputs = model.batch(samples) if together else [model(row) for row in samples]
        if isinstance(loss, Loss):
            terms = [loss.term(flat_output(output), target)
                     for output, target in zip(outputs, targets, strict=True)]
            value = terms[0] if len(terms) == 1 else ops.mean(terms)
        else:
            value = self._own_loss(loss, outputs, targets)
        if training:
            return [value, *self._buffers_now()]
        return [value, *self._shaped([flat_output(output) for output in outputs], traces)]

    def _shaped(self, answers: Any, traces: RowTraces) -> list[Any]:
        """The numbers of an answer; their structure is kept for putting others in their place."""
        numbers, self._shapes[id(traces)] = flatten(answers)
        strange = [number for number in numbers if not isinstance(number, Value)]
        if strange:
            raise ArgumentError("the model must return a Value or a list of Values for one sample, got "
                                f"{strange[0]!r:.60}")
        return numbers

    # what the model remembers

    def _buffers_now(self) -> list[Any]:
        return flatten(self.state.buffer_numbers())[0] if self.state.buffers else []

    def _keep_buffers(self, total: Total) -> None:
        """Write back what a batch made of the buffers."""
        if not self.by_sample:
            self.put_shared([float(number) for number in total.outputs[0][1:]])

    def put_shared(self, numbers: list[float]) -> None:
        """Set the buffers."""
        if self.state.buffers:
            self.state.put_buffers(flatten(self.state.buffer_numbers())[1](numbers))

    def _remember(self) -> Callable[[], None]:
        """A function that puts back what running the model changes."""
        buffers, draws, flags = self.state.buffer_numbers(), self.state.draws(), self.state.is_training()

        def undo() -> None:
            self.state.set_training(flags)
            self.state.put_buffers(buffers)
            self.state.put_draws(draws)

        return undo


def needs_graphs() -> bool:
    """Whether gradients are those of graphs now: where every node is looked at, and where there are none."""
    mode = current_mode()
    return mode.anomaly or not mode.grad


def is_mean_over_samples(loss: Loss | LossFunction) -> bool:
    """Whether the loss of a batch is the mean of the losses of its samples, each by itself."""
    return isinstance(loss, Loss) or bool(getattr(loss, "is_mean_over_samples", False))


def _flat(row: Sequence[float], target: Any) -> list[float]:
    return [*row, *target] if isinstance(target, list) else [*row, target]
