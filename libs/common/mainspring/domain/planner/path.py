"""The path planner: one token walks the graph; a split makes a token a branch, a join one again.

Each token is in one place, so loops are allowed and need no bookkeeping beyond a count of visits.
A step may see the results of all that was done before it on its own way: results of sibling
branches stay hidden until their join.
"""

from collections.abc import Iterator

from mainspring.domain.execution.state import Execution, Token
from mainspring.domain.planner.plan import Done, Enter, Failed, Join, Move, Verdict

ROOT = "t"


def moves(x: Execution) -> Iterator[Move]:
    """Yield what tokens may do now, in the order of their ids."""
    for id in sorted(x.tokens):
        token = x.tokens[id]
        if token.status == "ready" and not _arrived(x, token):
            yield Enter(token.target or "", id)
        elif token.status == "split" and (join := _joined(x, token)):
            yield join


def verdict(x: Execution) -> Verdict | None:
    """Return how the forward run has ended, or None while it goes on.

    A failed branch ends the run unless its join says `continue`.
    """
    failed = [
        token
        for token in x.tokens.values()
        if token.status == "failed" and not _is_tolerated(x, token)
    ]
    if failed:
        # Of several the first by id, since the order of a hash trie is no order.
        token = min(failed, key=lambda token: token.id)
        step = x.of(token.at)
        return Failed((step and step.reason) or f"step {token.at} failed")
    root = x.tokens.get(ROOT)
    if root is not None and root.status == "ready" and root.target is None:
        return Done(root.done)
    return None


def is_visible(done_by: str, seen_from: str) -> bool:
    """Say whether a token sees what another has done.

    Ids share a prefix up to where the walkers parted.  If they parted at one and the same split
    into different branches, they are siblings and blind to each other.
    """
    done, seen = done_by.split("/"), seen_from.split("/")
    for one, other in zip(done[1:], seen[1:], strict=False):
        if one != other:
            return one.split(".")[0] != other.split(".")[0]
    return True


def child(parent: str, split_seq: int, branch: int) -> str:
    """Return the id of a branch's token."""
    return f"{parent}/{split_seq}.{branch}"


def _split_of(x: Execution, token: Token) -> Token | None:
    """Return the waiting parent of a branch's token, None for the root."""
    return x.tokens.get(token.id.rpartition("/")[0]) if "/" in token.id else None


def _arrived(x: Execution, token: Token) -> bool:
    """Say whether a ready token has nowhere to go: it ended, or stands before its join."""
    if token.target is None:
        return True
    parent = _split_of(x, token)
    return parent is not None and token.target == x.step(parent.at).join


def _is_over(x: Execution, token: Token) -> bool:
    return token.status in ("failed", "ended") or (token.status == "ready" and _arrived(x, token))


def _is_tolerated(x: Execution, token: Token) -> bool:
    parent = _split_of(x, token)
    if parent is None:
        return False
    return x.step(x.step(parent.at).join).on_branch_failure == "continue"


def _joined(x: Execution, parent: Token) -> Join | None:
    split = x.of(parent.at)
    tokens = [x.tokens[id] for id in (split.tokens if split else ()) if id in x.tokens]
    if not all(_is_over(x, token) for token in tokens):
        return None
    return Join(x.step(parent.at).join, parent.id, tuple(_branch(x, token) for token in tokens))


def _branch(x: Execution, token: Token) -> dict[str, object]:
    last = x.of(token.at) if token.at else None
    if token.status in ("failed", "ended"):
        reason = (last and last.reason) or "failed"
        return {"branchId": token.id, "status": "FAILED", "failureDescription": reason}
    done = x.of(token.done) if token.done else None
    return {"branchId": token.id, "status": "SUCCEEDED", "result": done.output if done else None}
