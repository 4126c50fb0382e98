import shutil
from pathlib import Path

import pytest

from spec.wire import FOLDER

BASE = Path(__file__).parent / "lint" / "base"

collect_ignore = ["lint/base"]


class Checkout:
    """A small copy of a checkout that a test may spoil."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.spec = root / "spec"

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(BASE, tmp_path / "checkout")
    wire = tmp_path / "checkout" / "spec" / "wire"
    wire.mkdir()
    shutil.copy(FOLDER / "open-1.yaml", wire)
    return Checkout(tmp_path / "checkout")
