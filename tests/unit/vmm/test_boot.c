/* Each kind of a kernel's file is loaded and entered in its way, with all that it is told: an ELF,
 * a bzImage that holds one packed, one that holds something else. */
#include <check.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/driver/driver.h"
#include "tests/driver/suite.h"
#include "vmm/boot/boot.h"

enum {
	REGION_BYTES = 2 << 20,
	MEMORY_BYTES = 2 * REGION_BYTES,
	TEXT_AT = 0x100000,
	TEXT_BYTES = 64,
	LOAD_AT = 0x200000,
	ROOM = 0x100000,
	SETUP_BYTES = 1024,
	KERNEL_BYTES = 2048,
	PAYLOAD_AT = 0x210,
	FILE_BYTES = SETUP_BYTES + KERNEL_BYTES,
	ROUNDS = 5000,
};

struct vmlinux {
	Elf64_Ehdr h;
	Elf64_Phdr note, text;
	struct {
		Elf64_Nhdr n;
		char name[4];
		uint32_t entry;
	} xen;
	struct {
		Elf64_Nhdr n;
		char name[8];
	} own;
	uint8_t bytes[TEXT_BYTES];
};

enum kind { ELF_LINUX, ELF_OURS, BZ_PVH, BZ_NO_NOTE, BZ_UNKNOWN, BZ_32, BZ_DAMAGED, BZ_CUT };

struct kernel {
	uint8_t bytes[FILE_BYTES];
	uint64_t size;
};

static void put(struct kernel *k, size_t at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		k->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

static struct vmlinux make_vmlinux(enum kind kind)
{
	struct vmlinux v = {
		.h = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
		       .e_machine = EM_X86_64,
		       .e_phoff = offsetof(struct vmlinux, note),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 2 },
		.note = { .p_type = PT_NOTE,
			  .p_offset = offsetof(struct vmlinux, xen),
			  .p_filesz = kind == ELF_OURS ? sizeof(v.xen) + sizeof(v.own)
						       : sizeof(v.xen) },
		.text = { .p_type = PT_LOAD,
			  .p_offset = offsetof(struct vmlinux, bytes),
			  .p_filesz = TEXT_BYTES,
			  .p_memsz = TEXT_BYTES,
			  .p_paddr = TEXT_AT },
		.xen = { { 4, 4, kind == BZ_NO_NOTE ? 19 : 18 }, "Xen", TEXT_AT + 8 },
		.own = { { 6, 0, 1 }, "tapvm" },
	};

	memset(v.bytes, 0x90, sizeof(v.bytes));
	return v;
}

static uint32_t pack(const struct vmlinux *v, uint8_t *ret, uint32_t room)
{
	struct vmlinux copy = *v;
	z_stream z = { .next_in = (uint8_t *)&copy, .avail_in = sizeof(copy) };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_out = ret;
	z.avail_out = room;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_int_eq(deflateEnd(&z), Z_OK);
	return (uint32_t)z.total_out;
}

static void make_kernel(struct kernel *k, enum kind kind)
{
	const struct vmlinux v = make_vmlinux(kind);
	uint8_t *payload = k->bytes + SETUP_BYTES + PAYLOAD_AT;
	uint32_t packed;

	*k = (struct kernel){ .size = FILE_BYTES };
	if (kind == ELF_LINUX || kind == ELF_OURS) {
		memcpy(k->bytes, &v, sizeof(v));
		k->size = sizeof(v);
		return;
	}
	packed = pack(&v, payload, KERNEL_BYTES - PAYLOAD_AT);
	put(k, 0x1f1, 1, SETUP_BYTES / 512 - 1);
	put(k, 0x1f4, 4, KERNEL_BYTES / 16);
	put(k, 0x1fe, 2, 0xaa55);
	put(k, 0x201, 1, 0x66);
	memcpy(k->bytes + 0x202, "HdrS", 4);
	put(k, 0x206, 2, 0x20f);
	put(k, 0x211, 1, 1);
	put(k, 0x22c, 4, 0x2fffff);
	put(k, 0x236, 2, kind == BZ_32 ? 0 : 1);
	put(k, 0x238, 4, 2047);
	put(k, 0x248, 4, PAYLOAD_AT);
	put(k, 0x24c, 4, packed);
	put(k, 0x258, 8, LOAD_AT);
	put(k, 0x260, 4, ROOM);
	if (kind == BZ_UNKNOWN || kind == BZ_32)
		payload[0] = 'B';
	if (kind == BZ_DAMAGED)
		payload[packed - 5] ^= 1; /* of its check sum */
	if (kind == BZ_CUT)
		k->size--;
}

