// SPDX-License-Identifier: BSD-3-Clause
// What becomes of lines, told to systemd's journal; and its catalogue.
#include "cmd/journal_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "illp/net.hpp"

namespace llp::cmd {
namespace {

using control::LineInfo;
using control::LineState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Events = std::vector<JournalEvent>;

struct Step {
  std::optional<LineMoment> before;
  LineMoment now;
  Events events;
};

TEST(JournalEvents, WhatHappened) {
  const LineMoment starting{LineState::starting, false, ""};
  const LineMoment running{LineState::running, false, ""};
  const LineMoment connected{LineState::running, true, ""};
  const LineMoment failed{LineState::failed, false, "no such device"};
  const LineMoment otherwise{LineState::failed, false, "no permission"};
  const LineMoment stopping{LineState::stopping, true, ""};
  const LineMoment stopped{LineState::stopped, false, ""};
  for (const Step& step : std::vector<Step>{
           {std::nullopt, starting, {}},
           {starting, starting, {}},
           {starting, running, {JournalEvent::line_running}},
           {starting, connected, {JournalEvent::line_running, JournalEvent::wire_connected}},
           {running, connected, {JournalEvent::wire_connected}},
           {connected, connected, {}},
           {connected, running, {JournalEvent::wire_lost}},
           {std::nullopt, failed, {JournalEvent::line_failed}},
           {failed, failed, {}},
           {failed, otherwise, {JournalEvent::line_failed}},
           {connected, failed, {JournalEvent::line_failed}},
           {connected, stopping, {}},
           {stopping, stopped, {JournalEvent::line_stopped}},
           {stopped, stopped, {}},
       }) {
    EXPECT_EQ(what_happened(step.before, step.now), step.events)
        << control::state_name(step.now.state) << ' ' << step.now.connected;
  }
}

class OneLine : public control::LineHost {
 public:
  OneLine() {
    config.name = "chem";
    config.port = io::UnixListen{"/run/chem"};
  }
  std::vector<LineInfo> lines() const override {
    if (gone) return {};
    return {{&config, state, {}, failure, nullptr}};
  }
  Result<void> stop_line(std::string_view) override { return {}; }
  Result<void> start_line(std::string_view) override { return {}; }
  void reload(std::function<void(const std::vector<Error>&)>) override {}
  core::LineConfig config;
  LineState state = LineState::starting;
  std::string failure;
  bool gone = false;
};

TEST(JournalEvents, EntriesAndTheirFields) {
  OneLine host;
  std::vector<JournalFields> sent;
  JournalEvents events(host, "llpd", [&](const JournalFields& fields) { sent.push_back(fields); });
  events.line_changed("chem");
  EXPECT_THAT(sent, IsEmpty());
  host.state = LineState::failed;
  host.failure = "no such device";
  events.line_changed("chem");
  events.line_changed("chem");
  ASSERT_EQ(sent.size(), 1U) << "the same is not said twice";
  const JournalKind& kind = journal_kinds()[static_cast<std::size_t>(JournalEvent::line_failed)];
  using Field = std::pair<std::string, std::string>;
  EXPECT_THAT(sent[0], ElementsAre(Field("MESSAGE", "chem: the line cannot be served: no such device"),
                                   Field("MESSAGE_ID", std::string(kind.id)), Field("PRIORITY", "3"),
                                   Field("SYSLOG_IDENTIFIER", "llpd"), Field("LLP_EVENT", "line-failed"),
                                   Field("LLP_LINE", "chem"), Field("LLP_STATE", "failed"),
                                   Field("LLP_PROTOCOL", "x328"), Field("LLP_PORT", "unix listen /run/chem"),
                                   Field("LLP_CAUSE", "no such device")));
  host.gone = true;
  events.line_changed("chem");
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1][4].second, "line-gone");
  EXPECT_EQ(sent[1].size(), 6U);
}

core::MessageEvent message(std::string_view outcome, bool to_instrument = false) {
  return {"chem", to_instrument, outcome, 300, 0, {}, {}};
}

