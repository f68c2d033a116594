/* tests/unit/transport/mmio.h: the device of kind.h behind virtio-mmio, and the driver's reads and
 * writes; what the programs that test the transport share. */
#ifndef TAPVM_TESTS_MMIO_H
#define TAPVM_TESTS_MMIO_H

#include "devices/transport/mmio.h"
#include "tests/unit/transport/kind.h"

static struct mmio *mmio;

static inline void setup(void)
{
	make_device(0);
	ck_assert(!err_is(mmio_create(w.device, &mmio)));
}

static inline void teardown(void)
{
	mmio_destroy(mmio);
	end_device();
}

static inline uint32_t rd(uint32_t offset)
{
	uint8_t b[4];

	mmio_read(mmio, offset, b, 4);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline void wr(uint32_t offset, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	mmio_write(mmio, offset, b, 4);
}

static inline void accept(uint32_t low, uint32_t high)
{
	wr(0x070, 0);
	wr(0x070, 1);
	wr(0x070, 3);
	wr(0x024, 0), wr(0x020, low);
	wr(0x024, 1), wr(0x020, high);
	wr(0x070, 0xb);
}

static inline void set_queue(uint32_t index, uint32_t size, uint64_t desc, uint64_t driver,
			     uint64_t device)
{
	wr(0x030, index);
	wr(0x038, size);
	wr(0x080, (uint32_t)desc), wr(0x084, (uint32_t)(desc >> 32));
	wr(0x090, (uint32_t)driver), wr(0x094, (uint32_t)(driver >> 32));
	wr(0x0a0, (uint32_t)device), wr(0x0a4, (uint32_t)(device >> 32));
	wr(0x044, 1);
}

static inline void live(void)
{
	accept(1, 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		set_queue(i, 64, 0x10000 * (i + 1), 0x10000 * (i + 1) + 0x4000,
			  0x10000 * (i + 1) + 0x8000);
	wr(0x070, 0xf);
	ck_assert_uint_eq(rd(0x070), 0xf);
}

#endif
