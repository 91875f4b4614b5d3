"""Where compiled interpreters are kept, and that nothing wrong in that folder does harm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograd_lite import ops

pytest.importorskip("llvmlite", reason="compiled replay at full speed (extra `fast`)")
pytest.importorskip("numpy")

from autograd_lite.compiling import interpreter_code, interpreter_source, llvm_cache
from autograd_lite.compiling.building import TapeBuilder
from autograd_lite.compiling.interpreter import prepare
from autograd_lite.compiling.llvm_cache import cache_folder
from autograd_lite.compiling.tape import CODE

ROWS = (CODE["mul"], CODE["tanh"])


def small_source(rows, orders):
    """A module that compiles in a moment; each function says which rows it is for."""
    number = sum(rows) + int(100 * sum(orders))
    head = "define i64 @{}(i64 %state) {{ ret i64 {} }}\n"
    return interpreter_source.Source(
        "".join(head.format(name, number) for name in (*interpreter_source.MODES, "run")), ()
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, and a process that has compiled nothing yet."""
    monkeypatch.setattr(interpreter_code, "_made", {})
    monkeypatch.setattr(interpreter_code, "interpreter_source", small_source)
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def fresh(monkeypatch):
    """The interpreter as another process gets it."""
    monkeypatch.setattr(interpreter_code, "_made", {})
    native = interpreter_code.interpreter(ROWS)
    assert native.calls["values"](None) == sum(ROWS)
    return native


def works():
    builder = TapeBuilder()
    x = builder.input()
    kernel = prepare(builder.finish([builder.apply(ops.square, (x,))]), [0])
    return kernel.gradients([3.0]) == (-1, [9.0], [6.0])


def test_what_one_process_compiles_the_next_one_reads(folder, monkeypatch):
    assert not fresh(monkeypatch).from_disk
    (file,) = folder.iterdir()
    written = file.read_bytes()
    assert fresh(monkeypatch).from_disk
    assert file.read_bytes() == written
    assert [path.name for path in folder.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "spoil",
    [lambda code: b"", lambda code: code[:-1], lambda code: code + b"x", lambda code: b"y" + code[1:]],
    ids=["empty", "cut off", "longer", "changed"],
)
def test_a_damaged_file_is_written_anew(folder, monkeypatch, spoil):
    fresh(monkeypatch)
    (file,) = folder.iterdir()
    good = file.read_bytes()
    file.write_bytes(spoil(good))
    assert not fresh(monkeypatch).from_disk
    assert file.read_bytes() == good


def test_a_file_with_other_content_is_written_anew(folder, monkeypatch):
    """The hash holds, but it is no machine code."""
    import hashlib

    fresh(monkeypatch)
    (file,) = folder.iterdir()
    good, other = file.read_bytes(), b"nothing to run"
    file.write_bytes(hashlib.sha256(other).digest() + other)
    assert not fresh(monkeypatch).from_disk
    assert file.read_bytes() == good


def test_without_a_folder_nothing_is_kept(folder, monkeypatch):
    folder.write_text("a file stands in its place")
    assert not fresh(monkeypatch).from_disk
    assert not fresh(monkeypatch).from_disk
    assert folder.read_text() == "a file stands in its place"


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert not fresh(monkeypatch).from_disk
    assert list(folder.iterdir()) == []


def test_other_rows_and_another_processor_have_files_of_their_own(folder, monkeypatch):
    fresh(monkeypatch)
    interpreter_code.interpreter((CODE["mul"],))
    interpreter_code.interpreter((CODE["polygamma"],), (1.0,))
    interpreter_code.interpreter((CODE["polygamma"],), (2.0,))
    assert len(list(folder.iterdir())) == 4


def test_threads_compile_once(folder, monkeypatch):
    compiled = []
    monkeypatch.setattr(interpreter_code, "_native", lambda source: compiled.append(source) or object())
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: id(interpreter_code.interpreter(ROWS)), range(32)))
    assert len(compiled) == len(found) == 1


def test_processes_start_at_once(tmp_path):
    """Several processes with one empty folder: each gets right numbers, and one file is left."""
    program = (
        "from autograd_lite.compiling import interpreter_code, interpreter_source\n"
        f"native = interpreter_code.interpreter({ROWS})\n"
        "assert native.calls"
    )
    setting = {**os.environ, "AUTOGRAD_LITE_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", program]
    children = [subprocess.Popen(command, env=setting) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert [path.suffix for path in tmp_path.iterdir()] == [".o"]


def test_where_the_folder_is(monkeypatch):
    for name in ("AUTOGRAD_LITE_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", lambda self: Path(str(self).replace("~", "home")))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == Path("home/.cache/autograd-lite")
    monkeypatch.setenv("XDG_CACHE_HOME", "elsewhere")
    assert cache_folder() == Path("elsewhere/autograd-lite")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path("home/Library/Caches/autograd-lite")
    monkeypatch.setattr(sys, "platform", "win32")
    assert cache_folder() == Path("home/AppData/Local/autograd-lite")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert cache_folder() == Path("local/autograd-lite")
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE_DIR", "named")
    assert cache_folder() == Path("named")
    monkeypatch.setenv("AUTOGRAD_LITE_CACHE_DIR", "~/named")
    assert cache_folder() == Path("home/named")


def test_a_user_without_a_home_keeps_nothing(monkeypatch, tmp_path):
    def homeless(path):
        raise RuntimeError("Could not determine home directory.")

    for name in ("AUTOGRAD_LITE_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setattr(interpreter_code, "interpreter_source", small_source)
    monkeypatch.chdir(tmp_path)
    assert cache_folder() is None
    for _ in range(2):
        assert not fresh(monkeypatch).from_disk
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_used_for_long_is_deleted_and_what_is_not_ours_is_not(folder, monkeypatch):
    folder.mkdir()
    old, last = f"lanes-{'0' * 32}", f"interpreter-{'1' * 32}"
    names = [f"{old}.o", f"{last}.o", f"{last}abcd_123.part", "module-a.o", f"{old}.c"]
    days = dict(zip(names, (100, 10, 2, 100, 100), strict=True))
    for name, age in days.items():
        (folder / name).write_bytes(b"")
        then = time.time() - 86_400 * age
        os.utime(folder / name, (then, then))
    fresh(monkeypatch)
    (ours,) = {path.name for path in folder.iterdir()} - set(names)
    assert {path.name for path in folder.iterdir()} == {ours, *names[1:2], *names[3:]}
    then = time.time() - 86_400 * 59
    os.utime(folder / ours, (then, then))
    assert fresh(monkeypatch).from_disk
    assert time.time() - (folder / ours).stat().st_mtime < 1000  # it was used
    llvm_cache._tidied.cache_clear()
    monkeypatch.setattr(llvm_cache, "KEPT_FILES", 1)
    llvm_cache._tidied(folder)
    assert {path.name for path in folder.iterdir()} == {ours, *names[3:]}


def test_the_whole_interpreter_is_there():
    assert works()
