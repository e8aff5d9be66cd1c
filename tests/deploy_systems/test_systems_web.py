"""The page of a service in its sandbox: with the certificate that docs/web.md makes, and a guest from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from deploy_systems.service import Service
from machines.roots import PROJECT

PAGE = (PROJECT / "docs/web.md").read_text()
NAME, PORT = "kitchen.local", 8770
GUEST = "/opt/voice-agent/web_guest.py"
SETTINGS = {
    "web.enabled": True,
    "web.address": "0.0.0.0",
    "web.hosts": [NAME],
    "web.cert_file": "/etc/voice-agent/web.pem",
    "web.key": "web-key",
    "web.token": "web-token",
}


def commands() -> str:
    """What docs/web.md tells people to type for a token and a certificate."""
    token = PAGE.partition("**The token**")[2].partition("A browser")[0]
    certificate = PAGE.partition("### Your own authority")[2].partition("### ")[0]
    script = "".join(re.findall(r"```sh\n(.+?)```", token + certificate, re.DOTALL)).replace("sudo ", "")
    assert NAME in script
    assert "web-token" in script
    return script


@pytest.fixture(scope="module")
def answered(service: Service) -> Any:
    """What a guest was answered, and how many tasks the service had while it was there."""
    machine = service.machine
    service.clean()
    machine.sh(f"grep -q {NAME} /etc/hosts || echo 127.0.0.1 {NAME} >> /etc/hosts; mkdir -p /root/house")
    machine.sh(f"cd /root/house; {commands()}")
    machine.copy(Path(__file__).with_name("web_guest.py"), GUEST, 0o644)
    service.configure(SETTINGS)
    service.start()
    service.wait_listening()
    service.until("ActiveState", lambda state: "the page is at" in service.journal())
    token = machine.read("/etc/voice-agent/credentials/web-token").strip()
    python = "/opt/voice-agent/current/bin/python"
    done = machine.run([python, GUEST, f"{NAME}:{PORT}", "/root/house/house-ca.pem", token], check=False, timeout=180)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{service.tell()}"
    assert token not in service.journal()
    return json.loads(done.stdout)


def test_the_page_wants_the_token_and_a_browser_that_knows_the_certificate(answered: Any) -> None:
    assert (answered["page"], answered["wrong"]) == (401, 401)
    assert answered["stranger"] == "SSLCertVerificationError"
    assert answered["other name"] == 421


def test_a_guest_is_decoded_and_answered_within_the_sandbox(answered: Any) -> None:
    """Its recogniser, voice and decoder are children that the unit's limits and filters hold, too."""
    assert answered["sound"] > 250
    assert answered["turn"]["outcome"] == "answered", answered["turn"]
    assert answered["spoken"] > 8000
