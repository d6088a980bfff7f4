// SPDX-License-Identifier: BSD-3-Clause
// doctor: every finding, and its absence next to it; how facts are gathered
// and findings are said.
#include <functional>
#include <set>

#include "llpctl/doctor_system.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using doctor::Facts;
using doctor::Finding;
using doctor::Machine;
using doctor::Port;
using doctor::PortState;
using doctor::Severity;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A machine, a port and a line with which nothing is wrong; each case changes
// what it is about.
struct World {
  Machine machine{.ldiscs = "n_tty 0\nn_llp 29\n", .kernel = {}, .daemon = {}, .meddlers = {}};
  Port port;
  doctor::Line line;
  World() {
    port.device = port.node = "/dev/ttyUSB0";
    port.us = "anna";
    port.rights = "root:dialout 0660";
    port.lock_path = "/var/lock/LCK..ttyUSB0";
    port.properties = {{"ID_BUS", "usb"}, {"ID_MM_PORT_IGNORE", "1"}};
    port.holders = {{100, "llpd", "llpd"}};
    port.flock = 100;
    port.lock_file = 100;
    port.latency_ms = 1;
    PortState state;
    state.baud = 9600;
    state.mode = "7E1";
    state.parity = state.input_check = state.modem_lines = state.clear_to_send = true;
    port.state = state;
    line.name = "chem";
    line.in_kernel = true;
    line.protocol = "x328";
    line.health = "good";
    line.params = {{"role", "secondary"}, {"peer_timer_a", "6s"}};
    // Traffic with what happens on any line.
    line.counters = {{"rx_bytes", 100'000}, {"tx_bytes", 50'000},  {"rx_blocks", 900},
                     {"tx_blocks", 400},    {"rx_messages", 300},  {"tx_messages", 300},
                     {"parity_errors", 2},  {"framing_errors", 1}, {"naks_received", 3},
                     {"timeouts", 4},       {"contentions", 2},    {"nak_busy", 1},
                     {"unexpected", 2},     {"reply_timeouts", 1}, {"nak_check", 1}};
    line.answer_longest_ns = 20'000'000;
  }
  std::set<std::string> found(bool of_the_machine = false) const {
    std::set<std::string> ids;
    const Facts facts = of_the_machine ? Facts{&machine, nullptr, nullptr} : Facts{&machine, &port, &line};
    for (const Finding& f : judge(facts)) ids.emplace(f.id);
    return ids;
  }
};

struct Symptom {
  const char* id;
  bool of_the_machine;
  std::function<void(World&)> harm;    // makes it true
  std::function<void(World&)> relief;  // and after it, false again: nearly the same, but not it
};

