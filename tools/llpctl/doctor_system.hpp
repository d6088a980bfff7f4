// SPDX-License-Identifier: BSD-3-Clause
// What doctor asks of the machine, so that tests can put a model in its place.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "llpctl/doctor_facts.hpp"

namespace llp::ctl {

class DoctorSystem {
 public:
  DoctorSystem() = default;
  DoctorSystem(const DoctorSystem&) = delete;
  DoctorSystem& operator=(const DoctorSystem&) = delete;
  virtual ~DoctorSystem() = default;

  // A file's text; empty where it cannot be read. For /proc and /sys.
  [[nodiscard]] virtual std::string text_of(const std::string& file) = 0;
  // Where a path leads to, all links followed; empty: nowhere.
  [[nodiscard]] virtual std::string real_path(const std::string& path) = 0;
  // serial, readable, writable, rights, us.
  virtual void look_at(doctor::Port& port) = 0;
  // Opens the port without waiting for carrier, asks it, and closes it: an
  // idle port's modem lines move. Else the system's words.
  [[nodiscard]] virtual Result<doctor::PortState> open_and_ask(const std::string& node) = 0;
  // Processes whose program has one of these names.
  [[nodiscard]] virtual std::vector<doctor::Process> running(const std::vector<std::string>& programs) = 0;
  // Processes that have it open, as far as this user may see.
  [[nodiscard]] virtual std::vector<doctor::Process> holders(const std::string& node) = 0;
  [[nodiscard]] virtual bool lives(pid_t pid) = 0;
  // Who has it locked by flock(2).
  [[nodiscard]] virtual std::optional<pid_t> flock_of(const std::string& node) = 0;
  // udev's, of this port; none where it is not known.
  [[nodiscard]] virtual std::map<std::string, std::string> properties(const std::string& node) = 0;
};

[[nodiscard]] std::unique_ptr<DoctorSystem> make_doctor_system();

// A port with everything about it. `lock_dir`: of UUCP lock files.
[[nodiscard]] doctor::Port examine(DoctorSystem& system, const std::string& device,
                                   const std::string& lock_dir);

}  // namespace llp::ctl
