// SPDX-License-Identifier: GPL-2.0
/*
 * Messages to send: their queues (answers before requests, else in order), how
 * they end, and the reply that a file expects to one of its own.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "line.h"

/**
 * llp_out_new() - a message to be written
 * @len: its length
 * @result: it is written without waiting: its result goes to the file's notes
 *
 * Context: no lock is needed.
 * Return: it, or NULL.
 */
struct llp_out *llp_out_new(size_t len, bool result)
{
	struct llp_out *o = kvmalloc(struct_size(o, text, len), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (!o)
		return NULL;
	memset(o, 0, sizeof(*o));
	INIT_LIST_HEAD(&o->node);
	o->len = len;
	o->users = 1;
	if (!result)
		return o;
	o->note = kzalloc(sizeof(*o->note), GFP_KERNEL_ACCOUNT);
	if (!o->note) {
		kvfree(o);
		return NULL;
	}
	return o;
}

/**
 * llp_out_put() - gives up one use of a message; the last frees it
 * @o: message
 */
void llp_out_put(struct llp_out *o)
{
	if (--o->users)
		return;
	kfree(o->note);
	kvfree(o);
}

static struct llp_out *find(struct llp_line *l, u32 id)
{
	struct llp_out *o;

	list_for_each_entry(o, &l->sending, node)
		if (o->id == id)
			return o;
	return NULL;
}

/**
 * llp_send_text() - the bytes of a message that the engine has
 * @l: the line
 * @id: the message, submitted and not done
 *
 * Called by the engine.
 * Return: its text.
 */
const u8 *llp_send_text(struct llp_line *l, u32 id)
{
	return find(l, id)->text;
}

/* ---- how a message ends ---- */

static struct llp_file *expecting(struct llp_out *o)
{
	struct llp_file *f = o->file;

