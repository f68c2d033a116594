/* devices/platform/serial.h: a 16550A UART, KVM-free (register model: National Semiconductor
 * PC16550D).
 *
 * Registers 0 to 7, one byte each. Output is handed to `out` byte by byte or in runs; input
 * comes by serial_input, which takes what the FIFO has room for, and nothing in loopback or while
 * RTS is low that was high before: then it waits outside.
 * Interrupt level is told by `irq`, only when it changes; a second cause makes it fall and rise.
 * Threads: everything takes the UART's own mutex; irq and room are called with it held, out is
 * not: it may wait for its reader, and input and interrupts go on. */
#ifndef TAPVM_PLATFORM_SERIAL_H
#define TAPVM_PLATFORM_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/base/err.h"

struct serial;
struct serial_config {
	void (*out)(void *self, const uint8_t *bytes, size_t len);
	void (*irq)(void *self, bool level); /* may be NULL */
	void (*room)(void *self); /* input was refused, the FIFO is empty now; may be NULL */
	void *self;
};

struct err serial_create(const struct serial_config *config, struct serial **ret_serial) MUST_USE;
void serial_destroy(struct serial *s);
uint8_t serial_read(struct serial *s, unsigned reg);
void serial_write(struct serial *s, unsigned reg, uint8_t value);
size_t serial_input(struct serial *s, const uint8_t *bytes, size_t len); /* bytes taken */

#endif
