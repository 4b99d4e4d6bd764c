"""The examples of the document: the page's own flow, and one that uses more of what there is."""

from typing import Any, Final

HELLO: Final = (
    "name: my-workflow\ntasks:\n  - name: hello\n    type: util.log\n"
    "    properties:\n      message: Hello world\n"
)
FLOW: Final[dict[str, Any]] = {
    "name": "my-workflow",
    "namespace": "production",
    "yamlContent": HELLO,
}
CHANGE: Final[dict[str, Any]] = {
    "yamlContent": HELLO.replace("Hello world", "Hello again"),
    "comment": "say it again",
}
TEXT: Final[dict[str, Any]] = {"yamlContent": HELLO}
EXECUTION: Final[dict[str, Any]] = {"inputs": {}}
DOCUMENT: Final[dict[str, Any]] = {
    "version": 1,
    "kind": "mainspring.flow",
    "flow": {"name": "my-workflow", "namespace": "production", "yamlContent": HELLO},
}
