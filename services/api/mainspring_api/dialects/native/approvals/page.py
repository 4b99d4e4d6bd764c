"""The page behind a link: what is asked, two buttons, and what became of it.

It is whole in itself: no script, no image, nothing from elsewhere, and a policy that forbids all
of that should a text ever get out of its place.  The link is in its address, so it tells no other
site where it was and is kept in no cache.  A template engine lost to six f-strings.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final

import msgspec
from starlette.responses import Response

from mainspring.domain.message import Json
from mainspring.domain.rows import ApprovalRow
from mainspring.http.instants import shown
from mainspring.http.problems import Problem
from mainspring.ports import ApprovalDetail
from mainspring_api.dialects.native.runs.wire import LONGEST_REASON

MOST_SHOWN: Final = 100_000
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c1c1c;background:#fff}"
    "dt{color:#555}dd{margin:0 0 .75rem;overflow-wrap:anywhere}"
    "pre{background:#f3f3f3;padding:.75rem;overflow:auto;max-height:24rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere;unicode-bidi:plaintext}"
    "textarea{width:100%;box-sizing:border-box;font:inherit}"
    "button{font:inherit;padding:.5rem 1.5rem;margin:.75rem .75rem 0 0;cursor:pointer}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}dt{color:#aaa}"
    "pre{background:#262626}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_ENDS: Final = {
    "approved": "This was approved",
    "rejected": "This was rejected",
    "timed_out": "The time for this decision is over",
    "canceled": "This is no longer asked",
}
_TITLES: Final = {
    400: "This form cannot be read",
    403: "This is not yours to decide",
    404: "There is nothing under this link",
    409: "This is no longer to be decided",
    410: "This link has expired",
}


def question(workflow: str, found: ApprovalDetail, actor: str) -> Response:
    """Return what is asked, with a form that decides it."""
    row = found.row
    facts = {
        "Workflow": workflow,
        "Step": row.ref,
        "Run": row.execution,
        "Asked": shown(row.requested_at),
        "To be decided before": shown(row.expires_at),
        "You decide as": actor,
    }
    asked = "" if found.ask is None else f"<h2>What is asked</h2><pre>{_json(found.ask)}</pre>"
    form = (
        '<form method="post">'
        '<label for="comment">Comment (may be empty)</label>'
        f'<textarea id="comment" name="comment" rows="3" maxlength="{LONGEST_REASON}"></textarea>'
        '<button name="decision" value="approve">Approve</button>'
        '<button name="decision" value="reject">Reject</button>'
        "</form>"
    )
    return _page(200, f"Approve {row.ref}?", f"{_facts(facts)}{asked}{form}")


def thanks(workflow: str, row: ApprovalRow, status: str) -> Response:
    """Return what a decision came to."""
    return _page(200, _ENDS[status], _facts({"Workflow": workflow, "Step": row.ref}))


def closed(workflow: str, row: ApprovalRow, status: str) -> Response:
    """Return what became of an approval that cannot be decided any more."""
    facts = {
        "Workflow": workflow,
        "Step": row.ref,
        "Decided by": row.decided_by,
        "At": shown(row.decided_at),
        "Reason": row.reason,
    }
    return _page(409, _ENDS[status], _facts(facts))


def refusal(problem: Problem) -> Response:
    """Return why nothing can be shown or decided."""
    said = "".join(f"<p>{_text(str(line))}</p>" for line in problem.details or (problem.message,))
    title = _TITLES.get(problem.status, "This does not work now")
    return _page(problem.status, title, said, problem.headers)


def _page(status: int, title: str, body: str, headers: Mapping[str, str] = {}) -> Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{_text(title)}</h1>{body}</main></body></html>"
    )
    return Response(text, status, {**headers, **HEADERS}, "text/html")


def _facts(facts: Mapping[str, str | None]) -> str:
    rows = (f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" for name, text in facts.items() if text)
    return f"<dl>{''.join(rows)}</dl>"


def _json(value: Json) -> str:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    more = "\n…" if len(text) > MOST_SHOWN else ""
    return _text(text[:MOST_SHOWN]) + more


def _text(text: str) -> str:
    """Return a text as HTML shows it and nothing else; what turns lines around is shown as such."""
    plain = (one if one.isprintable() or one == "\n" else f"\\u{ord(one):04x}" for one in text)
    return escape("".join(plain))
