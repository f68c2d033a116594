/* Loading a kernel: a sound image, the same with one field spoiled at a time, cut at each byte, and
 * with any bytes changed. It lies in a block of just its length, so that a sanitizer sees a read
 * behind its end. */
#include <assert.h>
#include <check.h>
#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "tests/driver/suite.h"
#include "vmm/boot/elf_pvh.h"

enum {
	REGION_BYTES = 2 << 20,
	MEMORY_BYTES = 2 * REGION_BYTES,
	TEXT_BYTES = 72,
	TEXT_AT = REGION_BYTES - 32, /* across the border of two regions */
	TEXT_ROOM = 4096,
	DATA_AT = 0x280000,
	DATA_BYTES = 16,
	ENTRY = 0x200040,
	UNTOUCHED = 77,
};

struct image {
	Elf64_Ehdr h;
	Elf64_Phdr note, text, data, stack;
	struct {
		Elf64_Nhdr n;
		char name[4];
		uint32_t desc;
	} other; /* another note of Xen's */
	struct {
		Elf64_Nhdr n;
		char name[4];
		uint32_t entry[2];
	} xen;
	struct {
		Elf64_Nhdr n;
		char name[8];
	} own;
	uint8_t text_bytes[TEXT_BYTES];
};
static_assert(offsetof(struct image, text_bytes) + TEXT_BYTES == sizeof(struct image),
	      "no padding behind");

static struct image sound(void)
{
	struct image m = {
		.h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		       .e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_version = EV_CURRENT,
		       .e_phoff = offsetof(struct image, note),
		       .e_ehsize = sizeof(Elf64_Ehdr),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 4 },
		.note = { .p_type = PT_NOTE,
			  .p_offset = offsetof(struct image, other),
			  .p_filesz = offsetof(struct image, text_bytes) -
				      offsetof(struct image, other) },
		.text = { .p_type = PT_LOAD,
			  .p_offset = offsetof(struct image, text_bytes),
			  .p_filesz = TEXT_BYTES,
			  .p_paddr = TEXT_AT,
			  .p_memsz = TEXT_ROOM },
		.data = { .p_type = PT_LOAD,
			  .p_offset = offsetof(struct image, text_bytes),
			  .p_filesz = DATA_BYTES,
			  .p_paddr = DATA_AT,
			  .p_memsz = DATA_BYTES },
		.stack = { .p_type = PT_GNU_STACK, .p_offset = UINT64_MAX, .p_filesz = UINT64_MAX },
		.other = { { 4, 4, 6 }, "Xen", 0xbad },
		.xen = { { 4, 8, 18 }, "Xen", { ENTRY, 0 } },
		.own = { { 6, 0, 1 }, "tapvm" },
	};

	for (unsigned i = 0; i < TEXT_BYTES; i++)
		m.text_bytes[i] = (uint8_t)(i + 1);
	return m;
}

/* Loads the first len bytes of it. On failure the words are one line that names the file. Called in
 * long loops: no ck_assert, which tells its parent of each that holds. */
static struct err load(struct driver_memory *memory, const struct image *m, uint64_t len,
		       struct pvh_image *ret)
{
	uint8_t *block = malloc(len > 0 ? len : 1);
	struct err e;

	if (block == NULL)
		ck_abort_msg("out of memory");
	memcpy(block, m, len);
	*ret = (struct pvh_image){ .entry = UNTOUCHED, .end = UNTOUCHED };
	e = elf_pvh_load(block, len, "vmlinux-here", memory->mem, ret);
	free(block);
	if (!err_is(e))
		return e;
	if (strstr(e.text, "vmlinux-here") == NULL || strpbrk(e.text, "\n\r") != NULL)
		ck_abort_msg("got \"%s\", want one line that names the file", e.text);
	if (ret->entry != UNTOUCHED || ret->end != UNTOUCHED)
		ck_abort_msg("\"%s\", and yet the image was touched", e.text);
	if (e.kind != ERR_SETUP)
		ck_abort_msg("\"%s\" is an error of kind %d", e.text, (int)e.kind);
	return e;
}

