// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what user space cannot reach: when the timer is armed, what
 * becomes of bytes that a driver does not take at once, and what messages are
 * charged with. Built with LLP_KUNIT=y on a kernel that has CONFIG_KUNIT; the
 * tests run when the module is loaded.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tty_driver.h>
#include <linux/tty_port.h>

#include "line.h"

#define RETRY	(50 * NSEC_PER_MSEC)	/* xmit.c: after a driver that took nothing */

/* A tty whose driver does what the test says, and a line on it. */
struct bench {
	struct llp_line line;
	struct llp_file file;
	struct tty_struct tty;
	struct tty_port port;
	struct tty_driver driver;
	const int *take;	/* what a write takes at most, the last for ever; negative: error */
	unsigned int takes;
	unsigned int writes;
	unsigned int queued;	/* what the driver says that it still holds */
	unsigned int n;
	u8 wire[1024];
};

static ssize_t bench_write(struct tty_struct *tty, const u8 *bytes, size_t count)
{
	struct bench *b = tty->driver_data;
	int take = b->take[min(b->writes, b->takes - 1)];

	b->writes++;
	if (take < 0)
		return take;
	count = min3(count, (size_t)take, sizeof(b->wire) - b->n);
	memcpy(b->wire + b->n, bytes, count);
	b->n += count;
	return count;
}

static unsigned int bench_queued(struct tty_struct *tty)
{
	struct bench *b = tty->driver_data;

	return b->queued;
}

static const struct tty_operations bench_ops = {
	.write = bench_write,
	.chars_in_buffer = bench_queued,
};

static int bench_init(struct kunit *test)
{
	static const int all[] = { 4096 };
	struct bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	const char *why;
	struct llp_line *l;

	KUNIT_ASSERT_NOT_NULL(test, b);
	test->priv = b;
	tty_port_init(&b->port);
	b->take = all;
	b->takes = 1;
	b->driver.type = TTY_DRIVER_TYPE_SERIAL;
	b->tty.driver = &b->driver;
	b->tty.ops = &bench_ops;
	b->tty.port = &b->port;
	b->tty.driver_data = b;
	l = &b->line;
	l->tty = &b->tty;
	b->tty.disc_data = l;
	l->out = kzalloc(LLP_OUT_SIZE + LLP_LOST_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, l->out);
	l->lost = l->out + LLP_OUT_SIZE;
	llp_line_init(l);
	llp_line_preset(l);
	l->protocol = LLP_PROTO_MLLP;
	llp_params_default(&l->params, LLP_PROTO_MLLP);
	b->file.line = l;
	INIT_LIST_HEAD(&b->file.replies);
	INIT_LIST_HEAD(&b->file.notes);
	list_add_tail(&b->file.node, &l->files);
	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, llp_line_up(l, &why), 0);
	mutex_unlock(&l->lock);
	return 0;
}

static void bench_exit(struct kunit *test)
{
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;

	mutex_lock(&l->lock);
	llp_glue_begin(l);
	llp_recv_close(&b->file);
	llp_send_close(&b->file);
	llp_note_close(&b->file);
	list_del(&b->file.node);
	llp_glue_settle(l);
	mutex_unlock(&l->lock);
	b->tty.disc_data = NULL;
	llp_line_die(l);
	llp_line_free(l);
	kfree(l->out);
	tty_port_destroy(&b->port);
	kfree(b);
}

/* ---- the timer ---- */

/* What the transmitter asks for, and when the timer is due then: ms from now; 0: never. */
struct arming {
	const char *name;
	int check[4];
	int armed[4];
};

static const struct arming armings[] = {
	{ "nothing is due", { 0, 0, 0, 0 }, { 0, 0, 0, 0 } },
	{ "one time", { 5000, 5000, 5000, 5000 }, { 5000, 5000, 5000, 5000 } },
	{ "sooner", { 7000, 6000, 5000, 4000 }, { 7000, 6000, 5000, 4000 } },
	{ "later waits for what was armed", { 5000, 6000, 7000, 0 }, { 5000, 5000, 5000, 5000 } },
	{ "later, then sooner", { 5000, 9000, 4000, 8000 }, { 5000, 5000, 4000, 4000 } },
};

