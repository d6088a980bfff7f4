// SPDX-License-Identifier: BSD-3-Clause
// One line with its two servers: proximal (what the instrument sends goes to
// the application, the reply goes back) and distal (what an application sends
// to the line's port goes to the instrument).
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/allow_list.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "core/dead_letters.hpp"
#include "core/line_counters.hpp"
#include "core/message_event.hpp"
#include "core/store_config.hpp"
#include "core/tls_config.hpp"
#include "illp/endpoint.hpp"
#include "illp/options.hpp"
#include "illp/wire.hpp"
#include "io/line_spec.hpp"
#include "io/make_stream.hpp"
#include "line/line.hpp"

namespace llp::illp {
class Inherited;
}

namespace llp::core {

class AuditLog;
class JournalSet;
class SpoolAccess;

// When an inbound message counts as safe, so that its last block may be
// acknowledged.
enum class CommitPoint : std::uint8_t {
  automatic,  // spooled on X3.28 and MLLP 2 where there is a spool, else received
  received,   // the application's whole reply was read to a valid end
  spooled,    // it is on the disk; delivered from there until an application has it
  sent,       // the bytes are with the application's host (lossy, opt-in)
};

enum class Ready : std::uint8_t {
  always,     // take messages whether or not an application answers
  target_up,  // refuse bids while no target answers
};

// Where the line's protocol runs.
enum class Engine : std::uint8_t {
  automatic,  // in the kernel if its module is there and the port may be attached, else here
  kernel,
  user,  // in this process
};

// Everything about a line. Times are as they are: who scales time has scaled
// params, illp and the durations here already.
struct LineConfig {
  std::string name;  // for logs and lock files; [A-Za-z0-9._-]{1,64}
  io::LineSpec port;
  llp_protocol protocol = LLP_PROTO_X328;
  llp_params params{};
  std::vector<illp::Endpoint> to;      // targets, in order; empty: no proximal server
  std::vector<illp::Endpoint> copies;  // further listeners to what the instrument sends
  std::optional<illp::Endpoint> dist;  // nothing: no distal server
  bool serve_dist_at_once = false;     // (-I) else after the line's first message, if `to` takes messages
  bool one_shot = false;               // leave the line after each transaction (-1)
  CommitPoint commit = CommitPoint::automatic;
  Ready ready = Ready::always;
  Engine engine = Engine::automatic;  // serial ports; other lines have no choice
  illp::Options illp;                 // `security` is set from the next two
  TlsConfig tls;
  std::shared_ptr<illp::Security> security;  // made of tls, for whoever of `to` and `dist` it says
  std::size_t max_connections = 16;          // at dist
  // Of these, from one address; 0: no bound. Nothing: fair_share(), but loopback has none.
  std::optional<std::size_t> max_per_address;
  std::size_t max_request_bytes = std::size_t{256} << 20;               // of requests in hand, together
  std::chrono::nanoseconds request_timeout = std::chrono::minutes(10);  // for a request to arrive as a whole
  AllowList dist_allow;                                                 // the line's own port: stream.allow
  std::size_t max_queue = 64;                                           // requests that wait for the line
  std::chrono::nanoseconds queue_timeout = std::chrono::minutes(5);     // a request waits so long at most
  std::chrono::nanoseconds dup_window = std::chrono::minutes(10);
  std::size_t dup_entries = 1024;
  std::size_t dup_bytes = std::size_t{64} << 20;  // of replies kept for repeats
  std::size_t dead_letters = 64;                  // late replies and the like, kept in memory
  std::size_t dead_letter_bytes = std::size_t{64} << 20;
  SpoolConfig spool;
  OnDuplicate on_duplicate = OnDuplicate::deliver;
  std::optional<illp::Endpoint> duplicates_to;  // OnDuplicate::divert
  JournalConfig journal;
  std::shared_ptr<JournalSet> journals;              // of the program; nothing: the line's own
  std::shared_ptr<AuditLog> audit;                   // of the program; nothing: there is none
  OnMessage on_message;                              // called from within the line; may be empty
  std::shared_ptr<const illp::Inherited> inherited;  // sockets for dist that listen already; may be empty
  std::chrono::nanoseconds retry_min = std::chrono::milliseconds(500);  // a target that failed rests so long,
  std::chrono::nanoseconds retry_max = std::chrono::seconds(30);  // doubled with each failure up to this
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(3);  // for the transaction in hand
  std::filesystem::path runtime_dir;                              // NAME.lock, NAME.server
  io::StreamOptions stream;
};

// What carries the line's transaction lock: the device of a line in the kernel, which its other clients lock
// (llp(4)), else NAME.lock.
[[nodiscard]] std::filesystem::path transaction_lock_file(const LineConfig& config);

// How many of so many places (at least 1) one address may have where nothing
// was said: three quarters, so that one host that runs wild leaves some to others.
[[nodiscard]] constexpr std::size_t fair_share(std::size_t places) noexcept {
  return places < 2 ? 1 : places - (places + 3) / 4;
}

// One application of `to`, as deliveries found it.
struct TargetStatus {
  std::string address;
  bool present = false;              // the one that is called
  unsigned failures = 0;             // one after the other; 0: it answered last, or was never called
  std::string failure;               // the last one, in words
  std::chrono::nanoseconds rests{};  // still, after a failure
};

// A line at one moment.
struct LineStatus {
  bool connected = false;  // the wire is there
  bool idle = true;        // nothing is in progress on it
  bool takes_messages = false;
  std::size_t messages = 0;  // from the instrument, in hand
  std::size_t requests = 0;  // to the instrument, that wait for the line
  bool request_on_line = false;
  std::size_t clients = 0;       // connections at dist with a request
  std::size_t dead_letters = 0;  // in memory
  bool has_spool = false;
  std::size_t stored = 0;       // messages in the spool that wait for their application
  std::size_t stored_dead = 0;  // given up: for a person to decide
  std::size_t stored_late = 0;  // replies that nobody waited for
  std::uint64_t stored_bytes = 0;
  std::vector<TargetStatus> targets;
  std::array<std::uint64_t, LLP_C__N> protocol{};  // the protocol's own counters
};

// All calls from the executor's one thread; its context must outlive the
// service.
class LineService {
 public:
  // Makes the line itself from config.port, in start().
  LineService(asio::any_io_executor executor, LineConfig config, Logger log);
  // Uses a given line; for tests and for lines of other kinds.
  LineService(asio::any_io_executor executor, LineConfig config, std::unique_ptr<line::Line> line,
              Logger log);
  LineService(const LineService&) = delete;
  LineService& operator=(const LineService&) = delete;
  // Without stop(): everything is cut off at once; what is under way ends in
  // the loop's next turns.
  ~LineService();

