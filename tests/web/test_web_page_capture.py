"""The page's microphone, in a real browser: what was played in the room arrives whole, without a gap, and dated."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import soxr
from chrome import Visit, visiting
from numpy.typing import NDArray
from page_stub import Heard, StubAgent

from agent.audio.pcm import RATE_HZ, Samples
from agent.lab.room import Room
from agent.web.protocol import Frame, Hello, Kind, Listen, MicSwitched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.room, pytest.mark.timeout(180)]

PLAIN = {"echo": False, "noise": False, "gain": False}  # what was played is to be found again
DATED_S = 0.06
TRIES = 4
DEPRECATED = "The ScriptProcessorNode is deprecated. Use AudioWorkletNode instead. (https://bit.ly/audio-worklet)"


def hiss(seconds: float, seed: int = 1) -> Samples:
    """Noise up to 3 kHz, which any resampling on the way leaves alone."""
    white = np.random.default_rng(seed).standard_normal(round(seconds * 6_000))
    wide = soxr.resample(white, 6_000, RATE_HZ)
    return np.asarray(wide / np.abs(wide).max() * 12_000, np.int16)


@dataclass(frozen=True)
class Stream:
    """What came: samples at `rate_hz`, the frames they came in, and how many periods are missing in between."""

    frames: list[Frame]
    lost: int

    @property
    def rate_hz(self) -> int:
        return self.frames[0].rate_hz

    @property
    def samples(self) -> NDArray[np.float64]:
        return np.concatenate([frame.samples() for frame in self.frames]).astype(np.float64)

    def time_of(self, sample: int) -> float:
        """Seconds of the page's clock."""
        began = 0
        for frame in self.frames:
            count = len(frame.payload) // 2
            if sample < began + count:
                return frame.time / 1000 + (sample - began) / self.rate_hz
            began += count
        raise AssertionError("beyond the end")


def stream(heard: Heard) -> Stream:
    frames = [frame for frame, _ in heard.frames if frame.kind is Kind.PERIODS]
    expected = frames[0].number
    lost = 0
    for frame in frames:
        lost += frame.number - expected
        expected = frame.number + len(frame.payload) // (frame.rate_hz // 100 * 2)
    return Stream(frames, lost)


def found(samples: NDArray[np.float64], wanted: NDArray[np.float64]) -> int:
    """Where `wanted` begins in `samples`."""
    size = 1 << (len(samples) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(wanted, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(samples)]))


def alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def tap(agent: StubAgent, visit: Visit) -> None:
    """Begin to talk."""
    visit.online()
    visit.page.locator("#talk-button").click()
    agent.wait_for(Listen)
    agent.say("state", phase="listening", turn=1)
    arriving(agent, 30)


def arriving(agent: StubAgent, more: int) -> None:
    """So many further frames."""
    had = len(agent.heard.frames)
    agent.wait(lambda heard: len(heard.frames) >= had + more)


