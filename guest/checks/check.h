/* guest/checks/check.h: what a check has: the NIC, the other side's addresses, words for the
 * table. */
#ifndef TAPVM_GUEST_CHECK_H
#define TAPVM_GUEST_CHECK_H

#include "guest/driver/nic.h"
#include "guest/net/packet.h"

enum verdict { VERDICT_OK, VERDICT_FAIL, VERDICT_SKIP, VERDICT_NOT_ASKED, VERDICTS };
enum { LAYOUTS = 2 }; /* split, packed: the columns of the table */

struct guest {
	const struct seam *seam;
	struct nic nic;
	struct flow host4,
		host6; /* from us to the host's end of the TAP; ports are the check's to set */
	struct flow judge4, judge6; /* to the judge, by way of the host */
	bool packed;                /* the rings that are asked for now */
	bool our_device;   /* tapvm's: what it promises beyond the specification can be judged */
	bool control_kept; /* by the front-end, whose back-end never hears of it */
	bool ip_only;      /* the host's side is a TUN, which carries nothing but IP */
	bool know_host;    /* host4.to_mac was learnt by ARP */
	uint8_t *work, *reply; /* two frames being made, 66 KiB each; reply is serve()'s */
	char detail[160];      /* of the check under way */
	uint32_t detail_len;
	char answer[160]; /* of the last step */
	unsigned came_on; /* the pair of the frame at hand */
	/* Called with each frame that is not answered by serve() itself; may be NULL. */
	void (*on_frame)(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
			 uint32_t len);
	void *on_frame_self;
};

/* Appends to the detail: %u (uint32_t), %s, %x; nothing else. */
void say(struct guest *g, const char *format, ...);
enum verdict fail(struct guest *g, const char *format, ...);
enum verdict skip(struct guest *g, const char *why);
/* Of a check that this link, or rings of this layout, cannot show. */
enum verdict not_asked(struct guest *g, const char *why);
#define NOT_ON_A_TUN "a TUN carries no such frames"
#define CONTROL_KEPT "the front-end keeps the control queue"

/* Takes what came: answers ARP, echo and neighbour requests, hands the rest to on_frame. The
 * number of frames; waits for an interrupt or a while if there is none and `may_wait`. */
unsigned serve(struct guest *g, bool may_wait);
void wait_a_while(struct guest *g); /* an interrupt, or some ms */
/* A step of the host side's (docs/selftest.md): prints "@...", serves until its answer comes.
 * true: "ok". */
bool step(struct guest *g, const char *format, ...);
/* The same, but nothing is taken from the device meanwhile. */
bool step_apart(struct guest *g, const char *format, ...);
/* Prints the step only; step_done says if the answer has come, *ret_ok what it says. */
void step_begin(struct guest *g, const char *format, ...);
bool step_done(struct guest *g, bool *ret_ok);
/* The first thing that is done: the NIC up, and an ARP announcement (RFC 5227) sent. */
bool announce(struct guest *g);
/* Brings the NIC up with all that we use (less `without`), learns the host's address. */
bool bring_up(struct guest *g, uint64_t without);
bool offers(const struct guest *g, uint64_t features); /* all of them */
/* Up with these features beside those that we use, and with the second pair's queues if it is
 * asked for; the host's address is known already. NULL, or why not. */
const char *up_with(struct guest *g, uint64_t features, bool second);
/* Sends what the host answers with one frame: who has its address. */
void ask_host(struct guest *g);
/* All that our driver has a use for; and what of that is offered, less `without`. */
uint64_t known_features(void);
uint64_t wanted_features(const struct guest *g, uint64_t without);

/* One of the checks, in the order of the table. */
struct check {
	const char *name;
	enum verdict (*run)(struct guest *g);
	bool ours; /* judges what the specification leaves to the device: on tapvm's alone */
};
extern const struct check basic_checks[], offload_checks[], control_checks[], load_checks[],
	odd_checks[], register_checks[], hostile_checks[], ring_checks[], queue_checks[],
	pair_checks[], filter_checks[], told_checks[];
extern const unsigned basic_count, offload_count, control_count, load_count, odd_count,
	register_count, hostile_count, ring_count, queue_count, pair_count, filter_count,
	told_count;
/* The check at that place of the table; NULL behind the last. */
const struct check *check_at(unsigned index);

#endif
