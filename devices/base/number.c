/* devices/base/number.c: decimal digits as a number. */
#include "devices/base/number.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum number number_take(const char **at, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!is_digit(**at))
		return NUMBER_NONE;
	for (; is_digit(**at); (*at)++)
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(**at - '0'), &number))
			return NUMBER_LARGE;
	*ret_number = number;
	return NUMBER_TAKEN;
}

enum number number_take_scaled(const char **at, unsigned kilo, uint64_t *ret_number)
{
	static const char units[] = "KMGkmg";
	uint64_t number = 0;
	enum number took = number_take(at, &number);
	const char *unit = **at == '\0' ? NULL : strchr(units, **at);

	if (took != NUMBER_TAKEN)
		return took;
	if (unit != NULL) {
		(*at)++;
		for (long i = (unit - units) % 3; i >= 0; i--)
			if (__builtin_mul_overflow(number, kilo, &number))
				return NUMBER_LARGE;
	}
	*ret_number = number;
	return NUMBER_TAKEN;
}
