// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/recorded.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <utility>

#include "capture/pcapng.hpp"

namespace llp::ctl {

namespace {

// What a file of the largest recording may have, headers and all.
constexpr std::uintmax_t kFileMax = 2 * capture::kRecordingMax;
constexpr std::uint64_t kStart = 0;

Result<std::string> recorded_text(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) return fail_errno(path.native(), error.value());
  if (std::filesystem::is_directory(status)) return fail_errno(path.native(), EISDIR);
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail_errno(path.native(), errno != 0 ? errno : EIO);
  std::string text;
  std::string part(1 << 16, '\0');
  while (in.read(part.data(), static_cast<std::streamsize>(part.size())) || in.gcount() > 0) {
    text.append(part, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kFileMax) return fail(Errc::too_large, path.native() + ": it is too large");
  }
  if (in.bad()) return fail_errno(path.native(), EIO);
  return text;
}

}  // namespace

bool names_file(const std::string& what) {
  return what.find('/') != std::string::npos || what.ends_with(".pcapng") || what.ends_with(".capture");
}

Result<Recorded> read_recorded(const std::filesystem::path& file, capture::Side end) {
  const auto text = recorded_text(file);
  if (!text) return std::unexpected(text.error());
  Recorded out;
  if (capture::is_pcapng(*text)) {
    auto read = capture::read_pcapng(*text);
    if (!read.complete && !read.error.cut) {
      return fail(Errc::malformed,
                  fmt::format("{}: {} (byte {})", file.native(), read.error.text, read.error.offset));
    }
    out.recording = std::move(read.recording);
    if (!read.complete) {
      out.warning = fmt::format("{}: it was cut after {}", file.native(),
                                counted(out.recording.packets.size(), "packet"));
    }
    return out;
  }
  auto parsed = capture::parse(*text);
  if (!parsed) {
    return fail(Errc::malformed,
                fmt::format("{}:{}: {}", file.native(), parsed.error().line, parsed.error().text));
  }
  out.recording = capture::recording_of(*parsed, end, kStart);
  out.conversation = std::move(*parsed);
  return out;
}

std::string counted(std::uint64_t n, const char* noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

}  // namespace llp::ctl
