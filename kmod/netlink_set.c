// SPDX-License-Identifier: GPL-2.0
/*
 * line-set: everything is looked at before anything is changed, so that a
 * request is done whole or not at all; and who sent it is told what was wrong.
 */
#include "netlink.h"

const struct nla_policy llp_param_policy[LLP_A_PARAM_MAX + 1] = {
	[LLP_A_PARAM_NAME] = { .type = NLA_NUL_STRING, .len = LLP_NAME_SIZE - 1 },
	[LLP_A_PARAM_VALUE] = { .type = NLA_NUL_STRING, .len = LLP_VALUE_SIZE - 1 },
};

/* As NL_SET_ERR_MSG_ATTR(), of a sentence that is not a literal; it lives as long as the module. */
static void say(struct netlink_ext_ack *extack, const struct nlattr *attr, const char *sentence)
{
	NL_SET_BAD_ATTR(extack, attr);
	if (extack)
		extack->_msg = sentence;
}

static int set_param(struct llp_params *p, u32 protocol, const struct nlattr *attr,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[LLP_A_PARAM_MAX + 1];
	int err;

	err = nla_parse_nested(tb, LLP_A_PARAM_MAX, attr, llp_param_policy, extack);
	if (err)
		return err;
	if (!tb[LLP_A_PARAM_NAME] || !tb[LLP_A_PARAM_VALUE]) {
		say(extack, attr, "A parameter needs a name and a value");
		return -EINVAL;
	}
	err = llp_params_set(p, protocol, nla_data(tb[LLP_A_PARAM_NAME]),
			     nla_data(tb[LLP_A_PARAM_VALUE]));
	if (err == -ENOENT)
		say(extack, tb[LLP_A_PARAM_NAME], "The line's protocol has no such parameter");
	else if (err == -ERANGE)
		say(extack, tb[LLP_A_PARAM_VALUE], "The parameter's value is out of bounds");
	else if (err)
		say(extack, tb[LLP_A_PARAM_VALUE], "Not a value of the parameter's kind");
	return err;
}

static int set_params(struct llp_params *p, u32 protocol, struct genl_info *info)
{
	struct nlattr *attr;
	int err, rest;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rest) {
		if (nla_type(attr) != LLP_A_PARAM)
			continue;
		err = set_param(p, protocol, attr, info->extack);
		if (err)
			return err;
	}
	return 0;
}

static u32 get_number(struct llp_ioc_options *o, u32 option, const struct nlattr *attr)
{
	if (!attr)
		return 0;
	o->mask |= option;
	return nla_get_u32(attr);
}

static int set_options(struct llp_line *l, struct genl_info *info)
{
	struct nlattr **tb = info->attrs;
	struct llp_ioc_options o = {};
	int err;

	o.policy = get_number(&o, LLP_OPTION_POLICY, tb[LLP_A_POLICY]);
	o.max_messages = get_number(&o, LLP_OPTION_MAX_MESSAGES, tb[LLP_A_MAX_MESSAGES]);
	o.max_bytes = get_number(&o, LLP_OPTION_MAX_BYTES, tb[LLP_A_MAX_BYTES]);
	o.max_writes = get_number(&o, LLP_OPTION_MAX_WRITES, tb[LLP_A_MAX_WRITES]);
	/* Without a number, the name says which line is meant. */
	if (tb[LLP_A_LINE] && tb[LLP_A_NAME]) {
		o.mask |= LLP_OPTION_NAME;
		nla_strscpy(o.name, tb[LLP_A_NAME], sizeof(o.name));
	}
	if (!o.mask)
		return 0;
	err = llp_line_set_options(l, &o);
	if (err == -ERANGE)
		say(info->extack, NULL,
		    "max-messages and max-writes are 1 to 1024, max-bytes 1 to 1 GiB");
	else if (err)
		say(info->extack, tb[LLP_A_NAME],
		    "A name has letters, digits and -_.+:@ and begins with a letter or digit");
	return err;
}

/**
 * llp_set_line() - line-set
 * @l: a line that is not dead
 * @info: request; its extack is told what was wrong
 *
 * Return: 0, or a negative errno: nothing was changed.
 */
int llp_set_line(struct llp_line *l, struct genl_info *info)
{
	struct nlattr **tb = info->attrs;
	bool up = tb[LLP_A_UP] ? nla_get_u8(tb[LLP_A_UP]) : l->up;
	bool anew = tb[LLP_A_PROTOCOL] || tb[LLP_A_PARAM];
	struct llp_params params = l->params;
	u32 protocol = l->protocol;
	const char *why;
	int err;

	lockdep_assert_held(&l->lock);
	if (anew && l->up && up) {
		say(info->extack, tb[LLP_A_PROTOCOL] ?: tb[LLP_A_PARAM],
		    "The line is up: it must be down while its protocol is set up");
		return -EBUSY;
	}
	if (tb[LLP_A_PROTOCOL]) {
		protocol = nla_get_u32(tb[LLP_A_PROTOCOL]);
		llp_params_default(&params, protocol);
	}
	err = set_params(&params, protocol, info);
	if (err)
		return err;
	why = up && !l->up ? llp_params_check(&params, protocol) : NULL;
	if (why) {
		say(info->extack, tb[LLP_A_PARAM] ?: tb[LLP_A_UP], why);
		return -EINVAL;
	}
	err = set_options(l, info);
	if (err)
		return err;
	if (!up && l->up)
		llp_line_down(l);
	if (anew)
		llp_line_configure(l, protocol, &params);
	/* Its parameters have just been checked. */
	return up && !l->up ? llp_line_up(l, &why) : 0;
}
