"""The collector rests during a step of training, and is left as it was found."""

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


def test_of_two_threads_the_last_turns_it_on():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with collector_resting():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    with collector_resting():
        pass
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_ctrl_c_at_any_line_of_it_leaves_it_on():
    reached = 0

    def interrupt(frame, event, argument):
        nonlocal reached
        # Python looks for Ctrl-C at calls and where a frame is entered, not at every line
        name = frame.f_code.co_name
        if frame.f_code.co_filename == resting.__file__ and (event == "call" or name in ("begin", "end")):
            reached += 1
            if reached == at:
                raise KeyboardInterrupt
        return interrupt

    tracer = sys.gettrace()
    for at in range(1, 100):
        reached, stopped = 0, False
        try:
            sys.settrace(interrupt)
            with collector_resting():
                pass
        except KeyboardInterrupt:
            stopped = True
        finally:
            sys.settrace(tracer)
        assert gc.isenabled(), f"off after Ctrl-C at event {at}"
        if not stopped:
            break
    assert 10 < at < 99


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
