// SPDX-License-Identifier: GPL-2.0
/*
 * The engine's surroundings: bytes from the tty, time, the buffer that text is
 * gathered in, and what its events lead to. Its callbacks may not call it, so
 * they note what happened, and llp_glue_settle() acts on it afterwards.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "line.h"

/* Rounds of settling in one call; more is left to the work item. */
#define ROUNDS	64

/**
 * llp_glue_now() - the engine's time
 *
 * Context: any.
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
u64 llp_glue_now(void)
{
	return ktime_get_ns();
}

/* ---- what the engine tells ---- */

static void keep_lost(struct llp_line *l, const struct llp_event *ev)
{
	u32 i;

	l->lost_total += ev->len;
	for (i = 0; i < ev->len; i++) {
		l->lost[l->lost_at++ % LLP_LOST_SIZE] = ev->bytes[i];
		if (l->lost_new < LLP_LOST_SIZE)
			l->lost_new++;
	}
}

static void engine_event(void *ctx, const struct llp_event *ev)
{
	struct llp_ioc_result r = { .id = ev->id };
	struct llp_line *l = ctx;

	l->progress = true;
	llp_stats_event(l, ev);
	llp_netlink_event(l, ev);
	llp_trace_event(l, ev);
	switch (ev->type) {
	case LLP_EV_BEGIN:
		r.type = LLP_RESULT_BEGIN;
		llp_note_all(l, &r);
		llp_flow_event(l, ev);
		break;
	case LLP_EV_DATA:
	case LLP_EV_RESTART:
		llp_flow_event(l, ev);
		break;
	case LLP_EV_END:
		l->end = *ev;
		l->ended = true;
		break;
	case LLP_EV_CANCEL:
		if (l->ended && l->end.id == ev->id)
			l->ended = false;
		r.type = LLP_RESULT_CANCELLED;
		r.error = llp_cause_errno(ev->cause, LLP_OUT_NOT_SENT);
		r.flags = ev->flags & LLP_CANCEL_ACCEPTED ? LLP_CANCELLED_ACCEPTED : 0;
		llp_note_all(l, &r);
		llp_recv_cancelled(l, ev);
		llp_flow_event(l, ev);
		break;
	case LLP_EV_ACKED:
		r.type = LLP_RESULT_ACKED;
		llp_note_all(l, &r);
		break;
	case LLP_EV_SENT:
		llp_send_sent(l, ev);
		break;
	case LLP_EV_DONE:
		llp_send_done(l, ev);
		break;
	case LLP_EV_LOST:
		keep_lost(l, ev);
		break;
	case LLP_EV_DISCONNECT:
		l->drop = true;
		break;
	case LLP_EV_TIMER:
		/* A transmitter that is stuck: what it did not take is void. */
		if (ev->num == LLP_T_STALL)
			llp_xmit_drop(l);
		break;
	default:
		break;
	}
}

static const u8 *engine_text(void *ctx, u32 id)
{
	return llp_send_text(ctx, id);
}

/* ---- the buffer for received text ---- */

/* What the longest message allowed may take: its text so far and one block with its frame. */
static u32 rx_bound(const struct llp_line *l)
{
	const struct llp_params *p = &l->params;
	u64 n = l->engine_flow ? 0 : p->max_message;

	switch (l->protocol) {
	case LLP_PROTO_X328:
		n += p->max_rx_text;
		break;
	case LLP_PROTO_HLLP:
		if (!l->engine_flow) {
			n = max(p->max_message, p->max_data);
			n += p->stuff ? n / p->stuff : 0;
		}
		break;
	default:
		break;
	}
	return max_t(u64, n + 256, LLP_RX_SIZE);
}

