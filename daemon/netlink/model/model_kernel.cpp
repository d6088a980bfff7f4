// SPDX-License-Identifier: BSD-3-Clause
#include "netlink/model/model_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cerrno>
#include <deque>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "line/engine_api.hpp"
#include "line/signal.hpp"

namespace llp::netlink {

namespace {

constexpr std::uint32_t kMaxCount = 1024;
constexpr std::uint32_t kMaxBytes = 1U << 30;

bool name_is_good(std::string_view name) {
  if (name.size() >= LLP_NAME_SIZE) return false;
  if (name.empty()) return true;
  if (std::isalnum(static_cast<unsigned char>(name.front())) == 0) return false;
  return std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-_.+:@").find(static_cast<char>(c)) != std::string::npos;
  });
}

bool within(const std::optional<std::uint32_t>& value, std::uint32_t max) {
  return !value || (*value >= 1 && *value <= max);
}

std::vector<Parameter> texts(const llp_params& params, llp_protocol protocol) {
  std::vector<Parameter> all;
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    std::array<char, LLP_VALUE_SIZE> value{};
    if ((row->protocols & 1U << protocol) == 0 ||
        llp_params_get(&params, protocol, row->name, value.data(), value.size()) < 0) {
      continue;
    }
    all.push_back({row->name, value.data()});
  }
  return all;
}

std::vector<Counter> no_counts() {
  std::vector<Counter> all;
  all.reserve(LLP_C__N + 1);
  for (u32 i = 0; i < LLP_C__N; ++i) all.push_back({llp_counter_name(i), 0});
  all.push_back({"messages_refused", 0});  // of the module itself
  return all;
}

std::unexpected<Error> refusal(const std::string& what, Errc code, std::string_view why, int err) {
  return std::unexpected(Error{code, fmt::format("{}: {}", what, why), err});
}

}  // namespace

struct ModelKernel::State {
  struct Line {
    LineStatus status;
    LineStats stats;
    llp_params params{};
    std::uint32_t next_id = 1;
  };
  struct Queue {
    explicit Queue(const asio::any_io_executor& executor) : changed(executor) {}
    std::deque<Event> events;
    line::Signal changed;
    bool closed = false;
  };

  explicit State(asio::any_io_executor e) : executor(std::move(e)) {}

  Line& at(std::uint32_t number) {
    const auto found = lines.find(number);
    if (found == lines.end()) throw std::out_of_range(fmt::format("the model has no line {}", number));
    return found->second;
  }
  Line* find(const LineRef& which) {
    for (auto& [number, line] : lines) {
      const auto* by_number = std::get_if<LineNumber>(&which);
      const auto* by_name = std::get_if<LineName>(&which);
      const auto* by_tty = std::get_if<LineTty>(&which);
      if ((by_number != nullptr && by_number->number == number) ||
          (by_name != nullptr && by_name->name == line.status.name) ||
          (by_tty != nullptr && by_tty->tty == line.status.tty)) {
        return &line;
      }
    }
    return nullptr;
  }
  void tell(const Event& event) {
    std::erase_if(queues, [](const auto& queue) { return queue.expired(); });
    for (const auto& weak : queues) {
      if (const auto queue = weak.lock()) {
        queue->events.push_back(event);
        queue->changed.notify();
      }
    }
  }
  void tell(const Line& line, decltype(Event::what) what) {
    tell(Event{line.status.line, line.status.name, line.status.tty, time, std::move(what)});
  }
  void changed(const Line& line, llp_line_change change) {
    tell(line, LineEvent{change, line.status.protocol, line.status.up});
  }
  void count(Line& line, std::string_view counter, std::uint64_t more) const {
    const auto found = std::ranges::find(line.stats.counters, counter, &Counter::name);
    if (found == line.stats.counters.end())
      throw std::out_of_range(fmt::format("there is no counter {}", counter));
    found->value += more;
  }
  Result<void> set(const LineRef& which, const LineChange& change);

  asio::any_io_executor executor;
  std::uint64_t time = 1'000'000'000;
  std::map<std::uint32_t, Line> lines;
  std::vector<std::weak_ptr<Queue>> queues;
  std::optional<Error> refuse;
  bool privileged = true;
};

