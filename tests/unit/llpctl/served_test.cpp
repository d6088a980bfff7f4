// SPDX-License-Identifier: BSD-3-Clause
// list, show, stats, monitor, send, top and doctor of lines whose protocol llpd
// runs itself, alone and beside lines of the kernel.
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <sstream>

#include "illp/server.hpp"
#include "line/engine_api.hpp"
#include "llpctl/happened.hpp"
#include "llpctl/line_view.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Events that the test has made, then the end.
class ModelEvents final : public DaemonEvents {
 public:
  ModelEvents(const asio::any_io_executor& executor, std::vector<std::string> events, Errc end)
      : timer_(executor), events_(std::move(events)), end_(end) {}
  asio::awaitable<Result<nlohmann::ordered_json>> next() override {
    if (closed_) co_return fail(Errc::cancelled, "closed");
    if (at_ < events_.size()) co_return nlohmann::ordered_json::parse(events_.at(at_++));
    if (end_ != Errc::cancelled) co_return fail(end_, "llpd has closed the connection");
    timer_.expires_at(asio::steady_timer::time_point::max());
    asio::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return fail(Errc::cancelled, "closed");
  }
  void close() noexcept override {
    closed_ = true;
    timer_.cancel();
  }

 private:
  asio::steady_timer timer_;
  std::vector<std::string> events_;
  std::size_t at_ = 0;
  Errc end_;
  bool closed_ = false;
};

class Served : public Llpctl {
 protected:
  Served() {
    llp_params params{};
    llp_params_default(&params, LLP_PROTO_X328);
    for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
      std::array<char, 64> value{};
      if ((row->protocols & 1U << LLP_PROTO_X328) == 0 || std::string_view(row->name) == "char_time")
        continue;
      if (llp_params_get(&params, LLP_PROTO_X328, row->name, value.data(), value.size()) < 0) continue;
      lines[0]["params"][row->name] = value.data();
    }
    lines[0]["params"]["timer_a"] = "8s";
  }
  Result<Json> daemon(const Json&) override {
    if (!runs) return fail(Errc::refused, "no llpd answers");
    return Json{{"ok", true}, {"lines", lines}};
  }
  OpenDaemonEvents daemon_events() override {
    return [this](const asio::any_io_executor& executor) -> Result<std::unique_ptr<DaemonEvents>> {
      if (!runs) return fail(Errc::refused, "no llpd answers");
      return std::make_unique<ModelEvents>(executor, events, end);
    };
  }
  void expect_narrow() const {
    std::istringstream all(out);
    for (std::string line; std::getline(all, line);) EXPECT_LE(line.size(), 80U) << line;
  }
  void kernel_line(const std::string& name) {
    const std::uint32_t n = kernel.attach("ttyS1");
    ASSERT_TRUE(kernel.control()->set(netlink::LineNumber{n}, {.name = name, .up = true}));
  }

  bool runs = true;
  std::vector<std::string> events;
  Errc end = Errc::cancelled;
  Json lines = Json::parse(R"([
 {"name":"chem","state":"running","for_s":60,"health":"bad","reason":"no application answers: refused",
  "protocol":"x328","port":"/dev/ttyS0 9600 8N1","baud":9600,"dist":"localhost:5002","dist_tls":false,
  "dist_port":5002,"engine":"user","connected":true,"idle":true,"takes_messages":true,"messages_in_hand":1,
  "requests_waiting":2,"clients":2,"peer":"","params":{},
  "spool":{"waiting":3,"dead":1,"late":2,"bytes":4711},
  "targets":[{"address":"labsys:5001","present":true,"failures":2,"failure":"refused"}],
  "counters":{"proximal_ok":12,"distal_ok":3,"stored":0},
  "protocol_counters":{"rx_bytes":4711,"tx_bytes":815,"rx_messages":12,"tx_messages":3,"tx_failed":1,
                       "rx_cancelled":0,"nak_check":4,"timeouts":2},
  "turnaround":{"count":4,"sum_ns":200000,"longest_ns":70000,"buckets":[1,0,0,2,0,0,0,1]},
  "high_bytes":7,
  "last_errors":[
   {"kind":"frame","time_ns":1,"monotonic_ns":5000000,"length":120,"verdict":"bad check","words":"block"},
   {"kind":"failed","time_ns":1,"monotonic_ns":7000000,"message":9,"flags":0,"error":110,"length":80,
    "outcome":2,"cause":"no answer from the other station"},
   {"kind":"application","time_ns":1,"monotonic_ns":9000000,"length":384,"words":"failed","cause":"refused",
    "peer":"labsys:5001"}]},
 {"name":"gas","state":"running","health":"waiting","reason":"nobody has connected","protocol":"mllp",
  "port":"tcp listen localhost:4001","baud":0,"engine":"user","connected":false,"idle":true,
  "takes_messages":false,"params":{"release":"2"},"counters":{},"protocol_counters":{"rx_messages":1}},
 {"name":"urine","state":"failed","health":"bad","reason":"/dev/ttyS9: no such device","protocol":"hllp",
  "port":"/dev/ttyS9 9600 8N1"}])");
};

