// SPDX-License-Identifier: BSD-3-Clause
#include "tls/tls_wire.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace llp::tls {

namespace {

using illp::Input;
using illp::InputEvent;

constexpr std::size_t kNameMax = 120;

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE.
int fd_of(BIO* bio) noexcept { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool again(ssize_t n) noexcept {
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

int bio_write(BIO* bio, const char* bytes, int size) noexcept {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (again(n)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* room, int size) noexcept {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(fd_of(bio), room, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (again(n)) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long bio_ctrl(BIO* bio, int command, long /*number*/, void* /*pointer*/) noexcept {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

int bio_create(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

using MethodPtr = std::unique_ptr<BIO_METHOD, Deleter<BIO_meth_free>>;

BIO_METHOD* method() {
  static const MethodPtr made = [] {
    MethodPtr m(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "llp socket"));
    if (m) {
      BIO_meth_set_write(m.get(), bio_write);
      BIO_meth_set_read(m.get(), bio_read);
      BIO_meth_set_ctrl(m.get(), bio_ctrl);
      BIO_meth_set_create(m.get(), bio_create);
    }
    return m;
  }();
  return made.get();
}

}  // namespace

Result<std::unique_ptr<illp::Wire>> TlsWire::make(SslPtr ssl, int fd) {
  BIO* bio = method() != nullptr ? BIO_new(method()) : nullptr;
  if (bio == nullptr) return fail(Errc::system, "TLS: " + openssl_words());
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));  // NOLINT: how a BIO keeps it
  SSL_set_bio(ssl.get(), bio, bio);                                            // which owns it from now on
  return std::make_unique<TlsWire>(std::move(ssl));
}

// What a call that did not succeed says. After anything but Errc::busy nothing
// more may be asked of OpenSSL.
Error TlsWire::failure(int returned, short& waits_for) {
  const int err = errno;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ: waits_for = POLLIN; return {Errc::busy, "TLS: nothing to read", 0};
    case SSL_ERROR_WANT_WRITE: waits_for = POLLOUT; return {Errc::busy, "TLS: no room", 0};
    case SSL_ERROR_ZERO_RETURN: return {Errc::closed, "TLS: the peer has ended its direction", 0};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      ERR_clear_error();
      if (err != 0) return sys_error("TLS", err);
      return {Errc::reset, "TLS: cut off", 0};
    default: break;
  }
  broken_ = true;
  if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return {Errc::reset, "TLS: cut off: it ended without close_notify", 0};
  }
  std::string words = "TLS: " + openssl_words();
  const long verified = SSL_get_verify_result(ssl_.get());
  if (!open_ && verified != X509_V_OK) words += fmt::format(": {}", X509_verify_cert_error_string(verified));
  return {open_ ? Errc::reset : Errc::refused, std::move(words), 0};
}

Result<void> TlsWire::open() {
  if (broken_) return fail(Errc::reset, "TLS: is over");
  ERR_clear_error();
  errno = 0;
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    open_ = true;
    read_waits_ = POLLIN;
    return {};
  }
  Error error = failure(done, read_waits_);
  if (error.code == Errc::closed)
    error = {Errc::reset, "TLS: the peer left before the connection was set up", 0};
  return std::unexpected(std::move(error));
}

Result<InputEvent> TlsWire::receive(std::span<std::uint8_t> buffer) {
  if (broken_ || !open_) return fail(Errc::reset, "TLS: is over");
  ERR_clear_error();
  errno = 0;
  std::size_t size = 0;
  const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
  if (done == 1) {
    read_waits_ = POLLIN;
    return InputEvent{Input::data, size};
  }
  Error error = failure(done, read_waits_);
  if (error.code == Errc::closed) return InputEvent{Input::end, 0};
  return std::unexpected(std::move(error));
}

Result<std::size_t> TlsWire::send(std::span<const std::uint8_t> bytes) {
  if (broken_ || !open_) return fail(Errc::reset, "TLS: is over");
  if (bytes.empty()) return std::size_t{0};
  ERR_clear_error();
  errno = 0;
  std::size_t size = 0;
  const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
  if (done == 1) {
    write_waits_ = POLLOUT;
    return size;
  }
  Error error = failure(done, write_waits_);
  if (error.code == Errc::busy) return std::size_t{0};
  return std::unexpected(std::move(error));
}

// Once: a second call would wait for the peer's close_notify and void what it
// still sends.
Result<void> TlsWire::end() {
  if (broken_ || !open_) return fail(Errc::reset, "TLS: is over");
  ERR_clear_error();
  errno = 0;
  const int done = SSL_shutdown(ssl_.get());
  if (done >= 0) return {};
  return std::unexpected(failure(done, write_waits_));
}

short TlsWire::events(short wanted) const noexcept {
  int events = wanted & ~(POLLIN | POLLOUT);
  if ((wanted & POLLIN) != 0) events |= read_waits_;
  if ((wanted & POLLOUT) != 0) events |= write_waits_;
  return static_cast<short>(events);
}

bool TlsWire::pending() const noexcept { return open_ && !broken_ && SSL_pending(ssl_.get()) > 0; }

std::string TlsWire::peer_name() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  const BioPtr bio(BIO_new(BIO_s_mem()));
  // RFC 2253 escapes control characters, so that nobody writes lines into logs.
  if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0)
    return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  std::string name(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  if (name.size() > kNameMax) name.resize(kNameMax);
  return name;
}

}  // namespace llp::tls
