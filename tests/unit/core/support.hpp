// SPDX-License-Identifier: BSD-3-Clause
// A line whose other end is the test, applications and clients that are scripted,
// and a loop that the test turns itself.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "core/event.hpp"
#include "core/line_service.hpp"
#include "illp/client.hpp"
#include "illp/server.hpp"
#include "line/line.hpp"

namespace llp::core::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

// Only a test that fails waits for it.
inline constexpr auto kPatience = 30s;

[[nodiscard]] inline line::Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }
[[nodiscard]] inline std::string text(std::span<const std::uint8_t> data) {
  return {data.begin(), data.end()};
}

inline const std::string kRequest = "MSH|^~\\&|LAB|1|HIS|1|20260101||ORU^R01|17|P|2.3\rOBX|1|NM|K||4.1\r";
inline const std::string kOther = "MSH|^~\\&|LAB|1|HIS|1|20260101||ORU^R01|18|P|2.3\rOBX|1|NM|NA||140\r";
inline const std::string kAnswer = "MSH|^~\\&|HIS|1|LAB|1|20260101||ACK|90|P|2.3\rMSA|AA|17\r";
inline const std::string kQuery = "MSH|^~\\&|HIS|1|LAB|1|20260101||QRY|55|P|2.3\rQRD|1\r";
inline const std::string kResult = "MSH|^~\\&|LAB|1|HIS|1|20260101||ACK|19|P|2.3\rMSA|AA|55\r";

// The event loop in the test's own thread.
class Loop {
 public:
  [[nodiscard]] asio::any_io_executor executor() { return context_.get_executor(); }

  // Turns until it holds; false if it never does.
  [[nodiscard]] bool until(const std::function<bool()>& condition,
                           std::chrono::nanoseconds limit = kPatience) {
    const auto end = Clock::now() + limit;
    while (!condition()) {
      if (Clock::now() >= end) return false;
      context_.restart();
      context_.run_one_for(20ms);
    }
    return true;
  }
  // For "nothing happens": what is ready is done, and a while passes.
  void turn(std::chrono::milliseconds time = 60ms) {
    const auto end = Clock::now() + time;
    while (Clock::now() < end) {
      context_.restart();
      context_.run_one_for(5ms);
    }
  }
  template <class T>
  T run(asio::awaitable<T> task) {
    std::optional<T> result;
    asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& e, T value) {
      if (e) std::rethrow_exception(e);
      result = std::move(value);
    });
    if (!until([&] { return result.has_value(); })) throw std::runtime_error("coroutine hangs");
    return std::move(*result);
  }
  void run(asio::awaitable<void> task) {
    bool done = false;
    asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
      done = true;
    });
    if (!until([&] { return done; })) throw std::runtime_error("coroutine hangs");
  }
  void start(asio::awaitable<void> task) {
    asio::co_spawn(context_, std::move(task), [](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
    });
  }

 private:
  asio::io_context context_;
};

// What was sent to the line. The test decides what becomes of it.
class FakeOutgoing : public line::Outgoing {
 public:
  FakeOutgoing(const asio::any_io_executor& executor, const line::Bytes& t, line::Kind k, llp_expect e,
               line::MessageId q)
      : text(test::text(t)), kind(k), expect(e), question(q), changed_(executor) {}

  const std::string text;
  const line::Kind kind;
  const llp_expect expect;
  const line::MessageId question;
  bool aborted = false;

  // The line was granted: a block is on the wire.
  void grant() { withdrawable_ = false; }
  // The transfer ended.
  void transferred(llp_cause cause = LLP_OK, llp_outcome outcome = LLP_OUT_DELIVERED) {
    withdrawable_ = false;
    sent_ = line::SendResult{cause, outcome};
    if (cause != LLP_OK) end(Errc::refused, "the transfer failed");
    if (cause == LLP_OK && expect == LLP_EXPECT_NONE) end(Errc::closed, "no reply is expected");
    changed_.notify();
  }
  void reply_with(line::Message message) {
    replies_.push_back(std::move(message));
    changed_.notify();
  }
  void end(Errc code, std::string why) {
    if (!over_) over_ = Error{code, std::move(why), 0};
    changed_.notify();
  }

