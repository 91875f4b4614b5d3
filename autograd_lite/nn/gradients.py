"""How `fit` gets losses and gradients: the one place where it meets graphs.

`EagerGradients` builds graphs. `CompiledGradients` (`compiled.py`) takes its place in `fit(compiled=True)`:
it has the same methods and keeps to what each of them says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..engine import Value, no_grad
from ..errors import ArgumentError
from .calling import without_scopes
from .inputs import shown
from .losses import Loss, flat_output
from .modules import Module
from .prediction import evaluating, plain_output, run_samples
from .resting import collector_resting

__all__ = ["EagerGradients", "LossFunction", "Penalty", "gradients_of", "takes_together"]

_IN_ONE_GRAPH = 8
"""How many samples go backward together: a pass visits every parameter, and so each is visited less often,
while memory holds the graphs of only so many samples."""

LossFunction = Callable[[list[Any], list[Any]], Value]
Penalty = Callable[[list[Value]], Value]


def gradients_of(
    model: Any, loss: Loss | LossFunction, penalty: Penalty | None, parameters: list[Value]
) -> EagerGradients:
    """What computes losses and gradients where nothing else was asked for."""
    return EagerGradients(model, loss, penalty, parameters)


def takes_together(model: Any) -> bool:
    """Whether the samples of a batch must be given together, by `model.batch`, in training."""
    return isinstance(model, Module) and any(module.mixes_samples for _, module in model.named_modules())


class EagerGradients:
    """Losses and gradients by building graphs and going back through them.

    Whatever takes its place must keep to this. The parameters' numbers are read afresh at each call and never
    written; gradients are added to `.grad`, and every parameter that the loss depends on has `has_grad`
    afterwards. Samples are taken in the order given: modules with generators (dropout) draw from them sample
    by sample, layer by layer, and batch norm updates its buffers once for each call. The caller has set
    `train()`. An error leaves gradients half added, buffers and generators somewhere: the caller puts back
    what it wants back. Results are Python floats; NaN and infinity are no errors here.
    """

    def __init__(
        self, model: Any, loss: Loss | LossFunction, penalty: Penalty | None, parameters: list[Value]
    ) -> None:
        self.model, self.loss, self.penalty, self.parameters = model, loss, penalty, parameters
        self.takes_together = takes_together(model)

    @property
    def eager(self) -> EagerGradients:
        """What computes the same by graphs: this."""
        return self

    @property
    def in_one_graph(self) -> bool:
        """Whether a batch is one graph, not several of a few samples each."""
        return self.takes_together or not isinstance(self.loss, Loss)

    def taken_for_granted(self) -> list[Any]:
        """What must be as it was for this to go on, or it is to be made anew. Graphs always are new."""
        return []

    def prepare(self, rows: Sequence[list[float]], targets: Sequence[Any]) -> None:
        """See a batch before training begins; nothing is changed. There is nothing to do for graphs."""

    def loss_and_gradients(self, rows: Sequence[list[float]], targets: Sequence[Any]) -> float:
        """The mean loss of a batch in training; its gradients are added to the parameters'."""
        with collector_resting():
            loss: float = without_scopes(self._backward, rows, targets)
        return loss

    def penalty_and_gradients(self) -> float:
        """The penalty on the parameters as they are; its gradients are added to theirs."""
        if self.penalty is None:
            return 0.0
        value = self.penalty(self.parameters)
        if not isinstance(value, Value):
            raise ArgumentError(f"the penalty must return a Value, got {shown(value)}")
        value.backward()
        return float(value.data)

    def loss_and_outputs(
        self, rows: Sequence[list[float]], targets: Sequence[Any]
    ) -> tuple[float, list[Any]]:
        """The mean loss in use, in `eval()` and without gradients, and the answers as plain numbers."""
        if isinstance(self.loss, Loss):
            outputs = run_samples(self.model, rows)
            return without_scopes(self._plain_loss, self.loss, outputs, targets), outputs
        with evaluating(self.model), no_grad():
            answers = without_scopes(lambda: [self.model(row) for row in rows])
            value = self._own_loss(self.loss, answers, targets)
        return float(value.data), [plain_output(answer) for answer in answers]

    def width(self, row: list[float]) -> int:
        """How many outputs the model has, by its answer to one sample in `eval()`."""
        (answer,) = run_samples(self.model, [row])
        return len(answer) if isinstance(answer, list) else 1

    def _backward(self, rows: Sequence[list[float]], targets: Sequence[Any]) -> float:
        loss = self.loss
        if not isinstance(loss, Loss):
            outputs = self.model.batch(rows) if self.takes_together else [self.model(row) for row in rows]
            return self._back_from(self._own_loss(loss, outputs, targets))
        if self.takes_together:
            outputs = self.model.batch(rows)
            pairs = zip(outputs, targets, strict=True)
            terms = [loss.term(flat_output(output), target) for output, target in pairs]
            return self._back_from(terms[0] if len(terms) == 1 else ops.mean(terms))
        total, share = 0.0, 1.0 / len(rows)
        for start in range(0, len(rows), _IN_ONE_GRAPH):
            some = range(start, min(start + _IN_ONE_GRAPH, len(rows)))
            terms = [loss.term(flat_output(self.model(rows[index])), targets[index]) for index in some]
            for term in terms:
                total += term.data
            (ops.sum(terms) if len(terms) > 1 else terms[0]).backward(share)
            del terms  # or the last graph lives while the next is built
        return total / len(rows)

    @staticmethod
    def _back_from(value: Value) -> float:
        value.backward()
        return float(value.data)

    @staticmethod
    def _own_loss(loss: LossFunction, outputs: list[Any], targets: Sequence[Any]) -> Value:
        value = loss(outputs, list(targets))
        if not isinstance(value, Value):
            raise ArgumentError(f"the loss function must return a Value, got {value!r}")
        return value

    @staticmethod
    def _plain_loss(loss: Loss, outputs: list[Any], targets: Sequence[Any]) -> float:
        with no_grad():
            total = 0.0
            for output, target in zip(outputs, targets, strict=True):
                total += loss.term(_as_values(output), target).data
        return total / len(outputs)


def _as_values(output: Any) -> Any:
    return [_as_values(part) for part in output] if isinstance(output, list) else Value(output)
