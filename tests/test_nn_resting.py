"""The collector rests during a step of training, and is left as it was found."""

import contextlib
import gc
import sys
import threading

import pytest

from autograd_lite import nn
from autograd_lite.nn import resting
from autograd_lite.nn.resting import collector_resting


def test_within_another_and_after_an_error():
    with collector_resting():
        with pytest.raises(ZeroDivisionError), collector_resting():
            1 / 0  # noqa: B018
        assert not gc.isenabled()
    assert gc.isenabled()


def test_stays_off_for_those_who_turned_it_off():
    gc.disable()
    try:
        with collector_resting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_other_threads_leave_it_alone():
    seen = []

    def other():
        with collector_resting():
            seen.append(gc.isenabled())

    for around in (contextlib.nullcontext, collector_resting):
        with around():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
    assert seen == [True, False]
    assert gc.isenabled()


def test_fits_in_threads_go_on_after_ctrl_c():
    X, y = nn.data.xor()

    def train():
        nn.fit(nn.MLP(2, [2, 1], seed=0), X, y, epochs=3, seed=0, progress=False)

    with pytest.raises(KeyboardInterrupt), collector_resting():
        raise KeyboardInterrupt
    threads = [threading.Thread(target=train) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not [thread for thread in threads if thread.is_alive()]


@pytest.mark.parametrize("name", ["disable", "enable"])
def test_ctrl_c_where_python_looks_for_it_leaves_the_collector_on(name, monkeypatch):
    # which is at the end of calls, and where a function or generator goes on
    plain = getattr(gc, name)

    def interrupted():
        plain()
        raise KeyboardInterrupt

    monkeypatch.setattr(gc, name, interrupted)
    with pytest.raises(KeyboardInterrupt), collector_resting():
        pass
    assert gc.isenabled()


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_where_the_context_is_entered_or_left_leaves_the_collector_on(at):
    reached = 0

    def interrupt(frame, event, argument):
        nonlocal reached
        if frame.f_code.co_filename == resting.__file__ and event == "call":
            reached += 1
            if reached == at:
                raise KeyboardInterrupt

    tracer = sys.gettrace()
    try:
        sys.settrace(interrupt)
        with pytest.raises(KeyboardInterrupt), collector_resting():
            pass
    finally:
        sys.settrace(tracer)
    assert reached == at
    assert gc.isenabled()


def test_fit_rests_it_in_steps_and_not_between():
    seen = {"model": [], "callback": []}

    class Spy(nn.MLP):
        def forward(self, x):
            seen["model"].append(gc.isenabled())
            return super().forward(x)

    X, y = nn.data.xor()
    nn.fit(Spy(2, [2, 1], seed=0), X, y, epochs=2, seed=0, progress=False,
           callbacks=lambda event: seen["callback"].append(gc.isenabled()) and None)
    assert not any(seen["model"][-4:])
    assert seen["callback"] == [True, True]
    assert gc.isenabled()
