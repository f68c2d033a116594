/* vmm/boot/fdt.c: the device tree of a machine. */
#include "vmm/boot/fdt.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot/memory_map.h"

/* libfdt keeps the first error in whoever checks: each step is tried only while all went well. */
struct tree {
	void *fdt;
	int error;
};

static void begin(struct tree *t, const char *name)
{
	if (t->error == 0)
		t->error = fdt_begin_node(t->fdt, name);
}
static void end(struct tree *t)
{
	if (t->error == 0)
		t->error = fdt_end_node(t->fdt);
}
static void text(struct tree *t, const char *name, const char *value)
{
	if (t->error == 0)
		t->error = fdt_property(t->fdt, name, value, (int)strlen(value) + 1);
}
static void cells(struct tree *t, const char *name, const uint32_t *values, unsigned count)
{
	void *at;

	if (t->error == 0)
		t->error = fdt_property_placeholder(t->fdt, name, (int)(count * sizeof(uint32_t)),
						    &at);
	for (unsigned i = 0; t->error == 0 && i < count; i++)
		fdt32_st((uint8_t *)at + i * sizeof(uint32_t), values[i]);
}
static void cell(struct tree *t, const char *name, uint32_t value) { cells(t, name, &value, 1); }

static void memory(struct tree *t, uint64_t bytes)
{
	uint64_t low = memory_low_end(bytes), high = bytes - low;
	const uint32_t reg[] = { 0,
				 0,
				 (uint32_t)(low >> 32),
				 (uint32_t)low,
				 (uint32_t)(HOLE_END >> 32),
				 (uint32_t)HOLE_END,
				 (uint32_t)(high >> 32),
				 (uint32_t)high };

	begin(t, "memory@0");
	text(t, "device_type", "memory");
	cells(t, "reg", reg, high > 0 ? 8 : 4);
	end(t);
}

static void nic(struct tree *t, unsigned index)
{
	uint32_t base = WINDOW_BASE + index * WINDOW_STEP;
	const uint32_t reg[] = { 0, base, 0, WINDOW_STEP };
	const uint32_t interrupts[] = { window_gsi(index), 1 /* rising edge */ };
	char name[32];

	(void)snprintf(name, sizeof(name), "virtio_mmio@%x", base);
	begin(t, name);
	text(t, "compatible", "virtio,mmio");
	cells(t, "reg", reg, 4);
	cells(t, "interrupts", interrupts, 2);
	end(t);
}

static void serial(struct tree *t)
{
	const uint32_t reg[] = { 1, SERIAL_PORT, 0, 8 }; /* address space 1: ports */
	const uint32_t interrupts[] = { SERIAL_GSI, 1 };

	begin(t, "serial@3f8");
	text(t, "compatible", "ns16550a");
	cells(t, "reg", reg, 4);
	cells(t, "interrupts", interrupts, 2);
	end(t);
}

struct err fdt_build(const struct fdt_request *request, uint8_t *ret_bytes, uint32_t size,
		     uint32_t *ret_len)
{
	struct tree t = { .fdt = ret_bytes };

	t.error = fdt_create(t.fdt, (int)size);
	if (t.error == 0)
		t.error = fdt_finish_reservemap(t.fdt);
	begin(&t, "");
	cell(&t, "#address-cells", 2);
	cell(&t, "#size-cells", 2);
	text(&t, "compatible", "tapvm");
	begin(&t, "chosen");
	text(&t, "bootargs", request->cmdline);
	end(&t);
	memory(&t, request->memory_bytes);
	serial(&t);
	for (unsigned i = 0; i < NICS_MAX; i++)
		if ((request->nics & 1u << i) != 0)
			nic(&t, i);
	end(&t);
	if (t.error == 0)
		t.error = fdt_finish(t.fdt);
	if (t.error != 0)
		return err_make(ERR_SETUP, 0, "build the device tree: %s", fdt_strerror(t.error));
	*ret_len = fdt_totalsize(t.fdt);
	return err_none();
}

struct err cmdline_add_nics(char *cmdline, unsigned size, uint8_t nics)
{
	size_t used = strlen(cmdline);

	for (unsigned i = 0; i < NICS_MAX; i++) {
		int n;

		if ((nics & 1u << i) == 0)
			continue;
		n = snprintf(cmdline + used, size - used, "%svirtio_mmio.device=4K@%#x:%u",
			     used > 0 ? " " : "", WINDOW_BASE + i * WINDOW_STEP, window_gsi(i));

		if (n < 0 || (size_t)n >= size - used)
			return err_make(
				ERR_USAGE, 0,
				"the command line with its %d NICs is longer than %u bytes: "
				"shorten --append",
				__builtin_popcount(nics), size - 1);
		used += (size_t)n;
	}
	return err_none();
}
