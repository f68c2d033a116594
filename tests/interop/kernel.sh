# kernel.sh: sourced by what boots a stock kernel of Debian's: the kernel, fetched once into the folder $cache, and the
# file trees of initial RAM disks. KERNEL: the package that stands for it, if it is to be another than the cloud kernel.
# shellcheck shell=bash
: "${cache:?}"
wanted=${KERNEL:-linux-image-cloud-amd64}
cache=$cache/$wanted

# The kernel package that $wanted stands for today, unpacked. Says why if it cannot.
fetch_kernel() {
	[ ! -e "$cache/kernel/complete" ] || return 0
	command -v apt-get >/dev/null || { echo "no apt-get here to fetch a kernel with"; return 1; }
	rm -rf "$cache" && mkdir -p "$cache/kernel"
	apt-cache show "$wanted" >/dev/null 2>&1 || apt-get update -qq
	package=$(apt-cache depends "$wanted" | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -1)
	[ -n "$package" ] || { echo "no package $wanted is known: apt-get update"; return 1; }
	(cd "$cache" && apt-get -o APT::Sandbox::User=root -qq download "$package") || { echo "$package was not fetched"; return 1; }
	dpkg-deb -x "$cache/$package"_*.deb "$cache/kernel" &&
		depmod -b "$cache/kernel" "$(ls "$cache/kernel/lib/modules")" &&
		rm -f "$cache/$package"_*.deb && touch "$cache/kernel/complete"
}

# add_program TREE FILE: a program and the libraries that ldd names, each where it lies here.
add_program() {
	mkdir -p "$1/usr/bin"
	cp -L "$2" "$1/usr/bin/"
	{ ldd "$2" 2>/dev/null || :; } | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$1/usr$(dirname "${library#/usr}")"
		cp -Lu "$library" "$1/usr${library#/usr}"
	done
}

# bare_tree TREE: its folders.
bare_tree() {
	mkdir -p "$1"/{usr/bin,usr/sbin,usr/lib,usr/lib64,dev,proc,sys,run,tmp,etc,mnt,modules}
	for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$1/$folder"; done
}

# add_modules TREE MODULE...: into TREE/modules, unpacked, with those that they need; TREE/modules/order is the order to load.
add_modules() {
	local tree=$1 release module file name
	shift
	release=$(ls "$cache/kernel/lib/modules")
	for module in "$@"; do
		modprobe -d "$cache/kernel" -S "$release" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | while read -r file; do
		name=$(basename "$file" .xz)
		[ ! -e "$tree/modules/$name" ] || continue
		case $file in
		*.xz) xz -dc "$file" >"$tree/modules/$name" ;;
		*) cp "$file" "$tree/modules/" ;;
		esac
		echo "$name" >>"$tree/modules/order"
	done
}

# pack TREE FILE: the initial RAM disk.
pack() { (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >"$2"; }
