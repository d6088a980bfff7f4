// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family "llp": what can be asked and set. Its source is
 * uapi/llp.yaml; a test compares. Requests are served with a reference to the
 * line, which may die meanwhile: whoever locks it looks at @dead.
 */
#include <linux/module.h>

#include "compat/compat.h"
#include "netlink.h"

static const struct nla_policy llp_policy[LLP_A_MAX + 1] = {
	[LLP_A_LINE] = { .type = NLA_U32 },
	[LLP_A_NAME] = { .type = NLA_NUL_STRING, .len = LLP_NAME_SIZE - 1 },
	[LLP_A_TTY] = { .type = NLA_NUL_STRING, .len = LLP_NAME_SIZE - 1 },
	[LLP_A_PROTOCOL] = NLA_POLICY_MAX(NLA_U32, 2),
	[LLP_A_UP] = NLA_POLICY_MAX(NLA_U8, 1),
	[LLP_A_POLICY] = NLA_POLICY_MAX(NLA_U32, 2),
	[LLP_A_MAX_MESSAGES] = { .type = NLA_U32 },
	[LLP_A_MAX_BYTES] = { .type = NLA_U32 },
	[LLP_A_MAX_WRITES] = { .type = NLA_U32 },
	[LLP_A_PARAM] = NLA_POLICY_NESTED(llp_param_policy),
};

/* ---- which line ---- */

/* Whether the line has every attribute that was asked for. */
static bool fits(struct llp_line *l, struct nlattr **tb)
{
	bool yes;

	mutex_lock(&l->lock);
	yes = !l->dead &&
	      (!tb[LLP_A_NAME] || !nla_strcmp(tb[LLP_A_NAME], l->name)) &&
	      (!tb[LLP_A_TTY] || !nla_strcmp(tb[LLP_A_TTY], l->tty_name)) &&
	      (!tb[LLP_A_PROTOCOL] || nla_get_u32(tb[LLP_A_PROTOCOL]) == l->protocol) &&
	      (!tb[LLP_A_UP] || nla_get_u8(tb[LLP_A_UP]) == l->up);
	mutex_unlock(&l->lock);
	return yes;
}

/* The line with this number, name or tty, the first of them that is there. */
static struct llp_line *find(struct genl_info *info)
{
	struct nlattr *by[LLP_A_MAX + 1] = {};
	struct llp_line *l = NULL;
	u32 number;

	if (info->attrs[LLP_A_LINE]) {
		l = llp_line_find(nla_get_u32(info->attrs[LLP_A_LINE]));
		if (!l)
			NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LLP_A_LINE],
					    "There is no line with this number");
		return l ?: ERR_PTR(-ENODEV);
	}
	if (info->attrs[LLP_A_NAME] && *(char *)nla_data(info->attrs[LLP_A_NAME])) {
		by[LLP_A_NAME] = info->attrs[LLP_A_NAME];
	} else if (info->attrs[LLP_A_TTY]) {
		by[LLP_A_TTY] = info->attrs[LLP_A_TTY];
	} else {
		NL_SET_ERR_MSG(info->extack, "Which line? Its number, name or tty is missing");
		return ERR_PTR(-EINVAL);
	}
	for (number = 0; number < llp_max_lines; number++) {
		l = llp_line_find(number);
		if (l && fits(l, by))
			return l;
		if (l)
			put_device(&l->dev);
	}
	NL_SET_ERR_MSG_ATTR(info->extack, by[LLP_A_NAME] ?: by[LLP_A_TTY],
			    "There is no line with this name or tty");
	return ERR_PTR(-ENODEV);
}

/* ---- requests ---- */

typedef int (*put_fn)(struct sk_buff *skb, struct llp_line *l);

/* One message about the line; Return: 0, -ENODEV or -EMSGSIZE. */
static int tell(struct sk_buff *skb, struct llp_line *l, put_fn put, u8 cmd, u32 portid, u32 seq,
		int flags)
{
	void *head = genlmsg_put(skb, portid, seq, &llp_family, flags, cmd);
	int err = -EMSGSIZE;

	if (!head)
		return err;
	mutex_lock(&l->lock);
	err = l->dead ? -ENODEV : put(skb, l);
	mutex_unlock(&l->lock);
	if (err)
		genlmsg_cancel(skb, head);
	else
		genlmsg_end(skb, head);
	return err;
}

