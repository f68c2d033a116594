#!/bin/sh
# layers.sh: the test of check-layers itself: the tree passes, and each kind of forbidden arrow fails.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
cp -r devices vmm guest docs "$tmp"

expect() { # expect STATUS NAME
	tools/check-layers.sh "$tmp" >"$tmp/out" 2>&1
	if [ $? = "$1" ]; then
		echo "ok layers-$2"; passed=$((passed + 1))
	else
		echo "FAIL layers-$2: $(head -1 "$tmp/out")"; failed=$((failed + 1))
	fi
}
spoil() { # spoil NAME FILE LINE
	cp "$tmp/$2" "$tmp/saved"
	echo "$3" >>"$tmp/$2"
	expect 1 "$1"
	cp "$tmp/saved" "$tmp/$2"
}

expect 0 tree
spoil net-includes-transport devices/net/net.c '#include "devices/transport/mmio.h"'
spoil frame-includes-queue devices/frame/parse.c '#include "devices/virtio/queue.h"'
spoil devices-include-vmm devices/base/err.c '#include "vmm/boot/fdt.h"'
spoil private-header devices/net/net.c '#include "devices/virtio/queue_priv.h"'
spoil kvm-outside-machine vmm/keeper/keeper.c '#include <linux/kvm.h>'
spoil guest-includes-devices guest/driver/nic.c '#include "devices/base/le.h"'
mkdir "$tmp/devices/attic" && echo '#include "devices/base/err.h"' >"$tmp/devices/attic/a.c"
expect 1 unknown-room
rm -r "$tmp/devices/attic"
expect 0 tree-again
echo "= $passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
