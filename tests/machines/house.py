"""The house around a voice agent in a machine: a mosquitto there, one port for everybody and one with a password."""

from __future__ import annotations

from machines.machine import Machine

from agent.lab.watch import Watcher

USER, PASSWORD = "voice-agent-test", "correct horse battery staple"
PORT = 1883
CONF = "/etc/mosquitto/mosquitto.conf"
PASSWORDS = "/etc/mosquitto/passwords"


class House:
    """`port` is open to everybody; `locked_port` wants `USER` and `PASSWORD`."""

    def __init__(self, machine: Machine, port: int = PORT) -> None:
        self.port = port
        self.locked_port = port + 1
        self._machine = machine

    def start(self) -> None:
        """Listening when it returns."""
        lines = [
            "per_listener_settings true",
            "persistence false",
            "log_dest stderr",
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            f"listener {self.locked_port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {PASSWORDS}",
        ]
        self._machine.write(CONF, "\n".join([*lines, ""]))
        self._machine.run(["mosquitto_passwd", "-b", "-c", PASSWORDS, USER, PASSWORD])
        self._machine.sh(f"chown mosquitto: {PASSWORDS}; chmod 600 {PASSWORDS}")
        self._machine.run(["systemctl", "restart", "mosquitto"])

    def watch(self, root: str) -> Watcher:
        """Somebody on the host who sees all below "voice-agent/DEVICE"; stop it before the machine."""
        watcher = Watcher("127.0.0.1", self.port, root)
        self._machine.in_network(watcher.start)
        return watcher
