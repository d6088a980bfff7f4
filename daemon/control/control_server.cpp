// SPDX-License-Identifier: BSD-3-Clause
#include "control/control_server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/as_tuple.hpp"
#include "base/process.hpp"
#include "config/text.hpp"
#include "control/answers.hpp"
#include "control/report.hpp"
#include "control/spool_requests.hpp"

namespace llp::control {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kControlConnections = 32;
constexpr std::size_t kRequestMax = 4096;
// A reader that is so far behind is given up.
constexpr std::size_t kUnreadMax = std::size_t{8} << 20;
// One that listens to a line and is so far behind misses what passes.
constexpr std::size_t kUnheardMax = kUnreadMax / 2;
constexpr auto kIdle = std::chrono::minutes(10);
constexpr unsigned kControlMode = 0660;

// Text for a socket: whatever bytes a path or a peer's name may have had.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

struct Peer {
  std::string text = "an unknown process";
};

Peer peer_of(Socket& socket) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
  return {fmt::format("{} of user {}", describe_process(who.pid), who.uid)};
}

std::optional<std::string> text_of(const Json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

const std::vector<std::string>& operations() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> words{"status", "health", "reload", "stop", "start", "subscribe", "capture"};
    words.insert(words.end(), spool_operations().begin(), spool_operations().end());
    return words;
  }();
  return all;
}

}  // namespace

Json answer_request(LineHost& host, const Json& request) {
  const std::string op = text_of(request, "op").value_or("");
  const auto name = text_of(request, "line");
  if (request.contains("line") && !name) return failure("line must be a string");
  if (op == "health") {
    Json answer{{"ok", true}};
    answer.update(health_report(host));
    return answer;
  }
  if (op == "status") {
    Json lines = Json::array();
    for (const LineInfo& line : host.lines()) {
      if (!name || line.config->name == *name) lines.push_back(line_report(line));
    }
    if (name && lines.empty()) return failure(no_such_line(host, *name));
    return {{"ok", true}, {"lines", std::move(lines)}};
  }
  if (op == "stop" || op == "start") {
    if (!name) return failure("line is missing");
    const auto done = op == "stop" ? host.stop_line(*name) : host.start_line(*name);
    if (!done && done.error().code == Errc::not_found) return failure(no_such_line(host, *name));
    if (!done) return failure(done.error().message);
    return {{"ok", true}};
  }
  if (op.empty()) return failure("op is missing: " + config::one_of(operations()));
  return failure(
      fmt::format("there is no op {}{}", config::quote(op), config::did_you_mean(op, operations())));
}

struct ControlServer::Impl : std::enable_shared_from_this<Impl> {
  // A connection. Its reader and its writer hold it.
  struct Session {
    explicit Session(std::shared_ptr<Socket> s)
        : socket(std::move(s)),
          wake(socket->get_executor()),
          drained(socket->get_executor()),
          idle(socket->get_executor()) {}
    std::shared_ptr<Socket> socket;
    asio::steady_timer wake;     // of the writer
    asio::steady_timer drained;  // cancelled when something was written
    asio::steady_timer idle;
    std::string out;
    std::size_t pending = 0;  // requests without an answer yet
    bool subscribed = false;
    std::optional<std::string> only;   // events of this line
    std::optional<std::string> hears;  // the line that it listens to
    std::uint64_t missed = 0;          // of what passed there since it was told something
    bool all = false;                  // what happens on lines, too
    std::uint64_t unseen = 0;          // of that
    bool ended = false;

