// SPDX-License-Identifier: GPL-2.0
/* The tracepoints themselves, and what the engine's events are to them. */
#define CREATE_TRACE_POINTS
#include "trace.h"

/**
 * llp_trace_event() - traces frames, timers and states
 * @l: the line
 * @ev: any event
 *
 * Comes from the engine's callback, and does not call it.
 */
void llp_trace_event(struct llp_line *l, const struct llp_event *ev)
{
	switch (ev->type) {
	case LLP_EV_FRAME:
		trace_llp_frame(l, ev);
		break;
	case LLP_EV_TIMER:
		trace_llp_timer(l, ev->num);
		break;
	case LLP_EV_STATE:
		trace_llp_state(l);
		break;
	default:
		break;
	}
}

/**
 * llp_trace_line() - traces what happens to a line as a whole
 * @l: the line
 * @event: what
 */
void llp_trace_line(struct llp_line *l, enum llp_line_event event)
{
	trace_llp_line(l, event);
}