TEST_F(Served, InOneListWithTheKernels) {
  kernel_line("haem");
  EXPECT_EQ(run({"list"}), 0) << err;
  expect_golden("served-list.txt");
  expect_narrow();
  EXPECT_EQ(run({"list", "--json"}), 0);
  const Json all = Json::parse(out);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0]["engine"], "kernel");
  EXPECT_EQ(all[0]["line"], 0);
  EXPECT_TRUE(all[1]["line"].is_null());
  EXPECT_EQ(all[1]["name"], "chem");
  EXPECT_EQ(all[1]["rx_messages"], 12);
  EXPECT_EQ(all[1]["waiting"], 6);
  EXPECT_EQ(all[2]["state"], "no wire");
  EXPECT_EQ(all[2]["protocol"], "mllp2");
  EXPECT_EQ(all[3]["state"], "failed");
}

TEST_F(Served, WithoutTheModuleAndWithoutLlpd) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  EXPECT_EQ(run({"list"}), 0) << err;
  EXPECT_THAT(out, HasSubstr("chem"));
  EXPECT_EQ(run({"show", "chem"}), 0) << err;
  EXPECT_EQ(run({"show", "chme"}), 69);
  EXPECT_EQ(err, "there is no line 'chme'; did you mean 'chem'?\n");
  runs = false;
  EXPECT_EQ(run({"list"}), 69);
  EXPECT_EQ(err, "the module n_llp is not loaded\n");
}

TEST_F(Served, OneThatBothKnowIsOne) {
  kernel_line("chem");
  lines[0]["engine"] = "kernel";
  EXPECT_EQ(run({"list", "--json"}), 0);
  Json all = Json::parse(out);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["engine"], "kernel");
  EXPECT_EQ(all[0]["waiting"], 6) << "what waits in llpd";
  // What llpd cannot serve is the kernel's all the same.
  lines[0] = Json::parse(R"({"name":"chem","state":"failed","health":"bad","reason":"in use"})");
  EXPECT_EQ(run({"list", "--json"}), 0);
  EXPECT_EQ(Json::parse(out).size(), 3U);
  EXPECT_EQ(run({"show", "chem"}), 0);
  EXPECT_THAT(out, HasSubstr("/dev/llp0 chem on ttyS1"));
  EXPECT_THAT(out, HasSubstr("llpd        bad: in use"));
}

TEST_F(Served, AllOfOne) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  EXPECT_EQ(run({"show", "chem"}), 0) << err;
  expect_golden("served-show.txt");
  expect_narrow();
  EXPECT_EQ(run({"show", "ttyS0", "--json"}), 0) << "by its port";
  const Json one = Json::parse(out);
  EXPECT_EQ(one["engine"], "user");
  EXPECT_EQ(one["changed"]["timer_a"]["value"], "8s");
  EXPECT_EQ(one["turnaround"]["p50_ns"], 8000);
  EXPECT_EQ(one["turnaround"]["p99_ns"], 70000);
  EXPECT_EQ(one["char_time_ns"], 1041667);
  EXPECT_EQ(one["findings"][0]["counter"], "nak_check");
  EXPECT_EQ(one["served"]["last_errors"].size(), 3U);
  EXPECT_EQ(run({"show", "urine"}), 0);
  EXPECT_THAT(out, HasSubstr("bad: /dev/ttyS9: no such device"));
  EXPECT_THAT(out, HasSubstr("Nothing has happened on it yet."));
}

