"""Lab: the room simulator, benches and the demo; never imported by the daemon."""
