#!/usr/bin/env bash
# A Debian system with a real kernel for QEMU, made once and kept in .cache/guest: the disk, and kernel and initrd beside
# it. The locked requirements are installed in it, the program itself is not: it comes on a disk of its own (code.sh), so
# that the image outlives changes of the code.
#
#     tests/alsa_guest/image.sh        prints the folder with disk.img, vmlinuz, initrd.img, key and root/
#
# Needs root, mmdebstrap and e2fsprogs. What the machine needs to reach the network is lent to the chroot and not kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
house=$(cd "$here/../.." && pwd)
key=$(cat "$here/image.sh" "$here"/guest-files/* "$house"/requirements-{build,dev}.txt "$house/deploy/bundle/root.sh" | sha256sum | cut -c1-16)
folder=$house/.cache/guest/$key
packages="linux-image-amd64 initramfs-tools zstd kmod alsa-utils libasound2-plugins espeak-ng mosquitto mosquitto-clients
  udev gcc libc6-dev pkg-config libasound2-dev libsystemd-dev python3-dev swig pipewire pipewire-alsa wireplumber"

mkdir -p "$house/.cache/guest"
exec 9>"$house/.cache/guest/lock"
flock 9
if [ -e "$folder/done" ]; then
  echo "$folder"
  exit
fi

tar=$("$house/deploy/bundle/root.sh" trixie amd64)
echo "making the guest's image (some minutes, once)" >&2
rm -rf "$house"/.cache/guest/*/
mkdir -p "$folder/root"
root=$folder/root
tar -C "$root" -xf "$tar"
mkdir -p "$root/etc/initramfs-tools/conf.d"
cp "$here/guest-files/initramfs.conf" "$root/etc/initramfs-tools/conf.d/guest"
mkdir -p "$root/usr/share/initramfs-tools/modules.d"
cp "$here/guest-files/modules" "$root/usr/share/initramfs-tools/modules.d/guest"

# Own mount namespace: whatever happens, no mount stays behind.
# shellcheck disable=SC2016 # the variables are the inner shell's
unshare --mount --propagation private bash -euo pipefail -c '
  root=$1 house=$2 packages=$3
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  for lent in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
    [ -e "$lent" ] || continue
    [ -e "$root$lent" ] || { mkdir -p "$(dirname "$root$lent")"; touch "$root$lent"; echo "$root$lent"; }
    mount --bind "$lent" "$root$lent"
  done
  mkdir -p "$root/run/house"
  mount --bind "$house" "$root/run/house"
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
  chroot "$root" apt-get update -q
  chroot "$root" apt-get install -q -y --no-install-recommends $packages
  chroot "$root" /run/house/tests/alsa_guest/guest-files/pins.sh
  chroot "$root" apt-get clean
  venv=/opt/voice-agent/guest
  chroot "$root" python3 -m venv $venv
  pip="chroot $root $venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet --require-hashes"
  $pip -r /run/house/requirements-build.txt
  # PyPI has no wheel of lgpio for this Python and processor: PYPI=1 compiles all of it, as its wheels are.
  sed "s/^\(lgpio==[0-9.]*\) *;.*/\1 \\\\/" "$house/requirements-dev.txt" >"$root/tmp/requirements.txt"
  PYPI=1 $pip --use-pep517 --no-build-isolation -r /tmp/requirements.txt
' guest "$root" "$house" "$packages" >"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }

"$here/guest-files/settle.sh" "$root"
ssh-keygen -q -t ed25519 -N '' -C guest -f "$folder/key"
install -D -m 0600 "$folder/key.pub" "$root/root/.ssh/authorized_keys"
cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$root"/boot/initrd.img-* "$folder/initrd.img"
truncate -s 8G "$folder/disk.img"
mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -d "$root" "$folder/disk.img"
touch "$folder/done"
echo "$folder"