  asio::awaitable<line::SendResult> sent() override {
    while (!sent_) co_await changed_.wait();
    co_return *sent_;
  }
  asio::awaitable<Result<line::Message>> reply() override {
    while (replies_.empty() && !over_) co_await changed_.wait();
    if (replies_.empty()) co_return std::unexpected(*over_);
    line::Message message = std::move(replies_.front());
    replies_.pop_front();
    co_return message;
  }
  bool can_withdraw() const noexcept override { return withdrawable_ && !sent_; }
  void abort() noexcept override {
    aborted = true;
    if (!sent_) {
      sent_ = line::SendResult{LLP_CAUSE_ABORTED, withdrawable_ ? LLP_OUT_NOT_SENT : LLP_OUT_UNKNOWN};
    }
    end(Errc::cancelled, "taken back");
  }

 private:
  bool withdrawable_ = true;
  std::optional<line::SendResult> sent_;
  std::deque<line::Message> replies_;
  std::optional<Error> over_;
  Event changed_;
};

class FakeLine : public line::Line {
 public:
  FakeLine(const asio::any_io_executor& executor, llp_protocol protocol, const llp_params& params)
      : executor_(executor),
        protocol_(protocol),
        params_(params),
        changed_(executor),
        pending_(protocol == LLP_PROTO_X328 || (protocol == LLP_PROTO_MLLP && params.release == 2)) {}

  // ---- the instrument ----
  void begin_message() {
    receiving_ = true;
    ++begun_;
    changed_.notify();
  }
  void cancel_begun() {
    receiving_ = false;
    changed_.notify();
  }
  // A whole message comes; `change` may mark it.
  line::MessageId arrive(const std::string& what, const std::function<void(line::Message&)>& change = {}) {
    if (!receiving_) begin_message();
    receiving_ = false;
    line::Message message = make(what);
    if (change) change(message);
    const line::MessageId id = message.id;
    inbox_.push_back(std::move(message));
    changed_.notify();
    return id;
  }
  // A reply to what is outstanding.
  line::MessageId reply(FakeOutgoing& to, const std::string& what) {
    line::Message message = make(what);
    const line::MessageId id = message.id;
    to.reply_with(std::move(message));
    return id;
  }
  // The sender stops waiting.
  void cancel(line::MessageId id, llp_cause cause = LLP_CAUSE_VERDICT_LATE) {
    Entry& e = entries[id];
    e.fate = line::Fate{false, e.decision && accepts(*e.decision), cause};
    changed_.notify();
  }
  void acknowledge(line::MessageId id) {
    entries[id].fate = line::Fate{true, true, LLP_OK};
    changed_.notify();
  }
  // What the next accepting verdicts get.
  llp_settled settle = LLP_ACKNOWLEDGED;

  // ---- what was seen ----
  struct Entry {
    std::optional<llp_decision> decision;
    std::optional<line::Fate> fate;
    int verdicts = 0;
  };
  std::map<line::MessageId, Entry> entries;
  std::vector<std::shared_ptr<FakeOutgoing>> sent_;
  bool ready = false;
  int disconnects = 0;
  bool stopped = false;
  bool closed = false;
  bool connected_now = true;
  bool resting = true;
  std::optional<Error> start_error;
  std::optional<Error> send_error;

  [[nodiscard]] std::optional<llp_decision> decision(line::MessageId id) { return entries[id].decision; }
  [[nodiscard]] std::vector<std::shared_ptr<FakeOutgoing>> sent(line::Kind kind) const {
    std::vector<std::shared_ptr<FakeOutgoing>> some;
    for (const auto& o : sent_) {
      if (o->kind == kind) some.push_back(o);
    }
    return some;
  }
  void changed() { changed_.notify(); }