// In the order of the module's llp_set_line().
Result<void> ModelKernel::State::set(const LineRef& which, const LineChange& change) {
  const std::string what = "cannot set " + describe(which);
  if (!privileged) return refusal(what, Errc::permission, "that needs root, or CAP_NET_ADMIN", EPERM);
  Line* line = find(which);
  if (line == nullptr) return refusal(what, Errc::not_found, "there is no such line", 0);
  LineStatus& status = line->status;
  const bool up = change.up.value_or(status.up);
  const bool anew = change.protocol || !change.params.empty();
  if (anew && status.up && up) {
    return refusal(what, Errc::in_use, "The line is up: it must be down while its protocol is set up", EBUSY);
  }
  llp_params params = line->params;
  const auto protocol = static_cast<llp_protocol>(change.protocol.value_or(status.protocol));
  if (change.protocol) {
    if (*change.protocol >= LLP_PROTO__N) {
      return refusal(what, Errc::invalid, "integer out of range", ERANGE);
    }
    llp_params_default(&params, protocol);
  }
  for (const Parameter& p : change.params) {
    const int err = llp_params_set(&params, protocol, p.name.c_str(), p.value.c_str());
    if (err == -ENOENT)
      return refusal(what, Errc::invalid, "The line's protocol has no such parameter", ENOENT);
    if (err == -ERANGE) return refusal(what, Errc::invalid, "The parameter's value is out of bounds", ERANGE);
    if (err != 0) return refusal(what, Errc::invalid, "Not a value of the parameter's kind", EINVAL);
  }
  if (up && !status.up) {
    if (const char* why = llp_params_check(&params, protocol))
      return refusal(what, Errc::invalid, why, EINVAL);
  }
  if (!within(change.max_messages, kMaxCount) || !within(change.max_writes, kMaxCount) ||
      !within(change.max_bytes, kMaxBytes)) {
    return refusal(what, Errc::invalid, "max-messages and max-writes are 1 to 1024, max-bytes 1 to 1 GiB",
                   ERANGE);
  }
  if (change.policy.value_or(0) > LLP_POLICY_COMMIT) {
    return refusal(what, Errc::invalid, "integer out of range", ERANGE);
  }
  if (change.name && !name_is_good(*change.name)) {
    return refusal(what, Errc::invalid,
                   "A name has letters, digits and -_.+:@ and begins with a letter or digit", EINVAL);
  }

  const LineStatus before = status;
  status.policy = change.policy.value_or(status.policy);
  status.max_messages = change.max_messages.value_or(status.max_messages);
  status.max_bytes = change.max_bytes.value_or(status.max_bytes);
  status.max_writes = change.max_writes.value_or(status.max_writes);
  status.name = change.name.value_or(status.name);
  line->stats.name = status.name;
  line->params = params;
  status.protocol = protocol;
  status.params = texts(params, protocol);
  if (!(before == status)) changed(*line, LLP_LINE_CHANGE_CHANGED);
  if (status.up != up) {
    status.up = up;
    status.flags = up ? LLP_INFO_UP | LLP_INFO_IDLE : 0;
    status.state = up ? "idle" : "down";
    changed(*line, up ? LLP_LINE_CHANGE_UP : LLP_LINE_CHANGE_DOWN);
  }
  return {};
}

class ModelKernel::Stream final : public EventStream {
 public:
  explicit Stream(std::shared_ptr<State::Queue> queue) : queue_(std::move(queue)) {}
  ~Stream() override { Stream::close(); }

  asio::awaitable<Result<Event>> next() override { return wait_on(queue_); }
  void close() noexcept override {
    queue_->closed = true;
    queue_->changed.notify();
  }

 private:
  static asio::awaitable<Result<Event>> wait_on(std::shared_ptr<State::Queue> queue) {
    while (queue->events.empty() && !queue->closed) co_await queue->changed.wait();
    if (queue->closed) co_return fail(Errc::cancelled, "the stream of events was closed");
    Event event = std::move(queue->events.front());
    queue->events.pop_front();
    co_return event;
  }

  std::shared_ptr<State::Queue> queue_;
};

class ModelKernel::Control final : public KernelControl {
 public:
  explicit Control(std::shared_ptr<State> state) : state_(std::move(state)) {}

