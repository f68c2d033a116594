/* vmm/boot/aml.c: objects of ACPI Machine Language. */
#include "vmm/boot/aml.h"

#include <stdlib.h>
#include <string.h>

enum {
	ZERO_OP = 0x00,
	ONE_OP = 0x01,
	NAME_OP = 0x08,
	BYTE_PREFIX = 0x0a,
	WORD_PREFIX = 0x0b,
	DWORD_PREFIX = 0x0c,
	STRING_PREFIX = 0x0d,
	QWORD_PREFIX = 0x0e,
	SCOPE_OP = 0x10,
	BUFFER_OP = 0x11,
	PACKAGE_OP = 0x12,
	EXTENDED_OP = 0x5b,
	DEVICE_OP = 0x82,

	PORTS_TAG = 0x47,
	END_TAG = 0x79,
	MEMORY32_FIXED_TAG = 0x86,
	DWORD_WINDOW_TAG = 0x87,
	WORD_WINDOW_TAG = 0x88,
	INTERRUPT_TAG = 0x89,
	QWORD_WINDOW_TAG = 0x8a,

	DECODE_16 = 1,
	READ_WRITE = 1,
	CONSUMER_EDGE_HIGH = 3,
	PRODUCER_FIXED = 0x0c, /* both its ends */
	ENTIRE_RANGE = 3,
	WINDOW_MEMORY = 0,
	WINDOW_PORTS = 1,
	WINDOW_BUSES = 2,

	NAME_CHARACTERS = 4,
	INTEGER_BYTES = 9, /* at most */
	LENGTH_BYTES = 3,
};

static void fail(struct aml *a, const char *fault)
{
	if (a->fault == NULL)
		a->fault = fault;
}

/* Between what is written already. */
static void insert(struct aml *a, uint32_t at, const void *bytes, uint32_t count)
{
	if (count > a->size - a->used)
		fail(a, "there is no room for it");
	if (a->fault != NULL)
		return;
	memmove(a->bytes + at + count, a->bytes + at, a->used - at);
	memcpy(a->bytes + at, bytes, count);
	a->used += count;
}

static void put(struct aml *a, const void *bytes, uint32_t count)
{
	insert(a, a->used, bytes, count);
}

/* The low bytes of value, the lowest first. */
static void number(struct aml *a, uint64_t value, unsigned bytes)
{
	uint8_t out[sizeof(value)];

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(value >> (8 * i));
	put(a, out, bytes);
}

static void byte(struct aml *a, uint8_t value) { number(a, value, 1); }

static bool is_name(const char *name)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char other[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return strlen(name) == NAME_CHARACTERS && strspn(name, first) > 0 &&
	       strspn(name, other) == NAME_CHARACTERS;
}

static void put_name(struct aml *a, const char *name)
{
	if (!is_name(name))
		fail(a, "a name is not of four characters that it may have");
	put(a, name, (uint32_t)strlen(name));
}

static void open_here(struct aml *a, bool resources)
{
	if (a->depth == AML_DEPTH_MAX) {
		fail(a, "it is too deep");
		return;
	}
	a->open[a->depth].at = a->used;
	a->open[a->depth++].resources = resources;
}

void aml_init(struct aml *a, uint8_t *bytes, uint32_t size)
{
	*a = (struct aml){ .bytes = bytes, .size = size };
}

struct err aml_finish(struct aml *a, uint32_t *ret_used)
{
	if (a->depth != 0)
		fail(a, "something in it was not closed");
	if (a->fault != NULL)
		return err_make(ERR_SETUP, 0, "write AML: %s", a->fault);
	*ret_used = a->used;
	return err_none();
}

void aml_scope(struct aml *a, const char *name)
{
	byte(a, SCOPE_OP);
	open_here(a, false);
	put_name(a, name);
}

void aml_device(struct aml *a, const char *name)
{
	byte(a, EXTENDED_OP);
	byte(a, DEVICE_OP);
	open_here(a, false);
	put_name(a, name);
}

void aml_name(struct aml *a, const char *name)
{
	byte(a, NAME_OP);
	put_name(a, name);
}

void aml_package(struct aml *a, uint8_t count)
{
	byte(a, PACKAGE_OP);
	open_here(a, false);
	byte(a, count);
}

void aml_resources(struct aml *a)
{
	byte(a, BUFFER_OP);
	open_here(a, true);
}

/* Returns the bytes of its shortest form. */
static uint32_t encode_integer(uint64_t value, uint8_t ret[static INTEGER_BYTES])
{
	static const struct {
		uint64_t max;
		uint8_t prefix, bytes;
	} forms[] = {
		{ UINT8_MAX, BYTE_PREFIX, 1 },
		{ UINT16_MAX, WORD_PREFIX, 2 },
		{ UINT32_MAX, DWORD_PREFIX, 4 },
		{ UINT64_MAX, QWORD_PREFIX, 8 },
	};
	unsigned form = 0;

	if (value <= 1) {
		ret[0] = value == 0 ? ZERO_OP : ONE_OP;
		return 1;
	}
	while (value > forms[form].max)
		form++;
	ret[0] = forms[form].prefix;
	for (unsigned i = 0; i < forms[form].bytes; i++)
		ret[1 + i] = (uint8_t)(value >> (8 * i));
	return 1 + (uint32_t)forms[form].bytes;
}

