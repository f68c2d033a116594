/* vmm/server/main.c: main of tapvm-vhost-user. */
#include <stdio.h>

#include "vmm/cli/exit_status.h"
#include "vmm/cli/option_help.h"
#include "vmm/cli/start.h"
#include "vmm/server/listen.h"
#include "vmm/server/server.h"

static int fail(const struct err *e) { return end_with_error(SERVER_NAME, e); }
static int printed(void) { return end_printed(SERVER_NAME, STATUS_DONE); }

static int help(void)
{
	(void)printf("usage: " SERVER_NAME " --socket PATH [OPTION]...\n"
		     "serves a virtio-net NIC on a TAP to vhost-user front-ends\n\noptions:\n");
	help_rows(&server_option_table, " ");
	help_net_keys();
	return printed();
}

static int serve(struct server_options *o)
{
	int passed_fd;
	struct err e = listen_passed(&passed_fd);

	if (!err_is(e))
		e = server_options_finish(o, passed_fd >= 0);
	if (!err_is(e))
		e = vhost_user_serve(o, passed_fd);
	return err_is(e) ? fail(&e) : STATUS_DONE;
}

/* VHU-23. */
static int run(int count, char *const words[], struct server_options *o)
{
	bool help_wanted;
	struct err e = options_parse(&server_option_table, count, words, o, &help_wanted);

	if (err_is(e))
		return fail(&e);
	if (help_wanted)
		return help();
	if (o->version) {
		(void)printf(SERVER_NAME " %s\n", TAPVM_VERSION);
		return printed();
	}
	if (o->capabilities) {
		(void)printf("{ \"type\": \"net\" }\n");
		return printed();
	}
	return serve(o);
}

int main(int argc, char *argv[])
{
	struct server_options o;
	int status;

	start_standard_descriptors();
	server_options_init(&o);
	status = run(argc - 1, argv + 1, &o);
	server_options_fini(&o);
	return status;
}
