// SPDX-License-Identifier: BSD-3-Clause
#include "tls/peer.hpp"

#include <openssl/err.h>

#include <array>
#include <csignal>

#include "illp/support.hpp"

namespace llp::tls::test {

Peer::Peer(UniqueFd fd, bool server, const PeerOptions& options)
    : fd_(std::move(fd)), context_(SSL_CTX_new(TLS_method())) {
  // OpenSSL's own socket functions raise it.
  (void)std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
  if (options.own != nullptr) {
    SSL_CTX_use_certificate(context_.get(), options.own->certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), options.own->key.get());
  }
  if (options.ask_client) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), options.authority->certificate.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_fd(ssl_.get(), fd_.get());
  server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
}

bool Peer::send(std::string_view data) {
  std::size_t size = 0;
  while (!data.empty()) {
    if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &size) != 1) return false;
    data.remove_prefix(size);
  }
  return true;
}

Peer::Read Peer::read_all() {
  Read read;
  std::array<char, 65536> room{};
  ERR_clear_error();
  for (;;) {
    std::size_t size = 0;
    const int done = SSL_read_ex(ssl_.get(), room.data(), room.size(), &size);
    if (done == 1) {
      read.data.append(room.data(), size);
      continue;
    }
    read.ended = SSL_get_error(ssl_.get(), done) == SSL_ERROR_ZERO_RETURN;
    if (!read.ended) read.words = openssl_words();
    return read;
  }
}

void Peer::reset() { illp::test::raw_reset(fd_); }

}  // namespace llp::tls::test
