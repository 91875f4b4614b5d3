"""History: plain data there and back, a data frame, a small table, one line."""

import json
import math
import sys

import pytest

from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.nn import MLP, History, fit

X, Y = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def history():
    return fit(MLP(2, [3, 1], seed=0), X, Y, epochs=20, validation=0.25, metrics=["mae"], seed=0, patience=50)


def test_to_json_and_back(history):
    text = json.dumps(history.as_dict())
    again = History.from_dict(json.loads(text))
    assert again == history
    again.loss[0] = 7.0
    again.metrics["mae"].clear()
    assert history.loss[0] != 7.0
    assert len(history.metrics["mae"]) == 20


def test_every_column_has_a_number_for_every_epoch(history):
    columns = [history.epoch, history.loss, history.lr, history.seconds, history.grad_norm, history.val_loss,
               history.attempt, *history.metrics.values()]
    assert {len(column) for column in columns} == {20}
    assert history.penalty == []  # not asked for
    assert history.attempts[0]["last_epoch"] == 20


def test_a_data_frame(history):
    pytest.importorskip("pandas")
    frame = history.to_pandas()
    columns = ["epoch", "attempt", "loss", "val_loss", "lr", "grad_norm", "mae", "seconds"]
    assert list(frame.columns) == columns
    assert frame["val_loss"].tolist() == history.val_loss
    assert History().to_pandas().empty


def test_metrics_do_not_hide_columns():
    pytest.importorskip("pandas")
    frame = History(epoch=[1], loss=[2.0], lr=[0.1], seconds=[0.0], metrics={"loss": [3.0]}).to_pandas()
    assert (frame["loss"][0], frame["loss_"][0]) == (2.0, 3.0)


def test_without_pandas_it_says_what_to_install(monkeypatch, history):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AutogradError, match="to_pandas needs pandas: pip install pandas"):
        history.to_pandas()


def test_a_table_for_notebooks(history):
    table = history._repr_html_()
    assert table.count("<tr>") == 1 + len({1, 20, history.best_epoch, *range(1, 21, 2)})
    assert "<th>val_loss</th>" in table
    assert "seconds" not in table
    odd = History(epoch=[1], loss=[math.nan], lr=[0.1], seconds=[0.0], stopped="<b>", metrics={"<i>": [1.0]})
    assert "<b>" not in odd._repr_html_()
    assert "<i>" not in odd._repr_html_()
    assert "0 epochs" in History()._repr_html_()


def test_one_line(history):
    assert repr(history).startswith("History(20 epochs, loss 0.")
    assert ", val_loss " in repr(history)
    assert "\n" not in repr(history)
    assert repr(History(stopped="nothing")) == "History(0 epochs, stopped: nothing)"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (3, "got 3"),
        ({"epochs": []}, "got ['epochs']"),
        ({"loss": 3.0}, "loss is 3.0, a float"),
        ({"metrics": []}, "metrics is [], a list"),
    ],
)
def test_what_is_no_history_is_refused(record, words):
    with pytest.raises(ArgumentError) as caught:
        History.from_dict(record)
    assert "from_dict takes what History.as_dict() gave" in str(caught.value)
    assert words in str(caught.value)
