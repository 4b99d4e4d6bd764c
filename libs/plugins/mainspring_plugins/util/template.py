"""`util.template`: a template over data, in any of the languages of the dialects.

The data are all that it sees: nothing of the run, and no credential.
"""

from typing import Final

from mainspring.domain.expression import ExpressionError, ExpressionTooLarge
from mainspring.domain.expression.face import TemplateLanguage, compile_template
from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.support.schema import anything, choice, closed, gives, named

MANIFEST: Final = Manifest(
    id="util.template",
    name="Template",
    category="Utility",
    description=(
        "Renders a template over data. A text that is one whole expression gives its value."
    ),
    input=closed(
        {
            "template": anything("The template, or a value whose texts are templates."),
            "data": named("What the template sees, by name.", default={}),
            "engine": choice(
                "The template's language.", "jinja", "mustache", "cel", default="jinja"
            ),
        },
        "template",
    ),
    output=gives({"result": anything("What was rendered.")}),
    examples=(
        {
            "input": {"template": "Hello {{ name | upper }}", "data": {"name": "ann"}},
            "output": {"result": "Hello ANN"},
        },
        {
            "input": {"template": "{{n}} left", "data": {"n": 3}, "engine": "mustache"},
            "output": {"result": "3 left"},
        },
    ),
)


def rendered(template: Json, data: dict[str, Json], engine: TemplateLanguage, most: int) -> Json:
    """Return the rendered value; raise a final `PluginFailed` with what is wrong."""
    try:
        return compile_template(template, engine).render(data, max_output=most)
    except ExpressionTooLarge as error:
        raise PluginFailed(f"template: {error}", final=True, fault="too_large") from None
    except ExpressionError as error:
        raise PluginFailed(f"template: {error}", final=True) from None


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the rendered value."""
    template, data, engine = given["template"], given.get("data", {}), given.get("engine", "jinja")
    # Bounded in steps as all templates are, but steps over large data take their time.
    result = await context.bounded(rendered, template, data, engine, context.max_output)
    return {"result": result}
