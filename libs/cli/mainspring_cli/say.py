"""What the command line says: lines for people, or one JSON object a line for programs.

Colour and a spinner appear only on a terminal; a log file or a pipe gets plain lines.
"""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from time import monotonic

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

REPORT_EVERY_S = 2.0


class Say:
    """The one way to the outside; every line is flushed when it is said."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # Never wrapped: a URL that was broken over two lines cannot be clicked or copied.
        self._console = Console(soft_wrap=True, highlight=False)

    def line(self, event: str, text: str, *, style: str = "", **fields: object) -> None:
        """Say one thing that happened."""
        if self.as_json:
            print(json.dumps({"event": event, "text": text} | fields, default=str), flush=True)
        else:
            self._console.print(escape(text), style=style or None)
            self._console.file.flush()

    def problem(self, event: str, text: str, **fields: object) -> None:
        """Say something that a person should look at."""
        self.line(event, text, style="yellow", **fields)

    def failure(self, event: str, text: str, **fields: object) -> None:
        """Say why this ends without success."""
        self.line(event, text, style="red", **fields)

    def table(self, event: str, columns: list[str], rows: list[list[str]]) -> None:
        """Show rows; as JSON each row is one line with the columns as names."""
        if self.as_json:
            for row in rows:
                fields = dict(zip(columns, row, strict=True))
                print(json.dumps({"event": event} | fields), flush=True)
            return
        # As wide as it is: a table that is made to fit cuts ids, and an id that is cut is none.
        widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            pairs = zip(row, widths, strict=True)
            cells = (cell + " " * (width - cell_len(cell)) for cell, width in pairs)
            style = "bold" if row is columns else None
            self._console.print(escape("  ".join(cells).rstrip()), style=style)
        self._console.file.flush()

    @contextmanager
    def counting(self, event: str, things: str) -> Generator[Callable[[int], None]]:
        """Yield what shows how far long work has come: in place on a terminal, else once in 2 s."""
        spin = self._console.is_terminal and not self.as_json
        if spin:
            with self._console.status(things) as status:
                yield lambda count: status.update(f"{count} {things}")
            return
        said = monotonic()

        def tell(count: int) -> None:
            nonlocal said
            if monotonic() - said > REPORT_EVERY_S:
                said = monotonic()
                self.line(event, f"{count} {things}", count=count)

        yield tell

    @contextmanager
    def doing(self, event: str, what: str) -> Generator[None]:
        """Show that something takes its time, and afterwards how long it took."""
        began = monotonic()
        spin = self._console.is_terminal and not self.as_json
        with self._console.status(f"{escape(what)} …") if spin else nullcontext():
            yield
        seconds = monotonic() - began
        self.line(event, f"  {what}: {seconds:.1f} s", seconds=round(seconds, 3))
