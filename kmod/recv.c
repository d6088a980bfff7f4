// SPDX-License-Identifier: GPL-2.0
/*
 * Received messages: who gets them, how they wait, what a reader does with
 * them, and when they are acknowledged.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "line.h"

/**
 * llp_in_new() - room for a received message
 * @size: bytes of text
 * @gfp: how memory may be got
 *
 * Context: no lock is needed.
 * Return: it, for llp_in_free(); or NULL.
 */
struct llp_in *llp_in_new(u32 size, gfp_t gfp)
{
	struct llp_in *m = kvmalloc(struct_size(m, text, size), gfp);

	if (!m)
		return NULL;
	memset(m, 0, sizeof(*m));
	INIT_LIST_HEAD(&m->node);
	m->size = size;
	return m;
}

/**
 * llp_in_free() - frees a message
 * @m: a message that is in no list, or NULL
 *
 * Context: no lock is needed.
 */
void llp_in_free(struct llp_in *m)
{
	kvfree(m);
}

/* ---- readiness ---- */

static bool has_room(const struct llp_line *l)
{
	/* MLLP 1 has no word for "not now": there only memory is the bound. */
	bool refuses = l->protocol != LLP_PROTO_MLLP || l->params.release == 2;

	return (!refuses || l->n_in < l->max_messages) && l->in_bytes < l->max_bytes;
}

/* A request whose first block is out: from now on its reply may come. */
static bool reply_may_come(const struct llp_line *l)
{
	const struct llp_file *f = l->expect;

	return f && f->expecting == LLP_EXPECTS_REPLY &&
	       !llp_can_withdraw(&l->engine, f->expect_id);
}

/**
 * llp_recv_ready() - whether a message, or another block of one, would be taken
 * @l: the line
 *
 * Return: LLP_READY_*, for llp_set_ready().
 */
u32 llp_recv_ready(const struct llp_line *l)
{
	bool taker = (l->receiver && !l->receiver->unready) || reply_may_come(l);
	u32 ready = 0;

	if (llp_flow_room(l))
		ready |= LLP_READY_ROOM;
	if (taker && has_room(l) && (!l->flow || ready))
		ready |= LLP_READY_BID;
	return ready;
}

/* ---- arrival ---- */

