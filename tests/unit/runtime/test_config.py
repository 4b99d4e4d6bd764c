"""The configuration: all of it from the environment, or every fault at once."""

from typing import Any

import msgspec
import pytest

from mainspring.runtime.config import PORTS, SERVICES, VARIABLES, Config, ConfigInvalid

NEEDED = {
    "MAINSPRING_DATABASE_URL": "postgresql://app:hunter22@db/mainspring",
    "MAINSPRING_NATS_URL": "nats://a:4222,nats://b:4222",
}
KEY = "00112233445566778899aabbccddeeff"


def read(service: str = "api", **more: str) -> Config:
    return Config.from_env(service, NEEDED | more)


def faults(service: str = "api", environ: dict[str, str] | None = None, **more: str) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        Config.from_env(service, (NEEDED if environ is None else environ) | more)
    return list(caught.value.faults)


@pytest.mark.parametrize("service", SERVICES)
def test_two_variables_are_enough(service: str) -> None:
    config = read(service)
    assert (config.host, config.port) == ("127.0.0.1", PORTS[service])


def test_every_fault_is_told_at_once_with_its_variable() -> None:
    told = faults(
        "executor",
        {},
        MAINSPRING_PORT="99999",
        MAINSPRING_CONCURRENCY="many",
        MAINSPRING_CALLBACK_KEYS="k:zz",
        MAINSPRING_HOST="0.0.0.0",  # noqa: S104 - refused
    )
    assert [fault.split("=")[0].split(" ")[0] for fault in told] == [
        "MAINSPRING_DATABASE_URL",
        "MAINSPRING_NATS_URL",
        "MAINSPRING_PORT",
        "MAINSPRING_CALLBACK_KEYS",
        "MAINSPRING_CONCURRENCY",
        "MAINSPRING_HOST",
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.test"])  # noqa: S104
def test_a_host_that_others_can_reach_must_be_told_twice(host: str) -> None:
    assert "MAINSPRING_ALLOW_UNAUTHENTICATED=1" in faults(MAINSPRING_HOST=host)[0]
    told_twice = read(MAINSPRING_HOST=host, MAINSPRING_ALLOW_UNAUTHENTICATED="1")
    assert told_twice.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_host_is_told_once(host: str) -> None:
    assert read(MAINSPRING_HOST=host).host == host


def test_the_first_callback_key_is_the_one_that_signs() -> None:
    keys = read(MAINSPRING_CALLBACK_KEYS=f"new:{KEY}, old:{KEY[::-1]}").callback_keys
    assert [key.kid for key in keys] == ["new", "old"]
    assert keys[0].secret == bytes.fromhex(KEY)


@pytest.mark.parametrize("text", [KEY, f":{KEY}", "k:00", f"k:{KEY},k:{KEY}", f"a b:{KEY}", "k:"])
def test_a_faulty_key_is_refused_without_being_repeated(text: str) -> None:
    (fault,) = faults(MAINSPRING_CALLBACK_KEYS=text)
    assert KEY not in fault


def test_no_text_of_a_configuration_shows_a_secret() -> None:
    config = read(MAINSPRING_CALLBACK_KEYS=f"k:{KEY}")
    for text in (repr(config), str(config), repr(config.callback_keys)):
        assert KEY not in text
        assert "hunter22" not in text
    assert {KEY, "hunter22"} <= set(config.secrets())


def test_a_service_does_not_read_what_is_not_for_it() -> None:
    assert read("events", MAINSPRING_CONCURRENCY="nonsense").concurrency == 256


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAINSPRING_DATABASE_URL", "mysql://x/y"),
        ("MAINSPRING_NATS_URL", "localhost:4222"),
        ("MAINSPRING_PUBLIC_URL", "ftp://x"),
        ("MAINSPRING_ALLOW_PRIVATE_EGRESS", "maybe"),
        ("MAINSPRING_DRAIN_SECONDS", "nan"),
        ("MAINSPRING_DRAIN_SECONDS", "-1"),
        ("MAINSPRING_MAX_BODY_BYTES", "1"),
        ("MAINSPRING_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, text: str) -> None:
    service = "executor" if "EGRESS" in name else "api"
    assert faults(service, NEEDED | {name: text})[0].startswith(name)


def test_an_empty_variable_is_as_if_it_were_not_set() -> None:
    assert read(MAINSPRING_PORT="").port == 8080


def test_the_table_has_every_field_once_and_its_true_default() -> None:
    fields = {f.name: f for f in msgspec.structs.fields(Config) if f.name != "service"}
    assert [v.field for v in VARIABLES].count("port") == 1
    assert {v.field for v in VARIABLES} == fields.keys()
    assert len({v.name for v in VARIABLES}) == len(VARIABLES)
    for variable in VARIABLES:
        if variable.required or variable.field == "port":
            continue
        kept: Any = fields[variable.field].default
        stated: Any = variable.parse(variable.default) if variable.default else kept
        assert stated == kept, variable.name
