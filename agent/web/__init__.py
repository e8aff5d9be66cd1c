"""The page and the microphones of browsers and other devices: guests, who talk with the agent over a WebSocket."""
