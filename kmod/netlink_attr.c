// SPDX-License-Identifier: GPL-2.0
/* What netlink tells of a line, as attributes. */
#include "netlink.h"

/**
 * llp_put_who() - puts into a message which line it is about
 * @skb: message
 * @l: the line
 *
 * Return: 0 or -EMSGSIZE.
 */
int llp_put_who(struct sk_buff *skb, const struct llp_line *l)
{
	if (nla_put_u32(skb, LLP_A_LINE, l->number) ||
	    nla_put_string(skb, LLP_A_NAME, l->name) ||
	    nla_put_string(skb, LLP_A_TTY, l->tty_name))
		return -EMSGSIZE;
	return 0;
}

static int put_params(struct sk_buff *skb, const struct llp_line *l)
{
	char value[LLP_VALUE_SIZE];
	const struct llp_param *p;
	struct nlattr *nest;
	u32 i;

	for (i = 0; (p = llp_param_at(i)) != NULL; i++) {
		if (!(p->protocols & BIT(l->protocol)) ||
		    llp_params_get(&l->params, l->protocol, p->name, value, sizeof(value)) < 0)
			continue;
		nest = nla_nest_start(skb, LLP_A_PARAM);
		if (!nest || nla_put_string(skb, LLP_A_PARAM_NAME, p->name) ||
		    nla_put_string(skb, LLP_A_PARAM_VALUE, value))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

/**
 * llp_put_line() - puts what line-get tells
 * @skb: message
 * @l: the line
 *
 * Return: 0 or -EMSGSIZE.
 */
int llp_put_line(struct sk_buff *skb, struct llp_line *l)
{
	struct llp_ioc_info info;

	llp_line_info(l, &info);
	if (llp_put_who(skb, l) ||
	    nla_put_u32(skb, LLP_A_PROTOCOL, info.protocol) ||
	    nla_put_u8(skb, LLP_A_UP, l->up) ||
	    nla_put_string(skb, LLP_A_STATE, info.state) ||
	    nla_put_u32(skb, LLP_A_FLAGS, info.flags) ||
	    nla_put_u32(skb, LLP_A_POLICY, info.policy) ||
	    nla_put_u32(skb, LLP_A_MAX_MESSAGES, info.max_messages) ||
	    nla_put_u32(skb, LLP_A_MAX_BYTES, info.max_bytes) ||
	    nla_put_u32(skb, LLP_A_MAX_WRITES, info.max_writes) ||
	    nla_put_u32(skb, LLP_A_MESSAGES, info.messages) ||
	    nla_put_u32(skb, LLP_A_BYTES, info.bytes) ||
	    nla_put_u32(skb, LLP_A_WRITES, info.writes) ||
	    nla_put_u32(skb, LLP_A_SPEED, info.speed) ||
	    nla_put_u32(skb, LLP_A_CHAR_TIME, info.char_time))
		return -EMSGSIZE;
	return put_params(skb, l);
}

static int put_counters(struct sk_buff *skb, const struct llp_line *l)
{
	struct nlattr *nest;
	const char *name;
	u64 value;
	u32 i;

	for (i = 0; (name = llp_stats_counter(l, i, &value)) != NULL; i++) {
		nest = nla_nest_start(skb, LLP_A_COUNTER);
		if (!nest || nla_put_string(skb, LLP_A_COUNTER_NAME, name) ||
		    nla_put_u64_64bit(skb, LLP_A_COUNTER_VALUE, value, LLP_A_COUNTER_PAD))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

static int put_turnaround(struct sk_buff *skb, const struct llp_ioc_turnaround *t)
{
	struct nlattr *nest = nla_nest_start(skb, LLP_A_TURNAROUND);
	u32 i;

	if (!nest ||
	    nla_put_u64_64bit(skb, LLP_A_TURNAROUND_COUNT, t->count, LLP_A_TURNAROUND_PAD) ||
	    nla_put_u64_64bit(skb, LLP_A_TURNAROUND_SUM, t->sum, LLP_A_TURNAROUND_PAD) ||
	    nla_put_u64_64bit(skb, LLP_A_TURNAROUND_LONGEST, t->max, LLP_A_TURNAROUND_PAD))
		return -EMSGSIZE;
	for (i = 0; i < LLP_BUCKETS; i++)
		if (nla_put_u64_64bit(skb, LLP_A_TURNAROUND_BUCKET, t->bucket[i],
				      LLP_A_TURNAROUND_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * llp_put_stats() - puts what stats-get tells
 * @skb: message
 * @l: the line
 *
 * Return: 0 or -EMSGSIZE.
 */
int llp_put_stats(struct sk_buff *skb, struct llp_line *l)
{
	return llp_put_who(skb, l) ?: put_counters(skb, l) ?: put_turnaround(skb, &l->turnaround);
}
