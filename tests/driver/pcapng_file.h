/* tests/driver/pcapng_file.h: a pcapng file read by the letter of its format, with code that
 * the writer does not have. Everything that is not as the format wants it fails the test. */
#ifndef TAPVM_TESTS_PCAPNG_FILE_H
#define TAPVM_TESTS_PCAPNG_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { PF_SECTION = 0x0a0d0d0a, PF_INTERFACE = 1, PF_STATISTICS = 5, PF_PACKET = 6 };
enum { PF_OPTIONS_MAX = 12, PF_PACKETS_MAX = 8192 };

struct pf_option {
	unsigned code, len;
	const uint8_t *bytes;
};

struct pf_block {
	uint32_t type, len; /* of the whole block */
	const uint8_t *body;
	struct pf_option option[PF_OPTIONS_MAX];
	unsigned options;
};

uint16_t pf16(const uint8_t *at);
uint32_t pf32(const uint8_t *at);
uint64_t pf64(const uint8_t *at);

/* The block at bytes[0], which has left bytes at most. */
struct pf_block pf_block(const uint8_t *bytes, size_t left);
/* The n-th option of that code, or NULL. */
const struct pf_option *pf_option(const struct pf_block *b, unsigned code, unsigned n);
/* Asserts that it is there and has this text. */
void pf_assert_text(const struct pf_block *b, unsigned code, unsigned n, const char *text);
uint64_t pf_number(const struct pf_block *b, unsigned code); /* 0: not there */

/* Packets as the file has them; the bytes stay the file's. */
struct pf_packet {
	struct pf_block block;
	uint64_t time_ns;
	uint32_t captured, original, flags;
	const uint8_t *data;
};
struct pf_file {
	uint8_t *bytes;
	size_t len;
	struct pf_packet packet[PF_PACKETS_MAX];
	unsigned packets, statistics;
	uint64_t received, dropped; /* of the last statistics */
	uint64_t lost;              /* all packets' drop counts together */
};
/* Reads fd, a file, from its start: section, interface, then the rest. */
struct pf_file *pf_read(int fd);
/* The same of bytes, which are the file's from here on. */
struct pf_file *pf_of(uint8_t *bytes, size_t len);
void pf_free(struct pf_file *f);

#endif
