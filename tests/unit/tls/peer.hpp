// SPDX-License-Identifier: BSD-3-Clause
// The other end of a TLS connection: OpenSSL on a blocking socket, so that
// nothing under test is tested by itself.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "tls/certificates.hpp"

namespace llp::tls::test {

struct PeerOptions {
  const Identity* own = nullptr;
  int max_version = 0;  // 0: whatever there is
  bool ask_client = false;
  const Identity* authority = nullptr;  // for ask_client
};

class Peer {
 public:
  Peer(UniqueFd fd, bool server, const PeerOptions& options);

  // The handshake as this end sees it.
  bool open() { return SSL_do_handshake(ssl_.get()) == 1; }
  bool send(std::string_view data);
  // close_notify, and no more.
  void finish() { (void)SSL_shutdown(ssl_.get()); }

  struct Read {
    std::string data;
    bool ended = false;  // by close_notify; else it was cut
    std::string words;   // why
  };
  [[nodiscard]] Read read_all();
  [[nodiscard]] int fd() const { return fd_.get(); }
  void drop() { fd_.reset(); }
  void reset();

 private:
  UniqueFd fd_;
  std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>> context_;
  SslPtr ssl_;
};

}  // namespace llp::tls::test
