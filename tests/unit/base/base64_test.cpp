// SPDX-License-Identifier: BSD-3-Clause
#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llp {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Base64, TheVectorsOfItsStandard) {
  const std::string text = "foobar";
  const std::vector<std::string> coded{"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (std::size_t n = 0; n < coded.size(); ++n) {
    const Bytes bytes(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(base64(bytes), coded[n]);
    EXPECT_EQ(from_base64(coded[n]), bytes);
  }
}

TEST(Base64, EveryByteThereAndBack) {
  Bytes all;
  for (unsigned i = 0; i < 256; ++i) all.push_back(static_cast<std::uint8_t>(i));
  EXPECT_EQ(from_base64(base64(all)), all);
}

TEST(Base64, WhatItIsNot) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n", "Zm=v", "Zm-_", "=m9v"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

}  // namespace
}  // namespace llp
