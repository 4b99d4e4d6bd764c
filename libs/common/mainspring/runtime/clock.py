"""Time, identity and chance as the machine gives them: the only place that asks for them.

Everything else takes these as ports, so a test can hold them.  Ids are UUIDv7 and rise within a
process, also when the wall clock steps back: the rival, fresh random bits in each id, sorts two ids
of one millisecond by luck, and a page over (created_at, id) would then show them in another order
than they were made.
"""

import asyncio
import secrets
import time
from collections.abc import Callable

TAIL_BITS = 74  # what a UUIDv7 has behind its 48 bits of milliseconds, version and variant left out


class SystemClock:
    """The wall clock, the monotonic clock and the event loop's sleep."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RisingIds:
    """UUIDv7, each greater than the one before it, of milliseconds and bits from elsewhere."""

    def __init__(self, millis: Callable[[], int], bits: Callable[[int], int]) -> None:
        self._millis = millis
        self._bits = bits
        self._last = 0

    def uuid7(self) -> str:
        """Return a new id; unguessable, and greater than all that were returned before."""
        fresh = self._millis() << TAIL_BITS | self._bits(TAIL_BITS)
        if fresh <= self._last:
            # Same millisecond, or the clock stepped back: go on from the last id.  The step is
            # random so that neighbours cannot be guessed; a carry runs into the milliseconds.
            fresh = self._last + 1 + self._bits(32)
        self._last = fresh
        return _as_text(fresh)


class SystemIds(RisingIds):
    """UUIDv7, each greater than the one before it in this process.  For one thread."""

    def __init__(self) -> None:
        super().__init__(lambda: time.time_ns() // 1_000_000, secrets.randbits)


class SystemRandom:
    """Chance from the operating system."""

    def seed(self) -> str:
        """Return 128 unguessable bits in hex."""
        return secrets.token_hex(16)


def _as_text(bits: int) -> str:
    """Put 122 bits around the version (7) and the variant (binary 10)."""
    number = (
        (bits >> 74 & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (bits >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | bits & (1 << 62) - 1
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