  // ---- Line ----
  asio::awaitable<Result<void>> start() override {
    if (start_error) co_return std::unexpected(*start_error);
    co_return Result<void>{};
  }
  asio::awaitable<Result<line::Message>> read() override {
    while (inbox_.empty() && !closed) co_await changed_.wait();
    if (inbox_.empty()) co_return fail(Errc::cancelled, "closed");
    line::Message message = std::move(inbox_.front());
    inbox_.pop_front();
    changed_.notify();
    co_return message;
  }
  asio::awaitable<bool> begin() override {
    while (begun_ == begun_seen_ && !closed) co_await changed_.wait();
    begun_seen_ = begun_;
    co_return !closed;
  }
  asio::awaitable<void> received() override {
    while ((receiving_ || !inbox_.empty()) && !closed) co_await changed_.wait();
  }
  asio::awaitable<void> rest() override {
    while (!resting && !closed) co_await changed_.wait();
  }
  llp_settled verdict(line::MessageId id, llp_decision decision) override {
    Entry& e = entries[id];
    ++e.verdicts;
    e.decision = decision;
    if (e.fate) return LLP_GONE;
    if (!accepts(decision)) {
      e.fate = line::Fate{false, false, LLP_CAUSE_REFUSED};
    } else if (settle == LLP_GONE) {
      e.fate = line::Fate{false, false, LLP_CAUSE_VERDICT_LATE};
    } else if (settle == LLP_ACKNOWLEDGED) {
      e.fate = line::Fate{true, true, LLP_OK};
    } else {
      return settle;
    }
    changed_.notify();
    return accepts(decision) ? settle : LLP_ACKNOWLEDGED;
  }
  asio::awaitable<line::Fate> fate(line::MessageId id) override {
    while (!entries[id].fate && !closed) co_await changed_.wait();
    co_return entries[id].fate.value_or(line::Fate{false, false, LLP_CAUSE_HANGUP});
  }
  Result<std::shared_ptr<line::Outgoing>> send(line::Bytes text, llp_expect expect) override {
    return give(std::move(text), line::Kind::request, expect, 0);
  }
  Result<std::shared_ptr<line::Outgoing>> answer(line::MessageId question, line::Bytes text) override {
    return give(std::move(text), line::Kind::answer, LLP_EXPECT_NONE, question);
  }
  void set_ready(bool r) override { ready = r; }
  void abort_receive() noexcept override { cancel_begun(); }
  bool connected() const noexcept override { return connected_now; }
  bool idle() const noexcept override { return resting; }
  void disconnect() noexcept override { ++disconnects; }
  asio::awaitable<void> stop() override {
    stopped = true;
    close();
    co_return;
  }
  void close() noexcept override {
    closed = true;
    for (const auto& o : sent_) o->abort();
    changed_.notify();
  }
  const llp_params& params() const noexcept override { return params_; }
  llp_protocol protocol() const noexcept override { return protocol_; }
  const std::array<std::uint64_t, LLP_C__N>& counters() const noexcept override { return counters_; }
  std::string describe() const override { return "a fake line"; }

 private:
  Result<std::shared_ptr<line::Outgoing>> give(line::Bytes text, line::Kind kind, llp_expect expect,
                                               line::MessageId question) {
    if (send_error) return std::unexpected(*send_error);
    sent_.push_back(std::make_shared<FakeOutgoing>(executor_, text, kind, expect, question));
    if (closed) sent_.back()->abort();
    return sent_.back();
  }
  static bool accepts(llp_decision d) { return d == LLP_ACCEPT || d == LLP_ACCEPT_ANSWER; }
  line::Message make(const std::string& what) {
    line::Message message;
    message.id = ++last_id_;
    message.text = bytes(what);
    message.pending = pending_;
    entries[message.id];
    return message;
  }

  asio::any_io_executor executor_;
  llp_protocol protocol_;
  llp_params params_;
  Event changed_;
  bool pending_ = true;
  bool receiving_ = false;
  unsigned begun_ = 0, begun_seen_ = 0;
  line::MessageId last_id_ = 0;
  std::deque<line::Message> inbox_;
  std::array<std::uint64_t, LLP_C__N> counters_{};
};