/* A package's length counts its own bytes, of which it needs one to three: the first has six bits
 * of it if it is alone, else the lowest four. */
static uint32_t encode_length(uint32_t contents, uint8_t ret[static LENGTH_BYTES])
{
	uint32_t bytes = contents + 1 < 1 << 6 ? 1 : contents + 2 < 1 << 12 ? 2 : 3;
	uint32_t length = contents + bytes;

	if (bytes == 1) {
		ret[0] = (uint8_t)length;
		return bytes;
	}
	ret[0] = (uint8_t)((bytes - 1) << 6 | (length & 0xf));
	ret[1] = (uint8_t)(length >> 4);
	ret[2] = (uint8_t)(length >> 12);
	return bytes;
}

void aml_close(struct aml *a)
{
	uint8_t out[INTEGER_BYTES];
	uint32_t at;

	if (a->depth == 0) {
		fail(a, "more was closed than opened");
		return;
	}
	at = a->open[--a->depth].at;
	if (a->open[a->depth].resources) {
		byte(a, END_TAG);
		byte(a, 0); /* no check sum */
		insert(a, at, out, encode_integer(a->used - at, out));
	}
	if (a->used - at >= 1 << 20)
		fail(a, "a part of it is too long");
	insert(a, at, out, encode_length(a->used - at, out));
}

void aml_integer(struct aml *a, uint64_t value)
{
	uint8_t out[INTEGER_BYTES];

	put(a, out, encode_integer(value, out));
}

void aml_text(struct aml *a, const char *value)
{
	byte(a, STRING_PREFIX);
	put(a, value, (uint32_t)strlen(value) + 1);
}

/* Three letters of five bits each, then four hexadecimal digits; big-endian. */
void aml_eisa_id(struct aml *a, const char *id)
{
	uint16_t vendor = 0;
	unsigned long product;

	if (strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") < 3 || strlen(id) != 7 ||
	    strspn(id + 3, "0123456789ABCDEF") != 4) {
		fail(a, "an identifier is not of three letters and four digits");
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		vendor = (uint16_t)(vendor << 5 | (id[i] - '@'));
	product = strtoul(id + 3, NULL, 16);
	byte(a, DWORD_PREFIX);
	byte(a, (uint8_t)(vendor >> 8));
	byte(a, (uint8_t)vendor);
	byte(a, (uint8_t)(product >> 8));
	byte(a, (uint8_t)product);
}

/* ---- entries of resources: a tag (with it its length if it is small), its length, its fields ----
 */

void aml_ports(struct aml *a, uint16_t port, uint8_t count)
{
	byte(a, PORTS_TAG);
	byte(a, DECODE_16);
	number(a, port, 2);
	number(a, port, 2);
	byte(a, 1); /* alignment */
	byte(a, count);
}

void aml_memory(struct aml *a, uint32_t at, uint32_t bytes)
{
	byte(a, MEMORY32_FIXED_TAG);
	number(a, 9, 2);
	byte(a, READ_WRITE);
	number(a, at, 4);
	number(a, bytes, 4);
}

void aml_interrupt(struct aml *a, uint32_t gsi)
{
	byte(a, INTERRUPT_TAG);
	number(a, 6, 2);
	byte(a, CONSUMER_EDGE_HIGH);
	byte(a, 1);
	number(a, gsi, 4);
}

/* Granularity, first, last, translation and count, of width bytes each. */
static void window(struct aml *a, uint8_t tag, uint8_t kind, uint8_t flags, unsigned width,
		   uint64_t first, uint64_t count)
{
	byte(a, tag);
	number(a, 3 + 5 * width, 2);
	byte(a, kind);
	byte(a, PRODUCER_FIXED);
	byte(a, flags);
	number(a, 0, width);
	number(a, first, width);
	number(a, first + count - 1, width);
	number(a, 0, width);
	number(a, count, width);
}

void aml_bus_window(struct aml *a, uint8_t first, uint16_t count)
{
	window(a, WORD_WINDOW_TAG, WINDOW_BUSES, 0, 2, first, count);
}

void aml_port_window(struct aml *a, uint16_t first, uint16_t count)
{
	window(a, WORD_WINDOW_TAG, WINDOW_PORTS, ENTIRE_RANGE, 2, first, count);
}

void aml_memory_window(struct aml *a, uint32_t at, uint32_t bytes)
{
	window(a, DWORD_WINDOW_TAG, WINDOW_MEMORY, READ_WRITE, 4, at, bytes);
}

void aml_memory_window64(struct aml *a, uint64_t at, uint64_t bytes)
{
	window(a, QWORD_WINDOW_TAG, WINDOW_MEMORY, READ_WRITE, 8, at, bytes);
}
