// SPDX-License-Identifier: BSD-3-Clause
#include "config/runtime_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "base/fd.hpp"

namespace llp::config {

namespace {

std::string environment_variable(const char* name) {
  const char* value = ::secure_getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

Environment current_environment() {
  return {::geteuid(), environment_variable("XDG_RUNTIME_DIR"), environment_variable("RUNTIME_DIRECTORY")};
}

std::filesystem::path default_runtime_dir(const Environment& environment) {
  const std::string_view given(environment.runtime_directory);
  if (given.starts_with('/')) return given.substr(0, given.find(':'));
  if (environment.uid == 0) return "/run/llp";
  if (environment.xdg_runtime_dir.starts_with('/')) {
    return std::filesystem::path(environment.xdg_runtime_dir) / "llp";
  }
  return fmt::format("/tmp/llp-{}", environment.uid);
}

Result<void> ensure_runtime_dir(const std::filesystem::path& directory, uid_t uid, bool is_default) {
  const std::string what = fmt::format("runtime directory {}", directory.native());
  if (::mkdir(directory.c_str(), uid == 0 ? 0755 : 0700) != 0 && errno != EEXIST) {
    return fail_errno(what + ": cannot make it");
  }
  // A directory that was named may be reached through a link; in /tmp, a link
  // in our place is somebody's trap.
  const UniqueFd fd(
      ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | (is_default ? O_NOFOLLOW : 0)));
  if (!fd) {
    if (errno == ENOTDIR || errno == ELOOP)
      return fail(Errc::in_use, what + ": there is something else in its place");
    return fail_errno(what);
  }
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return fail_errno(what);
  if (is_default && st.st_uid != uid) {
    return fail(Errc::permission,
                fmt::format("{}: belongs to user {}, not to us (user {})", what, st.st_uid, uid));
  }
  if (is_default && (st.st_mode & 022) != 0) {
    return fail(Errc::permission, what + ": others may write to it (chmod go-w it, or name another one)");
  }
  if (::faccessat(fd.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
    return fail_errno(what + ": cannot write to it");
  return {};
}

}  // namespace llp::config
