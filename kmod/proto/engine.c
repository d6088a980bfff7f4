// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Entry points of the engine: they set the time, hand the call to the
 * protocol, and keep what all protocols share (timers, events, counters).
 */
#include "engine_priv.h"
#include "scan.h"

static const struct llp_proto_ops *ops_of(const struct llp_engine *e)
{
	switch (e->proto) {
	case LLP_PROTO_X328:
		return &llp_x328_ops;
	case LLP_PROTO_HLLP:
		return &llp_hllp_ops;
	default:
		return &llp_mllp_ops;
	}
}

static void enter(struct llp_engine *e, const struct llp_io *io)
{
	/* Time that runs backwards would fire nothing; hold it instead. */
	if (io->now > e->now)
		e->now = io->now;
}

static void emit(struct llp_io *io, const struct llp_event *ev)
{
	io->event(io->ctx, ev);
}

/* ---- timers ---- */

void llp_arm_ns(struct llp_engine *e, enum llp_timer timer, u64 ns)
{
	e->timer[timer] = e->now + ns;
}

void llp_arm(struct llp_engine *e, enum llp_timer timer, u64 us)
{
	llp_arm_ns(e, timer, us * 1000);
}

u64 llp_rel(const struct llp_engine *e, u64 deadline)
{
	if (deadline == LLP_NEVER)
		return LLP_NEVER;
	return deadline > e->now ? deadline - e->now : 0;
}

static u32 earliest(const struct llp_engine *e)
{
	u32 i, best = 0;

	for (i = 1; i < LLP_T__N; i++)
		if (e->timer[i] < e->timer[best])
			best = i;
	return best;
}

u64 llp_deadline(const struct llp_engine *e)
{
	return e->timer[earliest(e)];
}

static void tx_is_empty(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops)
{
	e->tx.wait = 0;
	llp_disarm(e, LLP_T_STALL);
	ops->tx_empty(e, io);
	llp_exch_flush(e, io);
}

static void fire(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops, u32 timer)
{
	struct llp_event ev = { .type = LLP_EV_TIMER, .num = timer };

	llp_disarm(e, timer);
	emit(io, &ev);
	switch (timer) {
	case LLP_T_EXCHANGE:
		llp_exch_timeout(e, io, ops);
		break;
	case LLP_T_STALL:
		/*
		 * The transmitter is stuck (flow control, a peer that does not
		 * read). Let the reply timers decide what becomes of it.
		 */
		llp_count(e, LLP_C_TX_STALLS);
		llp_tx_clear(e);
		tx_is_empty(e, io, ops);
		break;
	default:
		ops->timeout(e, io, timer);
		break;
	}
	llp_exch_flush(e, io);
}

void llp_timeout(struct llp_engine *e, struct llp_io *io)
{
	const struct llp_proto_ops *ops = ops_of(e);
	u32 guard;

	enter(e, io);
	e->ended = 0;
	/* A timer that fires may arm others, but none in the past twice over. */
	for (guard = 0; guard < 4 * LLP_T__N && !e->ended; guard++) {
		u32 t = earliest(e);

		if (e->timer[t] > e->now)
			break;
		fire(e, io, ops, t);
	}
}

/* ---- set-up, line ---- */

void llp_engine_init(struct llp_engine *e, enum llp_protocol proto, const struct llp_params *p, u64 now)
{
	u32 i;

	memset(e, 0, sizeof(*e));
	e->p = *p;
	e->proto = proto;
	e->now = now;
	for (i = 0; i < LLP_T__N; i++)
		e->timer[i] = LLP_NEVER;
	e->exch.limit = LLP_NEVER;
	llp_match_begin(&e->rx.scan);
	ops_of(e)->init(e);
}

void llp_connected(struct llp_engine *e, struct llp_io *io)
{
	enter(e, io);
	if (e->connected)
		return;
	e->connected = 1;
	ops_of(e)->connected(e, io);
}

