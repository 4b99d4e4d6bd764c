"""A container engine's command line that has no engine: strict about words, then runs them here.

It takes `run` and `rm` as docker's does: options before the image and none that is unknown, each
value as its option wants it, every file there that is named.  What it does not take ends with exit
code 125 and docker's words.  What it takes is written down, and then a script of the test is done;
without one, the container's own command, here, with the host's files in the place of its mounts.
"""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

FLAGS = frozenset({"rm", "read-only", "interactive"})
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
IMAGE = re.compile(
    r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
VALUES = {
    "name": NAME,
    "pull": re.compile(r"missing|always|never"),
    "network": re.compile(r"none|bridge"),
    "cap-drop": re.compile(r"ALL"),
    "security-opt": re.compile(r"no-new-privileges"),
    "pids-limit": re.compile(r"\d+"),
    "memory": re.compile(r"\d+[bkmg]"),
    "memory-swap": re.compile(r"\d+[bkmg]"),
    "cpus": re.compile(r"\d+(?:\.\d+)?"),
    "tmpfs": re.compile(r"/[^:]+:rw,nosuid,nodev,size=\d+m"),
    "env-file": re.compile(r"/.+"),
    "mount": re.compile(r"type=bind,.+"),
    "user": re.compile(r"[a-z0-9_][a-z0-9_-]*(?::\w+)?"),
    "workdir": re.compile(r"/.*"),
    "entrypoint": re.compile(r".+"),
}
OFTEN = frozenset({"mount"})


def install(folder: Path, name: str = "docker") -> Path:
    """Put the engine into a folder; `told` has what it took, `does` may hold a script."""
    (folder / "told").touch()
    tool = folder / name
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{__file__}" "{folder}" "$@"\n')
    tool.chmod(0o755)
    return folder


def put_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the engine and put its folder on the path."""
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return install(folder)


def refuse(what: str) -> NoReturn:
    sys.stderr.write(f"docker: {what}\n")
    raise SystemExit(125)


def parsed(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the options, and the image with what comes after it."""
    options: dict[str, list[str]] = {}
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name = word.removeprefix("--")
        if not word.startswith("--") or name not in FLAGS | VALUES.keys():
            refuse(f"unknown flag: {word}")
        if name in options and name not in OFTEN:
            refuse(f"{word} is said twice")
        value = "" if name in FLAGS else taken(name, words)
        options.setdefault(name, []).append(value)
    if not words:
        refuse("'docker run' requires at least 1 argument")
    if not IMAGE.fullmatch(words[0]):
        refuse(f"invalid reference format: {words[0]}")
    return options, words


def taken(name: str, words: list[str]) -> str:
    if not words:
        refuse(f"flag needs an argument: --{name}")
    value = words.pop(0)
    if not VALUES[name].fullmatch(value):
        refuse(f'invalid argument "{value}" for "--{name}" flag')
    return value


def mounts_of(options: dict[str, list[str]]) -> dict[str, str]:
    """Return the host's path of each target."""
    found: dict[str, str] = {}
    for text in options.get("mount", ()):
        (fields,) = csv.reader([text])
        said = {name: value for name, _, value in (each.partition("=") for each in fields)}
        if not said.keys() <= {"type", "source", "target", "readonly"} or len(said) < len(fields):
            refuse(f"invalid mount: {text}")
        if not Path(said["source"]).is_file():
            refuse(f"bind source path does not exist: {said['source']}")
        if said["target"] in found or not said["target"].startswith("/"):
            refuse(f"duplicate or relative mount point: {said['target']}")
        found[said["target"]] = said["source"]
    return found


def env_of(options: dict[str, list[str]]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for path in options.get("env-file", ()):
        for line in Path(path).read_text().splitlines():
            name, equals, value = line.partition("=")
            if not equals or not name or " " in name:
                refuse(f"poorly formatted environment: variable '{name}'")
            pairs[name] = value
    return pairs


def run(folder: Path, words: list[str]) -> int:
    """Take `docker run` and return its exit code."""
    options, (_, *command) = parsed(list(words))
    mounts, env = mounts_of(options), env_of(options)
    script = folder / "does"
    stdin = None if "interactive" in options else subprocess.DEVNULL
    if script.exists():
        whole = ["/bin/sh", str(script), "run", *words]
        return subprocess.run(whole, check=False, stdin=stdin).returncode
    inside = mounts | {"/tmp/task": str(folder / "inside")}  # noqa: S108 - a container's

    def here(text: str) -> str:
        for target in sorted(inside, key=len, reverse=True):
            text = text.replace(target, inside[target])
        return text

    whole = [here(word) for word in [*options.get("entrypoint", ()), *command]]
    around = {name: here(value) for name, value in env.items()} | {"PATH": os.environ["PATH"]}
    return subprocess.run(whole, check=False, stdin=stdin, env=around).returncode


def remove(words: list[str]) -> int:
    """Take `docker rm` and return its exit code."""
    if len(words) != 2 or words[0] != "--force" or not NAME.fullmatch(words[1]):
        refuse(f"'docker rm' does not take {words}")
    return 0


def main(folder: Path, words: list[str]) -> int:
    """Take one command line and return the exit code."""
    with (folder / "told").open("a") as told:
        told.write(" ".join(words) + "\n")
    with (folder / "words").open("a") as told:
        told.write(json.dumps(words) + "\n")
    match words:
        case ["run", *rest]:
            return run(folder, rest)
        case ["rm", *rest]:
            return remove(rest)
        case _:
            refuse(f"unknown command: docker {' '.join(words)}")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
