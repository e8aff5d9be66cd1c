"""Print what of one lock file another has not: python3 extra_lock.py WHOLE.txt BASE.txt

For an optional part of the program: `requirements-NAME.txt` holds only the pins that come on top of requirements.txt. A
project that both pin, but not alike, is an error: they could not be installed together.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def blocks(text: str) -> dict[str, str]:
    """The pin with its condition -> its lines, with all hashes."""
    parts = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    return {part.split("\\\n")[0].strip(): part for part in parts if part.strip() and not part.startswith("#")}


def main() -> None:
    whole, base = (blocks(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    if missing := base.keys() - whole.keys():
        sys.exit(f"{sys.argv[1]} pins otherwise than {sys.argv[2]}: {', '.join(sorted(missing))}")
    print("".join(whole[pin] for pin in whole if pin not in base), end="")


if __name__ == "__main__":
    main()
