/* devices/backend/tap_steer.h: the map of a TAP's steering program, for tap.c. */
#ifndef TAPVM_BACKEND_TAP_STEER_H
#define TAPVM_BACKEND_TAP_STEER_H

#include "devices/backend/backend.h"

struct steer_map;

struct err tap_steer_open(int map_fd, struct steer_map **ret_map) MUST_USE;
void tap_steer_close(struct steer_map *map); /* takes NULL */
/* place: of each queue among those that are attached, as the kernel counts them. */
void tap_steer_fill(struct steer_map *map, const struct backend_steering *s, const uint16_t *place);

#endif
