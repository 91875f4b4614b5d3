"""Text for a language model of characters: a tokenizer, and a list of names to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import ArgumentError
from .inputs import is_list, is_whole, shown

__all__ = ["IGNORED", "Tokenizer", "names"]

IGNORED = -1
"""A target that stands where a text has ended already: no loss is counted there."""


class Tokenizer:
    """One token for each character of the given texts, and one more that begins and ends every text.

    The characters are numbered in sorted order from 0. The last token, `boundary`, stands before the first
    character and after the last, so that a model learns where texts begin and end from the same examples, as
    in Karpathy's microgpt (where it is called BOS). Raises `ArgumentError` for texts without a character.

    >>> tokenizer = Tokenizer(["anna", "bob"])
    >>> tokenizer.characters, len(tokenizer)
    ('abno', 5)
    >>> tokenizer.encode("nob")
    [4, 2, 3, 1, 4]
    >>> tokenizer.decode([4, 2, 3, 1, 4])
    'nob'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        found: set[str] = set()
        for text in _listed_texts(texts):
            found.update(_checked_text(text))
        if not found:
            raise ArgumentError("a tokenizer learns its characters from texts, and these hold none: give a "
                                'list of strings, such as ["anna", "bob"]')
        self.characters = "".join(sorted(found))
        self.boundary = len(self.characters)
        self._tokens = {character: token for token, character in enumerate(self.characters)}

    def __len__(self) -> int:
        """The number of different tokens: a model's `vocabulary`."""
        return len(self.characters) + 1

    def __repr__(self) -> str:
        return f"Tokenizer({self.characters!r})"

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, with `boundary` before and after them.

        Raises `ArgumentError` for a character that the tokenizer does not know.
        """
        for place, character in enumerate(_checked_text(text)):
            if character not in self._tokens:
                raise ArgumentError(f"character {place} of {shown(text)} is {character!r}, which this "
                                    f"tokenizer does not know; it knows {shown(self.characters)}. "
                                    "Build it from all texts that it is to encode.")
        return [self.boundary, *[self._tokens[character] for character in text], self.boundary]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens; boundaries are left out, wherever they stand.

        Raises `ArgumentError` for what is not a token.
        """
        if not is_list(tokens):
            raise ArgumentError(f"decode takes a list of tokens, got {shown(tokens)}")
        listed = list(tokens)
        for token in listed:
            if not is_whole(token) or not 0 <= token <= self.boundary:
                raise ArgumentError(f"{token!r} is no token: this tokenizer has the tokens "
                                    f"0 to {self.boundary}")
        return "".join(self.characters[token] for token in listed if token != self.boundary)

    def next_token_samples(
        self, texts: Sequence[str], length: int | None = None
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Samples and targets for `nn.fit` with `nn.next_token_loss`: the tokens, and the token after each.

        All rows are `length` long, as the longest text needs unless it is given: shorter texts are filled up
        with boundaries, whose targets are `IGNORED`. Raises `ArgumentError` for a text that is too long.

        >>> X, y = Tokenizer(["ab", "b"]).next_token_samples(["ab", "b"])
        >>> X, y
        ([[2, 0, 1], [2, 1, 2]], [[0, 1, 2], [1, 2, -1]])
        """
        texts = _listed_texts(texts)
        rows = [self.encode(text) for text in texts]
        if not rows:
            raise ArgumentError("there are no texts to make samples of: give at least one")
        longest = max(range(len(rows)), key=lambda index: len(rows[index]))
        needed = len(rows[longest]) - 1
        size = needed if length is None else length
        if not is_whole(size) or size < needed:
            raise ArgumentError(f"text {longest}, {shown(texts[longest])}, needs samples of a length of "
                                f"{needed}, got length={length!r}")
        fill = [size + 1 - len(row) for row in rows]
        return (
            [row[:-1] + [self.boundary] * count for row, count in zip(rows, fill, strict=True)],
            [row[1:] + [IGNORED] * count for row, count in zip(rows, fill, strict=True)],
        )


def names() -> list[str]:
    """500 common given names in lower case, a to z, in alphabetical order: something for a GPT to learn.

    >>> len(names()), names()[:3], max(map(len, names()))
    (500, ['aaron', 'abigail', 'ada'], 9)
    """
    from importlib.resources import files

    return files(__package__).joinpath("names.txt").read_text(encoding="utf-8").split()


def _listed_texts(texts: Any) -> list[Any]:
    """The texts as a list; a string is one text, not a list of letters."""
    if isinstance(texts, (str, set, frozenset)):
        return [texts] if isinstance(texts, str) else sorted(texts)
    if not is_list(texts):
        raise ArgumentError(f"a tokenizer takes a list of strings, got {shown(texts)}")
    return list(texts)


def _checked_text(text: Any) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"a tokenizer takes strings, got {shown(text)}, a {type(text).__name__}")
    return text
