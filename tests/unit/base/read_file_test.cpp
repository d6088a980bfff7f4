// SPDX-License-Identifier: BSD-3-Clause
#include "base/read_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

namespace llp {
namespace {

using ::testing::HasSubstr;

TEST(ReadFile, AllOfItByteForByte) {
  const std::string path = testing::TempDir() + "llp-read-file";
  std::string content("MSH|^~\\&\r\n\0\xff", 12);
  for (int i = 0; i < 14; ++i) content += content;  // more than one piece
  std::ofstream(path, std::ios::binary) << content;
  const auto text = read_file(path);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, content);
}

TEST(ReadFile, AnEmptyOneIsEmpty) {
  const auto text = read_file("/dev/null");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "");
}

TEST(ReadFile, WhatCannotBeReadIsNamed) {
  const auto absent = read_file("/nonexistent/order.hl7");
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message, HasSubstr("/nonexistent/order.hl7"));
  const auto directory = read_file("/usr");
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("cannot read /usr"));
  EXPECT_THAT(directory.error().message, HasSubstr(errno_text(EISDIR)));
}

}  // namespace
}  // namespace llp
