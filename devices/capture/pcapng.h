/* devices/capture/pcapng.h: blocks of a pcapng file (draft-ietf-opsawg-pcapng), made in memory.
 * Pure.
 *
 * Always little-endian, whatever the host: the section header says so. Each function makes one
 * block at ret_block and returns its bytes, a multiple of 4; 0: it does not fit into size. */
#ifndef TAPVM_CAPTURE_PCAPNG_H
#define TAPVM_CAPTURE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { PCAPNG_COMMENTS_MAX = 2 };

/* The first block of a file. */
struct pcapng_section {
	const char *hardware, *os, *application;
};
size_t pcapng_section(uint8_t *ret_block, size_t size, const struct pcapng_section *s);

/* The section's only interface: Ethernet, times in nanoseconds. */
struct pcapng_interface {
	const char *name, *description;
	uint32_t snaplen; /* no packet has more bytes in the file */
};
size_t pcapng_interface(uint8_t *ret_block, size_t size, const struct pcapng_interface *i);

/* Bits of epb_flags. */
enum {
	PCAPNG_INBOUND = 1 << 0,
	PCAPNG_OUTBOUND = 1 << 1,
	PCAPNG_CSUM_NOT_READY = 1 << 9,
	PCAPNG_CSUM_VALID = 1 << 10,
	PCAPNG_TCP_SEGMENTS = 1 << 11, /* several segments in one */
};
struct pcapng_packet {
	uint32_t queue;   /* of the interface */
	uint64_t time_ns; /* since 1970 */
	const struct iovec *data;
	unsigned data_count;
	uint32_t original_len; /* of the packet, of which data may be the beginning */
	uint32_t flags;
	uint64_t lost; /* packets that came between the one before and this, and are not there */
	const char *comment[PCAPNG_COMMENTS_MAX]; /* NULL: none */
};
size_t pcapng_packet(uint8_t *ret_block, size_t size, const struct pcapng_packet *p);

struct pcapng_statistics {
	uint64_t time_ns;
	uint64_t received, dropped; /* since the beginning: all; those that are not in the file */
};
size_t pcapng_statistics(uint8_t *ret_block, size_t size, const struct pcapng_statistics *s);

#endif
