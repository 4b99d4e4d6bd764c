"""The guard refuses every way to a place where calls may not go, and pins what it allowed."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.ports import HttpFault
from mainspring.testing.patience import moment
from mainspring_executor import egress
from mainspring_executor.address import judge
from mainspring_executor.egress import Egress
from mainspring_executor.url import split

PRIVATE = ["10.0.0.1", "127.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.19.0.1"]
PRIVATE_6 = ["::1", "fd12:3456::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::1"]
FORBIDDEN = [
    "0.0.0.0",  # noqa: S104 - to be refused
    "0.1.2.3",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.170",
    "192.0.2.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a9fe:a9fe::1",
    "2001::1",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00:ec2::254",
    "ff02::1",
    "4000::1",
    "not an address",
    "",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE + PRIVATE_6)
def test_private_addresses_are_told(address: str) -> None:
    assert judge(address) == "private"


@pytest.mark.parametrize("address", FORBIDDEN)
def test_special_addresses_are_forbidden_in_every_dress(address: str) -> None:
    assert judge(address) == "forbidden"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public_in_every_dress(address: str) -> None:
    assert judge(address) == "public"


@given(st.ip_addresses())
def test_whatever_python_holds_for_special_is_never_public(address: object) -> None:
    text = str(address)
    if judge(text) == "public" and not text.startswith(("64:ff9b:", "2002:", "::ffff:")):
        assert getattr(address, "is_global", False)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_alike(inner: object) -> None:
    number = int(inner)  # type: ignore[call-overload]
    for prefix in ("::ffff:", "64:ff9b::"):
        dressed = f"{prefix}{number >> 16:x}:{number & 0xFFFF:x}"
        assert judge(dressed) == judge(str(inner))


@pytest.mark.parametrize(
    ("url", "host", "port", "header", "target"),
    [
        ("http://a.test", "a.test", 80, "a.test", "/"),
        ("HTTPS://A.Test:443/x?y=z#f", "a.test", 443, "a.test", "/x?y=z"),
        ("http://a.test:/", "a.test", 80, "a.test", "/"),
        ("http://a.test.:8000?q", "a.test", 8000, "a.test:8000", "/?q"),
        ("http://[2606:4700::1]:8000/", "2606:4700::1", 8000, "[2606:4700::1]:8000", "/"),
        ("http://bücher.test/ü", "xn--bcher-kva.test", 80, "xn--bcher-kva.test", "/%C3%BC"),
        ("http://my_service/", "my_service", 80, "my_service", "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, header: str, target: str) -> None:
    origin, found = split(url)
    assert (origin.host, origin.port, origin.header, found) == (host, port, header, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@a.test/",
        "http://a.test@10.0.0.1/",
        "http://a.test\\@10.0.0.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://127.0.0.1.2/",
        "http://1.1.1.01/",
        "http://\uff11\uff12\uff17.1/",
        "http://[::1%25lo]/",
        "http://[::1/",
        "http://[1.1.1.1]/",
        "http://a.test:0/",
        "http://a.test:65536/",
        "http://a.test:22/",
        "http://a.test:6379/",
        "http://a.test:80:80/",
        "http://a..test/",
        "http://-a.test/",
        "http://a b.test/",
        "http://a%2e.test/",
        "http://a\n.test/",
        "http:///path",
        "http:/a.test",
        "//a.test",
        "gopher://a.test/",
        " http://a.test/",
        "http://" + "a" * 64 + ".test/",
        "http://a.test/" + "x" * 20_000,
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(HttpFault) as caught:
        split(url)
    assert caught.value.kind == "refused"


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"https://a.test/{text}"):
        found = taken_apart(url)
        if found is not None:
            host, target = found
            assert host.isascii()
            assert (target[0], target.isascii(), target.isprintable()) == ("/", True, True)
            assert " " not in target


def taken_apart(url: str) -> tuple[str, str] | None:
    """Return host and target; None when it is refused, any other error is let out."""
    try:
        origin, target = split(url)
    except HttpFault as fault:
        return None if fault.kind == "refused" else ("", "")
    return origin.host, target


class Names:
    """A resolver with a script: the n-th question gets the n-th answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked += 1
        await moment(0)
        answer = self.answers.pop(0)
        if not answer:
            raise OSError("no such host")
        return answer


async def addresses(guard: Egress, url: str = "http://a.test/") -> tuple[str, ...]:
    return await guard.addresses(split(url)[0])


async def refusal(guard: Egress, url: str = "http://a.test/") -> str:
    with pytest.raises(HttpFault) as caught:
        await addresses(guard, url)
    return caught.value.kind


@pytest.mark.parametrize("address", PRIVATE + PRIVATE_6)
async def test_private_addresses_need_to_be_allowed(address: str) -> None:
    assert await refusal(Egress(resolve=Names([address]).resolve)) == "refused"
    assert await addresses(Egress(private=True, resolve=Names([address]).resolve)) == (address,)


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_forbidden_addresses_cannot_be_allowed(address: str) -> None:
    guard = Egress(private=True, resolve=Names([address]).resolve)
    assert await refusal(guard) == "refused"


async def test_addresses_in_the_url_are_checked_without_asking_anybody() -> None:
    names = Names()
    assert await refusal(Egress(resolve=names.resolve), "http://127.0.0.1/") == "refused"
    assert await refusal(Egress(resolve=names.resolve), "http://[::1]/") == "refused"
    assert await addresses(Egress(resolve=names.resolve), "http://1.1.1.1/") == ("1.1.1.1",)
    assert names.asked == 0


async def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    guard = Egress(resolve=Names(["1.1.1.1", "10.0.0.1"]).resolve)
    assert await refusal(guard) == "refused"


async def test_a_refusal_does_not_tell_the_address() -> None:
    guard = Egress(resolve=Names(["10.20.30.40"]).resolve)
    with pytest.raises(HttpFault) as caught:
        await addresses(guard)
    assert "10.20.30.40" not in str(caught.value)


async def test_a_name_that_moves_to_a_private_address_stays_pinned_and_is_then_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names(["1.1.1.1"], ["127.0.0.1"])
    guard = Egress(resolve=names.resolve)
    assert await addresses(guard) == ("1.1.1.1",)
    assert await addresses(guard) == ("1.1.1.1",)
    assert names.asked == 1
    later = asyncio.get_running_loop().time() + egress.FRESH + 1
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: later)
    assert await refusal(guard) == "refused"


async def test_a_failure_is_not_remembered() -> None:
    guard = Egress(resolve=Names([], ["1.1.1.1"]).resolve)
    assert await refusal(guard) == "connection"
    assert await addresses(guard) == ("1.1.1.1",)


async def test_many_who_ask_at_once_ask_once_and_one_who_gives_up_harms_nobody() -> None:
    names = Names(["1.1.1.1"])
    guard = Egress(resolve=names.resolve)
    asking = [asyncio.ensure_future(addresses(guard)) for _ in range(10)]
    await moment(0)
    asking[0].cancel()
    found = await asyncio.gather(*asking[1:])
    assert set(found) == {("1.1.1.1",)}
    assert names.asked == 1
