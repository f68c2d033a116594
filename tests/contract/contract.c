/* tests/contract/contract.c: a batch of frames, and what is expected of them. */
#include "tests/contract/contract.h"

#include <string.h>

#include "tests/driver/rig.h"
#include "tests/host/host.h"

enum { ROOM = FRAME_MAX + 64 };

const struct kind *kind;
struct backend *be;
uint8_t slots[BATCH_MAX][SLOT_BYTES];
struct batch batch;

static uint8_t want[ROOM], got[ROOM];

/* To one address, of nobody: of a broadcast a bridge sends copies, for which no sender is made
 * to wait. */
static void fill(uint8_t *frame, uint32_t len, unsigned number)
{
	rig_fill(frame, len, number);
	if (len > 0)
		frame[0] = 0x52;
	if (kind->dress != NULL)
		kind->dress(frame, len);
}

void put(unsigned i, uint32_t len, unsigned number)
{
	batch.frame[i] =
		(struct frame){ .bytes = slots[i] + VNET_HDR_MAX, .len = len, .local = len };
	fill(batch.frame[i].bytes, len, number);
}

void send_batch(unsigned count)
{
	batch.count = count;
	be->ops->send(be, 0, &batch);
}

void assert_fate(unsigned i, enum fate fate, enum drop_reason why)
{
	const struct frame *f = &batch.frame[i];

	ck_assert_msg(f->fate == fate && f->why == why,
		      "%s: frame %u has fate %d (%s), not %d (%s)", kind->name, i, f->fate,
		      drop_name(f->why), fate, drop_name(why));
}

struct vnet_hdr assert_taken(uint32_t len, unsigned number)
{
	struct vnet_hdr hdr;
	int have = kind->taken(be, &hdr, got, sizeof(got));

	ck_assert_msg(have == (int)len, "%s: frame %u has %d bytes, not %u", kind->name, number,
		      have, len);
	fill(want, len, number);
	ck_assert_msg(memcmp(want, got, len) == 0, "%s: frame %u is another", kind->name, number);
	return hdr;
}

void assert_nothing_taken(void)
{
	struct vnet_hdr hdr;

	ck_assert_msg(kind->taken(be, &hdr, got, sizeof(got)) < 0, "%s: a frame too many went out",
		      kind->name);
}

unsigned receive(unsigned max, bool *ret_more)
{
	for (unsigned i = 0; i < BATCH_MAX; i++)
		batch.frame[i] = (struct frame){ .bytes = slots[i] + VNET_HDR_MAX,
						 .why = DROP_RX_ERROR,
						 .fate = FATE_HELD,
						 .len = 1,
						 .rest_count = 1 };
	be->ops->recv(be, 0, &batch, max, ret_more);
	ck_assert_uint_le(batch.count, max);
	return batch.count;
}

void await_frames(unsigned count)
{
	ck_assert_msg(count == 0 || host_wait_readable(be->ops->poll_fd(be, 0), HOST_WAIT_MS),
		      "%s: nothing to read", kind->name);
	for (int64_t end = host_now_ms() + HOST_WAIT_MS; host_now_ms() < end;) {
		bool more;

		if (receive(count, &more) > 0)
			break;
	}
	ck_assert_msg(batch.count == count, "%s: %u frames, not %u", kind->name, batch.count,
		      count);
}

void assert_received(unsigned i, uint32_t len, unsigned number)
{
	const struct frame *f = &batch.frame[i];

	assert_fate(i, FATE_OPEN, DROP_NONE);
	ck_assert_msg(f->len == len && f->local == len && f->rest_count == 0,
		      "%s: frame %u has %u bytes, %u of them "
		      "here, not %u",
		      kind->name, i, f->len, f->local, len);
	ck_assert_ptr_eq(f->bytes, slots[i] + VNET_HDR_MAX);
	fill(want, len, number);
	ck_assert_msg(memcmp(f->bytes, want, len) == 0, "%s: frame %u is another", kind->name, i);
}

void give(uint32_t len, unsigned number)
{
	fill(want, len, number);
	kind->give(be, (struct vnet_hdr){ 0 }, want, len);
}
