#!/bin/sh
# own-dev.sh BINARY "NODE..." COMMAND...: a /dev of our own in a private mount namespace with these nodes alone
# (and null, zero, urandom), then the command as an ordinary user. The binary is copied to /dev/tapvm: the
# user may not be able to read where it was built.
set -eu
if [ "${OWN_DEV:-}" != made ]; then
	OWN_DEV=made exec unshare -m "$0" "$@"
fi
binary=$1 nodes=$2
shift 2
mount -t tmpfs -o mode=0755 none /mnt
mkdir /mnt/net
cp "$binary" /mnt/tapvm
for node in null:1:3 zero:1:5 urandom:1:9 kvm:10:232 net/tun:10:200; do
	name=${node%%:*} number=${node#*:}
	case " null zero urandom $nodes " in
	*" $name "*) mknod -m 0666 "/mnt/$name" c "${number%:*}" "${number#*:}" ;;
	esac
done
mount --bind /mnt /dev
cd /
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
