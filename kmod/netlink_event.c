// SPDX-License-Identifier: GPL-2.0
/*
 * What the group "events" is told. Nothing is made while nobody listens. Who
 * cannot keep up, or when there is no memory, learns of it by ENOBUFS.
 */
#include "netlink.h"

#define EVENTS	0	/* the group's place in the family */

#define SAME(uapi, here)	static_assert((int)(uapi) == (int)(here))
SAME(LLP_LINE_CHANGE_APPEARED, LLP_LINE_APPEARED);
SAME(LLP_LINE_CHANGE_UP, LLP_LINE_UP);
SAME(LLP_LINE_CHANGE_DOWN, LLP_LINE_DOWN);
SAME(LLP_LINE_CHANGE_CHANGED, LLP_LINE_CHANGED);
SAME(LLP_LINE_CHANGE_GONE, LLP_LINE_GONE);

struct event {
	struct sk_buff *skb;
	void *head;
};

/* Return: whether there is somebody to tell, and the memory to. */
static bool begin(struct event *e, const struct llp_line *l, u8 cmd)
{
	lockdep_assert_held(&l->lock);
	if (!genl_has_listeners(&llp_family, &init_net, EVENTS))
		return false;
	e->skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL | __GFP_NOWARN);
	e->head = e->skb ? genlmsg_put(e->skb, 0, 0, &llp_family, 0, cmd) : NULL;
	if (e->head && !llp_put_who(e->skb, l) &&
	    !nla_put_u64_64bit(e->skb, LLP_A_TIME, llp_glue_now(), LLP_A_PAD))
		return true;
	nlmsg_free(e->skb);
	genl_set_err(&llp_family, &init_net, 0, EVENTS, -ENOBUFS);
	return false;
}

static void end(struct event *e, int err)
{
	if (err) {
		nlmsg_free(e->skb);
		return;
	}
	genlmsg_end(e->skb, e->head);
	genlmsg_multicast(&llp_family, e->skb, 0, EVENTS, GFP_KERNEL);
}

/**
 * llp_netlink_line() - tells what happens to a line as a whole
 * @l: the line
 * @event: what
 */
void llp_netlink_line(struct llp_line *l, enum llp_line_event event)
{
	struct event e;

	if (begin(&e, l, LLP_CMD_LINE_EVENT))
		end(&e, nla_put_u32(e.skb, LLP_A_CHANGE, event) ?:
			nla_put_u32(e.skb, LLP_A_PROTOCOL, l->protocol) ?:
			nla_put_u8(e.skb, LLP_A_UP, l->up));
}

static int put_message(struct sk_buff *skb, enum llp_message_event event, u32 id, u32 error)
{
	return nla_put_u32(skb, LLP_A_EVENT, event) ?:
	       nla_put_u32(skb, LLP_A_MESSAGE, id) ?:
	       nla_put_u32(skb, LLP_A_ERROR, error);
}

/**
 * llp_netlink_received() - tells that a message was received whole
 * @l: the line
 * @ev: LLP_EV_END
 * @error: it came to nothing after all: positive errno, else 0
 */
void llp_netlink_received(struct llp_line *l, const struct llp_event *ev, u32 error)
{
	struct event e;
	u32 flags = ev->flags & (LLP_MSG_PENDING | LLP_MSG_REPLY | LLP_MSG_ACK | LLP_MSG_LATE |
				 LLP_MSG_REPEAT);
	int err;

	if (!begin(&e, l, LLP_CMD_MESSAGE_EVENT))
		return;
	err = put_message(e.skb, error ? LLP_MESSAGE_EVENT_CANCELLED : LLP_MESSAGE_EVENT_IN,
			  ev->id, error) ?:
	      nla_put_u32(e.skb, LLP_A_LENGTH, ev->len) ?:
	      nla_put_u32(e.skb, LLP_A_MESSAGE_FLAGS, flags);
	if (!err && (flags & LLP_MSG_REPLY))
		err = nla_put_u32(e.skb, LLP_A_REPLY_TO, ev->reply_to);
	end(&e, err);
}

/**
 * llp_netlink_sent() - tells how the transfer of a message ended
 * @l: the line
 * @o: message
 * @error: positive errno, 0: none
 * @outcome: enum llp_outcome
 *
 * May come from the engine's callback, and does not call it.
 */
void llp_netlink_sent(struct llp_line *l, const struct llp_out *o, u32 error, u32 outcome)
{
	struct event e;

	if (begin(&e, l, LLP_CMD_MESSAGE_EVENT))
		end(&e, put_message(e.skb, error ? LLP_MESSAGE_EVENT_FAILED : LLP_MESSAGE_EVENT_OUT,
				    o->id, error) ?:
			nla_put_u32(e.skb, LLP_A_LENGTH, o->len) ?:
			nla_put_u32(e.skb, LLP_A_OUTCOME, outcome));
}

static void cancelled(struct llp_line *l, const struct llp_event *ev)
{
	struct event e;

	if (begin(&e, l, LLP_CMD_MESSAGE_EVENT))
		end(&e, put_message(e.skb, LLP_MESSAGE_EVENT_CANCELLED, ev->id,
				    llp_cause_errno(ev->cause, LLP_OUT_NOT_SENT)));
}

static void frame(struct llp_line *l, const struct llp_event *ev)
{
	bool again = ev->out && (ev->flags & LLP_FRAME_AGAIN);
	struct event e;

	/* The usual course of things is not an exception. */
	if (ev->out ? !again : ev->verdict == LLP_FV_GOOD)
		return;
	if (begin(&e, l, LLP_CMD_EXCEPTION))
		end(&e, nla_put_u32(e.skb, LLP_A_EXCEPTION,
				    again ? LLP_EXCEPTION_AGAIN : LLP_EXCEPTION_FRAME) ?:
			nla_put_string(e.skb, LLP_A_FRAME, llp_frame_name(ev->frame)) ?:
			nla_put_string(e.skb, LLP_A_VERDICT, llp_frame_verdict_name(ev->verdict)) ?:
			nla_put_u32(e.skb, LLP_A_LENGTH, ev->len));
}

static void timer(struct llp_line *l, const struct llp_event *ev)
{
	struct event e;

	if (begin(&e, l, LLP_CMD_EXCEPTION))
		end(&e, nla_put_u32(e.skb, LLP_A_EXCEPTION, LLP_EXCEPTION_TIMER) ?:
			nla_put_string(e.skb, LLP_A_TIMER, llp_timer_name(&l->engine, ev->num)));
}

static void simple(struct llp_line *l, const struct llp_event *ev, enum llp_exception what)
{
	struct event e;

	if (begin(&e, l, LLP_CMD_EXCEPTION))
		end(&e, nla_put_u32(e.skb, LLP_A_EXCEPTION, what) ?:
			nla_put_u32(e.skb, LLP_A_LENGTH, ev->len));
}

/**
 * llp_netlink_event() - tells what of the engine's events is out of the ordinary
 * @l: the line
 * @ev: any event
 *
 * Comes from the engine's callback, and does not call it.
 */
void llp_netlink_event(struct llp_line *l, const struct llp_event *ev)
{
	switch (ev->type) {
	case LLP_EV_CANCEL:
		cancelled(l, ev);
		break;
	case LLP_EV_FRAME:
		frame(l, ev);
		break;
	case LLP_EV_TIMER:
		timer(l, ev);
		break;
	case LLP_EV_LOST:
		simple(l, ev, LLP_EXCEPTION_LOST);
		break;
	case LLP_EV_DISCONNECT:
		simple(l, ev, LLP_EXCEPTION_DISCONNECT);
		break;
	default:
		break;
	}
}