static int answer(struct genl_info *info, put_fn put)
{
	struct llp_line *l = find(info);
	struct sk_buff *skb;
	int err = -ENOMEM;

	if (IS_ERR(l))
		return PTR_ERR(l);
	skb = genlmsg_new(LLP_MSG_SIZE, GFP_KERNEL);
	if (skb)
		err = tell(skb, l, put, info->genlhdr->cmd, info->snd_portid, info->snd_seq, 0);
	put_device(&l->dev);
	if (!err)
		return genlmsg_reply(skb, info);
	nlmsg_free(skb);
	return err;
}

/* All lines that fit; which is next stands in args[0] and outlasts lines that go. */
static int dump(struct sk_buff *skb, struct netlink_callback *cb, put_fn put, u8 cmd)
{
	struct nlattr **tb = llp_dump_attrs(cb);
	struct llp_line *l;
	int err = 0;

	for (; !err && cb->args[0] < llp_max_lines; cb->args[0] += !err) {
		l = llp_line_find(cb->args[0]);
		if (!l)
			continue;
		if (fits(l, tb))
			err = tell(skb, l, put, cmd, NETLINK_CB(cb->skb).portid,
				   cb->nlh->nlmsg_seq, NLM_F_MULTI);
		put_device(&l->dev);
		if (err == -ENODEV)
			err = 0;
	}
	/* What is there goes first; the line that did not fit is the next message's. */
	return skb->len ?: err;
}

static int do_line_get(struct sk_buff *skb, struct genl_info *info)
{
	return answer(info, llp_put_line);
}

static int dump_line_get(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, llp_put_line, LLP_CMD_LINE_GET);
}

static int do_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	return answer(info, llp_put_stats);
}

static int dump_stats_get(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, llp_put_stats, LLP_CMD_STATS_GET);
}

static int do_line_set(struct sk_buff *skb, struct genl_info *info)
{
	struct llp_line *l = find(info);
	int err;

	if (IS_ERR(l))
		return PTR_ERR(l);
	mutex_lock(&l->lock);
	err = l->dead ? -ENODEV : llp_set_line(l, info);
	mutex_unlock(&l->lock);
	put_device(&l->dev);
	return err;
}

static const struct genl_small_ops llp_ops[] = {
	{
		.cmd	= LLP_CMD_LINE_GET,
		.doit	= do_line_get,
		.dumpit	= dump_line_get,
	}, {
		.cmd	= LLP_CMD_LINE_SET,
		.doit	= do_line_set,
		.flags	= GENL_ADMIN_PERM,
	}, {
		.cmd	= LLP_CMD_STATS_GET,
		.doit	= do_stats_get,
		.dumpit	= dump_stats_get,
	},
};

static const struct genl_multicast_group llp_groups[] = {
	{ .name = LLP_MCGRP_EVENTS },
};

struct genl_family llp_family __ro_after_init = {
	.name		= LLP_FAMILY_NAME,
	.version	= LLP_FAMILY_VERSION,
	.maxattr	= LLP_A_MAX,
	.policy		= llp_policy,
	.small_ops	= llp_ops,
	.n_small_ops	= ARRAY_SIZE(llp_ops),
	.mcgrps		= llp_groups,
	.n_mcgrps	= ARRAY_SIZE(llp_groups),
	.module		= THIS_MODULE,
};

/**
 * llp_netlink_init() - registers the family
 *
 * Context: the module's start.
 * Return: 0, or a negative errno.
 */
int __init llp_netlink_init(void)
{
	return genl_register_family(&llp_family);
}

/**
 * llp_netlink_exit() - takes the family away; sleeps until no request is being served
 *
 * Context: the module's end.
 */
void llp_netlink_exit(void)
{
	genl_unregister_family(&llp_family);
}