@pytest.mark.parametrize("isolated", [True, False], ids=["ring", "port"])
def test_periods_are_whole_gapless_and_dated(room: Room, browser: Browser, isolated: bool) -> None:
    """A browser on a machine too busy for its audio makes up a buffer now and then: it may try again."""
    with StubAgent(isolated) as agent, visiting(browser, agent.url, PLAIN) as visit:
        tap(agent, visit)
        assert visit.evaluate("crossOriginIsolated") is isolated
        ahead_s = visit.ahead_s()
        for seed in range(TRIES):
            played = hiss(3.0, seed)
            times = room.play(played)
            arriving(agent, 40)
            came = stream(agent.heard)
            assert came.lost == 0
            wanted = soxr.resample(played.astype(np.float64), RATE_HZ, came.rate_hz)
            at = found(came.samples, wanted)
            if gapless(came.samples[at:], wanted, came.rate_hz // 10):
                break
        else:
            pytest.fail(f"not gapless in {TRIES} tries")
        assert came.time_of(at) + ahead_s == pytest.approx(times.start, abs=DATED_S)
        hello = agent.heard.hellos()[-1]
        assert (hello.path, hello.format, hello.rate_hz) == ("worklet", "pcm", came.rate_hz)
        assert (visit.complaints, visit.strangers) == ([], [])


def gapless(samples: NDArray[np.float64], wanted: NDArray[np.float64], tenth: int) -> bool:
    """Whether every tenth of a second is where it has to be: not one sample is missing or made up."""
    return all(
        alike(samples[at : at + tenth], wanted[at : at + tenth]) > 0.97 for at in range(0, len(wanted) - tenth, tenth)
    )


def test_a_script_processor_loses_little(room: Room, browser: Browser) -> None:
    """It runs on the page's own thread: a busy machine makes holes. What comes is right."""
    played = hiss(3.0)
    with StubAgent() as agent, visiting(browser, agent.url, {"path": "script", **PLAIN}) as visit:
        tap(agent, visit)
        times = room.play(played)
        ahead_s = visit.ahead_s()
        arriving(agent, 40)
        came = stream(agent.heard)
        assert agent.heard.hellos()[-1].path == "script"
        wanted = soxr.resample(played.astype(np.float64), RATE_HZ, came.rate_hz)
        tenth = came.rate_hz // 10
        whole = late = 0
        for begin in range(0, len(wanted) - tenth, tenth):
            piece = wanted[begin : begin + tenth]
            at = found(came.samples, piece)
            whole += alike(came.samples[at : at + tenth], piece) > 0.9
            late += abs(came.time_of(at) + ahead_s - times.start - begin / came.rate_hz) > 2 * DATED_S
        assert whole > 20
        assert late < 10
        assert (visit.complaints, visit.strangers) == ([DEPRECATED], [])


def test_a_recording_arrives_as_webm(room: Room, browser: Browser) -> None:
    played = hiss(2.0)
    with StubAgent() as agent, visiting(browser, agent.url, {"path": "recorder", **PLAIN}) as visit:
        visit.online()
        visit.page.locator("#talk-button").click()
        agent.wait_for(Listen)
        arriving(agent, 5)
        room.play(played)
        arriving(agent, 10)
        frames = [frame for frame, _ in agent.heard.frames]
        assert agent.heard.hellos()[-1].format == "webm"
        assert [(frame.kind, frame.number) for frame in frames] == [
            (Kind.CONTAINER, number) for number in range(len(frames))
        ]
        assert 70 < np.median(np.diff([frame.time for frame in frames])) < 160
        sound = decoded(b"".join(frame.payload for frame in frames))
        quarters = np.split(played.astype(np.float64), 8)
        places = [found(sound, quarter) for quarter in quarters]
        alikes = [alike(sound[at : at + 4000], quarter) for at, quarter in zip(places, quarters, strict=True)]
        assert np.count_nonzero(np.array(alikes) > 0.8) >= 6
        assert places == sorted(places)
        assert (visit.complaints, visit.strangers) == ([], [])


def decoded(recording: bytes) -> NDArray[np.float64]:
    resampler = av.AudioResampler("s16", "mono", RATE_HZ)
    with av.open(io.BytesIO(recording)) as container:
        pieces = [piece.to_ndarray()[0] for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate(pieces).astype(np.float64)


def test_webrtc_brings_the_sound(room: Room, browser: Browser) -> None:
    pytest.importorskip("aiortc")
    with StubAgent() as agent, visiting(browser, agent.url, {"path": "webrtc", **PLAIN}) as visit:
        visit.online()
        visit.page.locator("#talk-button").click()
        agent.wait_for(Listen)
        agent.wait(lambda heard: len(heard.calls) > 50)
        room.play(speechlike := hiss(2.0))
        agent.wait(lambda heard: sum(len(sound.pcm) for sound, _ in heard.calls) > 4 * RATE_HZ)
        sound = np.concatenate([sound.pcm for sound, _ in agent.heard.calls]).astype(np.float64)
        at = found(sound, speechlike.astype(np.float64))
        # Opus keeps no noise sample by sample; that it is loud where it was played is enough.
        level = np.sqrt((sound[at : at + len(speechlike)] ** 2).mean())
        assert level > 500
        assert agent.heard.frames == []
        assert (visit.complaints, visit.strangers) == ([], [])


def test_letting_go_sends_silence_until_the_agent_has_found_the_end(room: Room, browser: Browser) -> None:
    with StubAgent() as agent, visiting(browser, agent.url, PLAIN) as visit, room.playing(hiss(20.0)):
        visit.online()
        button = visit.page.locator("#talk-button")
        button.hover()
        visit.page.mouse.down()
        agent.wait_for(Listen)
        agent.say("state", phase="listening", turn=1)
        visit.page.wait_for_timeout(600)
        arriving(agent, 20)
        assert np.abs(agent.heard.frames[-1][0].samples()).max() > 500
        visit.page.mouse.up()
        agent.wait(lambda heard: not heard.frames[-1][0].samples().any())
        arriving(agent, 30)
        assert not any(frame.samples().any() for frame, _ in agent.heard.frames[-20:])
        assert visit.phase() == "One moment…"
        agent.say("state", phase="thinking", turn=1)
        agent.wait(lambda heard: [said.on for said in heard.of(MicSwitched)] == [True, False])
        visit.page.wait_for_selector('body[data-mic="off"]')


def test_an_agent_that_does_not_answer_is_left_and_the_gap_is_counted(room: Room, browser: Browser) -> None:
    with StubAgent() as agent, visiting(browser, agent.url, PLAIN) as visit:
        tap(agent, visit)
        agent.deaf(True)
        agent.wait(lambda heard: len(heard.hellos()) == 3, 30)
        assert agent.heard.hellos()[-1].resume == "key"
        arriving(agent, 50)
        came = stream(agent.heard)
        jumps = [jump for jump in np.diff([frame.number for frame in came.frames]) if jump > 2]
        assert len(jumps) == 1
        assert came.lost == pytest.approx(1300, abs=300)
        assert agent.heard.of(MicSwitched)[-1].on
        assert visit.complaints == []


def test_the_rate_is_that_of_the_device_and_said_before_sound_comes(room: Room, browser: Browser) -> None:
    with StubAgent() as agent, visiting(browser, agent.url, PLAIN) as visit:
        tap(agent, visit)
        native = visit.evaluate("new AudioContext().sampleRate")
        assert agent.heard.hellos()[-1].rate_hz == native
        assert {frame.rate_hz for frame, _ in agent.heard.frames} == {native}
        assert isinstance(agent.heard.messages[0][0], Hello)


def test_a_page_that_is_busy_loses_no_sound(room: Room, browser: Browser) -> None:
    """Its own thread has no part in it, with shared memory and without."""
    for isolated in (True, False):
        with StubAgent(isolated) as agent, visiting(browser, agent.url, PLAIN) as visit:
            tap(agent, visit)
            had = len(agent.heard.frames)
            visit.evaluate("() => { const end = performance.now() + 2000; while (performance.now() < end); }")
            during = agent.heard.frames[had:]
            assert sum(len(frame.payload) // (frame.rate_hz // 50) for frame, _ in during) > 150
            assert stream(agent.heard).lost == 0
