"""The summary of an examination: small enough for a message, the worst first."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.daemon.checkup import MAX_BYTES, summary

findings = st.fixed_dictionaries(
    {
        "part": st.sampled_from(["sound", "disk"]),
        "severity": st.sampled_from(["ok", "info", "warning", "failure"]),
        "title": st.text(max_size=30),
        "detail": st.text(max_size=600),
        "remedy": st.text(max_size=100),
        "figures": st.just({}),
    }
)


def finding(severity: str, detail: str = "it is") -> dict[str, object]:
    return {"part": "disk", "severity": severity, "title": "space", "detail": detail, "remedy": "", "figures": {}}


def test_the_worst_comes_first_and_what_is_well_is_only_counted() -> None:
    data = summary({"findings": [finding(severity) for severity in ("ok", "info", "warning", "failure", "ok")]})
    counts = {name: data[name] for name in ("failures", "warnings", "notes", "passed", "left_out")}
    assert counts == {"failures": 1, "warnings": 1, "notes": 1, "passed": 2, "left_out": 0}
    assert isinstance(data["findings"], tuple)
    assert [each["severity"] for each in data["findings"]] == ["failure", "warning", "info"]
    assert data["message"] == "disk, space: it is"
    assert summary({"findings": [finding("ok")]})["message"] == "all is well"


@given(st.lists(findings, max_size=80))
def test_however_much_was_found_it_stays_small(found: list[dict[str, object]]) -> None:
    data = summary({"findings": found})
    assert len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")) <= MAX_BYTES + 100
    assert isinstance(data["findings"], tuple)
    bad = sum(each["severity"] != "ok" for each in found)
    assert data["left_out"] == bad - len(data["findings"])
