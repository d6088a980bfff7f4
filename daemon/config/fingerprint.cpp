// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "config/line_options.hpp"
#include "config/toml_config.hpp"
#include "line/engine_api.hpp"

namespace llp::config {

// Every key that a file can have shows here: the options and parameters by
// their tables, the few others by name.
std::string fingerprint(const core::LineConfig& line) {
  std::string text;
  const auto put = [&text](std::string_view key, std::string_view value) {
    fmt::format_to(std::back_inserter(text), "{}={}\n", key, value);
  };
  put("name", line.name);
  put("port", io::describe(line.port));
  put("protocol", llp_protocol_name(line.protocol));
  for (const illp::Endpoint& to : line.to) put("to", illp::to_string(to));
  put("dist", line.dist ? illp::to_string(*line.dist) : "");
  put("serve_at_once", line.serve_dist_at_once ? "yes" : "no");
  put("one_shot", line.one_shot ? "yes" : "no");
  put("runtime_dir", line.runtime_dir.native());
  put("lock_dir", line.stream.lock_dir);
  for (const LineOption& option : line_options()) put(option.name, option.get(line));
  for (u32 i = 0; const llp_param* row = llp_param_at(i); i++) {
    std::array<char, 256> value{};
    if (llp_params_get(&line.params, line.protocol, row->name, value.data(), value.size()) >= 0) {
      put(row->name, value.data());
    }
  }
  // What only time_scale changes.
  for (const auto time : {line.retry_min, Duration(line.stream.reopen_min), Duration(line.stream.backoff_min),
                          Duration(line.stream.stable_after)}) {
    put("time", format_duration(time));
  }
  return text;
}

}  // namespace llp::config
