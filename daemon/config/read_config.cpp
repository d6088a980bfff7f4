// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/fd.hpp"
#include "config/toml_config.hpp"

namespace llp::config {

namespace {

constexpr std::size_t kFileMax = std::size_t{1} << 20;

Result<ConfigSource> read_source(const std::filesystem::path& path) {
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

// The *.toml of a directory, sorted.
Result<std::vector<std::filesystem::path>> files_in(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().native();
    if (name.ends_with(".toml") && !name.starts_with('.')) files.push_back(entries->path());
  }
  if (error) return fail_errno(directory.native(), error.value());
  std::ranges::sort(files);
  return files;
}

Result<std::vector<ConfigSource>> read_files(const std::vector<std::filesystem::path>& files) {
  std::vector<ConfigSource> sources;
  for (const auto& file : files) {
    auto source = read_source(file);
    if (!source) return std::unexpected(std::move(source.error()));
    sources.push_back(std::move(*source));
  }
  return sources;
}

}  // namespace

Result<std::vector<ConfigSource>> read_config(const std::filesystem::path& path, NoLines none) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return read_files({path});
  auto files = files_in(path);
  if (!files) return std::unexpected(std::move(files.error()));
  if (files->empty() && none == NoLines::error)
    return fail(Errc::not_found, fmt::format("{}: has no file *.toml", path.native()));
  return read_files(*files);
}

Result<std::vector<ConfigSource>> read_default_config(const std::filesystem::path& directory, NoLines none) {
  std::vector<std::filesystem::path> files;
  auto more = files_in(directory / "lines.d");
  if (more) {
    files = std::move(*more);
  } else if (more.error().code != Errc::not_found) {
    return std::unexpected(std::move(more.error()));
  }
  // Lines that `llpctl bind` made need no other file; without them, its absence is an error.
  auto main = directory / "llpd.toml";
  std::error_code error;
  const bool wanted = files.empty() && none == NoLines::error;
  if (wanted || std::filesystem::exists(main, error) || error) files.insert(files.begin(), std::move(main));
  return read_files(files);
}

}  // namespace llp::config
