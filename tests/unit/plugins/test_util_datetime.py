"""`util.datetime`: instants, zones, calendars."""

from datetime import UTC, datetime

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure, unfit
from mainspring.testing.plugins import TestContext
from mainspring_plugins.support.instants import instant, iso

ID = "util.datetime"


async def test_now_is_the_contexts(context: TestContext) -> None:
    output = await done(ID, context, op="now", tz="Asia/Kolkata")
    assert output["iso"] == "2026-01-02T08:34:05.5+05:30"
    assert output["epoch"] == context.clock.now()


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"value": "2026-03-01T10:00:00.250+02:00"}, "2026-03-01T10:00:00.25+02:00"),
        ({"value": "2026-03-01t10:00:00z"}, "2026-03-01T10:00:00Z"),
        ({"value": "2026-03-01 10:00:00", "tz": "Europe/Berlin"}, "2026-03-01T10:00:00+01:00"),
        ({"value": "2026-07-01", "tz": "-03:30"}, "2026-07-01T00:00:00-03:30"),
        ({"value": 0}, "1970-01-01T00:00:00Z"),
        ({"value": -1.5}, "1969-12-31T23:59:58.5Z"),
        ({"value": "3 Feb 2026 17:05", "format": "%d %b %Y %H:%M"}, "2026-02-03T17:05:00Z"),
        (
            {"value": "1/2/26 5PM +0100", "format": "%d/%m/%y %I%p %z"},
            "2026-02-01T17:00:00+01:00",
        ),
    ],
)
async def test_text_is_read_as_an_instant(
    context: TestContext, given: dict[str, Json], result: str
) -> None:
    assert (await done(ID, context, op="parse", **given))["result"] == result


async def test_instant_is_written_in_a_zone(context: TestContext) -> None:
    output = await done(
        ID,
        context,
        op="format",
        value="2026-07-01T12:00:00Z",
        tz="Europe/Berlin",
        format="%H:%M %%",
    )
    assert (output["result"], output["iso"]) == ("14:00 %", "2026-07-01T14:00:00+02:00")


@pytest.mark.parametrize(
    ("value", "amount", "result"),
    [
        ("2026-01-31T10:00:00+01:00", {"months": 1}, "2026-02-28T10:00:00+01:00"),
        ("2024-02-29T10:00:00+01:00", {"years": 1}, "2025-02-28T10:00:00+01:00"),
        ("2026-03-31T10:00:00+02:00", {"months": -1}, "2026-02-28T10:00:00+01:00"),
        # The night of 29 March has 23 hours in Berlin.
        ("2026-03-28T12:00:00+01:00", {"days": 1}, "2026-03-29T12:00:00+02:00"),
        ("2026-03-28T12:00:00+01:00", {"hours": 24}, "2026-03-29T13:00:00+02:00"),
        ("2026-03-28T12:00:00+01:00", "24h", "2026-03-29T13:00:00+02:00"),
        ("2026-03-28T12:00:00+01:00", "-PT90S", "2026-03-28T11:58:30+01:00"),
        ("2026-03-28T12:00:00+01:00", 1.5, "2026-03-28T12:00:01.5+01:00"),
        ("2026-12-31T12:00:00+01:00", {"weeks": 1, "minutes": 5}, "2027-01-07T12:05:00+01:00"),
    ],
)
async def test_days_go_by_the_calendar_and_hours_by_the_clock(
    context: TestContext, value: str, amount: Json, result: str
) -> None:
    output = await done(ID, context, op="add", value=value, amount=amount, tz="Europe/Berlin")
    assert output["result"] == result


@pytest.mark.parametrize(
    ("start", "end", "unit", "result"),
    [
        ("2026-01-01", "2026-01-02T12:00:00Z", "days", 1.5),
        ("2026-01-31", "2026-02-28", "months", 1),
        ("2026-02-28", "2026-01-31", "months", -1),
        ("2026-01-31", "2026-02-27", "months", 0),
        ("2024-02-29", "2026-02-28", "years", 2),
        ("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00Z", "minutes", 60),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", "milliseconds", 1),
    ],
)
async def test_difference_is_counted_in_its_unit(
    context: TestContext, start: str, end: str, unit: str, result: float
) -> None:
    output = await done(ID, context, op="diff", value=start, other=end, unit=unit)
    assert output == {"result": result}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"op": "parse"}, "value: is needed for the operation parse"),
        ({"op": "parse", "value": "tomorrow"}, "value: is no instant (RFC 3339"),
        ({"op": "parse", "value": "2026-02-30"}, "value: is no instant: "),
        ({"op": "parse", "value": "2026-02-03T25:00:00Z"}, "value: is no instant: "),
        ({"op": "parse", "value": 1e300}, "value: is no instant: "),
        ({"op": "parse", "value": "x", "format": "%Y"}, "value: does not fit the format"),
        ({"op": "parse", "value": "x", "format": "%Y%Y"}, "value: does not fit the format"),
        ({"op": "parse", "value": "x", "format": "%q"}, "format: character 1: %q is not supported"),
        ({"op": "format", "format": "%Y-%"}, "format: character 4: % is not supported"),
        ({"op": "format"}, "format: is needed"),
        ({"op": "now", "tz": "Mars/Base"}, 'tz: "Mars/Base" is no time zone'),
        ({"op": "now", "tz": "../../etc/passwd"}, "tz: "),
        ({"op": "now", "tz": "/etc/passwd"}, "tz: "),
        ({"op": "now", "tz": "Europe"}, "tz: "),
        ({"op": "now", "tz": ""}, "tz: "),
        ({"op": "add", "amount": "soon"}, "amount: is no span of time"),
        ({"op": "add", "amount": {"days": 1.5}}, "amount.days: is no whole number"),
        ({"op": "add", "amount": {"years": 9000}}, "amount: leads out of the years"),
        ({"op": "add", "amount": {"days": 9e9}}, "amount: leads out of the years"),
        ({"op": "add", "amount": {"hours": 1e300}}, "amount: leads out of the years"),
        ({"op": "diff"}, "value: is needed"),
    ],
)
async def test_bad_input_is_told_with_its_place(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    failed = await failure(ID, context, **given)
    assert failed.final
    assert str(failed).startswith(told)


def test_schema_tells_a_unit_that_is_none() -> None:
    assert unfit(ID, {"op": "add", "amount": {"fortnights": 1}})[0].startswith("amount")


@forall(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(at: datetime) -> None:
    assert instant(iso(at), UTC, "value") == at
