"""compose.yaml, the Dockerfile and the locks say what the code says.  No Docker is needed."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from mainspring.runtime.config import PORTS, SERVICES, VARIABLES, Config

ROOT = Path(__file__).parents[2]
OFFICIAL = {"postgres", "nats", "prometheus"}
PLUGINS_IN = {"api", "executor"}
"""The api tells of plugins, the executor calls them."""

service = pytest.mark.parametrize("service", SERVICES)


class Stage(NamedTuple):
    parent: str
    lines: list[tuple[str, str]]

    def all_of(self, word: str) -> list[str]:
        return [rest for instruction, rest in self.lines if instruction == word]


def read_dockerfile() -> dict[str, Stage]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    stages: dict[str, Stage] = {}
    current = Stage("", [])
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            parent, _, name = rest.split()
            current = stages[name] = Stage(parent, [])
        current.lines.append((word, rest.strip()))
    return stages


COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
STAGES = read_dockerfile()


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def declared(member: str) -> set[str]:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    names = (re.split(r"[<>=!;\[ ]", wish, maxsplit=1)[0] for wish in project["dependencies"])
    return {name for name in names if not name.startswith("mainspring")}


def test_compose_runs_the_four_services_their_two_servers_and_prometheus() -> None:
    assert set(CONTAINERS) == {*SERVICES, *OFFICIAL, "migrate"}


@service
def test_compose_publishes_the_port_of_the_code_on_the_loopback_alone(service: str) -> None:
    assert CONTAINERS[service]["ports"] == [f"127.0.0.1:{PORTS[service]}:{PORTS[service]}"]


@service
def test_compose_builds_the_target_of_the_same_name(service: str) -> None:
    assert CONTAINERS[service]["build"] == {"context": ".", "target": service}


def test_whatever_keeps_running_has_a_health_check() -> None:
    assert all("healthcheck" in CONTAINERS[name] for name in CONTAINERS.keys() - {"migrate"})


@service
def test_a_service_waits_for_the_schema_and_the_broker_and_is_asked_for_readiness(
    service: str,
) -> None:
    waits = CONTAINERS[service]["depends_on"]
    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert waits["nats"] == {"condition": "service_healthy"}
    assert "/readyz" in CONTAINERS[service]["healthcheck"]["test"][-1]


@service
def test_a_container_may_write_nothing_and_gain_nothing(service: str) -> None:
    container = CONTAINERS[service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]


def test_addresses_in_compose_name_its_own_containers_and_ports() -> None:
    environment = CONTAINERS["api"]["environment"]
    assert environment["MAINSPRING_EVENTS_URL"] == f"http://events:{PORTS['events']}"
    assert environment["MAINSPRING_DATABASE_URL"].endswith("@postgres:5432/mainspring")
    assert environment["MAINSPRING_NATS_URL"] == "nats://nats:4222"


def test_prometheus_scrapes_all_four_services() -> None:
    config = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])
    (job,) = config["scrape_configs"]
    targets = [f"{name}:{port}" for name, port in PORTS.items()]
    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": targets}]


def test_every_variable_of_the_deployment_is_one_of_the_configuration() -> None:
    given = set(CONTAINERS["api"]["environment"])
    given |= set(re.findall(r"(MAINSPRING_[A-Z_]+)=", (ROOT / "Dockerfile").read_text()))
    assert given <= {variable.name for variable in VARIABLES}


@service
def test_a_container_is_told_what_its_service_accepts(service: str) -> None:
    told = {
        name: "local:" + 64 * "0" if name == "MAINSPRING_CALLBACK_KEYS" else unset(value)
        for name, value in CONTAINERS[service]["environment"].items()
    }
    assert Config.from_env(service, told).host == "0.0.0.0"  # noqa: S104


def unset(value: str) -> str:
    """What compose makes of a value when the variables in it are not set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


@service
def test_an_image_listens_where_the_code_says(service: str) -> None:
    stage = STAGES[service]
    assert stage.all_of("EXPOSE") == [str(PORTS[service])]
    assert f"MAINSPRING_PORT={PORTS[service]}" in stage.all_of("ENV")


@service
def test_an_image_runs_its_service_as_nobody_in_particular(service: str) -> None:
    stage = STAGES[service]
    assert json.loads(stage.all_of("ENTRYPOINT")[0]) == ["python", "-m", f"mainspring_{service}"]
    assert stage.lines[-2] == ("USER", "10001:10001")


@service
def test_an_image_has_a_health_check_of_its_own(service: str) -> None:
    (check,) = STAGES[STAGES[service].parent].all_of("HEALTHCHECK")
    assert "/healthz" in check


@service
def test_an_image_holds_the_library_and_one_service(service: str) -> None:
    copied = " ".join(STAGES[service].all_of("COPY"))
    plugins = {"plugins"} if service in PLUGINS_IN else set[str]()
    assert set(re.findall(r"mainspring_([a-z]+)-", copied)) == {"common", service} | plugins
    assert f"requirements/{service}.txt" in copied


@service
def test_an_image_installs_what_its_members_ask_for_in_the_locked_releases(service: str) -> None:
    cut = pins(service)
    assert declared("libs/common") | declared(f"services/{service}") <= cut.keys()
    assert cut.items() <= pins("run").items()


def test_the_locks_hold_what_every_member_asks_for() -> None:
    members = [path.parent.relative_to(ROOT) for path in ROOT.glob("libs/*/pyproject.toml")]
    members += [path.parent.relative_to(ROOT) for path in ROOT.glob("services/*/pyproject.toml")]
    wanted = {name for member in members for name in declared(str(member))}
    assert wanted <= pins("run").keys()
    assert pins("run").items() <= pins("dev").items()


def test_the_locks_name_no_host_and_no_path() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert not re.search(r"://|^-|^\.|^/", lock.read_text(), re.MULTILINE), lock.name


def test_every_locked_package_has_hashes() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        blocks = re.split(r"\n(?=\S)", lock.read_text())
        pinned = [block for block in blocks if "==" in block.splitlines()[0]]
        assert pinned
        assert all("--hash=sha256:" in block for block in pinned), lock.name