void llp_hangup(struct llp_engine *e, struct llp_io *io, bool final)
{
	enter(e, io);
	e->ended = 0;
	if (e->connected)
		llp_count(e, LLP_C_HANGUPS);
	e->connected = 0;
	llp_tx_clear(e);
	e->tx.wait = 0;
	llp_disarm(e, LLP_T_STALL);
	ops_of(e)->hangup(e, io, final);
	if (final || !e->p.resend_after_reconnect)
		llp_exch_fail(e, io, LLP_CAUSE_HANGUP, e->exch.outcome);
	llp_exch_flush(e, io);
}

/* ---- bytes ---- */

void llp_count_flag(struct llp_engine *e, u8 flag)
{
	switch (flag) {
	case LLP_FLAG_BREAK:
		llp_count(e, LLP_C_FLAG_BREAK);
		break;
	case LLP_FLAG_PARITY:
		llp_count(e, LLP_C_FLAG_PARITY);
		break;
	case LLP_FLAG_OVERRUN:
		llp_count(e, LLP_C_FLAG_OVERRUN);
		break;
	default:
		llp_count(e, LLP_C_FLAG_FRAME);
		break;
	}
}

/* How many of the first @n bytes carry no flag. */
static size_t unflagged(const u8 *flags, size_t n)
{
	size_t i = 0;

	while (n - i >= 8 && !llp_load(flags + i))
		i += 8;
	while (i < n && !flags[i])
		i++;
	return i;
}

size_t llp_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, const u8 *flags, size_t n)
{
	const struct llp_proto_ops *ops = ops_of(e);
	size_t done = 0;

	enter(e, io);
	e->ended = 0;
	while (done < n && !e->ended) {
		size_t run = flags ? unflagged(flags + done, n - done) : n - done;
		size_t want = run ? run : 1;
		size_t k;

		if (run) {
			k = ops->rx(e, io, p + done, run);
		} else {
			k = ops->rx_flagged(e, io, p[done], flags[done]);
			if (k)
				llp_count_flag(e, flags[done]);
		}
		done += k;
		/* Its end came before the byte that showed it: that one is taken, too. */
		if (!done && e->ended == LLP_ENDED_TX)
			e->ended = 0;
		else if (k < want)
			break;
	}
	e->count[LLP_C_RX_BYTES] += done;
	llp_exch_flush(e, io);
	return done;
}

u32 llp_rx_fill(const struct llp_engine *e)
{
	return e->rx.fill;
}

size_t llp_tx(struct llp_engine *e, struct llp_io *io, u8 *out, size_t cap)
{
	size_t n;

	enter(e, io);
	n = llp_tx_pull(e, io, ops_of(e), out, cap);
	llp_exch_flush(e, io);
	return n;
}

void llp_tx_empty(struct llp_engine *e, struct llp_io *io)
{
	enter(e, io);
	if (e->tx.wait && !llp_tx_pending(e))
		tx_is_empty(e, io, ops_of(e));
}

/* ---- messages to send ---- */

void llp_set_ready(struct llp_engine *e, struct llp_io *io, u32 ready)
{
	u32 before = e->ready;

	enter(e, io);
	e->ready = ready;
	if (ready != before)
		ops_of(e)->ready(e, io, before);
}

int llp_set_flow(struct llp_engine *e, bool on)
{
	if (e->rx.begun || e->rx.coming || e->rx.fill)
		return -EBUSY;
	e->p.flow = on;
	return 0;
}

bool llp_can_submit(const struct llp_engine *e, u32 flags)
{
	if (!(flags & LLP_SUBMIT_REPLY) && e->exch.state != LLP_X_IDLE)
		return false;
	return ops_of(e)->can_submit(e, flags);
}

static int submit(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags, u32 to)
{
	bool request = !(flags & LLP_SUBMIT_REPLY);
	int err;

	enter(e, io);
	if (!id || !len)
		return -EINVAL;
	if (!e->connected)
		return -ENODEV;
	if (len > e->p.max_message)
		return -EMSGSIZE;
	if (!llp_can_submit(e, flags))
		return -EBUSY;
	if (request)
		llp_exch_start(e, io, id, len, flags);
	err = ops_of(e)->submit(e, io, id, len, flags, to);
	if (err && request)
		llp_exch_cancel_start(e);
	return err;
}

int llp_submit(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags)
{
	return submit(e, io, id, len, flags, 0);
}