	return f && f->expecting == LLP_EXPECTS_REPLY && f->expect_id == o->id ? f : NULL;
}

static void expect_end(struct llp_file *f, int error)
{
	struct llp_line *l = f->line;

	f->expecting = LLP_EXPECTS_ENDED;
	/* Taken back by this side: no EINTR, which readers take for a reason to go on. */
	f->expect_error = error == -EINTR ? -ECANCELED : error;
	if (l->expect == f)
		l->expect = NULL;
	llp_recv_expect_over(f);
	l->changed = true;
}

/* The transfer ended: tell the writer. */
static void sent(struct llp_line *l, struct llp_out *o, int error, u8 outcome)
{
	struct llp_file *f = o->file;
	struct llp_ioc_result r = {
		.type = LLP_RESULT_SENT, .id = o->id, .error = error, .outcome = outcome,
	};

	if (o->sent)
		return;
	o->sent = true;
	o->error = error;
	o->outcome = outcome;
	l->n_out--;
	l->out_bytes -= o->len;
	l->changed = true;
	llp_netlink_sent(l, o, error, outcome);
	if (f && o->note) {
		o->note->result = r;
		llp_note_add(f, o->note);
		o->note = NULL;
	} else if (f && (f->events & BIT(LLP_RESULT_SENT))) {
		llp_note_file(f, &r);
	}
}

/* The exchange ended: nothing of it is needed any more. */
static void done(struct llp_line *l, struct llp_out *o, int error, u8 outcome)
{
	struct llp_file *f = o->file;

	/* Delivered, but the exchange failed: its reply did not come. */
	if (o->sent && !o->error && error)
		llp_netlink_sent(l, o, error, outcome);
	sent(l, o, error, outcome);
	o->done = true;
	if (f && (f->events & BIT(LLP_RESULT_DONE))) {
		struct llp_ioc_result r = {
			.type = LLP_RESULT_DONE, .id = o->id, .error = error, .outcome = outcome,
		};

		llp_note_file(f, &r);
	}
	f = expecting(o);
	if (f)
		expect_end(f, -error);
	list_del_init(&o->node);
	llp_out_put(o);
}

/**
 * llp_send_sent() - the transfer of a message ended
 * @l: the line
 * @ev: LLP_EV_SENT
 *
 * Comes from the engine's callback, and does not call it.
 */
void llp_send_sent(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_out *o = find(l, ev->id);

	if (!o)
		return;
	sent(l, o, llp_cause_errno(ev->cause, ev->outcome), ev->outcome);
	/* Nobody is left who would read the reply. */
	if (!o->file && !(o->flags & (LLP_SUBMIT_REPLY | LLP_SUBMIT_EXPECT_NONE)))
		l->forsaken = o->id;
}

/**
 * llp_send_done() - the exchange that a message began ended
 * @l: the line
 * @ev: LLP_EV_DONE; the message may be freed
 *
 * Comes from the engine's callback, and does not call it.
 */
void llp_send_done(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_out *o = find(l, ev->id);

	if (o)
		done(l, o, llp_cause_errno(ev->cause, ev->outcome), ev->outcome);
}

/**
 * llp_send_fail_queued() - the line goes down: what the engine has not been given ends here
 * @l: the line
 */
void llp_send_fail_queued(struct llp_line *l)
{
	struct llp_out *o, *next;

	list_for_each_entry_safe(o, next, &l->answers, node)
		done(l, o, ENODEV, LLP_OUT_NOT_SENT);
	list_for_each_entry_safe(o, next, &l->requests, node)
		done(l, o, ENODEV, LLP_OUT_NOT_SENT);
	/* A hang-up ends all that the engine has; should it forget one, nobody waits for ever. */
	list_for_each_entry_safe(o, next, &l->sending, node)
		done(l, o, ENODEV, LLP_OUT_UNKNOWN);
}

/* ---- to the engine ---- */

static int submit(struct llp_line *l, const struct llp_out *o)
{
	if (o->answers)
		return llp_answer(&l->engine, &l->io, o->id, o->len, o->answers);
	return llp_submit(&l->engine, &l->io, o->id, o->len, o->flags);
}

/**
 * llp_send_next() - gives the engine the next message, if it takes one now
 * @l: a line that is up
 *
 * Between llp_glue_begin() and llp_glue_settle().
 */
void llp_send_next(struct llp_line *l)
{
	struct list_head *queue;
	struct llp_out *o;
	int err;

	for (;;) {
		queue = list_empty(&l->answers) ? &l->requests : &l->answers;
		o = list_first_entry_or_null(queue, struct llp_out, node);
		if (!o || !llp_can_submit(&l->engine, o->flags))
			return;
		list_move_tail(&o->node, &l->sending);
		err = submit(l, o);
		if (err == -EBUSY) {
			list_move(&o->node, queue);
			return;
		}
		l->progress = true;
		if (err)
			done(l, o, -err, LLP_OUT_NOT_SENT);
		else
			o->submitted = true;
	}
}

static const u8 *probe_text(void *ctx, u32 id)
{
	return ctx;
}

static void probe_event(void *ctx, const struct llp_event *ev)
{
}

/* A station of its own that nobody hears: the protocol itself is asked. */
static int probe(const struct llp_line *l, const struct llp_out *o)
{
	struct llp_engine *e = kmalloc(sizeof(*e), GFP_KERNEL);
	struct llp_io io = {
		.text = probe_text, .event = probe_event, .ctx = (void *)o->text, .rx_fixed = true,
	};
	int err;

	if (!e)
		return -ENOMEM;
	llp_engine_init(e, l->protocol, &l->params, 0);
	llp_connected(e, &io);
	err = llp_submit(e, &io, 1, o->len, o->flags);
	kfree(e);
	return err == -EBUSY ? 0 : err;
}

/* The message joins the line: whatever ends it from now on finds it whole. */
static void join(struct llp_file *f, struct llp_out *o)
{
	struct llp_line *l = f->line;

	o->file = f;
	o->users++;	/* the line's own */
	l->n_out++;
	l->out_bytes += o->len;
	if (!(o->flags & (LLP_SUBMIT_REPLY | LLP_SUBMIT_EXPECT_NONE))) {
		f->expecting = LLP_EXPECTS_REPLY;
		f->expect_id = o->id;
		f->got = false;
	}
}

/* It could not be sent: as if it had never been there. */
static void unjoin(struct llp_file *f, struct llp_out *o)
{
	struct llp_line *l = f->line;

	list_del_init(&o->node);
	o->file = NULL;
	o->users--;
	l->n_out--;
	l->out_bytes -= o->len;
	if (f->expecting == LLP_EXPECTS_REPLY && f->expect_id == o->id)
		f->expecting = LLP_EXPECTS_ARMED;
}

/* It was taken: what was said about the next write is used up. */
static void taken(struct llp_file *f, struct llp_out *o)
{
	f->last_write = o->id;
	f->answer = 0;
	if (o->answers)
		llp_recv_answered(f, o->answers);
}

/**
 * llp_send_queue() - a message joins those that wait for the line
 * @f: the file that writes it
 * @o: message
 *
 * Return: 0; -ESTALE: nobody waits for this answer any more; what llp_submit()
 * says of a message that cannot be sent; or -ENOMEM. On an error nothing was
 * changed.
 */
int llp_send_queue(struct llp_file *f, struct llp_out *o)
{
	struct llp_line *l = f->line;
	bool answer = f->answer && f->expecting != LLP_EXPECTS_ARMED;
	int err;

	if (answer && !llp_recv_answerable(f, f->answer))
		return -ESTALE;
	o->answers = answer ? f->answer : 0;
	if (answer)
		o->flags = LLP_SUBMIT_REPLY;
	else if (f->expecting != LLP_EXPECTS_ARMED)
		o->flags = LLP_SUBMIT_EXPECT_NONE;
	else
		o->flags = f->maybe ? LLP_SUBMIT_EXPECT_OPT : 0;
	if (!++l->next_out)
		l->next_out = 1;
	o->id = l->next_out;

	/* The engine itself tells what it can carry, if it takes the message now. */
	llp_glue_begin(l);
	join(f, o);
	if (list_empty(&l->answers) && (answer || list_empty(&l->requests)) &&
	    llp_can_submit(&l->engine, o->flags)) {
		list_add_tail(&o->node, &l->sending);
		err = submit(l, o);
		if (!err)
			o->submitted = true;
	} else {
		err = probe(l, o);
		if (!err)
			list_add_tail(&o->node, answer ? &l->answers : &l->requests);
	}
	if (err)
		unjoin(f, o);
	else
		taken(f, o);
	llp_glue_settle(l);
	return err;
}

/**
 * llp_send_withdraw() - takes a message back of which no block is on the wire
 * @l: line
 * @o: message
 *
 * Return: whether it could be: it ended, then.
 */
bool llp_send_withdraw(struct llp_line *l, struct llp_out *o)
{
	if (o->sent)
		return true;
	llp_glue_begin(l);
	if (!o->submitted)
		done(l, o, EINTR, LLP_OUT_NOT_SENT);
	else if (llp_can_withdraw(&l->engine, o->id))
		llp_abort(&l->engine, &l->io, o->id);
	llp_glue_settle(l);
	return o->sent;
}

static u32 abort_in(struct llp_file *f, struct list_head *queue, u32 id)
{
	struct llp_line *l = f->line;
	struct llp_out *o, *next;
	u32 n = 0;

	list_for_each_entry_safe(o, next, queue, node) {
		if (o->file != f || (id && o->id != id))
			continue;
		n++;
		if (!o->submitted)
			done(l, o, EINTR, LLP_OUT_NOT_SENT);
	}
	return n;
}

/* The engine may end the message in llp_abort(), and others with it: look for each anew. */
static u32 abort_sending(struct llp_file *f, u32 id)
{
	struct llp_line *l = f->line;
	struct llp_out *o;
	bool again;
	u32 n = 0;

	do {
		again = false;
		list_for_each_entry(o, &l->sending, node) {
			if (o->file != f || (id && o->id != id) || o->aborted)
				continue;
			o->aborted = true;
			llp_abort(&l->engine, &l->io, o->id);
			n++;
			again = true;
			break;
		}
	} while (again);
	return n;
}

/**
 * llp_send_abort() - LLP_IOC_ABORT
 * @f: file
 * @id: a message that it wrote, 0: all of them
 *
 * Return: 0, or -ENOENT: there is none.
 */
int llp_send_abort(struct llp_file *f, u32 id)
{
	struct llp_line *l = f->line;
	u32 n;

	llp_glue_begin(l);
	n = abort_in(f, &l->answers, id) + abort_in(f, &l->requests, id);
	n += abort_sending(f, id);
	llp_glue_settle(l);
	return n ? 0 : -ENOENT;
}

/**
 * llp_send_answer() - LLP_IOC_ANSWER
 * @f: file
 * @id: the message that its next write answers, 0: none
 *
 * Return: 0 or -ESTALE. Then the next write fails like that, too: it must not go
 * out as something else.
 */
int llp_send_answer(struct llp_file *f, u32 id)
{
	f->answer = id;
	return !id || llp_recv_answerable(f, id) ? 0 : -ESTALE;
}

/**
 * llp_send_expect() - LLP_IOC_EXPECT
 * @f: file
 * @what: LLP_EXPECT_*
 *
 * Return: 0, -EBUSY or -EINVAL.
 */
int llp_send_expect(struct llp_file *f, u32 what)
{
	struct llp_line *l = f->line;

	if (what > LLP_EXPECT_MAYBE)
		return -EINVAL;
	if (what == LLP_EXPECT_OFF) {
		if (f->expecting == LLP_EXPECTS_REPLY)
			llp_send_abort(f, f->expect_id);
		if (l->expect == f)
			l->expect = NULL;
		f->expecting = LLP_EXPECTS_NOTHING;
		l->changed = true;
		llp_glue_begin(l);
		llp_glue_settle(l);
		return 0;
	}
	if (l->expect && (l->expect != f || f->expecting != LLP_EXPECTS_ARMED))
		return -EBUSY;
	if (l->flow)
		return -EBUSY;
	l->expect = f;
	f->expecting = LLP_EXPECTS_ARMED;
	f->maybe = what == LLP_EXPECT_MAYBE;
	return 0;
}

/**
 * llp_send_close() - the file goes: what it wrote
 * @f: file
 *
 * It is sent all the same, but nobody waits for a reply to it.
 */
void llp_send_close(struct llp_file *f)
{
	struct llp_line *l = f->line;
	struct list_head *const queues[] = { &l->answers, &l->requests, &l->sending };
	struct llp_out *o;
	u32 i;

	if (l->expect == f)
		l->expect = NULL;
	f->expecting = LLP_EXPECTS_NOTHING;
	for (i = 0; i < ARRAY_SIZE(queues); i++) {
		list_for_each_entry(o, queues[i], node) {
			if (o->file != f)
				continue;
			o->file = NULL;
			if (o->sent && !(o->flags & (LLP_SUBMIT_REPLY | LLP_SUBMIT_EXPECT_NONE)))
				l->forsaken = o->id;
		}
	}
}

/**
 * llp_send_room() - whether one more message may wait; one always may
 * @l: the line
 * @len: its length
 *
 * Return: whether there is room.
 */
bool llp_send_room(const struct llp_line *l, u32 len)
{
	return !l->n_out ||
	       (l->n_out < l->max_writes && (u64)l->out_bytes + len <= l->max_bytes);
}

/**
 * llp_send_waiting() - messages of a file that have not been sent yet
 * @f: file
 *
 * Return: how many.
 */
u32 llp_send_waiting(struct llp_file *f)
{
	struct llp_line *l = f->line;
	struct list_head *const queues[] = { &l->answers, &l->requests, &l->sending };
	struct llp_out *o;
	u32 i, n = 0;

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		list_for_each_entry(o, queues[i], node)
			n += o->file == f && !o->sent;
	return n;
}

/**
 * llp_send_can_withdraw() - whether the message written last has put no block on the wire yet
 * @f: file
 *
 * Return: whether it could be taken back.
 */
bool llp_send_can_withdraw(struct llp_file *f)
{
	struct llp_line *l = f->line;
	struct list_head *const queues[] = { &l->answers, &l->requests, &l->sending };
	struct llp_out *o;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		list_for_each_entry(o, queues[i], node)
			if (o->file == f && o->id == f->last_write)
				return !o->sent && (!o->submitted ||
						    llp_can_withdraw(&l->engine, o->id));
	return false;
}
