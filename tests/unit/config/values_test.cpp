// SPDX-License-Identifier: BSD-3-Clause
#include "config/values.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/text.hpp"

namespace llp::config {
namespace {

using namespace std::chrono_literals;

TEST(Quote, IsOneLineWhateverWasTyped) {
  EXPECT_EQ(quote("abc"), "'abc'");
  EXPECT_EQ(quote(""), "''");
  EXPECT_EQ(quote("a\nb\x7f\xff"), "'a\\x0ab\\x7f\\xff'");
  EXPECT_EQ(quote(std::string(81, 'x')), "'" + std::string(80, 'x') + "...'");
}

TEST(Suggest, NearNamesOnly) {
  const std::vector<std::string> names{"timer_a", "timer_b", "block_max", "role"};
  EXPECT_EQ(did_you_mean("timer-a", names), "; did you mean 'timer_a'?");
  EXPECT_EQ(did_you_mean("TIMER_B", names), "; did you mean 'timer_b'?");
  EXPECT_EQ(did_you_mean("blok_max", names), "; did you mean 'block_max'?");
  EXPECT_EQ(did_you_mean("rloe", names), "; did you mean 'role'?");
  EXPECT_EQ(did_you_mean("xyz", names), "");
  EXPECT_EQ(did_you_mean("", names), "");
  EXPECT_EQ(did_you_mean(std::string(1000, 'a'), names), "");
}

TEST(Suggest, Lists) {
  EXPECT_EQ(one_of(std::vector<std::string>{}), "");
  EXPECT_EQ(one_of(std::vector<std::string>{"a"}), "a");
  EXPECT_EQ(one_of(std::vector<std::string>{"a", "b", "c"}), "a, b or c");
}

TEST(Unsigned, Bounds) {
  EXPECT_EQ(parse_unsigned("1", 1, 9), 1U);
  EXPECT_EQ(parse_unsigned("9", 1, 9), 9U);
  EXPECT_EQ(parse_unsigned("0", 1, 9).error().message, "'0' is out of bounds, allowed are 1 to 9");
  EXPECT_EQ(parse_unsigned("10", 1, 9).error().message, "'10' is out of bounds, allowed are 1 to 9");
  EXPECT_EQ(parse_unsigned("99999999999999999999", 1, 9).error().message,
            "'99999999999999999999' is out of bounds, allowed are 1 to 9");
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "a"}) {
    EXPECT_EQ(parse_unsigned(text, 1, 9).error().message,
              "'" + std::string(text) + "' is not a number from 1 to 9");
  }
}

TEST(Size, UnitsAndBounds) {
  EXPECT_EQ(parse_size("1", 1, 1U << 30), 1U);
  EXPECT_EQ(parse_size("64k", 1, 1U << 30), 65536U);
  EXPECT_EQ(parse_size("16M", 1, 1U << 30), 16U << 20);
  EXPECT_EQ(parse_size("1G", 1, 1U << 30), 1U << 30);
  EXPECT_EQ(parse_size("2G", 1, 1U << 30).error().message,
            "'2G' is out of bounds, allowed are 1 to 1G bytes");
  EXPECT_EQ(parse_size("18446744073709551615G", 1, 1U << 30).error().message,
            "'18446744073709551615G' is out of bounds, allowed are 1 to 1G bytes");
  for (const char* text : {"", "k", "1kk", "-1", "1.5M", "many"}) {
    EXPECT_FALSE(parse_size(text, 1, 1U << 30)) << text;
  }
  EXPECT_EQ(parse_size("many", 1, 10).error().message,
            "'many' is not a size in bytes, such as 1, 64k or 16M");
}

TEST(DurationText, Units) {
  const std::pair<const char*, Duration> cases[] = {
      {"6", 6s},        {"6s", 6s},       {"500ms", 500ms},      {"20us", 20us},
      {"7ns", 7ns},     {"3min", 180s},   {"2h", 7200s},         {"1.5", 1500ms},
      {"1.5s", 1500ms}, {"0.25min", 15s}, {"0.000000001s", 1ns}, {"1.5ms", 1500us},
      {"0", 0ns},       {"24h", 24h}};
  for (const auto& [text, value] : cases) EXPECT_EQ(parse_duration(text, 0ns, 24h), value) << text;
}

