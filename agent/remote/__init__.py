"""Another device's microphone and speaker, as a guest of an agent: `voice-agent mic`."""
