#!/usr/bin/env bash
# Builds gpio-sim, the kernel's simulated GPIO chip, and what it needs, which Debian leaves out of its kernel: from
# Debian's source of that very kernel. Runs in the guest's root folder; what it took to build is removed.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get install -q -y --no-install-recommends linux-headers-amd64 linux-source make
kernel=$(basename /lib/modules/*)
work=$(mktemp -d)
tar -C "$work" --strip-components 3 -xf /usr/src/linux-source-*.tar.xz --wildcards '*/drivers/gpio/gpio-sim.c' '*/kernel/irq/irq_sim.c'
# A module may not use irq_to_desc(); the exported way to the same handler.
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/' "$work/irq_sim.c"
mv "$work/gpio-sim.c" "$work/chip.c"
printf '%s\n' 'obj-m := gpio-sim.o' 'gpio-sim-y := chip.o irq_sim.o' >"$work/Makefile"
make -C "/lib/modules/$kernel/build" M="$work" modules
install -D -m 0644 -t "/lib/modules/$kernel/updates" "$work"/*.ko
depmod "$kernel"
rm -rf "$work"
mapfile -t built < <(dpkg-query -W -f '${Package}\n' 'linux-headers-*' 'linux-kbuild-*' 'linux-source*')
apt-get purge -q -y --autoremove make "${built[@]}"
