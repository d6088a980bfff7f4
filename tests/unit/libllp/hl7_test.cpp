// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <llp/hl7.hpp>
#include <llp/message.hpp>

namespace llp {
namespace {

constexpr const char* kOrder = "MSH|^~\\&|APP|LAB|HIS|WARD|2026||ORU^R01|42|P|2.3\rPID|1\r";

TEST(Hl7, AnAcknowledgementNamesWhatItAnswers) {
  const auto ack = acknowledge(as_bytes(kOrder), "AE");
  ASSERT_TRUE(ack);
  const std::string text(ack->begin(), ack->end());
  EXPECT_TRUE(text.starts_with("MSH|^~\\&|HIS|WARD|APP|LAB|")) << text;
  EXPECT_NE(text.find("\rMSA|AE|42\r"), std::string::npos) << text;
  EXPECT_EQ(acknowledgement_code(*ack), "AE");
  EXPECT_FALSE(acknowledge(as_bytes("H|\\^&\r")));
}

TEST(Hl7, ControlIdAndCode) {
  EXPECT_EQ(control_id(as_bytes(kOrder)), "42");
  EXPECT_EQ(control_id(as_bytes("x")), "");
  EXPECT_EQ(acknowledgement_code(as_bytes(kOrder)), "");
  EXPECT_EQ(acknowledgement_code(as_bytes("MSH|^~\\&|A\r\nMSA|AR|1\r")), "AR");
  EXPECT_EQ(acknowledgement_code(as_bytes("MSH|^~\\&|A\rMSA")), "");
  EXPECT_EQ(acknowledgement_code(as_bytes("MSH|^~\\&|A\rMSA|AA")), "AA");
  EXPECT_EQ(acknowledgement_code(as_bytes("MSH|\r")), "");
  EXPECT_EQ(acknowledgement_code(as_bytes("")), "");
}

}  // namespace
}  // namespace llp
