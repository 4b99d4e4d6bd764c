"""The page of inputs and outputs is what the manifests say."""

from pathlib import Path

from mainspring.testing.plugin_calls import REGISTRY
from mainspring.testing.plugin_tables import CATEGORIES, manifests, page

PAGE = Path(__file__).parents[3] / "docs" / "plugin_tables.md"


def test_the_page_is_what_the_manifests_say() -> None:
    assert PAGE.read_text() == page(), (
        "run `python -m mainspring.testing.plugin_tables docs/plugin_tables.md`"
    )


def test_the_page_has_every_plugin_once() -> None:
    ids = [each.id for each in manifests()]
    assert ids
    assert set(ids) <= set(REGISTRY.ids)
    assert [page().count(f"\n### {id}\n") for id in ids] == [1] * len(ids)
    assert {each.category for each in manifests()} == set(CATEGORIES)
