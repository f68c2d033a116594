/* vmm/machine/board.h: where virtio devices are plugged in: windows of virtio-mmio, and slots of
 * the machine's PCI bus: what a write to a doorbell wakes, which interrupt each vector is, and a
 * level for INTx. */
#ifndef TAPVM_MACHINE_BOARD_H
#define TAPVM_MACHINE_BOARD_H

#include <pthread.h>

#include "devices/platform/pci_host.h"
#include "devices/transport/mmio.h"
#include "devices/transport/pci.h"
#include "vmm/boot/layout.h"

struct vm;
struct board;

/* A device in a slot. */
struct board_slot {
	struct board *board;
	unsigned number;
	struct device *device;
	struct pci *pci; /* NULL: the slot is empty */
	bool asserted;   /* its INTx; with the board's mutex */
};

struct board {
	struct vm *vm;
	struct loop *loop;
	struct log log;
	struct pci_host *host;
	pthread_mutex_t mutex;
	struct log_limit log_limit; /* with the mutex */
	struct board_slot slot[PCI_SLOTS];
	struct mmio *window[WINDOWS]; /* NULL: none there */
};

/* All lent. */
struct err board_init(struct board *b, struct vm *vm, struct loop *loop, struct log log) MUST_USE;
void board_fini(struct board *b); /* before the devices; takes what was never made */
/* class_code as pci.h has it. */
struct err board_plug(struct board *b, unsigned slot, struct device *device,
		      uint32_t class_code) MUST_USE;
/* As mmio_create wants the device. */
struct err board_plug_window(struct board *b, unsigned window, struct device *device) MUST_USE;
/* What firmware would do once all are plugged in: each BAR gets an address, each function the
 * number of its interrupt line. Kernels may do it again. */
void board_power_on(struct board *b);

#endif
