/* vmm/cli/start.h: what every program of ours does first, and last. */
#ifndef TAPVM_CLI_START_H
#define TAPVM_CLI_START_H

#include "devices/base/err.h"

/* Standard descriptors that are closed become /dev/null: else the next file we open would be
 * stdout. */
void start_standard_descriptors(void);
/* One line on stderr, which begins with the program's name; ret: the exit status. */
int end_with_error(const char *program, const struct err *e);
/* Whether what was printed has arrived; if not, says so. ret: status, if it has. */
int end_printed(const char *program, int status);

#endif
