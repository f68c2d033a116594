/* vmm/boot/boot.c: from a kernel's file to its entry. */
#include "vmm/boot/boot.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot/elf_pvh.h"
#include "vmm/boot/fdt.h"
#include "vmm/boot/mp_table.h"
#include "vmm/boot/pvh_boot.h"
#include "vmm/boot/unpack.h"

enum { FDT_BYTES = 16384 };

/* A kernel in guest memory. */
struct loaded {
	enum boot_mode mode;
	struct pvh_image pvh;   /* BOOT_PVH */
	struct bzimage bzimage; /* BOOT_64 */
	uint64_t end;
	uint32_t initrd_last;
};

static struct err load_elf(struct guest_mem *mem, const uint8_t *bytes, uint64_t size,
			   const char *what, struct loaded *l)
{
	struct err e = elf_pvh_load(bytes, size, what, mem, &l->pvh);

	l->mode = BOOT_PVH;
	l->end = l->pvh.end;
	return e;
}

/* *ret_done: its packed kernel has a PVH entry, and is loaded. */
static struct err load_payload(struct guest_mem *mem, const struct boot_request *r,
			       struct loaded *l, bool *ret_done)
{
	uint8_t *elf = NULL;
	uint32_t size = 0;
	struct err e =
		unpack(l->bzimage.payload, l->bzimage.payload_bytes, r->kernel_name, &elf, &size);

	*ret_done = !err_is(e) && elf_pvh_is(elf, size);
	if (*ret_done)
		e = load_elf(mem, elf, size, r->kernel_name, l);
	free(elf);
	return e;
}

static struct err load_bzimage(struct guest_mem *mem, const struct boot_request *r,
			       struct loaded *l)
{
	struct err e = bzimage_parse(r->kernel, r->kernel_bytes, r->kernel_name, &l->bzimage);
	bool done = false;

	if (err_is(e))
		return e;
	l->initrd_last = l->bzimage.initrd_last;
	if (unpack_knows(l->bzimage.payload, l->bzimage.payload_bytes))
		e = load_payload(mem, r, l, &done);
	if (err_is(e) || done)
		return e;
	l->mode = BOOT_64;
	return bzimage_load(&l->bzimage, r->kernel_name, mem, r->memory_bytes, &l->end);
}

static struct err load_kernel(struct guest_mem *mem, const struct boot_request *r, struct loaded *l)
{
	if (r->kernel_bytes >= SELFMAG && memcmp(r->kernel, ELFMAG, SELFMAG) == 0)
		return load_elf(mem, r->kernel, r->kernel_bytes, r->kernel_name, l);
	return load_bzimage(mem, r, l);
}

/* What an image with our own note reads; tree holds FDT_BYTES. */
static struct err tell_by_tree(const struct boot_request *r, char *cmdline, uint32_t size,
			       uint8_t *tree, struct boot_info *info)
{
	const struct fdt_request request = { cmdline, r->memory_bytes,
					     (uint8_t)r->hardware.windows };
	struct err e = cmdline_add_nics(cmdline, size, request.nics);

	info->fdt = tree;
	return err_is(e) ? e : fdt_build(&request, tree, FDT_BYTES, &info->fdt_bytes);
}

/* What any other kernel finds. */
static struct err tell_by_firmware(struct guest_mem *mem, const struct acpi_request *hardware,
				   struct boot_info *info)
{
	struct err e = acpi_write(mem, hardware, &info->rsdp);

	if (!err_is(e))
		mp_table_write(mem, hardware);
	return e;
}

static struct err place_initrd(struct guest_mem *mem, const struct boot_request *r,
			       const struct loaded *l, struct boot_info *info)
{
	if (r->initrd == NULL)
		return err_none();
	info->initrd_bytes = r->initrd->size;
	return initrd_load(mem, r->initrd, r->memory_bytes, l->end, l->initrd_last,
			   &info->initrd_at);
}

static struct err write_entry(struct guest_mem *mem, const struct loaded *l,
			      const struct boot_info *info, struct boot_entry *ret)
{
	*ret = (struct boot_entry){ .mode = l->mode };
	if (l->mode == BOOT_64)
		return bzimage_boot_write(mem, &l->bzimage, info, &ret->entry64);
	ret->entry = l->pvh.entry;
	return pvh_boot_write(mem, info, &ret->start_info);
}

bool boot_is_own(const uint8_t *kernel, uint64_t bytes) { return elf_pvh_wants_fdt(kernel, bytes); }

struct err boot_load(struct guest_mem *mem, const struct boot_request *request,
		     struct boot_entry *ret_entry)
{
	const char *append = request->append != NULL ? request->append : "";
	char cmdline[BOOT_CMDLINE_MAX + 1];
	uint8_t tree[FDT_BYTES];
	struct boot_info info = { .cmdline = cmdline, .memory_bytes = request->memory_bytes };
	struct loaded l = { .initrd_last = UINT32_MAX };
	struct boot_entry entry;
	struct err e = load_kernel(mem, request, &l);

	if (err_is(e))
		return e;
	if (snprintf(cmdline, sizeof(cmdline), "%s", append) >= (int)sizeof(cmdline))
		return err_make(ERR_USAGE, 0,
				"the command line has %zu bytes: the guest takes at most %d",
				strlen(append), BOOT_CMDLINE_MAX);
	if (l.pvh.wants_fdt)
		e = tell_by_tree(request, cmdline, sizeof(cmdline), tree, &info);
	else
		e = tell_by_firmware(mem, &request->hardware, &info);
	if (!err_is(e))
		e = place_initrd(mem, request, &l, &info);
	if (!err_is(e))
		e = write_entry(mem, &l, &info, &entry);
	if (!err_is(e))
		*ret_entry = entry;
	return e;
}