static uint64_t number(struct driver_memory *m, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	if (!mem_read(m->mem, at, &v, bytes))
		ck_abort_msg("%#llx is no memory", (unsigned long long)at);
	return v;
}

static const char initrd_bytes[] = "070701 and so on";
static const struct initrd initrd = { (const uint8_t *)initrd_bytes, sizeof(initrd_bytes),
				      "initrd-here" };

static struct err boot(struct driver_memory *m, const struct kernel *k, const char *append,
		       const struct initrd *disk, struct boot_entry *ret)
{
	uint8_t *block = malloc(k->size);
	struct boot_request request = { .kernel = block,
					.kernel_bytes = k->size,
					.kernel_name = "kernel-here",
					.initrd = disk,
					.append = append,
					.memory_bytes = MEMORY_BYTES,
					.hardware = { .cpus = 1, .windows = 3 } };
	struct err e;

	if (block == NULL)
		ck_abort_msg("out of memory");
	memcpy(block, k->bytes, k->size);
	e = boot_load(m->mem, &request, ret);
	free(block);
	return e;
}

/* clang-format off */
static const struct {
	const char *says;
	enum kind kind;
	enum boot_mode mode;
	uint64_t initrd_at; /* the last page that it may lie in */
} ways[] = {
	{ "an ELF", ELF_LINUX, BOOT_PVH, MEMORY_BYTES - 4096 },
	{ "our own ELF", ELF_OURS, BOOT_PVH, MEMORY_BYTES - 4096 },
	{ "a bzImage with a packed ELF", BZ_PVH, BOOT_PVH, 0x2ff000 },
	{ "one whose ELF has no PVH entry", BZ_NO_NOTE, BOOT_64, 0 },
	{ "one that is packed in another way", BZ_UNKNOWN, BOOT_64, 0 },
};
/* clang-format on */

static void check_pvh(struct driver_memory *m, const struct boot_entry *e, unsigned way)
{
	bool ours = ways[way].kind == ELF_OURS;
	uint64_t at = e->start_info, list = number(m, at + 16, 8);
	const char *cmdline = driver_at(m, number(m, at + 24, 8));

	ck_assert_uint_eq(e->entry, TEXT_AT + 8);
	ck_assert_uint_eq(number(m, TEXT_AT, 1), 0x90);
	ck_assert_uint_eq(number(m, at + 12, 4), ours ? 2 : 1);
	ck_assert_uint_eq(number(m, list, 8), ways[way].initrd_at);
	ck_assert_uint_eq(number(m, list + 8, 8), sizeof(initrd_bytes));
	ck_assert_mem_eq(driver_at(m, ways[way].initrd_at), initrd_bytes, sizeof(initrd_bytes));
	ck_assert_uint_eq(number(m, at + 32, 8), ours ? 0 : 0xe0000);
	ck_assert_str_eq(cmdline, ours ? "quiet virtio_mmio.device=4K@0xfeb00000:16 "
					 "virtio_mmio.device=4K@0xfeb01000:17"
				       : "quiet");
}

START_TEST(each_kind_in_its_way)
{
	bool is64 = ways[_i].mode == BOOT_64;
	struct boot_entry entry = { 0 };
	struct driver_memory m;
	struct kernel k;
	struct err e;

	driver_memory_init(&m, REGION_BYTES);
	make_kernel(&k, ways[_i].kind);
	e = boot(&m, &k, "quiet", is64 ? NULL : &initrd, &entry);
	ck_assert_msg(!err_is(e), "%s: got \"%s\"", ways[_i].says, e.text);
	ck_assert_msg(entry.mode == ways[_i].mode, "%s: got another entry", ways[_i].says);
	if (is64) {
		ck_assert_uint_eq(entry.entry64.rip, LOAD_AT + 0x200);
		ck_assert_mem_eq(driver_at(&m, LOAD_AT), k.bytes + SETUP_BYTES, KERNEL_BYTES);
		ck_assert_uint_eq(number(&m, entry.entry64.rsi + 0x70, 8), 0xe0000);
		ck_assert_uint_eq(number(&m, entry.entry64.rsi + 0x202, 4), 0x53726448);
	} else {
		check_pvh(&m, &entry, (unsigned)_i);
	}
	driver_memory_fini(&m);
}
END_TEST

