/* vmm/boot/bzimage.c: the setup header of a Linux kernel. */
#include "vmm/boot/bzimage.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/mem/range.h"

enum {
	PROTOCOL_LEAST = 0x20c,
	BOOT_FLAG = 0xaa55,
	LOADED_HIGH = 1,
	CAN_ENTER_64 = 1,
	SECTOR = 512,
	SETUP_SECTORS_DEFAULT = 4, /* what 0 stands for */
	PARAGRAPH = 16,
	LOW_MEMORY = 0x100000,
	PACKED_LEAST = 8, /* a magic number and the length that ends every payload */
};

/* As it lies in the file from BZIMAGE_HEADER on, up to the last field that is read. */
struct setup_header {
	uint8_t setup_sectors;
	le16 root_flags;
	le32 paragraphs;
	le16 ram_size, video_mode, root_device, boot_flag;
	uint8_t jump, jump_bytes;
	uint8_t magic[4];
	le16 protocol;
	uint8_t old[9]; /* of real-mode loaders */
	uint8_t load_flags;
	le16 move_bytes;
	le32 code32, ramdisk_image, ramdisk_size, boot_sector, heap;
	le32 cmdline_at;
	le32 initrd_last, alignment;
	uint8_t relocatable, alignment_least;
	le16 extended_load_flags;
	le32 cmdline_max, hardware;
	le64 hardware_data;
	le32 payload_offset, payload_bytes;
	le64 setup_data, preferred_address;
	le32 room;
} __attribute__((packed));
#define HEADER_AT(field) (BZIMAGE_HEADER + offsetof(struct setup_header, field))
static_assert(HEADER_AT(boot_flag) == 0x1fe && HEADER_AT(magic) == 0x202, "boot.rst");
static_assert(HEADER_AT(load_flags) == 0x211 && HEADER_AT(initrd_last) == 0x22c, "boot.rst");
static_assert(HEADER_AT(cmdline_max) == 0x238 && HEADER_AT(payload_offset) == 0x248, "boot.rst");
static_assert(HEADER_AT(preferred_address) == 0x258 && HEADER_AT(room) == 0x260, "boot.rst");

static const uint64_t least_bytes = BZIMAGE_HEADER + sizeof(struct setup_header);

/* Where the jump at 0x200 leads: the end of this kernel's header. */
static uint64_t header_end(const struct setup_header *h)
{
	return HEADER_AT(magic) + h->jump_bytes;
}

static uint64_t setup_bytes(const struct setup_header *h)
{
	uint64_t sectors = h->setup_sectors != 0 ? h->setup_sectors : SETUP_SECTORS_DEFAULT;

	return (sectors + 1) * SECTOR;
}

/* Behind the setup, in a file of size bytes. It is counted in paragraphs, and fills them if it is
 * packed; memtest86+, which is not, leaves the last one short. */
static uint64_t kernel_bytes(const struct setup_header *h, uint64_t size)
{
	uint64_t counted = (uint64_t)le32_get(h->paragraphs) * PARAGRAPH;
	uint64_t there = size > setup_bytes(h) ? size - setup_bytes(h) : 0;
	bool is_short = there < counted && counted - there < PARAGRAPH;

	return is_short && le32_get(h->payload_bytes) == 0 ? there : counted;
}

/* That it is one of these headers, whole. */
static struct err check_kind(const struct setup_header *h, const char *what)
{
	unsigned protocol = le16_get(h->protocol);

	if (le16_get(h->boot_flag) != BOOT_FLAG || memcmp(h->magic, "HdrS", 4) != 0)
		return err_make(ERR_SETUP, 0,
				"kernel %s is neither an ELF file nor a bzImage: give a vmlinux or "
				"a bzImage (vmlinuz) for x86-64",
				what);
	if (protocol < PROTOCOL_LEAST)
		return err_make(ERR_SETUP, 0,
				"kernel %s has boot protocol %u.%02u: at least 2.12 is needed "
				"(Linux 3.8)",
				what, protocol >> 8, protocol & 0xff);
	if ((h->load_flags & LOADED_HIGH) == 0)
		return err_make(ERR_SETUP, 0, "kernel %s is a zImage: give a bzImage", what);
	if (header_end(h) < least_bytes || header_end(h) > BZIMAGE_HEADER + BZIMAGE_HEADER_MAX)
		return err_make(
			ERR_SETUP, 0,
			"kernel %s: its setup header ends at %#llx, of %#llx to %#x that it "
			"can: the file is damaged",
			what, (unsigned long long)header_end(h), (unsigned long long)least_bytes,
			BZIMAGE_HEADER + BZIMAGE_HEADER_MAX);
	return err_none();
}

