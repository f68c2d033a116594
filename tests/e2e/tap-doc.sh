#!/bin/sh
# tap-doc.sh BUILD_DIR: docs/tap.md: its tables have every constant of linux/if_tun.h and of base/uapi_compat.h, and each place
# that they name uses it; its program builds and does what is said of it.
# Backticks are the document's.
# shellcheck disable=SC2016
set -u
here=$(dirname "$0")
# shellcheck source=tests/e2e/table.sh
. "$here/table.sh"
# shellcheck source=tests/e2e/wait.sh
. "$here/wait.sh"
doc=docs/tap.md
header=${IF_TUN_H:-/usr/include/linux/if_tun.h}
w=$(mktemp -d) || exit 1
trap 'rm -rf "$w" "$out"' EXIT

constants=$(sed -n 's/^#[[:space:]]*define[[:space:]]*\(TUN[A-Z0-9_]*\|IFF_[A-Z0-9_]*\)[[:space:]].*/\1/p' "$header" \
	devices/base/uapi_compat.h | sort -u)
missing=
for c in $constants; do
	[ "$(grep -c "^| \`$c\` |" $doc)" = 1 ] || missing="$missing $c"
done
count=$(echo "$constants" | wc -l)
if [ "$count" -lt 50 ]; then bad tap-doc-constants "only $count constants are in $header"
elif [ -z "$missing" ]; then ok tap-doc-constants
else bad tap-doc-constants "no row, or two:$missing"; fi

# A row's places: `file:function`, or `file`. The constant is in the file, and in the function.
wrong=$(sed -n 's/^| `\([A-Z0-9_]*\)` |.*| \(.*\) |$/\1 \2/p' $doc | while read -r constant places; do
	for place in $(echo "$places" | grep -o '`[a-z][a-z_/.:0-9]*`' | tr -d '`'); do
		file=${place%%:*} function=${place#*:}
		[ "$function" != "$place" ] || function=
		if [ -n "$function" ]; then
			# From the line that begins the definition, in the first column, to the closing brace there.
			sed -n "/^[a-z].*[ *]$function(/,/^}\|^{.*}\$\|^[a-z].*{.*}\$/p" "$file" 2>/dev/null
		else
			cat "$file" 2>/dev/null
		fi | grep -qw "$constant" || echo "$constant in $place"
	done
done)
if [ -z "$wrong" ]; then ok tap-doc-places; else bad tap-doc-places "$(echo "$wrong" | tr '\n' ',')"; fi

# The other way round: a file that uses one is in its row.
unseen=$(for c in $constants; do
	row=$(grep "^| \`$c\` |" $doc)
	grep -lw "$c" devices/*/*.c vmm/*/*.c | while read -r file; do
		case $row in
		*"$file"*) ;;
		*) echo "$c in $file" ;;
		esac
	done
done)
if [ -z "$unseen" ]; then ok tap-doc-uses; else bad tap-doc-uses "not in its row: $(echo "$unseen" | tr '\n' ',')"; fi

sed -n '/^```c$/,/^```$/p' $doc | grep -v '^```' >"$w/first.c"
if ${CC:-cc} -Wall -Wextra -Werror -O2 -o "$w/first" "$w/first.c" >"$out" 2>&1; then ok tap-doc-builds
else bad tap-doc-builds "$(head -3 "$out")"; fi
if ! unshare -n true 2>/dev/null || ! [ -w /dev/net/tun ]; then
	skip tap-doc-answers "needs root for a namespace, and /dev/net/tun"
else
	unshare -n sh -c "'$w/first' >'$w/says' & first=\$!
		until grep -q 'first0 is there' '$w/says'; do kill -0 \$first && sleep 0.02 || exit 1; done
		ip addr add 10.9.0.1/24 dev first0 && ip link set first0 up && ping -c 2 -i 0.01 -W 20 -q 10.9.0.77
		rc=\$?; kill \$first; exit \$rc" >"$out" 2>&1
	rc=$?
	if [ $rc = 0 ]; then ok tap-doc-answers; else bad tap-doc-answers "status $rc: $(tail -2 "$out")"; fi
fi
sum_up