/* A kernel that unpacks itself needs its room, up to 0x300000, and takes an initrd below that. */
START_TEST(an_initrd_without_room)
{
	struct boot_entry entry = { .entry = 77 };
	struct driver_memory m;
	struct kernel k;
	struct err e;

	driver_memory_init(&m, REGION_BYTES);
	make_kernel(&k, BZ_UNKNOWN);
	e = boot(&m, &k, "", &initrd, &entry);
	ck_assert_msg(err_is(e) && entry.entry == 77 && strstr(e.text, "initrd-here") != NULL,
		      "got \"%s\"", e.text);
	put(&k, 0x22c, 4, 0x300fff);
	e = boot(&m, &k, "", &initrd, &entry);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_uint_eq(number(&m, entry.entry64.rsi + 0x218, 4), 0x300000);
	driver_memory_fini(&m);
}
END_TEST

static const struct {
	const char *says;
	enum kind kind;
	const char *want;
} refused[] = {
	{ "a packed ELF that is damaged", BZ_DAMAGED, "kernel-here: unpack it by gzip" },
	{ "a file cut short", BZ_CUT, "kernel-here is truncated" },
	{ "neither unpacked nor for 64 bits", BZ_32, "kernel-here has no 64-bit entry" },
};

START_TEST(what_cannot_be_booted)
{
	struct boot_entry entry = { .entry = 77 };
	struct driver_memory m;
	struct kernel k;
	struct err e;

	driver_memory_init(&m, REGION_BYTES);
	make_kernel(&k, refused[_i].kind);
	e = boot(&m, &k, NULL, NULL, &entry);
	ck_assert_msg(err_is(e) && entry.entry == 77 && strstr(e.text, refused[_i].want) != NULL,
		      "%s: got \"%s\", want \"%s\"", refused[_i].says,
		      err_is(e) ? e.text : "success", refused[_i].want);
	driver_memory_fini(&m);
}
END_TEST

/* Up to four bytes of the headers or of the packed kernel: words or a boot, nothing worse. */
START_TEST(any_bytes_changed)
{
	unsigned seed = 1, booted = 0;
	struct driver_memory m;
	struct kernel sound;

	driver_memory_init(&m, REGION_BYTES);
	make_kernel(&sound, BZ_PVH);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct boot_entry entry = { 0 };
		struct kernel k = sound;
		struct err e;

		for (unsigned i = 0; i <= round % 4; i++) {
			seed = seed * 1103515245 + 12345;
			k.bytes[(seed >> 8) % 2 == 0 ? 0x1f1 + (seed >> 16) % 0x77
						     : (seed >> 16) % FILE_BYTES] ^=
				(uint8_t)(1u << (seed >> 9) % 8);
		}
		e = boot(&m, &k, "quiet", &initrd, &entry);
		booted += !err_is(e);
		if (err_is(e) && strpbrk(e.text, "\n\r") != NULL)
			ck_abort_msg("round %u: \"%s\"", round, e.text);
	}
	ck_assert_msg(booted > 0 && booted < ROUNDS, "%u of %u were booted", booted, ROUNDS);
	driver_memory_fini(&m);
}
END_TEST

START_TEST(a_command_line_that_is_too_long)
{
	char line[3000] = "";
	struct boot_entry entry = { .entry = 77 };
	struct driver_memory m;
	struct kernel k;
	struct err e;

	memset(line, 'c', sizeof(line) - 1);
	driver_memory_init(&m, REGION_BYTES);
	make_kernel(&k, ELF_LINUX);
	e = boot(&m, &k, line, NULL, &entry);
	ck_assert_msg(err_is(e) && entry.entry == 77 &&
			      strstr(e.text, "has 2999 bytes: the guest takes at most 2047") !=
				      NULL,
		      "got \"%s\"", e.text);
	line[2047] = '\0';
	e = boot(&m, &k, line, NULL, &entry);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	driver_memory_fini(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot");
	TCase *tc = tcase_create("boot");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, each_kind_in_its_way, 0, (int)ARRAY_LEN(ways));
	tcase_add_test(tc, an_initrd_without_room);
	tcase_add_loop_test(tc, what_cannot_be_booted, 0, (int)ARRAY_LEN(refused));
	tcase_add_test(tc, any_bytes_changed);
	tcase_add_test(tc, a_command_line_that_is_too_long);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
