#!/usr/bin/env bash
# Run a script in a bare Debian that is unpacked for it and gone afterwards.
#
#     enter.sh ROOT.tar FOLDER SCRIPT ARGUMENT...     FOLDER is /bundle in there; needs root
set -euo pipefail
tar=$1 folder=$2 script=$3
shift 3
export QEMU_CPU=${QEMU_CPU:-cortex-a72}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tar -C "$scratch" -xpf "$tar" --numeric-owner --exclude='./dev/*'
install -m 0755 "$script" "$scratch/run.sh"
mkdir "$scratch/bundle"
# The host's way to its network: name server, certificates, settings of pip. Whatever is mounted goes with the process.
unshare --mount --pid --fork --kill-child bash -euo pipefail -c '
  root=$1; shift
  folder=$1; shift
  mount --bind "$folder" "$root/bundle"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  for each in /etc/resolv.conf /etc/pip.conf /etc/ssl/certs; do
    [ -e "$each" ] || continue
    [ -d "$each" ] && mkdir -p "$root$each" || { rm -f "$root$each"; touch "$root$each"; }
    mount --bind "$each" "$root$each"
  done
  exec chroot "$root" /run.sh "$@"
' enter "$scratch" "$folder" "$@"
