/* devices/frame/segment.h: a super-frame cut into the frames that it stands for. Pure. */
#ifndef TAPVM_FRAME_SEGMENT_H
#define TAPVM_FRAME_SEGMENT_H

#include "devices/frame/frame.h"
#include "devices/frame/gso.h"

struct segmenter {
	const struct frame *super; /* lent until the last segment is made, and not changed */
	struct gso_headers headers;
	uint32_t payload, done; /* bytes behind the headers, and those that segments have got */
};

/* super: whole in its bytes, with the header of who sent it. false: it is no super-frame, or one
 * whose GSO fields do not fit it; it cannot be cut. */
bool segment_begin(struct segmenter *s, const struct frame *super);

/* Makes the next segment in ret->bytes (room for the super-frame is room for each) and sets the
 * rest of *ret: a frame with its checksum left open, as a backend gives it. false: there are no
 * more. */
bool segment_next(struct segmenter *s, struct frame *ret);

#endif
