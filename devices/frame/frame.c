/* devices/frame/frame.c: the words for each reason of a drop. */
#include "devices/frame/frame.h"

const char *drop_name(enum drop_reason why)
{
	static const char *const name[DROP_REASONS] = {
#define X(symbol, name, text) [symbol] = name,
		DROP_REASONS_LIST(X)
#undef X
	};

	return name[why];
}

const char *drop_text(enum drop_reason why)
{
	static const char *const words[DROP_REASONS] = {
#define X(symbol, name, text) [symbol] = text,
		DROP_REASONS_LIST(X)
#undef X
	};

	return words[why];
}
