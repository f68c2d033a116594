/* vmm/boot/elf_pvh.c: an ELF with a PVH entry. */
#include "vmm/boot/elf_pvh.h"

#include <elf.h>
#include <string.h>

#include "devices/mem/range.h"
#include "vmm/boot/pvh_boot.h"

enum {
	NOTE_XEN_PHYS32_ENTRY = 18,
	NOTE_TAPVM_FDT = 1,
	PHDRS_MAX = 64,
};

struct notes {
	bool has_entry, wants_fdt;
	uint32_t entry;
};

/* A file under way into memory. */
struct load {
	const uint8_t *bytes;
	uint64_t size;
	const char *what;
	struct guest_mem *mem;
	struct notes notes;
	struct {
		uint64_t at, size;
	} loaded[PHDRS_MAX];
	unsigned loaded_count;
};

static uint64_t align4(uint64_t v) { return (v + 3) & ~UINT64_C(3); }

/* One PT_NOTE segment, inside the file already. */
static void read_notes(const uint8_t *at, uint64_t left, struct notes *notes)
{
	Elf64_Nhdr n;

	while (left >= sizeof(n)) {
		uint64_t name, desc;

		memcpy(&n, at, sizeof(n));
		name = align4(n.n_namesz);
		desc = align4(n.n_descsz);
		if (name + desc > left - sizeof(n))
			return;
		at += sizeof(n);
		if (n.n_type == NOTE_XEN_PHYS32_ENTRY && n.n_namesz == 4 &&
		    memcmp(at, "Xen", 4) == 0 && n.n_descsz >= 4) {
			memcpy(&notes->entry, at + name, 4);
			notes->has_entry = true;
		} else if (n.n_type == NOTE_TAPVM_FDT && n.n_namesz == 6 &&
			   memcmp(at, "tapvm", 6) == 0) {
			notes->wants_fdt = true;
		}
		at += name + desc;
		left -= sizeof(n) + name + desc;
	}
}

static struct err check_header(const uint8_t *bytes, uint64_t size, const char *what,
			       Elf64_Ehdr *ret)
{
	if (size < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return err_make(ERR_SETUP, 0,
				"kernel %s is not an ELF file: give an uncompressed vmlinux with a "
				"PVH entry",
				what);
	if (bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB)
		return err_make(ERR_SETUP, 0,
				"kernel %s is not a 64-bit x86 ELF: give an x86-64 vmlinux with a "
				"PVH entry",
				what);
	if (size < sizeof(*ret))
		return err_make(ERR_SETUP, 0, "kernel %s is truncated: its header is cut off",
				what);
	memcpy(ret, bytes, sizeof(*ret));
	if (ret->e_machine != EM_X86_64)
		return err_make(ERR_SETUP, 0, "kernel %s is for another machine than x86-64", what);
	if (ret->e_phnum > PHDRS_MAX || ret->e_phentsize != sizeof(Elf64_Phdr))
		return err_make(
			ERR_SETUP, 0,
			"kernel %s has %u program headers of %u bytes: up to %d of %zu can be "
			"loaded",
			what, ret->e_phnum, ret->e_phentsize, PHDRS_MAX, sizeof(Elf64_Phdr));
	if (!range_inside(0, size, ret->e_phoff, (uint64_t)ret->e_phnum * sizeof(Elf64_Phdr)))
		return err_make(ERR_SETUP, 0,
				"kernel %s is truncated: its program headers are cut off", what);
	return err_none();
}

/* Where a segment may not be: over another one, and over what we write for the kernel to find. */
static struct err check_place(const struct load *l, const Elf64_Phdr *p)
{
	static const struct {
		uint32_t at, end;
		const char *what;
	} ours[] = { { PVH_BOOT_AT, PVH_BOOT_END, "its command line" },
		     { FIRMWARE, FIRMWARE_END, "ACPI tables" } };
	unsigned long long at = p->p_paddr, end = p->p_paddr + p->p_memsz;

	for (unsigned i = 0; i < ARRAY_LEN(ours); i++)
		if (range_overlap(p->p_paddr, p->p_memsz, ours[i].at, ours[i].end - ours[i].at))
			return err_make(
				ERR_SETUP, 0,
				"kernel %s: a segment at %#llx to %#llx lies over %#x to %#x, "
				"which is for %s: link it at 0x100000 or above",
				l->what, at, end, ours[i].at, ours[i].end, ours[i].what);
	for (unsigned i = 0; i < l->loaded_count; i++)
		if (range_overlap(p->p_paddr, p->p_memsz, l->loaded[i].at, l->loaded[i].size))
			return err_make(
				ERR_SETUP, 0,
				"kernel %s: its segments at %#llx and %#llx overlap: it was "
				"linked wrongly",
				l->what, (unsigned long long)l->loaded[i].at, at);
	return err_none();
}

static struct err load_segment(struct load *l, const Elf64_Phdr *p)
{
	struct iovec parts[GUEST_MEM_REGIONS_MAX];
	struct err e;

	if (!range_inside(0, l->size, p->p_offset, p->p_filesz))
		return err_make(ERR_SETUP, 0,
				"kernel %s is truncated: a segment ends behind the file", l->what);
	if (p->p_memsz < p->p_filesz)
		return err_make(ERR_SETUP, 0,
				"kernel %s: a segment is larger in the file than in memory",
				l->what);
	if (p->p_memsz == 0)
		return err_none(); /* its address says nothing */
	if (mem_slice(l->mem, p->p_paddr, p->p_memsz, parts, GUEST_MEM_REGIONS_MAX) < 0)
		return err_make(
			ERR_SETUP, 0,
			"kernel %s does not fit into guest memory (it needs %#llx to %#llx): "
			"give more --memory",
			l->what, (unsigned long long)p->p_paddr,
			(unsigned long long)(p->p_paddr + p->p_memsz));
	e = check_place(l, p);
	if (err_is(e))
		return e;
	(void)mem_write(l->mem, p->p_paddr, l->bytes + p->p_offset, p->p_filesz);
	l->loaded[l->loaded_count].at = p->p_paddr;
	l->loaded[l->loaded_count++].size = p->p_memsz;
	return err_none();
}

static struct err take_notes(struct load *l, const Elf64_Phdr *p)
{
	if (!range_inside(0, l->size, p->p_offset, p->p_filesz))
		return err_make(ERR_SETUP, 0,
				"kernel %s is truncated: its notes end behind the file", l->what);
	read_notes(l->bytes + p->p_offset, p->p_filesz, &l->notes);
	return err_none();
}

/* Each program header of that type. */
static struct err take_headers(struct load *l, const Elf64_Ehdr *h, uint32_t type,
			       struct err (*take)(struct load *l, const Elf64_Phdr *p))
{
	struct err e = err_none();

	for (unsigned i = 0; !err_is(e) && i < h->e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, l->bytes + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == type)
			e = take(l, &p);
	}
	return e;
}