START_TEST(a_sound_image)
{
	struct driver_memory memory;
	struct image m = sound();
	struct pvh_image got;
	struct err e;

	driver_memory_init(&memory, REGION_BYTES);
	e = load(&memory, &m, sizeof(m), &got);
	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	ck_assert_msg(got.entry == ENTRY, "got entry %#x, want %#x", got.entry, ENTRY);
	ck_assert_msg(got.end == DATA_AT + DATA_BYTES, "got end %#llx",
		      (unsigned long long)got.end);
	ck_assert(got.wants_fdt);
	ck_assert_mem_eq(driver_at(&memory, TEXT_AT), m.text_bytes, 32);
	ck_assert_mem_eq(driver_at(&memory, REGION_BYTES), m.text_bytes + 32, TEXT_BYTES - 32);
	ck_assert_mem_eq(driver_at(&memory, DATA_AT), m.text_bytes, DATA_BYTES);
	driver_memory_fini(&memory);
}
END_TEST

#define AT(field) offsetof(struct image, field), sizeof(((struct image *)NULL)->field)
/* clang-format off */
static const struct { const char *says; size_t at, size; uint64_t value; const char *want; } spoiled[] = {
	{ "the magic number", AT(h.e_ident[EI_MAG0]), 'E', "not an ELF file" },
	{ "its last letter", AT(h.e_ident[EI_MAG3]), 'f', "not an ELF file" },
	{ "32-bit", AT(h.e_ident[EI_CLASS]), ELFCLASS32, "not a 64-bit" },
	{ "no class", AT(h.e_ident[EI_CLASS]), 0, "not a 64-bit" },
	{ "big-endian", AT(h.e_ident[EI_DATA]), ELFDATA2MSB, "not a 64-bit" },
	{ "an i386", AT(h.e_machine), EM_386, "another machine" },
	{ "an Arm", AT(h.e_machine), EM_AARCH64, "another machine" },
	{ "no program headers", AT(h.e_phnum), 0, "no PVH entry" },
	{ "more headers than are taken", AT(h.e_phnum), 65, "65 program headers of 56 bytes" },
	{ "as many as can be written", AT(h.e_phnum), 0xffff, "65535 program headers" },
	{ "more headers than the file has bytes for", AT(h.e_phnum), 64, "truncated" },
	{ "headers of another size", AT(h.e_phentsize), 32, "4 program headers of 32 bytes" },
	{ "headers a byte larger", AT(h.e_phentsize), 57, "4 program headers of 57 bytes" },
	{ "headers of no size", AT(h.e_phentsize), 0, "4 program headers of 0 bytes" },
	{ "headers behind the file", AT(h.e_phoff), sizeof(struct image),
	  "program headers are cut off" },
	{ "headers that wrap", AT(h.e_phoff), UINT64_MAX - 10, "program headers are cut off" },
	/* ---- notes ---- */
	{ "no notes", AT(note.p_type), PT_NULL, "no PVH entry" },
	{ "a note of another type", AT(xen.n.n_type), 17, "no PVH entry" },
	{ "a note of another name", AT(xen.name[2]), 'o', "no PVH entry" },
	{ "a name that is longer", AT(xen.name[3]), 'x', "no PVH entry" },
	{ "a name without its end", AT(xen.n.n_namesz), 3, "no PVH entry" },
	{ "a name longer than the notes", AT(xen.n.n_namesz), 0x1000, "no PVH entry" },
	{ "the longest name", AT(xen.n.n_namesz), 0xffffffff, "no PVH entry" },
	{ "an entry of two bytes", AT(xen.n.n_descsz), 2, "no PVH entry" },
	{ "an entry of nothing", AT(xen.n.n_descsz), 0, "no PVH entry" },
	{ "an entry longer than the notes", AT(xen.n.n_descsz), 0x1000, "no PVH entry" },
	{ "the longest entry", AT(xen.n.n_descsz), 0xfffffffe, "no PVH entry" },
	{ "the note in front leads astray", AT(other.n.n_descsz), 0xffffffff, "no PVH entry" },
	{ "notes end in the first one's header", AT(note.p_filesz), 11, "no PVH entry" },
	{ "notes end in the entry", AT(note.p_filesz), 40, "no PVH entry" },
	{ "notes of no bytes", AT(note.p_filesz), 0, "no PVH entry" },
	{ "notes that end behind the file", AT(note.p_filesz), sizeof(struct image), "truncated" },
	{ "notes behind the file", AT(note.p_offset), sizeof(struct image) + 4, "truncated" },
	{ "notes that wrap", AT(note.p_filesz), UINT64_MAX - 8, "truncated" },
	/* ---- segments ---- */
	{ "a segment a byte longer than the file", AT(text.p_filesz), TEXT_BYTES + 1,
	  "ends behind the file" },
	{ "a segment behind the file", AT(text.p_offset), sizeof(struct image) + 1,
	  "ends behind the file" },
	{ "a segment that wraps in the file", AT(text.p_offset), UINT64_MAX - 2,
	  "ends behind the file" },
	{ "a length that wraps in the file", AT(text.p_filesz), UINT64_MAX - 2,
	  "ends behind the file" },
	{ "more in the file than in memory", AT(text.p_memsz), TEXT_BYTES - 1,
	  "larger in the file" },
	{ "nothing in memory", AT(text.p_memsz), 0, "larger in the file" },
	{ "a segment behind memory", AT(text.p_paddr), MEMORY_BYTES, "does not fit" },
	{ "its room ends a byte behind memory", AT(data.p_paddr), MEMORY_BYTES - DATA_BYTES + 1,
	  "does not fit" },
	{ "a segment at the end of all addresses", AT(text.p_paddr), UINT64_MAX - 8,
	  "does not fit" },
	{ "room behind memory", AT(text.p_memsz), MEMORY_BYTES, "give more --memory" },
	{ "room that wraps", AT(text.p_memsz), UINT64_MAX, "does not fit" },
	/* ---- where they may not be ---- */
	{ "a segment over another", AT(data.p_paddr), TEXT_AT, "overlap" },
	{ "a segment over another's last byte", AT(data.p_paddr), TEXT_AT + TEXT_ROOM - 1, "overlap" },
	{ "a segment over another's first byte", AT(data.p_paddr), TEXT_AT - DATA_BYTES + 1, "overlap" },
	{ "a segment that ends in start_info", AT(data.p_paddr), 0x6001 - DATA_BYTES,
	  "over 0x6000 to 0xd000" },
	{ "a segment that begins in the device tree", AT(data.p_paddr), 0xcfff,
	  "over 0x6000 to 0xd000" },
	{ "a segment that ends in the ACPI tables", AT(data.p_paddr), 0xe0001 - DATA_BYTES,
	  "over 0xe0000 to 0x100000" },
	{ "a segment that begins in them", AT(data.p_paddr), 0xfffff, "over 0xe0000 to 0x100000" },
	{ "an entry in front of its segment", AT(xen.entry[0]), TEXT_AT - 1, "entry 0x1fffdf" },
	{ "an entry behind its segment", AT(xen.entry[0]), TEXT_AT + TEXT_ROOM, "entry 0x200fe0" },
	{ "an entry behind memory", AT(xen.entry[0]), 0xfffffff0, "entry 0xfffffff0" },
	/* ---- what may be otherwise ---- */
	{ "the last bytes of memory", AT(data.p_paddr), MEMORY_BYTES - DATA_BYTES, NULL },
	{ "a segment just behind another", AT(data.p_paddr), TEXT_AT + TEXT_ROOM, NULL },
	{ "a segment just below start_info", AT(data.p_paddr), 0x6000 - DATA_BYTES, NULL },
	{ "a segment just behind the device tree", AT(data.p_paddr), 0xd000, NULL },
	{ "a segment just below the ACPI tables", AT(data.p_paddr), 0xe0000 - DATA_BYTES, NULL },
	{ "a segment just behind them", AT(data.p_paddr), 0x100000, NULL },
	{ "all room and no bytes", AT(text.p_filesz), 0, NULL },
	{ "an entry of four bytes", AT(xen.n.n_descsz), 4, NULL },
	{ "no note of our own", AT(own.n.n_type), 2, NULL },
	{ "a file type of its own", AT(h.e_type), 0xfe00, NULL },
};
/* clang-format on */

