// SPDX-License-Identifier: BSD-3-Clause
// The parts of the manuals that the tables make are those of the tables. Mend
// them with LLP_UPDATE_DOCS=1 in the environment of this test.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "config/line_options.hpp"
#include "config/parameters.hpp"
#include "config/text.hpp"
#include "config/toml_config.hpp"

namespace llp::config {
namespace {

std::string page(const std::string& name) {
  std::ifstream in(LLP_DOCS "/" + name);
  std::stringstream buffer;
  buffer << in.rdbuf();
  return buffer.str();
}

void expect_current(const std::string& name, const std::string& wanted) {
  const std::string begin = ".\\\" BEGIN GENERATED\n";
  const std::string end = ".\\\" END GENERATED\n";
  std::string text = page(name);
  const auto from = text.find(begin);
  const auto to = text.find(end);
  ASSERT_NE(from, std::string::npos) << name;
  ASSERT_NE(to, std::string::npos) << name;
  const auto first = from + begin.size();
  if (std::getenv("LLP_UPDATE_DOCS") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    text.replace(first, to - first, wanted);
    std::ofstream(LLP_DOCS "/" + name) << text;
    return;
  }
  EXPECT_EQ(text.substr(first, to - first), wanted) << name << ": run this test with LLP_UPDATE_DOCS=1";
}

TEST(Manuals, GeneratedPartsAreCurrent) {
  expect_current("llp-params.7", parameters_as_roff());
  expect_current("llpdrv.8", line_options_as_roff(Manual::command_line));
  expect_current("llpd.toml.5", line_options_as_roff(Manual::file));
}

TEST(Manuals, EveryParameterAndPeerIsExplained) {
  const std::string text = page("llp-params.7");
  for (unsigned i = 0; i < LLP_PROTO__N; i++) {
    for (const std::string& name : parameter_names(static_cast<llp_protocol>(i))) {
      const std::string head = name == "expect" ? ".B expect\n" : ".BR " + name + " \"";
      EXPECT_NE(text.find("\n" + head), std::string::npos) << name;
    }
  }
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); i++) {
    EXPECT_NE(text.find("\n.BR " + roff(preset->name) + " \""), std::string::npos) << preset->name;
  }
}

TEST(Manuals, EveryKeyIsExplained) {
  const std::string text = page("llpd.toml.5");
  for (const std::string& key : line_keys()) EXPECT_NE(text.find(roff(key)), std::string::npos) << key;
  for (const std::string& key : global_keys()) EXPECT_NE(text.find(roff(key)), std::string::npos) << key;
}

}  // namespace
}  // namespace llp::config
