// SPDX-License-Identifier: BSD-3-Clause
// What every verb of llpctl works with: the kernel, the terminal and the
// system, each of which tests replace.
#pragma once

#include <CLI/CLI.hpp>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "line/message_device.hpp"
#include "llpattach/attach.hpp"
#include "netlink/kernel_control.hpp"

namespace llp::ctl {

class DoctorSystem;

// A request to llpd, and its answer: control/client.hpp says with which errors.
using AskDaemon = std::function<Result<nlohmann::ordered_json>(const nlohmann::ordered_json& request)>;

// What happens on llpd's lines.
class DaemonEvents {
 public:
  DaemonEvents() = default;
  DaemonEvents(const DaemonEvents&) = delete;
  DaemonEvents& operator=(const DaemonEvents&) = delete;
  virtual ~DaemonEvents() = default;
  // The next one, waiting for it. One wait at a time. Errc::cancelled after
  // close(), closed: llpd has ended.
  [[nodiscard]] virtual asio::awaitable<Result<nlohmann::ordered_json>> next() = 0;
  virtual void close() noexcept = 0;
};
using OpenDaemonEvents =
    std::function<Result<std::unique_ptr<DaemonEvents>>(const asio::any_io_executor& executor)>;

struct Context {
  attach::OpenKernel open_kernel;
  std::function<std::unique_ptr<attach::AttachSystem>()> attach_system;
  // A way to a line's device.
  std::function<std::unique_ptr<line::MessageDevice>(const std::string& node)> device;
  // Runs a program of the system and returns what it printed; its own error
  // otherwise.
  std::function<Result<std::string>(const std::vector<std::string>& command)> execute;
  // The time of day ("14:03:07.125") of a moment of CLOCK_MONOTONIC.
  std::function<std::string(std::uint64_t nanoseconds)> time_of_day;
  AskDaemon ask_daemon;
  std::function<std::unique_ptr<DoctorSystem>()> doctor_system;
  // Whether a person says yes; nothing: there is nobody at a terminal.
  std::function<std::optional<bool>(const std::string& question)> confirm;
  std::function<void(std::string_view text)> print;     // standard output, flushed
  std::function<void(std::string_view text)> complain;  // a line on standard error

  asio::io_context& io;   // for what waits
  unsigned columns = 80;  // of the terminal
  bool colour = false;
  bool terminal = false;  // standard output is one: --watch clears it
  bool json = false;
  bool unicode = false;  // the terminal's characters are UTF-8
  // NOLINTNEXTLINE(readability-redundant-member-init): GCC asks for it
  std::filesystem::path control_socket = {};  // of llpd; empty: where it is by default
  std::filesystem::path dev_dir = "/dev";
  std::filesystem::path rules_dir = "/etc/udev/rules.d";
  std::filesystem::path lines_dir = "/etc/llp/lines.d";
  // NOLINTNEXTLINE(readability-redundant-member-init): as above
  OpenDaemonEvents daemon_events = {};

  // Says what is wrong, and returns the exit status that goes with it.
  [[nodiscard]] int failed(const Error& error) const;
  // The same for what was typed.
  [[nodiscard]] int misused(const std::string& why) const;
};

// A verb is called after the command line was parsed; it returns the exit
// status.
using Run = std::function<int()>;

// Each adds its verb to the program: `run` is set when it is the one typed.
void add_list(CLI::App& app, Context& context, Run& run);
void add_show(CLI::App& app, Context& context, Run& run);
void add_set(CLI::App& app, Context& context, Run& run);
void add_up_down(CLI::App& app, Context& context, Run& run);
void add_attach(CLI::App& app, Context& context, Run& run);
void add_detach(CLI::App& app, Context& context, Run& run);
void add_stats(CLI::App& app, Context& context, Run& run);
void add_monitor(CLI::App& app, Context& context, Run& run);
void add_send(CLI::App& app, Context& context, Run& run);
void add_capture(CLI::App& app, Context& context, Run& run);
void add_ladder(CLI::App& app, Context& context, Run& run);
void add_replay(CLI::App& app, Context& context, Run& run);
void add_bind(CLI::App& app, Context& context, Run& run);
void add_unbind(CLI::App& app, Context& context, Run& run);
void add_status(CLI::App& app, Context& context, Run& run);
void add_daemon_orders(CLI::App& app, Context& context, Run& run);
void add_spool(CLI::App& app, Context& context, Run& run);
void add_doctor(CLI::App& app, Context& context, Run& run);
void add_top(CLI::App& app, Context& context, Run& run);
void add_completion(CLI::App& app, Context& context, Run& run);

// What is wrong with a command line, with the word that was perhaps meant.
[[nodiscard]] std::string usage_words(const CLI::App& app, const CLI::ParseError& error);

// All of them, in the order of the help.
void add_verbs(CLI::App& app, Context& context, Run& run);

}  // namespace llp::ctl
