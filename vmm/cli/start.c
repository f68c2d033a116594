/* vmm/cli/start.c: what every program of ours does first. */
#include "vmm/cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void start_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDWR);
}
