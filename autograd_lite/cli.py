"""The command `autograd-lite`: demo, draw, step, check, ops.

A subcommand returns its exit status. What a user got wrong becomes one message on standard error and
status 2, never a traceback.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import __version__
from .console import emit, printable
from .errors import ArgumentError, AutogradError
from .pointing import ExpressionError

if TYPE_CHECKING:
    from .engine import Value

__all__ = ["main"]

_OPTION = re.compile(r"-[oh]?|--|--[a-z]+(-[a-z]+)*(=.*)?", re.DOTALL)

_EXAMPLES = """examples:
  autograd-lite demo
  autograd-lite draw "tanh(a*b + c)" a=2 b=-3 c=10 -o graph.svg
  autograd-lite step "tanh(a*b + c)" a=2 b=-3 c=10
  autograd-lite step "tanh(a*b + c)" a=2 b=-3 c=10 --html steps.html
  autograd-lite check "exp(x) / (1 + exp(x))" x=0.5
  autograd-lite ops"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 where a check failed, 2 for wrong use."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _run(given)
        sys.stdout.flush()
        return status
    except ExpressionError as error:
        _complain(error.shown(lambda text: printable(text, sys.stderr)))
    except AutogradError as error:
        _complain(str(error))
    except KeyboardInterrupt:
        emit("", sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 2


def _run(given: list[str]) -> int:
    parser = _parser()
    options, further = parser.parse_known_args(_protected(given))
    command = options.command
    if further and (not hasattr(options, "values") or any(word.startswith("--") for word in further)):
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    if command == "demo":
        return _demo(options)
    if command == "ops":
        return _ops()
    options.values += further  # argparse takes no more operands once an option came between
    value = _value(options.expression, options.values)
    return {"draw": _draw, "step": _step, "check": _check}[command](options, value)


class _Parser(argparse.ArgumentParser):
    """argparse, speaking in characters that the console has."""

    def error(self, message: str) -> NoReturn:
        _complain(f"{message}\n`{self.prog} --help` tells more")
        raise SystemExit(2)

    def _print_message(self, message: str, file: object = None) -> None:
        stream = file if file is not None else sys.stderr
        emit(message, stream, end="")  # type: ignore[arg-type]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="autograd-lite",
        description="Scalar autograd, made to be seen.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"autograd-lite {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    demo = commands.add_parser(
        "demo", help="train XOR, draw its graph, write the step account", allow_abbrev=False
    )
    demo.add_argument(
        "--out",
        default="autograd-lite-demo",
        metavar="DIR",
        help="folder for the files (default: %(default)s)",
    )
    demo.add_argument(
        "--seed",
        type=_whole,
        default=0,
        metavar="N",
        help="where training starts from (default: %(default)s)",
    )
    demo.add_argument(
        "--epochs", type=_positive, default=500, metavar="N", help="at most so many (default: %(default)s)"
    )

    draw = _expression_command(commands, "draw", "draw the graph of an expression, with values and gradients")
    draw.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=".svg .png .pdf .html .dot .mmd .txt or .json; without it, a drawing in text is printed",
    )
    draw.add_argument(
        "--edges",
        choices=("local", "contribution"),
        help="write on each arrow the local derivative, or what flows back through it",
    )
    steps = _expression_command(commands, "step", "step through the backpropagation of an expression")
    steps.add_argument(
        "--html", metavar="FILE", help="write the player, one page to open in a browser, instead of printing"
    )
    _expression_command(commands, "check", "compare the gradients with finite differences")
    commands.add_parser("ops", help="list the ops: formula, derivative, domain, kink", allow_abbrev=False)
    return parser


def _expression_command(
    commands: argparse._SubParsersAction[_Parser], name: str, words: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=words, description=words[0].upper() + words[1:] + ".", allow_abbrev=False
    )
    command.add_argument("expression", metavar="EXPR", help='a formula such as "tanh(a*b + c)"')
    command.add_argument(
        "values", nargs="*", metavar="NAME=NUMBER", help="a value for each name, as in a=2 b=-3"
    )
    return command


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a whole number above 0")
    return number


def _protected(given: list[str]) -> list[str]:
    """A formula may begin with a minus; argparse takes it for an option unless it holds a space."""
    return [f" {word}" if word.startswith("-") and not _OPTION.fullmatch(word) else word for word in given]


def _complain(message: str) -> None:
    emit(f"autograd-lite: {message}", sys.stderr)


def _value(expression: str, assignments: Sequence[str]) -> Value:
    """The graph of the formula; its result is labelled, unless the name is taken."""
    from .expressions import parse

    values = _assigned(assignments)
    value = parse(expression, values)
    if not value.is_leaf and not value.label:
        value.label = next(name for name in ("y", "out", "result", "") if name not in values)
    return value


def _assigned(assignments: Sequence[str]) -> dict[str, float]:
    """`["a=2", "b=pi/2"]` as a dictionary."""
    from .expressions import parse_number

    values: dict[str, float] = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals:
            raise ArgumentError(
                f"{assignment!r} is not NAME=NUMBER, as in a=2 (a formula with spaces needs quotes)"
            )
        if not name.isidentifier():
            raise ArgumentError(f"{name!r} is no name: use letters, digits and _, as in a=2")
        if name in values:
            raise ArgumentError(f"{name} is given twice, as {values[name]:g} and as {text}")
        try:
            values[name] = parse_number(text)
        except ExpressionError as error:
            start = assignment.index("=") + 1
            start += len(assignment[start:]) - len(assignment[start:].lstrip())
            raise ExpressionError(
                f"the value of {name}: {error.problem}", assignment, start + error.start, start + error.end
            ) from None
    return values


def _demo(options: argparse.Namespace) -> int:
    from .demo import run_demo

    return 0 if run_demo(options.out, seed=options.seed, epochs=options.epochs) else 1


def _draw(options: argparse.Namespace, value: Value) -> int:
    from .drawing import draw

    value.backward()
    drawing = draw(value, edges=options.edges)
    if options.output is None:
        emit(drawing.text.rstrip("\n"))
    else:
        emit(f"wrote {drawing.save(options.output)}")
    return 0


def _step(options: argparse.Namespace, value: Value) -> int:
    from .stepping import step
    from .terminal import show

    steps = step(value)
    if options.html is None:
        show(steps)
        return 0
    if Path(options.html).suffix.lower() != ".html":
        raise ArgumentError(f"--html writes a page, and {options.html!r} does not end in .html")
    emit(f"wrote {steps.save(options.html)}")
    return 0


def _check(options: argparse.Namespace, value: Value) -> int:
    from .checking import check_lines

    lines, right = check_lines(options.expression, _assigned(options.values))
    for line in lines:
        emit(line)
    return 0 if right else 1


def _ops() -> int:
    from .reference import op_lines

    for line in op_lines():
        emit(line)
    return 0
