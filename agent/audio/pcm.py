"""PCM types and the glossary.

*sample*: one number. *frame*: one sample per channel. *period*: the frames per ALSA interrupt (160 at 16 kHz = 10 ms).
*buffer*: the periods in the kernel. *xrun*: the buffer overran (capture) or ran dry (playback). *hop*: what a model
consumes at a time (1,280 samples = 80 ms for openWakeWord). *preroll*: audio kept from before the wake.
*utterance*: what the user says in one turn. *partial / final*: the recogniser's belief while and after one speaks.
*endpointing*: finding the end of the utterance. *barge-in*: speaking over the agent. *turn*: wake → reply drained.
*TTFT*: request → first token. *TTFA*: last speech frame → first reply frame audible, device delay included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE_HZ = 16_000
PERIOD = 160  # samples: 10 ms at RATE_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A stretch of what the microphone heard: mono, 16 kHz, int16.

    `position`: index of its first sample since capture began, counting lost samples too; `at`: monotonic seconds at
    which the first sample was in the air; `gap`: audio before it was lost, so that models have to start afresh.
    """

    pcm: Samples
    position: int
    at: float
    gap: bool = False

    def time_of(self, position: int) -> float:
        """Monotonic seconds of the sample with this position."""
        return self.at + (position - self.position) / RATE_HZ