int llp_answer(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 to)
{
	return submit(e, io, id, len, LLP_SUBMIT_REPLY, to);
}

bool llp_can_withdraw(const struct llp_engine *e, u32 id)
{
	return ops_of(e)->can_withdraw(e, id);
}

void llp_abort(struct llp_engine *e, struct llp_io *io, u32 id)
{
	enter(e, io);
	if (id && id == e->exch.id && e->exch.state == LLP_X_WAIT)
		llp_exch_abort(e, io, id);
	else if (id)
		ops_of(e)->abort(e, io, id);
	llp_exch_flush(e, io);
}

void llp_exch_kick(struct llp_engine *e, struct llp_io *io)
{
	ops_of(e)->kick(e, io);
}

/* ---- received messages ---- */

enum llp_settled llp_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d)
{
	enum llp_settled s;

	enter(e, io);
	s = ops_of(e)->verdict(e, io, id, d);
	if (s != LLP_GONE && (d == LLP_ACCEPT || d == LLP_ACCEPT_ANSWER) && id == e->rx.ended_id) {
		e->rx.last_digest = e->rx.ended_digest;
		e->rx.last_len = e->rx.ended_len;
	}
	if (s == LLP_LATE)
		llp_count(e, LLP_C_VERDICTS_LATE);
	else if (s == LLP_GONE)
		llp_count(e, LLP_C_VERDICTS_GONE);
	llp_exch_settled(e, io, id, d, s);
	llp_exch_flush(e, io);
	return s;
}

void llp_abort_rx(struct llp_engine *e, struct llp_io *io)
{
	enter(e, io);
	ops_of(e)->abort_rx(e, io);
}

void llp_request_turn(struct llp_engine *e, struct llp_io *io)
{
	enter(e, io);
	ops_of(e)->request_turn(e, io);
}

bool llp_idle(const struct llp_engine *e)
{
	return e->exch.state == LLP_X_IDLE && !e->rx.begun && e->pend.state == LLP_PEND_NONE &&
	       llp_tx_quiet(e) && ops_of(e)->idle(e);
}

void llp_msg_begin(struct llp_engine *e, struct llp_io *io)
{
	struct llp_event ev = { .type = LLP_EV_BEGIN };

	if (!++e->rx.next_id)
		e->rx.next_id = 1;
	e->rx.id = e->rx.next_id;
	e->rx.begun = 1;
	e->rx.total = 0;
	e->rx.digest = 0;
	llp_match_begin(&e->rx.scan);
	llp_exch_pause(e);
	ev.id = e->rx.id;
	emit(io, &ev);
}

void llp_msg_data(struct llp_engine *e, struct llp_io *io, u32 len)
{
	struct llp_event ev = { .type = LLP_EV_DATA, .id = e->rx.id, .off = e->rx.good, .len = len };

	if (!e->rx.scan.done)
		llp_match_feed(&e->rx.scan, io->rx_buf + e->rx.good, len);
	e->rx.good += len;
	e->rx.total += len;
	emit(io, &ev);
	if (e->p.flow) {
		memmove(io->rx_buf, io->rx_buf + e->rx.good, e->rx.fill - e->rx.good);
		e->rx.fill -= e->rx.good;
		e->rx.good = 0;
	}
}

void llp_rx_discard(struct llp_engine *e)
{
	e->rx.fill = e->rx.good;
}

/* The next message starts with an empty buffer. */
static void rx_clear(struct llp_engine *e)
{
	e->rx.begun = 0;
	e->rx.id = 0;
	e->rx.fill = 0;
	e->rx.good = 0;
	e->rx.total = 0;
	e->rx.digest = 0;
}