TEST(DurationText, Errors) {
  for (const char* text :
       {"", "s", ".5s", "5.", "5.s", "1.2.3s", "5 s", "5S", "-5s", "5d", "0x5s", "1.0000000001s"}) {
    EXPECT_EQ(parse_duration(text, 1ms, 1h).error().message,
              "'" + std::string(text) +
                  "' is not a time; write a number with us, ms, s, min or h, such as 500ms or 1.5s");
  }
  for (const char* text : {"0", "999us", "3601s", "1000000000000h", "60.1min"}) {
    EXPECT_EQ(parse_duration(text, 1ms, 1h).error().message,
              "'" + std::string(text) + "' is out of bounds, allowed are 1ms to 1h");
  }
}

TEST(DurationText, ComesBackAsItWent) {
  for (const Duration d : {Duration(0), Duration(1ns), Duration(1us), Duration(1500us), Duration(1s),
                           Duration(90s), Duration(3min), Duration(2h), Duration(25h)}) {
    EXPECT_EQ(parse_duration(format_duration(d), 0ns, 48h), d) << format_duration(d);
  }
}

TEST(YesNo, Words) {
  for (const char* text : {"yes", "on", "true", "1"}) EXPECT_EQ(parse_yes_no(text), true);
  for (const char* text : {"no", "off", "false", "0"}) EXPECT_EQ(parse_yes_no(text), false);
  EXPECT_EQ(parse_yes_no("maybe").error().message, "'maybe' is neither yes nor no");
}

TEST(Choice, IndexAndError) {
  EXPECT_EQ(parse_choice("a", "a|bc|d"), 0U);
  EXPECT_EQ(parse_choice("d", "a|bc|d"), 2U);
  EXPECT_EQ(parse_choice("recieved", "received|sent").error().message,
            "'recieved' is not allowed, write received or sent; did you mean 'received'?");
  EXPECT_FALSE(parse_choice("", "a|b"));
  EXPECT_FALSE(parse_choice("a|b", "a|b"));
}

TEST(Mode, Octal) {
  EXPECT_EQ(parse_mode("0660"), 0660U);
  EXPECT_EQ(parse_mode("0"), 0U);
  for (const char* text : {"", "8", "1000", "-1", "rw"}) EXPECT_FALSE(parse_mode(text)) << text;
}

TEST(ScaleText, AsFraction) {
  EXPECT_EQ(parse_scale("0.02"), (Scale{1, 50}));
  EXPECT_EQ(parse_scale("1"), (Scale{1, 1}));
  EXPECT_EQ(parse_scale("1.5"), (Scale{3, 2}));
  EXPECT_EQ(parse_scale("0.001"), (Scale{1, 1000}));
  EXPECT_EQ(parse_scale("1000"), (Scale{1000, 1}));
  EXPECT_EQ(parse_scale("6.5535"), (Scale{13107, 2000}));
  EXPECT_EQ(parse_scale("0").error().message, "'0' is out of bounds, allowed are 0.001 to 1000");
  EXPECT_EQ(parse_scale("1000.1").error().message, "'1000.1' is out of bounds, allowed are 0.001 to 1000");
  EXPECT_EQ(parse_scale("0.00001").error().message, "'0.00001' has more than four places after the point");
  EXPECT_EQ(parse_scale("999.9999").error().message, "'999.9999' has too many digits");
  for (const char* text : {"", "x", "-1", "1/50", "1e3"}) {
    EXPECT_EQ(parse_scale(text).error().message,
              "'" + std::string(text) + "' is not a factor; write a decimal number such as 0.02");
  }
}

TEST(ScaleTime, RoundsAndStaysAboveOneMillisecond) {
  EXPECT_EQ(scaled(6s, {1, 50}), 120ms);
  EXPECT_EQ(scaled(10ms, {1, 1000}), 1ms);
  EXPECT_EQ(scaled(0s, {1, 50}), 0s);
  EXPECT_EQ(scaled(24h, {65535, 1}), 24h * 65535);
}

}  // namespace
}  // namespace llp::config
