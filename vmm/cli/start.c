/* vmm/cli/start.c: what every program of ours does first, and last. */
#include "vmm/cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/cli/exit_status.h"

void start_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDWR);
}

int end_with_error(const char *program, const struct err *e)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s: %s\n", program, e->text);
	return status_of_error(e);
}

int end_printed(const char *program, int status)
{
	struct err e =
		err_make(ERR_SETUP, 0, "stdout: what was to be printed could not be written");

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return end_with_error(program, &e);
}
