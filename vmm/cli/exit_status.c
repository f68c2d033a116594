/* vmm/cli/exit_status.c: how a run ended, as an exit status. */
#include "vmm/cli/exit_status.h"

int status_of_error(const struct err *e)
{
	switch (e->kind) {
	case ERR_NONE: return STATUS_DONE;
	case ERR_USAGE: return STATUS_USAGE;
	case ERR_SETUP: return STATUS_SETUP;
	}
	return STATUS_SETUP;
}

static int status_of_machine(enum machine_end end, unsigned value)
{
	switch (end) {
	case MACHINE_END_VERDICT: return (int)(value << 1 | 1);
	case MACHINE_END_RESET:
	case MACHINE_END_STOPPED: return STATUS_DONE;
	case MACHINE_END_CRASH: return STATUS_CRASH;
	case MACHINE_END_PANIC: return STATUS_PANIC;
	case MACHINE_END_ERROR: return STATUS_SETUP;
	}
	return STATUS_SETUP;
}

int status_of_end(const struct keeper_end *end)
{
	switch (end->kind) {
	case KEEPER_MACHINE: return status_of_machine(end->machine, end->value);
	case KEEPER_TIMEOUT: return STATUS_TIMEOUT;
	case KEEPER_SIGNAL: return 128 + (int)end->value;
	case KEEPER_CONTROL: return STATUS_DONE;
	}
	return STATUS_SETUP;
}
