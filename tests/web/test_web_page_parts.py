"""Parts of the page by themselves, in a browser: what is waiting for the network, shared memory, clocks, texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from chrome import Visit, visiting
from page_stub import StubAgent

from agent.web.protocol import Frame, Kind, decode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.room


@pytest.fixture(scope="module")
def visit(browser: Browser) -> Iterator[Visit]:
    with StubAgent() as agent, visiting(browser, agent.url) as visit:
        yield visit


SLOW = """async () => {
  const { Outbox } = await import("/outbox.js");
  const socket = { bufferedAmount: 0, sent: [], send(bytes) { this.sent.push(bytes); } };
  let lost = 0;
  const outbox = new Outbox(() => socket, (periods) => { lost += periods; });
  const put = (from, to) => { for (let i = from; i < to; i += 1) outbox.put(i, 2, 1000); };
  put(0, 3);
  socket.bufferedAmount = 1000;
  put(3, 100);
  const held = socket.sent.length;
  socket.bufferedAmount = 999;
  put(100, 101);
  return { held, lost, sent: socket.sent };
}"""


def test_a_slow_network_loses_the_oldest(visit: Visit) -> None:
    came = visit.evaluate(SLOW)
    assert came["held"] == 3
    assert came["sent"] == [0, 1, 2, *range(50, 101)]
    assert came["lost"] == 2 * 47


OVERTAKEN = """async () => {
  const { makeRing, RingReader, RingWriter } = await import("/ring.js");
  const ring = makeRing(4);
  const writer = new RingWriter(ring, 4);
  const reader = new RingReader(ring, 4);
  const came = [];
  const drain = () => reader.drain(2, (index, time, samples) => came.push([index, time, [...samples]]));
  const put = (i) => writer.put(Int16Array.of(i, i, i, i), i / 100);
  for (let i = 0; i < 3; i += 1) put(i);
  drain();
  for (let i = 3; i < 503; i += 1) put(i);
  drain();
  return came;
}"""


def test_a_ring_that_was_overtaken_says_by_how_much(visit: Visit) -> None:
    came = visit.evaluate(OVERTAKEN)
    assert came[:2] == [[0, 0, [0] * 4 + [1] * 4], [2, 0.02, [2] * 4]]
    assert came[2] == [304, 3.04, [304] * 4 + [305] * 4]
    assert came[-1][2][-1] == 502


CLOCKS = """async () => {
  const { Stopwatch } = await import("/stopwatch.js");
  const watch = new Stopwatch();
  // The context's 0 was at 1000 ms; packets come 3 to 40 ms late, and the sound card is 50 ppm too fast.
  const errors = [];
  for (let i = 0; i < 6000; i += 1) {
    const truth = 1000 + i * 20;
    const time = (i * 0.02) * 1.00005;
    watch.see(truth + 3 + (i * 7919) % 37, time);
    if (i > 50) errors.push(watch.at(time) - truth);
  }
  return [Math.min(...errors), Math.max(...errors)];
}"""


def test_a_stopwatch_follows_a_clock_that_drifts(visit: Visit) -> None:
    least, most = visit.evaluate(CLOCKS)
    assert 2 < least < most < 5


@pytest.mark.parametrize(
    ("text", "heard", "rest"),
    [
        ("One. Two.", "One.", " Two."),
        ("One.\nTwo.", "One. Two.", ""),
        ("One. Two.", "", "One. Two."),
        ("One. Two.", "Something else", ""),
        ("Ünder 😀 way", "Ünder 😀", " way"),
    ],
)
def test_a_text_is_parted_where_it_was_heard(visit: Visit, text: str, heard: str, rest: str) -> None:
    script = "async ([text, heard]) => (await import('/view-conversation.js')).split(text, heard)"
    assert visit.page.evaluate(script, [text, heard]) == [text.removesuffix(rest), rest]


FRAME = """async () => {
  const { encode } = await import("/protocol.js");
  return [...encode(1, Int16Array.from({ length: 441 }, (_, i) => i - 200), { rate: 44100, number: 7, time: 1.5 })];
}"""


def test_a_frame_of_the_page_is_one_of_the_protocol(visit: Visit) -> None:
    frame = decode(bytes(visit.evaluate(FRAME)))
    assert (frame.kind, frame.rate_hz, frame.number, frame.time) == (Kind.PERIODS, 44_100, 7, 1.5)
    assert frame.samples().tolist() == list(range(-200, 241))


def test_a_frame_of_the_agent_is_understood(visit: Visit) -> None:
    sent = list(Frame(Kind.SPEECH, b"\x01\x00\xff\xff", 22_050, 3, 441.0).encode())
    script = """async (bytes) => {
      const { decode } = await import("/protocol.js");
      const { kind, rate, number, time, samples } = decode(Uint8Array.from(bytes).buffer);
      return [kind, rate, number, time, [...samples], decode(new ArrayBuffer(18)), decode(new ArrayBuffer(3))];
    }"""
    assert visit.page.evaluate(script, sent) == [3, 22_050, 3, 441.0, [1, -1], None, None]
