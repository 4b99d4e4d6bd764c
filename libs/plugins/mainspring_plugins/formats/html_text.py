"""Elements of a page as people read them: plain text, or Markdown.

Blocks stand apart, spaces run together as in a browser, and what is never shown (scripts, styles,
templates) is left out.  Markdown knows headings, paragraphs, lists, quotes, code, links, images,
emphasis, rules and plain tables; all else is its text.  What a page only shows never becomes markup
or a link that runs: `<` and its like are escaped, and such links are their text.
"""

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborNode

from mainspring_plugins.support.failures import refuse

UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "head", "title", "svg"})
BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
MARKS: Final = {"b": "**", "strong": "**", "i": "*", "em": "*", "del": "~~", "s": "~~"}
SPACES: Final = re.compile(r"[ \t\n\r\f]+")
MARKUP: Final = re.compile(r"([\\`*_\[\]<])")
LEADING: Final = re.compile(r"^(\s*)([#>+-])(?=[\s#])")
RUNS: Final = re.compile(
    r"[\s\x00-\x20]*(?:javascript|vbscript|data)[\s\x00-\x20]*:", re.IGNORECASE
)
MOST_DEPTH: Final = 200


def plain_text(element: LexborNode) -> str:
    """Return the text, a line a block."""
    parts: list[str] = []
    # By hand: a page may be deeper than the stack is.
    waiting: list[LexborNode | str] = [element]
    while waiting:
        at = waiting.pop()
        if isinstance(at, str):
            parts.append(at)
        elif at.is_text_node:
            parts.append(SPACES.sub(" ", at.text_content or ""))
        elif at.tag == "br":
            parts.append("\n")
        elif at.tag not in UNSEEN or at is element:
            edge = ["\n"] if at.tag in BLOCKS else [" "] if at.tag in ("td", "th") else []
            waiting += [*edge, *reversed(list(_children(at))), *edge]
    lines = (SPACES.sub(" ", line).strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def markdown(element: LexborNode) -> str:
    """Return the Markdown; raise `PluginFailed` where the page is nested too deeply."""
    return _tidy(_block(element, 0))


def _children(element: LexborNode) -> Iterator[LexborNode]:
    child = element.child
    while child is not None:
        yield child
        child = child.next


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()


def _inside(element: LexborNode, depth: int) -> str:
    """Return all that an element holds; spaces behind a space or a line end are dropped."""
    if depth > MOST_DEPTH:
        raise refuse(f"data: more than {MOST_DEPTH} elements deep")
    parts: list[str] = []
    for child in _children(element):
        part = _block(child, depth + 1)
        if parts and parts[-1].endswith((" ", "\n")):
            part = part.lstrip(" ")
        if part:
            parts.append(part)
    return "".join(parts)


def _block(at: LexborNode, depth: int) -> str:
    if at.is_text_node:
        text = MARKUP.sub(r"\\\1", SPACES.sub(" ", at.text_content or ""))
        return LEADING.sub(r"\1\\\2", text)
    tag = at.tag or ""
    if tag in UNSEEN or at.is_comment_node:
        return ""
    if tag in ("pre", "hr", "ul", "ol", "table", "blockquote"):
        return f"\n\n{_special(at, tag, depth)}\n\n"
    if re.fullmatch("h[1-6]", tag):
        return f"\n\n{'#' * int(tag[1])} {' '.join(_inside(at, depth).split())}\n\n"
    inner = _inside(at, depth)
    return f"\n\n{inner.strip()}\n\n" if tag in BLOCKS else _inline(at, tag, inner)


def _inline(at: LexborNode, tag: str, inner: str) -> str:
    if tag == "br":
        return "\\\n"
    if tag == "img":
        return f"![{at.attributes.get('alt') or ''}]({_address(at, 'src')})"
    if tag == "code":
        return f"`{at.text().replace('`', ' ')}`"
    if not inner.strip():
        return inner
    target = at.attributes.get("href") if tag == "a" else None
    if target and not RUNS.match(target):
        return f"[{inner.strip()}]({_address(at, 'href')})"
    mark = MARKS.get(tag)
    if mark is None:
        return inner
    head, tail = len(inner) - len(inner.lstrip()), len(inner.rstrip())
    return f"{inner[:head]}{mark}{inner.strip()}{mark}{inner[tail:]}"


def _address(at: LexborNode, name: str) -> str:
    """Return an address that cannot end the brackets around it."""
    address = SPACES.sub("%20", (at.attributes.get(name) or "").strip())
    return address.replace("(", "%28").replace(")", "%29")


def _special(at: LexborNode, tag: str, depth: int) -> str:
    if tag == "pre":
        code = at.text().strip("\n")
        fence = "`" * max(3, max(map(len, re.findall("`+", code)), default=0) + 1)
        return f"{fence}\n{code}\n{fence}"
    if tag == "hr":
        return "---"
    if tag == "table":
        return "\n".join(_rows(at, depth))
    if tag == "blockquote":
        lines = _tidy(_inside(at, depth)).split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines)
    return "\n".join(_points(at, tag, depth))


def _points(at: LexborNode, tag: str, depth: int) -> Iterator[str]:
    number = 0
    for child in _children(at):
        if child.tag == "li":
            number += 1
            mark = f"{number}. " if tag == "ol" else "- "
            lines = re.sub(r"\n{2,}", "\n", _tidy(_inside(child, depth + 1))).split("\n")
            yield f"\n{' ' * len(mark)}".join([f"{mark}{lines[0]}", *lines[1:]])


def _rows(at: LexborNode, depth: int) -> Iterator[str]:
    for number, row in enumerate(at.css("tr")):
        cells = [each for each in _children(row) if each.tag in ("td", "th")]
        texts = [" ".join(_inside(each, depth + 1).split()).replace("|", "\\|") for each in cells]
        yield f"| {' | '.join(texts)} |"
        if number == 0:
            yield f"|{' --- |' * max(len(texts), 1)}"