  // Takes the role lock, opens the line, listens at dist if it is to be served
  // at once. Returns when it is up, or with the error that a person must mend;
  // nothing is held then. Once.
  [[nodiscard]] asio::awaitable<Result<void>> start();

  // Finishes the transaction in hand within stop_grace, refuses new ones, then
  // ends what is left the protocol's way and leaves the line. When it returns,
  // no coroutine, timer or descriptor is left. Start() must have returned.
  [[nodiscard]] asio::awaitable<void> stop();

  // Something failed that a person must mend, after start(): dist cannot be
  // listened at when its time has come, or the line has ended.
  void on_failure(std::function<void(Error)> handler);

  [[nodiscard]] const LineCounters& counters() const noexcept;
  [[nodiscard]] const LineTimes& times() const noexcept;
  [[nodiscard]] LineStatus status() const;
  // What is measured on the line; nothing before start().
  [[nodiscard]] line::Measures measures() const;
  // The given line, or the one that start() made.
  [[nodiscard]] line::Line& line() noexcept;
  // The port that dist got ("0" asks for any); 0 while not listening.
  [[nodiscard]] std::uint16_t dist_port() const noexcept;
  // Name of the slave of a pseudo terminal line, else empty; known after start().
  [[nodiscard]] std::string slave_name() const;
  // Its spool, to list and decide about; nothing: it has none, or is not started.
  // Let go of it soon: until then a line of this name cannot be started again.
  [[nodiscard]] std::shared_ptr<SpoolAccess> spool() const;
  // Hands over the dead letters that are in memory, oldest first.
  [[nodiscard]] std::vector<DeadLetter> take_dead_letters();
  // Sees the conversation on the line (debug output). Before start(); not for a
  // given line.
  void set_observer(std::shared_ptr<line::Observer> observer);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace llp::core
