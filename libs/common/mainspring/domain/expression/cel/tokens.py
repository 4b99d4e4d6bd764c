"""The words of CEL: a text is cut once, from left to right, and every fault has its place.

A string literal is unescaped here, so later floors see values only.  Unsigned numbers and bytes
are words of CEL that JSON has no values for: they are refused here, by name.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, NoReturn, TypeAlias

from mainspring.domain.expression.errors import CelInvalid

MAX_LENGTH: Final = 20_000
LARGEST: Final = 1 << 63

Sort: TypeAlias = Literal["int", "double", "string", "name", "quoted", "op", "end"]


class Token(NamedTuple):
    """One word: `value` is what a literal or a name means, `at` where it begins."""

    sort: Sort
    value: str | int | float
    at: int


_WORD: Final = re.compile(
    r"""
    (?P<blank>(?:[ \t\n\f\r]+|//[^\n]*)+)
    |(?P<double>(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<int>0[xX][0-9a-fA-F]+|\d+)
    |(?P<string>(?P<prefix>[rRbB]{0,2})(?P<quote>\"{3}|'{3}|["']))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |`(?P<quoted>[^`\n]+)`
    |(?P<op>&&|\|\||<=|>=|==|!=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE | re.ASCII,
)

_HYPHENED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+", re.ASCII)
_BEFORE_STEPS: Final = (("steps", "."), ("hooks", "."))

_ESCAPE: Final = re.compile(
    r"""\\(?:([abfnrtv\\?"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"""
    r"""|([0-3][0-7]{2})|(?s:.))"""
)
_PLAIN: Final = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))


def _ending(quote: str, raw: bool) -> re.Pattern[str]:
    # Each character is taken by one branch only, so the search is linear.
    newline = "" if len(quote) == 3 else r"\n"
    plain = rf"(?!{quote})[^{newline}]" if raw else rf"(?!{quote})[^\\{newline}]|\\[\s\S]"
    plain = plain.replace("[^]", r"[\s\S]")
    return re.compile(rf"((?:{plain})*){quote}")


_ENDINGS: Final = {
    (quote, raw): _ending(quote, raw) for quote in ("'", '"', "'''", '"""') for raw in (False, True)
}


def fault(text: str, at: int, reason: str) -> CelInvalid:
    """Return the fault at the offset `at` of `text`."""
    line_start = text.rfind("\n", 0, at) + 1
    return CelInvalid(reason, text.count("\n", 0, at) + 1, at - line_start + 1)


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of `text` and an `end`; raise `CelInvalid` at what is no word."""
    if len(text) > MAX_LENGTH:
        raise fault(text, 0, f"the expression has more than {MAX_LENGTH} characters")
    at = 0
    before: tuple[str | float, ...] = ("", "", "")
    while at < len(text):
        token, at = _name_of_step(text, at, before) or word_at(text, at)
        if token is not None:
            before = (*before[1:], token.value)
            yield token
    yield Token("end", "", at)


def _name_of_step(text: str, at: int, before: tuple[str | float, ...]) -> tuple[Token, int] | None:
    """Return a name with hyphens right behind `steps.`: a step is an object, and has no minus."""
    if before[0] == "." or before[1:] not in _BEFORE_STEPS:
        return None
    match = _HYPHENED.match(text, at)
    return (Token("quoted", match[0], at), match.end()) if match else None


def word_at(text: str, at: int) -> tuple[Token | None, int]:
    """Return the word at an offset, None for blanks, and where it ends; raise `CelInvalid`."""
    match = _WORD.match(text, at)
    if match is None:
        raise fault(text, at, _stray(text[at]))
    if match.lastgroup == "string":
        return _string(text, match)
    return (None if match.lastgroup == "blank" else _token(text, match)), match.end()


def _token(text: str, match: re.Match[str]) -> Token:
    at, word = match.start(), match[0]
    match match.lastgroup:
        case "double":
            return Token("double", float(word), at)
        case "int":
            return Token("int", _integer(text, match), at)
        case "name":
            return Token("name", word, at)
        case "quoted":
            return Token("quoted", match["quoted"], at)
        case _:
            return Token("op", word, at)


def _integer(text: str, match: re.Match[str]) -> int:
    word = match[0]
    if text[match.end() : match.end() + 1] in ("u", "U"):
        raise fault(text, match.start(), "unsigned numbers are not supported: JSON has none")
    if len(word.lstrip("0")) > 20:
        raise fault(text, match.start(), "a whole number is out of range")
    value = int(word, 16) if word[:2] in ("0x", "0X") else int(word)
    # Exactly this one is too large by itself, but not behind a minus: the parser sees to it.
    if value > LARGEST:
        raise fault(text, match.start(), "a whole number is out of range")
    return value


def _string(text: str, match: re.Match[str]) -> tuple[Token, int]:
    prefix, quote = match["prefix"].lower(), match["quote"]
    if "b" in prefix:
        raise fault(text, match.start(), "bytes are not supported: JSON has none")
    if prefix == "rr":
        raise fault(text, match.start(), "a text has one prefix at most")
    body = _ENDINGS[quote, prefix == "r"].match(text, match.end())
    if body is None:
        raise fault(text, match.start(), f"a text begins and has no {quote} to end it")
    value = body[1] if prefix else _unescaped(text, body[1], match.end())
    return Token("string", value, match.start()), body.end()


def _unescaped(text: str, body: str, start: int) -> str:
    def meaning(escape: re.Match[str]) -> str:
        plain, *codes, octal = escape.groups()
        if plain is not None:
            return _PLAIN[plain]
        if octal is not None:
            return chr(int(octal, 8))
        code = next((code for code in codes if code is not None), None)
        point = _point(code) if code is not None else None
        if point is None:
            _bad_escape(text, start + escape.start())
        return chr(point)

    return _ESCAPE.sub(meaning, body) if "\\" in body else body


def _point(code: str) -> int | None:
    point = int(code, 16)
    return point if point < 0xD800 or 0xDFFF < point <= 0x10FFFF else None


def _bad_escape(text: str, at: int) -> NoReturn:
    raise fault(text, at, "a backslash begins no known escape; a raw text is written r'...'")


def _stray(character: str) -> str:
    hints = {"=": "; equality is ==", "&": "; and is &&", "|": "; or is ||"}
    hint = hints.get(character, "")
    return (
        f'unexpected character "{character}"{hint}'
        if character.isprintable()
        else ("unexpected control character")
    )