const std::vector<Symptom>& cases() {
  static const std::vector<Symptom> all{
      {"ldisc-taken", true, [](World& w) { w.machine.ldiscs = "n_tty 0\nn_other 29\n"; },
       [](World& w) { w.machine.ldiscs = "n_tty 0\nn_other 28\n"; }},
      {"module-missing", true,
       [](World& w) {
         w.machine.ldiscs = "n_tty 0\n";
         w.machine.kernel = "the module n_llp is not loaded";
       },
       [](World& w) { w.machine.kernel.reset(); }},
      {"module-silent", true, [](World& w) { w.machine.kernel = "no such family"; },
       [](World& w) { w.machine.kernel.reset(); }},
      {"daemon-silent", true, [](World& w) { w.machine.daemon = "no llpd answers"; },
       [](World& w) { w.machine.daemon.reset(); }},
      {"port-missing", false, [](World& w) { w.port.node.clear(); },
       [](World& w) { w.port.node = "/dev/ttyUSB0"; }},
      {"port-not-serial", false, [](World& w) { w.port.serial = false; },
       [](World& w) { w.port.serial = true; }},
      {"port-permission", false, [](World& w) { w.port.writable = false; },
       [](World& w) { w.port.writable = true; }},
      {"port-held", false, [](World& w) { w.port.holders.push_back({7, "minicom", ""}); },
       [](World& w) { w.port.holders.back().program = "llpattach"; }},
      {"port-locked", false, [](World& w) { w.port.flock = 8; },
       [](World& w) { w.port.holders.push_back({8, "llpd", ""}); }},
      {"port-lock-file", false, [](World& w) { w.port.lock_file = 9; },
       [](World& w) { w.port.lock_file.reset(); }},
      {"port-lock-stale", false, [](World& w) { w.port.lock_file_stale = true; },
       [](World& w) { w.port.lock_file_stale = false; }},
      {"port-unusable", false, [](World& w) { w.port.unusable = "Input/output error"; },
       [](World& w) { w.port.unusable.reset(); }},
      {"modem-manager", false,
       [](World& w) {
         w.machine.meddlers = {{3, "ModemManager", ""}};
         w.port.properties.erase("ID_MM_PORT_IGNORE");
       },
       [](World& w) { w.port.properties["ID_MM_DEVICE_IGNORE"] = "1"; }},
      {"brltty", false, [](World& w) { w.machine.meddlers = {{3, "brltty", ""}}; },
       [](World& w) { w.port.properties["ID_BUS"] = "pci"; }},
      {"gpsd", false, [](World& w) { w.machine.meddlers = {{3, "gpsd", "gpsd -n /dev/ttyUSB0"}}; },
       [](World& w) {
         w.machine.meddlers = {{3, "gpsd", "gpsd -n /dev/ttyS1"}};
         w.port.properties.clear();
       }},
      {"inpck-off", false, [](World& w) { w.port.state->input_check = false; },
       [](World& w) { w.port.state->parity = false; }},
      {"no-cts", false,
       [](World& w) {
         w.port.state->hardware_flow = w.port.state->carrier = true;
         w.port.state->clear_to_send = false;
       },
       [](World& w) { w.port.state->hardware_flow = false; }},
      {"no-carrier", false, [](World& w) { w.port.state->clear_to_send = false; },
       [](World& w) { w.port.state->data_set = true; }},
      {"latency", false, [](World& w) { w.port.latency_ms = 16; }, [](World& w) { w.port.latency_ms = 4; }},
      {"line-down", false, [](World& w) { w.line.up = false; }, [](World& w) { w.line.up = true; }},
      {"line-bad", false, [](World& w) { w.line.health = "bad"; }, [](World& w) { w.line.health = "good"; }},
      {"line-waits", false, [](World& w) { w.line.health = "waiting"; },
       [](World& w) { w.line.health = "good"; }},
      {"nobody-receives", false, [](World& w) { w.line.takes_messages = false; },
       [](World& w) { w.line.in_kernel = false; }},
      {"wrong-baud", false, [](World& w) { w.line.counters["framing_errors"] = 11'000; },
       [](World& w) { w.line.counters["framing_errors"] = 4; }},
      {"wrong-parity", false, [](World& w) { w.line.counters["parity_errors"] = 11'000; },
       [](World& w) { w.line.counters["parity_errors"] = 2; }},
      {"parity-as-data", false,
       [](World& w) {
         w.port.state->mode = "8N1";
         w.line.counters = {{"rx_bytes", 500}, {"garbage", 12}, {"tx_bytes", 3}};
         w.line.high_bytes = 240;
       },
       [](World& w) { w.line.high_bytes = 3; }},
      {"damage", false, [](World& w) { w.line.counters["nak_check"] = 5; },
       [](World& w) { w.line.counters["nak_check"] = 1; }},
      {"not-understood", false,
       [](World& w) { w.line.counters = {{"rx_bytes", 500}, {"garbage", 12}, {"tx_bytes", 3}}; },
       [](World& w) { w.line.counters["rx_blocks"] = 1; }},
      {"overruns", false, [](World& w) { w.line.counters["overruns"] = 1; },
       [](World& w) { w.line.counters["overruns"] = 0; }},
      {"peer-silent", false, [](World& w) { w.line.counters = {{"tx_bytes", 60}, {"timeouts", 6}}; },
       [](World& w) { w.line.counters["rx_bytes"] = 1; }},
      {"never-acknowledges", false,
       [](World& w) {
         w.line.counters = {{"rx_bytes", 60}, {"rx_blocks", 4}, {"tx_bytes", 9}, {"tx_failed", 3}};
       },
       [](World& w) { w.line.counters["tx_messages"] = 1; }},
      {"peer-refuses", false,
       [](World& w) {
         w.line.counters = {{"rx_bytes", 6}, {"rx_blocks", 1}, {"naks_received", 6}, {"tx_failed", 1}};
       },
       [](World& w) { w.line.counters["tx_messages"] = 1; }},
      {"roles-clash", false, [](World& w) { w.line.counters["contentions"] = 200; },
       [](World& w) { w.line.protocol = "mllp2"; }},
      {"slow-answers", false, [](World& w) { w.line.answer_longest_ns = 3'000'000'000; },
       [](World& w) { w.line.params["peer_timer_a"] = "60s"; }},
      {"timers-short", false,
       [](World& w) {
         w.line.counters["timeouts"] = 60;
         w.line.counters["unexpected"] = 40;
       },
       [](World& w) { w.line.counters["unexpected"] = 4; }},
      {"nobody-takes", false, [](World& w) { w.line.counters["nak_busy"] = 60; },
       [](World& w) { w.line.counters["nak_busy"] = 4; }},
      {"no-reply", false, [](World& w) { w.line.counters["reply_timeouts"] = 80; },
       [](World& w) { w.line.counters["reply_timeouts"] = 3; }},
      {"tx-stalls", false, [](World& w) { w.line.counters["tx_stalls"] = 1; },
       [](World& w) { w.line.counters["tx_stalls"] = 0; }},
  };
  return all;
}

TEST(Doctor, NothingIsWrongWhereNothingIs) {
  const World world;
  EXPECT_THAT(world.found(), IsEmpty());
  EXPECT_THAT(world.found(true), IsEmpty());
}

TEST(Doctor, EachFindingAloneAndItsAbsence) {
  for (const Symptom& c : cases()) {
    World world;
    c.harm(world);
    EXPECT_THAT(world.found(c.of_the_machine), ElementsAre(c.id));
    c.relief(world);
    EXPECT_THAT(world.found(c.of_the_machine), Not(::testing::Contains(c.id)));
  }
}

// What 1000 characters were like, and which of the settings that says is wrong.
struct Mix {
  const char* what = "";
  const char* mode = "";  // ours
  std::uint64_t framing = 0, parity = 0, breaks = 0;
  std::optional<std::uint64_t> high;
  std::uint64_t blocks = 0;
  const char* wrong = "";  // empty: none of the three
};

TEST(Doctor, BaudAndParityAreToldApart) {
  for (const Mix& m : std::initializer_list<Mix>{
           {"4800 read at 9600", "8N1", 300, 0, 0, 450, 0, "wrong-baud"},
           {"19200 read at 9600", "8N1", 200, 0, 150, 10, 0, "wrong-baud"},
           {"another rate, and parity is on", "8E1", 150, 400, 0, 480, 0, "wrong-baud"},
           {"another rate, seven bits", "7E1", 300, 200, 0, 0, 0, "wrong-baud"},
           {"another rate, in the kernel", "8N1", 300, 0, 0, {}, 0, "wrong-baud"},
           {"8E1 read as 8N1", "8N1", 480, 0, 0, 0, 0, "wrong-parity"},
           {"the same, with a little noise", "8N1", 480, 0, 12, 9, 0, "wrong-parity"},
           {"8N1 read as 7E1", "7E1", 0, 500, 0, 0, 0, "wrong-parity"},
           {"7O1 read as 7E1", "7E1", 3, 1000, 0, 0, 0, "wrong-parity"},
           {"8N1 read as 8E1, one after the other", "8E1", 200, 500, 0, 0, 0, "wrong-parity"},
           {"parity errors, in the kernel", "8E1", 0, 300, 0, {}, 0, "wrong-parity"},
           {"7E1 read as 8N1", "8N1", 0, 0, 0, 480, 0, "parity-as-data"},
           {"7M1 read as 8N1", "8N1", 2, 0, 0, 1000, 0, "parity-as-data"},
           {"Latin 1, and understood", "8N1", 0, 0, 0, 480, 40, ""},
           {"some letters with accents", "8N1", 0, 0, 0, 100, 0, ""},
           {"seven bits have no eighth", "7E1", 0, 0, 0, 480, 0, ""},
           {"not known in the kernel", "8N1", 0, 0, 0, {}, 0, ""},
           {"too few to tell", "8N1", 4, 4, 0, 4, 0, ""},
           {"a little of each", "8E1", 50, 60, 5, 30, 10, ""}}) {
    World world;
    world.port.state->mode = m.mode;
    world.line.high_bytes = m.high;
    world.line.counters = {{"rx_bytes", 1000},
                           {"framing_errors", m.framing},
                           {"parity_errors", m.parity},
                           {"breaks", m.breaks},
                           {"rx_blocks", m.blocks}};
    std::set<std::string> said;
    for (const std::string& id : world.found()) {
      if (id == "wrong-baud" || id == "wrong-parity" || id == "parity-as-data") said.insert(id);
    }
    EXPECT_EQ(said, *m.wrong == 0 ? std::set<std::string>() : std::set<std::string>{m.wrong}) << m.what;
  }
}

TEST(Doctor, EveryCheckHasACase) {
  std::set<std::string> tested, all;
  for (const Symptom& c : cases()) tested.insert(c.id);
  for (const auto& checks : {doctor::machine_checks(), doctor::port_checks(), doctor::line_checks()}) {
    for (const doctor::Check& check : checks) {
      EXPECT_TRUE(all.emplace(check.id).second) << check.id << " twice";
      EXPECT_TRUE(check.advice.ends_with('.')) << check.id;
    }
  }
  EXPECT_EQ(tested, all);
}

TEST(Doctor, EveryFindingIsInTheManual) {
  std::ifstream in(LLP_MANUAL);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  for (const auto& checks : {doctor::machine_checks(), doctor::port_checks(), doctor::line_checks()}) {
    for (const doctor::Check& check : checks) {
      std::string name(check.id);
      for (std::size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) name.insert(at, "\\");
      EXPECT_THAT(page, HasSubstr(".B " + name + "\n"));
    }
  }
}

TEST(Doctor, WhatIsSaid) {
  World world;
  world.port.holders = {{7, "minicom", ""}, {8, "cat", ""}};
  world.port.flock.reset();
  world.port.lock_file.reset();
  world.line.counters["framing_errors"] = 60'000;
  const auto found = judge(Facts{&world.machine, &world.port, &world.line});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].sentence, "/dev/ttyUSB0 is held open by minicom (7), cat (8).");
  EXPECT_EQ(found[0].subject, "chem");
  EXPECT_EQ(found[1].sentence, "60000 of 100000 received characters had no stop bit.");
  EXPECT_EQ(found[1].severity, Severity::error);
}

// The verb, against models of the kernel, of llpd and of the machine.
class Visit : public Llpctl {
 protected:
  // A machine of one port.
  struct Model final : DoctorSystem {
    explicit Model(Visit& v) : visit(v) {}
    std::string text_of(const std::string& file) override { return visit.files[file]; }
    std::string real_path(const std::string& path) override { return visit.links[path]; }
    void look_at(Port& port) override {
      port.readable = port.writable = !visit.forbidden;
      port.us = "anna";
      port.rights = "root:dialout 0660";
    }
    Result<PortState> open_and_ask(const std::string&) override { return visit.state; }
    std::vector<doctor::Process> running(const std::vector<std::string>&) override { return visit.meddlers; }
    std::vector<doctor::Process> holders(const std::string&) override { return visit.holders; }
    bool lives(pid_t pid) override { return pid < 1000; }
    std::optional<pid_t> flock_of(const std::string&) override { return visit.flock; }
    std::map<std::string, std::string> properties(const std::string&) override { return visit.properties; }
    Visit& visit;
  };
  Visit() {
    state = PortState{};
    state->baud = 9600;
    state->mode = "8N1";
    state->modem_lines = state->clear_to_send = true;
    files["/proc/tty/ldiscs"] = "n_llp 29\n";
    links[(dir_ / "ttyS1").string()] = "/dev/ttyS1";
    links["/dev/ttyS1"] = "/dev/ttyS1";
    links["/dev/serial/by-id/a"] = "/dev/ttyUSB0";
  }
  std::unique_ptr<DoctorSystem> doctor_system() override { return std::make_unique<Model>(*this); }
  Result<Json> daemon(const Json&) override { return served; }

  std::map<std::string, std::string> files, links, properties;
  std::vector<doctor::Process> meddlers, holders;
  std::optional<pid_t> flock;
  bool forbidden = false;
  Result<PortState> state;
  Result<Json> served = Json::parse(R"({"lines":[]})");
};

TEST_F(Visit, AllIsWell) {
  EXPECT_EQ(run({"doctor"}), 0) << out;
  EXPECT_EQ(out, "Nothing is wrong; there is no line yet.\n");
  ASSERT_EQ(kernel.attach("ttyS1"), 0U);
  ASSERT_TRUE(kernel.control()->set(netlink::LineNumber{0}, {.name = "chem", .up = true}));
  kernel.line(0).flags |= LLP_INFO_READY;
  for (const char* which : {"chem", "/dev/ttyS1"}) {
    EXPECT_EQ(run({"doctor", which}), 0) << out;
    EXPECT_EQ(out,
              "/dev/ttyS1: 9600 baud 8N1, DCD off, DSR off, CTS on\n\n"
              "Nothing is wrong that can be seen from here.\n");
  }
  EXPECT_EQ(run({"doctor", "--json"}), 0);
  EXPECT_EQ(out, "[]\n");
}

TEST_F(Visit, AHintIsNoFault) {
  served = fail(Errc::refused, "no llpd answers at /run/llp/llpd.control");
  EXPECT_EQ(run({"doctor"}), 0);
  EXPECT_THAT(out, HasSubstr("hint [daemon-silent]\n  llpd cannot be asked: no llpd answers"));
}

TEST_F(Visit, WhatALineSuffersFrom) {
  ASSERT_EQ(kernel.attach("ttyS1"), 0U);
  ASSERT_TRUE(kernel.control()->set(netlink::LineNumber{0}, {.name = "chem", .up = true}));
  kernel.line(0).flags |= LLP_INFO_READY;
  kernel.count(0, "rx_bytes", 1000);
  kernel.count(0, "framing_errors", 700);
  holders = {{7, "minicom", "minicom"}};
  files["/var/lock/LCK..ttyS1"] = "      7001\n";
  served = Json::parse(
      R"({"lines":[{"name":"chem","health":"bad","reason":"no application answers","port":"/dev/ttyS1 9600 8N1"}]})");
  EXPECT_EQ(run({"doctor", "chem"}), 1);
  expect_golden("doctor.txt");
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(run({"doctor", "chem", "--json"}), 1);
  const Json found = Json::parse(out);
  ASSERT_EQ(found.size(), 4U) << out;
  EXPECT_EQ(found[0]["id"], "port-held");
  EXPECT_EQ(found[0]["severity"], "error");
  EXPECT_EQ(found[0]["subject"], "chem");
  EXPECT_EQ(found[3]["id"], "port-lock-stale");
}

TEST_F(Visit, ALineOfLlpdAlone) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  files["/proc/tty/ldiscs"] = "";
  served = Json::parse(R"({"lines":[
    {"name":"gas","health":"good","protocol":"x328","port":"tcp listen localhost:4001","protocol_counters":
     {"tx_bytes":60,"timeouts":6,"strange":"x"}},
    {"name":"urine","health":"good","protocol":"x328","port":"/dev/ttyS1 9600 8N1"}]})");
  EXPECT_EQ(run({"doctor"}), 1);
  EXPECT_THAT(out, HasSubstr("error [peer-silent] gas\n"));
  EXPECT_THAT(out, HasSubstr("hint [module-missing]\n"));
  EXPECT_THAT(out, HasSubstr("/dev/ttyS1: 9600 baud"));
  EXPECT_EQ(run({"doctor", "urine"}), 0) << out;
  EXPECT_THAT(out, Not(HasSubstr("module-missing"))) << "it was asked about a line";
}

