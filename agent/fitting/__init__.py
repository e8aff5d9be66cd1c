"""Fitting the agent to its room: levels, thresholds, and what a person is asked at the first run."""
