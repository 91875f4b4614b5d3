"""Text for a language model of characters: a tokenizer, and a list of names to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import ArgumentError
from .inputs import is_whole, shown

__all__ = ["Tokenizer", "names"]


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
        if isinstance(texts, str):
            texts = [texts]
        found: set[str] = set()
        for text in texts:
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
        for token in tokens:
            if not is_whole(token) or not 0 <= token <= self.boundary:
                raise ArgumentError(f"{token!r} is no token: this tokenizer has the tokens "
                                    f"0 to {self.boundary}")
        return "".join(self.characters[token] for token in tokens if token != self.boundary)


def names() -> list[str]:
    """500 common given names in lower case, a to z, in alphabetical order: something for a GPT to learn.

    >>> len(names()), names()[:3], max(map(len, names()))
    (500, ['aaron', 'abigail', 'ada'], 9)
    """
    from importlib.resources import files

    return files(__package__).joinpath("names.txt").read_text(encoding="utf-8").split()


def _checked_text(text: Any) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"a tokenizer takes strings, got {shown(text)}, a {type(text).__name__}")
    return text
