#!/usr/bin/env bash
# Run in a bare Debian of the system a bundle is for: downloads the Debian packages that the agent needs there, and builds
# the wheels of what comes as source only.
#
#     in-root.sh "DEBIAN PACKAGES" "DEBIAN PACKAGES TO BUILD"       reads /bundle/*.txt, writes /bundle/debs, /bundle/wheels
set -euo pipefail
packages=$1 build_packages=$2
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
quiet=(-q=2 -o=Dpkg::Use-Pty=0)
python=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

echo "  Debian packages" >&2
mkdir -p /bundle/debs/partial /bundle/wheels
apt-get "${quiet[@]}" update
# Python's environments are in this system already, but perhaps not in the one the bundle is for.
for each in python3-venv "$python-venv" python3-pip-whl python3-setuptools-whl; do
  dpkg-query -W "$each" >/dev/null 2>&1 && there="${there:-} $each"
done
# shellcheck disable=SC2086
apt-get "${quiet[@]}" -y --no-install-recommends --download-only --reinstall -o Dir::Cache::archives=/bundle/debs \
  install $packages ${there:-}
rm -rf /bundle/debs/partial /bundle/debs/lock

echo "  a compiler" >&2
# shellcheck disable=SC2086
apt-get "${quiet[@]}" -y --no-install-recommends install $build_packages >/dev/null

echo "  wheels of what comes as source" >&2
python3 -m venv /tmp/build
pip=(/tmp/build/bin/python -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes -r /bundle/build.txt
"${pip[@]}" wheel --require-hashes --no-deps --no-build-isolation --use-pep517 --wheel-dir /bundle/wheels -r /bundle/source.txt