TEST(JournalEvents, WhatBecomesOfMessages) {
  OneLine host;
  std::vector<JournalFields> sent;
  JournalEvents events(host, "llpd", [&](const JournalFields& fields) { sent.push_back(fields); });
  events.message({"chem", true, "failed", 300, 0, "127.0.0.1:6002", "no answer from the other station"});
  events.message({"chem", false, "delivered", 300, 100, "127.0.0.1:5001", {}});
  ASSERT_EQ(sent.size(), 2U);
  const JournalKind& kind = journal_kinds()[static_cast<std::size_t>(JournalEvent::request_failed)];
  using Field = std::pair<std::string, std::string>;
  EXPECT_THAT(
      sent[0],
      ElementsAre(Field("MESSAGE",
                        "chem: 300 bytes to the instrument, failed (failed), 127.0.0.1:6002: no answer from "
                        "the other station"),
                  Field("MESSAGE_ID", std::string(kind.id)), Field("PRIORITY", "4"),
                  Field("SYSLOG_IDENTIFIER", "llpd"), Field("LLP_EVENT", "request-failed"),
                  Field("LLP_LINE", "chem"), Field("LLP_DIRECTION", "distal"), Field("LLP_OUTCOME", "failed"),
                  Field("LLP_SIZE", "300"), Field("LLP_PEER", "127.0.0.1:6002"),
                  Field("LLP_CAUSE", "no answer from the other station")));
  EXPECT_THAT(sent[1], ::testing::IsSupersetOf({Field("LLP_EVENT", "message-taken"),
                                                Field("LLP_DIRECTION", "proximal"),
                                                Field("LLP_REPLY_SIZE", "100"), Field("PRIORITY", "6")}));
}

TEST(JournalEvents, EachOutcomeHasItsKind) {
  using E = JournalEvent;
  for (const auto& [outcome, event] :
       std::vector<std::pair<std::string, E>>{{"delivered", E::message_taken},
                                              {"delivered-late", E::message_taken},
                                              {"answered-again", E::message_taken},
                                              {"stored", E::message_taken},
                                              {"sent", E::message_taken},
                                              {"failed", E::message_failed},
                                              {"given-up", E::message_failed},
                                              {"attempt-failed", E::message_failed},
                                              {"reply-unsent", E::message_failed},
                                              {"refused", E::message_refused},
                                              {"cut", E::message_cut},
                                              {"possible-duplicate", E::message_repeated},
                                              {"dead-letter", E::message_kept},
                                              {"duplicate-dropped", E::message_repeated},
                                              {"late-reply", E::message_kept},
                                              {"stray-acknowledgement", E::message_kept},
                                              {"late-answer", E::message_kept},
                                              {"unclaimed-reply", E::message_kept}}) {
    EXPECT_EQ(journal_event(message(outcome)), event) << outcome;
  }
  for (const auto& [outcome, event] :
       std::vector<std::pair<std::string, E>>{{"answered", E::request_answered},
                                              {"failed", E::request_failed},
                                              {"expired", E::request_failed},
                                              {"client-gone", E::request_failed},
                                              {"refused", E::request_refused},
                                              {"cut", E::message_cut}}) {
    EXPECT_EQ(journal_event(message(outcome, true)), event) << outcome;
  }
  EXPECT_EQ(journal_event(message("answered")), std::nullopt);
}

TEST(JournalEvents, AFloodDoesNotFillTheJournal) {
  OneLine host;
  std::vector<JournalFields> sent;
  JournalEvents events(host, "llpd", [&](const JournalFields& fields) { sent.push_back(fields); });
  const auto begin = JournalEvents::Clock::time_point(std::chrono::hours(1));
  for (int i = 0; i < 10000; ++i) events.message(message("refused"), begin + std::chrono::microseconds(i));
  EXPECT_EQ(sent.size(), 20U);
  // Others are still heard.
  events.message(message("failed"), begin + std::chrono::milliseconds(20));
  EXPECT_EQ(sent.size(), 21U);
  events.message(message("refused"), begin + std::chrono::milliseconds(2999));
  EXPECT_EQ(sent.size(), 21U);
  events.message(message("refused"), begin + std::chrono::seconds(3));
  ASSERT_EQ(sent.size(), 22U);
  EXPECT_EQ(sent.back().back(), (std::pair<std::string, std::string>("LLP_SUPPRESSED", "9981")));
  EXPECT_THAT(sent.back().front().second, ::testing::HasSubstr("and 9981 more since this was last said"));
  events.message(message("refused"), begin + std::chrono::seconds(6));
  ASSERT_EQ(sent.size(), 23U);
  EXPECT_NE(sent.back().back().first, "LLP_SUPPRESSED");
  // After a pause it may all come again; for a day of flood there is one each three seconds.
  for (int i = 0; i < 30; ++i) events.message(message("refused"), begin + std::chrono::hours(1));
  EXPECT_EQ(sent.size(), 43U);
}

