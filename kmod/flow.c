// SPDX-License-Identifier: GPL-2.0
/*
 * Records: a message passes block by block, for readers of messages that are
 * larger than what they (or the line) would keep. What was not read of a
 * message that starts again, or that is cancelled, is never seen.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "line.h"

static struct llp_chunk *chunk_new(struct llp_line *l, u32 type, u32 id, u32 size)
{
	struct llp_chunk *c;

	c = kvmalloc(struct_size(c, text, size), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->head.type = type;
	c->head.id = id;
	c->head.len = size;
	c->head.time = l->io.now;
	return c;
}

static u32 chunk_cost(const struct llp_chunk *c)
{
	return struct_size(c, text, c->head.type == LLP_RECORD_DATA ? c->head.len : 0);
}

static void chunk_add(struct llp_line *l, struct llp_chunk *c)
{
	list_add_tail(&c->node, &l->chunks);
	l->chunk_bytes += chunk_cost(c);
	l->changed = true;
}

static void chunk_take(struct llp_line *l, struct llp_chunk *c)
{
	list_del_init(&c->node);
	l->chunk_bytes -= chunk_cost(c);
}

static void chunk_back(struct llp_line *l, struct llp_chunk *c)
{
	list_add(&c->node, &l->chunks);
	l->chunk_bytes += chunk_cost(c);
}

/* Drops what was not read of message @id. */
static void drop_unread(struct llp_line *l, u32 id, bool keep_begin)
{
	struct llp_chunk *c, *next;

	list_for_each_entry_safe(c, next, &l->chunks, node) {
		if (c->head.id != id || (keep_begin && c->head.type == LLP_RECORD_BEGIN))
			continue;
		chunk_take(l, c);
		kvfree(c);
	}
	if (l->chunk_taken && l->chunk_taken->head.id == id)
		l->chunk_taken->void_ = true;
}

/**
 * llp_flow_clear() - drops all records
 * @l: the line
 *
 * Context: locked, or the last reference is gone.
 */
void llp_flow_clear(struct llp_line *l)
{
	struct llp_chunk *c, *next;

	list_for_each_entry_safe(c, next, &l->chunks, node)
		kvfree(c);
	INIT_LIST_HEAD(&l->chunks);
	l->chunk_bytes = 0;
	if (l->chunk_taken)
		l->chunk_taken->void_ = true;
	kvfree(l->spare);
	l->spare = NULL;
	l->flow_id = 0;
}

/**
 * llp_flow_down() - the line went down
 * @l: the line
 *
 * Nobody wants a verdict on what waits to be read.
 */
void llp_flow_down(struct llp_line *l)
{
	struct llp_chunk *c;

	list_for_each_entry(c, &l->chunks, node)
		c->undecided = false;
	if (l->chunk_taken)
		l->chunk_taken->undecided = false;
	l->flow_hand = 0;
}

/**
 * llp_flow_room() - whether another block would be taken
 * @l: the line
 *
 * Return: whether there is room, which there is without records.
 */
bool llp_flow_room(const struct llp_line *l)
{
	return !l->flow || l->chunk_bytes < l->max_bytes;
}

/* ---- what arrives ---- */

static void begin(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_chunk *c = chunk_new(l, LLP_RECORD_BEGIN, ev->id, 0);

	/* What ends the message must not want for memory. */
	if (!l->spare)
		l->spare = chunk_new(l, LLP_RECORD_END, ev->id, 0);
	if (!c || !l->spare) {
		kvfree(c);
		l->flow_failed = true;
		return;
	}
	l->flow_id = ev->id;
	l->flow_begun = false;
	chunk_add(l, c);
}

static void data(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_chunk *c = chunk_new(l, LLP_RECORD_DATA, ev->id, ev->len);

	if (!c) {
		l->flow_failed = true;
		return;
	}
	memcpy(c->text, l->io.rx_buf + ev->off, ev->len);
	chunk_add(l, c);
}

static void restart(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_chunk *c;

	drop_unread(l, ev->id, true);
	if (!l->flow_begun)
		return;
	c = chunk_new(l, LLP_RECORD_RESTART, ev->id, 0);
	if (c)
		chunk_add(l, c);
	else
		l->flow_failed = true;
}

static void add_spare(struct llp_line *l, u32 type, u32 id)
{
	struct llp_chunk *c = l->spare;

	l->spare = NULL;
	c->head = (struct llp_record) { .type = type, .id = id, .time = l->io.now };
	chunk_add(l, c);
}

static void cancel(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_chunk *end = NULL, *c;
	int error = llp_cause_errno(ev->cause, LLP_OUT_NOT_SENT);

	/* Its end may wait to be read already: that becomes the cancellation. */
	list_for_each_entry(c, &l->chunks, node)
		if (c->head.id == ev->id && c->head.type == LLP_RECORD_END)
			end = c;
	if (end && !l->spare) {
		chunk_take(l, end);
		l->spare = end;
	}
	drop_unread(l, ev->id, false);
	if (l->flow_begun && l->spare) {
		add_spare(l, LLP_RECORD_CANCEL, ev->id);
		c = list_last_entry(&l->chunks, struct llp_chunk, node);
		c->head.error = error;
		c->head.flags = ev->flags & LLP_CANCEL_ACCEPTED ? LLP_CANCELLED_ACCEPTED : 0;
	}
	l->flow_id = 0;
	l->changed = true;
}

