"""The beacon: Home Assistant finds the satellite by itself, which is announced to the network as "_wyoming._tcp.local."
(DNS-SD over multicast DNS, RFC 6763 and 6762).

python-zeroconf joins the networks that there are when it begins, and learns of no later one. So it is looked now and
then where the satellite is reached, and where that has changed (a Wi-Fi that joins after the boot, another address) the
announcement is withdrawn and another one made. Whatever keeps it from being made is told in the log, and tried again;
the satellite itself goes on, and can be added by its address.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

from agent.identity import device_id

TYPE = "_wyoming._tcp.local."
LONGEST_NAME = 63  # bytes, RFC 6763, 4.1.1
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # between attempts
LOOK_S = 15.0  # whether it is reached elsewhere by now
STOP_S = 1.5  # it says goodbye three times, in 0.25 s
REMEDY = "`pip install 'voice-agent[discovery]'` installs what announces it"

log = logging.getLogger(__name__)


def instance(device: str) -> str:
    """The name under which a device is announced. Home Assistant knows it again by that name, so it stays the same."""
    name = device_id(device)
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the satellite is reached: IPv4 addresses, and the port."""

    addresses: tuple[str, ...]
    port: int

    def __str__(self) -> str:
        return ", ".join(f"{address}:{self.port}" for address in self.addresses)


class Beacon:
    """`port`: where the satellite listens now, 0 while it does not; `reached`: by which addresses of this device."""

    def __init__(self, device: str, port: Callable[[], int], reached: Callable[[], tuple[str, ...]]) -> None:
        self._name = instance(device)
        self._port = port
        self._reached = reached
        self._lock = threading.Lock()  # guards the loop against being called when closed
        self._cancel: Callable[[], object] | None = None
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._told = ""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="beacon", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Withdraws the announcement and joins the thread. Idempotent."""
        with self._lock:
            self._stopped = True
            cancel, self._cancel = self._cancel, None
            if cancel:
                cancel()
        if self._thread:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                log.warning("the satellite's announcement was not withdrawn within %g s", STOP_S)

    # The rest runs on the thread.

    def _run(self) -> None:
        try:
            import zeroconf
        except ImportError as error:
            self._tell(logging.INFO, f"not announced: {error}; {REMEDY}")
            return
        # Its warnings are of strangers' packets and of networks that are gone, each with a traceback.
        logging.getLogger(zeroconf.__name__).setLevel(logging.CRITICAL)
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._live())

    async def _live(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        with self._lock:
            if self._stopped:
                return
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            await self._shine()
        finally:
            with self._lock:
                self._cancel = None

    async def _shine(self) -> None:
        pauses = _pauses()
        while not self._stopped:
            place = self._place()
            if place is not None and await self._announce(place):
                pauses = _pauses()
            await asyncio.sleep(next(pauses))

    async def _announce(self, place: Place) -> bool:
        """For as long as it is reached there. False: it could not be done."""
        from zeroconf import Error, NonUniqueNameException

        try:
            async with announced(self._name, place):
                self._tell(logging.INFO, f"announced as {self._name} at {place}")
                while self._place() == place:
                    await asyncio.sleep(LOOK_S)
            return True
        except NonUniqueNameException:
            taken = f"another device is called {self._name}; mqtt.device gives this one a name of its own"
            self._tell(logging.WARNING, f"not announced: {taken}")
        except (Error, OSError, RuntimeError) as error:
            self._tell(logging.WARNING, f"not announced: {str(error) or type(error).__name__}")
        return False

    def _place(self) -> Place | None:
        port, addresses = self._port(), self._reached()
        if port and not addresses:
            self._tell(logging.INFO, "not announced: no network leads to those who may connect")
        return Place(addresses, port) if port and addresses else None

    def _tell(self, level: int, text: str) -> None:
        """Once, until there is something else to be told."""
        if text != self._told:
            self._told = text
            log.log(level, "satellite: %s", text, extra={"code": "satellite.announced"})


@contextlib.asynccontextmanager
async def announced(name: str, place: Place) -> AsyncIterator[None]:
    """While it lasts. Raises zeroconf.NonUniqueNameException where the name is another device's; zeroconf.Error,
    OSError, RuntimeError.

    The host has a name of its own, too: `kitchen.local` is Avahi's, which would take ours for another machine's. Where
    it is the service's name (the library's default), zeroconf 0.154 as the one who asks does not always find it.
    """
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

    addresses = list(place.addresses)
    host = f"{name}.wyoming.local."
    service = ServiceInfo(TYPE, f"{name}.{TYPE}", port=place.port, parsed_addresses=addresses, server=host)
    network = AsyncZeroconf(interfaces=addresses)
    try:
        await (await network.async_register_service(service))
        yield
    finally:
        await _to_its_end(network.async_close())


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Even where this task is cancelled meanwhile: the goodbye is said, and no socket stays open."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _pauses() -> Iterator[float]:
    return chain(PAUSES_S, repeat(PAUSES_S[-1]))