TEST(JournalEvents, ManyLinesTogetherHaveABoundToo) {
  OneLine host;
  std::size_t sent = 0;
  JournalEvents events(host, "llpd", [&](const JournalFields&) { ++sent; });
  const auto begin = JournalEvents::Clock::time_point(std::chrono::hours(1));
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line" + std::to_string(i);
    events.message({line, false, "failed", 300, 0, {}, {}}, begin);
  }
  EXPECT_EQ(sent, 100U);
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line" + std::to_string(i);
    events.message({line, false, "failed", 300, 0, {}, {}}, begin + std::chrono::seconds(1));
  }
  EXPECT_EQ(sent, 110U);
}

TEST(JournalEvents, TheJournalsProtocol) {
  EXPECT_EQ(journal_datagram({{"A", "1"}, {"B", ""}}), "A=1\nB=\n");
  EXPECT_EQ(journal_datagram({{"A", "x\nB=2"}}), std::string("A\n\x05\0\0\0\0\0\0\0x\nB=2\n", 16))
      << "no value makes a field";
}

TEST(JournalEvents, TheyArriveAtTheSocket) {
  std::string dir = testing::TempDir() + "llp-journal-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const auto path = std::filesystem::path(dir) / "socket";
  journal_sender(path)({{"A", "lost"}});  // nobody is there
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = illp::local_address(path.native());
  ASSERT_TRUE(address);
  ASSERT_EQ(::bind(fd.get(), address->get(), address->length), 0);
  journal_sender(path)({{"A", "1"}});
  std::array<char, 100> buffer{};
  const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  EXPECT_EQ(std::string(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0), "A=1\n");
  std::filesystem::remove_all(dir);
}

TEST(JournalEvents, EachKindHasItsEntryInTheCatalogue) {
  std::ifstream in(LLP_CATALOG);
  const std::string catalogue{std::istreambuf_iterator<char>(in), {}};
  std::set<std::string> entries;
  const std::regex entry(
      "\n-- ([0-9a-f]+)\nSubject: [^\n]+\nDefined-By: llpdrv\nDocumentation: [^\n]+\n\n[^\n]");
  for (std::sregex_iterator it(catalogue.begin(), catalogue.end(), entry), end; it != end; ++it) {
    EXPECT_TRUE(entries.insert((*it)[1]).second) << (*it)[1] << " twice";
  }
  std::set<std::string> kinds;
  for (std::size_t i = 0; i < journal_kinds().size(); ++i) {
    const JournalKind& kind = journal_kinds()[i];
    EXPECT_EQ(static_cast<std::size_t>(kind.event), i);
    EXPECT_EQ(kind.id.size(), 32U);
    EXPECT_TRUE(kinds.emplace(kind.id).second) << kind.name;
  }
  EXPECT_EQ(entries, kinds);
  // Only fields that every entry of its kind has, or that stay as they are.
  const std::regex field("@([A-Z_]+)@");
  for (std::sregex_iterator it(catalogue.begin(), catalogue.end(), field), end; it != end; ++it) {
    const std::set<std::string> all{"LLP_LINE",    "LLP_PROTOCOL", "LLP_PORT", "LLP_CAUSE",
                                    "LLP_OUTCOME", "LLP_SIZE",     "LLP_PEER", "LLP_DIRECTION"};
    EXPECT_TRUE(all.contains((*it)[1])) << (*it)[1];
  }
}

}  // namespace
}  // namespace llp::cmd
