/* tests/driver/suite.h: how a test program ends: its suite run, Check's summary printed. */
#ifndef TAPVM_TESTS_SUITE_H
#define TAPVM_TESTS_SUITE_H

#include <check.h>

int suite_run(Suite *s); /* for main to return; frees s */

#endif
