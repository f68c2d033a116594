/* vmm/selftest/judge.h: the judge of what the guest had cut and summed. */
#ifndef TAPVM_SELFTEST_JUDGE_H
#define TAPVM_SELFTEST_JUDGE_H

#include "vmm/selftest/selftest_priv.h"

struct judge_want {
	bool v6, tcp;
	unsigned port;
};
struct judged {
	bool ours;         /* of that protocol, to that port */
	const char *fault; /* NULL: well-formed */
	bool sum_right;
	const uint8_t *payload;
	size_t payload_len;
	uint32_t sequence; /* TCP; payload byte 0 is 1 */
};
/* Pure. */
struct judged judge_frame(const struct judge_want *want, const uint8_t *frame, size_t len);

/* NULL: well, else why not. kind: udp4, udp6, tcp4, tcp6. */
const char *judge_open(struct server *s, const char *kind, unsigned port);
/* Waits for frames of ours whose payloads, in sequence and of `mss` bytes each but the last, make
 * up pattern 0 of `payload` bytes, each with a right (or each with a wrong) transport checksum. */
void judge_take(struct server *s, size_t payload, size_t mss, bool right, char *ret_text,
		size_t size);

#endif
