"""Checks of the settings that optimizers, schedules and clipping take."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ArgumentError
from .inputs import is_number, shown

__all__ = ["above_zero", "at_least_zero", "below_one", "truth"]


def at_least_zero(name: str, number: Any) -> float:
    """The number as a float; `ArgumentError` unless it is finite and at least 0."""
    if not is_number(number) or not (math.isfinite(number) and number >= 0):
        raise ArgumentError(f"{name} is a finite number of at least 0, got {shown(number)}")
    return float(number)


def above_zero(name: str, number: Any) -> float:
    """The number as a float; `ArgumentError` unless it is finite and above 0."""
    if not is_number(number) or not (math.isfinite(number) and number > 0):
        raise ArgumentError(f"{name} must be above 0, a finite number, got {shown(number)}")
    return float(number)


def below_one(name: str, number: Any) -> float:
    """The number as a float; `ArgumentError` unless it is at least 0 and below 1."""
    if not is_number(number) or not 0 <= number < 1:
        raise ArgumentError(f"{name} is a number of at least 0 and below 1, got {shown(number)}")
    return float(number)


def truth(name: str, setting: Any) -> bool:
    """The setting as a bool; `ArgumentError` for anything but True and False, or 1 and 0."""
    if not is_number(setting) or setting not in (0, 1):
        raise ArgumentError(f"{name} is True or False, got {shown(setting)}")
    return bool(setting)
