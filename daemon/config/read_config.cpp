// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/fd.hpp"
#include "config/toml_config.hpp"

namespace llp::config {

namespace {

constexpr std::size_t kFileMax = std::size_t{1} << 20;

Result<ConfigSource> read_file(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(path.native());
  ConfigSource source{path.native(), {}};
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path.native());
    if (n == 0) return source;
    source.text.append(buffer.data(), static_cast<std::size_t>(n));
    if (source.text.size() > kFileMax) {
      return fail(Errc::too_large, fmt::format("{}: has more than {} bytes", path.native(), kFileMax));
    }
  }
}

}  // namespace

Result<std::vector<ConfigSource>> read_config(const std::filesystem::path& path) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path, error)) {
    std::filesystem::directory_iterator entries(path, error);
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
      const std::string name = entries->path().filename().native();
      if (name.ends_with(".toml") && !name.starts_with('.')) files.push_back(entries->path());
    }
    if (error) return fail_errno(path.native(), error.value());
    if (files.empty()) return fail(Errc::not_found, fmt::format("{}: has no file *.toml", path.native()));
    std::ranges::sort(files);
  } else {
    files.push_back(path);
  }
  std::vector<ConfigSource> sources;
  for (const auto& file : files) {
    auto source = read_file(file);
    if (!source) return std::unexpected(std::move(source.error()));
    sources.push_back(std::move(*source));
  }
  return sources;
}

}  // namespace llp::config
