/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, /sys/kernel/tracing/events/n_llp: what happens on a line, with
 * sizes and verdicts but never a byte of a message.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM n_llp

#if !defined(N_LLP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define N_LLP_TRACE_H

#include <linux/tracepoint.h>

#include "line.h"

#define LLP_TRACE_WORD	32	/* a name of a frame, verdict, state or timer */

/* The line as a whole: it appeared, went up or down, was changed, is gone. */
TRACE_EVENT(llp_line,
	TP_PROTO(const struct llp_line *l, enum llp_line_event event),
	TP_ARGS(l, event),
	TP_STRUCT__entry(
		__field(u32, line)
		__field(u32, event)
		__array(char, tty, LLP_NAME_SIZE)
	),
	TP_fast_assign(
		__entry->line = l->number;
		__entry->event = event;
		strscpy(__entry->tty, l->tty_name, LLP_NAME_SIZE);
	),
	TP_printk("llp%u tty=%s %s", __entry->line, __entry->tty,
		  __print_symbolic(__entry->event,
				   { 0, "appeared" }, { 1, "up" }, { 2, "down" },
				   { 3, "changed" }, { 4, "gone" }))
);

TRACE_EVENT(llp_state,
	TP_PROTO(const struct llp_line *l),
	TP_ARGS(l),
	TP_STRUCT__entry(
		__field(u32, line)
		__array(char, state, LLP_TRACE_WORD)
	),
	TP_fast_assign(
		__entry->line = l->number;
		strscpy(__entry->state, llp_state_name(&l->engine), LLP_TRACE_WORD);
	),
	TP_printk("llp%u state=\"%s\"", __entry->line, __entry->state)
);

TRACE_EVENT(llp_frame,
	TP_PROTO(const struct llp_line *l, const struct llp_event *ev),
	TP_ARGS(l, ev),
	TP_STRUCT__entry(
		__field(u32, line)
		__field(u32, len)
		__field(u8, out)
		__field(u8, num)
		__field(u8, flags)
		__array(char, frame, LLP_TRACE_WORD)
		__array(char, verdict, LLP_TRACE_WORD)
	),
	TP_fast_assign(
		__entry->line = l->number;
		__entry->len = ev->len;
		__entry->out = ev->out;
		__entry->num = ev->num;
		__entry->flags = ev->flags;
		strscpy(__entry->frame, llp_frame_name(ev->frame), LLP_TRACE_WORD);
		strscpy(__entry->verdict, llp_frame_verdict_name(ev->verdict), LLP_TRACE_WORD);
	),
	TP_printk("llp%u %s frame=\"%s\" num=%u len=%u verdict=\"%s\" flags=%s",
		  __entry->line, __entry->out ? "out" : "in", __entry->frame, __entry->num,
		  __entry->len, __entry->verdict,
		  __print_flags(__entry->flags, "|", { LLP_FRAME_LAST, "last" },
				{ LLP_FRAME_AGAIN, "again" }))
);

/* A timer of the protocol ran out. */
TRACE_EVENT(llp_timer,
	TP_PROTO(const struct llp_line *l, u32 timer),
	TP_ARGS(l, timer),
	TP_STRUCT__entry(
		__field(u32, line)
		__array(char, timer, LLP_TRACE_WORD)
	),
	TP_fast_assign(
		__entry->line = l->number;
		strscpy(__entry->timer, llp_timer_name(&l->engine, timer), LLP_TRACE_WORD);
	),
	TP_printk("llp%u timer=\"%s\"", __entry->line, __entry->timer)
);

#endif /* N_LLP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
