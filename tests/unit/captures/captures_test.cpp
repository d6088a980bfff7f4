// SPDX-License-Identifier: BSD-3-Clause
// Every file in tests/captures/, with the engine in the place of each station.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "engine_player.hpp"

namespace llp::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string file;  // below tests/captures/
  capture::Side side;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.file; }

std::string content(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream buffer;
  buffer << in.rdbuf();
  return buffer.str();
}

std::vector<std::string> files() {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(LLP_CAPTURES))
    if (entry.path().extension() == ".capture")
      out.push_back(entry.path().lexically_relative(LLP_CAPTURES).string());
  std::sort(out.begin(), out.end());
  return out;
}

// A file that does not parse stands as a case of its own, which fails.
std::vector<Case> cases() {
  std::vector<Case> out;
  for (const auto& file : files()) {
    const auto c = capture::parse(content(fs::path(LLP_CAPTURES) / file));
    for (const auto side : {capture::Side::left, capture::Side::right})
      if (!c || c->station(side).engine) out.push_back({file, side});
  }
  return out;
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string out = info.param.file.substr(0, info.param.file.rfind('.'));
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return out + "_as_" + std::string(capture::side_name(info.param.side));
}

class Captures : public testing::TestWithParam<Case> {};

TEST_P(Captures, Played) {
  const auto& [file, side] = GetParam();
  const auto c = capture::parse(content(fs::path(LLP_CAPTURES) / file));
  ASSERT_TRUE(c) << file << ":" << c.error().line << ": " << c.error().text;
  for (const bool bytewise : {false, true}) {
    auto player = EnginePlayer::make(*c, side, {.bytewise = bytewise});
    ASSERT_TRUE(player) << file << ": " << player.error();
    const auto ok = (*player)->play();
    EXPECT_TRUE(ok) << file << (bytewise ? " (byte by byte)" : "") << ": " << ok.error();
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Captures, testing::ValuesIn(cases()), name_of);

TEST(CaptureFiles, AreThere) { EXPECT_GE(files().size(), 90u); }

TEST(CaptureFiles, WrittenAndReadAgainAreTheSame) {
  for (const auto& file : files()) {
    const auto c = capture::parse(content(fs::path(LLP_CAPTURES) / file));
    ASSERT_TRUE(c) << file << ":" << c.error().line << ": " << c.error().text;
    const std::string text = capture::write(*c);
    const auto again = capture::parse(text);
    ASSERT_TRUE(again) << file << ": " << again.error().text << "\n" << text;
    EXPECT_EQ(capture::write(*again), text) << file;
    ASSERT_EQ(again->entries.size(), c->entries.size()) << file;
    for (std::size_t i = 0; i < c->entries.size(); i++) {
      EXPECT_EQ(again->entries[i].at, c->entries[i].at) << file << ":" << c->entries[i].line;
      EXPECT_EQ(again->entries[i].crossing, c->entries[i].crossing) << file << ":" << c->entries[i].line;
      EXPECT_TRUE(again->entries[i].what == c->entries[i].what) << file << ":" << c->entries[i].line;
    }
    EXPECT_EQ(again->stations, c->stations) << file;
    EXPECT_EQ(again->shows, c->shows) << file;
  }
}

}  // namespace
}  // namespace llp::test