static void arming_name(const struct arming *a, char *to)
{
	strscpy(to, a->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(arming, armings, arming_name);

static void timer_is_armed(struct kunit *test)
{
	const struct arming *a = test->param_value;
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	u64 now = llp_glue_now();
	unsigned int i;

	mutex_lock(&l->lock);
	for (i = 0; i < ARRAY_SIZE(a->check); i++) {
		u64 armed = a->armed[i] ? now + a->armed[i] * NSEC_PER_MSEC : LLP_NEVER;

		l->check = a->check[i] ? now + a->check[i] * NSEC_PER_MSEC : LLP_NEVER;
		llp_glue_begin(l);
		llp_glue_settle(l);
		KUNIT_EXPECT_EQ_MSG(test, l->armed, armed, "step %u", i);
		KUNIT_EXPECT_EQ(test, hrtimer_active(&l->timer), armed != LLP_NEVER);
		if (armed != LLP_NEVER)
			KUNIT_EXPECT_EQ(test, ktime_to_ns(hrtimer_get_expires(&l->timer)), armed);
	}
	mutex_unlock(&l->lock);
}

/* The engine's own deadline, and the transmitter's: the sooner of both. */
static void timer_serves_the_engine(struct kunit *test)
{
	static const u8 begun[] = "\vMSH|";
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;

	llp_glue_receive(l, begun, NULL, sizeof(begun) - 1);
	mutex_lock(&l->lock);
	KUNIT_EXPECT_NE(test, llp_deadline(&l->engine), LLP_NEVER);
	KUNIT_EXPECT_EQ(test, l->armed, llp_deadline(&l->engine));
	l->check = l->armed - NSEC_PER_SEC;
	llp_glue_begin(l);
	llp_glue_settle(l);
	KUNIT_EXPECT_EQ(test, l->armed, l->check);
	mutex_unlock(&l->lock);

	/* The work looks at what is due, which is nothing yet, and arms the timer anew. */
	queue_work(llp_wq, &l->work);
	flush_work(&l->work);
	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, l->armed, l->check);
	l->check = LLP_NEVER;
	mutex_unlock(&l->lock);
	queue_work(llp_wq, &l->work);
	flush_work(&l->work);
	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, l->armed, llp_deadline(&l->engine));
	mutex_unlock(&l->lock);
}

/* A line that is dead or down starts nothing, whoever wakes it. */
static void timer_rests_when_the_line_is_down(struct kunit *test)
{
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;

	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, llp_line_down(l), 0);
	hrtimer_cancel(&l->timer);
	l->armed = LLP_NEVER;
	l->check = llp_glue_now();
	llp_glue_settle(l);
	mutex_unlock(&l->lock);
	llp_ldisc.write_wakeup(&b->tty);
	flush_work(&l->work);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&l->timer));
	KUNIT_EXPECT_EQ(test, b->writes, 0);
}

/* ---- the transmitter ---- */

static const u8 message[] = "MSH|a message\r";
static const u8 framed[] = "\vMSH|a message\r\x1c\r";
#define FRAMED	(sizeof(framed) - 1)

struct taking {
	const char *name;
	int take[8];
	unsigned int takes;
	unsigned int wakeups;	/* that come; then the timer must do */
	unsigned int writes;
	bool whole;
};

static const struct taking takings[] = {
	{ "all at once", { 4096 }, 1, 0, 1, true },
	{ "byte by byte", { 1 }, 1, 0, FRAMED, true },
	{ "nothing at first", { 0, 4096 }, 2, 1, 2, true },
	{ "nothing at first, and never a word", { 0, 4096 }, 2, 0, 2, true },
	{ "some, nothing, the rest", { 3, 0, 4096 }, 3, 1, 3, true },
	{ "woken in vain", { 3, 0, 0, 0, 5, 0, 4096 }, 7, 4, 7, true },
	{ "all but one byte", { FRAMED - 1, 0, 1 }, 3, 1, 3, true },
	{ "the device is going", { -EIO }, 1, 0, 1, false },
	{ "it goes in mid message", { 4, -EIO }, 2, 0, 2, false },
	{ "it goes after a pause", { 4, 0, -EIO }, 3, 1, 3, false },
};