/* The buffer that was filled, or a copy of the right size if it is much too large. */
static struct llp_in *make(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_in *m = NULL;

	if (!l->rx)
		return NULL;
	if (ev->len < l->rx->size / 2 || l->rx->size <= LLP_RX_SIZE) {
		m = llp_in_new(ev->len, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (m)
			memcpy(m->text, l->rx->text, ev->len);
	}
	if (!m) {
		m = l->rx;
		llp_glue_take_rx(l);
	}
	m->id = ev->id;
	m->len = ev->len;
	m->flags = ev->flags & (LLP_MSG_REPLY | LLP_MSG_ACK | LLP_MSG_LATE | LLP_MSG_REPEAT);
	m->reply_to = ev->reply_to;
	m->check = ev->check;
	m->time = l->io.now;
	m->pending = ev->flags & LLP_END_PENDING;
	m->undecided = true;
	return m;
}

static u32 cost(const struct llp_in *m)
{
	return struct_size(m, text, m->size);
}

static void account(struct llp_line *l, const struct llp_in *m)
{
	l->n_in++;
	l->in_bytes += cost(m);
}

static void drop(struct llp_line *l, struct llp_in *m)
{
	l->n_in--;
	l->in_bytes -= cost(m);
	list_del(&m->node);
	llp_in_free(m);
}

static bool is_reply_for(const struct llp_file *f, const struct llp_in *m)
{
	return f->expecting != LLP_EXPECTS_NOTHING && (m->flags & LLP_MSG_REPLY) &&
	       m->reply_to == f->expect_id;
}

/* Return: false: that transmission is over, and the message void. */
static bool accept(struct llp_file *f, struct llp_in *m, enum llp_decision d)
{
	struct llp_line *l = f->line;
	enum llp_settled s;

	if (!m->undecided)
		return true;
	m->undecided = false;
	m->pending = false;
	if (!l->up)
		return true;
	s = llp_verdict(&l->engine, &l->io, m->id, d);
	if (s == LLP_GONE)
		return false;
	if (is_reply_for(f, m))
		f->got = true;
	return true;
}

/**
 * llp_recv_expect_over() - ends an expectation whose reply was accepted and read
 * @f: file
 */
void llp_recv_expect_over(struct llp_file *f)
{
	if (f->expecting == LLP_EXPECTS_ENDED && f->got && list_empty(&f->replies))
		f->expecting = LLP_EXPECTS_NOTHING;
}

/* Return: whether somebody gets it. */
static bool deliver(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_file *f = NULL;
	struct list_head *queue;
	struct llp_in *m;

	if ((ev->flags & LLP_END_REPLY) && l->expect && l->expect->expect_id == ev->reply_to &&
	    l->expect->expecting == LLP_EXPECTS_REPLY) {
		f = l->expect;
		queue = &f->replies;
	} else if (l->receiver && !l->receiver->unready) {
		f = l->receiver;
		queue = &l->in;
		/* Where a bid could be refused, what began is kept. */
		if (l->protocol != LLP_PROTO_X328 && !has_room(l))
			f = NULL;
	}
	/* Its text went past while records were being turned off. */
	if (l->engine_flow)
		f = NULL;
	m = f ? make(l, ev) : NULL;
	if (!m) {
		l->refused++;
		llp_verdict(&l->engine, &l->io, ev->id, LLP_REJECT);
		return false;
	}
	account(l, m);
	list_add_tail(&m->node, queue);
	l->changed = true;
	if (f->policy == LLP_POLICY_ARRIVAL && !accept(f, m, LLP_ACCEPT))
		drop(l, m);
	return true;
}

/**
 * llp_recv_ended() - a message is whole
 * @l: the line
 * @ev: LLP_EV_END
 *
 * Who was told that it began is told what became of it. It calls the engine: not
 * for its callbacks.
 */
void llp_recv_ended(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_ioc_result r = { .type = LLP_RESULT_END, .id = ev->id };

	if (l->flow) {
		llp_flow_ended(l, ev);
	} else if (!(ev->flags & LLP_END_EMPTY) && !deliver(l, ev)) {
		r.type = LLP_RESULT_CANCELLED;
		r.error = llp_cause_errno(LLP_CAUSE_REFUSED, LLP_OUT_NOT_SENT);
	}
	llp_note_all(l, &r);
	llp_netlink_received(l, ev, r.error);
}

static struct llp_was_read *was_read(struct llp_file *f, u32 id)
{
	u32 i;

	for (i = 0; i < LLP_READ_IDS; i++)
		if (id && f->was_read[i].id == id)
			return &f->was_read[i];
	return NULL;
}

static struct llp_in *find(struct list_head *queue, u32 id)
{
	struct llp_in *m;

	list_for_each_entry(m, queue, node)
		if (m->id == id && m->pending)
			return m;
	return NULL;
}

/**
 * llp_recv_cancelled() - a message is void
 * @l: the line
 * @ev: LLP_EV_CANCEL
 *
 * One that was accepted stays: only its acknowledgement is void. Comes from the
 * engine's callback, and does not call it.
 */
void llp_recv_cancelled(struct llp_line *l, const struct llp_event *ev)
{
	struct llp_in *m = find(&l->in, ev->id);
	struct llp_was_read *r;
	struct llp_file *f;

	list_for_each_entry(f, &l->files, node) {
		r = was_read(f, ev->id);
		if (r)
			r->void_ = true;
		if (!m)
			m = find(&f->replies, ev->id);
		if (f->taken && f->taken->id == ev->id && f->taken->pending)
			f->taken->gone = true;
		if (f->hand && f->hand->id == ev->id) {
			drop(l, f->hand);
			f->hand = NULL;
		}
	}
	if (m)
		drop(l, m);
	l->changed = true;
}

static void decided(struct list_head *queue)
{
	struct llp_in *m;

	list_for_each_entry(m, queue, node) {
		m->undecided = false;
		m->pending = false;
	}
}

/**
 * llp_recv_down() - the line went down
 * @l: the line
 *
 * What the engine did not cancel stays for its reader, and nobody wants a verdict
 * on it: the engine that comes next knows nothing of it.
 */
void llp_recv_down(struct llp_line *l)
{
	struct llp_file *f;

	decided(&l->in);
	list_for_each_entry(f, &l->files, node) {
		decided(&f->replies);
		if (f->taken)
			f->taken->undecided = false;
	}
	llp_flow_down(l);
}

/* ---- reading ---- */

/**
 * llp_recv_role() - the file takes the receiving role
 * @f: file
 *
 * Return: 0 (it may have had it), or -EBUSY.
 */
int llp_recv_role(struct llp_file *f)
{
	struct llp_line *l = f->line;

	if (l->receiver == f)
		return 0;
	if (l->receiver)
		return -EBUSY;
	l->receiver = f;
	f->unready = false;
	l->changed = true;
	llp_glue_begin(l);
	llp_glue_settle(l);
	return 0;
}

/**
 * llp_recv_next() - what read() would return now
 * @f: file
 *
 * Return: the message, which stays where it is; or NULL.
 */
struct llp_in *llp_recv_next(struct llp_file *f)
{
	struct list_head *queue = f->expecting ? &f->replies : &f->line->in;

	return list_first_entry_or_null(queue, struct llp_in, node);
}

/**
 * llp_recv_take() - the reader copies a message; nobody else sees it meanwhile
 * @f: file, its @reading held
 * @m: of llp_recv_next()
 *
 * llp_recv_taken() or llp_recv_untake() follows.
 */
void llp_recv_take(struct llp_file *f, struct llp_in *m)
{
	list_del_init(&m->node);
	f->taken = m;
}

static void put_back(struct llp_file *f, struct llp_in *m)
{
	struct llp_line *l = f->line;

	list_move(&m->node, is_reply_for(f, m) ? &f->replies : &l->in);
	l->changed = true;
}

/**
 * llp_recv_untake() - it could not be copied: it stays
 * @f: file, its @reading held
 */
void llp_recv_untake(struct llp_file *f)
{
	struct llp_in *m = f->taken;

	f->taken = NULL;
	if (m->gone)
		drop(f->line, m);
	else
		put_back(f, m);
	llp_glue_begin(f->line);
	llp_glue_settle(f->line);
}

/**
 * llp_recv_remember() - a message was read: the file may decide on it, and answer it
 * @f: file
 * @id: the message
 */
void llp_recv_remember(struct llp_file *f, u32 id)
{
	f->was_read[f->read_at++ % LLP_READ_IDS] = (struct llp_was_read) { .id = id };
}

static void remember(struct llp_file *f, const struct llp_in *m)
{
	f->last = (struct llp_ioc_message) {
		.which = LLP_WHICH_READ, .id = m->id, .len = m->len,
		.flags = m->flags, .reply_to = m->reply_to, .check = m->check, .time = m->time,
	};
	llp_recv_remember(f, m->id);
}

/**
 * llp_recv_taken() - it was copied: accept it, if the policy says so
 * @f: file
 *
 * Return: whether the copy is good; else it is void and the sender will send
 * it again.
 */
bool llp_recv_taken(struct llp_file *f)
{
	struct llp_line *l = f->line;
	struct llp_in *m = f->taken;
	bool good = true;

	f->taken = NULL;
	llp_glue_begin(l);
	if (m->gone)
		good = false;
	else if (f->policy != LLP_POLICY_COMMIT)
		good = accept(f, m, LLP_ACCEPT);
	if (good)
		remember(f, m);
	if (good && m->pending && !f->hand)
		f->hand = m;
	else
		drop(l, m);
	llp_recv_expect_over(f);
	llp_glue_settle(l);
	return good;
}

/* ---- verdicts ---- */

/**
 * llp_recv_answered() - its answer is on its way: there is nothing more to say of it
 * @f: file
 * @id: a message that it read
 */
void llp_recv_answered(struct llp_file *f, u32 id)
{
	struct llp_was_read *r = was_read(f, id);

	if (r)
		r->id = 0;
}

/**
 * llp_recv_answerable() - somebody may still wait for the answer to a message
 * @f: file that would answer
 * @id: the message
 *
 * Where the line was down in between, the other station has given up, and
 * would take the answer for one to what it asked since.
 *
 * Return: whether @f has read it since the line went up, and has neither
 * answered, refused nor forgotten it, nor has its sender taken it back.
 */
bool llp_recv_answerable(struct llp_file *f, u32 id)
{
	const struct llp_was_read *r = was_read(f, id);
	const struct llp_line *l = f->line;

	return r && !r->void_ && l->up && (s32)(id - l->first_id) >= 0;
}

/**
 * llp_recv_verdict() - LLP_IOC_VERDICT
 * @f: file
 * @v: verdict; its @settled is set
 *
 * Return: 0 or -EINVAL.
 */
int llp_recv_verdict(struct llp_file *f, struct llp_ioc_verdict *v)
{
	bool accepted = v->verdict == LLP_VERDICT_ACCEPT || v->verdict == LLP_VERDICT_ANSWER;
	struct llp_was_read *r = was_read(f, v->id);
	struct llp_line *l = f->line;
	struct llp_in *m = f->hand;

	if (v->verdict > LLP_VERDICT_FORGET || v->reserved || !r)
		return -EINVAL;
	if (!l->up || (s32)(v->id - l->first_id) < 0) {
		v->settled = LLP_SETTLED_GONE;
		return 0;
	}
	llp_glue_begin(l);
	v->settled = llp_verdict(&l->engine, &l->io, v->id, v->verdict);
	if (!accepted || v->settled == LLP_GONE)
		r->void_ = true;
	if (v->id == f->last.id && (f->last.flags & LLP_MSG_REPLY) &&
	    f->last.reply_to == f->expect_id && accepted && v->settled != LLP_GONE)
		f->got = true;
	if (m && m->id == v->id) {
		f->hand = NULL;
		drop(l, m);
	}
	if (l->flow_hand == v->id)
		l->flow_hand = 0;
	llp_recv_expect_over(f);
	l->changed = true;
	llp_glue_settle(l);
	return 0;
}

/**
 * llp_recv_release() - LLP_IOC_RELEASE
 * @f: file
 *
 * Return: 0, or -EINVAL: there is nothing to put back.
 */
int llp_recv_release(struct llp_file *f)
{
	if (!f->hand)
		return -EINVAL;
	put_back(f, f->hand);
	f->hand = NULL;
	llp_glue_begin(f->line);
	llp_glue_settle(f->line);
	return 0;
}

/**
 * llp_recv_leave() - the file gives the receiving role up, if it has it
 * @f: file
 */
void llp_recv_leave(struct llp_file *f)
{
	struct llp_line *l = f->line;

	if (l->receiver != f)
		return;
	if (l->flow)
		llp_flow_set(f, false);
	if (f->hand)
		put_back(f, f->hand);
	f->hand = NULL;
	l->receiver = NULL;
	l->changed = true;
	llp_glue_begin(l);
	llp_glue_settle(l);
}

/**
 * llp_recv_close() - the file goes: what was received and is in its hands
 * @f: file
 *
 * What is PENDING there goes back to the head of the queue; a reply that only it
 * waited for goes to the receiver, or is refused. Between llp_glue_begin() and
 * llp_glue_settle().
 */
void llp_recv_close(struct llp_file *f)
{
	struct llp_line *l = f->line;
	struct llp_in *m, *next;
	u32 i;

	if (f->hand)
		put_back(f, f->hand);
	f->hand = NULL;
	if (l->up && !llp_line_acknowledges(l)) {
		/* Nobody will answer what it has read. */
		for (i = 0; i < LLP_READ_IDS; i++)
			if (f->was_read[i].id)
				llp_verdict(&l->engine, &l->io, f->was_read[i].id, LLP_FORGET);
	}
	list_for_each_entry_safe(m, next, &f->replies, node) {
		if (l->receiver && l->receiver != f && !l->flow) {
			list_move_tail(&m->node, &l->in);
			continue;
		}
		if (m->undecided && l->up)
			llp_verdict(&l->engine, &l->io, m->id, LLP_REJECT);
		drop(l, m);
	}
	llp_recv_leave(f);
}