    void put(const Json& json) {
      if (ended) return;
      out += line_of(json);
      if (out.size() > kUnreadMax) return end();
      wake.cancel();
    }
    // What passed on the line that it listens to.
    void hear(const WirePiece& piece) {
      if (ended) return;
      if (out.size() + 3 * piece.octets.size() > kUnheardMax) {
        ++missed;
        return;
      }
      out += wire_event(piece, std::exchange(missed, 0));
      wake.cancel();
    }
    void see(std::string_view line, const LineEvent& event) {
      if (ended) return;
      if (out.size() > kUnheardMax) {
        ++unseen;
        return;
      }
      Json json = happened_event(line, event);
      if (unseen > 0) json["lost"] = std::exchange(unseen, 0);
      out += line_of(json);
      wake.cancel();
    }
    void end() noexcept {
      ended = true;
      asio::error_code ignored;
      socket->close(ignored);
      wake.cancel();
      drained.cancel();
      idle.cancel();
    }
    // Somebody who neither asks nor listens leaves room for others.
    static void rest(const std::shared_ptr<Session>& session) {
      session->idle.expires_after(kIdle);
      session->idle.async_wait([session](const asio::error_code& error) {
        if (error || session->ended) return;
        if (session->subscribed || session->hears) return rest(session);
        session->end();
      });
    }
  };

  Impl(LineHost& h, std::string v, Logger l) : host(h), version(std::move(v)), log(std::move(l)) {}

  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Socket> socket);
  static asio::awaitable<void> write(std::shared_ptr<Session> session);
  void handle(const std::shared_ptr<Session>& session, std::string_view line, const Peer& peer);

  LineHost& host;
  std::string version;
  Logger log;
  std::list<std::shared_ptr<Session>> sessions;
};

asio::awaitable<void> ControlServer::Impl::serve(std::shared_ptr<Impl> self, std::shared_ptr<Socket> socket) {
  const auto session = std::make_shared<Session>(socket);
  const Peer peer = peer_of(*socket);
  self->log.info("{} connected", peer.text);
  self->sessions.push_back(session);
  asio::co_spawn(socket->get_executor(), write(session), asio::detached);
  Session::rest(session);
  session->put({{"llpd", self->version}, {"protocol", 1}});
  std::string in;
  std::array<char, 4096> part{};
  while (!session->ended) {
    const auto [error, size] = co_await socket->async_read_some(asio::buffer(part), kTuple);
    if (error || session->ended) break;
    in.append(part.data(), size);
    Session::rest(session);
    for (std::size_t end = in.find('\n'); end != std::string::npos; end = in.find('\n')) {
      self->handle(session, std::string_view(in).substr(0, end), peer);
      in.erase(0, end + 1);
    }
    if (in.size() > kRequestMax) {
      self->log.warning("{}: a request of more than {} bytes", peer.text, kRequestMax);
      break;
    }
  }
  // Half-closed after its last request: the answers still go.
  while (!session->ended && !(session->out.empty() && session->pending == 0)) {
    session->drained.expires_at(asio::steady_timer::time_point::max());
    co_await session->drained.async_wait(kTuple);
  }
  session->end();
  self->sessions.remove(session);
}

asio::awaitable<void> ControlServer::Impl::write(std::shared_ptr<Session> session) {
  while (!session->ended) {
    if (session->out.empty()) {
      session->wake.expires_at(asio::steady_timer::time_point::max());
      co_await session->wake.async_wait(kTuple);
      continue;
    }
    const std::string now = session->out;
    const auto [error, size] = co_await asio::async_write(*session->socket, asio::buffer(now), kTuple);
    session->out.erase(0, size);
    if (error) session->end();
    session->drained.cancel();
  }
}

