"""MQTT: the agent as a device of the home."""
