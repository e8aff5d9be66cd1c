"""A house to call at, and an authority that vouches for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House, authority, served


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house.start()
    house.stop()


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and house.pem and house.key that it signed."""
    folder = tmp_path_factory.mktemp("papers")
    authority(folder)
    return folder


@pytest.fixture
def safe_house(papers: Path) -> Iterator[House]:
    """With TLS and a token."""
    house = House(served(papers), token="sesame")
    yield house.start()
    house.stop()
