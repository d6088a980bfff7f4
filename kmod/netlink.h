/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the netlink family share. */
#ifndef N_LLP_NETLINK_H
#define N_LLP_NETLINK_H

#include <net/genetlink.h>

#include "line.h"
#include "uapi/llp_netlink.h"

/* Room for a message with all parameters, or all counters, of a line. */
#define LLP_MSG_SIZE	8192

/* netlink.c: */
extern struct genl_family llp_family;

/* netlink_attr.c: attributes into a message */
int llp_put_who(struct sk_buff *skb, const struct llp_line *l);
int llp_put_line(struct sk_buff *skb, struct llp_line *l);
int llp_put_stats(struct sk_buff *skb, struct llp_line *l);

/* netlink_set.c: */
int llp_set_line(struct llp_line *l, struct genl_info *info);
extern const struct nla_policy llp_param_policy[LLP_A_PARAM_MAX + 1];

#endif /* N_LLP_NETLINK_H */
