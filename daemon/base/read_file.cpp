// SPDX-License-Identifier: BSD-3-Clause
#include "base/read_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace llp {

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const noexcept {
    if (file != stdin) (void)std::fclose(file);
  }
};

}  // namespace

Result<std::string> read_file(const std::string& name) {
  // NOLINTNEXTLINE(clang-analyzer-unix.Stream): CloseFile closes it
  const std::unique_ptr<std::FILE, CloseFile> file(name == "-" ? stdin : std::fopen(name.c_str(), "rbe"));
  if (const int error = errno; !file) return fail_errno("cannot read " + name, error);
  std::string text;
  std::array<char, 65536> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by fread
  while (const std::size_t n = std::fread(room.data(), 1, room.size(), file.get()))
    text.append(room.data(), n);
  if (const int error = errno; std::ferror(file.get()) != 0) {
    return fail_errno("cannot read " + (name == "-" ? "standard input" : name), error);
  }
  return text;
}

}  // namespace llp