TEST_F(Served, WhatMakesNoSenseEndsNothing) {
  lines = Json::parse(R"([{"name":"\u001b[2J","params":[1],"protocol":"morse","protocol_counters":7,
    "turnaround":{"count":-1,"buckets":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,"x"]},
    "last_errors":[7,{"kind":"morse"},{"kind":"timer","words":"\u001b"}],"counters":{}}, 7])");
  EXPECT_EQ(run({"list"}), 0);
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  EXPECT_EQ(run({"show", "\\x1b[2J"}), 0) << err;
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(out, HasSubstr("timer \\x1b ran out"));
}

TEST_F(Served, Statistics) {
  EXPECT_EQ(run({"stats", "chem"}), 0) << err;
  EXPECT_THAT(out, HasSubstr("rx_bytes      4711\n"));
  EXPECT_THAT(out, HasSubstr("turnaround: p50 8 us, p99 70 us, longest 70 us, of 4 answers\n"));
  EXPECT_EQ(run({"stats", "chem", "--json"}), 0);
  EXPECT_EQ(Json::parse(out)["counters"]["nak_check"], 4);
  asio::post(io, [&] { lines[0]["protocol_counters"]["rx_bytes"] = 4800U; });
  EXPECT_EQ(run({"stats", "chem", "--watch", "-i", "0.001", "-c", "2"}), 0);
  EXPECT_THAT(out, HasSubstr("4800    +89\n"));
  asio::post(io, [&] { lines.erase(0); });
  EXPECT_EQ(run({"stats", "chem", "--watch", "-i", "0.001"}), 69);
}

constexpr const char* kReceived =
    R"({"event":"happened","name":"chem","kind":"received","time_ns":1,"monotonic_ns":5000000,"message":3,
        "flags":1,"error":0,"length":384})";
constexpr const char* kFailed =
    R"({"event":"happened","name":"chem","kind":"failed","time_ns":1,"monotonic_ns":6000000,"message":9,"flags":0,
        "error":110,"length":80,"outcome":2,"cause":"no answer from the other station","lost":3})";
constexpr const char* kTimer =
    R"({"event":"happened","name":"gas","kind":"timer","time_ns":1,"monotonic_ns":7000000,"words":"C"})";
constexpr const char* kDelivered =
    R"({"event":"happened","name":"chem","kind":"application","time_ns":1,"monotonic_ns":8000000,"length":384,
        "words":"delivered","peer":"labsys:5001"})";
constexpr const char* kGone = R"({"event":"line","name":"chem","state":"gone"})";

TEST_F(Served, WhatHappens) {
  kernel_line("haem");
  events = {kReceived, kFailed, kTimer, kDelivered, R"({"event":"reloaded"})"};
  asio::post(io, [&] { kernel.received(0, 100); });
  EXPECT_EQ(run({"monitor", "--count", "6"}), 0) << err;
  EXPECT_THAT(out, HasSubstr("t=5  chem          message 3 received, 384 bytes, waits to be acknowledged\n"));
  EXPECT_THAT(out, HasSubstr("events are missing here"));
  EXPECT_THAT(out, HasSubstr("message 9 failed, 80 bytes, refused: no answer from the other station\n"));
  EXPECT_THAT(out, HasSubstr("gas           timer C ran out\n"));
  EXPECT_THAT(out, HasSubstr("application: delivered, 384 bytes, labsys:5001\n"));
  EXPECT_THAT(out, HasSubstr("haem          message"));
}

TEST_F(Served, WhatHappensForPrograms) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  events = {kReceived, kDelivered, kGone};
  EXPECT_EQ(run({"monitor", "chem", "--json"}), 0) << err;
  std::istringstream all(out);
  std::vector<Json> said;
  for (std::string line; std::getline(all, line);) said.push_back(Json::parse(line));
  ASSERT_EQ(said.size(), 3U) << out;
  EXPECT_TRUE(said[0]["line"].is_null());
  EXPECT_EQ(said[0]["type"], "message");
  EXPECT_EQ(said[0]["event"], "received");
  EXPECT_EQ(said[0]["time_ns"], 5000000);
  EXPECT_EQ(said[1]["type"], "application");
  EXPECT_EQ(said[2]["event"], "gone");
}

TEST_F(Served, OnlyOneAndOnlyTrouble) {
  events = {kReceived, kTimer, kFailed, kGone};
  EXPECT_EQ(run({"monitor", "chem", "--trouble"}), 0) << err;
  EXPECT_THAT(out, Not(HasSubstr("received")));
  EXPECT_THAT(out, Not(HasSubstr("gas")));
  EXPECT_THAT(out, HasSubstr("failed"));
  EXPECT_THAT(out, HasSubstr("gone"));
}

