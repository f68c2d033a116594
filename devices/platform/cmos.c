/* devices/platform/cmos.c: which byte of a PC's CMOS memory says what of the time. */
#include "devices/platform/cmos.h"

#include <time.h>

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6, /* 1: Sunday */
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	STATUS_A = 0xa,
	STATUS_B = 0xb,
	STATUS_D = 0xd,
	CENTURY = 0x32, /* a PC's habit, not the chip's */

	A_RATES = 0x26, /* a crystal of 32768 Hz, as a PC's */
	A_UPDATE = 0x80,
	B_24_HOURS = 0x02,
	D_VALID = 0x80,
	UPDATE_NS = 244000,
};
static const uint64_t SECOND_NS = 1000000000;

/* Of the last two digits. */
static uint8_t bcd(int value) { return (uint8_t)(value / 10 % 10 << 4 | value % 10); }

uint8_t cmos_read(uint8_t index, uint64_t now_ns)
{
	time_t seconds = (time_t)(now_ns / SECOND_NS);
	struct tm t = { 0 };

	(void)gmtime_r(&seconds, &t);
	switch (index) {
	case SECONDS: return bcd(t.tm_sec);
	case MINUTES: return bcd(t.tm_min);
	case HOURS: return bcd(t.tm_hour);
	case WEEKDAY: return bcd(t.tm_wday + 1);
	case DAY: return bcd(t.tm_mday);
	case MONTH: return bcd(t.tm_mon + 1);
	case YEAR: return bcd(t.tm_year);
	case CENTURY: return bcd((t.tm_year + 1900) / 100);
	case STATUS_A:
		return now_ns % SECOND_NS < SECOND_NS - UPDATE_NS ? A_RATES : A_RATES | A_UPDATE;
	case STATUS_B: return B_24_HOURS;
	case STATUS_D: return D_VALID;
	default: return 0;
	}
}
