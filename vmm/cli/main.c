/* vmm/cli/main.c: main. */
#include "devices/base/clock.h"
#include "vmm/cli/command.h"
#include "vmm/cli/start.h"

int main(int argc, char *argv[])
{
	uint64_t started_ns = clock_now_ns(&clock_host);

	start_standard_descriptors();
	return cli_main(argc, argv, TAPVM_VERSION, started_ns);
}
