// SPDX-License-Identifier: GPL-2.0
// Generic netlink by hand: requests, replies, extended acknowledgements, events.
#ifndef LLP_KSELFTEST_GENL_H
#define LLP_KSELFTEST_GENL_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "llp_netlink.h"
#include "tty.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

struct genl {
  int socket;
  uint16_t family;
  uint32_t events;  // number of the group
  char said[128];   // the extended acknowledgement's sentence
  size_t size;      // of the request
  _Alignas(8) unsigned char request[4096];
  size_t got;  // of the messages received last
  _Alignas(8) unsigned char reply[65536];
};

static inline void genl_begin(struct genl* g, uint16_t family, uint8_t command, uint16_t flags) {
  memset(g->request, 0, sizeof g->request);
  struct nlmsghdr* head = (struct nlmsghdr*)g->request;
  head->nlmsg_type = family;
  head->nlmsg_flags = NLM_F_REQUEST | flags;
  ((struct genlmsghdr*)NLMSG_DATA(head))->cmd = command;
  ((struct genlmsghdr*)NLMSG_DATA(head))->version = 1;
  g->size = NLMSG_HDRLEN + GENL_HDRLEN;
}

static inline void genl_put(struct genl* g, uint16_t type, const void* value, size_t size) {
  struct nlattr* attribute = (struct nlattr*)(g->request + g->size);
  attribute->nla_type = type;
  attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
  memcpy(attribute + 1, value, size);
  g->size += NLA_ALIGN(NLA_HDRLEN + size);
}

static inline void genl_u32(struct genl* g, uint16_t type, uint32_t value) {
  genl_put(g, type, &value, sizeof value);
}
static inline void genl_u8(struct genl* g, uint16_t type, uint8_t value) {
  genl_put(g, type, &value, sizeof value);
}
static inline void genl_word(struct genl* g, uint16_t type, const char* word) {
  genl_put(g, type, word, strlen(word) + 1);
}

static inline void genl_param(struct genl* g, const char* name, const char* value) {
  struct nlattr* nest = (struct nlattr*)(g->request + g->size);
  size_t start = g->size;
  nest->nla_type = LLP_A_PARAM | NLA_F_NESTED;
  g->size += NLA_HDRLEN;
  genl_word(g, LLP_A_PARAM_NAME, name);
  genl_word(g, LLP_A_PARAM_VALUE, value);
  nest->nla_len = (uint16_t)(g->size - start);
}

// The first attribute of this type, or NULL.
static inline const struct nlattr* genl_in(const void* start, size_t size, uint16_t type) {
  const unsigned char* at = start;
  const unsigned char* end = at + size;
  while (at + NLA_HDRLEN <= end) {
    const struct nlattr* attribute = (const struct nlattr*)at;
    if (attribute->nla_len < NLA_HDRLEN) {
      break;
    }
    if ((attribute->nla_type & NLA_TYPE_MASK) == type) {
      return attribute;
    }
    at += NLA_ALIGN(attribute->nla_len);
  }
  return NULL;
}

static inline const void* genl_value(const struct nlattr* attribute) {
  return attribute ? (const unsigned char*)attribute + NLA_HDRLEN : NULL;
}

static inline const struct nlattr* genl_attr(const struct nlmsghdr* message, uint16_t type) {
  return genl_in((const unsigned char*)NLMSG_DATA(message) + GENL_HDRLEN,
                 message->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, type);
}

// UINT32_MAX: there is none.
static inline uint32_t genl_number(const struct nlmsghdr* message, uint16_t type) {
  const struct nlattr* attribute = genl_attr(message, type);
  uint32_t number = UINT32_MAX;
  if (attribute && attribute->nla_len == NLA_HDRLEN + 1) {
    return *(const uint8_t*)genl_value(attribute);
  }
  if (attribute) {
    memcpy(&number, genl_value(attribute), sizeof number);
  }
  return number;
}

static inline const char* genl_text(const struct nlmsghdr* message, uint16_t type) {
  const char* text = genl_value(genl_attr(message, type));
  return text ? text : "";
}

