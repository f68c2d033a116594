/* vmm/cli/value.h: words of the command line as values. Pure. What fails says which value, why, and
 * what would do; the caller puts the option's name in front. */
#ifndef TAPVM_CLI_VALUE_H
#define TAPVM_CLI_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"

/* Decimal digits alone. */
struct err value_number(const char *text, uint64_t min, uint64_t max,
			uint64_t *ret_number) MUST_USE;
/* A number and K, M or G (powers of 1024), or nothing. */
struct err value_bytes(const char *text, uint64_t *ret_bytes) MUST_USE;
/* Six bytes in hexadecimal with colons; a single station's. */
struct err value_mac(const char *text, uint8_t ret_mac[static 6]) MUST_USE;
/* The path of a file to be written, by reference. */
struct err value_file(const char *text, const char **ret_path) MUST_USE;
/* on, off */
struct err value_switch(const char *text, bool *ret_on) MUST_USE;

#endif
