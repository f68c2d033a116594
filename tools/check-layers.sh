#!/bin/sh
# check-layers.sh [TREE]: fails on every include from one room into another that docs/layers.txt does not
# grant. A room is the first two parts of a path (devices/net), or guest. *_priv.h and wire_*.h are for
# their own room alone. Lines "only HEADER PLACE..." tie a system header to rooms or files.
set -eu
cd "${1:-.}"
find devices vmm guest -name '*.[chS]' | sort | while read -r file; do
	sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\(["<][^">]*\).*/\1/p' "$file" |
		while read -r include; do echo "$file $include"; done
done | awk '
	function room_of(path, part, n) {
		n = split(path, part, "/")
		return n > 2 ? part[1] "/" part[2] : part[1]
	}
	function granted(room, header, n, grant, i) {
		n = split(grants[room], grant, " ")
		for (i = 1; i <= n; i++) {
			if (grant[i] == header || grant[i] == room_of(header))
				return 1
			if (grant[i] ~ /\/\*$/ && index(header, substr(grant[i], 1, length(grant[i]) - 1)) == 1)
				return 1
		}
		return 0
	}
	function placed(file, header, n, place, i) {
		n = split(only[header], place, " ")
		for (i = 1; i <= n; i++)
			if (place[i] == file || place[i] == room_of(file))
				return 1
		return 0
	}
	function fault(text) { print "check-layers: " text; faults++ }
	FILENAME != "-" && /^#/ { next }
	FILENAME != "-" && $1 == "only" { header = $2; $1 = $2 = ""; only[header] = $0; next }
	FILENAME != "-" && NF { room = $1; $1 = ""; known[room] = 1; grants[room] = $0; next }
	FILENAME == "-" {
		file = $1; header = substr($2, 2); room = room_of(file); seen[room] = 1
		if (!(room in known) && !(room in told)) { told[room] = 1; fault("room " room " is not in docs/layers.txt") }
		if (substr($2, 1, 1) == "<") {
			if ((header in only) && !placed(file, header)) fault(file ": may not include <" header ">")
			next
		}
		if (room_of(header) == room) next
		if (header ~ /(_priv\.h|\/wire_[^\/]*)$/) fault(file ": " header " is private to its room")
		else if (!granted(room, header)) fault(file ": " room " may not include " header)
	}
	END { exit faults > 0 }' docs/layers.txt -
