// SPDX-License-Identifier: BSD-3-Clause
// Every verb there is: it helps with an example, and what it prints as its
// result for programs is JSON.
#include <set>

#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::testing::HasSubstr;

class Verbs : public Llpctl {
 protected:
  Result<Json> daemon(const Json& request) override {
    if (request["op"] == "status") {
      return Json::parse(R"({"ok":true,"lines":[{"name":"gas","state":"running","health":"good"}]})");
    }
    if (request["op"] == "spool-list") return Json::parse(R"({"ok":true,"more":false,"letters":[]})");
    if (request["op"] == "spool-show") return Json::parse(R"({"ok":true,"letter":{"id":1}})");
    return Json{{"ok", true}};
  }
  Json json(std::vector<std::string> words) {
    words.emplace_back("--json");
    EXPECT_EQ(run(words), 0) << words[0] << ": " << err;
    done.insert(words[0]);
    Json said = Json::parse(out, nullptr, false);
    EXPECT_FALSE(said.is_discarded()) << words[0] << ": " << out;
    return said;
  }
  // The names of the verbs; each helps with an example.
  std::set<std::string> all_verbs() {
    Context context = make_context();
    CLI::App app("", "llpctl");
    ctl::Run verb;
    add_verbs(app, context, verb);
    std::set<std::string> all;
    for (const CLI::App* one : app.get_subcommands({})) {
      all.insert(one->get_name());
      const std::string help = one->help();
      const std::size_t examples = help.find("Example");
      EXPECT_NE(help.find("llpctl " + one->get_name(), examples), std::string::npos) << one->get_name();
    }
    return all;
  }
  std::set<std::string> done;
};

TEST_F(Verbs, WhatIsDoneIsToldToPrograms) {
  kernel.attach("ttyS1");
  Json said = json({"set", "0", "name=chem", "timer_a=8s"});
  EXPECT_EQ(said["line"], 0);
  EXPECT_EQ(said["name"], "chem");
  EXPECT_EQ(said["params"]["timer_a"], "8s");
  EXPECT_EQ(said["restarted"], false);
  said = json({"up", "chem"});
  EXPECT_EQ(said["device"], "/dev/llp0");
  EXPECT_EQ(said["up"], true);
  EXPECT_EQ(said["was_up"], false);
  EXPECT_EQ(json({"set", "chem", "timer_a=9s", "--restart"})["restarted"], true);
  said = json({"down", "chem"});
  EXPECT_EQ(said["up"], false);
  EXPECT_EQ(said["was_up"], true);
  ports.ports["/dev/ttyS2"] = "ttyS2";
  said = json({"attach", "/dev/ttyS2", "--name", "haem", "--protocol", "hllp"});
  EXPECT_EQ(said["line"], 1);
  EXPECT_EQ(said["device"], "/dev/llp1");
  EXPECT_EQ(said["name"], "haem");
  EXPECT_EQ(said["port"], "/dev/ttyS2");
  said = json({"detach", "/dev/ttyS1"});
  EXPECT_EQ(said["detached"], true);

  for (const auto& words : std::vector<std::vector<std::string>>{
           {"list"},
           {"show", "gas"},
           {"stats", "gas"},
           {"status"},
           {"reload"},
           {"start", "gas"},
           {"stop", "gas"},
           {"spool", "list", "gas"},
           {"spool", "retry", "gas"},
           {"spool", "drop", "gas", "--yes"},
           {"spool", "show", "gas", "1"},
           {"bind", "serial=7", "gas", "protocol=x328", "--dry-run"},
           {"top", "--once", "--interval", "0.001"},
       }) {
    static_cast<void>(json(words));
  }
  const std::string text = dir_ / "a.capture";
  std::filesystem::copy_file(std::string(LLP_CAPTURES) + "/x328/lost_ack_block_sent_again.capture", text);
  said = json({"capture", text, "-w", dir_ / "a.pcapng"});
  EXPECT_EQ(said["from"], text);
  EXPECT_GT(said["packets"], 0);
  EXPECT_GT(said["octets"], 0);
  EXPECT_EQ(said["lost"], 0);
  EXPECT_EQ(run({"capture", text, "-w", "-", "--json"}), 64);
  EXPECT_THAT(err, HasSubstr("--json"));
  // An object a row.
  EXPECT_EQ(run({"ladder", text, "--json"}), 0);
  EXPECT_FALSE(Json::parse(out.substr(0, out.find('\n')), nullptr, false).is_discarded()) << out;

  auto left = all_verbs();
  for (const std::string& verb : done) EXPECT_EQ(left.erase(verb), 1U) << verb;
  // monitor, send, doctor: their own tests; replay: the one end to end; unbind is
  // bind's, ladder's rows are above; completion prints a script.
  EXPECT_EQ(left,
            (std::set<std::string>{"monitor", "send", "doctor", "replay", "unbind", "ladder", "completion"}));
}

TEST_F(Verbs, WithoutJsonNothingIsSaidOfSuccess) {
  kernel.attach("ttyS1");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"set", "0", "name=chem"}, {"up", "chem"}, {"down", "chem"}, {"detach", "/dev/ttyS1"}}) {
    EXPECT_EQ(run(words), 0) << err;
    EXPECT_EQ(out, "") << words[0];
  }
}

}  // namespace
}  // namespace llp::ctl::test