u32 llp_msg_end(struct llp_engine *e, struct llp_io *io, u8 flags, u32 check, u64 digest)
{
	struct llp_event ev = { .type = LLP_EV_END, .id = e->rx.id, .len = e->rx.total, .check = check };

	/* A message that ended with its segment's name has no CR after it. */
	flags |= llp_exch_classify(e, &e->rx.scan);
	if (flags & LLP_END_REPLY)
		ev.reply_to = e->exch.id;
	if (digest && digest == e->rx.last_digest && e->rx.total == e->rx.last_len) {
		flags |= LLP_END_REPEAT;
		llp_count(e, LLP_C_REPEATS);
	}
	ev.flags = flags;
	e->rx.ended_id = e->rx.id;
	e->rx.ended_len = e->rx.total;
	e->rx.ended_digest = digest;
	rx_clear(e);
	e->ended = 1;
	llp_count(e, LLP_C_RX_MESSAGES);
	emit(io, &ev);
	llp_exch_ended(e, io, ev.id, flags);
	/* Nobody will give a verdict on nothing. */
	if (flags & LLP_END_EMPTY)
		llp_exch_settled(e, io, ev.id, LLP_ACCEPT, LLP_ACKNOWLEDGED);
	return ev.id;
}

void llp_msg_cancel(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	struct llp_event ev = { .type = LLP_EV_CANCEL, .id = e->rx.id, .cause = cause };
	bool begun = e->rx.begun;

	rx_clear(e);
	if (!begun) {
		/* It was no message: a time-out that waited for it is due now. */
		if (e->exch.expired && !e->rx.coming && !e->exch.reply)
			llp_exch_resume(e);
		return;
	}
	llp_count(e, LLP_C_RX_CANCELLED);
	emit(io, &ev);
	llp_exch_resume(e);
}

void llp_msg_restart(struct llp_engine *e, struct llp_io *io)
{
	struct llp_event ev = { .type = LLP_EV_RESTART, .id = e->rx.id };

	e->rx.fill = 0;
	e->rx.good = 0;
	e->rx.total = 0;
	e->rx.digest = 0;
	llp_match_begin(&e->rx.scan);
	if (e->rx.begun)
		emit(io, &ev);
}

void llp_msg_drop(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause, bool accepted)
{
	struct llp_event ev = { .type = LLP_EV_CANCEL, .id = id, .cause = cause };

	ev.flags = accepted ? LLP_CANCEL_ACCEPTED : 0;
	llp_count(e, LLP_C_RX_CANCELLED);
	emit(io, &ev);
	if (id == e->exch.reply && !accepted) {
		e->exch.reply = 0;
		llp_exch_resume(e);
	} else if (!accepted) {
		llp_exch_resume(e);
	}
}

void llp_msg_acked(struct llp_engine *e, struct llp_io *io, u32 id)
{
	struct llp_event ev = { .type = LLP_EV_ACKED, .id = id };

	(void)e;
	emit(io, &ev);
}

/* ---- other events ---- */

void llp_ev_frame(struct llp_io *io, bool out, enum llp_frame frame, u8 num, u32 len,
		  enum llp_verdict_frame verdict, u8 flags)
{
	struct llp_event ev = {
		.type = LLP_EV_FRAME, .out = out, .frame = frame, .num = num, .len = len,
		.verdict = verdict, .flags = flags,
	};

	emit(io, &ev);
}

void llp_ev_state(struct llp_engine *e, struct llp_io *io, u8 state)
{
	struct llp_event ev = { .type = LLP_EV_STATE, .num = state };

	(void)e;
	emit(io, &ev);
}

void llp_ev_lost(struct llp_engine *e, struct llp_io *io, const u8 *p, u32 n)
{
	struct llp_event ev = { .type = LLP_EV_LOST, .bytes = p, .len = n };

	e->count[LLP_C_LOST_BYTES] += n;
	emit(io, &ev);
}

void llp_ev_disconnect(struct llp_io *io, enum llp_cause cause)
{
	struct llp_event ev = { .type = LLP_EV_DISCONNECT, .cause = cause };

	emit(io, &ev);
}

/* ---- digests ---- */

#define MIX_1 0x9e3779b97f4a7c15ULL
#define MIX_2 0xbf58476d1ce4e5b9ULL
#define MIX_3 0x94d049bb133111ebULL
#define MIX_4 0xd6e8feb86659fd93ULL

u64 llp_mix(u64 h, u64 v)
{
	h = (h ^ v) * MIX_1;
	h ^= h >> 29;
	h *= MIX_2;
	return h ^ (h >> 32);
}

