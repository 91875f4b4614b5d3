"""Tracing and compiling: a function of Values runs once, is recorded as a flat tape, and is replayed fast.

Read `tape.py` first (what is recorded), then `tracer.py` (how), `compiled.py` (what a call does), and then
one executor. `python_straight.py` and `llvm_straight.py` write a tape out as straight-line code; `levels.py`
(NumPy) and `interpreter.py`, `lanes.py` (numba) run the vector instructions that `planning.py` makes of it.
"""

from __future__ import annotations
