// SPDX-License-Identifier: BSD-3-Clause
// Reply matching: which message answers a request.
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "proto/llp_match.h"
}

namespace {

llp_match_scan scan(const std::string& text, std::size_t step = 0) {
  llp_match_scan s{};
  llp_match_begin(&s);
  const auto* p = reinterpret_cast<const u8*>(text.data());
  if (step == 0) step = text.size() + 1;
  for (std::size_t i = 0; i < text.size(); i += step)
    llp_match_feed(&s, p + i, std::min(step, text.size() - i));
  return s;
}

std::string control_id(const llp_match_scan& s) {
  return {reinterpret_cast<const char*>(s.control_id.id), s.control_id.kept};
}
std::string ack_id(const llp_match_scan& s) {
  return {reinterpret_cast<const char*>(s.ack_id.id), s.ack_id.kept};
}

const std::string kRequest = "MSH|^~\\&|LAB|H|LIS|H|20260101||ORU^R01|ID0001|P|2.3\rPID|1\r";
const std::string kReply = "MSH|^~\\&|LIS|H|LAB|H|20260101||ACK|R77|P|2.3\rMSA|AA|ID0001\r";

TEST(Match, FindsControlIdAndAckId) {
  const auto request = scan(kRequest);
  EXPECT_TRUE(request.is_hl7);
  EXPECT_FALSE(request.is_ack);
  EXPECT_EQ(control_id(request), "ID0001");
  const auto reply = scan(kReply);
  EXPECT_TRUE(reply.is_hl7);
  EXPECT_TRUE(reply.is_ack);
  EXPECT_EQ(control_id(reply), "R77");
  EXPECT_EQ(ack_id(reply), "ID0001");
}

TEST(Match, SameResultForEverySplit) {
  for (const auto& text : {kRequest, kReply}) {
    const auto whole = scan(text);
    for (std::size_t step = 1; step <= text.size(); ++step) {
      const auto parts = scan(text, step);
      EXPECT_EQ(parts.is_hl7, whole.is_hl7) << step;
      EXPECT_EQ(parts.is_ack, whole.is_ack) << step;
      EXPECT_EQ(control_id(parts), control_id(whole)) << step;
      EXPECT_EQ(ack_id(parts), ack_id(whole)) << step;
    }
  }
}

TEST(Match, OtherFieldSeparator) {
  const auto reply = scan("MSH*^~\\&*A*B*C*D*E**ACK*R1*P\rMSA*AA*X|9\r");
  EXPECT_TRUE(reply.is_ack);
  EXPECT_EQ(control_id(reply), "R1");
  EXPECT_EQ(ack_id(reply), "X|9");
}

TEST(Match, SegmentsEndedByCrLf) {
  const auto reply = scan("MSH|^~\\&|A|B|C|D|E||ACK|R1|P\r\nMSA|AA|ID7\r\n");
  EXPECT_TRUE(reply.is_ack);
  EXPECT_EQ(ack_id(reply), "ID7");
}

TEST(Match, NotHl7) {
  for (const char* text : {"", "M", "MS", "MSA|AA|1\r", "H|\\^&\rP|1\r", "msh|^~\\&\r", "\rMSH|^~\\&\r"}) {
    const auto s = scan(text);
    EXPECT_FALSE(s.is_hl7) << text;
    EXPECT_FALSE(s.is_ack) << text;
    EXPECT_EQ(s.control_id.len, 0) << text;
  }
}

TEST(Match, SecondSegmentOnly) {
  EXPECT_FALSE(scan("MSH|^~\\&|A\rPID|1\rMSA|AA|ID1\r").is_ack);
  EXPECT_FALSE(scan("MSH|^~\\&|A\rMSB|AA|ID1\r").is_ack);
  EXPECT_FALSE(scan("MSH|^~\\&|A\rMSAX|AA|ID1\r").is_ack);
  EXPECT_FALSE(scan("MSH|^~\\&|A\rMS\rMSA|AA|1\r").is_ack);
  EXPECT_TRUE(scan("MSH|^~\\&|A\rMSA|AA").is_ack);
  EXPECT_TRUE(scan("MSH|^~\\&|A\rMSA\r").is_ack);
}

TEST(Match, ShortHeaderHasNoControlId) {
  const auto s = scan("MSH|^~\\&|A|B|C|D|E||ACK\rMSA|AA\r");
  EXPECT_EQ(s.control_id.len, 0);
  EXPECT_TRUE(s.is_ack);
  EXPECT_EQ(s.ack_id.len, 0);
}

TEST(Match, ManyFieldsDoNotWrapAround) {
  std::string text = "MSH|^~\\&";
  for (int i = 0; i < 700; ++i) text += "|x" + std::to_string(i);
  text += "\rMSA|AA|x7\r";
  const auto s = scan(text);
  EXPECT_EQ(control_id(s), "x7");
  EXPECT_EQ(ack_id(s), "x7");
}

// shows: interop/11/hllp/match
TEST(Match, ModeForRequest) {
  const auto hl7 = scan(kRequest);
  const auto other = scan("H|\\^&\r");
  const auto unnamed = scan("MSH|^~\\&|A\r");
  EXPECT_EQ(llp_match_mode_for(LLP_MATCH_AUTO, &hl7), LLP_MATCH_MSA_ID);
  EXPECT_EQ(llp_match_mode_for(LLP_MATCH_AUTO, &other), LLP_MATCH_LOCKSTEP);
  // Nothing to match by: MSH-10 is missing.
  EXPECT_EQ(llp_match_mode_for(LLP_MATCH_AUTO, &unnamed), LLP_MATCH_LOCKSTEP);
  for (const auto mode : {LLP_MATCH_LOCKSTEP, LLP_MATCH_MSA, LLP_MATCH_MSA_ID})
    EXPECT_EQ(llp_match_mode_for(mode, &hl7), mode);
}

// shows: hllp/D-20
TEST(Match, ReplyByMode) {
  const auto request = scan(kRequest);
  const auto reply = scan(kReply);
  const auto foreign = scan("MSH|^~\\&|A|B|C|D|E||ACK|R1|P\rMSA|AA|ID0002\r");
  const auto message = scan("MSH|^~\\&|A|B|C|D|E||ORU|R2|P\rPID|1\r");
  EXPECT_TRUE(llp_match_reply(LLP_MATCH_LOCKSTEP, &request.control_id, &message));
  EXPECT_FALSE(llp_match_reply(LLP_MATCH_MSA, &request.control_id, &message));
  EXPECT_TRUE(llp_match_reply(LLP_MATCH_MSA, &request.control_id, &foreign));
  EXPECT_FALSE(llp_match_reply(LLP_MATCH_MSA_ID, &request.control_id, &foreign));
  EXPECT_FALSE(llp_match_reply(LLP_MATCH_MSA_ID, &request.control_id, &message));
  EXPECT_TRUE(llp_match_reply(LLP_MATCH_MSA_ID, &request.control_id, &reply));
}

TEST(Match, LongControlIds) {
  const std::string common(LLP_MATCH_ID_MAX, 'A');
  const auto request_of = [](const std::string& id) {
    return scan("MSH|^~\\&|A|B|C|D|E||ORU|" + id + "|P\r");
  };
  const auto reply_of = [](const std::string& id) {
    return scan("MSH|^~\\&|A|B|C|D|E||ACK|1|P\rMSA|AA|" + id + "\r");
  };
  const auto request = request_of(common + "tail-1");
  const auto good = reply_of(common + "tail-1");
  const auto tail = reply_of(common + "tail-2");
  const auto shorter = reply_of(common);
  EXPECT_TRUE(llp_match_reply(LLP_MATCH_MSA_ID, &request.control_id, &good));
  EXPECT_FALSE(llp_match_reply(LLP_MATCH_MSA_ID, &request.control_id, &tail));
  EXPECT_FALSE(llp_match_reply(LLP_MATCH_MSA_ID, &request.control_id, &shorter));
  const auto endless = request_of(std::string(100000, 'B'));
  EXPECT_EQ(endless.control_id.len, 0xffff);
}

TEST(Match, IsHl7) {
  const auto is = [](const char* s) { return llp_match_is_hl7(reinterpret_cast<const u8*>(s), strlen(s)); };
  EXPECT_TRUE(is("MSH|"));
  EXPECT_TRUE(is("FHS"));
  EXPECT_TRUE(is("BHS|x"));
  EXPECT_FALSE(is("MS"));
  EXPECT_FALSE(is("PID|"));
  EXPECT_FALSE(is(""));
}

}  // namespace
