"""What an expression can do wrong.

ExpressionError
├── ExpressionInvalid    it cannot be parsed; has a place
│   ├── TemplateInvalid  a template in Mustache or Jinja
│   └── CelInvalid       a CEL expression
├── ExpressionFailed     the rule or the value has no answer; never silently false
└── ExpressionTooLarge   a bound was reached: steps, depth or size of the output

The tree stands alone, so that the evaluators depend on nothing else; the caller decides
what each means for a definition or for a run.  No message quotes a value of the data:
values may be secret, and these messages end in descriptions of failures.
"""

from typing import Self


class ExpressionError(Exception):
    """An expression could not be parsed or evaluated."""


class ExpressionInvalid(ExpressionError):
    """An expression cannot be parsed; `line` and `column` count from 1 inside it.

    `field` is the place of the expression in the JSON value that holds it, if one does.
    """

    def __init__(self, reason: str, line: int = 1, column: int = 1, field: str = "") -> None:
        where = f"{field}: " if field else ""
        super().__init__(f"{where}line {line}, column {column}: {reason}")
        self.field = field
        self.reason = reason
        self.line = line
        self.column = column

    def within(self, field: str) -> Self:
        """Return the same fault, placed in `field` of a JSON value."""
        return type(self)(self.reason, self.line, self.column, field)


class TemplateInvalid(ExpressionInvalid):
    """A template in Mustache or Jinja cannot be parsed, or names what does not exist."""


class CelInvalid(ExpressionInvalid):
    """A CEL expression cannot be parsed, or names a function that does not exist."""


class ExpressionFailed(ExpressionError):
    """An expression has no answer over these data; the message says why."""


class ExpressionTooLarge(ExpressionError):
    """An expression went over a bound and was stopped."""
