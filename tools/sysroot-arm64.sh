#!/bin/sh
# sysroot-arm64.sh FOLDER: the arm64 libraries that the tests of devices/ link, from Debian's packages, unpacked into
# FOLDER. apt gets lists and a state of its own there: this machine's architectures and packages stay as they are.
set -eu
[ ! -e "$1/complete" ] || exit 0
command -v apt-get >/dev/null || { echo "sysroot-arm64: no apt-get here to fetch arm64 libraries with" >&2; exit 1; }
rm -rf "$1"
mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial"
cd "$1"
: >apt/status
cat >apt/conf <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State "$PWD/apt";
Dir::State::status "$PWD/apt/status";
Dir::Cache "$PWD/apt";
END
export APT_CONFIG="$PWD/apt/conf"
apt-get -qq update
(cd apt && apt-get -qq download check libsubunit-dev libsubunit0 libmnl-dev libmnl0)
for package in apt/*.deb; do dpkg-deb -x "$package" .; done
rm -rf apt
touch complete