static void taking_name(const struct taking *t, char *to)
{
	strscpy(to, t->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(taking, takings, taking_name);

static struct llp_out *send(struct kunit *test, struct bench *b)
{
	struct llp_out *o = llp_out_new(sizeof(message) - 1, false);

	KUNIT_ASSERT_NOT_NULL(test, o);
	memcpy(o->text, message, sizeof(message) - 1);
	mutex_lock(&b->line.lock);
	KUNIT_EXPECT_EQ(test, llp_send_queue(&b->file, o), 0);
	mutex_unlock(&b->line.lock);
	return o;
}

static void put(struct bench *b, struct llp_out *o)
{
	mutex_lock(&b->line.lock);
	llp_out_put(o);
	mutex_unlock(&b->line.lock);
}

static void driver_takes(struct kunit *test)
{
	const struct taking *t = test->param_value;
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	unsigned int woken = 0;
	struct llp_out *o;

	b->take = t->take;
	b->takes = t->takes;
	o = send(test, b);
	while (l->out_pos < l->out_len && b->writes < t->writes) {
		unsigned int before = b->writes;

		/* It waits for a word of the driver's, and for no longer than this. */
		KUNIT_EXPECT_TRUE(test, test_bit(TTY_DO_WRITE_WAKEUP, &b->tty.flags));
		KUNIT_EXPECT_LE(test, l->armed, l->check);
		/* Woken in vain it does not wait longer than it would have. */
		KUNIT_EXPECT_LE(test, l->check, l->io.now + RETRY);
		if (woken < t->wakeups) {
			woken++;
			llp_ldisc.write_wakeup(&b->tty);
		} else {
			while (hrtimer_active(&l->timer))
				usleep_range(1000, 2000);
		}
		flush_work(&l->work);
		KUNIT_ASSERT_GT(test, b->writes, before);
	}
	KUNIT_EXPECT_EQ(test, b->writes, t->writes);
	KUNIT_EXPECT_FALSE(test, test_bit(TTY_DO_WRITE_WAKEUP, &b->tty.flags));
	if (t->whole)
		KUNIT_EXPECT_EQ(test, b->n, FRAMED);
	KUNIT_EXPECT_LE(test, b->n, FRAMED);
	KUNIT_EXPECT_MEMEQ(test, b->wire, framed, b->n);
	KUNIT_EXPECT_EQ(test, l->out_len, 0);

	/* A word that comes late changes nothing. */
	llp_ldisc.write_wakeup(&b->tty);
	flush_work(&l->work);
	KUNIT_EXPECT_EQ(test, b->writes, t->writes);
	put(b, o);
}

/* What is charged for the wire: a character's time a byte, and what the driver still holds. */
struct leaving {
	const char *name;
	u32 char_time;		/* ns; 0: no wire */
	unsigned int queued;
	bool waits;
};

static const struct leaving leavings[] = {
	{ "no wire, nothing held", 0, 0, false },
	{ "no wire, bytes held", 0, 5, true },
	{ "a wire", 1000000, 0, true },
	{ "a wire, bytes held", 1000000, 5, true },
};

static void leaving_name(const struct leaving *w, char *to)
{
	strscpy(to, w->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(leaving, leavings, leaving_name);

static void last_byte_leaves(struct kunit *test)
{
	const struct leaving *w = test->param_value;
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	u64 before = llp_glue_now();
	struct llp_out *o;

	l->char_time = w->char_time;
	b->queued = w->queued;
	o = send(test, b);
	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, b->n, FRAMED);
	KUNIT_EXPECT_EQ(test, llp_tx_wait(&l->engine), w->waits);
	KUNIT_EXPECT_EQ(test, o->sent, !w->waits);
	if (w->char_time) {
		KUNIT_EXPECT_GE(test, l->leaves, before + FRAMED * w->char_time);
		KUNIT_EXPECT_LE(test, l->check, l->leaves);
	} else if (w->waits) {
		KUNIT_EXPECT_EQ(test, l->check, l->io.now + 100 * NSEC_PER_USEC);
	}
	b->queued = 0;
	mutex_unlock(&l->lock);
	while (!READ_ONCE(o->sent))
		usleep_range(1000, 2000);
	if (w->char_time)
		KUNIT_EXPECT_GE(test, llp_glue_now(), l->leaves);
	put(b, o);
}

/* Nobody looks at the transmitter again by itself. */
static void stop_looking(struct llp_line *l)
{
	do {
		hrtimer_cancel(&l->timer);
		cancel_work_sync(&l->work);
	} while (hrtimer_active(&l->timer) || work_busy(&l->work));
}

/* An HLLP block with @text; Return: its length. */
static unsigned int hllp_block(u8 *block, const char *text)
{
	unsigned int i, n = sprintf(block, "\vD23\r%s", text);
	u8 check = 0;

	for (i = 0; i < n; i++)
		check ^= block[i];
	return n + sprintf(block + n, "%05u%03u\x1c\r", n, check);
}

/* The other station asks, and the file reads it and will answer; Return: its id, or 0. */
static u32 asked(struct bench *b, const char *text)
{
	struct llp_ioc_verdict v = { .verdict = LLP_VERDICT_ANSWER };
	struct llp_line *l = &b->line;
	struct llp_in *m;
	u8 block[64];

	llp_glue_receive(l, block, NULL, hllp_block(block, text));
	mutex_lock(&l->lock);
	m = llp_recv_next(&b->file);
	if (m) {
		v.id = m->id;
		llp_recv_take(&b->file, m);
		if (!llp_recv_taken(&b->file) || llp_recv_verdict(&b->file, &v))
			v.id = 0;
	}
	mutex_unlock(&l->lock);
	return v.id;
}

/*
 * What comes after an answer shows that it has left the transmitter, be it
 * before anybody looked: whoever has it may ask again, the same or something
 * else, and is not refused because the first question is still being served.
 */
static void next_question_overtakes_the_look(struct kunit *test)
{
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	struct llp_out *o;
	const char *why;
	u32 id;

	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, llp_line_down(l), 0);
	KUNIT_EXPECT_EQ(test, llp_line_set_protocol(l, LLP_PROTO_HLLP), 0);
	l->params.queue = 1;
	KUNIT_ASSERT_EQ(test, llp_line_up(l, &why), 0);
	KUNIT_EXPECT_EQ(test, llp_recv_role(&b->file), 0);
	b->file.policy = LLP_POLICY_COMMIT;
	mutex_unlock(&l->lock);

	id = asked(b, "question");
	KUNIT_ASSERT_NE(test, id, 0);
	b->queued = 5;
	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, llp_send_answer(&b->file, id), 0);
	mutex_unlock(&l->lock);
	o = send(test, b);
	KUNIT_EXPECT_GT(test, b->n, sizeof(message));
	stop_looking(l);
	KUNIT_EXPECT_FALSE(test, o->sent);
	b->queued = 0;
	KUNIT_EXPECT_NE(test, asked(b, "question"), 0);
	KUNIT_EXPECT_TRUE(test, o->sent);
	KUNIT_EXPECT_EQ(test, o->error, 0);
	put(b, o);
}

/* ---- what messages are charged with ---- */

struct room {
	u32 n_out, out_bytes, len;
	u32 max_writes, max_bytes;
	bool is;
};

static const struct room rooms[] = {
	{ 0, 0, 1, 1, 1, true },
	{ 0, 0, 5000, 1, 1, true },		/* one is always taken */
	{ 1, 1, 1, 1, 1000, false },
	{ 1, 1, 1, 2, 1000, true },
	{ 1, 999, 1, 2, 1000, true },
	{ 1, 999, 2, 2, 1000, false },
	{ 1, U32_MAX - 1, 5, 1024, LLP_BYTES_MAX, false },	/* no wrapping */
	{ 1023, 0, 1, 1024, 1000, true },
	{ 1024, 0, 1, 1024, 1000, false },
};

static void writes_have_room(struct kunit *test)
{
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	unsigned int i;

	mutex_lock(&l->lock);
	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		const struct room *r = &rooms[i];

		l->n_out = r->n_out;
		l->out_bytes = r->out_bytes;
		l->max_writes = r->max_writes;
		l->max_bytes = r->max_bytes;
		KUNIT_EXPECT_EQ_MSG(test, llp_send_room(l, r->len), r->is, "row %u", i);
	}
	l->n_out = 0;
	l->out_bytes = 0;
	mutex_unlock(&l->lock);
}