/* Gives the engine a buffer of at least @size, or as much as there is. */
static void rx_room(struct llp_line *l, u32 size)
{
	struct llp_in *m = l->rx;

	if (!m || m->size < size) {
		m = llp_in_new(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (m) {
			if (l->rx)
				memcpy(m->text, l->rx->text, llp_rx_fill(&l->engine));
			llp_in_free(l->rx);
			l->rx = m;
		}
	}
	l->io.rx_buf = l->rx ? l->rx->text : l->out; /* of 0 bytes nothing is touched */
	l->io.rx_cap = l->rx ? l->rx->size : 0;
	l->io.rx_fixed = l->io.rx_cap < size || l->io.rx_cap >= rx_bound(l);
}

/**
 * llp_glue_take_rx() - the buffer that text is gathered in becomes the caller's
 * @l: the line; its @rx was taken
 *
 * The engine gets another before it needs one.
 */
void llp_glue_take_rx(struct llp_line *l)
{
	l->rx = NULL;
	l->io.rx_buf = l->out;
	l->io.rx_cap = 0;
	l->io.rx_fixed = true;
}

/* What a long message leaves behind goes back. */
static void rx_shrink(struct llp_line *l)
{
	if (!l->rx || l->rx->size <= LLP_RX_SIZE || llp_rx_fill(&l->engine))
		return;
	llp_in_free(l->rx);
	llp_glue_take_rx(l);
}

/* ---- calls into it ---- */

/**
 * llp_glue_begin() - comes before every call into the engine
 * @l: the line
 *
 * It sets the engine's time. llp_glue_settle() comes after the call.
 */
void llp_glue_begin(struct llp_line *l)
{
	lockdep_assert_held(&l->lock);
	l->io.now = llp_glue_now();
}

/**
 * llp_glue_reset() - a station at rest, with the line's present protocol and parameters
 * @l: a line that is down
 *
 * Counters and the ids of received messages go on.
 */
void llp_glue_reset(struct llp_line *l)
{
	u32 next_id = l->engine.rx.next_id;
	u32 i;

	for (i = 0; i < LLP_C__N; i++)
		l->count[i] += l->engine.count[i];
	l->ended = false;
	l->drop = false;
	l->answer_due = false;
	l->leaves = 0;
	l->check = LLP_NEVER;
	l->io.now = llp_glue_now();
	llp_engine_init(&l->engine, l->protocol, &l->params, l->io.now);
	/* What was received before may still wait: no message has its id again. */
	l->engine.rx.next_id = next_id;
	l->first_id = next_id + 1;
	rx_shrink(l);
}

/* Makes the timer come at @when, or before: it never does harm. */
static void arm(struct llp_line *l, u64 when)
{
	if (when >= l->armed)
		return;
	l->armed = when;
	hrtimer_start(&l->timer, ns_to_ktime(when), HRTIMER_MODE_ABS);
}

static bool step(struct llp_line *l)
{
	l->progress = false;
	if (l->ended) {
		l->ended = false;
		llp_recv_ended(l, &l->end);
		l->progress = true;
	}
	if (l->flow_failed) {
		l->flow_failed = false;
		llp_abort_rx(&l->engine, &l->io);
	}
	if (l->forsaken) {
		u32 id = l->forsaken;

		l->forsaken = 0;
		llp_abort(&l->engine, &l->io, id);
	}
	if (l->engine_flow != l->flow && !llp_set_flow(&l->engine, l->flow))
		l->engine_flow = l->flow;
	llp_set_ready(&l->engine, &l->io, llp_recv_ready(l));
	llp_send_next(l);
	if (llp_xmit_pump(l))
		l->progress = true;
	if (l->drop) {
		/* There is no connection to drop, only what would go with it. */
		l->drop = false;
		llp_hangup(&l->engine, &l->io, false);
		llp_connected(&l->engine, &l->io);
		l->first_id = l->engine.rx.next_id + 1;
		l->progress = true;
	}
	return l->progress;
}

/**
 * llp_glue_settle() - acts on what the last calls changed
 * @l: the line
 *
 * Comes after every call into the engine, and after every change that readers,
 * writers or the other station might care about.
 */
void llp_glue_settle(struct llp_line *l)
{
	u32 rounds = 0;

	lockdep_assert_held(&l->lock);
	while (l->up && step(l)) {
		if (++rounds == ROUNDS) {
			queue_work(llp_wq, &l->work);
			break;
		}
	}
	if (l->up) {
		rx_shrink(l);
		arm(l, min(llp_deadline(&l->engine), l->check));
	}
	if (l->changed) {
		l->changed = false;
		WRITE_ONCE(l->seq, l->seq + 1);
		wake_up_all(&l->wait);
	}
}

/**
 * llp_glue_receive() - bytes from the tty
 * @l: the line
 * @p: bytes
 * @flags: a TTY_* for each, or NULL
 * @n: how many
 *
 * Takes everything. What comes while the line is down is not looked at.
 *
 * Context: without the lock, which is taken; the tty's buffer lock may be held.
 */
void llp_glue_receive(struct llp_line *l, const u8 *p, const u8 *flags, size_t n)
{
	struct mem_cgroup *payer;
	u32 room = LLP_RX_SIZE;
	size_t k;

	mutex_lock(&l->lock);
	payer = set_active_memcg(l->memcg);
	llp_glue_begin(l);
	l->rx_at = l->io.now;
	/* What has left the transmitter had left it before these came: they may answer it. */
	if (l->up && llp_tx_wait(&l->engine))
		llp_xmit_pump(l);
	while (n && l->up) {
		rx_room(l, room);
		k = llp_rx(&l->engine, &l->io, p, flags, n);
		p += k;
		flags = flags ? flags + k : NULL;
		n -= k;
		if (l->ended)
			room = LLP_RX_SIZE;
		else if (!l->io.rx_fixed && llp_rx_fill(&l->engine) == l->io.rx_cap)
			room = min(2 * l->io.rx_cap, rx_bound(l));
		else if (!k)
			break;	/* a buffer that cannot grow takes everything: not reached */
		llp_glue_settle(l);
	}
	set_active_memcg(payer);
	mutex_unlock(&l->lock);
}

/* Time has passed, or the driver takes bytes again. */
static void llp_glue_work(struct work_struct *work)
{
	struct llp_line *l = container_of(work, struct llp_line, work);
	struct mem_cgroup *payer;
	struct tty_port *port = NULL;

	mutex_lock(&l->lock);
	if (l->up && llp_deadline(&l->engine) <= llp_glue_now())
		port = l->tty->port;
	mutex_unlock(&l->lock);
	/*
	 * Bytes that came in time go before a time-out. The tty cannot be
	 * gone: its close() waits for this work, and the flush ends then.
	 */
	if (port)
		flush_work(&port->buf.work);

	mutex_lock(&l->lock);
	payer = set_active_memcg(l->memcg);
	l->armed = LLP_NEVER;
	if (l->up) {
		llp_glue_begin(l);
		if (llp_deadline(&l->engine) <= l->io.now) {
			rx_room(l, LLP_RX_SIZE);
			llp_timeout(&l->engine, &l->io);
		}
		if (l->check <= l->io.now)
			l->check = LLP_NEVER;
		llp_glue_settle(l);
	}
	set_active_memcg(payer);
	mutex_unlock(&l->lock);
}

static enum hrtimer_restart llp_glue_timer(struct hrtimer *timer)
{
	struct llp_line *l = container_of(timer, struct llp_line, timer);

	queue_work(llp_wq, &l->work);
	return HRTIMER_NORESTART;
}

/**
 * llp_glue_init() - sets timer, work and the engine's callbacks up
 * @l: the line
 *
 * Context: nobody else knows the line yet.
 */
void llp_glue_init(struct llp_line *l)
{
	INIT_WORK(&l->work, llp_glue_work);
	llp_hrtimer_setup(&l->timer, llp_glue_timer);
	l->armed = LLP_NEVER;
	l->check = LLP_NEVER;
	l->io.event = engine_event;
	l->io.text = engine_text;
	l->io.ctx = l;
}