/* What has been loaded: the end of it, and whether the entry is in it. */
static struct err check_loaded(const struct load *l, uint64_t *ret_end)
{
	uint64_t end = 0;
	bool has_entry = false;

	for (unsigned i = 0; i < l->loaded_count; i++) {
		uint64_t at = l->loaded[i].at, size = l->loaded[i].size;

		end = at + size > end ? at + size : end;
		has_entry = has_entry || range_inside(at, size, l->notes.entry, 1);
	}
	if (!has_entry)
		return err_make(ERR_SETUP, 0,
				"kernel %s: its PVH entry %#x is in none of its segments: it was "
				"linked wrongly",
				l->what, l->notes.entry);
	*ret_end = end;
	return err_none();
}

/* The header, and its notes. */
static struct err begin(struct load *l, Elf64_Ehdr *ret_header)
{
	struct err e = check_header(l->bytes, l->size, l->what, ret_header);

	if (!err_is(e))
		e = take_headers(l, ret_header, PT_NOTE, take_notes);
	if (!err_is(e) && !l->notes.has_entry)
		e = err_make(ERR_SETUP, 0,
			     "kernel %s has no PVH entry (ELF note Xen, type 18): a Linux kernel "
			     "needs CONFIG_PVH",
			     l->what);
	return e;
}

bool elf_pvh_is(const uint8_t *bytes, uint64_t size)
{
	struct load l = { .bytes = bytes, .size = size, .what = "" };
	Elf64_Ehdr h;

	return !err_is(begin(&l, &h));
}

bool elf_pvh_wants_fdt(const uint8_t *bytes, uint64_t size)
{
	struct load l = { .bytes = bytes, .size = size, .what = "" };
	Elf64_Ehdr h;

	return !err_is(begin(&l, &h)) && l.notes.wants_fdt;
}

/* The notes first: a program that is no kernel is told that, not where its segments should be. */
struct err elf_pvh_load(const uint8_t *bytes, uint64_t size, const char *what,
			struct guest_mem *mem, struct pvh_image *ret_image)
{
	struct load l = { .bytes = bytes, .size = size, .what = what, .mem = mem };
	uint64_t end = 0;
	Elf64_Ehdr h;
	struct err e = begin(&l, &h);

	if (!err_is(e))
		e = take_headers(&l, &h, PT_LOAD, load_segment);
	if (!err_is(e))
		e = check_loaded(&l, &end);
	if (!err_is(e))
		*ret_image = (struct pvh_image){ .entry = l.notes.entry,
						 .end = end,
						 .wants_fdt = l.notes.wants_fdt };
	return e;
}