  Result<std::vector<LineStatus>> lines() override {
    if (state_->refuse) return std::unexpected(*state_->refuse);
    std::vector<LineStatus> all;
    for (const auto& [number, line] : state_->lines) all.push_back(line.status);
    return all;
  }
  Result<LineStatus> line(const LineRef& which) override {
    return one<LineStatus>("cannot look at ", which, &State::Line::status);
  }
  Result<LineStats> stats(const LineRef& which) override {
    return one<LineStats>("cannot read the counters of ", which, &State::Line::stats);
  }
  Result<void> set(const LineRef& which, const LineChange& change) override {
    if (state_->refuse) return std::unexpected(*state_->refuse);
    return state_->set(which, change);
  }
  Result<std::unique_ptr<EventStream>> events(const asio::any_io_executor& executor) override {
    if (state_->refuse) return std::unexpected(*state_->refuse);
    auto queue = std::make_shared<State::Queue>(executor);
    state_->queues.push_back(queue);
    return std::make_unique<Stream>(std::move(queue));
  }

 private:
  template <class T>
  Result<T> one(const std::string& what, const LineRef& which, T State::Line::* member) {
    if (state_->refuse) return std::unexpected(*state_->refuse);
    const State::Line* line = state_->find(which);
    if (line == nullptr) return refusal(what + describe(which), Errc::not_found, "there is no such line", 0);
    return line->*member;
  }

  std::shared_ptr<State> state_;
};

ModelKernel::ModelKernel(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

std::unique_ptr<KernelControl> ModelKernel::control() { return std::make_unique<Control>(state_); }

std::uint32_t ModelKernel::attach(const std::string& tty, std::uint32_t speed, std::uint32_t char_time) {
  std::uint32_t number = 0;
  while (state_->lines.contains(number)) ++number;
  State::Line& line = state_->lines[number];
  llp_params_default(&line.params, LLP_PROTO_X328);
  LineStatus& status = line.status;
  status.line = number;
  status.tty = tty;
  status.state = "down";
  status.policy = LLP_POLICY_READ;
  status.max_messages = 8;
  status.max_bytes = 1U << 20;
  status.max_writes = 64;
  status.speed = speed;
  status.char_time = char_time;
  status.params = texts(line.params, LLP_PROTO_X328);
  line.stats.line = number;
  line.stats.tty = tty;
  line.stats.counters = no_counts();
  state_->changed(line, LLP_LINE_CHANGE_APPEARED);
  return number;
}

void ModelKernel::detach(std::uint32_t line) {
  state_->changed(state_->at(line), LLP_LINE_CHANGE_GONE);
  state_->lines.erase(line);
}

void ModelKernel::advance(std::chrono::nanoseconds time) {
  state_->time += static_cast<std::uint64_t>(time.count());
}

std::uint64_t ModelKernel::now() const { return state_->time; }

LineStatus& ModelKernel::line(std::uint32_t line) { return state_->at(line).status; }

void ModelKernel::count(std::uint32_t line, std::string_view counter, std::uint64_t more) {
  state_->count(state_->at(line), counter, more);
}

void ModelKernel::answered(std::uint32_t line, std::chrono::nanoseconds after) {
  state_->at(line).stats.turnaround.add(after);
}

void ModelKernel::received(std::uint32_t line, std::uint32_t length, std::uint32_t flags,
                           std::optional<std::uint32_t> reply_to) {
  State::Line& l = state_->at(line);
  state_->count(l, "rx_messages", 1);
  state_->tell(l, MessageEvent{LLP_MESSAGE_EVENT_IN, l.next_id++, length, 0, std::nullopt, flags, reply_to});
}

void ModelKernel::sent(std::uint32_t line, std::uint32_t length, std::uint32_t error, std::uint32_t outcome) {
  State::Line& l = state_->at(line);
  state_->count(l, error == 0 ? "tx_messages" : "tx_failed", 1);
  state_->tell(l, MessageEvent{error == 0 ? LLP_MESSAGE_EVENT_OUT : LLP_MESSAGE_EVENT_FAILED, l.next_id++,
                               length, error, outcome, 0, std::nullopt});
}

void ModelKernel::cancelled(std::uint32_t line, std::uint32_t error) {
  State::Line& l = state_->at(line);
  state_->count(l, "rx_cancelled", 1);
  state_->tell(l, MessageEvent{LLP_MESSAGE_EVENT_CANCELLED, l.next_id++, std::nullopt, error, std::nullopt, 0,
                               std::nullopt});
}

void ModelKernel::exception(std::uint32_t line, ExceptionEvent what) {
  state_->tell(state_->at(line), std::move(what));
}

void ModelKernel::overflow() { state_->tell(Event{0, {}, {}, 0, EventsMissed{}}); }

void ModelKernel::refuse(std::optional<Error> error) { state_->refuse = std::move(error); }

void ModelKernel::privileged(bool yes) { state_->privileged = yes; }

}  // namespace llp::netlink
