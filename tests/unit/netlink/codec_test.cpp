// SPDX-License-Identifier: BSD-3-Clause
// The family's messages, made as the module makes them (netlink_attr.c,
// netlink_event.c), and read.
#include "netlink/codec.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include <cstring>
#include <vector>

namespace llp::netlink {
namespace {

constexpr int kFamily = 30;

struct Made {
  Message message;
  explicit Made(unsigned char command) : message(request(kFamily, command, 0)) {}
  nl_msg* get() const { return message.get(); }
  const nlmsghdr& header() const { return *nlmsg_hdr(message.get()); }
  Made& u32(int type, std::uint32_t v) {
    EXPECT_EQ(nla_put_u32(get(), type, v), 0);
    return *this;
  }
  Made& u64(int type, std::uint64_t v) {
    EXPECT_EQ(nla_put_u64(get(), type, v), 0);
    return *this;
  }
  Made& text(int type, const char* v) {
    EXPECT_EQ(nla_put_string(get(), type, v), 0);
    return *this;
  }
  Made& who() { return u32(LLP_A_LINE, 3).text(LLP_A_NAME, "chem").text(LLP_A_TTY, "ttyS1"); }
  Made& param(const char* name, const char* value) {
    nlattr* nest = nla_nest_start(get(), LLP_A_PARAM);
    text(LLP_A_PARAM_NAME, name).text(LLP_A_PARAM_VALUE, value);
    nla_nest_end(get(), nest);
    return *this;
  }
};

TEST(NetlinkCodec, ALine) {
  Made m(LLP_CMD_LINE_GET);
  m.who().u32(LLP_A_PROTOCOL, LLP_PROTOCOL_HLLP);
  EXPECT_EQ(nla_put_u8(m.get(), LLP_A_UP, 1), 0);
  m.text(LLP_A_STATE, "idle").u32(LLP_A_FLAGS, LLP_INFO_UP | LLP_INFO_READY).u32(LLP_A_POLICY, 2);
  m.u32(LLP_A_MAX_MESSAGES, 8).u32(LLP_A_MAX_BYTES, 1 << 20).u32(LLP_A_MAX_WRITES, 64);
  m.u32(LLP_A_MESSAGES, 1).u32(LLP_A_BYTES, 222).u32(LLP_A_WRITES, 2);
  m.u32(LLP_A_SPEED, 9600).u32(LLP_A_CHAR_TIME, 1041666);
  m.param("vv", "21").param("t_in", "500ms");
  const auto line = line_of(m.header());
  ASSERT_TRUE(line);
  const LineStatus wanted{.line = 3,
                          .name = "chem",
                          .tty = "ttyS1",
                          .protocol = LLP_PROTOCOL_HLLP,
                          .up = true,
                          .state = "idle",
                          .flags = LLP_INFO_UP | LLP_INFO_READY,
                          .policy = 2,
                          .max_messages = 8,
                          .max_bytes = 1 << 20,
                          .max_writes = 64,
                          .messages = 1,
                          .bytes = 222,
                          .writes = 2,
                          .speed = 9600,
                          .char_time = 1041666,
                          .params = {{"vv", "21"}, {"t_in", "500ms"}}};
  EXPECT_EQ(*line, wanted);
  EXPECT_FALSE(stats_of(m.header()));
  EXPECT_FALSE(event_of(m.header()));
}

TEST(NetlinkCodec, Statistics) {
  Made m(LLP_CMD_STATS_GET);
  m.who();
  for (const auto& [name, value] : {std::pair{"rx_bytes", 5'000'000'000ULL}, std::pair{"naks_sent", 2ULL}}) {
    nlattr* nest = nla_nest_start(m.get(), LLP_A_COUNTER);
    m.text(LLP_A_COUNTER_NAME, name).u64(LLP_A_COUNTER_VALUE, value);
    nla_nest_end(m.get(), nest);
  }
  nlattr* nest = nla_nest_start(m.get(), LLP_A_TURNAROUND);
  m.u64(LLP_A_TURNAROUND_COUNT, 7).u64(LLP_A_TURNAROUND_SUM, 90'000).u64(LLP_A_TURNAROUND_LONGEST, 40'000);
  for (unsigned i = 0; i < LLP_BUCKETS + 2; ++i) m.u64(LLP_A_TURNAROUND_BUCKET, i);
  nla_nest_end(m.get(), nest);

  const auto stats = stats_of(m.header());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->line, 3U);
  EXPECT_EQ(stats->counter("rx_bytes"), 5'000'000'000U);
  EXPECT_EQ(stats->counter("naks_sent"), 2U);
  EXPECT_EQ(stats->counter("of another kernel"), 0U);
  EXPECT_EQ(stats->turnaround.count, 7U);
  EXPECT_EQ(stats->turnaround.sum, 90'000U);
  EXPECT_EQ(stats->turnaround.longest, 40'000U);
  EXPECT_EQ(stats->turnaround.bucket[5], 5U);
  // Buckets past ours are all above.
  EXPECT_EQ(stats->turnaround.bucket.back(), 23U + 24U + 25U);
}

TEST(NetlinkCodec, Events) {
  Made line(LLP_CMD_LINE_EVENT);
  line.who().u64(LLP_A_TIME, 77).u32(LLP_A_CHANGE, LLP_LINE_CHANGE_DOWN).u32(LLP_A_PROTOCOL, 1);
  EXPECT_EQ(event_of(line.header()),
            (Event{3, "chem", "ttyS1", 77, LineEvent{LLP_LINE_CHANGE_DOWN, 1, false}}));

  Made in(LLP_CMD_MESSAGE_EVENT);
  in.who().u64(LLP_A_TIME, 78).u32(LLP_A_EVENT, LLP_MESSAGE_EVENT_IN).u32(LLP_A_MESSAGE, 9);
  in.u32(LLP_A_ERROR, 0).u32(LLP_A_LENGTH, 384).u32(LLP_A_MESSAGE_FLAGS, LLP_MSG_REPLY);
  in.u32(LLP_A_REPLY_TO, 4);
  EXPECT_EQ(event_of(in.header()),
            (Event{3, "chem", "ttyS1", 78,
                   MessageEvent{LLP_MESSAGE_EVENT_IN, 9, 384, 0, std::nullopt, LLP_MSG_REPLY, 4}}));

  Made odd(LLP_CMD_EXCEPTION);
  odd.who().u64(LLP_A_TIME, 79).u32(LLP_A_EXCEPTION, LLP_EXCEPTION_FRAME).text(LLP_A_FRAME, "block");
  odd.text(LLP_A_VERDICT, "bad check").u32(LLP_A_LENGTH, 120);
  EXPECT_EQ(
      event_of(odd.header()),
      (Event{3, "chem", "ttyS1", 79, ExceptionEvent{LLP_EXCEPTION_FRAME, "block", "bad check", "", 120}}));

  Made later(LLP_CMD_EXCEPTION);  // of a kernel that has more of them
  later.who().u32(LLP_A_EXCEPTION, LLP_EXCEPTION_DISCONNECT + 1);
  EXPECT_FALSE(event_of(later.header()));
}

// Any message cut at any byte, with any byte changed, is read or refused.
TEST(NetlinkCodec, DamageDoesNoHarm) {
  Made m(LLP_CMD_LINE_GET);
  m.who().u32(LLP_A_PROTOCOL, 1).param("vv", "21");
  const std::size_t size = m.header().nlmsg_len;
  std::size_t read = 0;
  for (std::size_t i = 0; i <= size; ++i) {
    for (const int change : {0x00, 0x01, 0x80, 0xff}) {
      std::vector<std::uint32_t> copy((size + 3) / 4);
      auto* bytes = reinterpret_cast<unsigned char*>(copy.data());
      std::memcpy(bytes, &m.header(), size);
      if (i < size) bytes[i] = static_cast<unsigned char>(bytes[i] ^ change);
      auto* header = reinterpret_cast<nlmsghdr*>(bytes);
      header->nlmsg_len = static_cast<std::uint32_t>(change == 0 ? std::max(i, sizeof(nlmsghdr)) : size);
      read += line_of(*header).has_value() ? 1 : 0;
      static_cast<void>(stats_of(*header));
      static_cast<void>(event_of(*header));
      static_cast<void>(sentence_of(*header));
    }
  }
  EXPECT_GT(read, 0U);
}

std::vector<std::uint32_t> refusal(bool capped, const char* sentence) {
  std::vector<std::uint32_t> out;
  const Message message(nlmsg_alloc());
  nlmsghdr* header =
      nlmsg_put(message.get(), 0, 1, NLMSG_ERROR, 0, NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0));
  nlmsgerr error{};
  error.error = -EBUSY;
  error.msg.nlmsg_len = sizeof(nlmsghdr) + 10;
  EXPECT_EQ(nlmsg_append(message.get(), &error, sizeof error, NLMSG_ALIGNTO), 0);
  char request[10] = {};
  if (!capped) EXPECT_EQ(nlmsg_append(message.get(), request, sizeof request, NLMSG_ALIGNTO), 0);
  EXPECT_EQ(nla_put_u32(message.get(), NLMSGERR_ATTR_OFFS, 20), 0);
  EXPECT_EQ(nla_put_string(message.get(), NLMSGERR_ATTR_MSG, sentence), 0);
  out.resize((header->nlmsg_len + 3) / 4);
  std::memcpy(out.data(), header, header->nlmsg_len);
  return out;
}

TEST(NetlinkCodec, TheKernelsSentence) {
  for (const bool capped : {false, true}) {
    const auto made = refusal(capped, "The line is up");
    EXPECT_EQ(sentence_of(*reinterpret_cast<const nlmsghdr*>(made.data())), "The line is up") << capped;
  }
}

TEST(NetlinkCodec, RequestsHoldWhatIsAskedFor) {
  const Message m = request(kFamily, LLP_CMD_LINE_SET, NLM_F_ACK);
  const LineChange change{.name = "chem",
                          .protocol = 1,
                          .params = {{"vv", "22"}, {"t_in", "1s"}},
                          .policy = 2,
                          .max_messages = 5,
                          .max_bytes = 6,
                          .max_writes = 7,
                          .up = false};
  ASSERT_TRUE(put(*m, LineNumber{3}));
  ASSERT_TRUE(put(*m, change, true));
  std::array<nlattr*, LLP_A_MAX + 1> found{};
  ASSERT_EQ(genlmsg_parse(nlmsg_hdr(m.get()), 0, found.data(), LLP_A_MAX, nullptr), 0);
  EXPECT_EQ(nla_get_u32(found[LLP_A_LINE]), 3U);
  EXPECT_STREQ(nla_get_string(found[LLP_A_NAME]), "chem");
  EXPECT_EQ(nla_get_u32(found[LLP_A_PROTOCOL]), 1U);
  EXPECT_EQ(nla_get_u32(found[LLP_A_POLICY]), 2U);
  EXPECT_EQ(nla_get_u32(found[LLP_A_MAX_MESSAGES]), 5U);
  EXPECT_EQ(nla_get_u32(found[LLP_A_MAX_BYTES]), 6U);
  EXPECT_EQ(nla_get_u32(found[LLP_A_MAX_WRITES]), 7U);
  EXPECT_EQ(nla_get_u8(found[LLP_A_UP]), 0U);
  int nests = 0;
  const nlattr* a = genlmsg_attrdata(genlmsg_hdr(nlmsg_hdr(m.get())), 0);
  int left = genlmsg_attrlen(genlmsg_hdr(nlmsg_hdr(m.get())), 0);
  for (; nla_ok(a, left); a = nla_next(a, &left)) nests += nla_type(a) == LLP_A_PARAM ? 1 : 0;
  EXPECT_EQ(nests, 2);
}

TEST(NetlinkCodec, ARequestThatDoesNotFitSaysSo) {
  const Message m = request(kFamily, LLP_CMD_LINE_SET, 0);
  LineChange change;
  for (int i = 0; i < 4000; ++i)
    change.params.push_back({"timer_a", "1234567890123456789012345678901234567890"});
  EXPECT_FALSE(put(*m, change, true));
}

}  // namespace
}  // namespace llp::netlink