struct ready {
	u32 protocol, release;
	bool receiver, unready;
	u32 n_in, in_bytes;	/* of 4 messages and 1000 bytes */
	bool bid;
};

static const struct ready readies[] = {
	{ LLP_PROTO_X328, 0, false, false, 0, 0, false },
	{ LLP_PROTO_X328, 0, true, false, 0, 0, true },
	{ LLP_PROTO_X328, 0, true, true, 0, 0, false },
	{ LLP_PROTO_X328, 0, true, false, 3, 999, true },
	{ LLP_PROTO_X328, 0, true, false, 4, 0, false },
	{ LLP_PROTO_X328, 0, true, false, 0, 1000, false },
	{ LLP_PROTO_HLLP, 0, true, false, 4, 0, false },
	{ LLP_PROTO_MLLP, 1, true, false, 4, 0, true },	/* no word for it: memory bounds */
	{ LLP_PROTO_MLLP, 1, true, false, 4, 1000, false },
	{ LLP_PROTO_MLLP, 2, true, false, 4, 0, false },
};

static void bids_are_welcome(struct kunit *test)
{
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	unsigned int i;

	mutex_lock(&l->lock);
	llp_line_down(l);
	l->max_messages = 4;
	l->max_bytes = 1000;
	for (i = 0; i < ARRAY_SIZE(readies); i++) {
		const struct ready *r = &readies[i];

		l->protocol = r->protocol;
		llp_params_default(&l->params, r->protocol);
		l->params.release = r->release;
		l->receiver = r->receiver ? &b->file : NULL;
		b->file.unready = r->unready;
		l->n_in = r->n_in;
		l->in_bytes = r->in_bytes;
		KUNIT_EXPECT_EQ_MSG(test, !!(llp_recv_ready(l) & LLP_READY_BID), r->bid,
				    "row %u", i);
	}
	l->receiver = NULL;
	l->n_in = 0;
	l->in_bytes = 0;
	mutex_unlock(&l->lock);
}

