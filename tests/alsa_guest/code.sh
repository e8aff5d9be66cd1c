#!/usr/bin/env bash
# The program as it is now, installed for the guest's Python and compiled, on a small disk of its own.
#
#     tests/alsa_guest/code.sh IMAGE_FOLDER DISK SOUNDS
#
# Beside it: deploy/, the tests that run in the guest, and the folder of sounds.
set -euo pipefail
folder=$1 disk=$2 sounds=$3
house=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "$folder/code.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/source" "$work/code"
cp -r "$house"/{agent,pyproject.toml,README.md,LICENSE} "$work/source/"
find "$work/source" -name __pycache__ -prune -exec rm -rf {} +

# shellcheck disable=SC2016 # the variables are the inner shell's
unshare --mount --propagation private bash -euo pipefail -c '
  mount -t proc proc "$1/root/proc"
  mount --rbind /dev "$1/root/dev"
  mount --bind "$2" "$1/root/mnt"
  chroot "$1/root" /opt/voice-agent/guest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --no-index --no-build-isolation --root-user-action ignore --target /mnt/code /mnt/source
' code "$folder" "$work"
cp -r "$house/deploy" "$house/tests/alsa_guest/inside" "$sounds" "$work/code/"
cp "$house/tests/audio/audio_helpers.py" "$work/code/inside/"
truncate -s 64M "$disk"
mke2fs -q -t ext4 -d "$work/code" "$disk"