TEST_F(Served, LlpdEndsMeanwhile) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  events = {kReceived};
  end = Errc::closed;
  EXPECT_NE(run({"monitor"}), 0);
  EXPECT_THAT(err, HasSubstr("llpd has closed the connection"));
  EXPECT_THAT(out, HasSubstr("received"));
}

class ServedSend : public Served {
 protected:
  ServedSend() {
    std::ofstream(dir_ / "order") << "MSH|^~\\&|\rOBR|1\r";
    lines[0]["dist"] = "unix:" + (dir_ / "dist").string();
  }
  ~ServedSend() override {
    server.reset();
    io.restart();
    io.poll();
  }
  // llpd's side of dist; "CAN": cancels the request.
  void serve(const std::string& answer) {
    server = std::make_unique<illp::Server>(
        io.get_executor(), illp::ServerOptions(),
        [this, answer](std::shared_ptr<illp::ServerTransaction> t) -> asio::awaitable<void> {
          asked.assign(t->request().begin(), t->request().end());
          const std::vector<std::uint8_t> bytes(answer.begin(), answer.end());
          if (answer == "CAN") {
            std::string reason = "the test wants it so";
            co_await t->cancel(std::move(reason));
          } else {
            static_cast<void>(co_await t->reply(bytes));
          }
        });
    const illp::Endpoint dist = illp::UnixEndpoint{(dir_ / "dist").string()};
    bool listens = false;
    asio::co_spawn(
        io, [&]() -> asio::awaitable<void> { listens = (co_await server->listen(dist)).has_value(); },
        asio::detached);
    while (!listens && io.run_one() > 0) {
    }
    EXPECT_TRUE(listens);
  }
  std::unique_ptr<illp::Server> server;
  std::string asked;
};

TEST_F(ServedSend, AsAnApplicationSends) {
  serve("MSH|^~\\&|\rMSA|AA\r");
  EXPECT_EQ(run({"send", "chem", dir_ / "order"}), 0) << err;
  EXPECT_EQ(out, "MSH|^~\\&|\rMSA|AA\r");
  EXPECT_EQ(asked, "MSH|^~\\&|\rOBR|1\r");
  EXPECT_EQ(run({"send", "chem", dir_ / "order", "--json"}), 0) << err;
  EXPECT_EQ(Json::parse(out)["delivered"], true);
  EXPECT_EQ(Json::parse(out)["reply"], "MSH|^~\\&|\rMSA|AA\r");
}

TEST_F(ServedSend, WhatLlpdGivesUp) {
  serve("CAN");
  EXPECT_EQ(run({"send", "chem", dir_ / "order"}), 1);
  EXPECT_THAT(err, HasSubstr("llpctl show chem"));
  EXPECT_EQ(out, "");
}

TEST_F(ServedSend, WhatCannotBe) {
  const std::string order = dir_ / "order";
  EXPECT_EQ(run({"send", "chem", order, "--no-reply"}), 64);
  EXPECT_THAT(err, HasSubstr("expect_out"));
  EXPECT_EQ(run({"send", "gas", order}), 69);
  EXPECT_THAT(err, HasSubstr("dist = PORT"));
  lines[1]["dist"] = "*:5003";
  EXPECT_EQ(run({"send", "gas", order}), 69);
  EXPECT_THAT(err, HasSubstr("serve_at_once"));
  lines[1]["dist_tls"] = true;
  EXPECT_EQ(run({"send", "gas", order}), 69);
  EXPECT_THAT(err, HasSubstr("TLS"));
  EXPECT_EQ(run({"send", "chem", order, "--json"}), 1);
  EXPECT_EQ(Json::parse(out)["delivered"], false);
  EXPECT_NE(Json::parse(out)["error"], "");
}

TEST_F(Served, OnTheScreenAndToTheDoctor) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  EXPECT_EQ(run({"top", "--once", "--interval", "0.01", "--json"}), 0) << err;
  const Json top = Json::parse(out);
  ASSERT_EQ(top.size(), 3U);
  EXPECT_EQ(top[0]["name"], "chem");
  EXPECT_EQ(top[0]["queue"], 6);
  EXPECT_EQ(top[0]["trouble"], true);
}

}  // namespace
}  // namespace llp::ctl::test
