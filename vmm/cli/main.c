/* vmm/cli/main.c: main. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "devices/base/clock.h"
#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"

/* With one of them closed, the next file we open would become stdout. */
static void open_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDWR);
}

int main(int argc, char *argv[])
{
	uint64_t started_ns = clock_now_ns(&clock_host);

	open_standard_descriptors();
	return cli_main(argc, argv, TAPVM_VERSION, started_ns);
}