TEST_F(Visit, APortThatIsNoLine) {
  properties = {{"ID_BUS", "usb"}};
  meddlers = {{3, "ModemManager", ""}};
  files["/sys/class/tty/ttyUSB0/device/latency_timer"] = "16\n";
  EXPECT_EQ(run({"doctor", "/dev/serial/by-id/a"}), 1);
  EXPECT_THAT(out, HasSubstr("warning [modem-manager] /dev/serial/by-id/a\n"));
  EXPECT_THAT(out, HasSubstr("up to 16 ms"));
  state = fail(Errc::in_use, "a program has it for itself alone (TIOCEXCL)");
  EXPECT_EQ(run({"doctor", "/dev/serial/by-id/a"}), 1);
  EXPECT_THAT(out, HasSubstr("port-unusable"));
  holders = {{100, "llpd", ""}};
  EXPECT_EQ(run({"doctor", "/dev/serial/by-id/a"}), 1);
  EXPECT_THAT(out, Not(HasSubstr("port-unusable"))) << "llpd has it by right";
  forbidden = true;
  EXPECT_EQ(run({"doctor", "/dev/serial/by-id/a"}), 1);
  EXPECT_THAT(out, HasSubstr("may not be opened by anna (root:dialout 0660)"));
  EXPECT_EQ(run({"doctor", "/dev/ttyS77"}), 1);
  EXPECT_THAT(out, HasSubstr("error [port-missing] /dev/ttyS77\n  /dev/ttyS77 is not there."));
}

