# Everything lives in .venv, where the command is: .venv/bin/voice-agent. `make` alone explains the targets.
# Stamps in .venv say what is done, so that a second run needs neither time nor network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench nightly test-deploy test-arm64 test-alsa test-home-assistant bundle install docs lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# To build pyalsaaudio and systemd-python, and to speak; what belongs to Python itself only where it is missing.
DEBIAN := gcc pkg-config libasound2-dev libsystemd-dev alsa-utils libasound2-plugins espeak-ng
DEBIAN += $(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv)
DEBIAN += $(shell $(PYTHON) -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null || echo python3-dev)
# The room of demo, test and bench: sound server, broker, and voices that are not the agent's.
# PulseAudio as a package would throw out a desktop's PipeWire: apt may not remove anything.
ROOM := pulseaudio pulseaudio-utils mosquitto mosquitto-clients sox flite festival festvox-kallpc16k festvox-kdlpc16k \
  festvox-us-slt-hts pocketsphinx-testdata
MODELS := en_US-joe-medium smollm2-135m vosk-small-ko
# Other systems: containers, emulated arm64, a virtual machine.
SYSTEMS := mmdebstrap systemd-container qemu-user-static binfmt-support arch-test
# Looks at the pages; it hears and fills the room like any program with sound.
BROWSER := chromium-headless-shell
FIREFOX := firefox-esr
GUEST := $(SYSTEMS) qemu-system-x86 e2fsprogs
DEPLOY := .cache/deploy
ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(VENV)/.models $(VENV)/.browser ## Debian packages, .venv with voice-agent in it, the models of the demo, the browser of the tests

demo: $(VENV)/.models ## the whole job on this machine, without a sound card (ARGS="--json")
	$(BIN)/voice-agent demo $(ARGS)

test: setup ## all tests (ARGS="tests/cli" for some)
	$(BIN)/python -m pytest $(ARGS)

nightly: setup test-deploy test-arm64 test-alsa test-home-assistant ## all tests, with a million random events and commands, a thousand broker kills, two hundred of timers
	VOICE_AGENT_RANDOM_EVENTS=1000000 VOICE_AGENT_FUZZ_COMMANDS=1000000 VOICE_AGENT_BROKER_KILLS=1000 VOICE_AGENT_TIMER_KILLS=200 VOICE_AGENT_THREE_ROOMS=1 $(BIN)/python -m pytest --timeout 1800 $(ARGS)

test-deploy: setup $(VENV)/.systems $(DEPLOY)/.ready ## ansible-lint; service and playbook on booted Debian 12 and 13 (root)
	PATH=$(CURDIR)/$(DEPLOY)/bin:$$PATH $(BIN)/python -m pytest tests/deploy tests/deploy_systems $(ARGS)

test-arm64: setup $(VENV)/.systems ## the locked set on emulated arm64 systems (root)
	$(BIN)/python -m pytest -m arm64 tests/arm64 $(ARGS)

test-alsa: setup $(VENV)/.guest ## sound devices of a real kernel, in a virtual machine (root)
	$(BIN)/python -m pytest -m alsa tests/alsa_guest $(ARGS)

test-home-assistant: setup $(VENV)/.systems ## a real Home Assistant core with the agent, as a device and as its satellite, in a container, and a browser before it (root)
	$(BIN)/python -m pytest -m home_assistant tests/home_assistant $(ARGS)

check: $(VENV)/.python ## style, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: setup ## measure (ARGS="wake --json"; default: all)
	$(BIN)/voice-agent bench $(or $(ARGS),all)

install: $(DEPLOY)/.ready ## the agent as a service on this machine (ARGS="-e '{voice_agent_extras: [moonshine, gpio]}'")
	$(DEPLOY)/bin/python deploy/bundle/wheel.py
	cd deploy/ansible && $(ROOT) ../../$(DEPLOY)/bin/ansible-playbook -i inventory/this-machine.yml site.yml $(ARGS)

bundle: $(VENV)/.python $(VENV)/.systems ## all that machines without a network need (ARCH=arm64 RELEASES=trixie; root)
	$(BIN)/python deploy/bundle/build.py $(if $(ARCH),--arch $(ARCH)) $(if $(RELEASES),--release $(RELEASES)) \
	  $(if $(BUNDLE_MODELS),--model $(BUNDLE_MODELS)) $(BUNDLE_ARGS)

docs: $(VENV)/.python ## renew the generated parts of README, docs/home-assistant.md and docs/mqtt.md
	$(BIN)/python -m agent.cli.reference README.md docs/home-assistant.md docs/mqtt.md

clean: ## remove .venv and what was generated
	rm -rf $(VENV) .cache build dist demo-out bench-out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.models: agent/models.toml $(VENV)/.python
	$(BIN)/voice-agent models install $(MODELS)
	@touch $@

$(VENV)/.python: requirements-build.txt requirements-dev.txt pyproject.toml $(VENV)/.debian
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-build.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --use-pep517 --no-build-isolation -r requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.debian: Makefile
	@$(call install,$(DEBIAN) $(ROOM)) || { echo "make setup ROOM= leaves out what only demo, test and bench need"; exit 1; }
	@mkdir -p $(VENV) && touch $@

$(VENV)/.systems: Makefile
	@$(call install,$(SYSTEMS))
	@touch $@

$(VENV)/.guest: Makefile
	@$(call install,$(GUEST))
	@touch $@

# Without a browser its tests are skipped, and say so.
$(VENV)/.browser: requirements-browser.txt $(VENV)/.python
	@if $(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-browser.txt && \
	  ($(call install,$(BROWSER))); then touch $@; else echo "no $(BROWSER) with Playwright: tests of the pages will be skipped"; fi
	@($(call install,$(FIREFOX))) || echo "no $(FIREFOX): the tests with it will be skipped"

# Ansible in an environment of its own: the devices never need it.
$(DEPLOY)/.ready: requirements-deploy.txt requirements-build.txt
	@test -x $(DEPLOY)/bin/python || $(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-deploy.txt -r requirements-build.txt
	@touch $@

# $(call install,PACKAGES): those that are missing, and nothing is thrown out for them.
define install
missing=$$(for name in $(1); do \
    dpkg-query -W -f='$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || echo $$name; done); \
  if [ -n "$$missing" ]; then \
    command -v apt-get >/dev/null || { echo "please install: $$missing"; exit 1; }; \
    echo "installing Debian packages:" $$missing; \
    $(ROOT) apt-get update -q && \
    $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove $$missing; \
  fi
endef

# Only for maintainers: pins with hashes, without an index's address. uv comes into a scratch environment.
UV_COMPILE = .cache/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header $(ARGS)

lock: ## pin the dependencies anew (ARGS="--upgrade")
	@test -x .cache/uv/bin/uv || { $(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv; }
	$(UV_COMPILE) requirements-build.in -o requirements-build.txt
	$(UV_COMPILE) pyproject.toml -o requirements.txt
	for extra in gpio moonshine local-llm mcp web webrtc discovery; do \
	  $(UV_COMPILE) pyproject.toml --extra $$extra --constraint requirements.txt -o .cache/whole.txt && \
	  python3 deploy/bundle/extra_lock.py .cache/whole.txt requirements.txt > requirements-$$extra.txt; done
	$(UV_COMPILE) pyproject.toml --extra dev -o requirements-dev.txt
	$(UV_COMPILE) requirements-browser.in --constraint requirements-dev.txt -o requirements-browser.txt
	@! grep -nE '://|^-' requirements*.txt || { echo "an address got into the requirements"; exit 1; }
