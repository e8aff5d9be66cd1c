"""Audio: ALSA in children of their own, the threads that supervise them, PCM."""