/**
 * llp_flow_event() - a message begins, goes on, starts again or is cancelled
 * @l: the line
 * @ev: LLP_EV_BEGIN, LLP_EV_DATA, LLP_EV_RESTART or LLP_EV_CANCEL
 *
 * Comes from the engine's callback, and does not call it.
 */
void llp_flow_event(struct llp_line *l, const struct llp_event *ev)
{
	if (!l->flow)
		return;
	if (ev->type == LLP_EV_BEGIN) {
		begin(l, ev);
		return;
	}
	if (!l->flow_id || ev->id != l->flow_id)
		return;
	switch (ev->type) {
	case LLP_EV_DATA:
		data(l, ev);
		break;
	case LLP_EV_RESTART:
		restart(l, ev);
		break;
	default:
		cancel(l, ev);
		break;
	}
}

/* Return: false: the transmission is over, the message void. */
static bool accept(struct llp_line *l, struct llp_chunk *c)
{
	if (!c->undecided || !l->up)
		return true;
	c->undecided = false;
	return llp_verdict(&l->engine, &l->io, c->head.id, LLP_ACCEPT) != LLP_GONE;
}

static void become_cancel(struct llp_line *l, struct llp_chunk *c)
{
	c->head.type = LLP_RECORD_CANCEL;
	c->head.len = 0;
	c->head.error = EIO;
	c->undecided = false;
	c->void_ = false;
	chunk_back(l, c);
}

/**
 * llp_flow_ended() - a message is whole
 * @l: a line that passes records
 * @ev: LLP_EV_END
 *
 * It calls the engine: not for its callbacks.
 */
void llp_flow_ended(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_chunk *c;

	if (ev->id != l->flow_id || !l->spare) {
		if (!(ev->flags & LLP_END_EMPTY))
			llp_verdict(&l->engine, &l->io, ev->id, LLP_REJECT);
		return;
	}
	if ((ev->flags & LLP_END_EMPTY) && !l->flow_begun) {
		drop_unread(l, ev->id, false);
		l->flow_id = 0;
		return;
	}
	add_spare(l, LLP_RECORD_END, ev->id);
	c = list_last_entry(&l->chunks, struct llp_chunk, node);
	c->head.len = ev->len;
	c->head.flags = ev->flags & (LLP_MSG_PENDING | LLP_MSG_REPLY | LLP_MSG_ACK | LLP_MSG_LATE |
				     LLP_MSG_REPEAT);
	c->head.reply_to = ev->reply_to;
	c->undecided = !(ev->flags & LLP_END_EMPTY);
	if (l->receiver->policy == LLP_POLICY_ARRIVAL && !accept(l, c)) {
		chunk_take(l, c);
		drop_unread(l, ev->id, false);
		if (l->flow_begun)
			become_cancel(l, c);
		else
			kvfree(c);
		l->flow_id = 0;
	}
}

/* ---- reading ---- */

/**
 * llp_flow_next() - the size of the next record
 * @l: the line
 *
 * Return: bytes that read() would return, 0: none waits.
 */
u32 llp_flow_next(struct llp_line *l)
{
	struct llp_chunk *c = list_first_entry_or_null(&l->chunks, struct llp_chunk, node);

	if (!c)
		return 0;
	return sizeof(c->head) + (c->head.type == LLP_RECORD_DATA ? c->head.len - c->off : 0);
}

/* Waits for a record and takes it. */
static struct llp_chunk *next_chunk(struct llp_file *f, bool nonblock)
{
	struct llp_line *l = f->line;
	struct llp_chunk *c;
	int err;

	for (;;) {
		if (!l->flow || l->receiver != f)
			return ERR_PTR(-EBUSY);
		c = list_first_entry_or_null(&l->chunks, struct llp_chunk, node);
		if (c) {
			chunk_take(l, c);
			l->chunk_taken = c;
			return c;
		}
		if (l->dead)
			return NULL;
		if (nonblock)
			return ERR_PTR(-EAGAIN);
		err = llp_file_wait(l, false);
		if (err)
			return ERR_PTR(err);
	}
}

static ssize_t copy_record(const struct llp_chunk *c, char __user *buf, size_t size)
{
	struct llp_record head = c->head;
	u32 n = 0;

	if (size < sizeof(head))
		return -EMSGSIZE;
	if (head.type == LLP_RECORD_DATA) {
		n = min_t(size_t, head.len - c->off, size - sizeof(head));
		if (!n)
			return -EMSGSIZE;
		head.len = n;
	}
	if (copy_to_user(buf, &head, sizeof(head)) ||
	    copy_to_user(buf + sizeof(head), c->text + c->off, n))
		return -EFAULT;
	return sizeof(head) + n;
}