/* Of a file of size bytes: where its parts are, and that they are in it. */
static struct err check_parts(const struct setup_header *h, uint64_t size, const char *what)
{
	uint64_t setup = setup_bytes(h);
	uint64_t kernel = kernel_bytes(h, size);
	uint32_t offset = le32_get(h->payload_offset), bytes = le32_get(h->payload_bytes);

	if (!range_inside(0, size, setup, kernel))
		return err_make(ERR_SETUP, 0,
				"kernel %s is truncated: it has %llu bytes, of %llu by its header",
				what, (unsigned long long)size,
				(unsigned long long)(setup + kernel));
	if (kernel <= BZIMAGE_ENTRY64)
		return err_make(ERR_SETUP, 0,
				"kernel %s: its header counts only %llu bytes of kernel: the file "
				"is damaged",
				what, (unsigned long long)kernel);
	if ((bytes != 0 && bytes < PACKED_LEAST) || !range_inside(0, kernel, offset, bytes))
		return err_make(ERR_SETUP, 0,
				"kernel %s: its packed kernel of %u bytes at %#x is not within the "
				"%llu bytes that hold it: the file is damaged",
				what, bytes, offset, (unsigned long long)kernel);
	return err_none();
}

static struct err check_places(const struct setup_header *h, uint64_t size, const char *what)
{
	uint64_t kernel = kernel_bytes(h, size);
	uint64_t at = le64_get(h->preferred_address);
	uint32_t room = le32_get(h->room);

	if (at < LOW_MEMORY || at > UINT32_MAX - room)
		return err_make(ERR_SETUP, 0,
				"kernel %s is to lie at %#llx, in %#x bytes: it can between 1 MiB "
				"and 4 GiB",
				what, (unsigned long long)at, room);
	if (room < kernel)
		return err_make(ERR_SETUP, 0,
				"kernel %s: its header asks for %u bytes of memory for a kernel of "
				"%llu: the file is damaged",
				what, room, (unsigned long long)kernel);
	return err_none();
}

struct err bzimage_parse(const uint8_t *bytes, uint64_t size, const char *what,
			 struct bzimage *ret_image)
{
	struct setup_header h;
	struct err e;

	if (size < least_bytes)
		return err_make(
			ERR_SETUP, 0,
			"kernel %s is truncated, or neither an ELF file nor a bzImage: it has "
			"%llu bytes, and a bzImage's setup header ends at %llu",
			what, (unsigned long long)size, (unsigned long long)least_bytes);
	memcpy(&h, bytes + BZIMAGE_HEADER, sizeof(h));
	e = check_kind(&h, what);
	if (!err_is(e))
		e = check_parts(&h, size, what);
	if (!err_is(e))
		e = check_places(&h, size, what);
	if (err_is(e))
		return e;
	*ret_image = (struct bzimage){
		.header = bytes + BZIMAGE_HEADER,
		.header_bytes = (uint32_t)(header_end(&h) - BZIMAGE_HEADER),
		.kernel = bytes + setup_bytes(&h),
		.kernel_bytes = kernel_bytes(&h, size),
		.payload = bytes + setup_bytes(&h) + le32_get(h.payload_offset),
		.payload_bytes = le32_get(h.payload_bytes),
		.load_at = le64_get(h.preferred_address),
		.room = le32_get(h.room),
		.cmdline_max = le32_get(h.cmdline_max),
		.initrd_last = le32_get(h.initrd_last),
		.entry64 = (le16_get(h.extended_load_flags) & CAN_ENTER_64) != 0,
	};
	return err_none();
}
