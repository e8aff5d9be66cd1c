#!/usr/bin/env bash
# Turns a Debian root folder into the guest: disks, network, sound modules, the service's user, where the program lies.
#
#     settle.sh ROOT
set -euo pipefail
root=$1 etc=$1/etc

cat >"$etc/fstab" <<END
/dev/vda / ext4 rw,noatime 0 0
/dev/vdb /opt/voice-agent/code ext4 ro 0 0
END
echo guest >"$etc/hostname"
echo "127.0.0.1 localhost guest" >"$etc/hosts"
cat >"$etc/systemd/network/guest.network" <<END
[Match]
Name=eth0
[Network]
Address=10.0.2.15/24
LinkLocalAddressing=no
END

# Two sound cards that need no hardware: the loopback's both ends, and one that plays to nowhere but has a mixer.
printf '%s\n' snd-aloop snd-dummy >"$etc/modules-load.d/sound.conf"
cat >"$etc/modprobe.d/sound.conf" <<END
options snd-aloop index=0 id=Loopback pcm_substreams=2
options snd-dummy index=1 id=Dummy pcm_devs=1 pcm_substreams=1
END

chroot "$root" useradd --system --home-dir /var/lib/voice-agent --shell /usr/sbin/nologin --groups audio voice-agent
venv=/opt/voice-agent/guest
mkdir -p "$root/opt/voice-agent/code" "$etc/voice-agent"
ln -s guest "$root/opt/voice-agent/current"
ln -s ../../code/bin/voice-agent "$root$venv/bin/voice-agent"
for folder in "$root$venv"/lib/python3*/site-packages; do
  echo /opt/voice-agent/code >"$folder/voice-agent.pth"
done

systemctl --quiet --root="$root" enable systemd-networkd ssh
systemctl --quiet --root="$root" disable mosquitto systemd-timesyncd 2>/dev/null || true
systemctl --quiet --root="$root" mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service alsa-restore.service getty.target