/* Each message costs its memory while it waits, and nothing afterwards. */
static void messages_are_charged(struct kunit *test)
{
	static const u32 sizes[] = { 1, 100, 1727, 1728, 1984, 1985, 5000, 60000 };
	struct bench *b = test->priv;
	struct llp_line *l = &b->line;
	u32 i, k, size, before = 0;
	struct llp_in *m;
	u8 *frame;

	frame = kunit_kmalloc(test, 60010, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, frame);
	mutex_lock(&l->lock);
	KUNIT_EXPECT_EQ(test, llp_recv_role(&b->file), 0);
	mutex_unlock(&l->lock);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i];
		frame[0] = 0x0b;
		memset(frame + 1, 'x', size);
		frame[size + 1] = 0x1c;
		frame[size + 2] = 0x0d;
		llp_glue_receive(l, frame, NULL, size + 3);
		mutex_lock(&l->lock);
		KUNIT_EXPECT_EQ(test, l->n_in, i + 1);
		KUNIT_EXPECT_GE(test, l->in_bytes, before + size);
		/* Not much more than it needs. */
		KUNIT_EXPECT_LE(test, l->in_bytes, before + 2 * size + LLP_RX_SIZE);
		if (l->rx)
			KUNIT_EXPECT_LE(test, l->rx->size, LLP_RX_SIZE);
		before = l->in_bytes;
		mutex_unlock(&l->lock);
	}
	mutex_lock(&l->lock);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		m = llp_recv_next(&b->file);
		KUNIT_ASSERT_NOT_NULL(test, m);
		KUNIT_EXPECT_EQ(test, m->len, sizes[i]);
		for (k = 0; k < m->len; k++)
			if (m->text[k] != 'x')
				break;
		KUNIT_EXPECT_EQ(test, k, m->len);
		llp_recv_take(&b->file, m);
		KUNIT_EXPECT_TRUE(test, llp_recv_taken(&b->file));
	}
	KUNIT_EXPECT_EQ(test, l->n_in, 0);
	KUNIT_EXPECT_EQ(test, l->in_bytes, 0);
	mutex_unlock(&l->lock);
}

static struct kunit_case glue_cases[] = {
	KUNIT_CASE_PARAM(timer_is_armed, arming_gen_params),
	KUNIT_CASE(timer_serves_the_engine),
	KUNIT_CASE(timer_rests_when_the_line_is_down),
	KUNIT_CASE_PARAM(driver_takes, taking_gen_params),
	KUNIT_CASE_PARAM(last_byte_leaves, leaving_gen_params),
	KUNIT_CASE(next_question_overtakes_the_look),
	KUNIT_CASE(writes_have_room),
	KUNIT_CASE(bids_are_welcome),
	KUNIT_CASE(messages_are_charged),
	{}
};

static struct kunit_suite glue_suite = {
	.name = "n_llp_glue",
	.init = bench_init,
	.exit = bench_exit,
	.test_cases = glue_cases,
};

kunit_test_suite(glue_suite);