static void end_was_read(struct llp_file *f, const struct llp_chunk *c)
{
	struct llp_line *l = f->line;

	f->last = (struct llp_ioc_message) {
		.which = LLP_WHICH_READ, .id = c->head.id, .len = c->head.len, .time = c->head.time,
		.flags = c->head.flags & ~LLP_MSG_PENDING, .reply_to = c->head.reply_to,
	};
	llp_recv_remember(f, c->head.id);
	if (c->undecided)
		l->flow_hand = c->head.id;
	if (l->flow_id == c->head.id)
		l->flow_id = 0;
}

/* The record was copied. Return: false: it is void, go on as if it had not been there. */
static bool was_read(struct llp_file *f, struct llp_chunk *c, ssize_t n)
{
	struct llp_line *l = f->line;

	switch (c->head.type) {
	case LLP_RECORD_BEGIN:
		/* Cancelled meanwhile: nothing else of it will follow. */
		if (c->void_)
			break;
		if (c->head.id == l->flow_id)
			l->flow_begun = true;
		kvfree(c);
		return true;
	case LLP_RECORD_DATA:
		c->off += n - sizeof(c->head);
		if (c->off < c->head.len && !c->void_)
			chunk_back(l, c);
		else
			kvfree(c);
		return true;
	case LLP_RECORD_END:
		if (!l->flow)
			break;
		/* Cancelled meanwhile: the spare record is this one. */
		if (c->void_ || (f->policy != LLP_POLICY_COMMIT && !accept(l, c))) {
			/* Another may have begun. */
			if (l->flow_id == c->head.id)
				l->flow_id = 0;
			become_cancel(l, c);
			return false;
		}
		end_was_read(f, c);
		kvfree(c);
		return true;
	default:
		kvfree(c);
		return true;
	}
	kvfree(c);
	return false;
}

/**
 * llp_flow_read() - read() of a file that gets records
 * @f: file, its @reading held
 * @buf: the reader's
 * @size: of @buf
 * @nonblock: does not wait
 *
 * Context: without the lock, which is taken; sleeps.
 * Return: bytes of a record and its head; 0: the line is gone; -EBUSY: the file
 * gets records no more; -EAGAIN, -EMSGSIZE, -EFAULT or -ERESTARTSYS.
 */
ssize_t llp_flow_read(struct llp_file *f, char __user *buf, size_t size, bool nonblock)
{
	struct llp_line *l = f->line;
	struct llp_chunk *c;
	bool good = false;
	ssize_t n = 0;

	mutex_lock(&l->lock);
	while (!good) {
		c = next_chunk(f, nonblock);
		if (IS_ERR_OR_NULL(c)) {
			n = PTR_ERR_OR_ZERO(c);
			break;
		}
		mutex_unlock(&l->lock);
		n = copy_record(c, buf, size);
		mutex_lock(&l->lock);
		if (l->chunk_taken == c)
			l->chunk_taken = NULL;
		llp_glue_begin(l);
		if (n >= 0) {
			good = was_read(f, c, n);
		} else {
			/* It stays, unless it is void. */
			good = true;
			if (!c->void_)
				chunk_back(l, c);
			else if (c->head.type == LLP_RECORD_END && l->flow && l->flow_begun)
				become_cancel(l, c);
			else
				kvfree(c);
		}
		llp_glue_settle(l);
	}
	mutex_unlock(&l->lock);
	return n;
}

/* ---- on and off ---- */

/**
 * llp_flow_set() - LLP_IOC_FLOW
 * @f: file
 * @on: records, else messages
 *
 * Turning it off gives up what is arriving and what was not read.
 *
 * Return: 0 or -EBUSY.
 */
int llp_flow_set(struct llp_file *f, bool on)
{
	struct llp_line *l = f->line;
	struct llp_chunk *c;
	int err;

	if (l->receiver && l->receiver != f)
		return -EBUSY;
	if (on == l->flow)
		return 0;
	if (on) {
		if (l->expect || l->n_in || (l->up && llp_set_flow(&l->engine, true)))
			return -EBUSY;
		l->engine_flow = true;
		l->flow = true;
		f->expecting = LLP_EXPECTS_NOTHING;
		err = llp_recv_role(f);
		return err;
	}
	llp_glue_begin(l);
	l->flow = false;
	if (l->up) {
		llp_abort_rx(&l->engine, &l->io);
		list_for_each_entry(c, &l->chunks, node)
			if (c->undecided)
				llp_verdict(&l->engine, &l->io, c->head.id, LLP_REJECT);
		if (l->chunk_taken && l->chunk_taken->undecided)
			llp_verdict(&l->engine, &l->io, l->chunk_taken->head.id, LLP_REJECT);
		if (l->flow_hand)
			llp_verdict(&l->engine, &l->io, l->flow_hand, LLP_REJECT);
	}
	l->flow_hand = 0;
	llp_flow_clear(l);
	llp_glue_settle(l);
	return 0;
}
