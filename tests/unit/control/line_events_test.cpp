// SPDX-License-Identifier: BSD-3-Clause
// What happens on lines: what a line remembers of it, and what subscribers hear.
#include "control/line_events.hpp"

#include <gmock/gmock.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/client.hpp"
#include "control/control_server.hpp"
#include "control/meanings.hpp"
#include "control/report.hpp"

namespace llp::control {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using Kind = LineEvent::Kind;
using testing::ElementsAre;

class Events : public testing::Test {
 protected:
  std::vector<Kind> kinds() const {
    std::vector<Kind> all;
    for (const LineEvent& e : told) all.push_back(e.kind);
    return all;
  }
  std::vector<LineEvent> told;
  LineEvents events{[this](const LineEvent& e) { told.push_back(e); }};
};

llp_event frame_in(llp_verdict_frame verdict) {
  llp_event e{};
  e.type = LLP_EV_FRAME;
  e.frame = LLP_FR_BLOCK;
  e.verdict = verdict;
  e.len = 120;
  return e;
}

TEST_F(Events, TheUsualCourseOfThingsIsNotTold) {
  events.frame(frame_in(LLP_FV_GOOD));
  llp_event sent = frame_in(LLP_FV_GOOD);
  sent.out = 1;
  events.frame(sent);
  llp_event state{};
  state.type = LLP_EV_STATE;
  events.message(state, 0);
  EXPECT_THAT(kinds(), ElementsAre());
  EXPECT_TRUE(events.errors().empty());
}

TEST_F(Events, WhatGoesWrongIsToldAndRemembered) {
  events.frame(frame_in(LLP_FV_CHECK));
  llp_event again = frame_in(LLP_FV_GOOD);
  again.out = 1;
  again.flags = LLP_FRAME_AGAIN;
  events.frame(again);
  events.timer("A");
  events.lost(3);
  events.wire_gone("the port was hung up");
  events.application({"chem", false, "failed", 384, 0, "labsys:5001", "refused"});
  EXPECT_THAT(kinds(),
              ElementsAre(Kind::frame, Kind::again, Kind::timer, Kind::lost, Kind::wire, Kind::application));
  EXPECT_EQ(events.errors().size(), 6U);
  events.application({"chem", false, "delivered", 384, 90, "labsys:5001", ""});
  EXPECT_EQ(told.size(), 7U);
  EXPECT_EQ(events.errors().size(), 6U) << "all is well with that one";
}

TEST_F(Events, MessagesWithTheirCauses) {
  llp_event end{};
  end.type = LLP_EV_END;
  end.id = 7;
  end.flags = LLP_END_REPLY | LLP_END_LATE;
  end.reply_to = 3;
  events.message(end, 384);
  llp_event sent{};
  sent.type = LLP_EV_SENT;
  sent.outcome = LLP_OUT_DELIVERED;
  events.message(sent, 10);
  sent.cause = LLP_CAUSE_NOREPLY;
  sent.outcome = LLP_OUT_REFUSED;
  events.message(sent, 10);
  llp_event cancel{};
  cancel.type = LLP_EV_CANCEL;
  cancel.cause = LLP_CAUSE_SILENCE;
  events.message(cancel, 0);
  llp_event anew{};
  anew.type = LLP_EV_DISCONNECT;
  events.message(anew, 0);
  ASSERT_THAT(kinds(),
              ElementsAre(Kind::received, Kind::sent, Kind::failed, Kind::cancelled, Kind::disconnect));
  EXPECT_EQ(events.errors().size(), 3U);
  const Json in = happened_event("chem", told[0]);
  EXPECT_EQ(in["event"], "happened");
  EXPECT_EQ(in["name"], "chem");
  EXPECT_EQ(in["kind"], "received");
  EXPECT_EQ(in["message"], 7);
  EXPECT_EQ(in["length"], 384);
  EXPECT_EQ(in["reply_to"], 3);
  EXPECT_EQ(in["error"], 0);
  const Json failed = happened_event("chem", told[2]);
  EXPECT_EQ(failed["error"], ETIMEDOUT);
  EXPECT_EQ(failed["outcome"], LLP_OUT_REFUSED);
  EXPECT_EQ(failed["cause"], "no answer from the other station");
  EXPECT_FALSE(happened_event("chem", told[3]).contains("length"));
}

TEST_F(Events, ErrorsSayWhatTheyMean) {
  for (int v = LLP_FV_DUPLICATE; v < LLP_FV__N; ++v) {
    LineEvent e{.kind = Kind::frame, .verdict = v};
    const bool known = v != LLP_FV_DUPLICATE && v != LLP_FV_INCOMPLETE;
    EXPECT_EQ(error_report(e).contains("advice"), known) << v;
    EXPECT_EQ(error_report(e)["verdict"], llp_frame_verdict_name(static_cast<llp_verdict_frame>(v)));
  }
  for (const Kind kind : {Kind::failed, Kind::cancelled, Kind::again, Kind::timer, Kind::lost, Kind::wire}) {
    EXPECT_TRUE(error_report({.kind = kind}).contains("meaning")) << static_cast<int>(kind);
  }
  EXPECT_FALSE(error_report({.kind = Kind::application, .words = "failed"}).contains("meaning"));
}

TEST_F(Events, OnlySoManyAreRemembered) {
  for (std::size_t i = 0; i < 3 * LineEvents::kRemembered; ++i) events.lost(i);
  EXPECT_EQ(events.errors().size(), LineEvents::kRemembered);
  EXPECT_EQ(events.errors().back().size, 3 * LineEvents::kRemembered - 1);
  EXPECT_EQ(told.size(), 3 * LineEvents::kRemembered);
  LineEvents unheard({});
  unheard.lost(1);
  EXPECT_EQ(unheard.errors().size(), 1U);
}

TEST(Meanings, OfCountersThatThereAre) {
  for (const Meaning& m : meanings()) {
    bool there = m.counter == "messages_refused";  // the kernel's own
    for (u32 i = 0; i < LLP_C__N; ++i) there |= m.counter == llp_counter_name(i);
    EXPECT_TRUE(there) << m.counter;
    EXPECT_TRUE(m.advice.ends_with('.') || m.advice.ends_with('?')) << m.counter;
  }
  EXPECT_EQ(meaning_of("rx_bytes"), nullptr);
}

class OneChem : public LineHost {
 public:
  OneChem() {
    chem.name = "chem";
    chem.port = io::Tty{"/dev/ttyS1", 19200, {}, io::TtyFlow::none, false};
    llp_params_default(&chem.params, LLP_PROTO_X328);
    EXPECT_EQ(llp_preset_apply(&chem.params, LLP_PROTO_X328, "vista-x328"), 0);
  }
  std::vector<LineInfo> lines() const override {
    return {{&chem, LineState::running, {}, "", nullptr, &events}};
  }
  Result<void> stop_line(std::string_view) override { return {}; }
  Result<void> start_line(std::string_view) override { return {}; }
  void reload(std::function<void(const std::vector<Error>&)> done) override { done({}); }
  core::LineConfig chem;
  LineEvents events{{}};
};

TEST(LineReport, ParametersPeerAndLastErrors) {
  OneChem host;
  Json report = line_report(host.lines()[0]);
  EXPECT_EQ(report["peer"], "vista-x328");
  EXPECT_EQ(report["baud"], 19200);
  EXPECT_TRUE(report["params"].contains("timer_a"));
  EXPECT_FALSE(report["params"].contains("char_time")) << "the wire's own";
  EXPECT_FALSE(report["changed"].empty());
  for (const auto& [name, change] : report["changed"].items()) {
    EXPECT_EQ(report["params"][name], change["value"]) << name;
    EXPECT_NE(change["value"], change["default"]) << name;
  }
  EXPECT_TRUE(report["last_errors"].empty());
  EXPECT_FALSE(report.contains("turnaround")) << "it is not served";
  EXPECT_EQ(llp_params_set(&host.chem.params, LLP_PROTO_X328, "timer_a", "11s"), 0);
  host.events.timer("A");
  report = line_report(host.lines()[0]);
  EXPECT_EQ(report["peer"], "");
  EXPECT_EQ(report["changed"]["timer_a"]["value"], "11s");
  EXPECT_EQ(report["last_errors"][0]["kind"], "timer");
  EXPECT_EQ(report["last_errors"][0]["words"], "A");
}

class Heard : public testing::Test {
 protected:
  Heard() {
    std::string name = testing::TempDir() + "llp-heard-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
    EXPECT_TRUE(server.listen(dir / kSocketName));
    thread = std::thread([this] { context.run(); });
  }
  ~Heard() override {
    asio::post(context, [this] { server.stop(); });
    thread.join();
    std::filesystem::remove_all(dir);
  }
  Client subscriber(const Json& request) {
    auto client = Client::connect(dir / kSocketName);
    EXPECT_TRUE(client && client->call(request));
    return std::move(*client);
  }
  // In the loop's thread, as a line does.
  void happen(std::string_view line, const LineEvent& event, int times = 1) {
    std::promise<void> done;
    asio::post(context, [&] {
      for (int i = 0; i < times; ++i) server.happened(line, event);
      done.set_value();
    });
    done.get_future().wait();
  }
  std::filesystem::path dir;
  OneChem host;
  asio::io_context context{1};
  ControlServer server{context.get_executor(), host, "1.2.3", Logger()};
  std::thread thread;
};

TEST_F(Heard, WhoAskedForAll) {
  Client all = subscriber({{"op", "subscribe"}, {"all", true}});
  Client one = subscriber({{"op", "subscribe"}, {"all", true}, {"line", "haem"}});
  Client changes = subscriber({{"op", "subscribe"}});
  happen("chem", {.kind = Kind::timer, .words = "A"});
  happen("haem", {.kind = Kind::lost, .size = 4});
  EXPECT_EQ(all.next_event(20s).value()["words"], "A");
  EXPECT_EQ(all.next_event(20s).value()["kind"], "lost");
  EXPECT_EQ(one.next_event(20s).value()["name"], "haem");
  EXPECT_EQ(changes.next_event(1ms).error().code, Errc::timeout);
}

TEST_F(Heard, WhoIsTooSlowMissesSome) {
  Client slow = subscriber({{"op", "subscribe"}, {"all", true}});
  const LineEvent event{.kind = Kind::application, .words = std::string(4000, 'x')};
  happen("chem", event, 3000);  // 12 MB: beyond what is kept, and what the socket holds
  // Its answer comes behind all that was kept.
  ASSERT_TRUE(slow.call({{"op", "health"}}));
  std::uint64_t heard = 0;
  while (slow.next_event(0ms)) ++heard;
  EXPECT_LT(heard, 3000U);
  happen("chem", event);
  EXPECT_EQ(slow.next_event(20s).value()["lost"], 3000 - heard);
}

}  // namespace
}  // namespace llp::control
