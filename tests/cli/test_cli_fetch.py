"""Downloads over connections that break, stall, lie or change their mind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sites import Site

from agent.cli.fetch import ATTEMPTS, FetchFailed, Patience, WrongFile, fetch

BODY = random.Random(7).randbytes(300_000)
SOON = Patience(connect_s=10.0, silent_s=10.0, pause_s=0.0)


def download(site: Site, folder: Path, size: int = 0, patience: Patience = SOON, path: str = "/model.bin") -> Path:
    target = folder / "model.bin"
    fetch(site.url + path, target, size, lambda done, total: None, patience)
    return target


@pytest.fixture(autouse=True)
def _content(site: Site) -> None:
    site.files["/model.bin"] = BODY


def test_whole_file_and_progress(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(f"{site.url}/model.bin", tmp_path / "model.bin", 0, lambda *step: seen.append(step), SOON)
    assert (tmp_path / "model.bin").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_cut_connection_is_resumed(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000, 200_000]
    assert download(site, tmp_path).read_bytes() == BODY
    assert [wanted for _, wanted in site.requests] == [None, "bytes=100000-", "bytes=200000-"]


def test_a_later_run_continues_the_part(site: Site, tmp_path: Path) -> None:
    site.cuts = [50_000] + [50_000] * ATTEMPTS
    with pytest.raises(FetchFailed, match="run it again to continue"):
        download(site, tmp_path)
    site.cuts.clear()
    site.requests.clear()
    assert download(site, tmp_path).read_bytes() == BODY
    assert site.requests == [("/model.bin", "bytes=50000-")]


def test_a_part_of_another_version_is_not_continued(site: Site, tmp_path: Path) -> None:
    site.cuts = [50_000] * (ATTEMPTS + 1)
    with pytest.raises(FetchFailed):
        download(site, tmp_path)
    site.cuts.clear()
    site.etag = '"two"'
    site.files["/model.bin"] = BODY[::-1]
    assert download(site, tmp_path).read_bytes() == BODY[::-1]


def test_server_that_cannot_resume_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.cuts, site.ranges = [100_000], False
    assert download(site, tmp_path).read_bytes() == BODY


def test_truncated_for_good_is_temporary(site: Site, tmp_path: Path) -> None:
    site.cuts = [1000] * (ATTEMPTS + 1)
    with pytest.raises(FetchFailed):
        download(site, tmp_path)
    assert not (tmp_path / "model.bin").exists()


def test_truncated_without_a_length_is_noticed_by_the_catalogue(site: Site, tmp_path: Path) -> None:
    site.sized, site.cuts = False, [1000] * (ATTEMPTS + 1)
    with pytest.raises(FetchFailed):
        download(site, tmp_path, size=len(BODY))


def test_stalled_server_ends(site: Site, tmp_path: Path) -> None:
    site.hang, site.cuts = True, [1000] * (ATTEMPTS + 1)
    with pytest.raises(FetchFailed, match="ReadTimeout"):
        download(site, tmp_path, patience=Patience(silent_s=0.1, pause_s=0.0))


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_wrong_size_is_refused(site: Site, tmp_path: Path, size: int) -> None:
    with pytest.raises(WrongFile, match="are expected"):
        download(site, tmp_path, size=size)
    assert len(site.requests) == 1


def test_endless_body_is_cut_off(site: Site, tmp_path: Path) -> None:
    site.sized = False
    with pytest.raises(WrongFile, match="more than the expected"):
        download(site, tmp_path, size=1000)
    assert list(tmp_path.iterdir()) == []


def test_not_found_is_said_at_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="404"):
        download(site, tmp_path, path="/nothing")
    assert len(site.requests) == 1


def test_overloaded_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    assert download(site, tmp_path).read_bytes() == BODY


def test_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.redirects["/old"] = "/model.bin"
    assert download(site, tmp_path, path="/old").read_bytes() == BODY


def test_redirect_to_plain_http_elsewhere_is_refused(site: Site, tmp_path: Path) -> None:
    site.redirects["/old"] = "http://models.example/model.bin"
    with pytest.raises(FetchFailed, match="not HTTPS"):
        download(site, tmp_path, path="/old")


def test_redirect_loop_ends(site: Site, tmp_path: Path) -> None:
    site.redirects["/old"] = "/old"
    with pytest.raises(FetchFailed, match="redirects"):
        download(site, tmp_path, path="/old")


def test_nobody_there(tmp_path: Path, site: Site) -> None:
    with pytest.raises(FetchFailed, match="ConnectError"):
        fetch("http://127.0.0.1:1/x", tmp_path / "x", 0, lambda done, total: None, SOON)
