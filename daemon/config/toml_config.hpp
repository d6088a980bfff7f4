// SPDX-License-Identifier: BSD-3-Clause
// llpd's configuration files (TOML, llpd.toml(5)).
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/values.hpp"
#include "core/line_service.hpp"

namespace llp::config {

// What becomes of a line that cannot be started or that ended by an error.
enum class OnFailure : std::uint8_t {
  retry,  // it is tried again after retry_interval; the others go on
  exit,   // llpd ends
};

// What a configuration without a line is. A running daemon that is told so by
// directories, which lines come to and go from as files, waits for the next one.
enum class NoLines : std::uint8_t { error, accepted };

struct DaemonConfig {
  std::filesystem::path runtime_dir;  // empty: the default
  std::filesystem::path state_dir;    // empty: the default
  std::filesystem::path pid_file;     // empty: none
  std::filesystem::path audit_log;    // empty: none
  bool audit_message_id = false;      // MSH-10 is written there
  OnFailure on_failure = OnFailure::retry;
  Duration retry_interval = std::chrono::seconds(30);
  std::optional<illp::Endpoint> metrics;  // where they are read; nothing: nowhere
  AllowList metrics_allow;                // by whom, over TCP
  std::vector<core::LineConfig> lines;    // scaled; runtime_dir, pool and security not set
  std::vector<std::string> notices;       // for the log when it is applied
};

// One file's text, for errors and tests.
struct ConfigSource {
  std::string file;
  std::string text;
};

// Reads all of them into one configuration, or returns every error that can be
// seen: "FILE:LINE: KEY: what is wrong and what is allowed" (Errc::invalid).
// `scale` overrides the files' time_scale. Where no line is accepted, it is a
// notice, but for a file without any text: that is what a full disk leaves.
[[nodiscard]] std::expected<DaemonConfig, std::vector<Error>> parse_config(
    std::span<const ConfigSource> sources, std::optional<Scale> scale = {}, NoLines none = NoLines::error);

// The text of a file, or of every *.toml in a directory, in the order of their
// names. A file may have at most 1 MiB. A directory without files is
// Errc::not_found, unless no line is accepted.
[[nodiscard]] Result<std::vector<ConfigSource>> read_config(const std::filesystem::path& path,
                                                            NoLines none = NoLines::error);

// What is read where no file is named: DIRECTORY/llpd.toml and
// DIRECTORY/lines.d/*.toml; one of both is enough, or none if no line is accepted.
[[nodiscard]] Result<std::vector<ConfigSource>> read_default_config(const std::filesystem::path& directory,
                                                                    NoLines none = NoLines::error);
inline constexpr const char* kDefaultDirectory = "/etc/llp";

// A line's whole configuration as text: equal for lines that are served alike.
[[nodiscard]] std::string fingerprint(const core::LineConfig& line);

// Every key of a [line.NAME] table, and of the file itself.
[[nodiscard]] std::vector<std::string> line_keys();
[[nodiscard]] std::vector<std::string> global_keys();

}  // namespace llp::config