/* Four lanes, because each waits for its own multiplications. */
u64 llp_digest(const u8 *p, size_t n)
{
	u64 a = MIX_1, b = MIX_2, c = MIX_3, d = MIX_4, h = n, w = 0;
	size_t i = 0;

	for (; n - i >= 64; i += 64) {
		a = llp_mul_fold(a ^ llp_load(p + i), MIX_1 ^ llp_load(p + i + 8));
		b = llp_mul_fold(b ^ llp_load(p + i + 16), MIX_2 ^ llp_load(p + i + 24));
		c = llp_mul_fold(c ^ llp_load(p + i + 32), MIX_3 ^ llp_load(p + i + 40));
		d = llp_mul_fold(d ^ llp_load(p + i + 48), MIX_4 ^ llp_load(p + i + 56));
	}
	for (; n - i >= 8; i += 8)
		a = llp_mul_fold(a ^ llp_load(p + i), MIX_1);
	for (; i < n; i++)
		w = w << 8 | p[i];
	h = llp_mix(llp_mix(llp_mix(llp_mix(llp_mix(h, a), b), c), d), w);
	return h ? h : 1;
}

u64 llp_fingerprint(const struct llp_engine *e, u64 now)
{
	const struct llp_engine *s = e;
	u64 h = llp_mix(s->proto, (u64)s->ready | (u64)s->connected << 8);
	u64 shift = now > s->now ? now - s->now : 0;
	u32 i;

	for (i = 0; i < LLP_T__N; i++) {
		u64 rel = llp_rel(s, s->timer[i]);

		h = llp_mix(h, rel == LLP_NEVER ? rel : rel > shift ? rel - shift : 0);
	}
	h = llp_mix(h, (u64)s->rx.fill << 32 | s->rx.good);
	h = llp_mix(h, (u64)s->rx.total << 8 | s->rx.begun | (u64)s->rx.coming << 1);
	h = llp_mix(h, s->rx.digest);
	h = llp_mix(h, s->rx.last_digest ^ s->rx.last_len);
	h = llp_mix(h, s->rx.ended_id == s->rx.next_id ? s->rx.ended_digest : 0);
	h = llp_mix(h, (u64)s->rx.scan.done | (u64)s->rx.scan.is_hl7 << 1 | (u64)s->rx.scan.is_ack << 2 |
		    (u64)s->rx.scan.seg << 3 | (u64)s->rx.scan.field << 8 | (u64)s->rx.scan.pos << 16 |
		    (u64)s->rx.scan.ack_id.hash << 32);
	h = llp_mix(h, (u64)s->tx.active | (u64)s->tx.wait << 1 | (u64)s->tx.ctl_len << 8 |
		    (u64)s->tx.tail_made << 2 | (u64)s->tx.stuff_cr << 3 | (u64)s->tx.pos << 16);
	for (i = 0; i < s->tx.ctl_len; i++)
		h = llp_mix(h, s->tx.ctl[i]);
	if (s->tx.active) {
		h = llp_mix(h, (u64)s->tx.off << 32 | s->tx.len);
		h = llp_mix(h, s->tx.acc ^ (u64)s->tx.run << 40);
		for (i = 0; i < s->tx.head_len; i++)
			h = llp_mix(h, s->tx.head[i]);
	}
	h = llp_mix(h, (u64)s->pend.state | (u64)s->pend.gains << 8 | (u64)s->pend.nakked << 16 |
		    (u64)s->pend.answer << 17 | (u64)s->pend.check << 32);
	h = llp_mix(h, s->pend.state ? s->pend.digest ^ s->pend.len : 0);
	h = llp_exch_fingerprint(s, h);
	return ops_of(s)->fingerprint(s, h);
}

const char *llp_state_name(const struct llp_engine *e)
{
	return ops_of(e)->state_name(e);
}

const char *llp_timer_name(const struct llp_engine *e, u32 num)
{
	switch (num) {
	case LLP_T_EXCHANGE:
		return e->exch.guard ? "late guard" : "reply";
	case LLP_T_STALL:
		return "transmitter stall";
	case LLP_T_PENDING:
		return "verdict";
	default:
		return num < LLP_T__N ? ops_of(e)->timer_name(num) : "unknown";
	}
}
