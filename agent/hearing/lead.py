"""Where the command begins: after the pause behind the wake word, if there is one.

Theory:
- A recogniser that hears the end of the wake word writes something for it ("This, what time is it"), and one that hears
  all of it writes worse ("They jar this …"): wake words are no words of its vocabulary. So what it hears has to begin
  between the wake word and the command.
- A wake word is detected -71 to +37 ms around its last sound. Where people pause, the pause is found next to that by
  level alone: some periods in a row that are `DEEP_DB` below the wake word's own level. All before it is left out.
- Where they do not pause, the wake word is detected late rather than early, since its score needs some of what follows.
  Then the quietest place shortly before the detection is the best guess at where one word ends and the next begins.
  What may be left of the wake word, engines strip as far as they can: the command's first sound is worth more.

Pure; counts audio. The answer may have to wait until `DECIDED` after the detection, while the user speaks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.audio.pcm import PERIOD
from agent.hearing.endpoint import Period

# So many quiet periods in a row, begun at most so many before or after the detection. The closure of a "t" lasts
# up to 80 ms, and the later it begins, the more likely it is one of the command's; no closure lasts 140 ms.
PAUSES = ((9, 10, 3), (14, 25, 10))
DECIDED = max(length + after for length, _, after in PAUSES) * PERIOD  # samples after the detection
DIP = (11, 5)  # periods before the detection, from and to, in which the quietest is looked for
WAKE = 80 * PERIOD  # samples of the wake word whose level counts
DEEP_DB = 22.0


def pause_after_wake(periods: Sequence[Period], since: int) -> int | None:
    """Position at which the pause next to `since` begins; None where there is none (yet).

    `periods`: what the gate said of the sound from `since - WAKE` on, in order.
    """
    wake = [period.level_db for period in periods if since - WAKE <= period.position < since]
    if not wake:
        return None
    limit = 10 * math.log10(sum(10 ** (level / 10) for level in wake) / len(wake)) - DEEP_DB
    quiet = 0
    for period in periods:
        quiet = quiet + 1 if period.level_db < limit else 0
        began = period.position - (quiet - 1) * PERIOD
        late = (began - since) // PERIOD
        if any(quiet >= length and -before <= late <= after for length, before, after in PAUSES):
            return began
    return None


def quietest_before(periods: Sequence[Period], since: int) -> int:
    """Position of the quietest period shortly before `since`, where the wake word probably ends in running speech."""
    first, last = (since - back * PERIOD for back in DIP)
    near = [period for period in periods if first <= period.position <= last]
    return min(near, key=lambda period: period.level_db).position if near else max(0, first)
