/* vmm/cli/cmd_run.c: tapvm run */
#include <signal.h>
#include <stdio.h>

#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/cli/run_options.h"

/* What the exit status alone does not tell, in one line. */
static void explain(const struct keeper_options *o, const struct keeper_end *end)
{
	if (end->kind == KEEPER_TIMEOUT)
		(void)fprintf(
			stderr,
			"tapvm: --timeout: the guest had not ended after %u s and was stopped\n",
			o->timeout_seconds);
	else if (end->kind == KEEPER_CONTROL)
		(void)fprintf(stderr, "tapvm: stopped by a request at %s\n", o->control);
	else if (end->kind == KEEPER_MACHINE && end->machine == MACHINE_END_CRASH)
		(void)fprintf(stderr, "tapvm: the guest crashed: %s\n", end->text);
	else if (end->kind == KEEPER_MACHINE && end->machine == MACHINE_END_PANIC)
		(void)fprintf(stderr, "tapvm: the guest panicked%s%s\n",
			      *end->text == '\0' ? "" : ": ", end->text);
}

static int run_it(const struct keeper_options *o)
{
	struct keeper_end end;
	struct err e = keeper_run(o, &end);

	if (err_is(e))
		return command_fail(&e);
	explain(o, &end);
	if (end.kind == KEEPER_SIGNAL)
		(void)raise((int)end.value);
	return status_of_end(&end);
}

static int dry_run(const struct keeper_options *o)
{
	struct err e = keeper_dry_run(o, stdout);

	return err_is(e) ? command_fail(&e) : command_printed(STATUS_DONE);
}

static int run(const struct command *self, int count, char *const words[], uint64_t started_ns)
{
	struct run_options o;
	int status;

	run_options_init(&o);
	o.keeper.started_ns = started_ns;
	if (command_options(self, count, words, &o, &status)) {
		struct err e = run_options_finish(&o);

		if (err_is(e))
			status = command_fail(&e);
		else
			status = o.dry_run ? dry_run(&o.keeper) : run_it(&o.keeper);
	}
	run_options_fini(&o);
	return status;
}

const struct command command_run = {
	.name = "run",
	.synopsis = "[OPTION]... FILE",
	.summary = "boots a kernel with NICs on TAPs",
	.options = &run_option_table,
	.remark = "On a terminal Ctrl-A x quits, and Ctrl-A Ctrl-A is one Ctrl-A.",
	.run = run,
};