TEST_F(Visit, WhatIsNeitherLineNorPort) {
  ASSERT_EQ(kernel.attach("ttyS1"), 0U);
  ASSERT_TRUE(kernel.control()->set(netlink::LineNumber{0}, {.name = "chem"}));
  EXPECT_EQ(run({"doctor", "chme"}), 69);
  EXPECT_EQ(err, "there is no line or port 'chme'; did you mean 'chem'?\n");
}

TEST_F(Visit, LockFilesOfBothForms) {
  Model model(*this);
  files["/locks/LCK..ttyS1"] = "       123\n";
  EXPECT_EQ(examine(model, "/dev/ttyS1", "/locks").lock_file, 123);
  files["/locks/LCK..ttyS1"] = std::string("\x7b\0\0\0", 4);
  EXPECT_EQ(examine(model, "/dev/ttyS1", "/locks").lock_file, 123);
  files["/locks/LCK..ttyS1"] = "minicom\n";
  EXPECT_FALSE(examine(model, "/dev/ttyS1", "/locks").lock_file);
}

TEST(DoctorSystemTest, ThisMachineAnswers) {
  const auto system = make_doctor_system();
  EXPECT_THAT(system->text_of("/proc/self/comm"), HasSubstr("test_llpctl"));
  EXPECT_EQ(system->real_path("/no/such/path"), "");
  Port port;
  port.node = "/dev/null";
  system->look_at(port);
  EXPECT_TRUE(port.serial && port.readable && port.writable);
  EXPECT_FALSE(port.us.empty());
  const auto state = system->open_and_ask("/dev/null");
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().message, "it is no terminal");
  EXPECT_FALSE(system->open_and_ask("/no/such/path"));
  EXPECT_FALSE(system->flock_of("/dev/null"));
  EXPECT_TRUE(system->lives(::getpid()));
  EXPECT_THAT(system->running({"no-such-program"}), IsEmpty());
}

}  // namespace
}  // namespace llp::ctl::test
