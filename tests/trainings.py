"""The table of trainings that are compared with PyTorch's: what is trained, and how.

Every layer, loss, optimizer, schedule, penalty and way of clipping stands in at least one row, with every
setting of optimizers and losses; `test_nn_oracle.py` runs the rows and sees that none is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twins import LastToken, Tokens

from autograd_lite import nn
from autograd_lite.nn import Linear, Sequential

__all__ = ["SAMPLES", "SCHEDULES", "STEPS", "TRAININGS", "Training"]

STEPS, SAMPLES = 50, 5


@dataclass(frozen=True)
class Training:
    """One row: what is trained, and how."""

    name: str
    model: Callable[[], nn.Module]
    loss: str = "mse"
    settings: dict[str, Any] = field(default_factory=dict)
    optimizer: str = "sgd"
    lr: float = 0.05
    rule: dict[str, Any] = field(default_factory=dict)
    groups: tuple[dict[str, Any], ...] = ()
    schedule: str = ""
    clip_value: float | None = None
    clip_norm: float | None = None
    penalty: Any = None
    inputs: str = "numbers"
    training: bool = True
    frozen: int = 0
    """How many tensors, from the first on, stay as they are."""


def small(outputs: int = 1, seed: int = 0, activation: str = "tanh") -> nn.Module:
    return nn.MLP(3, [4, outputs], activation=activation, seed=seed)


def stack(*parts: Any, seed: int = 0) -> Callable[[], nn.Module]:
    return lambda: Sequential(*[part() if isinstance(part, partial) else part for part in parts], seed=seed)


def probability(outputs: int = 1) -> nn.Module:
    return nn.MLP(3, [4, outputs], activation="tanh", output="sigmoid", seed=2)


TRAININGS = [
    # layers
    Training("Linear", lambda: Linear(3, 2, seed=1), clip_norm=0.5),
    Training("Linear without bias", lambda: Linear(3, 1, bias=False, seed=1), "mae"),
    Training("Neuron", lambda: nn.Neuron(3, activation="sigmoid", seed=1), rule={"momentum": 0.9}),
    Training("Layer", lambda: nn.Layer(3, 2, activation="silu", seed=1), optimizer="adam"),
    Training("MLP with ReLU", lambda: small(2, 1, "relu"), optimizer="adam", lr=0.01),
    Training("Sequential with activations",
             stack(partial(Linear, 3, 4), "gelu", partial(Linear, 4, 4), "softplus", partial(Linear, 4, 1)),
             optimizer="rmsprop", lr=0.01),
    Training("Activation with a setting",
             stack(partial(Linear, 3, 4), partial(nn.Activation, "leaky_relu", slope=0.2),
                   partial(Linear, 4, 1)), "huber"),
    Training("softmax within", stack(partial(Linear, 3, 3), "softmax", partial(Linear, 3, 1)), lr=0.5),
    Training("Dropout in training", stack(partial(Linear, 3, 8), "tanh", partial(nn.Dropout, 0.4),
                                          partial(Linear, 8, 1)), optimizer="adam", lr=0.01),
    Training("Dropout in use", stack(partial(Linear, 3, 8), "tanh", partial(nn.Dropout, 0.4),
                                     partial(Linear, 8, 1)), training=False),
    Training("BatchNorm", stack(partial(Linear, 3, 4, bias=False), partial(nn.BatchNorm, 4), "tanh",
                                partial(Linear, 4, 1)), optimizer="adam", lr=0.01),
    Training("BatchNorm averaging over all batches",
             stack(partial(nn.BatchNorm, 3, momentum=None, eps=1e-3), partial(Linear, 3, 2))),
    Training("BatchNorm without weights, twice",
             stack(partial(nn.BatchNorm, 3, affine=False), partial(Linear, 3, 3, bias=False), "elu",
                   partial(nn.BatchNorm, 3, momentum=0.3), partial(Linear, 3, 3)), "cross_entropy"),
    Training("BatchNorm in use", stack(partial(nn.BatchNorm, 3), partial(Linear, 3, 1)), training=False),
    Training("LayerNorm", stack(partial(Linear, 3, 4), partial(nn.LayerNorm, 4), "mish",
                                partial(Linear, 4, 1)), optimizer="adamw"),
    Training("LayerNorm without bias and without weights",
             stack(partial(Linear, 3, 4), partial(nn.LayerNorm, 4, bias=False), "tanh", partial(Linear, 4, 4),
                   partial(nn.LayerNorm, 4, affine=False, eps=1e-2), partial(Linear, 4, 2)),
             "bce_with_logits", lr=0.2),
    Training("RMSNorm", stack(partial(Linear, 3, 4), partial(nn.RMSNorm, 4), "selu", partial(Linear, 4, 2)),
             "cross_entropy", optimizer="adam", lr=0.01),
    Training("RMSNorm without weights", stack(partial(nn.RMSNorm, 3, affine=False), partial(Linear, 3, 1))),
    Training("Embedding", stack(partial(nn.Embedding, 5, 2), partial(Linear, 6, 3)), "cross_entropy",
             inputs="tokens", optimizer="adagrad", lr=0.1),
    Training("Residual", lambda: Sequential(
        Linear(3, 4), nn.Residual(Sequential(Linear(4, 4), "tanh")), Linear(4, 1), seed=0), lr=0.02),
    Training("Residual around BatchNorm", lambda: Sequential(
        Linear(3, 4), nn.Residual(Sequential(nn.BatchNorm(4), "tanh", Linear(4, 4))), Linear(4, 1), seed=0)),
    Training("AttentionHead", lambda: Sequential(
        Tokens(nn.AttentionHead(2, 3, seed=0), 2), Linear(9, 1, seed=0)), inputs="vectors"),
    Training("AttentionHead looking ahead", lambda: Sequential(
        Tokens(nn.AttentionHead(2, 2, causal=False, seed=0), 2), Linear(6, 1, seed=0)), inputs="vectors"),
    Training("SelfAttention with heads", lambda: Sequential(
        Tokens(nn.SelfAttention(2, heads=2, seed=0), 2), Linear(6, 2, seed=0)), "cross_entropy",
        inputs="vectors", optimizer="adam", lr=0.01),
    Training("SelfAttention looking ahead", lambda: Sequential(
        Tokens(nn.SelfAttention(2, causal=False, seed=0), 2), Linear(6, 1, seed=0)),
        inputs="vectors", lr=0.2),
    Training("FeedForward", lambda: Sequential(nn.FeedForward(3, seed=0), Linear(3, 1, seed=0)), "huber"),
    Training("Block", lambda: Sequential(Tokens(nn.Block(2, heads=2, seed=0), 2), Linear(6, 1, seed=0)),
             inputs="vectors", optimizer="adam", lr=0.01),
    Training("GPT", lambda: LastToken(nn.GPT(5, width=4, heads=2, context=3, seed=0)),
             "cross_entropy", inputs="tokens", optimizer="adam", lr=0.01, rule={"betas": (0.85, 0.99)},
             schedule="linear"),
    # losses
    Training("bce", probability, "bce", lr=0.5),
    Training("bce with several outputs", partial(probability, 2), "bce", optimizer="adam"),
    Training("bce_with_logits, weighted", small, "bce_with_logits", {"pos_weight": 3.0}, lr=0.3),
    Training("cross_entropy, smoothed", partial(small, 3), "cross_entropy", {"label_smoothing": 0.1},
             lr=0.3),
    Training("cross_entropy, weighted", partial(small, 3), "cross_entropy",
             {"weight": [0.5, 1.0, 3.0]}, lr=0.3),
    Training("cross_entropy, smoothed and weighted", partial(small, 3), "cross_entropy",
             {"label_smoothing": 0.3, "weight": [0.5, 1.0, 3.0]}, optimizer="adam"),
    Training("nll", stack(partial(Linear, 3, 4), "tanh", partial(Linear, 4, 3), "log_softmax"), "nll",
             lr=0.3),
    Training("nll, weighted", stack(partial(Linear, 3, 4), "tanh", partial(Linear, 4, 3), "log_softmax"),
             "nll", {"weight": [0.5, 1.0, 3.0]}, optimizer="adam"),
    Training("huber", partial(small, 2), "huber", {"delta": 0.3}, lr=0.2),
    Training("hinge", small, "hinge", lr=0.1),
    Training("squared_hinge", partial(small, 2), "squared_hinge", optimizer="adam"),
    # optimizers
    Training("SGD, Nesterov", small, rule={"momentum": 0.9, "nesterov": True}),
    Training("SGD, dampened and decaying", small, rule={
        "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.05}),
    Training("AdaGrad", small, optimizer="adagrad", lr=0.2),
    Training("AdaGrad, all settings", small, optimizer="adagrad", lr=0.2, rule={
        "lr_decay": 0.02, "initial_accumulator": 0.1, "eps": 1e-6, "weight_decay": 0.05}),
    Training("RMSprop", small, optimizer="rmsprop", lr=0.01),
    # with a short memory and steady gradients the running variance is a difference of nearly equal numbers
    Training("RMSprop, centred", small, optimizer="rmsprop", lr=0.01, rule={"centered": True}),
    Training("RMSprop, all settings", small, optimizer="rmsprop", lr=0.005, rule={
        "centered": True, "alpha": 0.9, "eps": 1e-4, "momentum": 0.5, "weight_decay": 0.05}),
    Training("Adam", small, optimizer="adam"),
    Training("Adam, all settings", small, optimizer="adam", rule={
        "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.05, "amsgrad": True}),
    Training("AdamW", small, optimizer="adamw", rule={"weight_decay": 0.1}),
    Training("AdamW with AMSGrad", small, optimizer="adamw", lr=0.2, rule={
        "betas": (0.5, 0.6), "eps": 1e-6, "amsgrad": True}),
    # groups
    Training("SGD in groups", small, groups=({"lr": 0.1}, {"momentum": 0.9, "weight_decay": 0.1})),
    Training("AdamW in groups, clipped, with a schedule", small, optimizer="adamw",
             groups=({}, {"lr": 0.002, "weight_decay": 0.0}, {"betas": (0.5, 0.9), "amsgrad": True}),
             schedule="exponential", clip_norm=0.3),
    Training("the first layer frozen", small, optimizer="adam", lr=0.01, frozen=2),
    # schedules
    Training("constant", small, schedule="constant"),
    Training("step", small, schedule="step"),
    Training("multi_step", small, schedule="multi_step", rule={"momentum": 0.9}),
    Training("exponential", small, schedule="exponential", optimizer="adam"),
    Training("cosine", small, schedule="cosine", optimizer="adam"),
    Training("cosine not down to 0", small, schedule="cosine, lowest", optimizer="rmsprop", lr=0.01),
    Training("linear", small, schedule="linear", rule={"momentum": 0.9, "nesterov": True}),
    Training("linear, upwards", small, schedule="linear, upwards"),
    Training("warm_up", small, schedule="warm_up", optimizer="adamw"),
    Training("one_cycle", small, schedule="one_cycle", optimizer="adam"),
    Training("one_cycle by lines", small, schedule="one_cycle, all settings", rule={"momentum": 0.9}),
    Training("reduce_on_plateau", small, schedule="reduce_on_plateau", lr=0.3),
    Training("reduce_on_plateau, all settings", small, "mae", lr=0.3,
             schedule="reduce_on_plateau, all settings"),
    Training("a function", small, schedule="function", lr=0.3),
    # clipping, penalties
    Training("clipped by value", small, clip_value=0.05, rule={"momentum": 0.9}),
    Training("clipped by norm", small, clip_norm=0.1, optimizer="adagrad", lr=0.1),
    Training("clipped both ways", partial(small, 2), clip_value=0.1, clip_norm=0.2),
    Training("L1", small, penalty=nn.L1(0.05)),
    Training("L2", small, penalty=nn.L2(0.05), optimizer="adam"),
    Training("Elastic", small, penalty=nn.Elastic(0.02, 0.03), clip_norm=0.5),
    # all together
    Training("everything at once", stack(
        partial(Linear, 3, 6, bias=False), partial(nn.BatchNorm, 6), "tanh", partial(nn.Dropout, 0.2),
        partial(Linear, 6, 3)), "cross_entropy", {"label_smoothing": 0.1}, optimizer="adamw",
        groups=({"weight_decay": 0.1}, {"lr": 0.01}), schedule="warm_up", clip_norm=0.5,
        penalty=nn.L2(0.001)),
]


# schedules: ours, and PyTorch's for an optimizer

SCHEDULES: dict[str, tuple[Callable[[], nn.Schedule], Callable[[Any, Any], Any]]] = {
    "constant": (nn.Constant, lambda to, o: to.ConstantLR(o, 1.0)),
    "step": (lambda: nn.StepDecay(7, 0.7), lambda to, o: to.StepLR(o, 7, 0.7)),
    "multi_step": (lambda: nn.MultiStep([5, 20, 21], 0.5), lambda to, o: to.MultiStepLR(o, [5, 20, 21], 0.5)),
    "exponential": (lambda: nn.Exponential(0.95), lambda to, o: to.ExponentialLR(o, 0.95)),
    "cosine": (lambda: nn.Cosine(STEPS), lambda to, o: to.CosineAnnealingLR(o, STEPS)),
    "cosine, lowest": (lambda: nn.Cosine(STEPS, lowest=0.1),
                       lambda to, o: to.CosineAnnealingLR(o, STEPS, eta_min=0.1 * o.param_groups[0]["lr"])),
    "linear": (lambda: nn.LinearRamp(STEPS), lambda to, o: to.LinearLR(o, 1.0, 0.0, STEPS)),
    "linear, upwards": (lambda: nn.LinearRamp(STEPS, 0.25, 1.5),
                        lambda to, o: to.LambdaLR(o, lambda t: 0.25 + 1.25 * t / STEPS)),
    "warm_up": (lambda: nn.WarmUp(10, then=nn.Cosine(40), start=0.2), lambda to, o: to.SequentialLR(
        o, [to.LinearLR(o, 0.2, 1.0, 10), to.CosineAnnealingLR(o, 40)], [10])),
    "one_cycle": (lambda: nn.OneCycle(STEPS), lambda to, o: to.OneCycleLR(
        o, [group["lr"] for group in o.param_groups], STEPS, cycle_momentum=False)),
    "one_cycle, all settings": (
        lambda: nn.OneCycle(STEPS, rise=0.5, start=0.1, end=0.01, anneal="linear"),
        lambda to, o: to.OneCycleLR(o, o.param_groups[0]["lr"], STEPS, pct_start=0.5, cycle_momentum=False,
                                    anneal_strategy="linear", div_factor=10, final_div_factor=10)),
    "reduce_on_plateau": (
        lambda: nn.ReduceOnPlateau(factor=0.5, patience=2, threshold=0.05),
        lambda to, o: to.ReduceLROnPlateau(o, factor=0.5, patience=2, threshold=0.05, eps=0.0)),
    "reduce_on_plateau, all settings": (
        lambda: nn.ReduceOnPlateau(0.3, 1, 0.02, cooldown=3, lowest=0.05, relative=False),
        lambda to, o: to.ReduceLROnPlateau(o, factor=0.3, patience=1, threshold=0.02, cooldown=3, eps=0.0,
                                           min_lr=0.05 * o.param_groups[0]["lr"], threshold_mode="abs")),
    "function": (lambda: nn.schedule_named(lambda t: 1.0 / (1.0 + t), STEPS),
                 lambda to, o: to.LambdaLR(o, lambda t: 1.0 / (1.0 + t))),
}  # fmt: skip
