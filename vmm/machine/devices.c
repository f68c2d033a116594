/* vmm/machine/devices.c: the devices beside the NICs, each in its place. */
#include "vmm/machine/devices.h"

#include <stdio.h>

#include "vmm/machine/places.h"

enum { CLASS_STORAGE = 0x018000, CLASS_OTHER = 0xff0000 }; /* PCI */

static struct err make_rng(struct devices *d, const struct machine_config *config,
			   struct guest_mem *mem, struct board *board)
{
	const struct rng_config c = {
		.name = "rng", .mem = mem, .loop = board->loop, .log = board->log, .sys = &sys_host
	};
	enum place place = places_rng(config);
	struct err e;

	if (place == PLACE_NONE)
		return err_none();
	e = rng_create(&c, &d->rng);
	if (err_is(e))
		return e;
	return place == PLACE_PCI ? board_plug(board, RNG_SLOT, rng_device(d->rng), CLASS_OTHER)
				  : board_plug_window(board, RNG_WINDOW, rng_device(d->rng));
}

static struct err make_disk(struct devices *d, unsigned index, const struct machine_disk *disk,
			    struct guest_mem *mem, struct board *board)
{
	const struct blk_config c = {
		.name = d->name[index],
		.image = { .fd = disk->fd,
			   .beside_fd = disk->beside_fd,
			   .bytes = disk->bytes,
			   .sys = &sys_host },
		.read_only = disk->read_only,
		.mem = mem,
		.loop = board->loop,
		.log = board->log,
	};
	struct err e;

	(void)snprintf(d->name[index], sizeof(d->name[index]), "disk%u", index);
	e = blk_create(&c, &d->disk[index]);
	return err_is(e) ? e
			 : board_plug(board, DISK_SLOT + index, blk_device(d->disk[index]),
				      CLASS_STORAGE);
}

struct err devices_init(struct devices *d, const struct machine_config *config,
			struct guest_mem *mem, struct board *board)
{
	struct err e = make_rng(d, config, mem, board);

	for (unsigned i = 0; i < config->disk_count && !err_is(e); i++)
		e = make_disk(d, i, &config->disk[i], mem, board);
	return e;
}

void devices_fini(struct devices *d)
{
	rng_destroy(d->rng);
	for (unsigned i = 0; i < DISKS_MAX; i++)
		blk_destroy(d->disk[i]);
}
