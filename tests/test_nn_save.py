"""Parameters on disk: exact, whole or not at all, and never at the cost of the model."""

import io
import os
import random
import struct
import zipfile

import pytest

from autograd_lite.errors import ArgumentError, AutogradError
from autograd_lite.files import FileError
from autograd_lite.nn import MLP, Module, Neuron

np = pytest.importorskip("numpy")


def build(seed=0, **settings):
    return MLP(2, [3, 1], **{"activation": "tanh", "seed": seed, **settings})


def test_saved_parameters_come_back_to_the_bit(tmp_path):
    model = build()
    odd_ones = [-0.0, 5e-324, 0.1, 1e308, float("inf")]
    for parameter, number in zip(model.parameters(), odd_ones, strict=False):
        parameter.data = number
    model.save(tmp_path / "model.npz")
    other = build(seed=1)
    assert other.load(tmp_path / "model.npz") is other
    bits = [[struct.pack("d", p.data) for p in m.parameters()] for m in (model, other)]
    assert bits[0] == bits[1]


def test_file_is_read_by_numpy_alone_and_depends_on_the_parameters_only(tmp_path):
    model = build()
    model.save(str(tmp_path / "a.npz"))
    model.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        names, values = archive["names"].tolist(), archive["values"].tolist()
    assert dict(zip(names, values, strict=True)) == model.state_dict()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_state_dict_is_a_copy_and_goes_back():
    model, other = build(), build(seed=1)
    state = model.state_dict()
    other.load_state_dict(state)
    state["layers.0.neurons.0.b"] = 100.0
    assert other.state_dict() == model.state_dict()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: MLP(2, [4, 1], activation="tanh"), "missing: layers.0.neurons.3.w.0"),
        (lambda: MLP(2, [4, 1], activation="tanh"), "holds 13 parameters and this model has 17"),
        (lambda: MLP(2, [2, 1], activation="tanh"), "unexpected: layers.0.neurons.2.w.0"),
        (lambda: MLP(2, [3, 1]), "layers.0.neurons.0 is TanhNeuron(2) in the file and ReLUNeuron(2) here"),
        (lambda: MLP(3, [3, 1], activation="tanh"), "missing: layers.0.neurons.0.w.2"),
        (lambda: Neuron(2), "missing: w.0, w.1, b; unexpected: layers.0"),
    ],
)
def test_a_file_of_another_model_is_refused_and_nothing_changes(tmp_path, other, words):
    build().save(tmp_path / "model.npz")
    model = other()
    before = model.state_dict()
    with pytest.raises(ArgumentError) as caught:
        model.load(tmp_path / "model.npz")
    assert words in str(caught.value)
    assert model.state_dict() == before


@pytest.mark.parametrize("bad", ["x", None, [1.0], 1j])
def test_a_state_with_something_else_than_numbers_changes_nothing(bad):
    model = build()
    before = model.state_dict()
    state = {**build(seed=1).state_dict(), "layers.1.neurons.0.b": bad}
    with pytest.raises(ArgumentError, match=r"layers\.1\.neurons\.0\.b in the saved state is not a number"):
        model.load_state_dict(state)
    assert model.state_dict() == before


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def empty_zip():
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a file of numbers",
        b"PK\x03\x04 half a zip",
        empty_zip(),
        npy(np.zeros(3)),
        npz(w=np.zeros(3)),
        npz(format=np.array("something else 9"), names=np.array(["a"]), values=np.zeros(1),
            modules=np.array(["a"]), kinds=np.array(["b"])),
        npz(format=np.array("autograd-lite parameters 1"), names=np.array(["a"]), values=np.zeros(2),
            modules=np.array(["a"]), kinds=np.array(["b"])),
        npz(format=np.array("autograd-lite parameters 1"), names=np.array(["a"]), values=np.array(["1"]),
            modules=np.array(["a"]), kinds=np.array(["b"])),
        npz(format=np.array("autograd-lite parameters 1"), names=np.array(["a"]),
            values=np.array([object()], dtype=object), modules=np.array(["a"]), kinds=np.array(["b"])),
    ],
)  # fmt: skip
def test_what_is_no_file_of_parameters_is_refused(tmp_path, content):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    model = build()
    before = model.state_dict()
    with pytest.raises(FileError, match="is not a file of parameters that can be read") as caught:
        model.load(path)
    assert "unsafely" not in str(caught.value)  # NumPy's advice to load what is no file of ours as a pickle
    assert model.state_dict() == before


def test_a_file_cut_anywhere_or_with_a_changed_byte_never_harms_the_model(tmp_path):
    path = tmp_path / "model.npz"
    build().save(path)
    whole = path.read_bytes()
    saved, rng = build().state_dict(), random.Random(0)
    model = build(seed=1)
    before = model.state_dict()
    for _ in range(150):
        place = rng.randrange(len(whole))
        flipped = whole[:place] + bytes([whole[place] ^ (1 << rng.randrange(8))]) + whole[place + 1 :]
        for content in (whole[:place], flipped):
            path.write_bytes(content)
            try:
                model.load(path)
            except AutogradError:
                assert model.state_dict() == before
            else:  # the byte was one that carries nothing, such as a time stamp
                assert model.state_dict() == saved
                model.load_state_dict(before)


def test_missing_file_and_missing_folder_are_named(tmp_path):
    with pytest.raises(FileError, match=r"cannot read .*nowhere\.npz"):
        build().load(tmp_path / "nowhere.npz")
    with pytest.raises(FileError, match=r"cannot write .*nowhere"):
        build().save(tmp_path / "nowhere" / "model.npz")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    build().save(path)
    old = path.read_bytes()

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(FileError, match="No space left"):
        build(seed=1).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_private_file_stays_private(tmp_path):
    path = tmp_path / "model.npz"
    build().save(path)
    path.chmod(0o600)
    build().save(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_while_saving_leaves_no_litter(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("autograd_lite.files.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build().save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_own_modules_save_and_load(tmp_path):
    from autograd_lite.engine import Value

    class Line(Module):
        def __init__(self, slope):
            self.slope, self.units = Value(slope), [Neuron(1, init="zeros")]

    Line(3.0).save(tmp_path / "line.npz")
    assert Line(0.0).load(tmp_path / "line.npz").slope.data == 3.0
