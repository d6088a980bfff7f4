// SPDX-License-Identifier: BSD-3-Clause
#include "tls/pem.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/fd.hpp"

namespace llp::tls {

namespace {

constexpr std::size_t kFileMax = std::size_t{1} << 20;

// The bytes of a file, wiped when they go: a key may be among them.
class Text {
 public:
  Text() = default;
  Text(Text&&) noexcept = default;
  Text& operator=(Text&&) noexcept = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  [[nodiscard]] Result<void> read(int fd, const std::string& path) {
    bytes_.resize(kFileMax + 1);  // at once: growing would leave copies behind
    std::size_t size = 0;
    while (size < bytes_.size()) {
      const ssize_t n = ::read(fd, bytes_.data() + size, bytes_.size() - size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(path);
      if (n == 0) break;
      size += static_cast<std::size_t>(n);
    }
    if (size > kFileMax)
      return fail(Errc::too_large, fmt::format("{}: has more than {} bytes", path, kFileMax));
    size_ = size;
    return {};
  }
  [[nodiscard]] BioPtr bio() const { return BioPtr(BIO_new_mem_buf(bytes_.data(), static_cast<int>(size_))); }

 private:
  std::vector<char> bytes_;
  std::size_t size_ = 0;
};

Result<UniqueFd> open_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno(path);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, path + ": is not a plain file");
  return fd;
}

Result<Text> read_text(const std::string& path) {
  const auto fd = open_file(path);
  if (!fd) return std::unexpected(fd.error());
  Text text;
  if (auto done = text.read(fd->get(), path); !done) return std::unexpected(std::move(done.error()));
  return text;
}

// True if the queue says only that there is no further object.
bool at_end() {
  const unsigned long error = ERR_peek_last_error();
  // The second is how a search for a key says it.
  const bool end = (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) ||
                   (ERR_GET_LIB(error) == ERR_LIB_OSSL_DECODER && ERR_GET_REASON(error) == ERR_R_UNSUPPORTED);
  if (end) ERR_clear_error();
  return end;
}

// Every object of one kind in a file.
template <class Pointer, class Read>
Result<std::vector<Pointer>> read_all(const std::string& path, const char* what, Read read) {
  const auto text = read_text(path);
  if (!text) return std::unexpected(text.error());
  const BioPtr bio = text->bio();
  std::vector<Pointer> all;
  ERR_clear_error();
  while (Pointer object{read(bio.get(), nullptr, nullptr, nullptr)}) all.push_back(std::move(object));
  if (!at_end()) return fail(Errc::malformed, fmt::format("{}: {}", path, openssl_words()));
  if (all.empty()) return fail(Errc::malformed, fmt::format("{}: has no {} in it (PEM)", path, what));
  return all;
}

// Nobody can be asked for it.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

std::string openssl_words() {
  std::string words;
  while (const unsigned long error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    words = reason != nullptr ? reason : fmt::format("error {:x}", error);
  }
  return words.empty() ? "unknown error of OpenSSL" : words;
}

Result<std::vector<X509Ptr>> read_certificates(const std::string& path) {
  return read_all<X509Ptr>(path, "certificate", PEM_read_bio_X509);
}

Result<std::vector<CrlPtr>> read_revocations(const std::string& path) {
  return read_all<CrlPtr>(path, "list of revoked certificates", PEM_read_bio_X509_CRL);
}

Result<KeyPtr> read_key(const std::string& path) {
  const auto fd = open_file(path);
  if (!fd) return std::unexpected(fd.error());
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0) return fail_errno(path);
  // Its owner, and a group that reads: root:llp 0640 is how a package has it.
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return fail(
        Errc::permission,
        fmt::format("{}: mode {:04o} lets others at the private key; chmod 0640 and a group of llpd's "
                    "alone, or 0600, is right",
                    path, status.st_mode & 07777U));
  }
  Text text;
  if (auto done = text.read(fd->get(), path); !done) return std::unexpected(std::move(done.error()));
  ERR_clear_error();
  bool encrypted = false;
  KeyPtr key(PEM_read_bio_PrivateKey(text.bio().get(), nullptr, no_passphrase, &encrypted));
  if (key) return key;
  if (encrypted) {
    ERR_clear_error();
    return fail(Errc::invalid,
                path + ": the private key is encrypted, and there is nobody to ask for its words");
  }
  if (at_end()) return fail(Errc::malformed, path + ": has no private key in it (PEM)");
  return fail(Errc::malformed, fmt::format("{}: {}", path, openssl_words()));
}

}  // namespace llp::tls
