// SPDX-License-Identifier: BSD-3-Clause
// From the description of a line to the line.
#pragma once

#include <sys/types.h>

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/allow_list.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "io/byte_stream.hpp"
#include "io/line_spec.hpp"
#include "io/port_watch.hpp"

namespace llp::io {

// How lines are run. The defaults suit an installation; tests make the times
// short. Every time is at least 1 ms.
struct StreamOptions {
  using ms = std::chrono::milliseconds;

  // For what may block (opening and closing ports, getaddrinfo); must be set.
  std::shared_ptr<WorkerPool> pool;

  // Serial ports
  // Finds them, and tells when one that is missing may have come; empty: they
  // are looked for by path, again and again.
  std::shared_ptr<PortWatch> ports;
  std::string lock_dir = "/var/lock";    // of UUCP lock files; empty: none are made or looked at
  bool wait_for_device = false;          // the first open() waits for a device that is missing or locked
  bool low_latency = true;               // ask the driver for it
  ms reopen_min{100}, reopen_max{2000};  // between attempts to open a port that has gone
  ms drain{2000};  // at most this long for written output to leave at disconnect() and close()

  // Pseudo terminals
  ms pty_poll{25};  // how often to look whether somebody opened the slave

  // Sockets
  ms connect_timeout{10000};  // for one address
  ms backoff_min{500},
      backoff_max{30000};  // between attempts, doubling, each 50..100 % of its value at random
  ms stable_after{10000};  // a connection that lasted this long ends the back-off
  ms linger{500};          // at most this long for the peer to take what was written
  ms keepalive_idle{30000}, keepalive_interval{10000};  // whole seconds, at least 1 s
  unsigned keepalive_probes = 3;
  ms user_timeout{60000};     // unacknowledged data for this long: reset; 0: the system's
  mode_t socket_mode = 0660;  // of a UNIX socket that is listened on
  // Who may connect to a line that listens; whoever else calls is closed before
  // anything is read, and `refused` is called.
  AllowList allow;
  std::function<void()> refused;
};

// Makes the line without waiting for anybody. What can fail for good fails
// here: a listener's address in use or not ours (Errc::in_use, not_found,
// permission), a UNIX path or a symbolic link's place taken by something else
// (in_use), an unknown service, a path too long, a mode that does not exist
// (invalid). The name of a listener's address may be looked up here, blocking.
// A serial port is touched by the first open() only.
//
// Everything runs on `executor`'s one thread; its context must outlive the
// stream.
[[nodiscard]] Result<std::unique_ptr<ByteStream>> make_stream(const asio::any_io_executor& executor,
                                                              const LineSpec& spec, StreamOptions options,
                                                              Logger logger);

}  // namespace llp::io
