/* devices/base/number.h: decimal digits as a number. strtoul and its kin are not asked: they take
 * blanks, signs and what overflows. */
#ifndef TAPVM_BASE_NUMBER_H
#define TAPVM_BASE_NUMBER_H

#include <stdint.h>

enum number {
	NUMBER_TAKEN,
	NUMBER_NONE, /* no digit is there */
	NUMBER_LARGE /* more than 64 bits */
};
/* The digits at *at, which moves on. */
enum number number_take(const char **at, uint64_t *ret_number);
/* The same, and a K, M or G behind them, which stands for kilo, its square or its cube. */
enum number number_take_scaled(const char **at, unsigned kilo, uint64_t *ret_number);

#endif
