#!/bin/sh
# fresh.sh: a Debian bookworm with nothing installed but git, make and gcc, in a chroot; a clone of this tree's
# HEAD in it; then `make run` and `make check`, as the README has them. Needs root and a Debian mirror.
# The chroot lives under build/ while this runs; its /dev is its own, with the nodes that a new machine has.
set -u
[ "$(id -u)" = 0 ] || { echo "check-fresh: needs root, to make a chroot" >&2; exit 1; }
tools/deps.sh fresh quiet || exit 1
top=$(pwd)
mkdir -p build
if [ "${FRESH_NS:-}" != made ]; then
	# Mounts of ours end with us, whatever happens.
	FRESH_NS=made exec unshare -m --propagation private "$0" "$@"
fi
root=$(mktemp -d "$top/build/fresh.XXXXXX")
trap 'umount -R "$root" 2>/dev/null; rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The mirror that this machine uses.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | awk '$2 ~ /^bookworm$/ { print $1; exit }')
start=$(date +%s)
mmdebstrap --variant=apt --include=git,make,gcc,ca-certificates --quiet bookworm "$root" \
	${mirror:+"deb $mirror bookworm main"} || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
echo "check-fresh: bookworm with git, make and gcc after $(($(date +%s) - start)) s"

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=0755 dev "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
	name=${node%%:*} number=${node#*:}
	mknod -m 0666 "$root/dev/$name" c "${number%:*}" "${number#*:}"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 pts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs shm "$root/dev/shm"
[ ! -e /dev/kvm ] || mknod -m 0666 "$root/dev/kvm" c 10 232
# /dev/net/tun is not there: tapvm makes it.
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
git -c safe.directory="$top" clone -q "$top" "$root/root/tapvm" || exit 1

passed=0 failed=0
mkdir -p build/logs
# in_fresh TARGET: make's status is 0 and its last line says 0 failed. What it prints is kept in build/logs.
in_fresh() {
	out=build/logs/fresh-$1.log
	from=$(date +%s)
	# shellcheck disable=SC2016
	# pivot_root, not chroot: who is chrooted may make no user namespaces. The old root is taken off by
	# umount2(MNT_DETACH), number 166, from perl: a bare bookworm has that, and no umount.
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C ROOT="$root" \
		unshare -m --propagation private sh -c 'cd "$ROOT" && pivot_root . mnt && cd / &&
			perl -e "my \$old = shift; syscall(166, \$old, 2) == 0 or die" /mnt &&
			cd /root/tapvm && exec make "$1"' sh "$1" >"$out" 2>&1
	rc=$?
	last=$(tail -1 "$out")
	case "$rc $last" in
	"0 "*" passed, 0 failed, "*)
		passed=$((passed + 1))
		echo "ok make $1: $last ($(($(date +%s) - from)) s)"
		;;
	*)
		failed=$((failed + 1))
		echo "FAIL make $1: status $rc: $last"
		tail -40 "$out"
		;;
	esac
}
in_fresh run
in_fresh check
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