// An application: a real ILLP server, whose requests the test answers.
class App {
 public:
  using Ptr = std::shared_ptr<illp::ServerTransaction>;
  App(Loop& loop, const illp::Options& options, illp::Endpoint at = illp::TcpEndpoint{"127.0.0.1", "0"});
  [[nodiscard]] illp::Endpoint endpoint() const { return endpoint_; }
  // Answers every request at once, unless empty.
  std::function<std::string(std::string)> answer;
  // Else they wait here, in the order they came.
  std::vector<Ptr> waiting;
  std::vector<std::string> requests;

  void reply(std::size_t i, std::string what);
  void can(std::size_t i);
  void stop() { server_.reset(); }

 private:
  asio::awaitable<void> handle(Ptr transaction);
  Loop& loop_;
  std::unique_ptr<illp::Server> server_;
  illp::Endpoint endpoint_;
  Event changed_;
};

// A client at dist.
struct Call {
  std::unique_ptr<illp::ClientTransaction> transaction;
  std::optional<illp::ClientResult<illp::Bytes>> result;
  [[nodiscard]] bool done() const { return result.has_value(); }
  [[nodiscard]] std::string reply() const { return result && *result ? text(**result) : "(none)"; }
  [[nodiscard]] std::optional<illp::Outcome> failure() const {
    if (!result || *result) return std::nullopt;
    return result->error().outcome;
  }
};

[[nodiscard]] std::string make_temp_dir();

// Times that suit tests of time-outs.
[[nodiscard]] illp::Options quick_options();
[[nodiscard]] llp_params quick_params(llp_protocol protocol);

// A service on a fake line.
class Bench : public ::testing::Test {
 protected:
  Bench();
  ~Bench() override;

  void protocol(llp_protocol p, unsigned release = 1);
  // Applications reach the instrument from the start, on any port.
  void serve_dist() {
    config.dist = illp::TcpEndpoint{"127.0.0.1", "0"};
    config.serve_dist_at_once = true;
  }
  // Makes and starts the service; `config` may be changed before.
  void up();
  [[nodiscard]] Result<void> try_up();
  [[nodiscard]] std::shared_ptr<Call> call(const std::string& request);
  [[nodiscard]] bool until(const std::function<bool()>& condition) { return loop.until(condition); }
  [[nodiscard]] bool logged(std::string_view part) const;
  // So many requests at dist were taken into the queue so far.
  [[nodiscard]] bool queued(std::size_t count);
  [[nodiscard]] bool decided(line::MessageId id) {
    return until([&] { return line->decision(id).has_value(); });
  }
  [[nodiscard]] const LineCounters& n() const { return service->counters(); }
  [[nodiscard]] std::string lock_file() const { return (config.runtime_dir / "lab.lock").string(); }

  Loop loop;
  LineConfig config;
  FakeLine* line = nullptr;
  std::unique_ptr<LineService> service;
  std::vector<std::string> log;
};

// With an application on TCP that answers when the test says so.
class AppBench : public Bench {
 protected:
  void with_app() {
    app = std::make_unique<App>(loop, quick_options());
    config.to = {app->endpoint()};
    up();
  }
  // The application has so many requests to answer.
  [[nodiscard]] bool asked(std::size_t n = 1) {
    return until([&] { return app->waiting.size() >= n; });
  }
  // The n-th message of its kind that is on the line.
  [[nodiscard]] std::shared_ptr<FakeOutgoing> sent(line::Kind kind, std::size_t n = 1) {
    if (!until([&] { return line->sent(kind).size() >= n; })) return nullptr;
    return line->sent(kind)[n - 1];
  }
  [[nodiscard]] bool lock_is_free() const {
    const UniqueFd fd(::open(lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
    return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
  }

  std::unique_ptr<App> app;
};

}  // namespace llp::core::test
