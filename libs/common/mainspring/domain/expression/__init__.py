"""The languages of the dialects behind one face: Mustache, CEL, Jinja; JSON Logic, conditions.

All are pure functions over plain JSON values: no clock, no chance, no attribute of a Python
object, and a bound on every loop.  Templates say *what to send*, rules *where to go*; what is
missing prints nothing in Mustache, and everywhere else it fails loudly, with a reason.  All can
tell beforehand what they read, so that a message carries that and no more:

    body = compile_body({"sku": "{{payload.sku}}"})
    body.encode(select(context, body.references))
"""

from mainspring.domain.expression.body import (
    CompiledBody,
    compile_body,
    render_body,
    render_json,
)
from mainspring.domain.expression.cel import CompiledCel, compile_cel
from mainspring.domain.expression.condition import check as condition_check
from mainspring.domain.expression.condition import evaluate as condition_evaluate
from mainspring.domain.expression.condition import references as condition_references
from mainspring.domain.expression.errors import (
    CelInvalid,
    ExpressionError,
    ExpressionFailed,
    ExpressionInvalid,
    ExpressionTooLarge,
    TemplateInvalid,
)
from mainspring.domain.expression.escape import Escape
from mainspring.domain.expression.face import (
    CompiledTemplate,
    TemplateLanguage,
    compile_template,
    template_faults,
)
from mainspring.domain.expression.guard import (
    Guard,
    Language,
    guard_check,
    guard_holds,
    guard_references,
)
from mainspring.domain.expression.jsonlogic import evaluate, parse, truthy
from mainspring.domain.expression.mustache import CompiledText, compile_text, render_text
from mainspring.domain.expression.ruleview import check
from mainspring.domain.expression.ruleview import references as rule_references
from mainspring.domain.expression.values import ROOT, Path, Value, select


def references(template: Value) -> frozenset[Path]:
    """Return every path of the context that rendering `template` as a body may read."""
    return compile_body(template).references


__all__ = [
    "ROOT",
    "CelInvalid",
    "CompiledBody",
    "CompiledCel",
    "CompiledTemplate",
    "CompiledText",
    "Escape",
    "ExpressionError",
    "ExpressionFailed",
    "ExpressionInvalid",
    "ExpressionTooLarge",
    "Guard",
    "Language",
    "Path",
    "TemplateInvalid",
    "TemplateLanguage",
    "Value",
    "check",
    "compile_body",
    "compile_cel",
    "compile_template",
    "compile_text",
    "condition_check",
    "condition_evaluate",
    "condition_references",
    "evaluate",
    "guard_check",
    "guard_holds",
    "guard_references",
    "parse",
    "references",
    "render_body",
    "render_json",
    "render_text",
    "rule_references",
    "select",
    "template_faults",
    "truthy",
]