START_TEST(one_field_spoiled)
{
	struct driver_memory memory;
	struct image m = sound();
	struct pvh_image got;
	struct err e;

	driver_memory_init(&memory, REGION_BYTES);
	memcpy((uint8_t *)&m + spoiled[_i].at, &spoiled[_i].value,
	       spoiled[_i].size); /* little-endian, as ELF here */
	e = load(&memory, &m, sizeof(m), &got);
	if (spoiled[_i].want == NULL)
		ck_assert_msg(!err_is(e) && got.entry == ENTRY, "%s: got \"%s\", want success",
			      spoiled[_i].says, e.text);
	else
		ck_assert_msg(err_is(e) && strstr(e.text, spoiled[_i].want) != NULL,
			      "%s: got \"%s\", want \"%s\"", spoiled[_i].says,
			      err_is(e) ? e.text : "success", spoiled[_i].want);
	driver_memory_fini(&memory);
}
END_TEST

/* A program of this machine, which lies low: it is no kernel, whatever else is wrong with it. */
START_TEST(what_is_no_kernel_is_told_that_first)
{
	struct driver_memory memory;
	struct image m = sound();
	struct pvh_image got;
	struct err e;

	driver_memory_init(&memory, REGION_BYTES);
	m.note.p_type = PT_NULL;
	m.text.p_paddr = 0x6000;
	m.data.p_paddr = MEMORY_BYTES;
	e = load(&memory, &m, sizeof(m), &got);
	ck_assert_msg(strstr(e.text, "no PVH entry") != NULL, "got \"%s\"", e.text);
	driver_memory_fini(&memory);
}
END_TEST

