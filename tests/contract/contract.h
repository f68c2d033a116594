/* tests/contract/contract.h: what the parts of the contract test share: the kind that is tested,
 * a backend of it, a batch, and what is expected of frames. */
#ifndef TAPVM_TESTS_CONTRACT_H
#define TAPVM_TESTS_CONTRACT_H

#include <check.h>

#include "tests/contract/kind.h"

enum { CONTRACT_LEN = 1000 }; /* of a frame of no importance */

extern const struct kind *kind; /* set before each test */
extern struct backend *be;
extern uint8_t slots[BATCH_MAX][SLOT_BYTES];
extern struct batch batch;

/* An open frame in slot i: unicast, else as rig_fill makes it. */
void put(unsigned i, uint32_t len, unsigned number);
void send_batch(unsigned count); /* on queue 0, as all below */
void assert_fate(unsigned i, enum fate fate, enum drop_reason why);
/* The next frame at the other side is this one: its header. */
struct vnet_hdr assert_taken(uint32_t len, unsigned number);
void assert_nothing_taken(void);

void give(uint32_t len, unsigned number);
/* One visit: how many frames; *ret_more as recv said. */
unsigned receive(unsigned max, bool *ret_more);
/* Exactly `count` frames in one visit, or time is up. */
void await_frames(unsigned count);
void assert_received(unsigned i, uint32_t len, unsigned number);

/* The parts. */
void contract_send(TCase *tc);
void contract_recv(TCase *tc);
void contract_life(TCase *tc);
void contract_queues(TCase *tc);

#endif
