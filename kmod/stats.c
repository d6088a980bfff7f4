// SPDX-License-Identifier: GPL-2.0
/* What people look at besides the engine's counters: turnaround, lost bytes. */
#include <linux/log2.h>
#include <linux/math64.h>

#include "line.h"

/* Frames that answer the frame before them. */
#define ANSWERS	(BIT(LLP_FR_ACK) | BIT(LLP_FR_NAK) | BIT(LLP_FR_RINT) | BIT(LLP_FR_N) | \
		 BIT(LLP_FR_CACK) | BIT(LLP_FR_CNAK))

/**
 * llp_stats_event() - counts what the engine itself does not
 * @l: the line
 * @ev: any event
 *
 * Comes from the engine's callback, and does not call it.
 */
void llp_stats_event(struct llp_line *l, const struct llp_event *ev)
{
	if (ev->type == LLP_EV_FRAME && ev->out && (BIT(ev->frame) & ANSWERS))
		l->answer_due = true;
}

/**
 * llp_stats_written() - the driver took bytes: an answer that was due is out
 * @l: the line
 */
void llp_stats_written(struct llp_line *l)
{
	struct llp_ioc_turnaround *t = &l->turnaround;
	u64 ns, us;

	if (!l->answer_due)
		return;
	l->answer_due = false;
	ns = llp_glue_now() - l->rx_at;
	us = div_u64(ns, NSEC_PER_USEC);
	t->count++;
	t->sum += ns;
	t->max = max(t->max, ns);
	t->bucket[us ? min_t(u32, ilog2(us) + 1, LLP_BUCKETS - 1) : 0]++;
}

/**
 * llp_stats_name() - the name of a counter
 * @i: which, from 0
 *
 * Context: any.
 * Return: its name; NULL: there are no more.
 */
const char *llp_stats_name(u32 i)
{
	if (i >= LLP_COUNTERS)
		return NULL;
	return i < LLP_C__N ? llp_counter_name(i) : "messages_refused";
}

/**
 * llp_stats_counter() - a counter
 * @l: the line
 * @i: which, from 0
 * @value: is set
 *
 * Return: its name; NULL: there are no more.
 */
const char *llp_stats_counter(const struct llp_line *l, u32 i, u64 *value)
{
	lockdep_assert_held(&l->lock);
	if (i < LLP_C__N)
		*value = l->count[i] + l->engine.count[i];
	else
		*value = l->refused;
	return llp_stats_name(i);
}

/**
 * llp_stats_fetch_lost() - copies the newest lost bytes that nobody fetched yet
 * @l: the line
 * @to: where to
 * @size: of @to
 *
 * Older ones that do not fit are gone, too.
 * Return: how many.
 */
u32 llp_stats_fetch_lost(struct llp_line *l, u8 *to, u32 size)
{
	u32 n = min(size, l->lost_new), i;

	lockdep_assert_held(&l->lock);
	for (i = 0; i < n; i++)
		to[i] = l->lost[(l->lost_at - n + i) % LLP_LOST_SIZE];
	l->lost_new = 0;
	return n;
}
