#!/bin/sh
# conformance.sh make|check: docs/conformance.md, and the counts in README.md, from tags.
#   rules     docs/spec-rules.md, the specification's rules and feature bits in our words
#   code      an id in a comment inside a function or directly above it
#   tests     "rule: ID ID" in a comment inside a START_TEST or before it; in a shell suite in the line above a check
#   the rest  docs/not-offered.txt, a reason each
# Fails on a rule without a test, on a tag that names no rule, on a feature bit of which nothing is said; check fails
# as well when what would be made is not what is there.
set -eu
mode=${1:-check}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
rc=0
# shellcheck disable=SC2046
awk '
	function complain(text) { print "conformance: " text >"/dev/stderr"; faults++ }
	# Every id in text, to what: a place in the code, a test, or those that wait for their function.
	function tag(text, what, where,    id) {
		while (match(text, /(CORE|SPLIT|PACKED|MMIO|PCI|NET|CTRL|VHU)-[0-9][0-9]/)) {
			id = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH)
			if (!(id in rule)) complain(FILENAME ":" FNR ": " id " is no rule")
			else if (what == "wait") waiting = waiting " " id
			else if (index(", " said[what, id] ", ", ", " where ", ") == 0)
				said[what, id] = said[what, id] (said[what, id] == "" ? "" : ", ") where
		}
	}
	# What of the line is comment; a comment may go on in the next.
	function comment(line,    text, at) {
		while (line != "") {
			at = index(line, open ? "*/" : "/*")
			if (open) text = text " " (at ? substr(line, 1, at - 1) : line)
			if (!at) break
			open = !open
			line = substr(line, at + 2)
		}
		return text
	}
	# The name that a definition beginning with this line gives.
	function name_of(line) {
		sub(/^__attribute__\(\([^)]*\)*\) */, "", line)
		sub(/ *[({=\[].*/, "", line)
		sub(/.*[ *]/, "", line)
		return line
	}
	function begin(name) {
		inside = name
		candidate = ""
		if (name ~ /^(struct|union|enum)$/) return
		tag(waiting, "code", file ": " name)
		waiting = ""
	}
	# A row of the table of features: bit, switch, words, whether it is usual.
	function offer(line,    cell) {
		split(line, cell, /(^[ \t]*\{ |, )/)
		sub(/RING_F_/, "F_", cell[2])
		gsub(/"/, "", cell[3])
		gsub(/"/, "", cell[4])
		offered[cell[2]] = (cell[3] == "NULL" ? "no switch" : "`" cell[3] "`, usually " \
			(line ~ /", true, / ? "on" : "off")) ": " cell[4]
	}
	function end_of_file() {
		if (waiting != "" && kind == "test") complain(file ": a tag without a test:" waiting)
	}
	FNR == 1 {
		end_of_file()
		waiting = inside = candidate = ""
		open = tagging = 0
		file = FILENAME
		kind = file ~ /^tests/ ? "test" : file ~ /^docs/ ? "docs" : "code"
	}
	FILENAME == "docs/spec-rules.md" && /^\| [A-Z]+-[0-9]/ { order[++rules] = $2; rule[$2] = 1; next }
	FILENAME == "docs/spec-rules.md" && /^\| [0-9]/ {
		split($0, cell, / *\| */)
		bits[++bit_rows] = cell[2]
		bit_name[cell[2]] = cell[3]
		next
	}
	$1 == "bit" && kind == "docs" { bit_reason[$2] = substr($0, length($1 $2) + 3); next }
	FILENAME == "docs/not-offered.txt" && /^[A-Z]/ {
		part = substr($1, 1, index($1, "-"))
		n = split($1, range, /\.\./)
		for (i = substr(range[1], length(part) + 1) + 0; i <= substr(range[n], length(part) + 1) + 0; i++)
			reason[sprintf("%s%02d", part, i)] = substr($0, length($1) + 2)
		next
	}
	kind == "docs" { next }
	file ~ /\.sh$/ {
		if (sub(/^[ \t]*# rule:/, "")) { tag($0, "wait"); next }
		if (waiting != "" && NF) {
			# The first row that is written from here on.
			if (!match($0, /(^|[ \t])(ok|stops|refuse|ends|same) "?[a-z][-a-z0-9$]*/)) next
			where = substr($0, RSTART, RLENGTH)
			sub(/.*[ "]/, "", where)
			tag(waiting, "test", file ": " where)
			waiting = ""
		}
		next
	}
	{
		text = comment($0)
		if (kind == "test") {
			if (/START_TEST\(/) {
				inside = $0
				gsub(/.*START_TEST\(|\).*/, "", inside)
				tag(waiting, "test", file ": " inside)
				waiting = ""
			}
			if (sub(/.*rule:/, "", text)) tagging = 1
			if (tagging) tag(text, inside == "" ? "wait" : "test", file ": " inside)
			tagging = tagging && open
			if (/^END_TEST/) inside = ""
			next
		}
		if (/^[A-Za-z_]/ && inside == "") candidate = name_of($0)
		tag(text, inside == "" ? "wait" : "code", file ": " inside)
		if (candidate != "" && /\{/) begin(candidate)
		if (/^\} [a-z]/) begin(name_of($0)) # of what began without a name
		if (/^\t\{ VIRTIO_/ && inside == "net_features") offer($0)
		if (/^\}.*;/ || /^\}$/ || (/^[A-Za-z_]/ && /\}[; ]*(\/\*.*)?$/)) inside = ""
		if (inside == "" && (NF == 0 || /;[ \t]*(\/\*.*)?$/) && !open) candidate = waiting = ""
	}
	END {
		end_of_file()
		for (i = 1; i <= rules; i++) {
			id = order[i]
			part = substr(id, 1, index(id, "-") - 1)
			if (!(id in reason)) present[part] = 1
		}
		for (i = 1; i <= rules; i++) {
			id = order[i]
			part = substr(id, 1, index(id, "-") - 1)
			code = said["code", id]
			test = said["test", id]
			# Of a part that is not there at all nothing can be tested.
			if (test == "" && present[part]) complain(id " has no test")
			if (id in reason) { refused++; code = "not offered: " reason[id] }
			else if (test == "") missing++
			else if (code == "") complain(id " has no place in the code")
			if (part != last_part) rows = rows "\n## " part "\n\n| rule | where it is kept | test |\n|---|---|---|\n"
			last_part = part
			rows = rows "| " id " | " code " | " test " |\n"
		}
		rows = rows "\n## Feature bits\n\n| bit | name | offered |\n|---|---|---|\n"
		for (i = 1; i <= bit_rows; i++) {
			bit = bits[i]
			name = bit_name[bit]
			known[name] = 1
			if ((name in offered) + (bit in bit_reason) != 1) complain("bit " bit ": offered, or a reason why not")
			rows = rows "| " bit " | " name " | " (name in offered ? offered[name] : "not offered: " bit_reason[bit]) " |\n"
		}
		for (name in offered) if (!(name in known)) complain(name " is no bit of docs/spec-rules.md")
		counts = rules " rules: " rules - refused - missing " tested, " refused + 0 " not offered" (missing ? ", " missing " open" : "")
		print counts
		print "\nMade by `make conformance` from tags in the code and the tests. The rules: `spec-rules.md`."
		printf "%s", rows
		exit faults > 0
	}' docs/spec-rules.md docs/not-offered.txt $(find devices vmm tests -name '*.[ch]' -o -name '*.sh' | LC_ALL=C sort) \
	>"$new" || rc=1
counts=$(head -n 1 "$new")
if [ "$mode" = make ]; then
	cp "$new" docs/conformance.md
	sed -i "s/[0-9]* rules: [0-9]* tested, [0-9]* not offered\(, [0-9]* open\)*/$counts/" README.md
elif ! cmp -s "$new" docs/conformance.md || ! grep -qF "$counts" README.md; then
	echo "conformance: docs/conformance.md or the counts in README.md are not what the tags give: make conformance" >&2
	rc=1
fi
exit $rc
