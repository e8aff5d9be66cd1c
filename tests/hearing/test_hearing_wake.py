"""When scores amount to a wake: threshold, patience, refractory time, several words."""

from agent.hearing.wake import Score, WakeDetector

MS = 16  # samples


def scores(*values: float, word: str = "a", step_ms: int = 80, start: int = 0) -> list[Score]:
    return [Score(word, value, start + i * step_ms * MS) for i, value in enumerate(values)]


def test_the_first_score_at_the_threshold_is_a_wake() -> None:
    found = WakeDetector({"a": 0.5}).feed(scores(0.1, 0.49, 0.5, 0.9))
    assert [(d.word, d.score, d.position) for d in found] == [("a", 0.5, 160 * MS)]


def test_patience_counts_audio_whatever_the_hop() -> None:
    for step_ms in (10, 20, 80):
        detector = WakeDetector({"a": 0.5}, patience_ms=160)
        (found,) = detector.feed(scores(*[0.9] * (500 // step_ms), step_ms=step_ms))
        assert found.position == 160 * MS
    assert WakeDetector({"a": 0.5}, patience_ms=160).feed(scores(0.9, 0.9, 0.1, 0.9, 0.9)) == []


def test_refractory_time_holds_for_all_words() -> None:
    detector = WakeDetector({"a": 0.5, "b": 0.3}, refractory_ms=1000)
    both = scores(0.9, 0.9) + scores(0.9, word="b", start=500 * MS) + scores(0.9, word="b", start=1000 * MS)
    assert [(d.word, d.position) for d in detector.feed(both)] == [("a", 0), ("b", 1000 * MS)]


def test_each_word_has_its_threshold() -> None:
    detector = WakeDetector({"a": 0.9, "b": 0.3})
    assert [d.word for d in detector.feed(scores(0.5) + scores(0.5, word="b"))] == ["b"]


def test_a_reset_forgets_patience_but_not_refractory_time() -> None:
    detector = WakeDetector({"a": 0.5}, patience_ms=100)
    detector.feed(scores(0.9, 0.9))
    detector.reset()
    assert detector.feed(scores(0.9, start=200 * MS)) == []
    assert detector.feed(scores(0.9, start=300 * MS))
    detector.reset()
    assert detector.feed(scores(0.9, 0.9, 0.9, start=400 * MS)) == []