// The value of parameter or counter `name` in a message's nests of this type; NULL: there is none.
static inline const void* genl_named(const struct nlmsghdr* message, uint16_t type, const char* name) {
  const unsigned char* at = (const unsigned char*)NLMSG_DATA(message) + GENL_HDRLEN;
  const unsigned char* end = (const unsigned char*)message + message->nlmsg_len;
  const struct nlattr* nest;
  while ((nest = genl_in(at, (size_t)(end - at), type))) {
    size_t size = nest->nla_len - NLA_HDRLEN;
    // Names and values have the same numbers in both sets.
    const char* found = genl_value(genl_in(genl_value(nest), size, LLP_A_PARAM_NAME));
    if (found && strcmp(found, name) == 0) {
      return genl_value(genl_in(genl_value(nest), size, LLP_A_PARAM_VALUE));
    }
    at = (const unsigned char*)nest + NLA_ALIGN(nest->nla_len);
  }
  return NULL;
}

static inline bool genl_receive(struct genl* g, int patience_ms) {
  struct pollfd ready = {.fd = g->socket, .events = POLLIN};
  g->got = 0;
  if (poll(&ready, 1, patience_ms) <= 0) {
    return false;
  }
  ssize_t size = recv(g->socket, g->reply, sizeof g->reply, 0);
  g->got = size > 0 ? (size_t)size : 0;
  return size > 0;
}

// Sends the request. 0: an acknowledgement or reply came; else the errno of the refusal.
static inline int genl_call(struct genl* g) {
  struct nlmsghdr* head = (struct nlmsghdr*)g->request;
  head->nlmsg_len = (uint32_t)g->size;
  g->said[0] = 0;
  if (send(g->socket, g->request, g->size, 0) != (ssize_t)g->size || !genl_receive(g, PATIENCE_MS)) {
    return errno ? errno : EIO;
  }
  const struct nlmsghdr* reply = (const struct nlmsghdr*)g->reply;
  if (reply->nlmsg_type != NLMSG_ERROR) {
    return 0;
  }
  const struct nlmsgerr* error = NLMSG_DATA(reply);
  if (reply->nlmsg_flags & NLM_F_ACK_TLVS) {
    // With NETLINK_CAP_ACK only the request's header stands before the attributes.
    size_t before = sizeof *error;
    const char* said = genl_value(genl_in((const unsigned char*)error + before,
                                          reply->nlmsg_len - NLMSG_HDRLEN - before, NLMSGERR_ATTR_MSG));
    snprintf(g->said, sizeof g->said, "%s", said ? said : "");
  }
  return -error->error;
}

// Asks the family's number and that of its group "events"; 0 or errno.
static inline int genl_open(struct genl* g) {
  int one = 1;
  memset(g, 0, sizeof *g);
  g->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
  if (g->socket < 0 || setsockopt(g->socket, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one) != 0 ||
      setsockopt(g->socket, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one) != 0) {
    return errno;
  }
  genl_begin(g, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
  genl_word(g, CTRL_ATTR_FAMILY_NAME, LLP_FAMILY_NAME);
  int failed = genl_call(g);
  if (failed) {
    return failed;
  }
  const struct nlmsghdr* reply = (const struct nlmsghdr*)g->reply;
  memcpy(&g->family, genl_value(genl_attr(reply, CTRL_ATTR_FAMILY_ID)), sizeof g->family);
  const struct nlattr* groups = genl_attr(reply, CTRL_ATTR_MCAST_GROUPS);
  if (!groups) {
    return ENOENT;
  }
  const struct nlattr* group = genl_value(groups);
  const void* id =
      genl_value(genl_in(genl_value(group), group->nla_len - NLA_HDRLEN, CTRL_ATTR_MCAST_GRP_ID));
  memcpy(&g->events, id, sizeof g->events);
  return 0;
}

static inline int genl_listen(struct genl* g) {
  return setsockopt(g->socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &g->events, sizeof g->events) == 0
             ? 0
             : errno;
}

// The next event of this command whose attribute `type` has this value; NULL: none came in time.
static inline const struct nlmsghdr* genl_event(struct genl* g, uint8_t command, uint16_t type,
                                                uint32_t value) {
  while (genl_receive(g, PATIENCE_MS)) {
    const struct nlmsghdr* event = (const struct nlmsghdr*)g->reply;
    const struct genlmsghdr* head = NLMSG_DATA(event);
    if (event->nlmsg_type == g->family && head->cmd == command && genl_number(event, type) == value) {
      return event;
    }
  }
  return NULL;
}

#endif
