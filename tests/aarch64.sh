#!/bin/sh
# aarch64.sh [ccache]: the tests of devices/ for another processor, under QEMU's user mode and with pages of 64 KiB.
set -u
tools/deps.sh aarch64 quiet && tools/sysroot-arm64.sh build/sysroot-arm64 || exit 1
RUN='qemu-aarch64-static -p 65536 -L /usr/aarch64-linux-gnu' MAKEFLAGS='' exec make -s -j2 \
	CC="$* aarch64-linux-gnu-gcc" B=build/aarch64 SYSROOT=build/sysroot-arm64 check-devices