void ControlServer::Impl::handle(const std::shared_ptr<Session>& session, std::string_view line,
                                 const Peer& peer) {
  if (line.size() > kRequestMax) return session->put(failure("the request is too long"));
  const Json request = Json::parse(line, nullptr, false);
  if (!request.is_object()) return session->put(failure("a request is a JSON object on one line"));
  const auto answer = [id = request.contains("id") ? request["id"] : Json(), session](Json text) {
    if (!id.is_null()) text["id"] = id;
    session->put(text);
    session->drained.cancel();
  };
  const std::string op = text_of(request, "op").value_or("");
  if (op == "subscribe") {
    session->subscribed = true;
    session->only = text_of(request, "line");
    const auto all = request.find("all");
    session->all = all != request.end() && all->is_boolean() && all->get<bool>();
    return answer({{"ok", true}});
  }
  if (op == "capture") {
    const auto name = text_of(request, "line");
    if (!name) return answer(failure("line is missing"));
    const auto lines = host.lines();
    const auto heard =
        std::ranges::find_if(lines, [&name](const auto& l) { return l.config->name == *name; });
    if (heard == lines.end()) return answer(failure(no_such_line(host, *name)));
    // What passes there is patient data: who saw it can be told.
    log.notice("{} listens to line {}", peer.text, config::quote(*name));
    session->hears = name;
    Json told{{"ok", true}};
    told.update(wire_report(*heard));
    return answer(std::move(told));
  }
  const bool content = op == "spool-show" && request.contains("content_from");
  if (op == "reload" || op == "stop" || op == "start" || op == "spool-retry" || op == "spool-drop" ||
      content) {
    const auto letter = request.find("letter");
    log.notice("{} asks for {} {}{}{}", peer.text, op, config::quote(text_of(request, "line").value_or("")),
               letter != request.end() && letter->is_number_unsigned() ? " " + letter->dump() : "",
               content ? " with its content" : "");
  }
  if (op == "reload") {
    ++session->pending;
    host.reload([answer, session](const std::vector<Error>& errors) {
      --session->pending;
      Json text{{"ok", errors.empty()}};
      if (!errors.empty()) {
        text["error"] = "the configuration was not changed";
        text["errors"] = Json::array();
        for (const Error& error : errors) text["errors"].push_back(error.message);
      }
      answer(std::move(text));
    });
    return;
  }
  if (is_spool_operation(op)) {
    auto spool = spool_of(host, request);
    if (!spool) return answer(failure(spool.error().message));
    ++session->pending;
    asio::co_spawn(session->socket->get_executor(), answer_spool_request(std::move(*spool), request),
                   [answer, session](const std::exception_ptr& error, Json text) {
                     --session->pending;
                     if (error) std::rethrow_exception(error);
                     answer(std::move(text));
                   });
    return;
  }
  answer(answer_request(host, request));
}

ControlServer::ControlServer(const asio::any_io_executor& executor, LineHost& host, std::string version,
                             const Logger& log)
    : impl_(std::make_shared<Impl>(host, std::move(version), log.child("control"))),
      server_(std::make_unique<StreamServer>(
          executor, kControlConnections,
          [impl = impl_](std::shared_ptr<Socket> socket) { return Impl::serve(impl, std::move(socket)); },
          impl_->log)) {}

ControlServer::~ControlServer() { stop(); }

Result<void> ControlServer::listen(const std::filesystem::path& path) {
  return server_->listen(illp::UnixEndpoint{path.native()}, kControlMode);
}

void ControlServer::line_changed(std::string_view name) {
  const auto listens = [name](const auto& session) {
    return session->subscribed && (!session->only || *session->only == name);
  };
  if (std::ranges::none_of(impl_->sessions, listens)) return;
  Json event{{"event", "line"}, {"name", name}};
  const auto lines = impl_->host.lines();
  const auto found =
      std::ranges::find_if(lines, [name](const LineInfo& l) { return l.config->name == name; });
  if (found == lines.end()) {
    event["state"] = "gone";
  } else {
    const HealthReport health = health_of(*found);
    event["state"] = state_name(found->state);
    event["connected"] = found->service != nullptr && found->service->status().connected;
    event["health"] = health_name(health.health);
    if (!health.reason.empty()) event["reason"] = health.reason;
  }
  const auto sessions = impl_->sessions;
  for (const auto& session : sessions) {
    if (listens(session)) session->put(event);
  }
}

void ControlServer::tell(std::string_view event) {
  const auto sessions = impl_->sessions;
  for (const auto& session : sessions) {
    if (session->subscribed) session->put({{"event", event}});
  }
}

void ControlServer::happened(std::string_view name, const LineEvent& event) {
  for (const auto& session : impl_->sessions) {
    if (session->all && (!session->only || *session->only == name)) session->see(name, event);
  }
}

void ControlServer::passed(const WirePiece& piece) {
  for (const auto& session : impl_->sessions) {
    if (session->hears && *session->hears == piece.line) session->hear(piece);
  }
}

void ControlServer::stop() noexcept {
  server_->stop();
  const auto sessions = impl_->sessions;
  for (const auto& session : sessions) session->end();
}

}  // namespace llp::control
