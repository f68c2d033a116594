/* tests/unit/vmm/keeper_machine.h: a run without KVM: the machine is a function that does what the
 * command line says, in the process that the keeper forked for it. */
#ifndef TAPVM_TESTS_KEEPER_MACHINE_H
#define TAPVM_TESTS_KEEPER_MACHINE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"
#include "vmm/machine/kvm_report.h"

struct err kvm_open(int *ret_fd)
{
	*ret_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return *ret_fd >= 0 ? err_none() : err_make(ERR_SETUP, errno, "open /dev/null");
}

static inline void say(const struct machine_config *config, const char *text)
{
	(void)send(config->keeper_fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Blocks until the keeper says stop, or is gone. */
static inline void wait_for_stop(const struct machine_config *config)
{
	char bytes[64];

	while (recv(config->keeper_fd, bytes, sizeof(bytes), 0) > 0)
		if (strncmp(bytes, "stop", 4) == 0)
			break;
}

static inline void count_descriptors(const struct machine_config *config)
{
	char text[64];
	unsigned count = 0;
	DIR *d = opendir("/proc/self/fd");

	if (d == NULL)
		return;
	while (readdir(d) != NULL)
		count++;
	(void)closedir(d);
	/* Not counted: ".", "..", and the directory's own. */
	(void)snprintf(text, sizeof(text), "end 1 0 %u", count - 3);
	say(config, text);
}

static inline void signal_keeper(const struct machine_config *config, int number, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		(void)kill(getppid(), number);
		wait_for_stop(config);
	}
}

void machine_run(const struct machine_config *config)
{
	const char *what = config->append;

	if (strncmp(what, "say ", 4) == 0) {
		say(config, what + 4);
	} else if (strcmp(what, "kernel") == 0) {
		say(config, config->kernel_bytes == 3 && memcmp(config->kernel, "elf", 3) == 0
				    ? "end 0 1 "
				    : "end 0 2 ");
	} else if (strcmp(what, "wait") == 0) {
		wait_for_stop(config);
		say(config, "end 4 0 ");
	} else if (strcmp(what, "die") == 0) {
		(void)kill(getpid(), SIGKILL);
	} else if (strcmp(what, "descriptors") == 0) {
		count_descriptors(config);
	} else if (strcmp(what, "interrupt") == 0) {
		/* To the whole group, as a terminal does it; we must not die of it. */
		(void)kill(getpid(), SIGINT);
		signal_keeper(config, SIGINT, 1);
		say(config, "end 4 0 ");
	} else if (strcmp(what, "stubborn") == 0) {
		signal_keeper(config, SIGTERM, 1);
		(void)kill(getppid(), SIGTERM);
		for (;;)
			(void)pause();
	} else if (strcmp(what, "deaf") == 0) {
		for (;;)
			(void)pause();
	} else if (strcmp(what, "stopped, then SIGTERM") == 0) {
		wait_for_stop(config);
		(void)kill(getppid(), SIGTERM);
		for (;;)
			(void)pause();
	} else if (strcmp(what, "error") == 0) {
		say(config, "error 1 kernel k: no PVH entry");
		say(config, "end 5 0 ");
	}
}

static inline struct keeper_options options_for(const char *what)
{
	return (struct keeper_options){
		.image = (const uint8_t *)"elf",
		.image_bytes = 3,
		.image_name = "elf",
		.append = what,
		.memory_bytes = 4 << 20,
		.serial = SERIAL_NONE,
		.quiet = true,
	};
}

#endif