START_TEST(a_segment_without_room_is_nowhere)
{
	static const uint64_t places[] = { 0, TEXT_AT, MEMORY_BYTES, UINT64_MAX };
	struct driver_memory memory;

	driver_memory_init(&memory, REGION_BYTES);
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		struct image m = sound();
		struct pvh_image got;
		struct err e;

		m.data.p_filesz = m.data.p_memsz = 0;
		m.data.p_paddr = places[i];
		e = load(&memory, &m, sizeof(m), &got);
		ck_assert_msg(!err_is(e), "at %#llx: got \"%s\", want success",
			      (unsigned long long)places[i], e.text);
		ck_assert_msg(got.end == TEXT_AT + TEXT_ROOM, "at %#llx: got end %#llx, want %#x",
			      (unsigned long long)places[i], (unsigned long long)got.end,
			      TEXT_AT + TEXT_ROOM);
	}
	driver_memory_fini(&memory);
}
END_TEST

START_TEST(no_note_of_ours_no_fdt)
{
	struct driver_memory memory;
	struct image m = sound();
	struct pvh_image got;

	driver_memory_init(&memory, REGION_BYTES);
	m.own.name[4] = 'x';
	ck_assert(!err_is(load(&memory, &m, sizeof(m), &got)));
	ck_assert(!got.wants_fdt);
	driver_memory_fini(&memory);
}
END_TEST

/* The notes come before the text here: whatever is cut off, it is told as that. */
START_TEST(cut_at_each_byte)
{
	struct driver_memory memory;
	struct image m = sound();

	driver_memory_init(&memory, REGION_BYTES);
	for (uint64_t len = 0; len < sizeof(m); len++) {
		struct pvh_image got;
		struct err e = load(&memory, &m, len, &got);
		const char *want = len < EI_NIDENT ? "not an ELF file" : "truncated";

		ck_assert_msg(err_is(e) && strstr(e.text, want) != NULL,
			      "%llu bytes: got \"%s\", want \"%s\"", (unsigned long long)len,
			      err_is(e) ? e.text : "success", want);
	}
	driver_memory_fini(&memory);
}
END_TEST

/* A generator of our own, so that each run is the same. Whatever comes of it: no crash, words or an
 * image. */
START_TEST(any_bytes_changed)
{
	struct driver_memory memory;
	uint32_t state = 1;
	unsigned loaded = 0;

	driver_memory_init(&memory, REGION_BYTES);
	for (unsigned round = 0; round < 20000; round++) {
		struct image m = sound();
		struct pvh_image got;

		for (unsigned change = 0; change < 1 + round % 4; change++) {
			state = state * 1664525 + 1013904223;
			((uint8_t *)&m)[(state >> 12) % offsetof(struct image, text_bytes)] =
				(uint8_t)(state >> 4);
		}
		if (!err_is(load(&memory, &m, sizeof(m), &got)))
			loaded++;
	}
	ck_assert_msg(loaded > 0 && loaded < 20000, "%u of 20000 were loaded", loaded);
	driver_memory_fini(&memory);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("elf_pvh");
	TCase *tc = tcase_create("elf_pvh");

	tcase_add_test(tc, a_sound_image);
	tcase_add_loop_test(tc, one_field_spoiled, 0, (int)ARRAY_LEN(spoiled));
	tcase_add_test(tc, what_is_no_kernel_is_told_that_first);
	tcase_add_test(tc, a_segment_without_room_is_nowhere);
	tcase_add_test(tc, no_note_of_ours_no_fdt);
	tcase_add_test(tc, cut_at_each_byte);
	tcase_add_test(tc, any_bytes_changed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
