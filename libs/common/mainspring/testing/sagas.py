"""Building blocks of saga definitions, as a client sends them."""

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


def call(url: str = "http://service/run", verb: str = "POST", **more: object) -> Json:
    """Return an HTTP call."""
    return {"url": url, "verb": verb, **more}


def task(id: str, then: str | None = None, **more: object) -> Json:
    """Return a task that calls the service, or does as `action` says."""
    action: Json = {"mode": "sync", "request": call()}
    return {"kind": "task", "id": id, "action": action, **_next(then), **more}


def switch(id: str, default: str, *cases: tuple[Any, str]) -> Json:
    """Return a switch with cases of a rule and a target."""
    listed = [{"when": when, "target": target} for when, target in cases]
    return {"kind": "switch", "id": id, "cases": listed, "default": default}


def sleep(id: str, millis: int, then: str | None = None) -> Json:
    """Return a sleep."""
    return {"kind": "sleep", "id": id, "durationMillis": millis, **_next(then)}


def split(id: str, joined: str, *branches: str) -> Json:
    """Return a split."""
    return {"kind": "split", "id": id, "branches": list(branches), "join": joined}


def join(id: str, then: str | None = None, **more: object) -> Json:
    """Return a join."""
    return {"kind": "join", "id": id, **_next(then), **more}


def graph(*nodes: Json, entrypoint: str | None = None, **more: object) -> Json:
    """Return a definition that begins with its first node, unless told otherwise."""
    first = entrypoint or nodes[0]["id"]
    return {"name": "n", "version": "v1", "entrypoint": first, "nodes": list(nodes), **more}


def hello_world(service: str = "http://service") -> Json:
    """Return the definition of the page's first example; only the host may differ."""
    retry: Json = {"type": "retry", "maxAttempts": 1, "delayMillis": 200}
    request: Json = {"url": f"{service}/run", "verb": "POST"}
    node: Json = {"kind": "task", "id": "notify", "action": {"mode": "sync", "request": request}}
    return {
        "name": "inline",
        "version": "v1",
        "failureHandling": retry,
        "entrypoint": "notify",
        "nodes": [node],
    }


def _next(then: str | None) -> Json:
    return {"next": then} if then else {}
