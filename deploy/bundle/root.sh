#!/usr/bin/env bash
# A small Debian system as a tar file, made once and kept in .cache/roots: where wheels for other systems are built, and
# what the tests on real systems boot.
#
#     deploy/bundle/root.sh bookworm|trixie amd64|arm64    prints the path of the tar file
#
# Needs root, mmdebstrap, and for another machine's architecture qemu-user-static with binfmt_misc.
set -euo pipefail
release=${1:?usage: root.sh RELEASE ARCH} arch=${2:?usage: root.sh RELEASE ARCH}
here=$(cd "$(dirname "$0")/../.." && pwd)
folder=${VOICE_AGENT_ROOTS:-$here/.cache/roots}
tar=$folder/$release-$arch.tar
packages=systemd,systemd-sysv,dbus,python3,python3-venv,openssh-server,ca-certificates,iproute2

mkdir -p "$folder"
# One at a time: an emulator that two register at once is refused to the second.
exec 8>"$folder/emulation.lock"
flock 8
if [ "$arch" != "$(dpkg --print-architecture)" ] && ! arch-test "$arch" >/dev/null 2>&1; then
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  update-binfmts --enable "qemu-$([ "$arch" = arm64 ] && echo aarch64 || echo "$arch")"
fi
exec 8>&-
# Eight times as fast as the default.
export QEMU_CPU=${QEMU_CPU:-cortex-a72}

exec 9>"$tar.lock"
flock 9
if [ ! -s "$tar" ]; then
  echo "making a Debian $release system for $arch (some minutes, once)" >&2
  mmdebstrap --quiet --variant=minbase --arch="$arch" --include="$packages" "$release" "$tar.part.tar" >&2
  mv "$tar.part.tar" "$tar"
fi
echo "$tar"
