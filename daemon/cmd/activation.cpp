// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/activation.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace llp::cmd {

namespace {

constexpr int kFirst = 3;    // SD_LISTEN_FDS_START
constexpr int kMost = 4096;  // sockets

bool number(const char* text, long& value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc{} && stop == end && stop != text;
}

}  // namespace

Result<std::vector<std::string>> inherited_names(const ListenVariables& variables, long own_pid) {
  std::vector<std::string> names;
  if (variables.pid == nullptr || variables.fds == nullptr) return names;
  long pid = 0;
  long count = 0;
  if (!number(variables.pid, pid) || !number(variables.fds, count) || count < 0 || count > kMost) {
    return fail(Errc::invalid, std::string("LISTEN_PID='") + variables.pid + "' and LISTEN_FDS='" +
                                   variables.fds + "' are not a process and a number of sockets");
  }
  if (pid != own_pid) return names;
  std::string_view rest = variables.names != nullptr ? variables.names : "";
  for (long i = 0; i < count; ++i) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    names.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return names;
}

Result<void> take_inherited(illp::Inherited& sockets) {
  const ListenVariables variables{::secure_getenv("LISTEN_PID"), ::secure_getenv("LISTEN_FDS"),
                                  ::secure_getenv("LISTEN_FDNAMES")};
  const auto names = inherited_names(variables, ::getpid());
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread yet
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  // NOLINTEND(concurrency-mt-unsafe)
  if (!names) return std::unexpected(names.error());
  int fd = kFirst;
  for (const std::string& name : *names) {
    if (auto added = sockets.add(UniqueFd(fd++), name); !added) return added;
  }
  return {};
}

}  // namespace llp::cmd
