"""`make chaos`: a run, what it has shown, and 1 when anything that must hold did not."""

import argparse
import sys
from pathlib import Path

import msgspec

from mainspring.testing.chaos import ground
from mainspring.testing.chaos.recovery import WITHIN_S, table
from mainspring.testing.chaos.run import Order, Outcome, run


def main() -> int:
    """Do what the arguments say; return the exit code."""
    args = _arguments()
    if not args.plain:
        ground.enter([sys.executable, "-m", "mainspring.testing.chaos", *sys.argv[1:]])
    outcome = run(Order(args.minutes, args.seed, args.rate, tuple(args.only)), _say)
    print(_report(outcome))  # noqa: T201
    if args.json is not None:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)) + b"\n")
    return 1 if outcome.wrong or outcome.late else 0


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="how long, about")
    parser.add_argument("--seed", type=int, default=1, help="which order of faults")
    parser.add_argument(
        "--rate", type=float, default=0.0, help="runs a second; 0: half of capacity"
    )
    parser.add_argument("--only", action="append", default=[], help="no fault but this; repeatable")
    parser.add_argument("--plain", action="store_true", help="stand-ins, as who is not root gets")
    parser.add_argument("--json", type=Path, default=None, help="write what was found here")
    return parser.parse_args()


def _report(outcome: Outcome) -> str:
    lines = [
        f"{outcome.machine}; seed {outcome.order.seed}; {outcome.seconds:.0f} s in all",
        f"full disk: {outcome.disk}; cut network: {outcome.network}",
        f"{outcome.rate:g} runs asked for a second, {outcome.steady:g} ended a second undisturbed",
        f"{outcome.accepted} accepted, {outcome.begun} begun, {outcome.events} events,"
        f" {outcome.calls} calls of peers, turned away: {outcome.turned_away or 'nobody'}",
        "",
        table(outcome.faults),
        "",
        f"crash points visited: {len(outcome.visited)}",
    ]
    lines += [f"late (more than {WITHIN_S:g} s): {each.name}" for each in outcome.late]
    lines += [f"WRONG: {what}" for what in outcome.wrong] or ["nothing is wrong"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
