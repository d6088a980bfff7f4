// SPDX-License-Identifier: BSD-3-Clause
// What attaching asks of a serial port and of the system around it, so that
// tests can put a model in its place.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "io/line_spec.hpp"

namespace llp::attach {

// Why the wait for the end of an attached port ended.
enum class End : std::uint8_t {
  told,      // by a signal
  detached,  // somebody took the line from the port
  gone,      // unplugged, or hung up
};

// An open, locked port; its destructor puts everything back: the line
// discipline, the settings, the locks.
class AttachPort {
 public:
  AttachPort() = default;
  AttachPort(const AttachPort&) = delete;
  AttachPort& operator=(const AttachPort&) = delete;
  virtual ~AttachPort() = default;

  // Gives the port to the line discipline; the number of its line. Errc::
  // not_found: the kernel has no such line discipline; permission; invalid: it
  // is another one that has the number.
  [[nodiscard]] virtual Result<std::uint32_t> attach(int ldisc) = 0;
  // Sentences for who wants to know: what could not be had and does not matter.
  [[nodiscard]] virtual std::vector<std::string> notes() const = 0;
  // Waits until a signal comes or the line ends.
  [[nodiscard]] virtual Result<End> wait() = 0;
};

// A process that has the port open.
struct Holder {
  pid_t pid = 0;
  std::string program;  // "llpattach"
};

class AttachSystem {
 public:
  AttachSystem() = default;
  AttachSystem(const AttachSystem&) = delete;
  AttachSystem& operator=(const AttachSystem&) = delete;
  virtual ~AttachSystem() = default;

  // The text of /proc/tty/ldiscs.
  [[nodiscard]] virtual std::string ldiscs() = 0;
  // Locks, opens (never waiting for carrier) and sets up.
  [[nodiscard]] virtual Result<std::unique_ptr<AttachPort>> open(const io::Tty& tty,
                                                                 const std::string& lock_dir,
                                                                 bool low_latency) = 0;
  // "ttyS1" of any path that leads to it. Errc::not_found, invalid: no port.
  [[nodiscard]] virtual Result<std::string> tty_name(const std::string& device) = 0;
  [[nodiscard]] virtual std::vector<Holder> holders(const std::string& device) = 0;
  // Asks a process to end.
  [[nodiscard]] virtual Result<void> end(pid_t pid) = 0;
  // Takes the line discipline from a port that others may have open.
  [[nodiscard]] virtual Result<void> take_off(const std::string& device) = 0;
  // A moment passes while others do what they were asked to.
  virtual void pause() = 0;
  // READY=1 and the like, to the service manager.
  virtual void notify(const std::string& state) = 0;
};

[[nodiscard]] std::unique_ptr<AttachSystem> make_attach_system();

}  // namespace llp::attach
